//! Every source file below a folder is read, hashed and counted by three annotated functions, joined by their handles.
//! A file that cannot be read fails its own branch only.
//!
//! `cargo run --example pipeline -- FOLDER`; without it, this repository.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{env, fs, io};

use asynctools::{AsyncList, pooled};

/// Limited, as disks are; the other two run on the default pool.
#[pooled(workers = 4)]
fn read(path: &Path) -> Result<String, io::ErrorKind> {
    fs::read_to_string(path).map_err(|error| error.kind())
}

/// FNV-1a. It cannot fail itself, but returns a `Result` in order to pass on the errors of `read`.
#[pooled]
fn hash(text: &str) -> Result<u64, io::ErrorKind> {
    Ok(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)))
}

#[pooled]
fn count(text: &str) -> Result<usize, io::ErrorKind> {
    Ok(text.lines().count())
}

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), PathBuf::from);
    let mut files = Vec::new();
    find_sources(&folder, &mut files)?;
    files.push(folder.join("gone.rs")); // as if it had been removed since the folder was listed

    let start = Instant::now();
    let branches = files.iter().map(|path| {
        let text = read(path).shared();
        hash(text.clone()).zip(count(text))
    });
    let branches: AsyncList<_> = branches.collect();

    let (mut lines, mut failed) = (0, 0);
    for (path, branch) in files.iter().zip(branches.outcomes()) {
        let name = path.strip_prefix(&folder).unwrap_or(path).display();
        match branch {
            Ok((Ok(hash), Ok(count))) => {
                println!("{hash:016x} {count:>6}  {name}");
                lines += count;
            }
            Ok((Err(error), _) | (_, Err(error))) => {
                println!("{:>23}  {name}: {error}", "-");
                failed += 1;
            }
            Err(lost) => println!("{:>23}  {name}: {lost}", "-"),
        }
    }
    let milliseconds = start.elapsed().as_millis();
    println!("\n{lines} lines in {} files, {failed} unreadable, {milliseconds} ms", files.len() - failed);
    Ok(())
}

fn find_sources(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            if name != "target" && !name.to_string_lossy().starts_with('.') {
                find_sources(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
