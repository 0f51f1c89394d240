use asynctools::parallel;

#[parallel]
fn f<T: ToString>(t: T) -> String { //~ ERROR
    t.to_string()
}

fn main() {}
