use std::sync::Arc;

use asynctools::{Pool, pooled};

#[derive(Clone)]
struct Client {
    pool: Arc<Pool>,
}

#[pooled(pool = &*client.pool)] //~ ERROR
fn f(client: &Client, n: u8) -> u8 {
    n + u8::try_from(client.pool.workers()).unwrap()
}

fn main() {
    let client = Client { pool: Arc::new(Pool::new(1)) };
    f(&client, 1).get();
}
