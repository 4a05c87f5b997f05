//! A bundle: a directory with a root file system and its configuration (bundle.md, config.md).

use super::error::{Error, Result};
use oci_spec::runtime::{Capability, MemoryPolicyFlagType, MemoryPolicyModeType, Process, Spec};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A bundle that has been read.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Its absolute path, as it was given: hooks are told of it by the name that the caller knows.
    pub directory: PathBuf,
    /// The root file system's absolute path.
    pub rootfs: PathBuf,
    /// Its configuration.
    pub spec: Spec,
    /// What the configuration asks for and nobody knows, which is left out.
    pub ignored: Vec<String>,
}

impl Bundle {
    /// Reads the one in a directory, with its configuration in the file `config`.
    pub fn load(directory: &Path, config: &Path) -> Result<Self> {
        let found = fs::metadata(directory).and_then(|_| std::path::absolute(directory));
        let directory = found.map_err(Error::at("find the bundle", directory))?;
        let path = directory.join(config);
        let text = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::Bundle(format!("JSON specification file {} not found", config.display())),
            _ => Error::at("read", &path)(error),
        })?;
        let mut value: Value = json(&path, &text)?;
        let mut ignored = Vec::new();
        if let Some(process) = value.get_mut("process").filter(|process| !process.is_null()) {
            ignored = conform_process(process);
        }
        check_memory_policy(&value)?;
        let spec: Spec = typed(&path, value)?;
        check(&spec)?;
        let root = spec.root().as_ref().ok_or_else(|| Error::Bundle("root must be specified in config.json".into()))?;
        let rootfs = directory.join(root.path());
        let rootfs = fs::canonicalize(&rootfs).map_err(Error::at("find the root file system", rootfs))?;
        Ok(Self { directory, rootfs, spec, ignored })
    }
}

/// Reads the process of `exec --process`, and tells what of it is left out.
pub fn read_process(path: &Path) -> Result<(Process, Vec<String>)> {
    let text = fs::read(path).map_err(Error::at("read", path))?;
    let mut value = json(path, &text)?;
    let ignored = conform_process(&mut value);
    let process = typed(path, value)?;
    check_process(&process)?;
    Ok((process, ignored))
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
    typed(path, json(path, text)?)
}

fn json(path: &Path, text: &[u8]) -> Result<Value> {
    serde_json::from_slice(text).map_err(|source| Error::Json { path: path.to_owned(), source })
}

fn typed<T: DeserializeOwned>(path: &Path, mut value: Value) -> Result<T> {
    conform(&mut value);
    serde_json::from_value(value).map_err(|source| Error::Json { path: path.to_owned(), source })
}

/// As runc does: a process without a user is root's, and capabilities that nobody knows are none; they are returned.
fn conform_process(process: &mut Value) -> Vec<String> {
    if let Some(members) = process.as_object_mut() {
        members.entry("user").or_insert_with(|| json!({}));
    }
    let mut unknown = Vec::new();
    for set in process["capabilities"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        let Some(names) = set.as_array_mut() else { continue };
        names.retain(|name| {
            let known = serde_json::from_value::<Capability>(name.clone()).is_ok();
            if let (false, Some(name)) = (known, name.as_str()) {
                unknown.push(name.to_owned());
            }
            known || !name.is_string()
        });
    }
    unknown.sort();
    unknown.dedup();
    unknown
}

/// A memory policy in runc's words, before the types have theirs.
fn check_memory_policy(config: &Value) -> Result<()> {
    let Some(linux) = config.get("linux") else { return Ok(()) };
    let Some(policy) = linux.get("memoryPolicy").filter(|policy| !policy.is_null()) else { return Ok(()) };
    let mode = &policy["mode"];
    if serde_json::from_value::<MemoryPolicyModeType>(mode.clone()).is_err() {
        return Err(Error::Bundle(format!("invalid memory policy mode: {mode}")));
    }
    for flag in policy["flags"].as_array().into_iter().flatten() {
        if serde_json::from_value::<MemoryPolicyFlagType>(flag.clone()).is_err() {
            return Err(Error::Bundle(format!("invalid memory policy flag: {flag}")));
        }
    }
    Ok(())
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
    fn what_nobody_knows_is_left_out_and_what_is_wrong_is_told() {
        let config = |more: &str| {
            format!(
                r#"{{"ociVersion":"1.0.0","root":{{"path":"rootfs"}},"process":{{"cwd":"/","args":["sh"],
                    "capabilities":{{"bounding":["CAP_KILL","CAP_NONE"],"effective":["NONE"]}}}}{more}}}"#
            )
        };
        assert_eq!(load(&config("")).unwrap().ignored, ["CAP_NONE", "NONE"]);
        for (policy, expected) in [
            ("{}", "invalid memory policy mode"),
            (r#"{"nodes":"0"}"#, "invalid memory policy mode"),
            (r#"{"mode":"INTERLEAVE"}"#, "invalid memory policy mode"),
            (r#"{"mode":"MPOL_BIND","flags":["bad"]}"#, "invalid memory policy flag"),
        ] {
            let told = load(&config(&format!(r#","linux":{{"memoryPolicy":{policy}}}"#))).unwrap_err().to_string();
            assert!(told.starts_with(expected), "{told}");
        }
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
