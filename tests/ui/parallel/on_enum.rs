use asynctools::parallel;

#[parallel]
enum Page { //~ ERROR
    Missing,
}

fn main() {}
