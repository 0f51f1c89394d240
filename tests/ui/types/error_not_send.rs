use asynctools::parallel;

#[parallel]
fn f<E: 'static>(n: u8, e: impl Fn() -> E + Send + 'static) -> Result<u8, E> { //~ ERROR
    if n > 9 { Err(e()) } else { Ok(n) }
}

fn main() {}
