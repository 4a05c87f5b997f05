//! What is mounted in a container: `-v`, `--mount` and `--tmpfs`.

use clap::Args;
use porthole_engine::{Bind, units};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Mounts.
#[derive(Debug, Default, Args)]
pub struct MountArgs {
    /// Bind mount a directory or file
    #[arg(short = 'v', long = "volume", value_name = "HOST:CONTAINER[:OPTIONS]")]
    pub volume: Vec<String>,
    /// Attach a filesystem mount to the container
    #[arg(long, value_name = "type=bind|tmpfs,src=PATH,dst=PATH,OPTION…")]
    pub mount: Vec<String>,
    /// Mount a tmpfs directory
    #[arg(long, value_name = "PATH[:OPTIONS]")]
    pub tmpfs: Vec<String>,
    /// Mount volumes from the specified container(s)
    #[arg(long, value_name = "CONTAINER[:ro|rw]")]
    pub volumes_from: Vec<String>,
}

/// What they ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mounts {
    /// Directories and files of the host.
    pub binds: Vec<Bind>,
    /// tmpfs mounts: path and options.
    pub tmpfs: BTreeMap<String, String>,
    /// Containers whose binds are to be seen too.
    pub volumes_from: Vec<String>,
}

impl MountArgs {
    /// Reads the flags.
    pub fn mounts(self) -> Result<Mounts, String> {
        let mut mounts = Mounts {
            binds: self.volume.iter().map(|text| bind(text)).collect::<Result<_, _>>()?,
            tmpfs: BTreeMap::new(),
            volumes_from: self.volumes_from,
        };
        for text in &self.tmpfs {
            let (path, options) = text.split_once(':').unwrap_or((text, ""));
            mounts.tmpfs.insert(path.to_owned(), options.to_owned());
        }
        for text in &self.mount {
            match mount(text).map_err(|why| format!("invalid argument \"{text}\" for \"--mount\" flag: {why}"))? {
                Mount::Bind(bind) => mounts.binds.push(bind),
                Mount::Tmpfs(path, options) => drop(mounts.tmpfs.insert(path, options)),
            }
        }
        Ok(mounts)
    }
}

/// `HOST:CONTAINER[:OPTIONS]`, the host's path absolute or beginning with a dot.
fn bind(text: &str) -> Result<Bind, String> {
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
    check_target(target).map_err(|why| format!("invalid volume specification: '{text}': {why}"))?;
    let mut bind = Bind::new(host_path(source)?, target);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => bind.read_only = true,
            // Relabelling is for SELinux, which porthole's containers do not use.
            "rw" | "z" | "Z" => {}
            _ if is_propagation(option) => bind.propagation = option.to_owned(),
            _ => return Err(format!("invalid volume specification: '{text}': unknown option '{option}'")),
        }
    }
    Ok(bind)
}

fn check_target(target: &str) -> Result<(), String> {
    if !target.starts_with('/') {
        return Err(format!("invalid mount path: '{target}' must be absolute"));
    }
    match target.trim_end_matches('/').is_empty() {
        true => Err("destination can't be '/'".to_owned()),
        false => Ok(()),
    }
}

