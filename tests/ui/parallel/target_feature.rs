use asynctools::parallel;

#[parallel]
#[target_feature(enable = "avx2")] //~ ERROR
fn sum(numbers: &[u8]) -> u8 {
    numbers.iter().sum()
}

fn main() {
    sum(&[1, 2]).get();
}
