//! The main example as its user meets it: a program, its output, its exit status.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use examples::{LocalServer, Page};

/// Cargo builds the examples beside the tests.
fn download(args: &[&str]) -> Output {
    let mut path = std::env::current_exe().expect("known");
    path.pop();
    let examples: PathBuf = path.with_file_name("examples");
    let program = examples.join(format!("download{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "no {}; `cargo build --examples` first", program.display());
    let mut command = Command::new(program);
    // Addresses on loopback are not for a proxy.
    for variable in ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy"] {
        command.env_remove(variable);
    }
    command.args(args).output().expect("the example starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The lines of the table, without its head.
fn rows(output: &Output) -> Vec<String> {
    let out = text(&output.stdout);
    let table = out.lines().skip_while(|line| !line.starts_with("URL "));
    table.skip(1).take_while(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The number on the line that starts with `label`.
fn total(output: &Output, label: &str) -> f64 {
    let out = text(&output.stdout);
    let line = out.lines().find_map(|line| line.strip_prefix(label)).expect(label);
    line.trim().trim_end_matches(" s").parse().expect("a number")
}

#[test]
fn without_arguments_eight_pages_come_side_by_side() {
    let output = download(&[]);
    assert!(output.status.success(), "{output:?}");
    let rows = rows(&output);
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row.ends_with(" s")), "{rows:?}");
    assert!(total(&output, "total bytes") > 0.0);
    assert!(total(&output, "wall time") < total(&output, "one after another") / 3.0, "{}", text(&output.stdout));
}

#[test]
fn one_worker_downloads_one_after_another() {
    let output = download(&["--workers", "1"]);
    assert!(output.status.success());
    assert!(total(&output, "wall time") >= 8.0 * 0.15);
}

#[test]
fn a_failure_spoils_its_own_row_only() {
    let page = |path: &str, status, delay| Page {
        path: path.to_owned(),
        body: "0123456789".to_owned(),
        status,
        delay: Duration::from_millis(delay),
    };
    let server = LocalServer::start(vec![page("/good", 200, 0), page("/broken", 500, 0)]).expect("a port");
    // The system accepts connections for it, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_url = format!("http://{}/", silent.local_addr().expect("bound"));
    let good = server.url("/good");
    let urls = [&good, &server.url("/gone"), "not an address", &silent_url, &server.url("/broken"), "ftp://x/", &good];

    let output = download(&[&["--timeout", "0.5"], &urls[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let rows = rows(&output);
    let says = ["", "status 404", "not a web address", "no answer within 500ms", "status 500", "not a web address", ""];
    assert_eq!(rows.len(), urls.len());
    for ((row, url), says) in rows.iter().zip(urls).zip(says) {
        assert!(row.starts_with(url), "{row}");
        assert!(says.is_empty() || row.contains(says), "{row}");
        assert_eq!(says.is_empty(), row.contains(" 10 "), "{row}");
    }
    assert!((total(&output, "total bytes") - 20.0).abs() < f64::EPSILON);
}

#[test]
fn what_cannot_be_done_is_refused_with_a_reason() {
    for (args, says) in [
        (["--workers", "0"], "non-zero"),
        (["--timeout", "0"], "no download takes no time"),
        (["--timeout", "soon"], "not a number of seconds"),
        (["--wrokers", "3"], "unexpected argument"),
    ] {
        let output = download(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(says), "{args:?}: {}", text(&output.stderr));
    }
}
