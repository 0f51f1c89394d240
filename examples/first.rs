//! A race of mirrors: ask several, take the first good answer, and cancel the others.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use asynctools::{AsyncList, pooled};
use examples::{LocalServer, Page};

/// Two mirrors are asked at a time, the next when one of them has answered.
#[pooled(workers = 2)]
fn fetch(url: &str) -> Result<String, ureq::Error> {
    println!("  asking {url}");
    ASKED.fetch_add(1, Ordering::Relaxed);
    ureq::get(url).header("Connection", "close").call()?.body_mut().read_to_string()
}

static ASKED: AtomicUsize = AtomicUsize::new(0);

fn main() {
    let mirrors = [
        ("/down", 503, 20),
        ("/slow", 200, 900),
        ("/fast", 200, 100),
        ("/spare-1", 200, 900),
        ("/spare-2", 200, 900),
        ("/spare-3", 200, 900),
    ];
    let pages = mirrors.map(|(path, status, delay)| Page {
        path: path.to_owned(),
        body: format!("the page, from {path}"),
        status,
        delay: Duration::from_millis(delay),
    });
    let server = LocalServer::start(pages.to_vec()).expect("a port on loopback");
    let urls = mirrors.map(|(path, ..)| server.url(path));

    println!("A race of {} mirrors, two at a time:", urls.len());
    let start = Instant::now();
    let race: AsyncList<_> = urls.iter().map(fetch).collect();
    match race.first_ok() {
        Ok(page) => println!("  {page}, after {} ms", start.elapsed().as_millis()),
        Err(errors) => println!("  all {} failed", errors.len()),
    }

    println!("  {} of {} mirrors were asked, the rest called off", ASKED.load(Ordering::Relaxed), urls.len());

    println!("\nA race of mirrors that are all down:");
    let down = [server.url("/down"), server.url("/gone")];
    let race: AsyncList<_> = down.iter().map(fetch).collect();
    for error in race.first_ok().expect_err("both are down") {
        println!("  {error}");
    }

    println!("\nA race against the clock:");
    let runners = [300_u64, 200, 400];
    let race: AsyncList<u64> = runners.map(|time| asynctools::parallel(move || run(time))).into_iter().collect();
    let race = match race.first_timeout(Duration::from_millis(50)) {
        Ok(winner) => unreachable!("nobody is that fast: {winner:?}"),
        Err(race) => race,
    };
    println!("  nobody within 50 ms, so wait on");
    println!("  the winner took {} ms", race.first().expect("nobody gives up"));
}

fn run(milliseconds: u64) -> u64 {
    sleep(Duration::from_millis(milliseconds));
    milliseconds
}
