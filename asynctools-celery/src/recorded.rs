//! Tests: this crate reads messages that Celery wrote, and damaged copies of them. `tests/celery/python/record.py` makes the files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::error::RemoteErrorKind;
use crate::message::arguments::Arguments;
use crate::message::arguments::Body;
use crate::message::request::Request;
use crate::store;
use crate::wire::envelope::Envelope;
use crate::wire::envelope::MAX_SIZE;
use crate::wire::envelope::NewCall;
use crate::wire::time::Timestamp;
use crate::wire::values::Bytes;
use crate::wire::values::Date;
use crate::wire::values::DateTime;
use crate::wire::values::Decimal;
use crate::wire::values::Time;
use crate::wire::values::Uuid;

const ID: &str = "11111111-2222-4333-8444-555555555555";
const VERSIONS: [&str; 2] = ["5.4.0", "5.7.0"];

fn recorded(version: &str, name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(format!("celery-{version}"));
    fs::read(folder.join(format!("{name}.json"))).unwrap_or_else(|error| panic!("{version} {name}: {error}"))
}

/// Reads a message of each version.
fn each(name: &str, look: impl Fn(&Envelope<'_>, &Request)) {
    for version in VERSIONS {
        let text = recorded(version, name);
        let envelope = Envelope::read(&text).unwrap();
        look(&envelope, &Request::read(&envelope).unwrap());
    }
}

fn with_arguments(name: &str, look: impl Fn(Arguments<'_>)) {
    each(name, |envelope, request| {
        let text = envelope.body().unwrap();
        let body = Body::read(&text).unwrap();
        assert_eq!(body.2.asks_for(), None, "{name}");
        look(body.arguments(request, envelope));
    });
}

#[test]
fn arguments_are_bound_by_place_and_by_name() {
    with_arguments("message_plain", |mut arguments| {
        assert_eq!(arguments.take::<u8>("n"), Ok(1));
        assert_eq!(arguments.take::<String>("text"), Ok("two".to_owned()));
        assert_eq!(arguments.take::<(f64, Option<u8>, bool)>("rest"), Ok((3.5, None, true)));
        assert_eq!(arguments.take::<Option<u8>>("left_out"), Ok(None));
        assert_eq!(arguments.end(), Ok(()));
    });
    with_arguments("message_kwargs", |mut arguments| {
        assert_eq!(arguments.take::<u8>("n"), Ok(1));
        assert_eq!(arguments.take::<String>("text"), Ok("žluťoučký \u{1F40E}".to_owned()));
        assert_eq!(arguments.take::<u8>("width"), Ok(2));
        assert_eq!(arguments.end(), Ok(()));
    });
}

#[test]
fn arguments_that_do_not_fit_are_named() {
    let refused = |take: &dyn Fn(&mut Arguments<'_>) -> bool, words: &str| {
        with_arguments("message_kwargs", |mut arguments| {
            let error = if take(&mut arguments) { arguments.end().unwrap_err().to_string() } else { String::new() };
            assert!(error.contains(words), "{error}");
        });
    };
    refused(
        &|arguments| arguments.take::<u8>("n").is_ok() && arguments.take::<u8>("width").is_ok(),
        "`text` is not one",
    );
    refused(&|_| true, "1 positional arguments are given; the task takes at most 0");
    with_arguments("message_kwargs", |mut arguments| {
        let error = arguments.take::<u8>("text").unwrap_err();
        assert_eq!(error.to_string(), "argument `text` is there twice");
        let error = arguments.take::<u8>("height").unwrap_err();
        assert_eq!(error.to_string(), "argument `height` is missing");
        let error = arguments.take::<String>("width").unwrap_err();
        assert!(error.to_string().starts_with("argument `width`: invalid type"), "{error}");
    });
}

#[test]
fn values_with_a_type_are_read() {
    type Typed = (Bytes, Bytes, DateTime, Date, Time, Decimal, Uuid);
    let look = |(bytes, binary, datetime, date, time, decimal, uuid): Typed| {
        assert_eq!((bytes.0.as_slice(), binary.0.as_slice()), (&b"abc"[..], &[255, 0][..]));
        assert_eq!((datetime.0.as_str(), date.0.as_str()), ("2023-11-14T22:13:20+00:00", "2023-11-14"));
        assert_eq!((time.0.as_str(), decimal.0.as_str(), uuid), ("22:13:20", "0.10", Uuid(255)));
    };
    with_arguments("message_typed", |mut arguments| {
        look((
            arguments.take("bytes").unwrap(),
            arguments.take("binary").unwrap(),
            arguments.take("datetime").unwrap(),
            arguments.take("date").unwrap(),
            arguments.take("time").unwrap(),
            arguments.take("decimal").unwrap(),
            arguments.take("uuid").unwrap(),
        ));
    });
    for version in VERSIONS {
        look(store::read(ID, &recorded(version, "result_typed")).unwrap().into_value().unwrap());
    }
}

#[test]
fn headers_are_read() {
    let far = Timestamp::parse("2030-05-06T07:08:09Z");
    each("message_eta", |_, request| assert_eq!(request.eta, far));
    each("message_eta_offset", |_, request| assert_eq!(request.eta, far));
    each("message_countdown", |_, request| assert!(request.eta.is_some()));
    each("message_expires", |_, request| assert_eq!(request.expires, far));
    each("message_priority", |envelope, _| assert_eq!(envelope.priority(), 7));
    each("message_ignored", |_, request| assert!(request.ignore_result));
    each("message_limits", |_, request| assert_eq!(request.soft_time_limit, Some(Duration::from_millis(20_500))));
    each("message_plain", |_, request| {
        assert_eq!((request.id.as_str(), request.task.as_str(), request.retries), (ID, "task", 0));
        assert_eq!((&request.refused, request.from_rust), (&None, false));
    });
}

#[test]
fn a_message_that_is_sent_again_keeps_everything() {
    for name in ["message_plain", "message_headers", "message_stamped", "message_chord"] {
        each(name, |envelope, _| {
            let again = envelope.write();
            assert_eq!(&Envelope::read(&again).unwrap(), envelope, "{name}");
        });
    }
}

#[test]
fn what_is_not_for_this_crate_is_refused() {
    each("message_gzip", |envelope, _| assert!(envelope.body().unwrap_err().contains("application/x-gzip")));
    for (name, what) in [("link", "callback"), ("chain", "chain"), ("chord", "chord")] {
        each(&format!("message_{name}"), |envelope, _| {
            let text = envelope.body().unwrap();
            assert!(Body::read(&text).unwrap().2.asks_for().unwrap().contains(what), "{name}");
        });
    }
}

#[test]
fn a_message_that_is_too_large_is_refused() {
    let whole = recorded("5.7.0", "message_plain");
    let padded = |length: usize| [whole.as_slice(), &vec![b' '; length - whole.len()]].concat();
    assert!(Envelope::read(&padded(MAX_SIZE)).unwrap().body().is_ok());
    let large = padded(MAX_SIZE + 1);
    let large = Envelope::read(&large).unwrap();
    assert_eq!(Request::read(&large).unwrap().id, ID, "its caller is told");
    assert!(large.body().unwrap_err().contains("more than 16777216"));
    let header = format!(r#"{{"body": "", "headers": {{"id": "{}"}}, "properties": {{}}}}"#, "x".repeat(MAX_SIZE));
    assert!(Envelope::read(header.as_bytes()).unwrap_err().contains("more than 16777216"));
}

#[test]
fn results_are_read() {
    for version in VERSIONS {
        let read = |name: &str| store::read(ID, &recorded(version, &format!("result_{name}")));
        let failed = |name: &str| read(name).unwrap().into_value::<Value>().unwrap_err();
        assert_eq!(read("success").unwrap().into_value::<Value>(), Ok(serde_json::json!({"a": [1, 2.5, null]})));
        assert!(read("started").is_none() && read("retry").is_none(), "these are no ends");
        let failure = failed("failure");
        assert_eq!((failure.exc_type.as_str(), failure.message.as_str()), ("KeyError", "key, 7"));
        assert_eq!((failure.traceback.as_deref(), failure.task_id.as_str()), (Some("Traceback .."), ID));
        assert_eq!(failed("revoked").kind, RemoteErrorKind::Expired);
        assert_eq!(failed("nan").kind, RemoteErrorKind::BadResult);
        let huge = read("huge").unwrap().into_value::<f64>().unwrap_err();
        assert_eq!(huge.kind, RemoteErrorKind::BadResult);
        assert!(huge.message.contains("64 bits"), "{huge}");
    }
}

/// Returns the names in a JSON text, in their order.
fn names(value: &Value, before: &str, into: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        into.push(format!("{before}{name}"));
        names(value, &format!("{before}{name}."), into);
    }
}

#[test]
fn a_new_call_has_what_celery_writes_in_its_order() {
    let call = NewCall {
        id: ID,
        task: "task",
        args: r#"[1,"two",[3.5,null,true]]"#,
        queue: "celery",
        priority: 0,
        eta: None,
        expires: None,
        soft_time_limit: None,
        ignore_result: false,
        log_args: false,
        origin: "gen1@host",
        reply_to: ID,
        headers: &[],
    };
    let (ours, theirs) = (call.write(), recorded("5.7.0", "message_plain"));
    let (mut our_names, mut their_names) = (Vec::new(), Vec::new());
    names(&serde_json::from_slice(&ours).unwrap(), "", &mut our_names);
    names(&serde_json::from_slice(&theirs).unwrap(), "", &mut their_names);
    assert_eq!(our_names, their_names);
    let body = |text: &[u8]| serde_json::from_str::<Value>(&Envelope::read(text).unwrap().body().unwrap()).unwrap();
    assert_eq!(body(&ours), body(&theirs));
    let properties = |text: &[u8]| Envelope::read(text).unwrap().properties;
    assert_eq!(properties(&ours), properties(&theirs));
}

/// Reads a text as a message and as a result, whatever it is.
fn read_all(text: &[u8]) {
    if let Some(answer) = store::read(ID, text) {
        let _ = answer.into_result::<Value, String>();
    }
    let Ok(envelope) = Envelope::read(text) else { return };
    assert!(Envelope::read(&envelope.write()).is_ok(), "what was read can be written");
    let Ok(request) = Request::read(&envelope) else { return };
    let _ = envelope.priority();
    let Ok(body) = envelope.body() else { return };
    let Ok(body) = Body::read(&body) else { return };
    let _ = (body.2.asks_for(), body.values());
    let mut arguments = body.arguments(&request, &envelope);
    let _ = (
        arguments.retries(),
        arguments.header("x"),
        arguments.take::<Value>("width"),
        arguments.take::<Bytes>("text"),
        arguments.end(),
    );
}

#[test]
fn damaged_messages_are_errors_and_never_panics() {
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    let pieces: [&[u8]; 12] = [
        b"null",
        b"{}",
        b"[]",
        b"\"",
        b"-1",
        b"1e999",
        b"NaN",
        b"\\ud800",
        b"[[[[[[[[[[[[[[[[",
        b"9999999999999999999999",
        b"\xff",
        b"2030-99-06T07:08:09+00:00",
    ];
    for name in
        ["message_plain", "message_kwargs", "message_expires", "message_chord", "result_failure", "result_success"]
    {
        let whole = recorded("5.7.0", name);
        read_all(&whole);
        for _ in 0..1500 {
            let mut text = whole.clone();
            for _ in 0..=random(3) {
                let at = random(text.len());
                match random(4) {
                    0 => text.truncate(at.max(1)),
                    1 => text[at] = u8::try_from(random(256)).unwrap(),
                    2 => drop(text.drain(at..text.len().min(at + random(40)))),
                    _ => drop(text.splice(at..at, pieces[random(pieces.len())].iter().copied())),
                }
                if text.is_empty() {
                    text.push(b'{');
                }
            }
            read_all(&text);
        }
    }
    read_all("[".repeat(100_000).as_bytes());
}

#[test]
fn damaged_bodies_are_errors_and_never_panics() {
    let with_body = |body: &str| {
        let call = NewCall {
            id: ID,
            task: "task",
            args: "[]",
            queue: "celery",
            priority: 200,
            eta: Some("soon".to_owned()),
            expires: None,
            soft_time_limit: Some(-1.0),
            ignore_result: false,
            log_args: true,
            origin: "",
            reply_to: "",
            headers: &[],
        };
        let text = call.write();
        let mut message: Value = serde_json::from_slice(&text).unwrap();
        message["properties"]["body_encoding"] = Value::Null;
        message["body"] = Value::from(body);
        read_all(message.to_string().as_bytes());
    };
    let deep = format!("[{}]", "[".repeat(10_000));
    for body in [
        "",
        "[]",
        "{}",
        "[[], {}]",
        "[[NaN], {}, {}]",
        "[[], [], {}]",
        "[{}, {}, {}]",
        "[[1], {\"width\": 1}, null]",
        &deep,
    ] {
        with_body(body);
    }
}
