//! The client of this process.

use asynctools_celery::App;
use asynctools_celery::WorkerError;

use crate::sync::OnceLock;

/// The client of the process, or why there is none.
static APP: OnceLock<Result<App, WorkerError>> = OnceLock::new();

/// Sets the client of this process. By default it is made at the first call, from the environment
/// ([`App::from_env`]).
///
/// # Errors
///
/// There is one already: the client that was to be set comes back.
pub fn use_app(app: App) -> Result<(), App> {
    let mut given = Some(app);
    APP.get_or_init(|| given.take().ok_or_else(|| unreachable!("taken once")));
    given.map_or(Ok(()), Err)
}

/// Returns the client of this process.
///
/// # Errors
///
/// `CELERY_BROKER_URL` is not set, or is no address. Calls end as [`RemoteErrorKind::Broker`](crate::celery::RemoteErrorKind::Broker) then.
pub fn app() -> Result<&'static App, &'static WorkerError> {
    APP.get_or_init(App::from_env).as_ref()
}
