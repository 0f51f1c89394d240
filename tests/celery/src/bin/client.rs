//! A client that makes ten calls and waits for them: `client URL PORT`. Without arguments it makes one call with the client of the
//! process, and prints the kind and the text of its error.

use asynctools::AsyncList;
use asynctools::TaskError;
use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::Task;
use celery_tests::fleet::letters;
use celery_tests::send;
use celery_tests::tasks::Count;

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    if args.is_empty() {
        match letters("text").outcome() {
            Err(TaskError::Remote(error)) => println!("{:?}: {error}", error.kind),
            other => println!("{other:?}"),
        }
        return;
    }
    let port: u16 = args[1].parse().expect("a port");
    let app = App::builder().broker(&args[0]).build().expect("it is an address");
    let count = |_| send::<i64>(&app, Call::new(Count::NAME, Count::OPTIONS, (port, "runs", 0)));
    let calls: AsyncList<_> = (0..10).map(count).collect();
    calls.wait();
}
