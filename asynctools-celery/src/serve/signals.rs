//! The signals that stop a worker.

use std::io;

/// Calls `stop` for each SIGTERM and SIGINT, on a thread of its own.
#[cfg(unix)]
pub(crate) fn watch(stop: impl Fn() + Send + 'static) -> io::Result<()> {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::thread;

    let (mut told, term) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGINT, term.try_clone()?)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, term)?;
    let watch = move || {
        let mut byte = [0];
        while told.read_exact(&mut byte).is_ok() {
            stop();
        }
    };
    thread::Builder::new().name("celery-signals".to_owned()).spawn(watch).map(drop)
}

/// Does nothing: here the system ends the process, and its messages come back after their timeout.
#[cfg(not(unix))]
pub(crate) fn watch(_stop: impl Fn() + Send + 'static) -> io::Result<()> {
    Ok(())
}
