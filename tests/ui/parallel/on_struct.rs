use asynctools::parallel;

#[parallel]
struct Page { //~ ERROR
    text: String,
}

fn main() {}
