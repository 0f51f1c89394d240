//! The outside of a message, as the message lies in a queue of Redis.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::value::RawValue;

/// The body of a message of at most this size is read. Of a longer message only the headers are, so that its caller is told.
pub(crate) const MAX_SIZE: usize = 16 << 20;

/// A message in a queue. The body stays encoded, so a message sent again has the same body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Envelope<'a> {
    #[serde(borrow)]
    body: Cow<'a, str>,
    #[serde(rename = "content-encoding", default)]
    content_encoding: Option<String>,
    #[serde(rename = "content-type", default)]
    content_type: Option<String>,
    pub(crate) headers: Map<String, Value>,
    pub(crate) properties: Map<String, Value>,
    /// How long the message is, where that is too long.
    #[serde(skip)]
    too_long: Option<usize>,
}

/// The parts of a message that are parsed besides the body, unparsed.
#[derive(Deserialize)]
struct Outside<'a> {
    #[serde(borrow)]
    headers: &'a RawValue,
    #[serde(borrow)]
    properties: &'a RawValue,
}

impl<'a> Envelope<'a> {
    /// Reads a message. `Err` for any other text: nobody waits for such an entry under a known id.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, String> {
        let refuse = |error| format!("this is no message: {error}");
        if text.len() > MAX_SIZE {
            let outside: Outside<'_> = serde_json::from_slice(text).map_err(refuse)?;
            let length = outside.headers.get().len() + outside.properties.get().len();
            if length > MAX_SIZE {
                return Err(format!("headers and properties have {length} bytes, more than {MAX_SIZE}"));
            }
        }
        let envelope: Self = serde_json::from_slice(text).map_err(refuse)?;
        Ok(Self { too_long: Some(text.len()).filter(|length| *length > MAX_SIZE), ..envelope })
    }

    /// Returns a message with this JSON as body, for a client's list of replies.
    pub(crate) fn reply(json: &str, headers: Map<String, Value>, exchange: &str, routing_key: &str, tag: &str) -> Self {
        let mut properties = Map::new();
        properties.insert("delivery_mode".to_owned(), Value::from(2));
        let info = [("exchange", exchange), ("routing_key", routing_key)];
        let info = info.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        properties.insert("delivery_info".to_owned(), Value::Object(info));
        properties.insert("priority".to_owned(), Value::from(0));
        properties.insert("body_encoding".to_owned(), Value::from("base64"));
        properties.insert("delivery_tag".to_owned(), Value::from(tag));
        Self {
            body: Cow::Owned(STANDARD.encode(json)),
            content_encoding: Some("utf-8".to_owned()),
            content_type: Some("application/json".to_owned()),
            headers,
            properties,
            too_long: None,
        }
    }

    /// Returns the message as text, to be sent again.
    pub(crate) fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text, maps and values always have a form in JSON")
    }

    /// Returns the JSON of the body. `Err` for content of a kind never read by this crate.
    pub(crate) fn body(&self) -> Result<String, String> {
        let refuse = |what: String| Err(what);
        if let Some(compression) = self.headers.get("compression").and_then(Value::as_str) {
            return refuse(format!("the body is compressed with `{compression}`; send it without compression"));
        }
        if let Some(length) = self.too_long {
            return refuse(format!("the message has {length} bytes, more than {MAX_SIZE}"));
        }
        match self.content_type.as_deref() {
            Some("application/json") => {}
            other => {
                return refuse(format!("the body is `{}`; send `application/json`", other.unwrap_or("of no type")));
            }
        }
        let bytes = match self.properties.get("body_encoding").and_then(Value::as_str) {
            Some("base64") => match STANDARD.decode(self.body.as_bytes()) {
                Ok(bytes) => bytes,
                Err(error) => return refuse(format!("the body is not base64: {error}")),
            },
            None | Some("") => self.body.as_bytes().to_vec(),
            Some(other) => return refuse(format!("the body is encoded as `{other}`; send `base64`")),
        };
        String::from_utf8(bytes).or_else(|_| refuse("the body is not UTF-8".to_owned()))
    }

    pub(crate) fn text(&self, header: &str) -> Option<&str> {
        self.headers.get(header).and_then(Value::as_str)
    }

    /// Returns the priority of the message.
    pub(crate) fn priority(&self) -> u8 {
        let priority = self.properties.get("priority").and_then(Value::as_u64).unwrap_or(0);
        u8::try_from(priority).unwrap_or(9).min(9)
    }

    /// Marks the message as redelivered, as kombu does.
    pub(crate) fn mark_redelivered(&mut self) {
        self.headers.insert("redelivered".to_owned(), Value::Bool(true));
        if let Some(Value::Object(info)) = self.properties.get_mut("delivery_info") {
            info.insert("redelivered".to_owned(), Value::Bool(true));
        }
    }
}

