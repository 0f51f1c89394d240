//! Eight pages, downloaded at the same time by a function with one attribute.
//!
//! ```text
//! cargo run --example download                    a server of its own, each page held back for 150 ms
//! cargo run --example download -- URL...          the real thing
//! cargo run --example download -- --workers 2 --timeout 5 URL...
//! ```

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use asynctools::{AsyncList, pooled};
use clap::Parser;
use examples::{LocalServer, Page};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ureq::Agent;

/// The body is ordinary blocking code. The attribute makes a call return at once, with a handle to its result.
#[pooled(workers = ARGS.workers.get())]
fn download(url: &str) -> Download {
    let start = Instant::now();
    let answer = AGENT.get(url).header("Connection", "close").call(); // once is enough
    let bytes = answer.and_then(|mut page| Ok(io::copy(&mut page.body_mut().as_reader(), &mut io::sink())?));
    Download { bytes, time: start.elapsed() }
}

/// How a download went, and how long it took.
struct Download {
    bytes: Result<u64, ureq::Error>,
    time: Duration,
}

fn main() -> ExitCode {
    let server; // goes when `main` ends
    let urls = if ARGS.urls.is_empty() {
        server = LocalServer::start((1..=8).map(page).collect()).expect("a port on loopback");
        (1..=8).map(|n| server.url(&page(n).path)).collect()
    } else {
        ARGS.urls.clone()
    };

    let start = Instant::now();
    let calls: AsyncList<Download> = urls.iter().map(download).collect();
    let mut rows: Vec<Option<Row>> = urls.iter().map(|_| None).collect();
    let progress = Progress::new(urls.len());
    for (index, outcome) in calls.as_completed() {
        let row = match outcome {
            Ok(Download { bytes, time }) => Row { bytes: bytes.map_err(|error| explain(&error)), time },
            Err(lost) => Row { bytes: Err(lost.to_string()), time: Duration::ZERO },
        };
        progress.tick(&urls[index], &row);
        rows[index] = Some(row);
    }
    progress.finish();
    let rows: Vec<Row> = rows.into_iter().flatten().collect();
    print_table(&urls, &rows, start.elapsed());
    if rows.iter().all(|row| row.bytes.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Downloads pages at the same time.
#[derive(Parser)]
struct Args {
    /// The pages to download; without any, eight pages of a server of its own on loopback
    #[arg(value_name = "URL")]
    urls: Vec<String>,
    /// How many downloads run at once
    #[arg(long, value_name = "N", default_value = "8")]
    workers: NonZeroUsize,
    /// How long a download may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
}

static ARGS: LazyLock<Args> = LazyLock::new(Args::parse);

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let config = Agent::config_builder().timeout_global(Some(ARGS.timeout));
    // No proxy of the environment reaches our own loopback.
    let config = if ARGS.urls.is_empty() { config.proxy(None) } else { config };
    config.build().new_agent()
});

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        Ok(_) => Err("no download takes no time at all".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The eight pages have different sizes.
fn page(n: usize) -> Page {
    let body = "All work and no play makes a dull thread.\n".repeat(n * n * 100);
    Page { path: format!("/page-{n}"), body, status: 200, delay: Duration::from_millis(150) }
}

/// Explains the error to a reader who sees only the row.
fn explain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(404) => "not found (status 404)".to_owned(),
        ureq::Error::StatusCode(status) => format!("the server answered with status {status}"),
        ureq::Error::Timeout(_) => format!("no answer within {:?}", ARGS.timeout),
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => format!("not a web address ({error})"),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

struct Row {
    bytes: Result<u64, String>,
    time: Duration,
}

impl Row {
    fn what(&self) -> String {
        match &self.bytes {
            Ok(bytes) => format!("{bytes} bytes"),
            Err(error) => error.clone(),
        }
    }
}

/// A bar on a terminal, else a line for each download.
enum Progress {
    Bar(ProgressBar),
    Lines,
}

impl Progress {
    fn new(length: usize) -> Self {
        if !io::stdout().is_terminal() {
            return Self::Lines;
        }
        let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::stdout());
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} in {elapsed}").expect("a valid template");
        bar.set_style(style);
        bar.tick();
        Self::Bar(bar)
    }

    fn tick(&self, url: &str, row: &Row) {
        match self {
            Self::Bar(bar) => bar.inc(1),
            Self::Lines => say(&format!("{url}: {}", row.what())),
        }
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn print_table(urls: &[String], rows: &[Row], wall_time: Duration) {
    let width = urls.iter().map(|url| url.chars().count()).max().unwrap_or_default();
    say(&format!("\n{:width$}  {:>10}  {:>8}", "URL", "bytes", "time"));
    for (url, row) in urls.iter().zip(rows) {
        let time = row.time.as_secs_f64();
        match &row.bytes {
            Ok(bytes) => say(&format!("{url:width$}  {bytes:>10}  {time:>6.3} s")),
            Err(error) => say(&format!("{url:width$}  {:>10}  {time:>6.3} s  {error}", "-")),
        }
    }
    let bytes: u64 = rows.iter().flat_map(|row| &row.bytes).sum();
    let one_after_another: Duration = rows.iter().map(|row| row.time).sum();
    say(&format!("\ntotal bytes        {bytes:>9}"));
    say(&format!("wall time          {:>9.3} s", wall_time.as_secs_f64()));
    say(&format!("one after another  {:>9.3} s", one_after_another.as_secs_f64()));
}

/// Prints a line; a reader that has left (`| head`) is no error.
fn say(line: &str) {
    drop(writeln!(io::stdout(), "{line}"));
}
