use asynctools::parallel;

#[derive(Clone)]
pub struct Parser<'p>(&'p str);

impl<'p> Parser<'p> {
    #[parallel]
    pub fn len(text: &'p str) -> usize { //~ ERROR
        text.len()
    }

    #[parallel]
    pub fn total(self: Box<Self>, list: &'p [u8], other: &str) -> usize { //~ ERROR
        list.len() + other.len()
    }

    #[parallel]
    pub fn count(text: std::borrow::Cow<'p, str>, n: u8) -> usize { //~ ERROR
        text.len() + usize::from(n)
    }

    #[parallel]
    pub fn first(n: u8) -> Option<&'p str> { //~ ERROR
        (n > 9).then_some("")
    }

    #[parallel]
    pub fn depth(&'p self) -> usize { //~ ERROR
        self.0.len()
    }
}

#[parallel]
fn free(text: &'t str, own: &'_ str) -> usize { //~ ERROR
    text.len() + own.len()
}

fn main() {
    free("a", Parser::len("a").get().to_string()).detach();
}
