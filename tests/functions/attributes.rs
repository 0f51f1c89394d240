//! Our attribute, and those beside it.

use crate::dice::Draft;
use crate::host::Host;

/// Attributes beside ours, in front of it and after it.
pub(crate) fn around(draft: &mut Draft, body: &mut Vec<String>) -> [Vec<&'static str>; 2] {
    const ALL: [&str; 16] = [
        "/// Has a line of docs.",
        "#[doc = \"More docs.\"]",
        "/** A block of docs. */",
        "#[doc(alias = \"other\")]",
        "#[inline]",
        "#[cold]",
        "#[must_use]",
        "#[must_use = \"because\"]",
        "#[deprecated]",
        "#[deprecated(since = \"1.0.0\", note = \"it is old\")]",
        "#[cfg(all())]",
        "#[cfg_attr(all(), inline(never))]",
        "#[allow(unused_variables, unused_assignments)]",
        "#[expect(unused_variables, reason = \"there is one\")]",
        "#[track_caller]",
        "#[rustfmt::skip]",
    ];
    let mut around = [Vec::new(), Vec::new()];
    let mut kinds: Vec<&str> = Vec::new();
    for _ in 0..draft.dice.below(4) {
        let attr = draft.dice.pick(&ALL);
        let word: String = attr.chars().filter(|c| !"#[".contains(*c)).take(4).collect();
        let kind = ["inli", "must", "depr", "cfg_", "expe", "allo"].iter().find(|kind| **kind == word);
        // Two of a kind are a warning.
        let clash = |kind: &str| kinds.contains(&kind) || (kind == "cfg_" && kinds.contains(&"inli"));
        if around.concat().contains(&attr) || kind.is_some_and(|kind| clash(kind)) {
            continue;
        }
        if word == "inli" && kinds.contains(&"cfg_") || word == "expe" && kinds.contains(&"allo") {
            continue;
        }
        kinds.extend(kind);
        draft.note(attr);
        around[draft.dice.below(2)].push(attr);
    }
    if kinds.contains(&"expe") {
        // What is allowed is not what is expected.
        for attrs in &mut around {
            attrs.retain(|attr| !attr.contains("allow") && !attr.contains("skip"));
        }
        body.push("let not_used = 1;".to_owned());
    }
    around
}

/// Our attribute, and whether it keeps the original.
pub(crate) fn attribute(draft: &mut Draft, host: &Host) -> (String, bool) {
    let parallel = draft.dice.once_in(3);
    let mut options = Vec::new();
    if !parallel {
        place(draft, host, &mut options);
    }
    let sync = draft.dice.once_in(5);
    if sync {
        options.push("sync = call_now".to_owned());
    }
    if draft.dice.once_in(6) {
        draft.note("crate = ..");
        let path = draft.dice.pick(&["::asynctools", "crate::kit::tools", "kit::tools", "asynctools"]);
        options.push(format!("crate = {path}"));
    }
    for last in (1..options.len()).rev() {
        options.swap(last, draft.dice.below(last + 1));
    }
    let name = if parallel { "parallel" } else { "pooled" };
    let name = match draft.dice.below(5) {
        0 => {
            draft.uses.insert(if parallel { "asynctools::parallel" } else { "asynctools::pooled" });
            name.to_owned()
        }
        1 => format!("::asynctools::{name}"),
        _ => format!("asynctools::{name}"),
    };
    let comma = if !options.is_empty() && draft.dice.once_in(3) { "," } else { "" };
    let written = match (options.is_empty(), draft.dice.once_in(4)) {
        (true, false) => name,
        _ => format!("{name}({}{comma})", options.join(", ")),
    };
    if draft.dice.once_in(8) {
        draft.note("by cfg_attr");
        return (format!("#[cfg_attr(all(), {written})]"), sync);
    }
    (format!("#[{written}]"), sync)
}

/// Where a pooled function runs.
fn place(draft: &mut Draft, host: &Host, options: &mut Vec<String>) {
    const NUMBERS: [&str; 15] = [
        "1",
        "2",
        "5_usize",
        "0x2",
        "kit::WORKERS",
        "kit::workers()",
        "{ 1 + 1 }",
        "{ 1 } + kit::WORKERS",
        "if kit::WORKERS < 2 { 1 } else { kit::WORKERS }",
        "kit::WORKERS * 2 - 1",
        "usize::from(2_u8)",
        "[1, 2].len()",
        "match 1 { 1 => 2, _ => 3 }",
        "{ let n = |n: usize| n + 1; n(1) }",
        "kit::WORKERS as u8 as usize",
    ];
    if host.has_pool {
        draft.note("pool = self.pool");
        options.push("pool = self.pool".to_owned());
        return;
    }
    let number = |draft: &mut Draft| draft.dice.pick(&NUMBERS);
    match draft.dice.below(5) {
        0 => draft.note("#[pooled]"),
        1 => {
            draft.note("pool = ..");
            let pools = ["kit::POOL", "kit::LAZY", "*kit::POOLS[0]", "kit::pool()", "asynctools::Pool::global()"];
            options.push(format!("pool = {}", draft.dice.pick(&pools)));
        }
        kind => {
            draft.note("workers = ..");
            options.push(format!("workers = {}", number(draft)));
            if kind > 2 {
                draft.note("queue = ..");
                options.push(format!("queue = {}", number(draft)));
            }
            if kind > 3 {
                draft.note("on_full = ..");
                // One that rejects might.
                options.push(format!("on_full = {}", draft.dice.pick(&["\"block\"", "\"run_here\"", "r\"block\""])));
            }
        }
    }
}
