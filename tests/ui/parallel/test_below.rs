use asynctools::parallel;

#[parallel]
#[test] //~ ERROR
fn adds() {
    assert_eq!(1 + 1, 2);
}

fn main() {}
