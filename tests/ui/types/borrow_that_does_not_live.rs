use asynctools::parallel;

#[parallel]
fn keep(text: &'static str) -> usize {
    text.len()
}

fn main() {
    let handle = {
        let text = String::from("x");
        keep(text.as_str()) //~ ERROR
    };
    drop(handle);
}
