//! What handles and errors weigh.

use std::mem::size_of;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Promise;
use asynctools::Shared;
use asynctools::TaskError;

#[test]
fn a_handle_is_two_words() {
    assert_eq!(size_of::<AsyncValue<u8>>(), 16);
    assert_eq!(size_of::<AsyncValue<[u64; 100]>>(), 16);
    assert!(size_of::<Shared<String>>() <= 16);
    assert!(size_of::<Promise<String>>() <= 16);
    assert!(size_of::<AsyncList<String>>() <= 32);
}

#[test]
fn an_error_is_two_words() {
    assert!(size_of::<TaskError>() <= 16);
    assert!(size_of::<Result<u64, TaskError>>() <= 16);
}
