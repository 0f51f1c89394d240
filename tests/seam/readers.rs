//! Readers of the three formats, which know the rules of the programs that open them.

use std::collections::HashMap;

use asynctools::trace::Trace;
use serde_json::Value;

/// Has a reader of each format read the trace.
pub(crate) fn check(trace: &Trace) {
    let (mut json, mut svg, mut dot) = (Vec::new(), Vec::new(), Vec::new());
    trace.write_chrome(&mut json).unwrap();
    trace.write_svg(&mut svg).unwrap();
    trace.write_dot(&mut dot).unwrap();
    chrome(&String::from_utf8(json).unwrap(), trace);
    xml(&String::from_utf8(svg).unwrap());
    graphviz(&String::from_utf8(dot).unwrap());
}

/// The nanoseconds of a time in microseconds.
fn nanos(event: &Value, field: &str) -> u64 {
    let micros = event[field].to_string();
    let (whole, part) = micros.split_once('.').unwrap_or((&micros, ""));
    whole.parse::<u64>().unwrap() * 1000 + format!("{part:0<3}").parse::<u64>().unwrap()
}

/// Reads as Perfetto does: slices of a row nest, an arrow begins and ends inside of slices, an asynchronous slice has both ends.
fn chrome(text: &str, trace: &Trace) {
    let events: Vec<Value> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let mut rows: HashMap<u64, Vec<(u64, u64)>> = HashMap::new();
    let mut arrows: HashMap<u64, Vec<&Value>> = HashMap::new();
    let mut open: HashMap<(String, String), u64> = HashMap::new();
    let mut counted = 0;
    for event in &events {
        let row = event["tid"].as_u64().unwrap();
        match event["ph"].as_str().unwrap() {
            "X" => {
                let start = nanos(event, "ts");
                rows.entry(row).or_default().push((start, start + nanos(event, "dur")));
                counted += usize::from(event["cat"] != "wait");
            }
            "i" => counted += 1,
            "M" => assert_eq!(event["name"], "thread_name"),
            "s" | "f" => arrows.entry(event["id"].as_u64().unwrap()).or_default().push(event),
            "b" => {
                let key = (event["cat"].to_string(), event["id"].to_string());
                assert!(open.insert(key, nanos(event, "ts")).is_none(), "an asynchronous slice begins twice");
            }
            "e" => {
                let key = (event["cat"].to_string(), event["id"].to_string());
                assert!(open.remove(&key).expect("it has begun") <= nanos(event, "ts"));
            }
            other => panic!("an event of kind {other}"),
        }
    }
    assert!(open.is_empty());
    assert_eq!(counted, trace.calls().len());
    for (row, slices) in &mut rows {
        // In the order of the file, where the starts are equal: that is how the importer sorts.
        slices.sort_by_key(|slice| slice.0);
        let mut stack: Vec<u64> = Vec::new();
        for (start, end) in slices {
            while stack.last().is_some_and(|top| top <= start) {
                stack.pop();
            }
            assert!(stack.last().is_none_or(|top| &*end <= top), "slices overlap on row {row}: {text}");
            stack.push(*end);
        }
    }
    for ends in arrows.values() {
        let [from, to] = ends[..] else { panic!("an arrow has two ends") };
        assert_eq!((from["ph"].as_str(), to["ph"].as_str(), to["bp"].as_str()), (Some("s"), Some("f"), Some("e")));
        assert!(nanos(from, "ts") <= nanos(to, "ts"));
        for end in [from, to] {
            let at = nanos(end, "ts");
            let row = &rows[&end["tid"].as_u64().unwrap()];
            assert!(row.iter().any(|(start, end)| *start <= at && at <= *end), "an arrow ends outside of all slices");
        }
    }
}

/// Reads as an XML parser does: tags nest, attributes are quoted, `<` and `&` are escaped.
fn xml(text: &str) {
    let entity = |text: &str| {
        for part in text.split('&').skip(1) {
            let name = part.split(';').next().unwrap();
            assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "&{part}");
        }
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    };
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>') || open.last() == Some(&"style"), "{}", &rest[..at]);
        if open.last() != Some(&"style") {
            entity(&rest[..at]);
        }
        let end = rest[at..].find('>').expect("a tag has an end") + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let quotes: Vec<_> = attributes.split('"').collect();
        assert!(quotes.len() % 2 == 1, "{tag}");
        for pair in quotes.chunks_exact(2) {
            assert!(pair[0].ends_with('=') && pair[0].trim_start().len() > 1, "{tag}");
            entity(pair[1]);
        }
        if !is_empty {
            open.push(name);
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty());
    assert!(text.starts_with("<svg xmlns=") && !text.contains("<script"));
}

/// Reads as Graphviz does: one statement to a line, and strings end where they should.
pub(crate) fn graphviz(text: &str) {
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("digraph ") && lines[0].ends_with('{') && lines[lines.len() - 1] == "}", "{text}");
    for line in &lines[1..lines.len() - 1] {
        let mut in_string = false;
        let mut escaped = false;
        for c in line.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' if in_string => escaped = true,
                '"' => in_string = !in_string,
                _ => {}
            }
        }
        assert!(!in_string && line.ends_with(';'), "{line}");
    }
}
