//! The life of a value.

use asynctools::Pool;

use crate::helpers::watched;

#[test]
fn smoke() {
    watched(|| assert_eq!(Pool::new(1).spawn(|| 1).get(), 1));
}
