//! The thread that hears of results.

use std::thread;
use std::time::Duration;

use crate::broker::connection::BrokerError;
use crate::broker::connection::Heard;
use crate::broker::connection::Next;
use crate::client::shared::Client;
use crate::store;

/// After a silence of this length a waiting client asks whether the server is still there.
const SILENCE: Duration = Duration::from_secs(30);

/// The shortest and the longest wait between two attempts to listen.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Listens until the client is closed and nothing waits.
pub(crate) fn run(client: &Client) {
    let mut wait = WAITS.0;
    while !client.pending.is_over() {
        let mut begun = false;
        if let Err(error) = listen(client, &mut begun) {
            client.listening(Err(error));
        }
        wait = if begun { WAITS.0 } else { (wait * 2).min(WAITS.1) };
        thread::sleep(wait);
    }
}

fn listen(client: &Client, begun: &mut bool) -> Result<(), BrokerError> {
    let told = || {
        *begun = true;
        client.listening(Ok(()));
        client.pending.sweep_now();
    };
    let pattern = format!("{}{}*", literal(&client.keys.results), client.ids.prefix);
    client.backend.open()?.listen(&pattern, SILENCE, told, |heard| match heard {
        Heard::Message { channel, payload } => {
            hear(client, channel, payload);
            if client.pending.is_over() { Next::End } else { Next::Listen }
        }
        Heard::Silence if client.pending.is_over() => Next::End,
        Heard::Silence if client.pending.is_empty() => Next::Listen,
        Heard::Silence => Next::Ask,
    })
}

/// Returns the pattern of this text alone: a prefix of the fleet may have marks of patterns.
fn literal(text: &str) -> String {
    text.chars()
        .flat_map(|mark| matches!(mark, '*' | '?' | '[' | ']' | '\\' | '^').then_some('\\').into_iter().chain([mark]))
        .collect()
}

fn hear(client: &Client, channel: &str, payload: &[u8]) {
    let Some(id) = channel.strip_prefix(&client.keys.results) else { return };
    let Some(number) = client.ids.number(id) else { return };
    if let Some(answer) = store::read(id, payload) {
        client.pending.end(number, answer, true);
    }
}
