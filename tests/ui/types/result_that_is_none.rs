use asynctools::parallel;

struct Result<T>(T);

#[parallel]
fn f(n: u8) -> Result<u8> { //~ ERROR
    Result(n)
}

fn main() {}
