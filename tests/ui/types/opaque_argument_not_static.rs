use asynctools::parallel;

#[parallel]
fn f(t: impl ToString + Send) -> String { //~ ERROR
    t.to_string()
}

fn main() {}
