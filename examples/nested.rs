//! A call that makes calls of its own function and waits for them, on a pool of one worker: a walk through folders.
//!
//! `cargo run --example nested -- FOLDER`; without it, this repository.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use std::thread::{self, ThreadId};
use std::time::Instant;
use std::{env, fs, io};

use asynctools::{AsyncList, pooled};

#[pooled(workers = 1)]
fn walk(folder: PathBuf) -> io::Result<Folder> {
    THREADS.lock().expect("nobody panics with it").insert(thread::current().id());
    let (mut bytes, mut below) = (0, AsyncList::new());
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && !is_skipped(&entry) {
            below.push(walk(entry.path()));
        } else if kind.is_file() {
            bytes += entry.metadata()?.len();
        }
    }
    // The only worker waits here, and runs the calls that it waits for.
    let (mut below, unreadable) = below.join();
    below.sort_by_key(|folder| std::cmp::Reverse(folder.bytes));
    bytes += below.iter().map(|folder| folder.bytes).sum::<u64>();
    let unreadable = unreadable.len() + below.iter().map(|folder| folder.unreadable).sum::<usize>();
    Ok(Folder { path: folder, bytes, below, unreadable })
}

struct Folder {
    path: PathBuf,
    bytes: u64,
    below: Vec<Folder>,
    unreadable: usize,
}

/// The threads that walked.
static THREADS: LazyLock<Mutex<HashSet<ThreadId>>> = LazyLock::new(Mutex::default);

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), PathBuf::from);
    let start = Instant::now();
    let root = walk(folder.canonicalize()?).get()?;
    show(&root, 0);
    println!("\n{} folders, {} unreadable, {} ms", root.count(), root.unreadable, start.elapsed().as_millis());
    println!("{} thread(s) took part", THREADS.lock().expect("nobody panics with it").len());
    Ok(())
}

impl Folder {
    fn count(&self) -> usize {
        1 + self.below.iter().map(Folder::count).sum::<usize>()
    }
}

fn show(folder: &Folder, depth: usize) {
    let name = folder.path.file_name().unwrap_or(folder.path.as_os_str()).display();
    println!("{:>12} bytes  {}{name}", folder.bytes, "    ".repeat(depth));
    if depth < 2 {
        folder.below.iter().for_each(|below| show(below, depth + 1));
    }
}

/// Skips build output and hidden folders.
fn is_skipped(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    name == "target" || name.to_string_lossy().starts_with('.')
}
