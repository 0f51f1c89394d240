//! A client of Redis in a few lines, so that the tests look at a server with other eyes than the library.

use std::fmt;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A text, or a state.
    Text(String),
    /// A number.
    Number(i64),
    /// Nothing is there.
    Nil,
    /// A list.
    List(Vec<Reply>),
    /// The server refused.
    Error(String),
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Error(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Nil => f.write_str("nil"),
            Self::List(replies) => replies.iter().try_for_each(|reply| writeln!(f, "{reply}")),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects to a server on loopback.
    ///
    /// # Errors
    ///
    /// There is none at this port.
    pub fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a command and reads the answer.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub fn call(&mut self, parts: &[&str]) -> io::Result<Reply> {
        let mut command = format!("*{}\r\n", parts.len());
        for part in parts {
            command.extend(["$", &part.len().to_string(), "\r\n", part, "\r\n"]);
        }
        self.0.get_mut().write_all(command.as_bytes())?;
        self.read()
    }

    fn read(&mut self) -> io::Result<Reply> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        let (kind, rest) = line.split_at(1);
        let length = || rest.parse::<i64>().map_err(|_| io::Error::other(format!("the server says {line}")));
        Ok(match kind {
            "+" => Reply::Text(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Number(length()?),
            "*" => Reply::List((0..length()?).map(|_| self.read()).collect::<io::Result<_>>()?),
            _ => match usize::try_from(length()?) {
                Err(_) => Reply::Nil,
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    self.0.read_exact(&mut bytes)?;
                    bytes.truncate(length);
                    Reply::Text(String::from_utf8_lossy(&bytes).into_owned())
                }
            },
        })
    }
}
