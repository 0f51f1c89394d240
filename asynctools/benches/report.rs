//! What the tables show.

use crate::measure::Kind;
use crate::measure::Measured;
use crate::measure::Row;
use crate::measure::time;
use crate::memory::Memory;
use crate::memory::sizes;
use crate::quartiles::Verdict;
use crate::table::table;

/// The times of all systems at one work.
pub(crate) fn work(measured: &Measured) {
    let best = measured.systems.iter().map(|system| system.quartiles().median).fold(f64::INFINITY, f64::min);
    let rows = measured.systems.iter().map(|system| {
        let times = system.quartiles();
        let name = match system.kind {
            Kind::Ours => format!("**{}**", system.name),
            Kind::Before => format!("{}, before", system.name),
            Kind::Peer | Kind::Ideal => system.name.to_owned(),
        };
        let spread = format!("{} - {}", time(times.first), time(times.third));
        vec![name, time(times.median), spread, format!("{:.2}", times.median / best)]
    });
    let per = format!("per {}", measured.per);
    table(&[measured.name, &per, "quartiles", "to the least"], &rows.collect::<Vec<_>>());
}

pub(crate) fn memory(memory: &[Memory]) {
    let head = ["a waiting call", "allocations", "bytes", "mean allocations, with the queue", "mean bytes"];
    table(&head, &memory.iter().map(Memory::cells).collect::<Vec<_>>());
    println!("{}\n", sizes());
}

/// The bars; the last column only where they are judged.
pub(crate) fn bars(rows: Vec<Row>, judged: bool) {
    let rows = rows.into_iter().map(|row| {
        let verdict = row.verdict.filter(|_| judged).map_or("", Verdict::word);
        vec![row.work, row.ours, row.against, row.ratio, row.bar, verdict.to_owned()]
    });
    table(&["work", "ours", "against", "ratio (quartiles)", "bar", "verdict"], &rows.collect::<Vec<_>>());
}
