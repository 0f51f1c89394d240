//! Where a server is.

use std::time::Duration;

use redis::Client;

use crate::broker::connection::BrokerError;
use crate::broker::connection::Connection;
use crate::error::WorkerError;

/// How long the opening of a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// The address of a Redis server and the number of a database.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    client: Client,
    /// The number of the database, which is a part of the topics of remote control.
    pub(crate) database: i64,
}

impl Address {
    /// Reads the URL that Celery would be given.
    pub(crate) fn parse(url: &str) -> Result<Self, WorkerError> {
        let scheme = url.split(':').next().unwrap_or_default();
        if !matches!(scheme, "redis" | "rediss" | "redis+socket" | "unix") {
            let found = if url.is_empty() { "nothing" } else { scheme };
            return Err(WorkerError::new(format!(
                "the broker and the result backend are Redis: expected `redis://host:port/database`, found `{found}`"
            )));
        }
        // Celery's name for a socket, and its name for the database there.
        let url = url.replacen("redis+socket:", "redis+unix:", 1).replace("virtual_host=", "db=");
        let refuse =
            |error: &dyn std::fmt::Display| WorkerError::new(format!("this is no address of a Redis: {error}"));
        let client = Client::open(url).map_err(|error| refuse(&error))?;
        let database = client.get_connection_info().redis_settings().db();
        Ok(Self { client, database })
    }

    pub(crate) fn open(&self) -> Result<Connection, BrokerError> {
        Connection::new(self.client.get_connection_with_timeout(CONNECT)?)
    }
}
