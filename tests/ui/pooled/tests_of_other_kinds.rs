use asynctools::pooled;

#[pooled]
#[bench] //~ ERROR
fn adds() {
    assert_eq!(1 + 1, 2);
}

#[pooled]
#[rstest::rstest] //~ ERROR
fn adds_more() {
    assert_eq!(2 + 2, 4);
}

fn main() {}