/// The message of a new call, with the fields of Celery 5.7 in the same order.
#[derive(Debug)]
pub(crate) struct NewCall<'a> {
    pub(crate) id: &'a str,
    pub(crate) task: &'a str,
    /// The JSON of the list of positional arguments.
    pub(crate) args: &'a str,
    pub(crate) queue: &'a str,
    pub(crate) priority: u8,
    pub(crate) eta: Option<String>,
    pub(crate) expires: Option<String>,
    pub(crate) soft_time_limit: Option<f64>,
    pub(crate) ignore_result: bool,
    pub(crate) log_args: bool,
    pub(crate) origin: &'a str,
    pub(crate) reply_to: &'a str,
    pub(crate) headers: &'a [(String, String)],
}

#[derive(Serialize)]
struct Outgoing<'a> {
    body: String,
    #[serde(rename = "content-encoding")]
    content_encoding: &'a str,
    #[serde(rename = "content-type")]
    content_type: &'a str,
    headers: Headers<'a>,
    properties: Properties<'a>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are Celery's")]
struct Headers<'a> {
    lang: &'a str,
    task: &'a str,
    id: &'a str,
    shadow: (),
    eta: &'a Option<String>,
    expires: &'a Option<String>,
    group: (),
    group_index: (),
    retries: u32,
    timelimit: (Option<f64>, Option<f64>),
    root_id: &'a str,
    parent_id: (),
    argsrepr: &'a str,
    kwargsrepr: &'a str,
    origin: &'a str,
    ignore_result: bool,
    replaced_task_nesting: u32,
    stamped_headers: (),
    stamps: Map<String, Value>,
    #[serde(flatten)]
    more: More<'a>,
}

/// Headers of the caller's.
struct More<'a>(&'a [(String, String)]);

impl Serialize for More<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

#[derive(Serialize)]
struct Properties<'a> {
    correlation_id: &'a str,
    reply_to: &'a str,
    delivery_mode: u8,
    delivery_info: DeliveryInfo<'a>,
    priority: u8,
    body_encoding: &'a str,
    delivery_tag: &'a str,
}

#[derive(Serialize)]
struct DeliveryInfo<'a> {
    exchange: &'a str,
    routing_key: &'a str,
}

impl NewCall<'_> {
    /// The names forbidden to a program's own headers.
    pub(crate) const HEADERS: &'static [&'static str] = &[
        "lang",
        "task",
        "id",
        "shadow",
        "eta",
        "expires",
        "group",
        "group_index",
        "retries",
        "timelimit",
        "root_id",
        "parent_id",
        "argsrepr",
        "kwargsrepr",
        "origin",
        "ignore_result",
        "replaced_task_nesting",
        "stamped_headers",
        "stamps",
        "compression",
        "redelivered",
    ];

    /// Returns the message as it goes into a queue.
    pub(crate) fn write(&self) -> Vec<u8> {
        let embed = r#"{"callbacks": null, "errbacks": null, "chain": null, "chord": null}"#;
        let body = format!("[{}, {{}}, {embed}]", self.args);
        let message = Outgoing {
            body: STANDARD.encode(body),
            content_encoding: "utf-8",
            content_type: "application/json",
            headers: Headers {
                lang: "rust",
                task: self.task,
                id: self.id,
                shadow: (),
                eta: &self.eta,
                expires: &self.expires,
                group: (),
                group_index: (),
                retries: 0,
                timelimit: (None, self.soft_time_limit),
                root_id: self.id,
                parent_id: (),
                argsrepr: if self.log_args { self.args } else { "..." },
                kwargsrepr: "{}",
                origin: self.origin,
                ignore_result: self.ignore_result,
                replaced_task_nesting: 0,
                stamped_headers: (),
                stamps: Map::new(),
                more: More(self.headers),
            },
            properties: Properties {
                correlation_id: self.id,
                reply_to: self.reply_to,
                delivery_mode: 2,
                delivery_info: DeliveryInfo { exchange: "", routing_key: self.queue },
                priority: self.priority,
                body_encoding: "base64",
                delivery_tag: self.id,
            },
        };
        serde_json::to_vec(&message).expect("text and numbers always have a form in JSON")
    }
}
