use asynctools::parallel;

#[parallel]
trait Fetch { //~ ERROR
    fn f(self);
}

fn main() {}