fn is_propagation(word: &str) -> bool {
    matches!(word, "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave")
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

/// One `--mount`.
#[derive(Debug, PartialEq, Eq)]
enum Mount {
    Bind(Bind),
    Tmpfs(String, String),
}

/// Comma-separated `KEY=VALUE` fields, as one line of CSV.
fn mount(text: &str) -> Result<Mount, String> {
    let mut fields = Fields::default();
    for field in csv_fields(text)? {
        let (key, value) = field.split_once('=').map_or((field.as_str(), None), |(key, value)| (key, Some(value)));
        fields.set(key.trim().to_ascii_lowercase().as_str(), value, &field)?;
    }
    fields.mount()
}

/// What the fields say so far.
#[derive(Debug, Default)]
struct Fields {
    kind: Option<String>,
    source: Option<String>,
    target: Option<String>,
    read_only: bool,
    propagation: Option<String>,
    non_recursive: bool,
    tmpfs: Vec<String>,
}

impl Fields {
    fn set(&mut self, key: &str, value: Option<&str>, field: &str) -> Result<(), String> {
        let invalid = || format!("invalid field '{field}' must be a key=value pair");
        let text = || value.map(str::to_owned).ok_or_else(invalid);
        match key {
            "type" => self.kind = Some(text()?.to_ascii_lowercase()),
            "source" | "src" => self.source = Some(text()?),
            "target" | "dst" | "destination" => self.target = Some(text()?),
            "readonly" | "ro" => self.read_only = flag(key, value)?,
            "bind-propagation" => self.propagation = Some(text()?.to_ascii_lowercase()),
            "bind-nonrecursive" => self.non_recursive = flag(key, value)?,
            "bind-recursive" => match text()?.as_str() {
                "enabled" | "writable" => self.non_recursive = false,
                "disabled" => self.non_recursive = true,
                other => return Err(format!("invalid value for bind-recursive: {other}: use enabled or disabled")),
            },
            "tmpfs-size" => {
                let bytes = units::parse_bytes(&text()?).map_err(|_| format!("invalid value for {key}: {field}"))?;
                self.tmpfs.push(format!("size={bytes}"));
            }
            "tmpfs-mode" => {
                let mode = text()?;
                u32::from_str_radix(&mode, 8).map_err(|_| format!("invalid value for {key}: {mode}"))?;
                self.tmpfs.push(format!("mode={mode}"));
            }
            // For a Docker in a virtual machine.
            "consistency" => {}
            _ => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
        Ok(())
    }

    fn mount(self) -> Result<Mount, String> {
        let target = self.target.ok_or("target is required")?;
        check_target(&target)?;
        let kind = self.kind.as_deref().unwrap_or("volume");
        let options_of = |option: &str, of: &str| Err(format!("cannot mix '{option}' options with mount type '{of}'"));
        match (kind, self.source) {
            ("bind" | "volume", _) if !self.tmpfs.is_empty() => options_of("tmpfs-*", kind),
            ("tmpfs" | "volume", _) if self.propagation.is_some() || self.non_recursive => options_of("bind-*", kind),
            ("bind", Some(source)) => {
                let propagation = self.propagation.unwrap_or_else(|| "rprivate".to_owned());
                if !is_propagation(&propagation) {
                    return Err(format!("invalid propagation mode: {propagation}"));
                }
                let (read_only, non_recursive) = (self.read_only, self.non_recursive);
                let bind = Bind::new(host_path(&source)?, &target);
                Ok(Mount::Bind(Bind { read_only, propagation, non_recursive, must_exist: true, ..bind }))
            }
            ("bind", None) => Err("source is required for a bind mount".to_owned()),
            ("tmpfs", None) => {
                let read_only = self.read_only.then(|| "ro".to_owned());
                Ok(Mount::Tmpfs(target, self.tmpfs.into_iter().chain(read_only).collect::<Vec<_>>().join(",")))
            }
            ("tmpfs", Some(_)) => Err("a tmpfs mount has no source".to_owned()),
            ("volume", _) => Err("volumes are not supported yet; bind a directory with type=bind".to_owned()),
            _ => Err(format!("mount type unknown: \"{kind}\": use bind or tmpfs")),
        }
    }
}

fn flag(key: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("true" | "1") => Ok(true),
        Some("false" | "0") => Ok(false),
        Some(other) => Err(format!("invalid value for {key}: {other}")),
    }
}

/// The fields of a line of CSV (RFC 4180): one in quotes may hold commas, and doubled quotes.
fn csv_fields(text: &str) -> Result<Vec<String>, String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let field = fields.last_mut().ok_or("no field")?;
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => field.push(character),
        }
    }
    if quoted { Err("a closing \" is missing".to_owned()) } else { Ok(fields) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_are_checked() {
        let checked = bind("/srv/www:/www:ro,rslave").unwrap();
        assert_eq!((checked.source.as_path(), checked.target.as_str()), (Path::new("/srv/www"), "/www"));
        assert!(checked.read_only);
        assert_eq!(checked.propagation, "rslave");
        assert!(bind("./x:/x").unwrap().source.is_absolute());
        for text in ["/a", "data:/x", "/a:b", "/a:/b:zz", "/a:/", ":/b", "/a:/b:ro:x"] {
            assert!(bind(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mounts_have_fields() {
        let Mount::Bind(made) = mount("type=bind,src=/a,dst=/b,readonly,bind-propagation=rslave").unwrap() else {
            panic!("a bind");
        };
        assert_eq!((made.source.as_path(), made.target.as_str()), (Path::new("/a"), "/b"));
        assert!(made.read_only && made.must_exist && !made.non_recursive);
        assert_eq!(made.propagation, "rslave");
        let Mount::Bind(made) = mount("type=bind,\"source=/a,b\",target=/c,ro=false,bind-nonrecursive").unwrap() else {
            panic!("a bind");
        };
        assert_eq!(made.source, Path::new("/a,b"));
        assert!(!made.read_only && made.non_recursive);
        let tmpfs = mount("type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1770").unwrap();
        assert_eq!(tmpfs, Mount::Tmpfs("/t".into(), "size=1048576,mode=1770".into()));
        for (text, told) in [
            ("type=bind,src=/a", "target is required"),
            ("type=bind,dst=/a", "source is required"),
            ("type=bind,src=/a,dst=b", "must be absolute"),
            ("type=tmpfs,src=/a,dst=/b", "no source"),
            ("type=tmpfs,dst=/b,bind-propagation=shared", "cannot mix"),
            ("type=bind,src=/a,dst=/b,tmpfs-size=1m", "cannot mix"),
            ("type=bind,src=/a,dst=/b,bind-propagation=odd", "invalid propagation"),
            ("type=bind,src=/a,dst=/b,ro=maybe", "invalid value for ro"),
            ("type=bind,src,dst=/b", "key=value pair"),
            ("type=npipe,dst=/b", "mount type unknown"),
            ("src=data,dst=/b", "volumes are not supported yet"),
            ("type=bind,colour=red", "unexpected key 'colour'"),
            ("type=bind,\"src=/a", "closing"),
        ] {
            assert!(mount(text).unwrap_err().contains(told), "{text}");
        }
    }
}
