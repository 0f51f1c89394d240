use asynctools::{Pool, pooled};

#[pooled(pool = Pool::new(3))] //~ ERROR
fn made() {}

fn make() -> Pool {
    Pool::new(3)
}

#[pooled(pool = make())] //~ ERROR
fn by_a_function() {}

#[pooled(pool = Pool::builder().workers(3).build().unwrap())] //~ ERROR
fn built() {}

#[pooled(pool = &make())] //~ ERROR
fn borrowed() {}

fn main() {}
