//! An entry of the messages in work: kombu's form of a message that a worker has taken and not acknowledged.

use serde_json::value::RawValue;

use crate::wire::envelope::Envelope;

/// Reads an entry: `[message, exchange, routing_key]`.
pub(crate) fn parse(entry: &[u8]) -> Option<(Envelope<'_>, String, String)> {
    let (message, exchange, key): (&RawValue, Option<String>, String) = serde_json::from_slice(entry).ok()?;
    Some((Envelope::read(message.get().as_bytes()).ok()?, exchange.unwrap_or_default(), key))
}

/// Returns the id of the call of an entry.
pub(crate) fn id(entry: &[u8]) -> Option<String> {
    parse(entry)?.0.text("id").map(str::to_owned)
}
