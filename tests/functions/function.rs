//! A module with a function, the same function under one of the attributes, and a check that calls both.

use std::collections::BTreeMap;

use crate::attributes::around;
use crate::attributes::attribute;
use crate::dice::Dice;
use crate::dice::Draft;
use crate::host::Home;
use crate::host::Host;
use crate::inputs::Argument;
use crate::inputs::Fate;
use crate::inputs::Input;
use crate::outputs::Output;
use crate::outputs::Place;

/// The text of the module, and which forms of the grammar are in it.
pub(crate) struct Module {
    pub(crate) text: String,
    pub(crate) forms: BTreeMap<&'static str, usize>,
}

struct Function {
    draft: Draft,
    home: Home,
    host: Host,
    inputs: Vec<Input>,
    output: Output,
    body: String,
    attribute: String,
    /// The others, in front of ours and after it.
    around: [Vec<&'static str>; 2],
    vis: &'static str,
    sync: bool,
    macro_made: bool,
    recursive: bool,
}

pub(crate) fn module(seed: u64, index: usize) -> Module {
    let mut function = Function::new(Draft::new(Dice::new(seed, index)));
    let text = function.module(index);
    Module { text, forms: function.draft.forms }
}

impl Function {
    fn new(mut draft: Draft) -> Self {
        let home = match draft.dice.below(8) {
            0..4 => Home::Module,
            4 => Home::Local,
            _ => Home::Impl,
        };
        let host = Host::new(&mut draft, home);
        let mut body = Vec::new();
        let inputs = inputs(&mut draft, &mut body);
        let nameless = inputs.iter().any(|input| input.written.contains("impl "));
        let borrows = inputs.iter().any(|input| input.written.contains('&'));
        let method = home == Home::Impl;
        let place = Place { method, borrows: borrows || method, nameless };
        let output = Output::any(&mut draft, place);
        let (attribute, sync) = attribute(&mut draft, &host);
        let vis = match home {
            Home::Local => "",
            _ => draft.dice.pick(&["", "", "pub ", "pub(crate) ", "pub(super) ", "pub(self) ", "pub(in crate) "]),
        };
        let recursive = !output.never && inputs.len() < 12 && draft.dice.once_in(12);
        let macro_made = !recursive && !host.has_pool && draft.dice.once_in(6);
        let around = around(&mut draft, &mut body);
        // A closure in the body of a function would be another one in every call of it by itself.
        let recursive = recursive && !nameless && draft.generics.iter().all(|generic| generic.given != "_");
        // To rustc, the original and the call are two deprecated functions, and each may use only itself.
        let recursive = recursive && !around.concat().iter().any(|attr| attr.contains("deprecated"));
        host.look(&mut draft, &mut body);
        decorate(&mut draft, &mut body, macro_made);
        if draft.dice.once_in(4) {
            body.push("if trace.unlucky(5) { panic!(\"panicked at {}\", trace.sum()) }".to_owned());
        }
        let body = body.join("\n    ");
        let mut function =
            Self { draft, home, host, inputs, output, body, attribute, around, vis, sync, macro_made, recursive };
        function.note();
        function
    }

    fn note(&mut self) {
        let form = match (self.home, &self.host.receiver) {
            (Home::Module, _) => "a function",
            (Home::Local, _) => "a local function",
            (Home::Impl, Some(receiver)) => receiver.written,
            (Home::Impl, None) => "an associated function",
        };
        self.draft.note(form);
        let flags = [
            ("by macro_rules", self.macro_made),
            ("recursive", self.recursive),
            ("sync", self.sync),
            ("no parameters", self.inputs.is_empty()),
            ("twelve parameters", self.inputs.len() == 12),
            ("generic", !self.draft.generics.is_empty()),
            ("generic impl", !self.host.generics.is_empty()),
        ];
        for (form, _) in flags.iter().filter(|(_, is)| *is) {
            self.draft.note(form);
        }
    }

