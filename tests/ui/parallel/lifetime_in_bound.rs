use asynctools::parallel;

#[parallel]
fn f<'a, T: From<&'a str> + Send + 'static>(text: &'a str) -> T { //~ ERROR
    T::from(text)
}

fn main() {}
