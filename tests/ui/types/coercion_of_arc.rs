use std::sync::Arc;

use asynctools::parallel;

trait Probe: Send + Sync {}

struct Ping;

impl Probe for Ping {}

#[parallel]
fn ask(probe: Arc<dyn Probe>) {
    drop(probe);
}

fn main() {
    ask(Arc::new(Ping)).detach(); //~ ERROR
}
