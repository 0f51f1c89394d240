use asynctools::parallel;

pub trait Show {
    fn show(&self) -> usize;
}

#[parallel]
fn of_a_text(text: str) -> usize { //~ ERROR
    text.len()
}

#[parallel]
fn of_a_slice(list: [u8], n: usize) -> usize { //~ ERROR
    list.len() + n
}

#[parallel]
fn of_an_object(shown: dyn Show) -> usize { //~ ERROR
    shown.show()
}

#[parallel]
fn of_a_sendable_object(shown: (dyn Show + Send)) -> usize { //~ ERROR
    shown.show()
}

#[parallel]
fn of_an_error(error: dyn std::error::Error) -> String { //~ ERROR
    error.to_string()
}

fn main() {
    of_a_slice(vec![1], of_a_text("a")).detach();
}
