use asynctools::parallel;

struct Client<T>(T);

impl<T: Send + 'static> Client<T> {
    #[parallel]
    fn f(t: T) -> T { //~ ERROR
        t
    }
}

fn main() {}
