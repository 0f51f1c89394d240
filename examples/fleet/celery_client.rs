//! Small versions of all pictures in a folder, made by workers in Rust, with a word about each from a worker in Python:
//! `CELERY_BROKER_URL=redis://127.0.0.1:6379/0 cargo run -p fleet --example celery_client -- FOLDER`.
//!
//! Without a folder it draws eight pictures of its own. Workers see the files if they run on this machine, or share its disk.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use asynctools::AsyncList;
use fleet::Picture;
use fleet::describe;
use fleet::thumb;

fn main() -> io::Result<ExitCode> {
    let folder = env::args().nth(1).map_or_else(draw, |folder| Ok(PathBuf::from(folder)))?;
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_picture = path.extension().is_some_and(|extension| extension == "ppm");
        let path = path.to_string_lossy().into_owned();
        if is_picture && !path.contains(".thumb.") {
            paths.push(path);
        }
    }
    paths.sort();

    // Both calls are made at once: the second is sent when the first has its result.
    let words: AsyncList<_> = paths.iter().map(|path| describe(thumb(path, 64))).collect();
    let (words, errors) = words.join();
    for word in &words {
        println!("{word}");
    }
    for error in &errors {
        eprintln!("{error}");
    }
    println!("{} pictures, {} errors", words.len(), errors.len());
    Ok(if errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Draws eight pictures into a folder of their own.
fn draw() -> io::Result<PathBuf> {
    let folder = env::temp_dir().join(format!("fleet-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    for number in 1..=8_u8 {
        let shade = |value: usize| u8::try_from(value % 256).unwrap_or_default();
        let picture = Picture::of(320, 40 * usize::from(number), |x, y| [shade(x), shade(y), 30 * number]);
        fs::write(folder.join(format!("{number}.ppm")), picture.bytes())?;
    }
    Ok(folder)
}
