use asynctools::parallel;

#[parallel]
fn f(t: impl ToString) -> String { //~ ERROR
    t.to_string()
}

fn main() {}
