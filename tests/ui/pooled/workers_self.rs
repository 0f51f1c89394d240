use asynctools::pooled;

#[derive(Clone)]
struct Client {
    connections: usize,
}

impl Client {
    #[pooled(workers = self.connections)] //~ ERROR
    fn fetch(&self) -> usize {
        self.connections
    }
}

fn main() {}
