use asynctools::parallel;

#[parallel]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[parallel]
fn text() -> String {
    String::new()
}

fn main() {
    add(1, text()).detach(); //~ ERROR
}
