//! How the sources and the pages are written: what a test can hold of the rules in CONTRIBUTING.md.

use crate::tidy::names;
use crate::tidy::read;
use crate::tidy::root;

/// The sources of all crates that are published.
fn sources() -> Vec<String> {
    fn collect(folder: &str, found: &mut Vec<String>) {
        for name in names(folder) {
            let path = format!("{folder}/{name}");
            if root().join(&path).is_dir() {
                collect(&path, found);
            } else if name.strip_suffix(".rs").is_some() {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for package in names(".").into_iter().filter(|name| name.starts_with("asynctools")) {
        collect(&format!("{package}/src"), &mut found);
    }
    assert!(found.len() > 40, "{found:?}");
    found
}

/// The pages for readers.
const PAGES: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "DESIGN.md",
    "RELIABILITY.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "CELERY.md",
    "asynctools/benches/README.md",
    "docs/from_python.md",
    "docs/recipes.md",
];

/// Fails with all of `mistakes` at once, since many are mended in one go.
#[track_caller]
fn assert_none(mistakes: &[String], rule: &str) {
    assert!(mistakes.is_empty(), "{rule}\n{}\n{} in all", mistakes.join("\n"), mistakes.len());
}

/// Whether a doc comment begins as a sentence about what a function does: `Returns`, `Blocks`, or `Whether`.
fn begins_with_a_verb(docs: &str) -> bool {
    let word = docs.split(' ').next().unwrap_or_default();
    let verb = word.starts_with(char::is_uppercase) && word.ends_with('s') && word.chars().all(char::is_alphabetic);
    word == "Whether" || verb && !["As", "Its", "This"].contains(&word)
}

#[test]
fn public_functions_say_what_they_do() {
    let mut mistakes = Vec::new();
    for path in sources().into_iter().filter(|path| path.starts_with("asynctools/")) {
        let text = read(&path);
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        for (at, line) in lines.iter().enumerate() {
            if !["pub fn ", "pub const fn ", "pub async fn "].iter().any(|start| line.starts_with(start)) {
                continue;
            }
            let above = lines[..at].iter().rev();
            let docs = above.take_while(|line| line.starts_with("///") || line.starts_with('#')).last();
            let first = docs.and_then(|docs| docs.strip_prefix("/// ")).unwrap_or_default();
            if !begins_with_a_verb(first) {
                mistakes.push(format!("{path}:{}: {first}", at + 1));
            }
        }
    }
    assert_none(&mistakes, "the docs of a public function begin with a verb in the third person, or with `Whether`:");
}

/// A word of prose, where it stands, and whether a sentence begins with it.
struct Word {
    line: usize,
    text: String,
    begins: bool,
}

/// The words of lines of prose; code between fences is left out, and a heading or a row begins no sentence.
fn words(lines: &[String]) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut is_code = false;
    let mut begins = true;
    for (at, text) in lines.iter().enumerate() {
        let text = text.trim();
        if text.starts_with("```") {
            is_code = !is_code;
        }
        if text.is_empty() || text.starts_with("```") {
            begins = true;
            continue;
        }
        let is_heading = text.starts_with(['#', '|']);
        for word in text.split_whitespace().filter(|_| !is_code) {
            let is_word = word.contains(char::is_alphanumeric);
            words.push(Word { line: at + 1, text: word.to_owned(), begins: is_word && begins && !is_heading });
            if is_word {
                begins = word.trim_end_matches([')', '*', '"', '`']).ends_with(['.', '?', '!', ':']);
            }
        }
        begins |= is_heading;
    }
    words
}

/// The prose of the sources, comment by comment, and of the pages.
fn prose() -> Vec<(String, Vec<Word>)> {
    let comment = |line: &str| {
        let text = line.trim_start().strip_prefix("//")?;
        Some(text.trim_start_matches(['/', '!']).to_owned())
    };
    let mut all = Vec::new();
    for path in sources() {
        let text = read(&path);
        // Code between two comments ends a sentence, as an empty line does.
        let lines: Vec<String> = text.lines().map(|line| comment(line).unwrap_or_default()).collect();
        all.push((path, words(&lines)));
    }
    for page in PAGES {
        let lines: Vec<String> = read(page).lines().map(str::to_owned).collect();
        all.push(((*page).to_owned(), words(&lines)));
    }
    all
}

/// Pictures from a theatre, a ship and an office: a pool has workers, permits, a queue.
const RETIRED: &[&str] =
    &["crew", "seat", "berth", "stint", "errand", "hire", "admit", "admitted", "withdrawn", "shell"];

/// What reads like another language: say what happens, "at most", "exists".
const RETIRED_PHRASES: &[&str] = &["becomes of", "one call more", "so many", "no more than so", "to be had"];

/// The words of a text, cut where an identifier has a `_` or a capital.
fn parts(text: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::new();
    for letter in text.chars() {
        if letter.is_uppercase() {
            spaced.push(' ');
        }
        spaced.extend(letter.to_lowercase());
    }
    let parts: Vec<_> = spaced.split(|letter: char| !letter.is_alphabetic()).map(str::to_owned).collect();
    parts.into_iter()
}

#[test]
fn retired_words_stay_retired() {
    let mut mistakes = Vec::new();
    // In names too, so the code is read with its comments.
    for path in sources().into_iter().chain(PAGES.iter().map(|page| (*page).to_owned())) {
        for (at, line) in read(&path).lines().enumerate() {
            let retired =
                |word: &String| RETIRED.contains(&word.as_str()) || RETIRED.contains(&word.trim_end_matches('s'));
            mistakes.extend(parts(line).find(retired).map(|word| format!("{path}:{}: {word}", at + 1)));
        }
    }
    for (path, words) in prose() {
        for phrase in RETIRED_PHRASES {
            let phrase: Vec<&str> = phrase.split(' ').collect();
            let same = |window: &[Word]| {
                window.iter().zip(&phrase).all(|(word, part)| {
                    word.text.trim_matches(|letter: char| !letter.is_alphabetic()).eq_ignore_ascii_case(part)
                })
            };
            let found = words.windows(phrase.len()).filter(|window| same(window));
            mistakes.extend(found.map(|window| format!("{path}:{}: {}", window[0].line, phrase.join(" "))));
        }
    }
    assert_none(&mistakes, "CONTRIBUTING.md, \"How it is written\", has words for these:");
}

#[test]
fn every_sentence_names_its_doer() {
    let mut mistakes = Vec::new();
    for (path, words) in prose() {
        for (at, word) in words.iter().enumerate().filter(|(_, word)| word.begins) {
            let next = words.get(at + 1).map_or("", |next| next.text.as_str());
            let bare = word.text.trim_matches(|letter: char| !letter.is_alphabetic());
            let nobody = match bare {
                "What" | "Whoever" | "Nobody" => true,
                "Those" => next == "who",
                "One" => next == "that",
                _ => false,
            };
            if nobody {
                mistakes.push(format!("{path}:{}: {} {next}", word.line, word.text));
            }
        }
    }
    assert_none(&mistakes, "a sentence begins with who does it: a call, a handle, a worker, a pool, a caller:");
}

/// Words that stand for a noun: many of them in a row make a riddle.
const PRONOUNS: &[&str] = &["it", "its", "that", "one", "what", "who", "whoever", "them", "those", "they", "this"];

/// The words of the doc comments of a text, without code and addresses.
fn doc_words(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut docs = String::new();
    for line in text.lines().map(str::trim_start) {
        let Some(line) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else { continue };
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            docs.extend([line, " "]);
        }
    }
    let prose = docs.split('`').step_by(2).flat_map(str::split_whitespace).filter(|word| !word.contains("://"));
    let words = prose.flat_map(|word| word.split(|letter: char| !letter.is_alphabetic() && letter != '\''));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

#[test]
fn few_pronouns_stand_for_nouns() {
    let is_pronoun = |word: &&String| PRONOUNS.contains(&word.as_str());
    for package in names(".").into_iter().filter(|name| name.starts_with("asynctools")) {
        let (mut all, mut pronouns, mut rooms) = (0, 0, Vec::new());
        for path in sources().into_iter().filter(|path| path.starts_with(&format!("{package}/"))) {
            let words = doc_words(&read(&path));
            let found = words.iter().filter(is_pronoun).count();
            rooms.push((found * 1000 / words.len().max(1), format!("{path}: {found} in {} words", words.len())));
            all += words.len();
            pronouns += found;
        }
        assert!(all > 2000, "{package} has only {all} words of docs");
        rooms.sort();
        let worst: Vec<_> = rooms.into_iter().rev().take(8).map(|(_, room)| room).collect();
        // 7.5 of 100 words.
        let is_plain = pronouns * 1000 < all * 75;
        assert!(is_plain, "{package}: {pronouns} pronouns in {all} words; name the doer:\n{}", worst.join("\n"));
    }
}

/// All files of the repository.
fn files() -> Vec<String> {
    fn collect(folder: &str, found: &mut Vec<String>) {
        for name in names(folder).into_iter().filter(|name| name != "target" && name != ".git") {
            let path = format!("{folder}/{name}");
            if root().join(&path).is_dir() { collect(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    collect(".", &mut found);
    found
}

#[test]
fn the_files_that_pages_name_exist() {
    let files = files();
    for page in PAGES {
        for name in read(page).split('`').skip(1).step_by(2).filter(|name| !name.ends_with("/room.rs")) {
            let is_name = name.chars().all(|letter| letter.is_alphanumeric() || "/._-".contains(letter));
            let is_file = is_name
                && name.rsplit_once('.').is_some_and(|(stem, kind)| {
                    !stem.is_empty() && ["rs", "md", "toml", "py", "svg", "patch"].contains(&kind)
                });
            let is_there = || files.iter().any(|path| path.ends_with(&format!("/{name}")));
            assert!(!is_file || is_there(), "{page} names `{name}`, which is not there");
        }
    }
}

#[test]
fn prose_is_as_wide_as_code() {
    let mut mistakes = Vec::new();
    for page in PAGES {
        let mut is_code = false;
        for (at, line) in read(page).lines().enumerate() {
            is_code ^= line.trim_start().starts_with("```");
            let exempt = is_code || line.starts_with(['|', '[', '!']) || line.contains("://");
            let width = line.chars().count();
            if width > 120 && !exempt {
                mistakes.push(format!("{page}:{}: {width} wide", at + 1));
            }
        }
    }
    assert_none(&mistakes, "prose is at most 120 wide:");
}

#[test]
fn code_on_the_front_pages_fits_a_narrow_window() {
    let mut mistakes = Vec::new();
    for page in ["README.md", "CELERY.md"] {
        let mut is_code = false;
        for (at, line) in read(page).lines().enumerate() {
            is_code ^= line.starts_with("```");
            let width = line.chars().count();
            if is_code && width > 80 {
                mistakes.push(format!("{page}:{}: {width} wide", at + 1));
            }
        }
    }
    assert_none(&mistakes, "code in the README and in CELERY.md is at most 80 wide:");
}

#[test]
fn code_in_the_docs_fits_a_page() {
    let mut mistakes = Vec::new();
    let macros = "asynctools-macros/";
    for path in sources().into_iter().filter(|path| !path.starts_with(macros)) {
        let mut is_code = false;
        for (at, line) in read(&path).lines().enumerate() {
            let line = line.trim_start();
            let Some(docs) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
                is_code = false;
                continue;
            };
            is_code ^= docs.trim_start().starts_with("```");
            let width = docs.strip_prefix(' ').unwrap_or(docs).chars().count();
            if is_code && width > 95 {
                mistakes.push(format!("{path}:{}: {width} wide", at + 1));
            }
        }
    }
    assert_none(&mistakes, "code in the docs is at most 95 wide, as a page of 1,280 points is:");
}

#[test]
fn words_of_other_crates_lead_to_an_item() {
    let sources: String = sources().iter().map(read).collect();
    let aliases: String = sources.lines().filter(|line| line.trim_start().starts_with("#[doc(alias")).collect();
    let words =
        ["JoinHandle", "Task", "Future", "spawn_blocking", "ThreadPool", "join", "recv", "block_on", "race", "finally"];
    for word in words.into_iter().chain(["partition"]) {
        assert!(aliases.contains(&format!("\"{word}\"")), "no item has the alias `{word}`");
    }
}

/// Readers of the repository go to the published docs, and readers of the docs to the page beside.
#[test]
fn each_item_in_the_readme_is_a_link() {
    let (readme, links) = (read("README.md"), read("asynctools/links.md"));
    let items: Vec<_> = readme.split("[`").skip(1).filter_map(|rest| rest.split_once("`]")).collect();
    assert!(items.len() > 40, "{} items", items.len());
    for (item, after) in items {
        let definition = format!("\n[`{item}`]: ");
        assert!(after.starts_with('[') || readme.contains(&definition), "[`{item}`] has no link");
    }
    for line in readme.lines().filter(|line| line.contains("]: https://docs.rs/asynctools/")) {
        let (label, _) = line.split_once(": ").expect("it is a definition");
        let own = format!("{label}: {}\n", label.trim_matches(['[', ']', '`']));
        assert!(links.contains(&own), "asynctools/links.md has no {label}");
    }
}

/// The page of the crate cannot load a picture from the repository, so the docs have the picture in a link.
#[test]
fn the_docs_have_the_picture_of_the_readme() {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~=,:;/*@!?+".contains(&byte);
    let escaped = read("docs/timeline.svg").bytes().fold(String::new(), |text, byte| match byte {
        byte if is_plain(byte) => text + char::from(byte).encode_utf8(&mut [0]),
        byte => text + &format!("%{byte:02X}"),
    });
    let link = format!("[timeline]: data:image/svg+xml,{escaped}\n");
    let found = read("asynctools/timeline.md");
    if found != link {
        let right = concat!(env!("CARGO_TARGET_TMPDIR"), "/timeline.md");
        std::fs::write(right, link).unwrap();
        panic!("asynctools/timeline.md is another picture than docs/timeline.svg; {right} is the same");
    }
    let docs: Vec<_> = read("asynctools/src/lib.rs").lines().take(4).map(str::to_owned).collect();
    let includes = |at: usize, file: &str| docs[at] == format!("#![doc = include_str!(\"../{file}\")]");
    assert!(
        includes(1, "timeline.md") && includes(2, "links.md") && includes(3, "README.md"),
        "the first definition of a link counts"
    );
    assert!(read("README.md").contains("[timeline]: https://"), "the repository shows the picture itself");
}
