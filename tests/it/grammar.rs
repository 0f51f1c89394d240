//! Every signature that the attributes accept, called, and its result looked at.

#![expect(
    clippy::allow_attributes,
    clippy::boxed_local,
    clippy::identity_op,
    clippy::multiple_bound_locations,
    clippy::needless_arbitrary_self_type,
    clippy::needless_borrows_for_generic_args,
    clippy::ptr_arg,
    clippy::redundant_closure_for_method_calls,
    clippy::too_many_arguments,
    clippy::toplevel_ref_arg,
    reason = "these are forms that the attributes accept, not forms to recommend"
)]

mod results;
mod values;
mod references;
mod as_they_are;
mod generics;
mod conditional;
mod receivers;
mod self_words;
mod errors;
mod options;
mod shapes;

#[derive(Clone, Debug, PartialEq)]
struct Config {
    depth: usize,
}

struct NotClone(usize);

#[derive(Clone, Debug, PartialEq)]
struct Low(u8);

#[derive(Debug, PartialEq)]
struct High(u8);

impl From<Low> for High {
    fn from(Low(n): Low) -> High {
        High(n + 100)
    }
}
