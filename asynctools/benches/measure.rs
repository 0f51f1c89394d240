//! How works are measured: rounds in which all systems take turns, quartiles, and bars.

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use crate::program::Program;
use crate::quartiles::Quartiles;
use crate::quartiles::Verdict;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    /// The counts of the works are divided by it.
    pub(crate) divisor: u64,
}

impl Scale {
    pub(crate) fn calls(self, full: u64) -> u64 {
        (full / self.divisor).max(2)
    }
}

/// One turn of one system: nanoseconds per call.
type Turn = Box<dyn FnMut() -> f64>;

/// Something that several systems can do.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    /// What one of its nanoseconds is for.
    pub(crate) per: &'static str,
    systems: Vec<System>,
    bars: Vec<Bar>,
}

/// Whose a system is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Peer,
    /// What no system can beat.
    Ideal,
    /// Ours, in a build with an older runtime.
    Before,
}

struct System {
    name: &'static str,
    kind: Kind,
    turn: Turn,
}

/// What a system of ours is compared with.
#[derive(Clone, Copy)]
pub(crate) enum Against {
    /// The peer with the least median.
    Best,
    System(&'static str),
    /// The same system with an older runtime.
    Before,
}

/// How much more time than with an older runtime a system may take.
const NOT_WORSE: f64 = 1.03;

struct Bar {
    ours: &'static str,
    against: Against,
    at_most: Option<f64>,
    goal: Option<f64>,
}

impl Work {
    pub(crate) fn new(name: &'static str, per: &'static str) -> Self {
        Self { name, per, systems: Vec::new(), bars: Vec::new() }
    }

    pub(crate) fn ours(self, name: &'static str, turn: impl FnMut() -> f64 + 'static) -> Self {
        self.system(name, Kind::Ours, Box::new(turn))
    }

    pub(crate) fn peer(self, name: &'static str, turn: impl FnMut() -> f64 + 'static) -> Self {
        self.system(name, Kind::Peer, Box::new(turn))
    }

    /// What no system can beat, measured in the same rounds.
    pub(crate) fn ideal(self, name: &'static str, turn: impl FnMut() -> f64 + 'static) -> Self {
        self.system(name, Kind::Ideal, Box::new(turn))
    }

    fn system(mut self, name: &'static str, kind: Kind, turn: Turn) -> Self {
        self.systems.push(System { name, kind, turn });
        self
    }

    /// A ratio that is at most that.
    pub(crate) fn bar(mut self, ours: &'static str, against: Against, at_most: f64) -> Self {
        self.bars.push(Bar { ours, against, at_most: Some(at_most), goal: None });
        self
    }

    /// A ratio that was to be at most `goal`, which the README answers by a measurement, and that is at most `at_most`.
    pub(crate) fn answered(mut self, ours: &'static str, against: Against, goal: f64, at_most: f64) -> Self {
        self.bars.push(Bar { ours, against, at_most: Some(at_most), goal: Some(goal) });
        self
    }

    /// A ratio that is shown and not judged.
    pub(crate) fn compare(mut self, ours: &'static str, against: Against) -> Self {
        self.bars.push(Bar { ours, against, at_most: None, goal: None });
        self
    }

    /// Takes the turns of one system when told to, by lines of the input: all that this process does.
    pub(crate) fn take_turns(self, system: &str) {
        let found = self.systems.into_iter().find(|other| other.name == system);
        let mut turn = found.expect("the parent knows the systems").turn;
        for line in io::stdin().lines() {
            line.expect("the input is text");
            println!("{}", turn());
        }
    }

    /// Lets all systems take turns, each round from another one on. `start` starts the process of a system of one of the builds, and
    /// a turn warms it up.
    pub(crate) fn measure(self, rounds: usize, builds: &Builds, start: impl Fn(&Path, &str) -> Program) -> Measured {
        let now = self.systems.iter().map(|system| (&builds.now, system.name, system.kind));
        let ours = self.systems.iter().filter(|system| system.kind == Kind::Ours);
        let before =
            builds.before.iter().flat_map(|build| ours.clone().map(move |system| (build, system.name, Kind::Before)));
        let all: Vec<_> = now.chain(before).collect();
        let mut systems: Vec<_> = all.iter().map(|&(_, name, kind)| Times { name, kind, turns: Vec::new() }).collect();
        let mut programs = Vec::new();
        for round in 0..rounds {
            if round % ROUNDS_OF_A_PROCESS == 0 {
                drop(programs);
                programs = all.iter().map(|(build, name, _)| start(build, name)).collect();
                for program in &mut programs {
                    program.turn("");
                }
            }
            for turn in 0..all.len() {
                let system = (round + turn) % all.len();
                // The threads of the one before park meanwhile.
                sleep(Duration::from_millis(2));
                systems[system].turns.push(programs[system].turn(""));
            }
        }
        Measured { name: self.name, per: self.per, systems, bars: self.bars }
    }
}

/// After so many rounds each system gets a new process. One process may be lucky: its memory lies well, or its threads are on
/// cores of their own.
const ROUNDS_OF_A_PROCESS: usize = 3;

/// The builds of this program that are measured.
pub(crate) struct Builds {
    pub(crate) now: PathBuf,
    /// One with an older runtime.
    pub(crate) before: Option<PathBuf>,
}

/// The times of a system, one per round.
pub(crate) struct Times {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    turns: Vec<f64>,
}

impl Times {
    pub(crate) fn quartiles(&self) -> Quartiles {
        Quartiles::of(self.turns.clone())
    }
}

/// A work after its rounds.
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) per: &'static str,
    pub(crate) systems: Vec<Times>,
    bars: Vec<Bar>,
}

