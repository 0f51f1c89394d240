//! The worker of the tests: `worker URL THREADS [option=value]..`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use asynctools::celery;
use celery_tests::tasks;
use celery_tests::tasks::Refusing;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(threads)) = (args.next(), args.next()) else {
        eprintln!("usage: worker URL THREADS [option=value]..");
        return ExitCode::FAILURE;
    };
    let threads = threads.parse().expect("a number of threads");
    let mut worker = celery::worker().threads(threads).broker(url);
    let args: Vec<_> = args.collect();
    if !args.iter().any(|arg| arg == "all=1") {
        worker = tasks::all(worker);
    }
    for arg in args {
        let (option, value) = arg.split_once('=').expect("option=value");
        let millis = || Duration::from_millis(value.parse().expect("milliseconds"));
        worker = match option {
            "all" => worker.all(),
            "hostname" => worker.hostname(value),
            "backend" => worker.backend(value),
            "queue" => worker.queue(value),
            "grace" => worker.grace(millis()),
            "visibility" => worker.visibility_timeout(millis()),
            "deliveries" => worker.max_deliveries(value.parse().expect("a number")),
            "forever_grace" => worker.grace(Duration::MAX),
            "forever_result" => worker.result_expires(Duration::MAX),
            "refusing" => worker.on(Arc::new(Refusing::new(value.parse().expect("a port")))),
            "pool" => worker.on(tasks::own_pool(threads)),
            "prefix" => worker.global_keyprefix(value),
            "backend_prefix" => worker.backend_global_keyprefix(value),
            "extended" => worker.result_extended(true),
            other => panic!("there is no option `{other}`"),
        };
    }
    match worker.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
