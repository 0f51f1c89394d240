//! A tag goes with each call, for those who watch calls. Without a feature that watches, a tag is nothing.

// Ground floor first: each room imports from those above it in this list only.
#[cfg(not(feature = "hooks"))]
pub(crate) mod nobody;
#[cfg(feature = "hooks")]
pub(crate) mod client;
#[cfg(feature = "hooks")]
pub(crate) mod around;
#[cfg(feature = "hooks")]
pub(crate) mod inside;
#[cfg(any(feature = "metrics", feature = "trace"))]
pub(crate) mod ending;
#[cfg(feature = "tracing")]
pub(crate) mod spans;
#[cfg(feature = "metrics")]
pub(crate) mod meters;
#[cfg(feature = "trace")]
pub(crate) mod record;
#[cfg(feature = "hooks")]
pub(crate) mod seen;

#[cfg(feature = "hooks")]
pub(crate) use crate::tag::around::Around;
#[cfg(feature = "hooks")]
pub(crate) use crate::tag::around::Home;
#[cfg(not(feature = "hooks"))]
pub(crate) use crate::tag::nobody::Around;
#[cfg(not(feature = "hooks"))]
pub(crate) use crate::tag::nobody::Home;
#[cfg(not(feature = "hooks"))]
pub(crate) use crate::tag::nobody::Tag;
#[cfg(not(feature = "hooks"))]
pub(crate) use crate::tag::nobody::Taken;
#[cfg(not(feature = "hooks"))]
pub(crate) use crate::tag::nobody::unwatched_end;
#[cfg(not(feature = "hooks"))]
pub(crate) use crate::tag::nobody::wants_sources;
#[cfg(feature = "hooks")]
pub(crate) use crate::tag::seen::Live;
#[cfg(feature = "hooks")]
pub(crate) use crate::tag::seen::Sources;
#[cfg(feature = "hooks")]
pub(crate) use crate::tag::seen::Tag;
#[cfg(feature = "hooks")]
pub(crate) use crate::tag::seen::Taken;
#[cfg(feature = "hooks")]
pub(crate) use crate::tag::seen::run_silent;
#[cfg(feature = "hooks")]
pub(crate) use crate::tag::seen::unwatched_end;
#[cfg(feature = "hooks")]
pub(crate) use crate::tag::seen::wants_sources;

/// A user's values, to be dropped by themselves when nothing waits for the drops.
pub(crate) type Dropped = Vec<Box<dyn Send>>;
