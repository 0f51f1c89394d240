//! Counts and times of calls, and what the pools are doing, at an endpoint that Prometheus reads.
//!
//! `cargo run --example prometheus --features metrics` asks its own endpoint once, as Prometheus would, and prints the text.

use std::error::Error;
use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::thread;

use asynctools::AsyncList;
use asynctools::Pool;
use asynctools::metrics::record_pools;
use asynctools::pooled;
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_exporter_prometheus::PrometheusHandle;

static DISK: Pool = Pool::named("disk", 2);

#[pooled(pool = DISK)]
fn load(picture: u32) -> Result<Vec<u32>, String> {
    if picture == 4 { Err("no such picture".to_owned()) } else { Ok(vec![picture; 100]) }
}

#[pooled(workers = 2)]
fn shrink(pixels: Vec<u32>) -> Result<u32, String> {
    assert_ne!(pixels[0], 7, "a broken picture");
    Ok(pixels[0])
}

/// Answers `questions`, and stops. A real endpoint goes on, beside whatever else the program serves.
fn serve(listener: &TcpListener, text: &PrometheusHandle, questions: usize) -> io::Result<()> {
    for stream in listener.incoming().take(questions) {
        let mut stream = stream?;
        // All that a small server needs to know of the question is where it ends.
        let (mut question, mut part) = (Vec::new(), [0; 1024]);
        while !question.ends_with(b"\r\n\r\n") {
            match stream.read(&mut part)? {
                0 => break,
                length => question.extend_from_slice(&part[..length]),
            }
        }
        // What the pools are doing is counted now, and not by a thread that polls.
        record_pools();
        let text = text.render();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n";
        write!(stream, "{head}Content-Length: {}\r\n\r\n{text}", text.len())?;
    }
    Ok(())
}

/// Asks the endpoint as Prometheus does, and returns the text.
fn ask(endpoint: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(endpoint)?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {endpoint}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_head, text) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    Ok(text.to_owned())
}

/// Does some work, and returns what the endpoint says after that.
pub(crate) fn run() -> Result<String, Box<dyn Error>> {
    // Before the first call: the handles of a function are made at its first call, and without a recorder it stays mute.
    let recorder = PrometheusBuilder::new().build_recorder();
    let text = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| "there is a recorder")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let endpoint = listener.local_addr()?;
    let server = thread::spawn(move || serve(&listener, &text, 1));

    // Picture 4 cannot be loaded, so it is not shrunk; picture 7 is a panic.
    let pictures: AsyncList<_> = (0..10).map(|picture| shrink(load(picture))).collect();
    let shrunk = pictures.outcomes().into_iter().flatten().flatten().count();
    assert_eq!(shrunk, 8);
    // The last call has ended a moment before its thread has.
    asynctools::wait_idle();
    // Work for the night: a pool of no workers takes calls, and begins none.
    let night = Pool::named("night", 0);
    assert!(night.spawn(|| 1).cancel());
    let _tonight = night.map(0..5, |picture| picture);

    let text = ask(endpoint)?;
    server.join().map_err(|_| "the server has panicked")??;
    Ok(text)
}

fn main() -> Result<(), Box<dyn Error>> {
    print!("{}", run()?);
    Ok(())
}
