//! The names of keys and topics.

/// The prefix of the keys, and of the channels, of results.
const RESULT: &str = "celery-task-meta-";

/// The mark between the name of a queue and a step of priority.
pub(crate) const STEP: &str = "\u{6}\u{16}";

const STEPS: [u8; 4] = [0, 3, 6, 9];

/// The names of keys and topics of a fleet, below the prefixes that `global_keyprefix` sets.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
    /// The prefix of the keys, and of the channels, of results.
    pub(crate) results: String,
    /// The messages that a worker has taken and not acknowledged, by tag.
    pub(crate) unacked: String,
    /// When each of them was taken, or last said to be alive.
    pub(crate) unacked_index: String,
    /// The ids of revoked calls, and when they were revoked.
    pub(crate) revoked: String,
}

impl Keys {
    /// Returns the names below a prefix for the broker and a prefix for the backend, which Celery ends with `_`.
    pub(crate) fn new(prefix: &str, backend: &str) -> Self {
        let end = if backend.is_empty() || backend.ends_with([':', '_', '-', '.']) { "" } else { "_" };
        Self {
            prefix: prefix.to_owned(),
            results: format!("{backend}{end}{RESULT}"),
            unacked: format!("{prefix}unacked"),
            unacked_index: format!("{prefix}unacked_index"),
            revoked: format!("{prefix}celery-revoked"),
        }
    }

    /// Returns the name of a key of the broker.
    pub(crate) fn of(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Returns the topic of remote control. The number of the database is a part of it, though topics belong to none.
    pub(crate) fn control(&self, database: i64) -> String {
        format!("{}/{database}.celery.pidbox", self.prefix)
    }

    /// Returns the list of a queue for a priority: four lists a queue, and 0 is the highest priority.
    pub(crate) fn list(&self, queue: &str, priority: u8) -> String {
        let step = STEPS.into_iter().rfind(|step| *step <= priority).unwrap_or(0);
        let Self { prefix, .. } = self;
        if step == 0 { format!("{prefix}{queue}") } else { format!("{prefix}{queue}{STEP}{step}") }
    }

    /// Returns the lists of a queue, the highest priority first.
    pub(crate) fn lists(&self, queue: &str) -> impl Iterator<Item = String> {
        STEPS.into_iter().map(move |step| self.list(queue, step))
    }

    /// Returns the queue that a list belongs to.
    pub(crate) fn queue<'a>(&self, list: &'a str) -> &'a str {
        let list = list.strip_prefix(&self.prefix).unwrap_or(list);
        list.split(STEP).next().unwrap_or(list)
    }

    /// Returns the mark of a call that was put into its list again, after this many runs.
    pub(crate) fn again(&self, id: &str, retries: u32) -> String {
        format!("{}:again:{id}:{retries}", self.unacked)
    }

    pub(crate) fn result(&self, id: &str) -> String {
        format!("{}{id}", self.results)
    }

    /// Returns the list of messages that no worker could finish, beside the list from which they came.
    pub(crate) fn dead(&self, list: &str) -> String {
        format!("{}{}.dead", self.prefix, self.queue(list))
    }
}

#[cfg(test)]
mod tests {
    use crate::broker::keys::Keys;

    #[test]
    fn keys_are_those_of_celery() {
        let keys = Keys::new("", "");
        assert_eq!(keys.lists("q").collect::<Vec<_>>(), ["q", "q\u{6}\u{16}3", "q\u{6}\u{16}6", "q\u{6}\u{16}9"]);
        assert_eq!(keys.list("q", 5), "q\u{6}\u{16}3");
        assert_eq!((keys.result("id"), keys.control(2)), ("celery-task-meta-id".into(), "/2.celery.pidbox".into()));
    }

    #[test]
    fn keys_have_the_prefix_of_the_fleet() {
        let keys = Keys::new("a:", "b");
        let list = keys.list("q", 9);
        assert_eq!((list.as_str(), keys.queue(&list)), ("a:q\u{6}\u{16}9", "q"));
        assert_eq!((keys.dead(&list), keys.control(0)), ("a:q.dead".into(), "a:/0.celery.pidbox".into()));
        assert_eq!((keys.result("id"), keys.unacked.as_str()), ("b_celery-task-meta-id".into(), "a:unacked"));
        assert_eq!(Keys::new("", "b:").results, "b:celery-task-meta-");
    }
}
