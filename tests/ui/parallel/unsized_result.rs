use asynctools::parallel;

pub trait Show {
    fn show(&self) -> usize;
}

#[parallel]
fn a_text(text: &str) -> str { //~ ERROR
    *text
}

#[parallel]
fn a_slice(list: Vec<u8>) -> [u8] { //~ ERROR
    *list
}

#[parallel]
fn an_object(shown: Box<dyn Show + Send>) -> dyn Show { //~ ERROR
    *shown
}

fn main() {
    a_slice(a_text("a").get().into_bytes()).detach();
}
