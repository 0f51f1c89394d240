use asynctools::parallel;

#[parallel]
mod pages { //~ ERROR
    fn f() {}
}

fn main() {}
