use asynctools::celery;

#[celery(retry_on = is_temporary)]
fn ping() -> Result<u8, String> {
    Ok(1)
}

fn is_temporary(_: &String) -> bool {
    true
}

fn main() {}
