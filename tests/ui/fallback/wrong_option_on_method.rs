use asynctools::{AsyncValue, pooled};

#[derive(Clone)]
struct Client;

impl Client {
    #[pooled(workers = "5")] //~ ERROR
    fn double(&self, n: usize) -> usize {
        2 * n
    }
}

fn main() {
    let handle: AsyncValue<usize> = Client.double(Client.double(1));
    let n: usize = handle.get();
    assert_eq!(n, 4);
}
