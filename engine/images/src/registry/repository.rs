//! One repository of a registry: manifests, blobs and tags, and how it is entered (OCI distribution specification).

use std::io::{self, Read};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use ureq::http::{HeaderMap, Method, header};
use url::Url;
use url::form_urlencoded::Serializer;

use super::challenge::{self, Challenge};
use super::credentials::{Credential, Secret};
use super::error::RegistryError;
use super::transport::{Answer, Payload, Request, Transport, is_link_local, refused, unexpected};
use crate::digest::Digest;
use crate::manifest::{DOCKER_LIST, DOCKER_MANIFEST, Descriptor, MAX_DOCUMENT, OCI_INDEX, OCI_MANIFEST};

type Result<T> = std::result::Result<T, RegistryError>;

/// How often an answer may break off.
const ATTEMPTS: usize = 3;

const TOO_LONG: &str = "is longer than 4 MiB";

/// How many answers a list may be spread over.
const MAX_PAGES: usize = 1000;

/// What is done with a repository, as tokens name it (distribution, "Token scope").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope(String);

impl Scope {
    pub(super) fn pull(path: &str) -> Self {
        Self(format!("repository:{path}:pull"))
    }

    pub(super) fn push(path: &str) -> Self {
        Self(format!("repository:{path}:pull,push"))
    }

    pub(super) fn catalog() -> Self {
        Self("registry:catalog:*".to_owned())
    }

    /// Only who one is.
    pub(super) fn nothing() -> Self {
        Self(String::new())
    }
}

/// A host, and what we are to it.
pub(super) struct Session<'a> {
    pub(super) transport: &'a Transport,
    pub(super) host: String,
    pub(super) base: Url,
    credential: Option<Credential>,
    scope: Scope,
    /// What the host accepted the last time.
    authorization: Mutex<Option<Secret>>,
}

/// A document of a registry.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) content: Vec<u8>,
    pub(super) digest: Digest,
    pub(super) media_type: String,
}

/// A token server's answer (distribution, "Token authentication", "Token Response Fields").
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
}

