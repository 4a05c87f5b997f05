//! HTTP: one request and its answer, across redirects, refusals for the moment and lost connections.
//!
//! Redirects are followed here and not by the HTTP library, because of what must not follow them: credentials go to the
//! host that asked for them and no other, and nothing goes to a host without TLS unless its administrator says so.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::{Method, Response, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, SendBody};
use url::{Host, Url};

use super::config::{RegistriesConfig, Security};
use super::credentials::Secret;
use super::error::{RegistryError, quoted};
use crate::section::Section;

/// How often a request is redirected before that is taken for a circle.
const MAX_REDIRECTS: usize = 5;

/// How long to wait before a request is sent again, in milliseconds.
const PAUSES: [u64; 4] = [200, 500, 1000, 2000];

/// A registry that wants to be left alone for longer is told of instead.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

const CONNECT: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(60);

/// The longest complaint of a registry that is read.
const MAX_COMPLAINT: u64 = 16 << 10;

pub(super) type Answer = Response<Body>;
type Result<T> = std::result::Result<T, RegistryError>;

/// Speaks HTTP with any host, as the configuration says of it.
pub(super) struct Transport {
    pub(super) config: RegistriesConfig,
    agents: Mutex<HashMap<Security, Agent>>,
}

/// What is asked.
#[derive(Clone)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(header::HeaderName, String)>,
    pub(super) payload: Payload<'a>,
    /// Whether sending it twice does what sending it once does.
    pub(super) repeatable: bool,
}

/// What is sent along.
#[derive(Clone, Copy)]
pub(super) enum Payload<'a> {
    Nothing,
    Bytes(&'a [u8]),
    Part { file: &'a File, offset: u64, length: u64 },
}

/// A registry's complaint (OCI distribution specification, "Error Codes").
#[derive(Deserialize)]
struct Complaint {
    errors: Vec<ComplaintItem>,
}

#[derive(Deserialize)]
struct ComplaintItem {
    #[serde(default)]
    message: String,
}

impl<'a> Request<'a> {
    pub(super) fn new(method: Method, url: Url) -> Self {
        let repeatable = matches!(method, Method::GET | Method::HEAD);
        Self { method, url, headers: Vec::new(), payload: Payload::Nothing, repeatable }
    }

    #[must_use]
    pub(super) fn header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub(super) fn payload(self, payload: Payload<'a>) -> Self {
        Self { payload, ..self }
    }

    #[must_use]
    pub(super) fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }
}

impl Transport {
    pub(super) fn new(config: RegistriesConfig) -> Self {
        Self { config, agents: Mutex::default() }
    }

    /// The beginning of a host's URLs.
    pub(super) fn base(&self, host: &str) -> Result<Url> {
        let address = if host == "docker.io" { "registry-1.docker.io" } else { host };
        let scheme = if self.config.security(host) == Security::Http { "http" } else { "https" };
        Url::parse(&format!("{scheme}://{address}/v2/"))
            .map_err(|error| RegistryError::Unreachable { host: host.to_owned(), problem: error.to_string() })
    }

    /// Sends a request, following redirects and trying again what may work the next time. The authorization is for the
    /// host of the request's URL only.
    pub(super) fn send(&self, request: &Request<'_>, authorization: Option<&Secret>) -> Result<Answer> {
        let origin = request.url.origin();
        let mut request = request.clone();
        for _ in 0..=MAX_REDIRECTS {
            let authorization = authorization.filter(|_| request.url.origin() == origin);
            let answer = self.send_patiently(&request, authorization)?;
            let follow = answer.status().is_redirection() && matches!(request.method, Method::GET | Method::HEAD);
            match answer.headers().get(header::LOCATION).filter(|_| follow) {
                None => return Ok(answer),
                Some(location) => request.url = self.join(&request.url, location.to_str().unwrap_or_default())?,
            }
        }
        Err(refused(&request.url, "too many redirects"))
    }

    /// Where an answer of `base` says to go on, if that is allowed.
    pub(super) fn join(&self, base: &Url, location: &str) -> Result<Url> {
        let url = base.join(location).map_err(|error| refused(base, &format!("it leads to no URL: {error}")))?;
        self.check(&url).map_err(|problem| refused(base, &problem))?;
        Ok(url)
    }

