//! Something between a worker and its server that breaks at a chosen moment.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

/// Where in the traffic it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// Before this piece of the traffic goes on.
    Before(usize),
    /// After half of it has gone on.
    Within(usize),
}

struct Line {
    server: u16,
    at: Mutex<Break>,
    passed: AtomicUsize,
    /// The word of a command, and the answer that it gets instead of the server's, this often.
    refused: (&'static str, &'static str, AtomicUsize),
    /// How many connections there were, and how many of them are dead.
    made: AtomicUsize,
    dead: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
    then: Box<dyn Fn() + Send + Sync>,
}

/// A proxy, which passes everything on after it broke once.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    line: Arc<Line>,
}

impl Proxy {
    /// Starts a proxy that cuts all of its connections, then calls `then`.
    pub(crate) fn start(server: u16, at: Break, then: impl Fn() + Send + Sync + 'static) -> Self {
        Self::of(server, at, ("", "", AtomicUsize::new(0)), Box::new(then))
    }

    /// Starts a proxy that answers so often in the place of the server, when a command has this word.
    pub(crate) fn refusing(server: u16, word: &'static str, answer: &'static str, times: usize) -> Self {
        Self::of(server, Break::Before(usize::MAX), (word, answer, AtomicUsize::new(times)), Box::new(|| {}))
    }

    fn of(
        server: u16,
        at: Break,
        refused: (&'static str, &'static str, AtomicUsize),
        then: Box<dyn Fn() + Send + Sync>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (passed, made, dead) = Default::default();
        let (at, open) = (Mutex::new(at), Mutex::default());
        let line = Arc::new(Line { server, at, passed, refused, made, dead, open, then });
        let accepting = line.clone();
        // It ends with the process of the tests.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", accepting.server)) else { continue };
                let number = accepting.made.fetch_add(1, Ordering::SeqCst);
                let pairs = [(&client, &server), (&server, &client)];
                for (from, to) in pairs.map(|(from, to)| (from.try_clone(), to.try_clone())) {
                    let (Ok(from), Ok(to)) = (from, to) else { continue };
                    let line = accepting.clone();
                    thread::spawn(move || line.pump(number, from, to));
                }
                accepting.open.lock().expect("nothing panics").extend([client, server]);
            }
        });
        Self { port, line }
    }

    /// Starts a proxy that never breaks by itself.
    pub(crate) fn whole(server: u16) -> Self {
        Self::start(server, Break::Before(usize::MAX), || {})
    }

    /// Returns the address of the proxy, as the server's.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// From now on nothing comes through the connections of this moment, and nothing says so.
    pub(crate) fn go_dead(&self) {
        self.line.dead.store(self.line.made.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Has the proxy break at this piece of the traffic, counted from now on.
    pub(crate) fn break_at(&self, at: Break) {
        *self.line.at.lock().expect("nothing panics") = at;
        self.line.passed.store(0, Ordering::SeqCst);
    }

    /// Returns whether it has broken.
    pub(crate) fn has_broken(&self) -> bool {
        let (Break::Before(at) | Break::Within(at)) = *self.line.at.lock().expect("nothing panics");
        self.line.passed.load(Ordering::SeqCst) > at
    }
}

impl Line {
    fn pump(&self, connection: usize, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if connection < self.dead.load(Ordering::SeqCst) {
                continue;
            }
            if self.refuses(&buffer[..length]) {
                let _ = from.write_all(self.refused.1.as_bytes());
                continue;
            }
            let at = *self.at.lock().expect("nothing panics");
            let number = self.passed.fetch_add(1, Ordering::SeqCst);
            let piece = &buffer[..length];
            match at {
                Break::Before(at) if at == number => return self.cut(),
                Break::Within(at) if at == number => {
                    let _ = to.write_all(&piece[..length / 2]);
                    return self.cut();
                }
                _ if to.write_all(piece).is_err() => break,
                _ => {}
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    fn refuses(&self, piece: &[u8]) -> bool {
        let (word, _, times) = &self.refused;
        let is_it = !word.is_empty() && piece.windows(word.len()).any(|part| part == word.as_bytes());
        is_it && times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |times| times.checked_sub(1)).is_ok()
    }

    fn cut(&self) {
        for stream in self.open.lock().expect("nothing panics").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        (self.then)();
    }
}
