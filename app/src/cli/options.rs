//! From the words of `run` and `create` to what the engine is asked for.

use super::Failure;
use super::arguments::ContainerArgs;
use porthole_engine::runtime::monitor::RestartPolicy;
use porthole_engine::{Bind, CreateOptions, HostConfig, NetworkMode, units};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads the options of a new container. `attached` says whether a client will be there from the start.
pub fn create_options(arguments: ContainerArgs, attached: bool) -> Result<CreateOptions, Failure> {
    let usage = |message: String| Failure::new(message, 125);
    let host = HostConfig {
        binds: arguments.volume.iter().map(|text| parse_bind(text)).collect::<Result<_, _>>().map_err(usage)?,
        network: arguments.network.as_deref().unwrap_or_default().parse::<NetworkMode>().map_err(usage)?,
        publish: arguments.publish,
        restart: parse_restart(arguments.restart.as_deref().unwrap_or("no")).map_err(usage)?,
        auto_remove: arguments.rm,
        privileged: arguments.privileged,
        init: arguments.init,
        cap_add: arguments.cap_add,
        cap_drop: arguments.cap_drop,
        read_only: arguments.read_only,
        tmpfs: arguments.tmpfs.iter().map(|text| split(text, ':')).collect(),
        resources: arguments
            .limits
            .resources()
            .and_then(|limits| arguments.fixed_limits.add_to(limits))
            .map_err(usage)?,
        oom_score_adj: arguments.oom_score_adj,
        shm_size: arguments.shm_size.as_deref().map(units::parse_bytes).transpose().map_err(usage)?.filter(|n| *n != 0),
        confinement: arguments.confinement.confinement().map_err(usage)?,
        namespaces: arguments.namespaces.namespaces().map_err(usage)?,
        resolution: arguments.resolution.resolution().map_err(usage)?,
        ulimits: arguments.ulimit.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(usage)?,
    };
    Ok(CreateOptions {
        image: arguments.image,
        name: arguments.name,
        command: arguments.command,
        entrypoint: arguments.entrypoint,
        env: environment(&arguments.env_file, &arguments.env)?,
        working_dir: arguments.workdir,
        user: arguments.user,
        hostname: arguments.hostname,
        tty: arguments.tty,
        open_stdin: arguments.interactive,
        attach_stdin: attached,
        labels: labels(&arguments.label),
        stop_signal: arguments.stop_signal,
        stop_timeout: arguments.stop_timeout,
        healthcheck: arguments.health.healthcheck().map_err(usage)?,
        host,
    })
}

/// Variables of the files, then of the command line. A bare name takes its value from our own environment.
pub fn environment(files: &[PathBuf], words: &[String]) -> Result<Vec<String>, Failure> {
    let mut variables = Vec::new();
    for file in files {
        let text =
            fs::read_to_string(file).map_err(|error| Failure::new(format!("{}: {error}", file.display()), 125))?;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let name = line.split('=').next().unwrap_or_default();
            if name.is_empty() || name.contains(char::is_whitespace) {
                let place = format!("{}:{}", file.display(), number + 1);
                return Err(Failure::new(format!("{place}: variable '{name}' has white space or no name"), 125));
            }
            variables.extend(with_value(line));
        }
    }
    for word in words {
        if word.is_empty() || word.starts_with('=') {
            return Err(Failure::new(format!("invalid environment variable: {word}"), 125));
        }
        variables.push(with_value(word).unwrap_or_else(|| word.clone()));
    }
    Ok(variables)
}

fn with_value(word: &str) -> Option<String> {
    if word.contains('=') {
        return Some(word.to_owned());
    }
    std::env::var(word).ok().map(|value| format!("{word}={value}"))
}

fn labels(words: &[String]) -> BTreeMap<String, String> {
    words.iter().map(|word| split(word, '=')).collect()
}

fn split(word: &str, at: char) -> (String, String) {
    let (head, tail) = word.split_once(at).unwrap_or((word, ""));
    (head.to_owned(), tail.to_owned())
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

/// `HOST:CONTAINER[:OPTIONS]`, the host's path absolute or beginning with a dot.
fn parse_bind(text: &str) -> Result<Bind, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        [_] => return Err(format!("volume {text}: volumes without a path on the host are not supported yet")),
        _ => return Err(format!("invalid volume specification: '{text}'")),
    };
    if source.is_empty() || target.is_empty() {
        return Err(format!("invalid volume specification: '{text}': empty section between colons"));
    }
    if !target.starts_with('/') {
        return Err(format!("invalid volume specification: '{text}': invalid mount path: '{target}' must be absolute"));
    }
    if target.trim_end_matches('/').is_empty() {
        return Err(format!("invalid volume specification: '{text}': destination can't be '/'"));
    }
    let mut bind = Bind {
        source: host_path(source)?,
        target: target.to_owned(),
        read_only: false,
        propagation: "rprivate".to_owned(),
    };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => bind.read_only = true,
            // Relabelling is for SELinux, which porthole's containers do not use.
            "rw" | "z" | "Z" => {}
            "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" => bind.propagation = option.to_owned(),
            _ => return Err(format!("invalid volume specification: '{text}': unknown option '{option}'")),
        }
    }
    Ok(bind)
}

fn host_path(source: &str) -> Result<PathBuf, String> {
    if source.starts_with('/') {
        return Ok(PathBuf::from(source));
    }
    if source.starts_with('.') {
        return std::path::absolute(Path::new(source)).map_err(|error| format!("{source}: {error}"));
    }
    Err(format!("volume {source}: named volumes are not supported yet; bind a directory by its absolute path"))
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

    #[test]
    fn binds_are_checked() {
        let bind = parse_bind("/srv/www:/www:ro,rslave").unwrap();
        assert_eq!((bind.source.as_path(), bind.target.as_str()), (Path::new("/srv/www"), "/www"));
        assert!(bind.read_only);
        assert_eq!(bind.propagation, "rslave");
        assert!(parse_bind("./x:/x").unwrap().source.is_absolute());
        for text in ["/a", "data:/x", "/a:b", "/a:/b:zz", "/a:/", ":/b", "/a:/b:ro:x"] {
            assert!(parse_bind(text).is_err(), "{text}");
        }
    }

    #[test]
    fn variables_come_from_files_words_and_our_own() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("env");
        fs::write(&file, "# comment\n\nA=1\nPATH\nNOT_SET_ANYWHERE\n").unwrap();
        let variables =
            environment(std::slice::from_ref(&file), &["B=2".to_owned(), "NOT_SET_ANYWHERE".to_owned()]).unwrap();
        assert_eq!(variables[0], "A=1");
        assert!(variables[1].starts_with("PATH=/"));
        assert_eq!(variables[2..], ["B=2", "NOT_SET_ANYWHERE"]);
        fs::write(&file, "a b=1\n").unwrap();
        assert!(environment(&[file], &[]).unwrap_err().message.contains("env:1"));
    }
}
