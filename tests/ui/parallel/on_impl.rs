use asynctools::parallel;

#[parallel]
impl Page { //~ ERROR
    fn f(self) {}
}

struct Page;

fn main() {}
