use asynctools::celery;

#[derive(serde::Serialize, serde::Deserialize)]
struct Broken;

#[celery]
fn read() -> Result<String, Broken> {
    Err(Broken)
}

fn main() {}