    /// Whether a URL that a registry named may be used; why not otherwise.
    pub(super) fn check(&self, url: &Url) -> std::result::Result<(), String> {
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.config.security(&authority(url)) == Security::Http => Ok(()),
            "http" => {
                Err(format!("it leads to {0} without TLS, which [registry.\"{0}\"] does not allow", authority(url)))
            }
            scheme => Err(format!("it leads to a {scheme}: URL")),
        }
    }

    fn send_patiently(&self, request: &Request<'_>, authorization: Option<&Secret>) -> Result<Answer> {
        let mut pauses = PAUSES.iter().copied().map(Duration::from_millis);
        loop {
            let sent = self.send_once(request, authorization);
            let wanted = match &sent {
                // Whoever says so has not begun to act.
                Ok(answer) if answer.status() == 429 => Some(retry_after(answer)),
                Ok(answer) if request.repeatable && [500, 502, 503, 504].contains(&answer.status().as_u16()) => {
                    Some(retry_after(answer))
                }
                Err(RegistryError::Lost { .. }) if request.repeatable => Some(None),
                _ => None,
            };
            let (Some(wanted), Some(usual)) = (wanted, pauses.next()) else { return sent };
            match wanted.unwrap_or(usual) {
                pause if pause > LONGEST_PAUSE => return sent,
                pause => thread::sleep(pause),
            }
        }
    }

    fn send_once(&self, request: &Request<'_>, authorization: Option<&Secret>) -> Result<Answer> {
        let mut builder = ureq::http::Request::builder().method(&request.method).uri(request.url.as_str());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(Secret(authorization)) = authorization {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        let agent = self.agent(&request.url)?;
        let bodiless = matches!(request.method, Method::GET | Method::HEAD);
        let sent = match request.payload {
            Payload::Nothing if bodiless => {
                builder.body(()).map_err(ureq::Error::Http).and_then(|request| agent.run(request))
            }
            Payload::Nothing => {
                builder.body(&b""[..]).map_err(ureq::Error::Http).and_then(|request| agent.run(request))
            }
            Payload::Bytes(bytes) => {
                builder.body(bytes).map_err(ureq::Error::Http).and_then(|request| agent.run(request))
            }
            Payload::Part { file, offset, length } => {
                let mut part = Section::new(file, offset, length);
                let request = builder.header(header::CONTENT_LENGTH, length).body(SendBody::from_reader(&mut part));
                request.map_err(ureq::Error::Http).and_then(|request| agent.run(request))
            }
        };
        sent.map_err(|error| failure(&request.url, error))
    }

    /// The agent for a host; agents keep connections open.
    fn agent(&self, url: &Url) -> Result<Agent> {
        let security = self.config.security(&authority(url));
        let mut agents = self.agents.lock().expect("no holder panics");
        if let Some(agent) = agents.get(&security) {
            return Ok(agent.clone());
        }
        let agent = agent(&security)?;
        agents.insert(security, agent.clone());
        Ok(agent)
    }
}

/// An agent for what is no registry: the system says whom to trust.
pub(crate) fn agent_for_files() -> Result<Agent> {
    agent(&Security::Tls { ca: Vec::new() })
}

fn agent(security: &Security) -> Result<Agent> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider);
    let tls = match security {
        Security::Unverified => tls.disable_verification(true),
        Security::Http => tls,
        Security::Tls { ca } => tls.root_certs(RootCerts::Specific(Arc::new(roots(ca)?))),
    };
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("porthole/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(SILENCE))
        .timeout_per_write(Some(SILENCE));
    Ok(config.build().new_agent())
}

/// The certificates of authorities that the system trusts, and those in these files.
fn roots(files: &[PathBuf]) -> Result<Vec<Certificate<'static>>> {
    // A certificate of the system's that cannot be read vouches for nobody; the others are as good without it.
    let system = rustls_native_certs::load_native_certs().certs;
    let mut roots: Vec<_> = system.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    for path in files {
        let refuse = |problem: String| RegistryError::Config { path: path.clone(), problem };
        let content = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
        let before = roots.len();
        for item in parse_pem(&content) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| refuse(error.to_string()))? {
                roots.push(certificate);
            }
        }
        if roots.len() == before {
            return Err(refuse("no certificate in PEM format is in it".to_owned()));
        }
    }
    Ok(roots)
}

