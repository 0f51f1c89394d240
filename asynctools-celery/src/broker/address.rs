//! Where a server is.

use std::time::Duration;

use redis::Client;

use crate::broker::connection::BrokerError;
use crate::broker::connection::Connection;
#[cfg(feature = "tls")]
use crate::broker::tls;
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
        check_scheme(scheme, cfg!(feature = "tls"))?;
        let refuse = |why: String| WorkerError::new(format!("this is no address of a Redis: {why}"));
        #[cfg(feature = "tls")]
        if scheme == "rediss" {
            return tls::client(url).map(Self::of).map_err(refuse);
        }
        // Celery's name for a socket, and its name for the database there.
        let url = url.replacen("redis+socket:", "redis+unix:", 1).replace("virtual_host=", "db=");
        Client::open(url).map(Self::of).map_err(|error| refuse(error.to_string()))
    }

    fn of(client: Client) -> Self {
        let database = client.get_connection_info().redis_settings().db();
        Self { client, database }
    }

    pub(crate) fn open(&self) -> Result<Connection, BrokerError> {
        Connection::new(self.client.get_connection_with_timeout(CONNECT)?)
    }
}

fn check_scheme(scheme: &str, tls: bool) -> Result<(), WorkerError> {
    match scheme {
        "rediss" if !tls => {
            let why = "`rediss://` needs TLS; enable the feature `celery-tls` of `asynctools`";
            Err(WorkerError::new(why))
        }
        "redis" | "rediss" | "redis+socket" | "unix" => Ok(()),
        other => {
            let found = if other.is_empty() { "nothing" } else { other };
            Err(WorkerError::new(format!(
                "the broker and the result backend are Redis: expected `redis://host:port/database`, found `{found}`"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::broker::address::Address;
    use crate::broker::address::check_scheme;

    fn refused(url: &str) -> String {
        Address::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn tls_needs_its_feature() {
        assert!(check_scheme("rediss", true).is_ok());
        let why = check_scheme("rediss", false).unwrap_err().to_string();
        assert_eq!(why, "`rediss://` needs TLS; enable the feature `celery-tls` of `asynctools`");
        assert_eq!(Address::parse("rediss://localhost/2").is_ok(), cfg!(feature = "tls"));
    }

    #[test]
    fn other_addresses_are_refused() {
        assert!(refused("amqp://localhost").ends_with("found `amqp`"));
        assert!(refused("").ends_with("found `nothing`"));
        assert!(refused("redis://localhost/many").contains("Invalid database number"));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn certificates_are_always_checked() {
        assert_eq!(Address::parse("rediss://localhost/2?ssl_cert_reqs=required").unwrap().database, 2);
        assert!(refused("rediss://localhost?ssl_cert_reqs=none").contains("always checked"));
        assert!(refused("rediss://localhost?ssl_check_hostname=false").contains("always checked"));
        assert!(refused("rediss://localhost?ssl_ca_certs=/no/such/file").contains("`ssl_ca_certs`: /no/such/file: "));
        assert!(refused("rediss://localhost?ssl_ca_data=x").contains("`ssl_ca_data` is not known"));
        assert!(refused("rediss://localhost?ssl_keyfile=Cargo.toml").contains("belong together"));
        assert!(refused("rediss://localhost#insecure").contains("insecure"));
    }
}
