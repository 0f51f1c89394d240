//! The threads that wait for messages: one for each list, since a connection can wait at a single list only, and the
//! wait must leave the message in the list.

use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use redis::Value;

use crate::broker::connection::BrokerError;
use crate::worker::link::Link;
use crate::worker::run;
use crate::worker::run::Job;
use crate::worker::shared::Delivery;
use crate::worker::shared::Reserved;
use crate::worker::shared::Shared;

/// How long the server lets a wait last.
const WAIT: Duration = Duration::from_secs(10);

/// The longest wait between two attempts to reach the broker.
const LONGEST_WAIT_TO_REACH: Duration = Duration::from_secs(5);

/// After this time without a message a thread makes a new connection. The old connection may lead to a server that clients
/// have left, which answers for ever that there is nothing.
const FRUITLESS: Duration = Duration::from_secs(60);

/// Waits at one list until the worker stops.
pub(crate) fn run(shared: &Arc<Shared>, list: &str) {
    let mut wait = Duration::from_millis(50);
    while let Err(error) = watch(shared, list, FRUITLESS, &mut wait) {
        if shared.lock().stopping() {
            return;
        }
        eprintln!("asynctools-celery: waiting at `{list}`: {error}");
        shared.close_unused();
        thread::sleep(wait);
        wait = (wait * 2).min(LONGEST_WAIT_TO_REACH);
    }
}

fn watch(shared: &Arc<Shared>, list: &str, fruitless: Duration, wait: &mut Duration) -> Result<(), BrokerError> {
    let mut link = shared.link()?;
    let seconds = WAIT.as_secs().to_string();
    let list = list.as_bytes();
    let mut since = Instant::now();
    while shared.wait_for_room() {
        if since.elapsed() > fruitless {
            link = shared.new_link()?;
            since = Instant::now();
        }
        // From the list to the same end of the same list: nothing moves.
        let waited = link.broker.wait_for(WAIT, &[b"BLMOVE", list, list, b"RIGHT", b"RIGHT", seconds.as_bytes()])?;
        *wait = Duration::from_millis(50);
        if waited != Value::Nil {
            since = Instant::now();
            link = fill(shared, link)?;
        }
    }
    Ok(())
}

/// Gives messages to the free threads: first those whose time has come, then those that the server has. Returns a connection, for
/// the next question.
pub(crate) fn fill(shared: &Arc<Shared>, link: Link) -> Result<Link, BrokerError> {
    loop {
        match shared.reserve() {
            Reserved::Nothing => return Ok(link),
            Reserved::Ready(delivery) => run::start(shared, delivery),
            Reserved::Take(numbers) => {
                Asked { shared: shared.clone(), link: Some(link), numbers }.start()?;
                return shared.link();
            }
        }
    }
}

/// A question for messages, whose answer the first of the reserved threads hears: it wakes up while the server works.
struct Asked {
    shared: Arc<Shared>,
    /// The connection, until the answer.
    link: Option<Link>,
    /// The numbers of the messages, until the answer.
    numbers: Vec<u64>,
}

impl Asked {
    fn start(mut self) -> Result<(), BrokerError> {
        let tags: Vec<_> = self.numbers.iter().map(|number| self.shared.tag(*number)).collect();
        let asked = self.link.as_mut().map_or(Ok(()), |link| link.ask_for(&self.shared.config.lists, &tags));
        if let Err(error) = asked {
            self.fail();
            return Err(error);
        }
        self.shared.clone().threads.run(Box::new(move || self.hear()));
        Ok(())
    }

    /// Hears the answer on the first thread, which runs the first message. The others get a thread each.
    fn hear(mut self) {
        let Some(mut link) = self.link.take() else { return };
        let taken = match link.taken() {
            Ok(taken) => taken,
            Err(error) => {
                self.fail();
                eprintln!("asynctools-celery: taking messages: {error}");
                return self.shared.close_unused();
            }
        };
        let shared = self.shared.clone();
        shared.keep(link);
        let mut numbers = std::mem::take(&mut self.numbers);
        shared.release(&numbers.split_off(taken.len()));
        let mut deliveries = numbers.into_iter().zip(taken).map(|(number, taken)| Delivery::of(number, taken));
        let first = deliveries.next();
        deliveries.for_each(|delivery| run::start(&shared, delivery));
        if let Some(first) = first {
            Job::new(&shared, first.number).run(first);
        }
    }