    fn module(&mut self, index: usize) -> String {
        let called = self.written("call", Some(&self.attribute.clone()));
        let dead = "#[allow(dead_code, reason = \"not every case looks at it\")]";
        let plain = format!("{dead}\n{}", self.written("plain", None));
        let functions = if self.macro_made { self.by_macro(&plain) } else { format!("{plain}\n{called}") };
        let mut check = String::new();
        // Each one takes its time to compile.
        for case in 0..if self.draft.dice.once_in(10) { 2 } else { 1 } {
            check.push_str(&self.case(index, case));
        }
        let uses: Vec<_> = self.draft.uses.iter().map(|name| format!("use {name};\n")).collect();
        let uses = uses.concat();
        let allow = if self.around.concat().iter().any(|attr| attr.contains("deprecated")) {
            "#[allow(deprecated, reason = \"by its own check\")]\n"
        } else {
            ""
        };
        let check = |inside: &str| format!("{allow}pub(crate) fn check(log: &mut kit::Log) {{\n{inside}{check}}}\n");
        let text = match self.home {
            Home::Module => format!("{}\n{}", functions.replace("@MACRO", "").replace("@END", ""), check("")),
            Home::Local => check(&functions.replace("@MACRO", "").replace("@END", "")),
            Home::Impl => format!("{}\n{}", self.host.written(&functions), check("")),
        };
        format!("use crate::kit;\n{uses}\n{text}")
    }

    /// The function under a name, with our attribute or without.
    fn written(&mut self, name: &str, ours: Option<&str>) -> String {
        let [before, after] = &self.around;
        let mut attributes: Vec<&str> = before.clone();
        attributes.extend(ours);
        attributes.extend(after);
        let attributes = attributes.join("\n");
        format!("{attributes}\n{}", self.without_attributes(name, ours.is_some()))
    }

    fn without_attributes(&mut self, name: &str, called: bool) -> String {
        let receiver = self.host.receiver.map(|receiver| receiver.written.to_owned());
        let inputs = receiver.into_iter().chain(self.inputs.iter().map(|input| input.written.clone()));
        let mut inputs: Vec<_> = inputs.collect();
        if self.recursive {
            inputs.push("again: u8".to_owned());
        }
        let (generics, clause) = self.generics();
        let again = if self.recursive { self.again(name, called) } else { String::new() };
        let output = self.output.written.replace("@GENERICS", &self.captured());
        let made = self.output.made.clone();
        let vis = self.vis;
        let inputs = inputs.join(", ");
        let comma = if inputs.is_empty() || !self.attribute.ends_with(",)]") { "" } else { "," };
        let first =
            if self.around.concat().contains(&"#[rustfmt::skip]") { "#![allow(unused_variables)]\n    " } else { "" };
        let body = format!(
            "{first}let mut trace = kit::Trace::new();\n    trace.see(&0);\n    {}\n    {again}{made}",
            self.body
        );
        format!("{vis}fn {name}{generics}({inputs}{comma}){output}{clause} {{\n    {body}\n}}\n")
    }

    /// A call of the function by itself.
    fn again(&mut self, name: &str, called: bool) -> String {
        // The same for both functions, which are written one after the other.
        let mut dice = Dice::new(77, self.body.len());
        let mut arguments = Vec::new();
        for input in &self.inputs {
            let runs = std::iter::repeat_with(|| input.argument(&mut dice, None))
                .find(|argument| argument.as_ref().is_none_or(|argument| matches!(argument.fate, Fate::Runs)));
            let argument = runs.flatten();
            arguments.extend(argument.map(|argument| if called { argument.call } else { argument.plain }));
        }
        let call = self.call(name, &arguments, "again - 1");
        let ended = if called { format!("kit::ended({call})") } else { call };
        format!("if again > 0 {{ let text = match {ended} {{ r => {} }}; trace.see(&text); }}\n    ", self.output.shown)
    }

