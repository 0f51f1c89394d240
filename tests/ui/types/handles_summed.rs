use asynctools::pooled;

#[pooled]
fn load(n: u32) -> u32 {
    n
}

fn main() {
    let _n: u32 = (0..3).map(load).sum(); //~ ERROR
}
