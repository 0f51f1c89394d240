//! The names of keys and topics.

/// The messages that a worker has taken and not acknowledged, by tag.
pub(crate) const UNACKED: &str = "unacked";

/// When each of them was taken, or last said to be alive.
pub(crate) const UNACKED_INDEX: &str = "unacked_index";

/// The prefix of the keys, and of the channels, of results.
pub(crate) const RESULT: &str = "celery-task-meta-";

/// The mark between the name of a queue and a step of priority.
pub(crate) const STEP: &str = "\u{6}\u{16}";

const STEPS: [u8; 4] = [0, 3, 6, 9];

/// Returns the topic of remote control. The number of the database is a part of it, though topics belong to none.
pub(crate) fn control(database: i64) -> String {
    format!("/{database}.celery.pidbox")
}

/// Returns the list of a queue for a priority: four lists a queue, and 0 is the highest priority.
pub(crate) fn list(queue: &str, priority: u8) -> String {
    let step = STEPS.into_iter().rfind(|step| *step <= priority).unwrap_or(0);
    if step == 0 { queue.to_owned() } else { format!("{queue}{STEP}{step}") }
}

/// Returns the lists of a queue, the highest priority first.
pub(crate) fn lists(queue: &str) -> impl Iterator<Item = String> {
    STEPS.into_iter().map(move |step| list(queue, step))
}

/// Returns the queue that a list belongs to.
pub(crate) fn queue(list: &str) -> &str {
    list.split(STEP).next().unwrap_or(list)
}

pub(crate) fn result(id: &str) -> String {
    format!("{RESULT}{id}")
}

/// Returns the queue of messages that no worker could finish.
pub(crate) fn dead(queue: &str) -> String {
    format!("{queue}.dead")
}
