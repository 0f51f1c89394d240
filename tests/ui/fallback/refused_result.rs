use asynctools::{AsyncValue, parallel};

#[parallel]
fn trim(text: &str) -> &str { //~ ERROR
    text.trim()
}

fn main() {
    let handle: AsyncValue<_> = trim(&String::from(" x "));
    assert_eq!(handle.get().len(), 1);
}
