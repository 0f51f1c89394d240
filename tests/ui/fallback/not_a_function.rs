use asynctools::parallel;

#[parallel]
struct Page { //~ ERROR
    text: String,
}

fn main() {
    let page = Page { text: String::new() };
    assert_eq!(page.text, "");
}
