//! A connection to a server. Every wait in this room has an end.

use std::fmt;
use std::time::Duration;

use redis::Value;

/// How long the server may take for an answer, besides the waiting time asked for by a command.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

/// A command refused by the broker.
#[derive(Clone, Debug)]
pub(crate) enum BrokerError {
    /// The connection is of no more use.
    Gone(String),
    /// The server answered, and refused the command.
    Refused(String),
}

/// The codes of refusals for the state of the server, or of the connection.
const OF_THE_SERVER: [&str; 4] = ["LOADING", "READONLY", "MASTERDOWN", "NOSCRIPT"];

/// The codes of other refusals that pass by themselves, or when somebody has mended the server.
const PASSING: [&str; 9] =
    ["OOM", "MISCONF", "NOREPLICAS", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "NOAUTH", "NOPERM", "WRONGPASS"];

impl BrokerError {
    /// Says whether the state of the server, or of the connection, is the reason, so that a new connection may do better.
    pub(crate) fn is_of_the_server(&self) -> bool {
        match self {
            Self::Gone(_) => true,
            Self::Refused(why) => OF_THE_SERVER.contains(&why.split(' ').next().unwrap_or_default()),
        }
    }

    /// Says whether the server refuses these commands for what they are, so that it refuses them at any other time too.
    pub(crate) fn is_of_the_commands(&self) -> bool {
        // An older server tells of a refusal within a script by `ERR`, and the code comes later.
        let passes =
            |word: &str| OF_THE_SERVER.iter().chain(&PASSING).any(|code| *code == word.trim_start_matches('-'));
        matches!(self, Self::Refused(why) if !why.split([' ', ':']).any(passes))
    }
}

impl fmt::Display for BrokerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(why) => write!(f, "the broker cannot be reached: {why}"),
            Self::Refused(why) => write!(f, "the broker refused: {why}"),
        }
    }
}

impl From<redis::RedisError> for BrokerError {
    fn from(error: redis::RedisError) -> Self {
        Self::Gone(error.to_string())
    }
}

/// Commands sent to the server together.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    bytes: Vec<u8>,
    count: usize,
}

impl Commands {
    pub(crate) fn add(&mut self, parts: &[&[u8]]) {
        self.begin(parts.len());
        for part in parts {
            self.part(part);
        }
    }

    /// Begins a command with this number of parts. [`part`](Self::part) adds each of them.
    pub(crate) fn begin(&mut self, parts: usize) {
        self.bytes.extend_from_slice(format!("*{parts}\r\n").as_bytes());
        self.count += 1;
    }

    pub(crate) fn part(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        self.bytes.extend_from_slice(part);
        self.bytes.extend_from_slice(b"\r\n");
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// The answer to one command.
pub(crate) type Reply = Result<Value, BrokerError>;

/// A connection, which is to be dropped after an error that says `Gone`.
pub(crate) struct Connection {
    redis: redis::Connection,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    pub(crate) fn new(redis: redis::Connection) -> Result<Self, BrokerError> {
        redis.set_read_timeout(Some(ANSWER))?;
        redis.set_write_timeout(Some(ANSWER))?;
        Ok(Self { redis })
    }

    /// Sends one command, for which the server may wait so long, and blocks until its answer.
    pub(crate) fn wait_for(&mut self, duration: Duration, parts: &[&[u8]]) -> Reply {
        self.redis.set_read_timeout(Some(duration + ANSWER))?;
        let answer = self.call(parts)?;
        self.redis.set_read_timeout(Some(ANSWER))?;
        Ok(answer)
    }

    /// Sends the commands. [`receive`](Self::receive) has the answers, one after the other.
    pub(crate) fn tell(&mut self, commands: &Commands) -> Result<(), BrokerError> {
        Ok(self.redis.send_packed_command(&commands.bytes)?)
    }

    /// Sends the commands and blocks until each has its answer.
    pub(crate) fn send(&mut self, commands: &Commands) -> Result<Vec<Reply>, BrokerError> {
        self.tell(commands)?;
        (0..commands.count).map(|_| self.receive()).collect()
    }

    /// Blocks until the next answer.
    pub(crate) fn receive(&mut self) -> Result<Reply, BrokerError> {
        Ok(match self.redis.recv_response()? {
            Value::ServerError(error) => {
                Err(BrokerError::Refused(format!("{} {}", error.code(), error.details().unwrap_or_default())))
            }
            value => Ok(value),
        })
    }

    /// Sends one command and blocks until its answer.
    pub(crate) fn call(&mut self, parts: &[&[u8]]) -> Reply {
        let mut commands = Commands::default();
        commands.add(parts);
        self.send(&commands)?.pop().expect("a command has an answer")
    }

    /// Puts a script into the server, which answers with the name by which it can be called.
    pub(crate) fn load(&mut self, script: &str) -> Result<Vec<u8>, BrokerError> {
        match self.call(&[b"SCRIPT", b"LOAD", script.as_bytes()])? {
            Value::BulkString(name) => Ok(name),
            other => Err(BrokerError::Refused(format!("SCRIPT LOAD answered {other:?}"))),
        }
    }
}

/// Something heard on a channel, or nothing for a while.
pub(crate) enum Heard<'a> {
    Message { channel: &'a str, payload: &'a [u8] },
    Silence,
}

/// The next step of a listener.
pub(crate) enum Next {
    Listen,
    /// Asks the server for a sign of life, then goes on.
    Ask,
    End,
}

impl Connection {
    /// Listens to a channel, or to the channels of a pattern with a `*`, until `heard` has heard enough. `begun` is
    /// called once the server will pass messages on.
    pub(crate) fn listen(
        mut self,
        channel: &str,
        silence: Duration,
        begun: impl FnOnce(),
        mut heard: impl FnMut(Heard<'_>) -> Next,
    ) -> Result<(), BrokerError> {
        let mut channels = self.redis.as_pubsub();
        if channel.ends_with('*') {
            channels.psubscribe(channel)?;
        } else {
            channels.subscribe(channel)?;
        }
        channels.set_read_timeout(Some(silence))?;
        begun();
        loop {
            let next = match channels.get_message() {
                Ok(message) => {
                    heard(Heard::Message { channel: message.get_channel_name(), payload: message.get_payload_bytes() })
                }
                Err(error) if error.is_timeout() => heard(Heard::Silence),
                Err(error) => return Err(error.into()),
            };
            match next {
                Next::Listen => {}
                Next::Ask => {
                    channels.ping::<redis::Value>()?;
                }
                Next::End => return Ok(()),
            }
        }
    }
}

/// Returns the bytes of an answer that is a text.
pub(crate) fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

/// Returns the elements of an answer that is a list; none for any other.
pub(crate) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::broker::connection::BrokerError;

    #[test]
    fn a_refusal_is_of_the_server_or_of_the_commands() {
        let is_of_the_commands = |why: &str| BrokerError::Refused(why.to_owned()).is_of_the_commands();
        assert!(is_of_the_commands("ERR Protocol error: invalid bulk length"));
        for passing in [
            "OOM command not allowed when used memory > 'maxmemory'.",
            "ERR Error running script (call to f_1): @user_script:9: @user_script: 9: -OOM command not allowed",
            "NOPERM this user has no permissions to run the 'evalsha' command",
        ] {
            assert!(!is_of_the_commands(passing), "{passing}");
        }
        assert!(!BrokerError::Gone("broken pipe".to_owned()).is_of_the_commands());
    }
}
