//! `rediss://`: the certificates named by an address, in Celery's words.

use std::fs;

use redis::Client;
use redis::ClientTlsConfig;
use redis::TlsCertificates;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;

/// Returns a client of a server with TLS. The query may name files: `ssl_ca_certs` in place of the certificates trusted by the
/// system, and `ssl_certfile` with `ssl_keyfile` for a server that wants to know its clients.
pub(crate) fn client(url: &str) -> Result<Client, String> {
    if url.contains('#') {
        return Err("`#insecure`: the certificate of the server is always checked".to_owned());
    }
    let mut certificates = TlsCertificates { client_tls: None, root_cert: None };
    let (mut client_cert, mut client_key) = (None, None);
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "ssl_ca_certs" => certificates.root_cert = Some(read(name, value)?),
            "ssl_certfile" => client_cert = Some(read(name, value)?),
            "ssl_keyfile" => client_key = Some(read(name, value)?),
            "ssl_cert_reqs" if matches!(value, "required" | "CERT_REQUIRED") => {}
            "ssl_check_hostname" if matches!(value, "true" | "True" | "1") => {}
            "ssl_cert_reqs" | "ssl_check_hostname" => {
                return Err(format!("`{name}={value}`: the certificate of the server is always checked"));
            }
            name if name.starts_with("ssl_") => return Err(format!("`{name}` is not known; remove it")),
            _ => {}
        }
    }
    certificates.client_tls = match (client_cert, client_key) {
        (Some(client_cert), Some(client_key)) => Some(ClientTlsConfig { client_cert, client_key }),
        (None, None) => None,
        _ => return Err("`ssl_certfile` and `ssl_keyfile` belong together; give both".to_owned()),
    };
    // The first who needs it chooses for the process; an error says that another part of the program has chosen meanwhile.
    if CryptoProvider::get_default().is_none() {
        let _ = ring::default_provider().install_default();
    }
    let client = if certificates.client_tls.is_none() && certificates.root_cert.is_none() {
        Client::open(url)
    } else {
        Client::build_with_tls(url, certificates)
    };
    client.map_err(|error| error.to_string())
}

fn read(name: &str, value: &str) -> Result<Vec<u8>, String> {
    let file = value.replace("%2F", "/").replace("%2f", "/");
    fs::read(&file).map_err(|error| format!("`{name}`: {file}: {error}"))
}
