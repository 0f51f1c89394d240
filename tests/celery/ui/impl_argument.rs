use asynctools::celery;

#[celery]
fn show(what: impl std::fmt::Display) -> String {
    what.to_string()
}

fn main() {}
