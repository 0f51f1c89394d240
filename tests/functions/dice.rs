//! What is random in a function, and what it has been given so far.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A small random number generator (splitmix64), so that a function can be had again from the seed and its number.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64, index: usize) -> Self {
        let index = u64::try_from(index).expect("a small number");
        Self(seed ^ index.wrapping_add(1).wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).expect("31 bits") % limit
    }

    /// Yes, once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// Names of parameters that an expansion could trip over.
const TRAPS: [&str; 34] = [
    "pool",
    "this",
    "input0",
    "input1",
    "arg0",
    "arg1",
    "arg2",
    "function",
    "value",
    "result",
    "local",
    "body",
    "run",
    "call_now",
    "__asynctools_call",
    "__asynctools_pool",
    "core",
    "std",
    "alloc",
    "asynctools",
    "r#type",
    "r#fn",
    "r#match",
    "r#in",
    "r#where",
    "state",
    "own",
    "größe",
    "t",
    "f",
    "n",
    "handle",
    "error",
    "_x",
];

/// A generic parameter of the function or of its `impl`.
#[derive(Clone)]
pub(crate) struct Generic {
    pub(crate) name: String,
    /// `T`, or `const N: usize`.
    pub(crate) declared: String,
    /// Without a bound, a constant.
    pub(crate) bounds: Vec<String>,
    /// What a call says for it.
    pub(crate) given: String,
}

/// What a function has been given so far.
pub(crate) struct Draft {
    pub(crate) dice: Dice,
    pub(crate) generics: Vec<Generic>,
    pub(crate) lifetimes: Vec<&'static str>,
    /// Predicates that are no bounds of a parameter.
    pub(crate) predicates: Vec<String>,
    /// What is imported.
    pub(crate) uses: BTreeSet<&'static str>,
    /// How often each form of the grammar came.
    pub(crate) forms: BTreeMap<&'static str, usize>,
    names: Vec<&'static str>,
    fresh: usize,
}

impl Draft {
    pub(crate) fn new(dice: Dice) -> Self {
        Self {
            dice,
            generics: Vec::new(),
            lifetimes: Vec::new(),
            predicates: Vec::new(),
            uses: BTreeSet::new(),
            forms: BTreeMap::new(),
            names: TRAPS.to_vec(),
            fresh: 0,
        }
    }

    pub(crate) fn note(&mut self, form: &'static str) {
        *self.forms.entry(form).or_default() += 1;
    }

    /// A name that no other parameter has.
    pub(crate) fn name(&mut self) -> String {
        if self.dice.once_in(3) && !self.names.is_empty() {
            let at = self.dice.below(self.names.len());
            return self.names.swap_remove(at).to_owned();
        }
        self.fresh += 1;
        format!("v{}", self.fresh)
    }

    /// A new generic parameter; the names are what an expansion calls its own in the docs.
    pub(crate) fn generic(&mut self, bounds: &[&str], given: String) -> String {
        let name = ["T", "U", "F", "A", "B", "R", "Input", "Call"].get(self.generics.len()).copied();
        let name = name.map_or_else(|| format!("T{}", self.generics.len()), str::to_owned);
        let bounds = bounds.iter().map(|bound| (*bound).to_owned()).collect();
        self.generics.push(Generic { declared: name.clone(), name: name.clone(), bounds, given });
        name
    }

    /// A new constant parameter.
    pub(crate) fn constant(&mut self, ty: &str, given: String) -> String {
        let name = format!("N{}", self.generics.len());
        let declared = format!("const {name}: {ty}");
        self.generics.push(Generic { declared, name: name.clone(), bounds: Vec::new(), given });
        name
    }
}
