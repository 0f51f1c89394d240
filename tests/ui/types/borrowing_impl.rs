use asynctools::parallel;

struct Client<'a>(&'a str);

impl<'a> Client<'a> {
    #[parallel]
    fn f(self, n: u8) -> usize { //~ ERROR
        self.0.len() + usize::from(n)
    }
}

fn main() {}
