//! The type of a method, and the receivers.

use crate::dice::Draft;
use crate::dice::Generic;

/// The receiver, as it is written, and what holds the value that it is called on.
#[derive(Clone, Copy)]
pub(crate) struct Receiver {
    pub(crate) written: &'static str,
    pub(crate) holder: &'static str,
    pub(crate) clones: bool,
}

const RECEIVERS: [Receiver; 13] = [
    Receiver { written: "self", holder: "", clones: false },
    Receiver { written: "mut self", holder: "", clones: false },
    Receiver { written: "self: Self", holder: "", clones: false },
    Receiver { written: "&self", holder: "", clones: true },
    Receiver { written: "&self", holder: "", clones: true },
    Receiver { written: "&'a self", holder: "", clones: true },
    Receiver { written: "self: &Self", holder: "", clones: true },
    Receiver { written: "self: std::sync::Arc<Self>", holder: "std::sync::Arc::new", clones: false },
    Receiver { written: "self: Arc<Self>", holder: "std::sync::Arc::new", clones: false },
    Receiver { written: "self: ::std::sync::Arc<Self>", holder: "Arc::new", clones: false },
    Receiver { written: "self: Box<Self>", holder: "Box::new", clones: false },
    Receiver { written: "mut self: Box<Self>", holder: "Box::new", clones: false },
    Receiver { written: "self: std::boxed::Box<Self>", holder: "Box::new", clones: false },
];

/// Where the functions stand.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Home {
    Module,
    /// In the function that calls them.
    Local,
    Impl,
}

/// The type of a method, with generics of its own.
pub(crate) struct Host {
    pub(crate) generics: Vec<Generic>,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) has_pool: bool,
}

impl Host {
    pub(crate) fn new(draft: &mut Draft, home: Home) -> Self {
        let mut host = Self { generics: Vec::new(), receiver: None, has_pool: false };
        if home != Home::Impl {
            return host;
        }
        if !draft.dice.once_in(5) {
            let receiver = draft.dice.pick(&RECEIVERS);
            if receiver.written == "self: Arc<Self>" || receiver.holder == "Arc::new" {
                draft.uses.insert("std::sync::Arc");
            }
            host.receiver = Some(receiver);
            host.has_pool = draft.dice.once_in(4);
        }
        let bounds = ["std::fmt::Debug", "Default", "Clone", "Send", "Sync", "'static"].map(str::to_owned);
        if draft.dice.once_in(3) {
            let given = draft.dice.pick(&["u8", "String", "Option<(u8, bool)>"]).to_owned();
            let name = "H".to_owned();
            host.generics.push(Generic { declared: name.clone(), name, bounds: bounds.to_vec(), given });
        }
        if draft.dice.once_in(4) {
            let (name, declared) = ("W".to_owned(), "const W: usize".to_owned());
            host.generics.push(Generic { declared, name, bounds: Vec::new(), given: "3".to_owned() });
        }
        host
    }

    /// `Host::<u8, 3>`, in which a method can be called.
    pub(crate) fn given(&self) -> String {
        let given: Vec<_> = self.generics.iter().map(|generic| generic.given.as_str()).collect();
        if given.is_empty() { "Host".to_owned() } else { format!("Host::<{}>", given.join(", ")) }
    }

    /// What the body sees of itself.
    pub(crate) fn look(&self, draft: &mut Draft, body: &mut Vec<String>) {
        if let Some(receiver) = self.receiver {
            if receiver.written.starts_with("mut") {
                body.push("self.depth += 1;".to_owned());
            }
            body.push("trace.see(&self.depth); trace.see(&self.held);".to_owned());
        }
        for generic in &self.generics {
            match (generic.bounds.is_empty(), draft.dice.once_in(2)) {
                (true, _) => body.push(format!("trace.see(&{});", generic.name)),
                (false, true) => body.push(format!("trace.see(&{}::default());", generic.name)),
                (false, false) => {}
            }
        }
    }

    /// The type, and its `impl` with the functions in it.
    pub(crate) fn written(&self, functions: &str) -> String {
        let (definition, functions) = match functions.split_once("@MACRO") {
            Some((before, rest)) => {
                let (definition, after) = rest.split_once("@END").expect("it ends");
                (definition.to_owned(), format!("{before}{after}"))
            }
            None => (String::new(), functions.to_owned()),
        };
        let names: Vec<_> = self.generics.iter().map(|generic| generic.name.as_str()).collect();
        let with = |text: String| if names.is_empty() { String::new() } else { format!("<{text}>") };
        let declared = self.generics.iter().map(|generic| generic.declared.clone()).collect::<Vec<_>>();
        let bounded = self.generics.iter().map(|generic| {
            let bounds = generic.bounds.join(" + ");
            if bounds.is_empty() { generic.declared.clone() } else { format!("{}: {bounds}", generic.declared) }
        });
        let bounded = with(bounded.collect::<Vec<_>>().join(", "));
        let (declared, used) = (with(declared.join(", ")), with(names.join(", ")));
        let held = |of_constant: fn(&str) -> String, of_type: fn(&str) -> String| {
            let each = self.generics.iter().map(|Generic { name, bounds, .. }| {
                let of = if bounds.is_empty() { of_constant } else { of_type };
                format!("{}, ", of(name))
            });
            each.collect::<Vec<_>>().concat()
        };
        let types = held(|name| format!("[u8; {name}]"), str::to_owned);
        let values = held(|name| format!("[7; {name}]"), |name| format!("{name}::default()"));
        let (pool, made) = if self.has_pool {
            ("pool: std::sync::Arc<asynctools::Pool>,", "pool: std::sync::Arc::new(asynctools::Pool::new(1)),")
        } else {
            ("", "")
        };
        let derive = if self.receiver.is_some_and(|receiver| receiver.clones) { "#[derive(Clone)]\n" } else { "" };
        format!(
            "{definition}{derive}#[allow(dead_code, reason = \"not every method looks at it\")]\n\
             struct Host{declared} {{ depth: u64, held: ({types}), {pool} }}\n\
             impl{bounded} Host{used} {{\n\
             #[allow(dead_code, reason = \"not every check makes one\")]\n\
             fn fresh(depth: u64) -> Self {{ Self {{ depth, held: ({values}), {made} }} }}\n\
             {functions}\n}}\n"
        )
    }
}
