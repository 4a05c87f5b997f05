//! Credentials: Docker's `config.json`, and the helpers that it names.
//!
//! The file's shape and the helpers' protocol are Docker's (docs.docker.com, "docker login", "Credential helper
//! protocol"), so that who has logged in with Docker has with porthole.

use std::fmt;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::{RegistryError, quoted};

/// The name by which Docker's hub is known in `config.json`.
const HUB: &str = "https://index.docker.io/v1/";

/// What helpers answer when they have nothing.
const NOT_FOUND: &str = "credentials not found";

/// The user name by which a secret is marked as an identity token.
const TOKEN_USER: &str = "<token>";

/// Text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) String);

impl Secret {
    /// Keeps a text from being printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What proves who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credential {
    Password {
        user: String,
        password: Secret,
    },
    /// A refresh token (distribution, "OAuth2 token authentication").
    IdentityToken(Secret),
}

/// Where credentials are kept.
#[derive(Debug)]
pub(super) struct Credentials {
    path: PathBuf,
    document: Map<String, Value>,
}

/// Where a registry's credential is.
enum Place {
    File,
    Helper(Helper),
}

/// `docker-credential-NAME`.
struct Helper {
    name: String,
    host: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

impl Credentials {
    /// Reads `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`.
    pub(super) fn read() -> Result<Self, RegistryError> {
        let directory = std::env::var_os("DOCKER_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
        let home = || std::env::home_dir().unwrap_or_else(|| "/".into()).join(".docker");
        let path = directory.unwrap_or_else(home).join("config.json");
        let refuse = |problem: String| RegistryError::Config { path: path.clone(), problem };
        let document = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
            Err(error) => return Err(refuse(error.to_string())),
            Ok(text) => serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))?,
        };
        Ok(Self { path, document })
    }

    /// The credential for a registry, if there is one.
    pub(super) fn get(&self, host: &str) -> Result<Option<Credential>, RegistryError> {
        match self.place(host)? {
            Place::Helper(helper) => helper.get(),
            Place::File => self.entry(host).map(|entry| decode(host, entry)).transpose().map(Option::flatten),
        }
    }

    /// Keeps a credential. Answers with the file if it is kept there, readable by whoever reads that.
    pub(super) fn store(mut self, host: &str, credential: &Credential) -> Result<Option<PathBuf>, RegistryError> {
        if let Place::Helper(helper) = self.place(host)? {
            helper.store(credential)?;
            return Ok(None);
        }
        let entry = match credential {
            Credential::Password { user, password: Secret(password) } => {
                json!({ "auth": STANDARD.encode(format!("{user}:{password}")) })
            }
            Credential::IdentityToken(Secret(token)) => {
                json!({ "auth": STANDARD.encode(format!("{TOKEN_USER}:")), "identitytoken": token })
            }
        };
        self.auths().insert(key(host).to_owned(), entry);
        self.write(host)?;
        Ok(Some(self.path))
    }

    /// Forgets a credential; whether there was one.
    pub(super) fn erase(mut self, host: &str) -> Result<bool, RegistryError> {
        if let Place::Helper(helper) = self.place(host)? {
            return helper.erase();
        }
        let names = names(host);
        let mut found = false;
        for name in names {
            found |= self.auths().remove(&name).is_some();
        }
        if found {
            self.write(host)?;
        }
        Ok(found)
    }

    fn place(&self, host: &str) -> Result<Place, RegistryError> {
        let helpers = self.document.get("credHelpers");
        let own = helpers.and_then(|helpers| names(host).iter().find_map(|name| helpers.get(name)?.as_str()));
        let name = own.or_else(|| self.document.get("credsStore")?.as_str()).filter(|name| !name.is_empty());
        match name {
            None => Ok(Place::File),
            // A name with a slash would be any program at all.
            Some(name) if name.contains('/') => Err(RegistryError::Config {
                path: self.path.clone(),
                problem: format!("the credential helper {name:?} is refused: its name must not have a '/'"),
            }),
            Some(name) => {
                Ok(Place::Helper(Helper { name: format!("docker-credential-{name}"), host: host.to_owned() }))
            }
        }
    }

    fn entry(&self, host: &str) -> Option<&Value> {
        let auths = self.document.get("auths")?;
        names(host).iter().find_map(|name| auths.get(name))
    }

    fn auths(&mut self) -> &mut Map<String, Value> {
        let auths = self.document.entry("auths").or_insert_with(|| json!({}));
        if !auths.is_object() {
            *auths = json!({});
        }
        auths.as_object_mut().expect("just made one")
    }

    /// Replaces the file, for the user's eyes only.
    fn write(&self, host: &str) -> Result<(), RegistryError> {
        let text = serde_json::to_string_pretty(&self.document).expect("it has only string keys") + "\n";
        let temporary = self.path.with_extension(format!("json.{}", std::process::id()));
        let write = || {
            std::fs::create_dir_all(self.path.parent().expect("a file in a directory"))?;
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&temporary, &self.path)
        };
        write().map_err(|error: std::io::Error| {
            let problem = format!("cannot write {}: {error}", self.path.display());
            RegistryError::Credentials { host: host.to_owned(), problem }
        })
    }
}