    fn generics(&mut self) -> (String, String) {
        let mut declared = Vec::new();
        let mut predicates = self.draft.predicates.clone();
        let mut lifetimes = self.draft.lifetimes.clone();
        if self.host.receiver.is_some_and(|receiver| receiver.written.contains("'a")) && !lifetimes.contains(&"'a") {
            lifetimes.push("'a");
        }
        let both = lifetimes.len() == 2;
        // The same for both functions, which are written one after the other.
        let kind = self.body.len() % 4;
        for lifetime in lifetimes {
            let bound = if both && lifetime == "'b" && kind == 1 { ": 'a" } else { "" };
            declared.push(format!("{lifetime}{bound}"));
        }
        if both && kind == 2 {
            predicates.push("'a: 'b".to_owned());
        }
        for (index, generic) in self.draft.generics.iter().enumerate() {
            let place = if generic.bounds.contains(&"?Sized".to_owned()) { 0 } else { (kind + index) % 3 };
            let (inline, after) = match place {
                0 => (&generic.bounds[..], &[][..]),
                1 => (&[][..], &generic.bounds[..]),
                _ => generic.bounds.split_at(generic.bounds.len().min(1)),
            };
            let inline = if inline.is_empty() { String::new() } else { format!(": {}", inline.join(" + ")) };
            declared.push(format!("{}{inline}", generic.declared));
            if !after.is_empty() {
                predicates.push(format!("{}: {}", generic.name, after.join(" + ")));
            }
        }
        let generics = if declared.is_empty() { String::new() } else { format!("<{}>", declared.join(", ")) };
        if self.home == Home::Impl && self.host.receiver.is_none() {
            predicates.push("Self: Sized".to_owned());
        }
        let comma = if kind == 3 { "," } else { "" };
        if predicates.is_empty() {
            return (generics, String::new());
        }
        (generics, format!("\nwhere\n    {}{comma}", predicates.join(",\n    ")))
    }

