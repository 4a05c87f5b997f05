//! What `run` and `create` ask for, before the image had its say.

use super::config::HostConfig;
use porthole_images::{Healthcheck, Platform};
use porthole_runtime::monitor::RestartPolicy;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything that a user may say of a new container. What is `None` is left to the image.
#[derive(Clone, Debug, Default)]
pub struct CreateOptions {
    /// The image, by name or id.
    pub image: String,
    /// The machine that the image must be for.
    pub platform: Option<Platform>,
    /// Its name; a generated one when `None`.
    pub name: Option<String>,
    /// Arguments; the image's when empty.
    pub command: Vec<String>,
    /// Entrypoint; an empty one clears the image's.
    pub entrypoint: Option<Vec<String>>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// `user[:group]`.
    pub user: Option<String>,
    /// Host name.
    pub hostname: Option<String>,
    /// NIS domain name.
    pub domain_name: Option<String>,
    /// Ports to declare beside the image's, `80`, `53/udp`, `8000-8010/tcp`.
    pub expose: Vec<String>,
    /// Whether to give it a terminal.
    pub tty: bool,
    /// Whether to keep standard input open.
    pub open_stdin: bool,
    /// Whether a client will attach at the start, so that standard input closes with it.
    pub attach_stdin: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The signal that asks it to end.
    pub stop_signal: Option<String>,
    /// How many seconds it has to end before it is killed; negative: for ever.
    pub stop_timeout: Option<i64>,
    /// How it is checked whether it is well. What it leaves open is left to the image.
    pub healthcheck: Option<Healthcheck>,
    /// A file to write its id to, which must not be there yet.
    pub id_file: Option<PathBuf>,
    /// What it may use of the host.
    pub host: HostConfig,
}

/// `no`, `on-failure[:N]`, `always`, `unless-stopped`.
pub fn parse_restart(text: &str) -> Result<RestartPolicy, String> {
    let (name, retries) = match text.split_once(':') {
        Some((name, retries)) => (name, Some(retries)),
        None => (text, None),
    };
    match (name, retries) {
        ("" | "no", None) => Ok(RestartPolicy::No),
        ("always", None) => Ok(RestartPolicy::Always),
        ("unless-stopped", None) => Ok(RestartPolicy::UnlessStopped),
        ("on-failure", None) => Ok(RestartPolicy::OnFailure(0)),
        ("on-failure", Some(count)) => {
            let count = count.parse().map_err(|_| format!("invalid restart policy {text}: {count} is no number"))?;
            Ok(RestartPolicy::OnFailure(count))
        }
        ("no" | "always" | "unless-stopped", Some(_)) => {
            Err(format!("invalid restart policy {text}: maximum retry count can only be used with 'on-failure'"))
        }
        _ => Err(format!(
            "invalid restart policy: unknown policy '{name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_policies_are_dockers() {
        assert_eq!(parse_restart("on-failure:3"), Ok(RestartPolicy::OnFailure(3)));
        assert_eq!(parse_restart("always"), Ok(RestartPolicy::Always));
        for text in ["sometimes", "always:3", "on-failure:x", "on-failure:-1"] {
            assert!(parse_restart(text).is_err(), "{text}");
        }
    }
}
