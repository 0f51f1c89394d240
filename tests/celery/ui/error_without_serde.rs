use asynctools::celery;

#[celery]
fn read() -> std::io::Result<String> {
    Ok(String::new())
}

fn main() {}
