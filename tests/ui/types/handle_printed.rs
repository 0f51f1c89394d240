use asynctools::pooled;

#[pooled]
fn load(n: u32) -> u32 {
    n
}

fn main() {
    println!("{}", load(1)); //~ ERROR
}
