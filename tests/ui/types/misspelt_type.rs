use asynctools::pooled;

pub struct Page;

#[pooled]
pub fn f(page: Pgae, _n: u8) -> u8 { //~ ERROR
    let _ = page;
    1
}

#[pooled]
pub fn g(page: Page) -> Pgae { //~ ERROR
    page
}

fn main() {}
