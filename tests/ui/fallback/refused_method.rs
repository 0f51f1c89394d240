use asynctools::{AsyncValue, parallel};

struct Client;

impl Client {
    #[parallel]
    fn count(&mut self, n: usize) -> usize { //~ ERROR
        n
    }

    fn caller(&mut self) -> AsyncValue<usize> {
        let n: usize = self.count(1).get();
        self.count(n)
    }
}

fn main() {
    Client.caller().detach();
}
