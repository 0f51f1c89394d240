//! The examples with which asynckit, one of the two Python libraries behind this one, was announced.

use std::time::Duration;

use asynctools::{AsyncList, Pool, pooled};
use examples::{LocalServer, Page};

/// `pool = Pool(worker_count=8)`
static POOL: Pool = Pool::new(8);

/// `urlopen(x).read()`
#[pooled(pool = POOL)]
fn read(url: &str) -> Vec<u8> {
    let mut response = ureq::get(url).header("Connection", "close").call().expect("the server is ours");
    response.body_mut().read_to_vec().expect("the server is ours")
}

/// `pool = Pool(worker_count=1)`
static ONE: Pool = Pool::new(1);

#[pooled(pool = ONE)]
fn heavy_work(a: u32, b: u32) -> u32 {
    a + b
}

#[pooled(pool = ONE)]
fn proudly_display(result: u32) {
    println!("  {result}");
}

fn say_bye() {
    println!("  bye");
}

fn main() {
    let sites: [&str; 8] = ["tudb", "github", "lzy", "etilbudsavis", "python", "pypi", "travis", "coveralls"];
    let page = |site: &str| Page {
        path: format!("/{site}"),
        body: format!("welcome to {site}\n").repeat(site.len()),
        status: 200,
        delay: Duration::from_millis(100),
    };
    let server = LocalServer::start(sites.map(page).to_vec()).expect("a port on loopback");
    let urls = sites.map(|site| server.url(&format!("/{site}")));

    println!("Three sites in parallel, and the length of each:");
    // results = [pool.do(lambda x: urlopen(x).read(), url) for url in urls]
    // print [len(result.get(True)) for result in results]
    let results: Vec<_> = urls[..3].iter().map(read).collect();
    let lengths: Vec<usize> = results.into_iter().map(|result| result.get().len()).collect();
    println!("  {lengths:?}");

    println!("Eight sites in parallel, and their total bytes:");
    // result = AsyncList([pool.do(lambda x: len(urlopen(x).read()), url) for url in urls])
    // print sum(result.get(True))
    let result: AsyncList<usize> = urls.iter().map(|url| read(url).map(|page| page.len())).collect();
    println!("  {}", result.get().iter().sum::<usize>());

    println!("Nested and chained:");
    // nested_call = pool.do(heavy_work, 1, pool.do(heavy_work, 2, pool.do(heavy_work, 1, 3)))
    // pool.do(proudly_display, nested_call).chain(say_bye).wait()
    let nested_call = heavy_work(1, heavy_work(2, heavy_work(1, 3)));
    proudly_display(nested_call).chain(say_bye).wait();

    println!("What asynckit left to do, a chain after a list:");
    let list = ONE.map(1..=3, |n| println!("  work {n}"));
    list.chain(|| println!("  all of it done")).wait();
}
