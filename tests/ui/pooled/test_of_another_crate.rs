use asynctools::pooled;

#[pooled(workers = 2)]
#[tokio::test(flavor = "multi_thread")] //~ ERROR
fn adds() {
    assert_eq!(1 + 1, 2);
}

fn main() {}
