//! The tables, as Markdown that reads well on a terminal.

use crate::measure::Measured;
use crate::measure::Row;
use crate::measure::time;
use crate::memory::Memory;
use crate::memory::sizes;

fn table(head: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, &width)| format!(" {cell:width$} |"));
        println!("|{}", padded.collect::<String>());
    };
    line(head.to_vec());
    let dashes: Vec<_> = widths.iter().map(|&width| "-".repeat(width)).collect();
    line(dashes.iter().map(String::as_str).collect());
    for row in rows {
        line(row.iter().map(String::as_str).collect());
    }
    println!();
}

/// The times of all systems at one work.
pub(crate) fn work(measured: &Measured) {
    let best = measured.systems.iter().map(|system| system.quartiles().median).fold(f64::INFINITY, f64::min);
    let rows = measured.systems.iter().map(|system| {
        let times = system.quartiles();
        let name = if system.ours { format!("**{}**", system.name) } else { system.name.to_owned() };
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
        let verdict = row.verdict.filter(|_| judged).map_or("", crate::measure::Verdict::word);
        vec![row.work, row.ours, row.against, row.ratio, row.bar, verdict.to_owned()]
    });
    table(&["work", "ours", "against", "ratio (quartiles)", "bar", "verdict"], &rows.collect::<Vec<_>>());
}