/// Host and port as `registries.toml` names them.
pub(super) fn authority(url: &Url) -> String {
    match (url.host_str().unwrap_or_default(), url.port()) {
        ("registry-1.docker.io", None) => "docker.io".to_owned(),
        (host, None) => host.to_owned(),
        (host, Some(port)) => format!("{host}:{port}"),
    }
}

/// Whether a host is written as an address of the link it is on, where clouds keep their credentials.
pub(super) fn is_link_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => {
            address.is_unicast_link_local() || address.to_ipv4_mapped().is_some_and(|address| address.is_link_local())
        }
        _ => false,
    }
}

/// The error for an answer that is none of those expected.
pub(super) fn unexpected(what: &str, url: &Url, answer: Answer, secret: Option<&Secret>) -> RegistryError {
    let (status, host) = (answer.status().as_u16(), authority(url));
    let message = complaint(answer, secret);
    match status {
        401 | 403 => RegistryError::Denied { host, what: what.to_owned() },
        404 => RegistryError::NotFound {
            what: what.to_owned(),
            message: if message.is_empty() { format!("{host} answers 404") } else { message },
        },
        _ => {
            let message = if message.is_empty() { message } else { format!(": {message}") };
            RegistryError::Status { what: what.to_owned(), host, status, message }
        }
    }
}

/// A registry's own words, without what we told it in confidence.
fn complaint(answer: Answer, secret: Option<&Secret>) -> String {
    let mut text = Vec::new();
    // A complaint that breaks off is told as far as it goes.
    let _ = answer.into_body().into_reader().take(MAX_COMPLAINT).read_to_end(&mut text);
    let words = match serde_json::from_slice::<Complaint>(&text) {
        Ok(complaint) => complaint.errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; "),
        Err(_) if text.first() == Some(&b'<') => String::new(),
        Err(_) => String::from_utf8_lossy(&text).into_owned(),
    };
    quoted(&redact(&words, secret))
}

fn redact(text: &str, secret: Option<&Secret>) -> String {
    let Some(Secret(secret)) = secret else { return text.to_owned() };
    // "Bearer TOKEN", and the token alone.
    let token = secret.split_once(' ').map_or(secret.as_str(), |(_, token)| token);
    match token.is_empty() {
        true => text.to_owned(),
        false => text.replace(token, "[redacted]"),
    }
}

pub(super) fn refused(url: &Url, problem: &str) -> RegistryError {
    RegistryError::Refused { host: authority(url), problem: problem.to_owned() }
}

pub(crate) fn failure(url: &Url, error: ureq::Error) -> RegistryError {
    let host = authority(url);
    let problem = error.to_string();
    let of_tls = match &error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
        ureq::Error::Io(error) => error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()),
        _ => false,
    };
    let unreachable = match &error {
        ureq::Error::HostNotFound => true,
        // The standard library has no kind for a name that is not known.
        ureq::Error::Io(error) => {
            error.kind() == io::ErrorKind::ConnectionRefused || error.to_string().contains("lookup address")
        }
        _ => false,
    };
    match (of_tls, unreachable) {
        (true, _) => RegistryError::Untrusted { host, problem },
        (_, true) => RegistryError::Unreachable { host, problem },
        _ => RegistryError::Lost { host, problem },
    }
}

/// How long an answer asks us to wait, in seconds (RFC 9110 §10.2.3). A date is not waited for.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn what_leads_astray_is_refused() {
        let transport = Transport::new(RegistriesConfig::default());
        let base = url("https://a.example/v2/");
        assert_eq!(transport.join(&base, "/x?y").unwrap().as_str(), "https://a.example/x?y");
        assert!(transport.join(&base, "https://b.example/").is_ok());
        for location in ["http://a.example/x", "file:///etc/passwd", "ftp://x/", "//[", "gopher:x"] {
            assert!(transport.join(&base, location).is_err(), "{location}");
        }
    }

    #[test]
    fn addresses_of_the_link_are_told() {
        for text in
            ["http://169.254.169.254/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/", "http://0xa9fea9fe/"]
        {
            assert!(is_link_local(&url(text)), "{text}");
        }
        assert!(!is_link_local(&url("http://127.0.0.1/")) && !is_link_local(&url("https://auth.example/")));
    }

    #[test]
    fn tokens_are_not_told() {
        let secret = Secret::new("Bearer abc");
        assert_eq!(redact("your token abc is no good", Some(&secret)), "your token [redacted] is no good");
    }
}
