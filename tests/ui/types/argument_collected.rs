use asynctools::parallel;

#[parallel]
fn sum(numbers: Vec<i64>) -> i64 {
    numbers.iter().sum()
}

fn main() {
    sum((0..3).collect()).detach(); //~ ERROR
}
