//! A client whose methods are annotated: they run on a pool that the client owns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use asynctools::{AsyncList, BuildError, Pool, pooled};
use examples::{LocalServer, Page};

/// `&self` is cloned into each call, so everything that clones share is in an `Arc`.
#[derive(Clone)]
struct Client {
    address: String,
    pool: Arc<Pool>,
}

impl Client {
    fn new(address: String, connections: usize) -> Result<Self, BuildError> {
        let pool = Pool::builder().workers(connections).name("client").build()?;
        Ok(Self { address, pool: Arc::new(pool) })
    }

    #[pooled(pool = self.pool)]
    fn page(&self, path: &str) -> Result<String, ureq::Error> {
        let url = format!("{}{path}", self.address);
        ureq::get(&url).header("Connection", "close").call()?.body_mut().read_to_string()
    }

    /// Takes a page, or a page that is still on its way. Counting needs no connection, so it has the default pool.
    #[pooled]
    fn words(page: &str) -> Result<usize, ureq::Error> {
        Ok(page.split_whitespace().count())
    }

    /// `self` moves into the call; the pool goes with the last clone.
    #[pooled(sync = say_goodbye_now)]
    fn say_goodbye(self) -> String {
        format!("{} calls were made to {}", self.pool.stats().finished, self.address)
    }
}

fn main() -> Result<(), BuildError> {
    let titles = ["Call of the Wild", "The Thread of Life", "The Pool", "Great Expectations", "Nostromo", "Hard Times"];
    let page = |(n, title): (usize, &&str)| Page {
        path: format!("/book-{n}"),
        body: (*title).to_owned(),
        status: 200,
        delay: Duration::from_millis(100),
    };
    let server = LocalServer::start(titles.iter().enumerate().map(page).collect()).expect("a port on loopback");
    let client = Client::new(server.url(""), 3)?;

    let start = Instant::now();
    let pages: AsyncList<_> = (0..7).map(|n| client.page(format!("/book-{n}"))).collect();
    for (index, outcome) in pages.as_completed() {
        let what = match outcome {
            Ok(Ok(title)) => title,
            Ok(Err(error)) => error.to_string(),
            Err(lost) => lost.to_string(),
        };
        println!("{:4} ms  /book-{index}  {what}", start.elapsed().as_millis());
    }

    let words = Client::words(client.page("/book-0"));
    println!("\n`words(client.page(..))` starts when the page is there: {:?}", words.get().ok());

    println!("As before, and at once: {}", client.clone().say_goodbye_now());
    println!("On the default pool:    {}", client.say_goodbye().get());
    Ok(())
}