/// What a token server gave.
struct Token {
    access: Secret,
    refresh: Option<Secret>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        transport: &'a Transport,
        host: &str,
        credential: Option<Credential>,
        scope: Scope,
    ) -> Result<Self> {
        let base = transport.base(host)?;
        Ok(Self { transport, host: host.to_owned(), base, credential, scope, authorization: Mutex::default() })
    }

    pub(super) fn url(&self, path: &str) -> Result<Url> {
        self.transport.join(&self.base, path)
    }

    /// Sends a request, proving who we are if asked to. To other hosts than this nothing is proven.
    pub(super) fn send(&self, request: &Request<'_>, what: &str) -> Result<Answer> {
        if request.url.origin() != self.base.origin() {
            return self.transport.send(request, None);
        }
        let known = self.authorization();
        let answer = self.transport.send(request, known.as_ref())?;
        if answer.status() != 401 {
            return Ok(answer);
        }
        let authorization = self.authenticate(&answer, what)?;
        *self.authorization.lock().expect("no holder panics") = Some(authorization.clone());
        let answer = self.transport.send(request, Some(&authorization))?;
        match answer.status().as_u16() {
            401 => Err(self.denied(what)),
            _ => Ok(answer),
        }
    }

    /// As [`Session::send`]; an answer that says no success is an error.
    pub(super) fn succeed(&self, request: &Request<'_>, what: &str) -> Result<Answer> {
        let answer = self.send(request, what)?;
        match answer.status().is_success() {
            true => Ok(answer),
            false => Err(unexpected(what, &request.url, answer, self.authorization().as_ref())),
        }
    }

    /// All of an answer that must not be longer than 4 MiB. One that breaks off is asked for again.
    fn fetch(&self, request: &Request<'_>, what: &str) -> Result<(HeaderMap, Vec<u8>)> {
        let mut attempts = 0;
        loop {
            let answer = self.succeed(request, what)?;
            let headers = answer.headers().clone();
            attempts += 1;
            match read(answer) {
                Ok(Some(content)) => return Ok((headers, content)),
                Ok(None) => return Err(refused(&request.url, &format!("{what} {TOO_LONG}"))),
                Err(_) if attempts < ATTEMPTS => {}
                Err(error) => {
                    let problem = format!("{what}: {error}");
                    return Err(RegistryError::Lost { host: self.host.clone(), problem });
                }
            }
        }
    }

    pub(super) fn authorization(&self) -> Option<Secret> {
        self.authorization.lock().expect("no holder panics").clone()
    }

    fn denied(&self, what: &str) -> RegistryError {
        RegistryError::Denied { host: self.host.clone(), what: what.to_owned() }
    }

    /// Does what an answer demands; the value of `Authorization`.
    fn authenticate(&self, answer: &Answer, what: &str) -> Result<Secret> {
        for challenge in challenges(answer) {
            match (challenge, &self.credential) {
                (Challenge::Basic, Some(Credential::Password { user, password })) => return Ok(basic(user, password)),
                (Challenge::Basic, _) => {}
                (Challenge::Bearer { realm, service, scope }, _) => {
                    return self.token(&realm, service.as_deref(), scope, what).map(|token| token.bearer());
                }
            }
        }
        Err(self.denied(what))
    }

    /// Fetches a token. What we want to do goes into it beside what this request alone demands.
    fn token(&self, realm: &str, service: Option<&str>, demanded: Option<String>, what: &str) -> Result<Token> {
        let url = self.realm(realm)?;
        let mut scopes: Vec<&str> = vec![&self.scope.0];
        let demanded = demanded.unwrap_or_default();
        scopes.extend(demanded.split_whitespace().filter(|scope| !self.covers(scope)));
        scopes.retain(|scope| !scope.is_empty());
        let request = match &self.credential {
            Some(Credential::IdentityToken(Secret(refresh))) => {
                let mut form = Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token").append_pair("client_id", "porthole");
                form.append_pair("refresh_token", refresh);
                form.extend_pairs(service.map(|service| ("service", service)));
                form.append_pair("scope", &scopes.join(" "));
                return self.ask_for_token(url, Some(form.finish()), None, what);
            }
            Some(Credential::Password { user, password }) => Some((user, basic(user, password))),
            None => None,
        };
        let mut url = url;
        url.query_pairs_mut()
            .extend_pairs(request.as_ref().map(|(user, _)| ("account", user.as_str())))
            .extend_pairs(service.map(|service| ("service", service)))
            .extend_pairs(scopes.iter().map(|scope| ("scope", *scope)));
        if request.is_some() && self.scope == Scope::nothing() {
            url.query_pairs_mut().append_pair("client_id", "porthole").append_pair("offline_token", "true");
        }
        self.ask_for_token(url, None, request.map(|(_, basic)| basic), what)
    }

    fn ask_for_token(&self, url: Url, form: Option<String>, basic: Option<Secret>, what: &str) -> Result<Token> {
        let request = match &form {
            None => Request::new(Method::GET, url.clone()),
            Some(form) => Request::new(Method::POST, url.clone())
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .payload(Payload::Bytes(form.as_bytes()))
                .repeatable(),
        };
        let answer = self.transport.send(&request, basic.as_ref())?;
        match answer.status().as_u16() {
            200 => {}
            401 | 403 => return Err(self.denied(what)),
            _ => return Err(unexpected("a token", &url, answer, basic.as_ref())),
        }
        // What it says is a secret, and is not told even where it makes no sense.
        let nonsense = || refused(&url, "its token server's answer makes no sense");
        let text = read(answer).ok().flatten().ok_or_else(nonsense)?;
        let answer: TokenAnswer = serde_json::from_slice(&text).map_err(|_| nonsense())?;
        let access = answer.token.or(answer.access_token).filter(|token| is_header_text(token)).ok_or_else(nonsense)?;
        let refresh = answer.refresh_token.filter(|token| !token.is_empty()).map(Secret::new);
        Ok(Token { access: Secret(access), refresh })
    }

    /// Where tokens are to be had. A registry may name any server, but not make us tell credentials to the link's own
    /// hosts, nor to one without TLS.
    fn realm(&self, realm: &str) -> Result<Url> {
        let refuse = |problem: &str| Err(refused(&self.base, &format!("its token realm is refused: {problem}")));
        let Ok(url) = Url::parse(realm) else { return refuse("it is no URL") };
        if let Err(problem) = self.transport.check(&url) {
            return refuse(&problem);
        }
        match is_link_local(&url) {
            true => refuse("it is a link-local address"),
            false => Ok(url),
        }
    }

    /// Whether our own scope is as good as a demanded one.
    fn covers(&self, demanded: &str) -> bool {
        demanded == self.scope.0 || self.scope.0.strip_suffix(",push").is_some_and(|pull| pull == demanded)
    }

    /// Proves who we are. Answers with a credential to keep instead of the password, if the registry gives one.
    pub(super) fn log_in(&self) -> Result<Option<Credential>> {
        let request = Request::new(Method::GET, self.base.clone());
        let failed = |status: u16| RegistryError::Login { host: self.base.to_string(), status };
        let answer = self.transport.send(&request, None)?;
        if answer.status().is_success() {
            return Ok(None);
        }
        let status = answer.status().as_u16();
        for challenge in challenges(&answer) {
            let (authorization, kept) = match (challenge, &self.credential) {
                (Challenge::Basic, Some(Credential::Password { user, password })) => (basic(user, password), None),
                (Challenge::Basic, _) => continue,
                (Challenge::Bearer { realm, service, .. }, _) => {
                    let token = self.token(&realm, service.as_deref(), None, "login").map_err(|error| match error {
                        RegistryError::Denied { .. } => failed(401),
                        error => error,
                    })?;
                    (token.bearer(), token.refresh.map(Credential::IdentityToken))
                }
            };
            let answer = self.transport.send(&request, Some(&authorization))?;
            return match answer.status().is_success() {
                true => Ok(kept),
                false => Err(failed(answer.status().as_u16())),
            };
        }
        Err(failed(status))
    }

    /// A manifest or an index, by tag or digest.
    pub(super) fn manifest(&self, path: &str, name: &str, promised: Option<&Digest>, what: &str) -> Result<Document> {
        let url = self.url(&format!("{path}/manifests/{name}"))?;
        let kinds = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST, "*/*"].join(", ");
        let (headers, content) =
            self.fetch(&Request::new(Method::GET, url.clone()).header(header::ACCEPT, kinds), what)?;
        let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
        let media_type = text("content-type").unwrap_or_default();
        let claimed: Option<Digest> = text("docker-content-digest").and_then(|digest| digest.parse().ok());
        let digest = Digest::of(&content);
        match promised.or(claimed.as_ref()).filter(|promised| **promised != digest) {
            Some(promised) => {
                Err(refused(&url, &format!("{what} has the digest {digest}, but {promised} was promised")))
            }
            None => Ok(Document { content, digest, media_type }),
        }
    }

    /// A blob that must be small, checked against its descriptor.
    pub(super) fn document(&self, path: &str, descriptor: &Descriptor, what: &str) -> Result<Vec<u8>> {
        let url = self.url(&format!("{path}/blobs/{}", descriptor.digest))?;
        if descriptor.size > MAX_DOCUMENT {
            return Err(refused(&url, &format!("{what} {TOO_LONG}")));
        }
        let (_, content) = self.fetch(&Request::new(Method::GET, url.clone()), what)?;
        match descriptor.describes(&content) {
            true => Ok(content),
            false => {
                Err(refused(&url, &format!("{what} does not have the digest and size that its manifest promised")))
            }
        }
    }

    /// All pages of a list: `tags` of `x/tags/list`, `repositories` of `_catalog`. No more than `limit` items.
    pub(super) fn list(&self, path: &str, key: &str, limit: usize, what: &str) -> Result<Vec<String>> {
        let mut url = self.url(path)?;
        let mut items: Vec<String> = Vec::new();
        for _ in 0..MAX_PAGES {
            let (headers, text) = self.fetch(&Request::new(Method::GET, url.clone()), what)?;
            let next = headers.get(header::LINK).and_then(|link| next_page(link.to_str().ok()?));
            let page: serde_json::Value = serde_json::from_slice(&text)
                .map_err(|_| refused(&url, &format!("{what}: the list makes no sense")))?;
            let names = page[key].as_array().into_iter().flatten().filter_map(|name| name.as_str());
            items.extend(names.map(str::to_owned));
            match next.filter(|_| items.len() < limit) {
                Some(next) => url = self.transport.join(&url, &next)?,
                None => break,
            }
        }
        items.truncate(limit);
        Ok(items)
    }
}

impl Token {
    fn bearer(&self) -> Secret {
        Secret(format!("Bearer {}", self.access.0))
    }
}

fn challenges(answer: &Answer) -> Vec<Challenge> {
    let headers = answer.headers().get_all(header::WWW_AUTHENTICATE);
    headers.iter().filter_map(|header| header.to_str().ok()).flat_map(challenge::parse).collect()
}

fn basic(user: &str, Secret(password): &Secret) -> Secret {
    Secret(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// Whether a text can stand in a header.
fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The URL of `<URL>; rel="next"` (RFC 8288).
fn next_page(link: &str) -> Option<String> {
    let (url, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    parameters.contains("next").then(|| url.to_owned())
}

/// All of an answer; `None` if it is longer than documents may be.
fn read(answer: Answer) -> io::Result<Option<Vec<u8>>> {
    let mut content = Vec::new();
    let length = answer.into_body().into_reader().take(MAX_DOCUMENT + 1).read_to_end(&mut content)?;
    Ok((length as u64 <= MAX_DOCUMENT).then_some(content))
}
