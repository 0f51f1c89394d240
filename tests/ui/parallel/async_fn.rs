use asynctools::parallel;

#[parallel]
async fn f(n: u8) -> u8 { //~ ERROR
    n
}

fn main() {}
