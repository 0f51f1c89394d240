use asynctools::parallel;

#[derive(Clone)]
struct Client<T>(T);

impl<T: Send + 'static> Client<T> {
    #[parallel]
    fn f(&self, n: u8) -> u8 { //~ ERROR
        n
    }
}

fn main() {}