/// The name of a registry in `config.json`.
fn key(host: &str) -> &str {
    if host == "docker.io" { HUB } else { host }
}

/// All names that a registry may have there.
fn names(host: &str) -> Vec<String> {
    match host {
        "docker.io" => [HUB, "index.docker.io", "docker.io", "registry-1.docker.io"].map(str::to_owned).to_vec(),
        host => ["", "https://", "http://"].map(|scheme| format!("{scheme}{host}")).to_vec(),
    }
}

fn decode(host: &str, entry: &Value) -> Result<Option<Credential>, RegistryError> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Credential::IdentityToken(Secret::new(token))));
    }
    let Some(auth) = text("auth") else { return Ok(None) };
    let problem = || RegistryError::Credentials {
        host: host.to_owned(),
        problem: "\"auth\" in config.json is not base64 of USER:PASSWORD: log in again".to_owned(),
    };
    let pair = STANDARD.decode(auth).ok().and_then(|pair| String::from_utf8(pair).ok()).ok_or_else(problem)?;
    let (user, password) = pair.split_once(':').ok_or_else(problem)?;
    // Docker pads old passwords with zeros.
    let password = Secret::new(password.trim_end_matches('\0'));
    Ok(Some(Credential::Password { user: user.to_owned(), password }))
}

impl Helper {
    fn get(&self) -> Result<Option<Credential>, RegistryError> {
        let answer = match self.call("get", key(&self.host).as_bytes())? {
            Ok(answer) => answer,
            Err(words) if words.contains(NOT_FOUND) => return Ok(None),
            Err(words) => return Err(self.failed(&words)),
        };
        // What it says may have the secret in it, and is not told.
        let HelperAnswer { username, secret } =
            serde_json::from_slice(&answer).map_err(|_| self.failed("its answer makes no sense"))?;
        Ok(Some(match username.as_str() {
            TOKEN_USER => Credential::IdentityToken(Secret(secret)),
            _ => Credential::Password { user: username, password: Secret(secret) },
        }))
    }

    fn store(&self, credential: &Credential) -> Result<(), RegistryError> {
        let (user, Secret(secret)) = match credential {
            Credential::Password { user, password } => (user.as_str(), password),
            Credential::IdentityToken(token) => (TOKEN_USER, token),
        };
        let entry = json!({ "ServerURL": key(&self.host), "Username": user, "Secret": secret }).to_string();
        self.call("store", entry.as_bytes())?.map(drop).map_err(|words| self.failed(&words))
    }

    fn erase(&self) -> Result<bool, RegistryError> {
        match self.call("erase", key(&self.host).as_bytes())? {
            Ok(_) => Ok(true),
            Err(words) if words.contains(NOT_FOUND) => Ok(false),
            Err(words) => Err(self.failed(&words)),
        }
    }

    /// Its answer, or its complaint.
    fn call(&self, action: &str, input: &[u8]) -> Result<Result<Vec<u8>, String>, RegistryError> {
        let run = || {
            let mut command = Command::new(&self.name);
            command.arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn()?;
            // One that does not read what it is told complains or answers all the same.
            let _ = child.stdin.take().expect("piped").write_all(input);
            child.wait_with_output()
        };
        let output = run().map_err(|error: std::io::Error| self.failed(&error.to_string()))?;
        Ok(match output.status.success() {
            true => Ok(output.stdout),
            false => Err(quoted(&String::from_utf8_lossy(&output.stdout))),
        })
    }

    fn failed(&self, problem: &str) -> RegistryError {
        RegistryError::Credentials { host: self.host.clone(), problem: format!("{}: {problem}", self.name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(document: Value) -> Credentials {
        let document = document.as_object().unwrap().clone();
        Credentials { path: "/config.json".into(), document }
    }

    #[test]
    fn entries_are_found_by_all_their_names() {
        let auth = STANDARD.encode("user:pass:word");
        let found = credentials(json!({ "auths": { HUB: { "auth": auth }, "https://a.example": { "auth": auth } } }));
        let expected = Credential::Password { user: "user".into(), password: Secret::new("pass:word") };
        assert_eq!(found.get("docker.io").unwrap(), Some(expected.clone()));
        assert_eq!(found.get("a.example").unwrap(), Some(expected));
        assert_eq!(found.get("b.example").unwrap(), None);
    }

    #[test]
    fn a_helper_with_a_path_is_refused() {
        for document in [json!({ "credsStore": "../evil" }), json!({ "credHelpers": { "a.example": "/bin/sh" } })] {
            let error = credentials(document).get("a.example").unwrap_err().to_string();
            assert!(error.contains("must not have a '/'"), "{error}");
        }
    }

    #[test]
    fn damage_is_told_without_the_secret() {
        let error = credentials(json!({ "auths": { "a": { "auth": "c2VjcmV0" } } })).get("a").unwrap_err().to_string();
        assert!(error.contains("log in again") && !error.contains("c2VjcmV0") && !error.contains("secret"), "{error}");
        assert_eq!(format!("{:?}", Secret::new("x")), "[redacted]");
    }
}
