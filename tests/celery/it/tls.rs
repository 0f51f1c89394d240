//! A broker that is reached by TLS, and knows its clients by their certificates.

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::RemoteErrorKind;
use asynctools_celery::Task;
use celery_tests::send;
use celery_tests::tasks::Add;

use crate::interop::call;
use crate::runner::Test;
use crate::runner::tests;
use crate::servers::Process;
use crate::servers::Redis;
use crate::servers::free_port;

pub(crate) const TESTS: &[Test] = tests! {
    Openssl: tls_with_certificates;
};

/// A folder with an authority, and certificates by it for the server and for a client.
struct Certificates(PathBuf);

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Certificates {
    fn make() -> Self {
        let folder = env::temp_dir().join(format!("celery-tests-{}-tls", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for its files");
        make(&folder, "authority", &["-addext", "keyUsage=critical,keyCertSign"]);
        let by = ["-CA", "authority.crt", "-CAkey", "authority.key", "-addext", "basicConstraints=critical,CA:FALSE"];
        for name in ["server", "client"] {
            make(&folder, name, &[&by[..], &["-addext", "subjectAltName=IP:127.0.0.1"]].concat());
        }
        Self(folder)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

fn make(folder: &Path, name: &str, more: &[&str]) {
    let mut openssl = Command::new("openssl");
    openssl.current_dir(folder).args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    openssl.args(["-nodes", "-days", "2", "-subj", &format!("/CN={name}"), "-keyout", &format!("{name}.key")]);
    let output = openssl.args(["-out", &format!("{name}.crt")]).args(more).output().expect("openssl starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn tls_with_certificates() {
    let certificates = Certificates::make();
    let port = free_port().to_string();
    let (crt, key) = (certificates.file("server.crt"), certificates.file("server.key"));
    let authority = certificates.file("authority.crt");
    let by_tls = ["--tls-port", &port, "--tls-cert-file", &crt, "--tls-key-file", &key];
    let options = [&["--save", ""], &by_tls[..], &["--tls-ca-cert-file", &authority]].concat();
    // Its other port is for looking on.
    let redis = Redis::with(&options);
    let url = format!("rediss://127.0.0.1:{port}/0?ssl_cert_reqs=required&ssl_ca_certs={authority}");
    let (crt, key) = (certificates.file("client.crt"), certificates.file("client.key"));
    let known = format!("{url}&ssl_certfile={crt}&ssl_keyfile={key}");
    let app = |url: &str| App::builder().broker(url).build().expect("it is an address");

    let mut worker = Command::new(env!("CARGO_BIN_EXE_worker"));
    let _worker = Process::start(worker.args([&known, "1"]));
    assert_eq!(call::<Add, i64>(&app(&known), (2, 3)), Ok(5));
    let printed = redis.run_python_at(&known, "print(app.send_task('rs.Add', (3, 4), queue='rs').get(timeout=30))");
    assert_eq!(printed, "7", "Python reads the same address");

    let other = format!("rediss://127.0.0.1:{port}/0?ssl_certfile={crt}&ssl_keyfile={key}");
    let refused = |url: &str| send::<i64>(&app(url), Call::new(Add::NAME, Add::OPTIONS, (1, 1)));
    let [unknown, untrusted] = [&url, &other].map(|url| refused(url)).map(|call| call.get().unwrap_err());
    assert_eq!(unknown.kind, RemoteErrorKind::Broker, "the server does not know the client: {unknown}");
    assert_eq!(untrusted.kind, RemoteErrorKind::Broker);
    assert!(untrusted.message.contains("certificate"), "the client does not trust the server: {untrusted}");
    assert_eq!(redis.number(&["LLEN", "rs"]), 0);
}
