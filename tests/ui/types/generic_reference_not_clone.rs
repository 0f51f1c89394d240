use asynctools::parallel;

struct Conn;

#[parallel]
fn f<T: Send + 'static>(first: &T, _n: u8) -> usize {
    size_of_val(first)
}

fn main() {
    f(&Conn, 1).detach(); //~ ERROR
}