impl Measured {
    fn find(&self, name: &str) -> &Times {
        let mut systems = self.systems.iter().filter(|system| system.kind != Kind::Before);
        systems.find(|system| system.name == name).expect("bars name systems of their work")
    }

    fn before(&self, name: &str) -> Option<&Times> {
        self.systems.iter().find(|system| system.kind == Kind::Before && system.name == name)
    }

    fn best(&self) -> &Times {
        let peers = self.systems.iter().filter(|system| system.kind == Kind::Peer);
        peers.min_by(|a, b| a.quartiles().median.total_cmp(&b.quartiles().median)).expect("a work has a peer")
    }

    /// What became of the bars.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let ours = self.systems.iter().filter(|system| system.kind == Kind::Before).map(|system| system.name);
        let before = ours.map(|ours| Bar { ours, against: Against::Before, at_most: Some(NOT_WORSE), goal: None });
        self.bars.iter().map(|bar| self.row(bar)).chain(before.map(|bar| self.row(&bar))).collect()
    }

    fn row(&self, bar: &Bar) -> Row {
        let ours = self.find(bar.ours);
        let (against, theirs) = match bar.against {
            Against::Best => (format!("best peer: {}", self.best().name), self.best().turns.clone()),
            Against::System(name) => (name.to_owned(), self.find(name).turns.clone()),
            Against::Before => {
                let before = self.before(bar.ours).expect("a bar for each that was measured");
                ("before".to_owned(), before.turns.clone())
            }
        };
        let ratios = Quartiles::of(ours.turns.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect());
        Row {
            work: self.name.to_owned(),
            ours: format!("{}: {}", ours.name, time(ours.quartiles().median)),
            against: format!("{against}: {}", time(Quartiles::of(theirs).median)),
            ratio: format!("{} ({}-{})", ratio(ratios.median), ratio(ratios.first), ratio(ratios.third)),
            bar: bar.text(),
            verdict: bar.verdict(&ratios),
        }
    }
}

impl Bar {
    fn text(&self) -> String {
        match (self.goal, self.at_most) {
            (Some(goal), Some(at_most)) => format!("{goal:.2}, so far {at_most:.2}"),
            (_, Some(at_most)) => format!("{at_most:.2}"),
            (_, None) => String::new(),
        }
    }

    fn verdict(&self, ratios: &Quartiles) -> Option<Verdict> {
        let at_most = self.at_most?;
        Some(self.goal.map_or_else(|| Verdict::of(ratios, at_most), |goal| Verdict::answered(ratios, goal, at_most)))
    }
}

/// A line of the table of bars.
pub(crate) struct Row {
    pub(crate) work: String,
    pub(crate) ours: String,
    pub(crate) against: String,
    pub(crate) ratio: String,
    pub(crate) bar: String,
    pub(crate) verdict: Option<Verdict>,
}

/// A number of nanoseconds, for people.
pub(crate) fn time(nanos: f64) -> String {
    match nanos {
        _ if nanos < 999.5 => format!("{nanos:.0} ns"),
        _ if nanos < 9_995.0 => format!("{:.2} µs", nanos / 1e3),
        _ if nanos < 999_500.0 => format!("{:.1} µs", nanos / 1e3),
        _ => format!("{:.1} ms", nanos / 1e6),
    }
}

/// A ratio, for people.
fn ratio(value: f64) -> String {
    match value {
        _ if value < 0.1 => format!("{value:.4}"),
        _ => format!("{value:.2}"),
    }
}

/// The nanoseconds that `f` takes, per one of so many calls.
pub(crate) fn per<R>(calls: u64, f: impl FnOnce() -> R) -> f64 {
    let start = Instant::now();
    black_box(f());
    per_call(start.elapsed(), calls)
}

/// The nanoseconds of one of so many calls.
pub(crate) fn per_call(time: Duration, calls: u64) -> f64 {
    time.as_secs_f64() * 1e9 / f64::from(u32::try_from(calls).expect("no work makes so many calls"))
}