    /// Leaves the messages, which may have been taken, to the keeper.
    fn fail(&mut self) {
        self.link = None;
        let numbers = std::mem::take(&mut self.numbers);
        // In this order, since a worker that stops looks what is left once no thread is reserved.
        self.shared.doubt(&numbers);
        self.shared.release(&numbers);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.numbers.is_empty() {
            return;
        }
        // The threads have refused the job. After the answer the messages are where the keeper looks for them.
        if let Some(mut link) = self.link.take() {
            let _ = link.taken();
        }
        self.shared.refused(&self.numbers);
        self.shared.release(&self.numbers);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::io::Write;
    use std::net::TcpListener;
    use std::net::TcpStream;
    use std::sync::Arc;
    use std::sync::Mutex;
    use std::sync::mpsc::Sender;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use crate::broker::address::Address;
    use crate::broker::keys::Keys;
    use crate::registry::Registry;
    use crate::worker::fetch::watch;
    use crate::worker::shared::Config;
    use crate::worker::shared::Shared;
    use crate::worker::threads::Threads;

    /// One thread, which reports a job and drops it.
    struct Told(Mutex<Sender<()>>);

    impl Threads for Told {
        fn run(&self, job: Box<dyn FnOnce() + Send>) {
            drop(job);
            self.0.lock().expect("nothing panics").send(()).expect("the test goes on");
        }

        fn count(&self) -> usize {
            1
        }

        fn grow(&self) {}

        fn shrink(&self) {}
    }

    /// Answers as a server does whose list has a message, or nothing.
    fn answer(mut client: TcpStream, has_message: bool) {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            let asked = String::from_utf8_lossy(&buffer[..length]).into_owned();
            // The greeting, which no server needs to understand.
            let mut answers = "+OK\r\n".repeat(asked.matches("SETINFO").count());
            answers += match () {
                () if asked.contains("BLMOVE") && has_message => "$1\r\nm\r\n",
                () if asked.contains("BLMOVE") => "$-1\r\n",
                () if asked.contains("EVALSHA") => "*3\r\n:0\r\n$1\r\nq\r\n$1\r\nm\r\n",
                () if asked.contains("SCRIPT") => "$4\r\nname\r\n",
                () => "",
            };
            if client.write_all(answers.as_bytes()).is_err() {
                return;
            }
        }
    }

    #[test]
    fn a_connection_that_brings_nothing_for_long_is_replaced() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let broker = Address::parse(&format!("redis://{}", listener.local_addr().unwrap())).unwrap();
        thread::spawn(move || {
            for (index, client) in listener.incoming().flatten().enumerate() {
                thread::spawn(move || answer(client, index > 0));
            }
        });
        let config = Config {
            name: "worker@here".to_owned(),
            broker,
            backend: None,
            keys: Arc::new(Keys::new("", "")),
            lists: vec!["q".to_owned()],
            visibility_timeout: Duration::from_secs(60),
            max_deliveries: 5,
            result_expires: None,
            result_extended: false,
        };
        let (tell, told) = channel();
        let shared = Arc::new(Shared::new(config, Registry::default(), Arc::new(Told(Mutex::new(tell)))));
        let watching = shared.clone();
        let watch =
            thread::spawn(move || watch(&watching, "q", Duration::from_millis(20), &mut Duration::from_millis(50)));
        let taken = told.recv_timeout(Duration::from_secs(60));
        shared.stop();
        assert_eq!(taken, Ok(()), "the first connection says for ever that there is nothing");
        watch.join().unwrap().unwrap();
        assert!(shared.wait_until_idle(Duration::ZERO), "the thread is free again");
        assert_eq!(shared.lock().unsure(), [1], "the keeper looks for the message of the job that was dropped");
    }
}
