//! A pool under load: watched, resized, paused and shut down while its calls run.

use std::thread::sleep;
use std::time::{Duration, Instant};

use asynctools::{AsyncList, BuildError, Pool, TaskError};

fn main() -> Result<(), BuildError> {
    let press = Pool::builder().workers(2).name("press").idle_timeout(Duration::from_secs(1)).build()?;
    let watch = Watch { pool: &press, start: Instant::now() };

    println!("    time  what happens       workers running queued finished  cancelled");
    let pages: AsyncList<u32> = press.map(0..120, print_page);
    watch.for_a_while("120 pages", 3);
    press.set_workers(8);
    watch.for_a_while("eight workers", 3);
    press.set_workers(0);
    watch.for_a_while("paused", 3);
    press.set_workers(3);
    watch.for_a_while("three workers", 2);

    let cancelled = press.cancel_queued();
    watch.line("cancel_queued");
    let printed = pages.outcomes().into_iter().flatten().count();
    watch.line("all ended");
    println!("\n{printed} pages were printed and {cancelled} cancelled.");

    let last = press.map(0..4, print_page);
    let in_time = press.close_timeout(Duration::from_millis(1));
    println!(
        "\nclose_timeout(1 ms): {}",
        if in_time { "the workers are gone" } else { "pages are still being printed" }
    );
    let late = press.spawn(|| print_page(5)).outcome();
    println!("one more call:       {}", late.expect_err("the pool is closed"));
    press.close();
    println!("close:               the workers are gone, and {} more pages were printed", last.get().len());

    let full = Pool::builder().workers(1).queue(2).on_full(asynctools::OnFull::Reject).build()?;
    let crowd = full.map(0..10, print_page).outcomes();
    let rejected = crowd.iter().filter(|outcome| matches!(outcome, Err(TaskError::Rejected))).count();
    println!("\nTen calls at once for one worker and room for two: {rejected} are rejected.");
    Ok(())
}

fn print_page(page: u32) -> u32 {
    sleep(Duration::from_millis(20));
    page
}

struct Watch<'a> {
    pool: &'a Pool,
    start: Instant,
}

impl Watch<'_> {
    fn for_a_while(&self, what: &str, lines: u32) {
        for line in 0..lines {
            self.line(if line == 0 { what } else { "" });
            sleep(Duration::from_millis(60));
        }
    }

    fn line(&self, what: &str) {
        let stats = self.pool.stats();
        println!(
            "{:5} ms  {what:17}  {:7} {:7} {:6} {:8} {:10}  {}",
            self.start.elapsed().as_millis(),
            stats.workers,
            stats.running,
            stats.queued,
            stats.finished,
            stats.cancelled,
            "#".repeat(stats.running),
        );
    }
}
