use asynctools::pooled;

#[pooled]
fn load(n: u32) -> u32 {
    n
}

#[pooled]
fn sum(numbers: &[u32]) -> u32 {
    numbers.iter().sum()
}

fn main() {
    sum((0..3).map(load).collect::<Vec<_>>()).detach(); //~ ERROR
}
