//! The examples share a web server on loopback, so that none of them needs a network.

use std::io;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use asynctools::parallel;
use tiny_http::Header;
use tiny_http::Request;
use tiny_http::Response;
use tiny_http::Server;

/// A page of a [`LocalServer`].
#[derive(Clone, Debug)]
pub struct Page {
    /// The path in the URL, with the slash in front.
    pub path: String,
    /// The text of the page.
    pub body: String,
    /// The status of the answer: 200 for a good page.
    pub status: u16,
    /// How long the server holds it back.
    pub delay: Duration,
}

/// A web server on loopback that answers any number of requests side by side. It stops when it is dropped.
///
/// Four threads read requests, and a connection that its client keeps open occupies one of them: send
/// `Connection: close`.
pub struct LocalServer {
    server: Arc<Server>,
    address: String,
}

impl LocalServer {
    /// Serves `pages`, and a 404 for everything else, on a port that is free.
    ///
    /// # Errors
    ///
    /// When the system gives no port.
    pub fn start(pages: Vec<Page>) -> io::Result<Self> {
        let server = Arc::new(Server::http("127.0.0.1:0").map_err(io::Error::other)?);
        let address = format!("http://{}", server.server_addr());
        let (listener, pages) = (server.clone(), Arc::new(pages));
        parallel(move || {
            for request in listener.incoming_requests() {
                answer(request, pages.clone()).detach();
            }
        })
        .detach();
        Ok(Self { server, address })
    }

    /// Returns the address of a page: `url("/page")` is `http://127.0.0.1:PORT/page`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

impl std::fmt::Debug for LocalServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalServer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Each request is held back on a thread of its own.
#[parallel]
fn answer(request: Request, pages: Arc<Vec<Page>>) {
    let response = match pages.iter().find(|page| page.path == request.url()) {
        Some(page) => {
            sleep(page.delay);
            Response::from_string(&page.body).with_status_code(page.status)
        }
        None => Response::from_string("no such page\n").with_status_code(404),
    };
    let plain_text =
        Header { field: "Content-Type".parse().expect("valid"), value: "text/plain".parse().expect("valid") };
    // The client may be gone by now.
    drop(request.respond(response.with_header(plain_text)));
}
