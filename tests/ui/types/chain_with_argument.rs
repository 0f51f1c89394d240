use asynctools::pooled;

#[pooled]
fn load(n: u32) -> u32 {
    n
}

fn main() {
    load(1).chain(|n| n + 1).detach(); //~ ERROR
}
