//! A server that answers `/ping` at once, and `/query` by a call that blocks: how long pings take beside 64 connections that ask
//! queries without a pause. The peer is deadpool: connections that async code borrows, and whose calls go to `spawn_blocking`.

use std::convert::Infallible;
use std::hint::black_box;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use asynctools::Pool;
use asynctools::pooled;
use deadpool::Runtime as OfDeadpool;
use deadpool::managed;
use deadpool::managed::Metrics;
use deadpool::managed::RecycleResult;
use deadpool_sync::SyncWrapper;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;

use crate::measure::Against;
use crate::measure::Scale;
use crate::measure::Work;
use crate::systems::ATTRIBUTE;
use crate::systems::runtime;

const DEADPOOL: &str = "deadpool";

/// How many connections ask queries.
const ASKING: usize = 64;

/// How many connections the server has to its database.
const CONNECTIONS: usize = 4;

static DATABASE: Pool = Pool::new(CONNECTIONS);

/// Stands for a database in the process: work of a tenth of a millisecond, more or less.
#[pooled(pool = DATABASE, sync = query_now)]
fn query(key: u64) -> u64 {
    (0..100_000).fold(key, |sum, n| black_box(sum.wrapping_mul(31).wrapping_add(n)))
}

/// Answers a query: a function of each system.
type Ask<F> = Arc<dyn Fn() -> F + Send + Sync>;

/// Serves HTTP, as far as the two paths need it, until the runtime ends.
fn serve<F: Future<Output = u64> + Send + 'static>(runtime: &Runtime, ask: Ask<F>) -> SocketAddr {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("loopback has free ports");
    let address = listener.local_addr().expect("it is bound");
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // An error is a client that has gone.
            tokio::spawn(answer(stream, ask.clone()));
        }
    });
    address
}

async fn answer<F: Future<Output = u64>>(mut stream: tokio::net::TcpStream, ask: Ask<F>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = [0; 64];
    loop {
        // A client sends one small request and waits for the answer.
        let length = stream.read(&mut request).await?;
        let body = match &request[..length] {
            b"" => return Ok(()),
            request if request.starts_with(b"GET /query ") => ask().await,
            _ => 0,
        };
        stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{body:020}").as_bytes()).await?;
    }
}

/// A client that asks for a path again and again.
struct Client(TcpStream);

impl Client {
    fn new(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).expect("the server listens");
        stream.set_nodelay(true).expect("it is a socket");
        Self(stream)
    }

    fn get(&mut self, path: &str) {
        self.0
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())
            .expect("the server reads");
        let mut answer = [0; 59];
        self.0.read_exact(&mut answer).expect("the server answers");
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{:?}", String::from_utf8_lossy(&answer));
    }
}

/// A server, with its connections that ask queries while pings are measured.
struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    fn new<F: Future<Output = u64> + Send + 'static>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self {
        let runtime = runtime(512);
        Self { address: serve(&runtime, Arc::new(ask)), _runtime: runtime }
    }

    /// Returns the 99th percentile of the times of so many pings, in nanoseconds.
    fn ping(&self, pings: usize) -> f64 {
        let stop = Arc::new(AtomicBool::new(false));
        let asking: Vec<JoinHandle<()>> = (0..ASKING)
            .map(|_| {
                let (mut client, stop) = (Client::new(self.address), stop.clone());
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        client.get("/query");
                    }
                })
            })
            .collect();
        let mut client = Client::new(self.address);
        let mut times: Vec<Duration> = (0..pings)
            .map(|_| {
                // As pings come in life: not one upon the other.
                thread::sleep(Duration::from_millis(1));
                let start = Instant::now();
                client.get("/ping");
                start.elapsed()
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        for client in asking {
            client.join().expect("no client panics");
        }
        times.sort_unstable();
        times[(times.len() - 1) * 99 / 100].as_secs_f64() * 1e9
    }
}

/// A connection of deadpool's, to no database.
struct Manager;

impl managed::Manager for Manager {
    type Type = SyncWrapper<()>;
    type Error = Infallible;

    async fn create(&self) -> Result<Self::Type, Infallible> {
        SyncWrapper::new(OfDeadpool::Tokio1, || Ok(())).await
    }

    async fn recycle(&self, _: &mut Self::Type, _: &Metrics) -> RecycleResult<Infallible> {
        Ok(())
    }
}

pub(crate) fn pings(scale: Scale) -> Work {
    let pings = usize::try_from(scale.calls(500)).expect("it is small");
    let connections: managed::Pool<Manager> =
        managed::Pool::builder(Manager).max_size(CONNECTIONS).build().expect("it has no timeouts");
    let theirs = Server::new(move || {
        let connections = connections.clone();
        async move {
            let connection = connections.get().await.expect("it waits for one");
            connection.interact(|()| query_now(7)).await.expect("the query does not panic")
        }
    });
    let ours = Server::new(|| query(7));
    Work::new("`/ping` beside blocking queries, p99", "ping")
        .ours(ATTRIBUTE, move || ours.ping(pings))
        .peer(DEADPOOL, move || theirs.ping(pings))
        .bar(ATTRIBUTE, Against::System(DEADPOOL), 1.50)
}