    /// All generics that an `impl Trait` has to name.
    fn captured(&self) -> String {
        let all = self.host.generics.iter().chain(&self.draft.generics);
        all.map(|generic| generic.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Both functions, of which a macro writes one.
    fn by_macro(&mut self, plain: &str) -> String {
        let text = self.without_attributes("$name", true);
        let [before, after] = &self.around;
        let attributes = [&before[..], &[self.attribute.as_str()], after].concat().join("\n");
        let definition = format!(
            "macro_rules! define {{\n    ($(#[$attr:meta])* $name:ident) => {{\n$(#[$attr])*\n{text}\n    }};\n}}\n"
        );
        format!("{plain}\n@MACRO{definition}@END\ndefine!({attributes}\ncall);\n")
    }

    fn call(&self, name: &str, arguments: &[String], again: &str) -> String {
        let given: Vec<_> = self.draft.generics.iter().map(|generic| generic.given.as_str()).collect();
        let turbofish = if given.is_empty() { String::new() } else { format!("::<{}>", given.join(", ")) };
        let mut arguments = arguments.to_vec();
        if self.recursive {
            arguments.push(again.to_owned());
        }
        let arguments = arguments.join(", ");
        let ty = self.host.given();
        match (self.home, &self.host.receiver) {
            (Home::Impl, Some(receiver)) => {
                format!("{}({ty}::fresh(3)).{name}{turbofish}({arguments})", receiver.holder)
            }
            (Home::Impl, None) => format!("{ty}::{name}{turbofish}({arguments})"),
            _ => format!("{name}{turbofish}({arguments})"),
        }
    }

    fn case(&mut self, index: usize, case: usize) -> String {
        let failure = self.output.failure.clone();
        let dice = &mut self.draft.dice;
        let arguments = self.inputs.iter().filter_map(|input| input.argument(dice, failure.as_ref()));
        let arguments: Vec<Argument> = arguments.collect();
        let plain: Vec<_> = arguments.iter().map(|argument| argument.plain.clone()).collect();
        let calls: Vec<_> = arguments.iter().map(|argument| argument.call.clone()).collect();
        let fate = arguments.iter().find(|argument| !matches!(argument.fate, Fate::Runs));
        let shown = &self.output.shown;
        let never = self.output.never;
        let plain = self.call("plain", &plain, "2_u8");
        let runs = if never { plain.clone() } else { format!("match {plain} {{ r => {shown} }}") };
        let wanted = match fate.map(|argument| &argument.fate) {
            Some(Fate::Fails(text)) => text.clone(),
            Some(Fate::Lost) => "panic!(\"lost: an argument\")".to_owned(),
            _ => runs.clone(),
        };
        let coerced = self.inputs.iter().any(Input::is_coerced);
        let by_value = arguments.len() == 1 && !coerced && self.home != Home::Impl && !self.recursive;
        let call = if by_value && self.draft.generics.is_empty() && self.body.len().is_multiple_of(2) {
            format!("[{}].into_iter().map(call).next().expect(\"there is one\")", calls[0])
        } else {
            self.call("call", &calls, "kit::spawned(2_u8)")
        };
        let ended = if never && fate.is_none() { format!("{call}.get()") } else { format!("kit::ended({call})") };
        let arm = if never { String::new() } else { format!("r => {shown}") };
        let mut text = format!(
            "    log.case(\"f{index:03} case {case}\", &mut || {wanted}, &mut || match {ended} {{ {arm} }});\n"
        );
        if self.sync && case == 0 {
            let now = plain.replacen("plain", "call_now", 1);
            let now = if never { now } else { format!("match {now} {{ r => {shown} }}") };
            text = format!("{text}    log.case(\"f{index:03} sync\", &mut || {runs}, &mut || {now});\n");
        }
        text
    }
}

fn inputs(draft: &mut Draft, seen: &mut Vec<String>) -> Vec<Input> {
    let count = match draft.dice.below(12) {
        0 => 0,
        1..9 => draft.dice.below(4) + 1,
        9 | 10 => draft.dice.below(8) + 5,
        _ => 12,
    };
    let mut last = None;
    let mut inputs: Vec<_> = (0..count).map(|_| Input::any(draft, seen, &mut last)).collect();
    if count < 12 && draft.dice.once_in(15) {
        let at = draft.dice.below(count + 1);
        inputs.insert(at, Input::gone(draft));
    }
    inputs
}

/// Things that a body may have.
fn decorate(draft: &mut Draft, body: &mut Vec<String>, macro_made: bool) {
    const ALL: [(&str, &str); 11] = [
        (
            "body with a struct that says Self",
            "#[derive(Debug)] struct Inner(u8); impl Inner { fn new() -> Self { Self(3) } } trace.see(&Inner::new().0);",
        ),
        (
            "body with a trait",
            "trait Shout { fn shout(&self) -> Self; } impl Shout for u8 { fn shout(&self) -> Self { *self } } trace.see(&3_u8.shout());",
        ),
        ("body with a function", "fn inner(n: u8) -> u8 { n + 1 } trace.see(&inner(2));"),
        ("body with a constant", "const STEP: [u8; 2] = [3; 2]; trace.see(&STEP);"),
        ("body with format", "let text = format!(\"{}\", trace.sum()); trace.see(&text);"),
        ("body with a label", "'out: loop { trace.see(&1); if trace.sum() > 0 { break 'out; } }"),
        ("body with a closure", "let seen = |n: u8| -> u8 { n + 1 }; trace.see(&seen(3));"),
        ("body with a generic function", "fn same<X>(x: X) -> X { x } trace.see(&same::<u8>(3));"),
        ("body with a loop", "for step in 0..3 { if step == 1 { continue; } trace.see(&step); }"),
        (
            "body with an import",
            "use std::fmt::Write as _; let mut text = String::new(); write!(text, \"x\").expect(\"it is memory\"); trace.see(&text);",
        ),
        ("body with a macro", "macro_rules! twice { ($x:expr) => { $x + $x }; } trace.see(&twice!(2_u8));"),
    ];
    // What a macro writes cannot have a macro with a `$` in it.
    let all = if macro_made { &ALL[..10] } else { &ALL[..] };
    for _ in 0..draft.dice.below(3) {
        let (form, text) = draft.dice.pick(all);
        draft.note(form);
        body.push(format!("{{ {text} }}"));
    }
}
