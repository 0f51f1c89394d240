use asynctools::parallel;

#[parallel]
fn f<'a, T>(text: &'a str, t: T) -> usize
where
    T: PartialEq<&'a str> + Send + 'static, //~ ERROR
{
    usize::from(t == text)
}

fn main() {}
