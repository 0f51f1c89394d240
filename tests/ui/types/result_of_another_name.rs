use asynctools::pooled;

type Fetched<T> = Result<T, String>;

#[pooled]
fn load() -> Fetched<u64> {
    Ok(1)
}

#[pooled]
fn double(n: u64) -> Fetched<u64> {
    Ok(2 * n)
}

fn main() {
    double(load()).detach(); //~ ERROR
}
