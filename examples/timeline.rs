//! A picture of a program: which call ran where and when, and for what it waited.
//!
//! `cargo run --example timeline --features trace` writes `timeline.svg`; with another path (`run.json`, `run.dot`), that
//! file in its format. The picture in the README is this one.

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::parallel;
use asynctools::pooled;
use asynctools::trace::Recording;

static NETWORK: Pool = Pool::named("network", 3);
static DISK: Pool = Pool::named("disk", 1);

/// Stands for work of this length.
fn work(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds));
}

#[pooled(pool = NETWORK)]
fn fetch(page: u32) -> Result<String, String> {
    work(15 + 10 * u64::from(page % 3));
    if page == 4 { Err("no such page".to_owned()) } else { Ok(format!("the text of page {page}")) }
}

/// Starts when the page is there; an error of `fetch` passes by.
#[pooled(workers = 2)]
fn parse(text: &str) -> Result<usize, String> {
    work(12);
    Ok(text.len())
}

#[pooled(pool = NETWORK)]
fn mirror(number: u64) -> String {
    work(20 + 25 * number);
    format!("mirror {number}")
}

#[pooled(pool = DISK)]
fn save(pages: Vec<Result<usize, String>>) -> usize {
    work(14);
    pages.into_iter().flatten().sum()
}

#[pooled(pool = DISK)]
fn thumbnail(size: usize) -> usize {
    work(18);
    size / 10
}

/// Makes a call, and waits for it.
#[parallel]
fn cover(title: &str) -> usize {
    work(10);
    let size = thumbnail(title.len());
    size.get()
}

#[pooled(workers = 1)]
fn spell(text: String) -> usize {
    work(8);
    panic!("no dictionary for {text}")
}

#[pooled(workers = 1)]
fn report(saved: usize, cover: usize, words: usize) -> usize {
    work(5);
    saved + cover + words
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).map_or_else(|| PathBuf::from("timeline.svg"), PathBuf::from);
    std::panic::set_hook(Box::new(|_| {}));
    let recording = Recording::start()?;

    // Each page is parsed when it has come, and all are saved when the last is parsed. Page 4 fails.
    let pages: AsyncList<_> = (0..6).map(|page| parse(fetch(page))).collect();
    let outcomes: AsyncList<_> = pages.into_iter().collect();
    let saved = save(outcomes);
    let cover = cover("A title");
    // A race: the first mirror wins, and the mirrors that have not begun are cancelled.
    let mirrors: AsyncList<_> = (0..4).map(mirror).collect();
    let fastest = mirrors.first().ok_or("there is no mirror")?;
    // Its panic is a loss of the report.
    let words = spell(fastest.clone());
    let report = report(saved, cover, words);
    let outcome: Result<usize, _> = AsyncValue::outcome(report);

    // The mirrors that lost the race go on to their ends.
    asynctools::wait_idle();
    let trace = recording.stop();
    let file = BufWriter::new(File::create(&path)?);
    match path.extension().and_then(|end| end.to_str()) {
        Some("svg") => trace.write_svg(file)?,
        Some("dot") => trace.write_dot(file)?,
        _ => trace.write_chrome(file)?,
    }
    println!("{} calls in {}", trace.calls().len(), path.display());
    println!("{fastest} won");
    println!("{}", outcome.map_or_else(|error| error.to_string(), |words| words.to_string()));
    Ok(())
}
