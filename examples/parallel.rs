//! `#[parallel]`: every call at once, on a thread of its own; the results come together in a list.

use std::thread::sleep;
use std::time::{Duration, Instant};

use asynctools::{AsyncList, CallError, parallel};

/// Things happen fast in this kitchen.
const MINUTE: Duration = Duration::from_millis(100);

#[parallel]
fn prepare(dish: &str, minutes: u32) -> Result<String, String> {
    sleep(MINUTE * minutes);
    match dish {
        "toast" => Err("the toast is burnt".to_owned()),
        "soufflé" => panic!("the soufflé has collapsed"),
        _ => Ok(format!("{dish}, after {minutes} min")),
    }
}

fn main() {
    let start = Instant::now();
    let dishes: [(&str, u32); 5] = [("eggs", 6), ("tea", 3), ("toast", 4), ("porridge", 8), ("juice", 1)];
    let breakfast: AsyncList<_> = dishes.iter().map(|(dish, minutes)| prepare(*dish, *minutes)).collect();
    println!("All five are on. Meanwhile the table is laid.");

    let (served, mishaps) = breakfast.join();
    for dish in served {
        println!("  {dish}");
    }
    for mishap in mishaps {
        match mishap {
            CallError::Failed(error) => println!("  failed: {error}"),
            CallError::Lost(error) => println!("  lost: {error}"),
        }
    }
    let one_by_one: u32 = dishes.iter().map(|(_, minutes)| minutes).sum();
    let minutes = start.elapsed().as_secs_f64() / MINUTE.as_secs_f64();
    println!("Breakfast took {minutes:.1} minutes; one dish after another takes {one_by_one}.");

    println!("\nAnd a soufflé, which panics:");
    let outcome = prepare("soufflé", 2).outcome();
    println!("  {}", outcome.expect_err("no soufflé has ever succeeded here"));

    // A closure needs no attribute.
    let dishwasher = asynctools::parallel(|| sleep(MINUTE * 3));
    let done = dishwasher.wait_timeout(MINUTE);
    println!("\nThe dishwasher is {} after a minute.", if done { "done" } else { "still running" });
    dishwasher.get();
    println!("Now it is done.");
}
