use asynctools::parallel;

struct Client;

impl Client {
    #[parallel(sync = open_now)] //~ ERROR
    fn open() -> Client {
        Client
    }
}

fn main() {}
