use std::sync::{Mutex, MutexGuard};

use asynctools::parallel;

static COUNT: Mutex<u8> = Mutex::new(0);

#[parallel]
fn add(mut count: MutexGuard<u8>) { //~ ERROR
    *count += 1;
}

#[parallel]
fn locked() -> MutexGuard<u8> { //~ ERROR
    COUNT.lock().unwrap()
}

fn main() {
    add(COUNT.lock().unwrap()).get();
}
