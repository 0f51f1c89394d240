//! Recorded calls as a picture for people.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io;
use std::io::Write;
use std::time::Duration;

use crate::pictures::calls::CallRecord;
use crate::pictures::calls::Trace;
use crate::pictures::layout::Layout;
use crate::pictures::layout::MOST;
use crate::pictures::words::Took;
use crate::pictures::words::Xml;
use crate::pictures::words::cut;
use crate::pictures::words::short;
use crate::tag::ending::Ending;

const WIDTH: f64 = 1000.0;
const RIGHT: f64 = 988.0;
const TOP: f64 = 52.0;
const ROW: f64 = 34.0;
const BOX: f64 = 22.0;
const GAP: f64 = 12.0;
/// How wide a character is, about.
const CHARACTER: f64 = 6.3;
/// How many lines the calls that never ran may take.
const NEVER_LINES: usize = 12;

const COLOURS: [&str; 10] =
    ["#3b6ea5", "#b8601a", "#2f7d4f", "#a8323e", "#6b4fa0", "#7a5a3c", "#a8458b", "#4d6470", "#7d7a1f", "#1f7f8c"];

const STYLE: &str = "\
.ground{fill:#fff}.pool{fill:#00000008;stroke:#0000001a}.row{text-anchor:end;fill:#333;font-weight:600}\
.grid{stroke:#00000014}.tick{text-anchor:middle;fill:#666;font-size:10px}.call{stroke:#00000055;stroke-width:.7}\
.bad{stroke:#d00000;stroke-width:2.2}.name{text-anchor:middle;fill:#fff;font-weight:600;pointer-events:none}\
.queue{stroke-width:2.5;opacity:.6}.edge{fill:none;stroke:#222;stroke-width:1.1;opacity:.7}\
.made{fill:none;stroke:#222;stroke-width:1.1;stroke-dasharray:1.5 2.5;opacity:.8}\
.lost{fill:none;stroke:#d00000;stroke-width:1.1;stroke-dasharray:3 2}\
.never{fill:#fff;stroke:#d00000;stroke-dasharray:3 2}.nevername{text-anchor:middle;fill:#c00000;pointer-events:none}\
.wait{text-anchor:middle;fill:#222;font-style:italic;paint-order:stroke;stroke:#ffffffcc;stroke-width:3px;pointer-events:none}\
.title{font-size:13px;font-weight:600;fill:#111}.note{fill:#333}.tip{fill:#222}\
@media(prefers-color-scheme:dark){.ground{fill:#16181c}.pool{fill:#ffffff0a;stroke:#ffffff26}.row,.note{fill:#ccc}\
.grid{stroke:#ffffff1c}.tick{fill:#999}.edge,.made{stroke:#ddd}.tip{fill:#ddd}.title{fill:#eee}.never{fill:#16181c}\
.nevername{fill:#ff8080}.call{stroke:#ffffff55}.bad,.never,.lost{stroke:#ff5050}.queue{opacity:.95}}";

/// The place of a call.
#[derive(Clone, Copy)]
struct Place {
    left: f64,
    right: f64,
    top: f64,
    height: f64,
}

impl Place {
    fn middle(self) -> f64 {
        self.top + self.height / 2.0
    }
}

struct Picture<'a> {
    calls: &'a [CallRecord],
    layout: Layout,
    left: f64,
    /// Units of the picture for a second.
    scale: f64,
    places: HashMap<u64, Place>,
    colours: HashMap<&'static str, &'static str>,
    out: String,
}

impl<'a> Picture<'a> {
    fn new(calls: &'a [CallRecord]) -> Self {
        let layout = Layout::of(calls);
        let names = layout.groups.iter().flat_map(|group| &group.rows).map(|row| cut(&row.name).chars().count());
        let longest = names.max().unwrap_or(0).max("never ran".len()).min(24);
        let left = as_units(longest) * (CHARACTER + 0.6) + 24.0;
        let took = layout.span.1.saturating_sub(layout.span.0).as_secs_f64();
        let scale = (RIGHT - left) / if took > 0.0 { took } else { 1.0 };
        let mut colours = HashMap::new();
        for call in calls {
            let next = COLOURS[colours.len() % COLOURS.len()];
            colours.entry(call.site.function()).or_insert(next);
        }
        Self { calls, layout, left, scale, places: HashMap::new(), colours, out: String::new() }
    }

