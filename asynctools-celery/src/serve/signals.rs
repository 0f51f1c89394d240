//! The signals that stop a worker.

use std::io;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;

/// Returns a channel that gets an item for each SIGTERM and SIGINT.
#[cfg(unix)]
pub(crate) fn stop() -> io::Result<Receiver<()>> {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::thread;

    let (mut told, term) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGINT, term.try_clone()?)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, term)?;
    let (stop, stopped) = mpsc::channel();
    thread::Builder::new().name("celery-signals".to_owned()).spawn(move || {
        let mut byte = [0];
        while told.read_exact(&mut byte).is_ok() && stop.send(()).is_ok() {}
    })?;
    Ok(stopped)
}

/// Returns a channel that gets nothing: here the system ends the process, and messages come back after their timeout.
#[cfg(not(unix))]
pub(crate) fn stop() -> io::Result<Receiver<()>> {
    let (stop, stopped) = mpsc::channel();
    std::mem::forget(stop);
    Ok(stopped)
}
