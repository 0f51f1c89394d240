use asynctools::pooled;

#[pooled]
fn load(n: u32) -> u32 {
    n
}

fn main() {
    let _is_one = load(1) == 1; //~ ERROR
}
