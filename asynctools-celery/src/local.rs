//! A client whose calls never leave the process, by the same messages: for tests of programs.

use crate::client::app::App;
use crate::client::call::Call;
use crate::client::pending::finish;
use crate::error::RemoteError;
use crate::error::RemoteErrorKind;
use crate::message::arguments::Body;
use crate::message::request::Request;
use crate::registry::Registry;
use crate::store;
use crate::store::About;
use crate::store::Answer;
use crate::wire::envelope::Envelope;
use crate::wire::envelope::NewCall;
use crate::worker::end::End;
use crate::worker::panics;

const ID: &str = "00000000-0000-4000-8000-000000000000";

impl App {
    /// Returns a client for calls in this process, on threads from `spawn`: no broker, the same messages. The client
    /// knows the tasks of all crates named by this program. Retries, times and priorities are ignored.
    #[must_use]
    pub fn local(spawn: impl Fn(Box<dyn FnOnce() + Send>) + Send + Sync + 'static) -> Self {
        panics::watch();
        Self::of(move |call, done| spawn(Box::new(move || finish(done, run(call)))))
    }
}

fn run(mut call: Call) -> Answer {
    let refuse = |kind, why: String| RemoteError::new(kind, why).with_task_id(ID).into();
    let args = match call.write() {
        Ok(args) => args,
        Err(why) => return refuse(RemoteErrorKind::BadArguments, why),
    };
    let message = NewCall {
        id: ID,
        task: &call.task,
        args: &args,
        queue: &call.options.queue,
        priority: call.options.priority,
        eta: None,
        expires: None,
        soft_time_limit: None,
        ignore_result: call.options.ignore_result,
        log_args: false,
        origin: "local",
        reply_to: ID,
        headers: &call.options.headers,
    };
    let message = message.write();
    let end = Envelope::read(&message).and_then(|envelope| {
        let (request, text) = (Request::read(&envelope)?, envelope.body()?);
        let arguments = Body::read(&text)?.arguments(&request, &envelope);
        let Some(entry) = Registry::submitted().into_iter().find(|entry| entry.name == request.task) else {
            return Ok(None);
        };
        Ok(Some(match panics::catch(|| (entry.run)(arguments)) {
            Ok(Ok(value)) => End::Value(value),
            Ok(Err(failure)) => End::of_failure(failure),
            Err(panicked) => End::of_panic(panicked),
        }))
    });
    match end {
        Err(why) => refuse(RemoteErrorKind::Content, why),
        Ok(None) => refuse(RemoteErrorKind::NotRegistered, call.task.into_owned()),
        Ok(Some(_)) if call.options.ignore_result => Answer::of_json("null".to_owned()),
        Ok(Some(end)) => {
            let text = end.text(&About { task_id: ID, ..About::default() });
            store::read(ID, &text).expect("the end of a call is an end")
        }
    }
}