    fn x(&self, time: Duration) -> f64 {
        (self.left + time.saturating_sub(self.layout.span.0).as_secs_f64() * self.scale).min(RIGHT)
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: &str) {
        let _ = writeln!(self.out, r#"<text x="{x:.1}" y="{y:.1}" class="{class}">{}</text>"#, Xml(text));
    }

    /// Draws the rows of all pools, and returns where they end.
    fn rows(&mut self) -> f64 {
        let groups = std::mem::take(&mut self.layout.groups);
        let mut y = TOP;
        for group in &groups {
            let height = as_units(group.rows.len()) * ROW;
            let _ = writeln!(
                self.out,
                r#"<rect x="6" y="{y:.1}" width="{:.1}" height="{height:.1}" rx="6" class="pool"/>"#,
                WIDTH - 12.0
            );
            for row in &group.rows {
                let name: String = row.name.chars().take(24).collect();
                self.text("row", self.left - 10.0, y + ROW / 2.0 + 4.0, &name);
                for &(place, depth) in &row.calls {
                    let call = &self.calls[place];
                    let inset = as_units(depth.min(3)) * 3.0;
                    let started = self.x(call.started.unwrap_or(call.ended));
                    let place = Place {
                        left: started,
                        right: self.x(call.ended).max(started + 1.0),
                        top: y + 4.0 + inset,
                        height: BOX - 2.0 * inset,
                    };
                    self.places.insert(call.id, place);
                }
                y += ROW;
            }
            y += GAP;
        }
        self.layout.groups = groups;
        y
    }

    /// Finds places for the calls that never ran, and returns where they end, and how many found none.
    fn never(&mut self, top: f64) -> (f64, usize) {
        let mut ends: Vec<f64> = Vec::new();
        let mut left_out = 0;
        let never = std::mem::take(&mut self.layout.never);
        for &place in &never {
            let call = &self.calls[place];
            let name = never_name(call);
            let width = as_units(name.chars().count()) * CHARACTER + 10.0;
            let left = self.x(call.ended).min(RIGHT - width).max(self.left);
            let line = ends.iter().position(|end| *end <= left).unwrap_or(ends.len());
            if line >= NEVER_LINES {
                left_out += 1;
                continue;
            }
            if line == ends.len() {
                ends.push(0.0);
            }
            ends[line] = left + width + 4.0;
            let top = top + 4.0 + as_units(line) * ROW * 0.8;
            self.places.insert(call.id, Place { left, right: left + width, top, height: BOX });
        }
        self.layout.never = never;
        if ends.is_empty() {
            return (top, 0);
        }
        let height = as_units(ends.len()) * ROW * 0.8 + 8.0;
        let _ = writeln!(
            self.out,
            r#"<rect x="6" y="{top:.1}" width="{:.1}" height="{height:.1}" rx="6" class="pool"/>"#,
            WIDTH - 12.0
        );
        self.text("row", self.left - 10.0, top + 19.0, "never ran");
        (top + height + GAP, left_out)
    }

    fn grid(&mut self, bottom: f64) {
        let took = self.layout.span.1.saturating_sub(self.layout.span.0).as_secs_f64();
        if took <= 0.0 {
            return;
        }
        let rough = took / 8.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * power);
        let mut at = 0.0;
        while at <= took {
            let x = self.left + at * self.scale;
            let _ = writeln!(self.out, r#"<line x1="{x:.1}" y1="46" x2="{x:.1}" y2="{bottom:.1}" class="grid"/>"#);
            self.text("tick", x, 40.0, &tick(at, step));
            at += step;
        }
    }

    fn arrows(&mut self) {
        let mut arrows = String::new();
        let has_value = |call: &CallRecord| matches!(call.ending, Ending::Returned | Ending::PassedOn);
        let lost: HashSet<u64> = self.calls.iter().filter(|call| !has_value(call)).map(|call| call.id).collect();
        for call in self.calls {
            let Some(to) = self.places.get(&call.id).copied() else { continue };
            let has_run = call.started.is_some();
            for need in &call.needs {
                let Some(from) = self.places.get(need) else { continue };
                let is_lost = !has_run && (call.ending == Ending::PassedOn || lost.contains(need));
                let class = if is_lost { "lost" } else { "edge" };
                arrow(&mut arrows, class, (from.right, from.middle()), (to.left, to.middle()));
            }
            let Some(from) = call.caller.and_then(|caller| self.places.get(&caller)) else { continue };
            let x = self.x(call.called).clamp(from.left, from.right);
            let is_below = to.top > from.top;
            let (start, end) = if is_below { (from.top + from.height, to.top) } else { (from.top, to.top + to.height) };
            if to.top < from.top + from.height && from.top < to.top + to.height {
                continue;
            }
            let _ = writeln!(
                arrows,
                r#"<path d="M{x:.1},{start:.1} L{:.1},{end:.1}" class="made" marker-end="url(#tip)"/>"#,
                to.left + 1.0
            );
        }
        self.out.push_str(&arrows);
    }

    fn boxes(&mut self) {
        let mut order: Vec<_> = self.calls.iter().collect();
        // An inner call is drawn upon the outer one.
        order.sort_by_key(|call| (call.started, std::cmp::Reverse(call.ended)));
        for call in order {
            let Some(place) = self.places.get(&call.id).copied() else { continue };
            let name = cut(short(call.site.function()));
            let has_room = |width: f64, text: &str| width > as_units(text.chars().count()) * CHARACTER + 6.0;
            let width = place.right - place.left;
            let (x, y) = (f64::midpoint(place.left, place.right), place.middle() + 4.0);
            if call.started.is_none() {
                self.rect(place, "never", "", Some(&tip(call)));
                self.text("nevername", x, y, &never_name(call));
                continue;
            }
            let colour = self.colours.get(call.site.function()).copied().unwrap_or(COLOURS[0]);
            let ready = call.ready.unwrap_or(call.called);
            let queued = self.x(ready);
            if place.left - queued > 0.3 {
                let y = place.top + place.height + 3.5;
                let _ = writeln!(
                    self.out,
                    r#"<line x1="{queued:.1}" y1="{y:.1}" x2="{:.1}" y2="{y:.1}" stroke="{colour}" class="queue"/>"#,
                    place.left
                );
            }
            let class = if call.ending == Ending::Panicked { "call bad" } else { "call" };
            self.rect(place, class, colour, Some(&tip(call)));
            let mut free = (place.left, place.right);
            for wait in &call.waits {
                let (from, to) = (self.x(wait.from).max(place.left), self.x(wait.to).min(place.right));
                if to - from < 1.0 {
                    continue;
                }
                let hatched = Place { left: from, right: to, ..place };
                self.rect(hatched, "hatch", "url(#hatch)", None);
                let what = wait.site.map_or("waits".to_owned(), |site| format!("waits for {}", short(site.function())));
                if has_room(to - from, &what) {
                    self.text("wait", f64::midpoint(from, to), y, &what);
                }
                // The name stands in the larger part beside the wait.
                free = if from - free.0 >= free.1 - to { (free.0, from) } else { (to, free.1) };
            }
            let (width, x) =
                if call.waits.is_empty() { (width, x) } else { (free.1 - free.0, f64::midpoint(free.0, free.1)) };
            if has_room(width, &name) {
                self.text("name", x, y, &name);
            }
        }
    }

    fn rect(&mut self, place: Place, class: &str, fill: &str, tip: Option<&str>) {
        let Place { left, right, top, height } = place;
        let fill = if fill.is_empty() { String::new() } else { format!(r#" fill="{fill}""#) };
        let _ = write!(
            self.out,
            r#"<rect x="{left:.1}" y="{top:.1}" width="{:.1}" height="{height:.1}" rx="3" class="{class}"{fill}"#,
            right - left
        );
        match tip {
            Some(tip) => drop(writeln!(self.out, "><title>{tip}</title></rect>")),
            None => self.out.push_str("/>\n"),
        }
    }

    fn legend(&mut self, y: f64) {
        let mut x = 14.0;
        let sample = |x: f64| Place { left: x, right: x + 26.0, top: y - 9.0, height: 12.0 };
        let colour = COLOURS[0];
        for (kind, text) in LEGEND {
            match kind {
                Kind::Call => self.rect(sample(x), "call", colour, None),
                Kind::Panicked => self.rect(sample(x), "call bad", colour, None),
                Kind::Never => self.rect(sample(x), "never", "", None),
                Kind::Blocked => {
                    self.rect(sample(x), "call", colour, None);
                    self.rect(sample(x), "hatch", "url(#hatch)", None);
                }
                Kind::Queue => {
                    let _ = writeln!(
                        self.out,
                        r#"<line x1="{x:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" stroke="{colour}" class="queue"/>"#,
                        y - 3.0,
                        x + 26.0,
                        y - 3.0
                    );
                }
                Kind::Arrow(class) => {
                    let _ = writeln!(
                        self.out,
                        r#"<path d="M{x:.1},{:.1} L{:.1},{:.1}" class="{class}" marker-end="url(#tip)"/>"#,
                        y - 3.0,
                        x + 26.0,
                        y - 3.0
                    );
                }
            }
            self.text("note", x + 31.0, y, text);
            x += 31.0 + as_units(text.len()) * 5.7 + 14.0;
        }
    }
}

enum Kind {
    Call,
    Queue,
    Blocked,
    Arrow(&'static str),
    Panicked,
    Never,
}

const LEGEND: [(Kind, &str); 8] = [
    (Kind::Call, "a call runs"),
    (Kind::Queue, "waits for a worker"),
    (Kind::Blocked, "waits inside"),
    (Kind::Arrow("edge"), "argument"),
    (Kind::Arrow("lost"), "lost argument"),
    (Kind::Arrow("made"), "makes the call"),
    (Kind::Panicked, "panicked"),
    (Kind::Never, "never ran"),
];

#[expect(clippy::cast_precision_loss, reason = "a picture has few rows and characters")]
fn as_units(count: usize) -> f64 {
    count as f64
}

fn tick(at: f64, step: f64) -> String {
    if at == 0.0 {
        "0".to_owned()
    } else if step >= 1.0 {
        format!("{at:.0} s")
    } else if step >= 0.001 {
        format!("{:.0} ms", at * 1e3)
    } else {
        format!("{:.0} \u{b5}s", at * 1e6)
    }
}

fn arrow(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let bend = ((to.0 - from.0).abs() / 2.0).clamp(8.0, 46.0);
    let _ = writeln!(
        out,
        r#"<path d="M{:.1},{:.1} C{:.1},{:.1} {:.1},{:.1} {:.1},{:.1}" class="{class}" marker-end="url(#tip)"/>"#,
        from.0,
        from.1,
        from.0 + bend,
        from.1,
        to.0 - bend,
        to.1,
        to.0 - 0.5,
        to.1
    );
}

/// Returns the name of a call that never ran, with the reason.
fn never_name(call: &CallRecord) -> String {
    let why = match call.ending {
        Ending::PassedOn => "error passed on",
        Ending::Upstream => "argument lost",
        other => other.as_str(),
    };
    format!("{}: {why}", cut(short(call.site.function())))
}

/// Says in a line what happened to the call, escaped.
fn tip(call: &CallRecord) -> String {
    let site = format!("{}:{}", call.site.file(), call.site.line());
    let what = format!("{} ({})", Xml(call.site.function()), Xml(&site));
    let ending = call.ending.as_str().replace('_', " ");
    let Some(started) = call.started else { return format!("{what}: {ending}, never ran") };
    let ready = call.ready.unwrap_or(started);
    let (arguments, worker) = (ready.saturating_sub(call.called), started.saturating_sub(ready));
    format!(
        "{what}: {ending} after {}, waited {} for arguments and {} for a worker",
        Took(call.ran()),
        Took(arguments),
        Took(worker)
    )
}

impl Trace {
    /// Writes the calls as a picture for people: SVG without a script, light and dark. Rows are threads, grouped by pool, and time
    /// runs to the right. A picture shows the first 2,000 calls, and says how many it leaves out.
    ///
    /// # Errors
    ///
    /// If `w` refuses what is written.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Pool, trace::Recording};
    ///
    /// let recording = Recording::start()?;
    /// assert_eq!(Pool::new(1).spawn(|| 20).map(|n| n + 1).get(), 21);
    /// let mut svg = Vec::new();
    /// recording.stop().write_svg(&mut svg)?;
    /// assert!(String::from_utf8(svg)?.starts_with("<svg"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_svg(&self, mut w: impl Write) -> io::Result<()> {
        let shown = &self.calls()[..self.calls().len().min(MOST)];
        let mut picture = Picture::new(shown);
        let bottom = picture.rows();
        let (bottom, never_left_out) = picture.never(bottom);
        let ground = std::mem::take(&mut picture.out);
        picture.grid(bottom);
        picture.out.push_str(&ground);
        picture.boxes();
        picture.arrows();
        picture.legend(bottom + 18.0);
        let took = picture.layout.span.1.saturating_sub(picture.layout.span.0);
        let calls = self.calls().len();
        let s = if calls == 1 { "" } else { "s" };
        let mut title = format!("{calls} call{s}, {} of work, in {}", Took(picture.layout.work), Took(took));
        let left_out = calls - shown.len() + never_left_out + self.truncated();
        if left_out > 0 {
            let _ = write!(title, "; {left_out} calls are left out");
        }
        picture.text("title", 12.0, 20.0, &title);
        let height = bottom + 30.0;
        writeln!(
            w,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" font-family="system-ui, sans-serif" font-size="11">"#
        )?;
        writeln!(w, "<style>{STYLE}</style>")?;
        w.write_all(
            br##"<defs><marker id="tip" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="5" markerHeight="5" orient="auto"><path d="M0,0 L6,3 L0,6 z" class="tip"/></marker><pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="5" height="5" fill="#ffffffb0"/><line x1="0" y1="0" x2="0" y2="5" stroke="#0003" stroke-width="2"/></pattern></defs>
"##,
        )?;
        writeln!(w, r#"<rect width="100%" height="100%" class="ground"/>"#)?;
        w.write_all(picture.out.as_bytes())?;
        writeln!(w, "</svg>")?;
        w.flush()
    }
}
