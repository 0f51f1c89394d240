//! A worker's connection: the scripts by their names, with their arguments.

use std::collections::BTreeSet;
use std::sync::Arc;

use redis::Value;

use crate::broker::address::Address;
use crate::broker::connection::BrokerError;
use crate::broker::connection::Commands;
use crate::broker::connection::Connection;
use crate::broker::connection::Reply;
use crate::broker::connection::bytes;
use crate::broker::connection::list;
use crate::broker::keys;
use crate::broker::keys::Keys;
use crate::broker::scripts;
use crate::worker::entry;

/// How a message ends.
#[derive(Debug, Default)]
pub(crate) struct Finish {
    pub(crate) tag: String,
    /// The id and the text of a result, and its life in seconds.
    pub(crate) result: Option<(String, Vec<u8>, u64)>,
    /// A message, to be put into a list.
    pub(crate) push: Option<(String, Vec<u8>)>,
    /// A key that says that it was put there, where the message was acknowledged before.
    pub(crate) mark: String,
}

/// A message from a list.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) list: String,
    pub(crate) message: Vec<u8>,
    /// Whether calls were revoked lately, so that this one is looked up.
    pub(crate) after_revocation: bool,
}

/// A script, and its name in the server after the first use of a connection.
#[derive(Debug)]
struct Script {
    text: &'static str,
    name: Option<Vec<u8>>,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, name: None }
    }

    /// Puts the script into the server of the connection, once.
    fn load(&mut self, connection: &mut Connection) -> Result<(), BrokerError> {
        if self.name.is_none() {
            self.name = Some(connection.load(self.text)?);
        }
        Ok(())
    }

    /// Returns the name of a script that was loaded.
    fn name(&self) -> &[u8] {
        self.name.as_deref().expect("the script was loaded")
    }
}

/// A connection to the broker, and a second connection if the backend is another database.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) broker: Connection,
    backend: Option<(Connection, Script)>,
    keys: Arc<Keys>,
    take: Script,
    finish: Script,
    alive: Script,
    lost: Script,
    restore: Script,
}

/// The longest life of a result, in seconds: a century, which every server can add to the time.
const LONGEST_LIFE: u64 = 100 * 365 * 86_400;

/// How long a revocation is stored: a day, in seconds.
const REVOKED_EXPIRES: &[u8] = b"86400";

impl Link {
    pub(crate) fn open(broker: &Address, backend: Option<&Address>, keys: Arc<Keys>) -> Result<Self, BrokerError> {
        let backend = match backend {
            None => None,
            Some(address) => Some((address.open()?, Script::new(scripts::FINISH))),
        };
        Ok(Self {
            broker: broker.open()?,
            backend,
            keys,
            take: Script::new(scripts::TAKE),
            finish: Script::new(scripts::FINISH),
            alive: Script::new(scripts::ALIVE),
            lost: Script::new(scripts::LOST),
            restore: Script::new(scripts::RESTORE),
        })
    }

    fn add_take(&self, commands: &mut Commands, lists: &[String], tags: &[String]) {
        commands.begin(6 + lists.len() + tags.len());
        commands.part(b"EVALSHA");
        commands.part(self.take.name());
        commands.part((3 + lists.len()).to_string().as_bytes());
        commands.part(self.keys.unacked_index.as_bytes());
        commands.part(self.keys.unacked.as_bytes());
        commands.part(self.keys.revoked.as_bytes());
        lists.iter().chain(tags).for_each(|part| commands.part(part.as_bytes()));
    }

    /// Asks for at most 1 message for each tag. [`taken`](Self::taken) has the answer.
    pub(crate) fn ask_for(&mut self, lists: &[String], tags: &[String]) -> Result<(), BrokerError> {
        self.take.load(&mut self.broker)?;
        let mut commands = Commands::default();
        self.add_take(&mut commands, lists, tags);
        self.broker.tell(&commands)
    }

    /// Blocks until the messages are there that were asked for.
    pub(crate) fn taken(&mut self) -> Result<Vec<Taken>, BrokerError> {
        taken(self.broker.receive()?)
    }

