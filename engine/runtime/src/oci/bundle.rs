//! A bundle: a directory with a root file system and its configuration (bundle.md, config.md).

use super::error::{Error, Result};
use oci_spec::runtime::{Process, Spec};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A bundle that has been read.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Its absolute path.
    pub directory: PathBuf,
    /// The root file system's absolute path.
    pub rootfs: PathBuf,
    /// Its configuration.
    pub spec: Spec,
}

impl Bundle {
    /// Reads the one in a directory, with its configuration in the file `config`.
    pub fn load(directory: &Path, config: &Path) -> Result<Self> {
        let directory = fs::canonicalize(directory).map_err(Error::at("find the bundle", directory))?;
        let path = directory.join(config);
        let text = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Bundle(format!("JSON specification file {} not found", config.display())),
            _ => Error::at("read", &path)(error),
        })?;
        let spec: Spec = parse(&path, &text)?;
        check(&spec)?;
        let root = spec.root().as_ref().ok_or_else(|| Error::Bundle("root must be specified in config.json".into()))?;
        let rootfs = directory.join(root.path());
        let rootfs = fs::canonicalize(&rootfs).map_err(Error::at("find the root file system", rootfs))?;
        Ok(Self { directory, rootfs, spec })
    }
}

/// Reads the process of `exec --process`.
pub fn read_process(path: &Path) -> Result<Process> {
    let text = fs::read(path).map_err(Error::at("read", path))?;
    let process = parse(path, &text)?;
    check_process(&process)?;
    Ok(process)
}

fn check(spec: &Spec) -> Result<()> {
    let is_version = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = spec.version().split(['-', '+']).next().unwrap_or_default().split('.');
    if parts.next() != Some("1") || !parts.all(is_version) {
        return Err(Error::Bundle(format!("ociVersion {:?} is not a version 1 of the runtime-spec", spec.version())));
    }
    match spec.process() {
        Some(process) => check_process(process),
        None => Err(Error::Bundle("process property must not be empty".into())),
    }
}

fn check_process(process: &Process) -> Result<()> {
    let complaint = if process.cwd().as_os_str().is_empty() {
        "Cwd property must not be empty"
    } else if !process.cwd().is_absolute() {
        "Cwd must be an absolute path"
    } else if process.args().as_deref().unwrap_or_default().is_empty() {
        "args must not be empty"
    } else {
        return Ok(());
    };
    Err(Error::Bundle(complaint.into()))
}

pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T> {
    let broken = |source| Error::Json { path: path.to_owned(), source };
    let mut value = serde_json::from_slice(text).map_err(broken)?;
    conform(&mut value);
    serde_json::from_value(value).map_err(broken)
}

/// Lends a configuration the form that the types have, where those are stricter than Go's, in which runc reads it: `null`
/// for what is not there. And the names of the scheduler's flags are the kernel's in the spec, but not in the types.
fn conform(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            for (name, member) in members {
                if let ("flags", Value::Array(flags)) = (name.as_str(), &mut *member) {
                    flags.iter_mut().for_each(rename_flag);
                }
                conform(member);
            }
        }
        Value::Array(members) => members.iter_mut().for_each(conform),
        _ => {}
    }
}

fn rename_flag(flag: &mut Value) {
    let name = match flag.as_str() {
        Some("SCHED_FLAG_RESET_ON_FORK") => "SCHED_RESET_ON_FORK",
        Some("SCHED_FLAG_DL_OVERRUN") => "SCHED_FLAG_D_L_OVERRUN",
        _ => return,
    };
    *flag = name.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(config: &str) -> Result<Bundle> {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("rootfs")).unwrap();
        fs::write(directory.path().join("config.json"), config).unwrap();
        Bundle::load(directory.path(), Path::new("config.json"))
    }

    #[test]
    fn a_bundle_is_read_as_go_would() {
        let bundle = load(
            r#"{"ociVersion":"1.0.2-dev","root":{"path":"rootfs"},"hooks":null,"process":{"cwd":"/","args":["sh"],
                "user":{"uid":0,"gid":0},"env":null,"scheduler":{"policy":"SCHED_OTHER","flags":["SCHED_FLAG_RESET_ON_FORK"]}}}"#,
        )
        .unwrap();
        assert!(bundle.rootfs.ends_with("rootfs") && bundle.rootfs.is_absolute());
    }

    #[test]
    fn what_is_missing_is_told() {
        let complaint = |config: &str| load(config).unwrap_err().to_string();
        let user = r#""user":{"uid":0,"gid":0}"#;
        for (config, expected) in [
            ("{}".to_owned(), "ociVersion"),
            (r#"{"ociVersion":"2.0.0"}"#.to_owned(), "ociVersion"),
            (r#"{"ociVersion":"1.0.0"}"#.to_owned(), "process property must not be empty"),
            (format!(r#"{{"ociVersion":"1.0.0","process":{{"cwd":"/",{user}}}}}"#), "args must not be empty"),
            (format!(r#"{{"ociVersion":"1.0.0","process":{{"cwd":"a","args":["a"],{user}}}}}"#), "absolute"),
            (format!(r#"{{"ociVersion":"1.0.0","process":{{"cwd":"/","args":["a"],{user}}}}}"#), "root must be"),
        ] {
            assert!(complaint(&config).contains(expected), "{}", complaint(&config));
        }
        let nowhere = Bundle::load(&std::env::temp_dir(), Path::new("no-such.json")).unwrap_err();
        assert_eq!(nowhere.to_string(), "JSON specification file no-such.json not found");
    }
}
