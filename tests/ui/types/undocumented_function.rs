#![deny(missing_docs)]
//! A crate.

use asynctools::parallel;

#[parallel]
pub fn f(n: u8) -> u8 { //~ ERROR
    n
}

#[parallel(sync = g_now)]
pub fn g(n: u8) -> u8 { //~ ERROR
    n
}

/// Has methods.
#[derive(Clone)]
pub struct Client;

impl Client {
    #[parallel(sync = h_now)]
    pub fn h(&self, n: u8) -> u8 { //~ ERROR
        n
    }
}

fn main() {}