    /// Ends a message and takes the next message, if there are lists to take from. The result is stored before the
    /// message is acknowledged, in a single step if a single server has both.
    pub(crate) fn finish(
        &mut self,
        end: &Finish,
        lists: &[String],
        tags: &[String],
    ) -> Result<Vec<Taken>, BrokerError> {
        if let (Some((backend, script)), Some(_)) = (&mut self.backend, &end.result) {
            script.load(backend)?;
            let mut commands = Commands::default();
            add_finish(
                &mut commands,
                script.name(),
                &self.keys,
                &Finish { result: end.result.clone(), ..Finish::default() },
            );
            only(backend.send(&commands)?)?;
        }
        self.finish.load(&mut self.broker)?;
        let mut commands = Commands::default();
        if self.backend.is_some() {
            let rest = Finish { result: None, tag: end.tag.clone(), push: end.push.clone(), mark: end.mark.clone() };
            add_finish(&mut commands, self.finish.name(), &self.keys, &rest);
        } else {
            add_finish(&mut commands, self.finish.name(), &self.keys, end);
        }
        if lists.is_empty() {
            only(self.broker.send(&commands)?)?;
            return Ok(Vec::new());
        }
        self.take.load(&mut self.broker)?;
        self.add_take(&mut commands, lists, tags);
        let mut replies = self.broker.send(&commands)?.into_iter();
        let (finished, next) = (replies.next(), replies.next());
        let next = taken(next.expect("a command has an answer"));
        match (finished.expect("a command has an answer"), next) {
            (Ok(_), next) => next,
            // The message that was taken goes back at once, since its caller tries to end the first one again.
            (Err(error), Ok(next)) => {
                for (taken, tag) in next.iter().zip(tags).rev() {
                    self.restore(tag, -1.0, &taken.list, &taken.message)?;
                }
                Err(error)
            }
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// Says whether the servers answer.
    pub(crate) fn answers(&mut self) -> bool {
        let backend = self.backend.as_mut().map(|(backend, _)| backend);
        [Some(&mut self.broker), backend].into_iter().flatten().all(|server| server.call(&[b"PING"]).is_ok())
    }

    /// Reports the messages with these tags as still in work.
    pub(crate) fn alive(&mut self, tags: &[String]) -> Result<(), BrokerError> {
        self.alive.load(&mut self.broker)?;
        let mut parts: Vec<&[u8]> = vec![b"EVALSHA", self.alive.name(), b"1", self.keys.unacked_index.as_bytes()];
        parts.extend(tags.iter().map(std::string::String::as_bytes));
        self.broker.call(&parts).map(drop)
    }

    /// Returns the tags and entries of the messages of dead workers.
    pub(crate) fn lost(&mut self, timeout: f64, most: usize) -> Result<Vec<(String, Vec<u8>)>, BrokerError> {
        self.lost.load(&mut self.broker)?;
        let (timeout, most) = (timeout.to_string(), most.to_string());
        let (index, hash) = (self.keys.unacked_index.as_bytes(), self.keys.unacked.as_bytes());
        let found = self.broker.call(&[
            b"EVALSHA",
            self.lost.name(),
            b"2",
            index,
            hash,
            timeout.as_bytes(),
            most.as_bytes(),
        ])?;
        let mut found = list(found).into_iter().filter_map(bytes);
        let mut entries = Vec::new();
        while let (Some(tag), Some(entry)) = (found.next(), found.next()) {
            entries.push((String::from_utf8_lossy(&tag).into_owned(), entry));
        }
        Ok(entries)
    }

    /// Stores the revocation of a call, if nothing else is stored of the call.
    pub(crate) fn revoke(&mut self, id: &str, text: &[u8]) -> Result<(), BrokerError> {
        let backend = self.backend.as_mut().map_or(&mut self.broker, |(backend, _)| backend);
        let (key, seconds) = (self.keys.result(id), REVOKED_EXPIRES);
        backend.call(&[b"EVAL", scripts::REVOKE.as_bytes(), b"1", key.as_bytes(), seconds, text]).map(drop)
    }

    /// Notes revoked calls, for workers that start later.
    pub(crate) fn note_revoked(&mut self, ids: &[String]) -> Result<(), BrokerError> {
        let mut commands = Commands::default();
        scripts::note_revoked(&mut commands, &self.keys.revoked, ids);
        only(self.broker.send(&commands)?).map(drop)
    }

    /// Returns whether a call was revoked.
    pub(crate) fn is_revoked(&mut self, id: &str) -> Result<bool, BrokerError> {
        let revoked = [b"ZSCORE", self.keys.revoked.as_bytes(), id.as_bytes()];
        Ok(self.broker.call(&revoked)? != Value::Nil)
    }

    /// Returns those of the calls whose messages other workers than the one of this name have taken: they may run there.
    pub(crate) fn taken_elsewhere(&mut self, ids: &[String], name: &str) -> Result<BTreeSet<String>, BrokerError> {
        let is_own = |tag: &[u8]| {
            let tag = std::str::from_utf8(tag).ok().and_then(|tag| tag.strip_prefix(name)?.strip_prefix(':'));
            tag.is_some_and(|number| number.parse::<u64>().is_ok())
        };
        let wanted: BTreeSet<_> = ids.iter().collect();
        let (mut elsewhere, mut cursor) = (BTreeSet::new(), b"0".to_vec());
        loop {
            let scan = [b"HSCAN", self.keys.unacked.as_bytes(), &cursor, b"COUNT", b"100"];
            let mut found = list(self.broker.call(&scan)?).into_iter();
            cursor = found.next().and_then(bytes).unwrap_or_else(|| b"0".to_vec());
            let mut found = found.next().map(list).unwrap_or_default().into_iter().filter_map(bytes);
            while let (Some(tag), Some(entry)) = (found.next(), found.next()) {
                elsewhere.extend(entry::id(&entry).filter(|id| !is_own(&tag) && wanted.contains(id)));
            }
            if cursor == b"0" {
                return Ok(elsewhere);
            }
        }
    }

    /// Returns the queue that kombu has bound to an exchange by this key.
    pub(crate) fn bound(&mut self, exchange: &str, key: &str) -> Result<Option<String>, BrokerError> {
        let table = self.keys.of(&format!("_kombu.binding.{exchange}"));
        let bindings = list(self.broker.call(&[b"SMEMBERS", table.as_bytes()])?).into_iter().filter_map(bytes);
        let queue = |binding: Vec<u8>| {
            let binding = String::from_utf8(binding).ok()?;
            let mut parts = binding.split(keys::STEP);
            let (bound, _pattern, queue) = (parts.next()?, parts.next()?, parts.next()?);
            (bound == key).then(|| queue.to_owned())
        };
        Ok(bindings.filter_map(queue).min())
    }

    /// Returns the entry of an unacknowledged message.
    pub(crate) fn entry(&mut self, tag: &str) -> Result<Option<Vec<u8>>, BrokerError> {
        Ok(bytes(self.broker.call(&[b"HGET", self.keys.unacked.as_bytes(), tag.as_bytes()])?))
    }

    /// Puts a message back to the front of a list, unless somebody works on it.
    pub(crate) fn restore(&mut self, tag: &str, timeout: f64, to: &str, message: &[u8]) -> Result<bool, BrokerError> {
        self.restore.load(&mut self.broker)?;
        let timeout = timeout.to_string();
        let parts = [
            b"EVALSHA",
            self.restore.name(),
            b"3",
            self.keys.unacked_index.as_bytes(),
            self.keys.unacked.as_bytes(),
            to.as_bytes(),
            tag.as_bytes(),
            timeout.as_bytes(),
            message,
        ];
        Ok(matches!(self.broker.call(&parts)?, Value::Int(1)))
    }
}

fn only(replies: Vec<Reply>) -> Reply {
    replies.into_iter().next().expect("a command has an answer")
}

fn add_finish(commands: &mut Commands, script: &[u8], keys: &Keys, end: &Finish) {
    let (id, text, seconds) = match &end.result {
        Some((id, text, seconds)) => (keys.result(id), text.as_slice(), (*seconds).clamp(1, LONGEST_LIFE).to_string()),
        None => (keys.result(""), &b""[..], String::new()),
    };
    let (to, message) = match &end.push {
        Some((to, message)) => (to.as_str(), message.as_slice()),
        None => (keys.unacked.as_str(), &b""[..]),
    };
    let mark = if end.mark.is_empty() { &keys.unacked } else { &end.mark };
    commands.add(&[
        b"EVALSHA",
        script,
        b"5",
        keys.unacked_index.as_bytes(),
        keys.unacked.as_bytes(),
        id.as_bytes(),
        to.as_bytes(),
        mark.as_bytes(),
        end.tag.as_bytes(),
        seconds.as_bytes(),
        text,
        message,
    ]);
}

fn taken(reply: Reply) -> Result<Vec<Taken>, BrokerError> {
    let mut parts = list(reply?).into_iter();
    let after_revocation = parts.next() == Some(Value::Int(1));
    let mut parts = parts.filter_map(bytes);
    let mut taken = Vec::new();
    while let (Some(from), Some(message)) = (parts.next(), parts.next()) {
        taken.push(Taken { list: String::from_utf8_lossy(&from).into_owned(), message, after_revocation });
    }
    Ok(taken)
}
