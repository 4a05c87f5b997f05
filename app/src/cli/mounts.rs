//! What is mounted in a container: `-v`, `--mount` and `--tmpfs`.

use super::volume::check_driver;
use clap::Args;
use porthole_engine::volume::LocalOptions;
use porthole_engine::{Bind, VolumeMount, units};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

// Mounts.
#[derive(Debug, Default, Args)]
pub struct MountArgs {
    /// Bind mount a volume, or a directory or file of the host
    #[arg(short = 'v', long = "volume", value_name = "[VOLUME|HOST:]CONTAINER[:OPTIONS]")]
    pub volume: Vec<String>,
    /// Attach a filesystem mount to the container
    #[arg(long, value_name = "type=volume|bind|tmpfs,src=SOURCE,dst=PATH,OPTION…")]
    pub mount: Vec<String>,
    /// Mount a tmpfs directory
    #[arg(long, value_name = "PATH[:OPTIONS]")]
    pub tmpfs: Vec<String>,
    /// Mount volumes from the specified container(s)
    #[arg(long, value_name = "CONTAINER[:ro|rw]")]
    pub volumes_from: Vec<String>,
    /// Optional volume driver for the container
    #[arg(long, value_name = "DRIVER")]
    pub volume_driver: Option<String>,
}

/// What they ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mounts {
    /// Directories and files of the host.
    pub binds: Vec<Bind>,
    /// Volumes, named or not.
    pub volumes: Vec<VolumeMount>,
    /// tmpfs mounts: path and options.
    pub tmpfs: BTreeMap<String, String>,
    /// Containers whose binds and volumes are to be seen too.
    pub volumes_from: Vec<String>,
}

impl MountArgs {
    /// Reads the flags.
    pub fn mounts(self) -> Result<Mounts, String> {
        self.volume_driver.as_deref().map_or(Ok(()), check_driver)?;
        let mut mounts = Mounts { volumes_from: self.volumes_from, ..Mounts::default() };
        for text in &self.volume {
            match volume(text)? {
                Mount::Bind(bind) => mounts.binds.push(bind),
                Mount::Volume(volume) => mounts.volumes.push(volume),
                Mount::Tmpfs(path, options) => drop(mounts.tmpfs.insert(path, options)),
            }
        }
        for text in &self.tmpfs {
            let (path, options) = text.split_once(':').unwrap_or((text, ""));
            mounts.tmpfs.insert(path.to_owned(), options.to_owned());
        }
        for text in &self.mount {
            match mount(text).map_err(|why| format!("invalid argument \"{text}\" for \"--mount\" flag: {why}"))? {
                Mount::Bind(bind) => mounts.binds.push(bind),
                Mount::Volume(volume) => mounts.volumes.push(volume),
                Mount::Tmpfs(path, options) => drop(mounts.tmpfs.insert(path, options)),
            }
        }
        Ok(mounts)
    }
}

/// `[SOURCE:]CONTAINER[:OPTIONS]`: a source that is absolute or begins with a dot is a path of the host, any other is a
/// volume's name, and without one it is a volume that nobody names.
fn volume(text: &str) -> Result<Mount, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, options] => (Some(source), target, options),
        _ => return Err(format!("invalid volume specification: '{text}'")),
    };
    if source == Some("") || target.is_empty() {
        return Err(format!("invalid volume specification: '{text}': empty section between colons"));
    }
    check_target(target).map_err(|why| format!("invalid volume specification: '{text}': {why}"))?;
    let mut read_only = false;
    let mut no_copy = false;
    let mut propagation = None;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => read_only = true,
            "nocopy" => no_copy = true,
            // Relabelling is for SELinux, which porthole's containers do not use; consistency for a Docker in a virtual machine.
            "rw" | "z" | "Z" | "consistent" | "cached" | "delegated" => {}
            _ if is_propagation(option) => propagation = Some(option.to_owned()),
            _ => return Err(format!("invalid volume specification: '{text}': unknown option '{option}'")),
        }
    }
    match source {
        Some(source) if is_path(source) && no_copy => {
            Err(format!("invalid volume specification: '{text}': nocopy is for volumes"))
        }
        Some(source) if is_path(source) => {
            let bind = Bind::new(host_path(source)?, target);
            let propagation = propagation.unwrap_or_else(|| bind.propagation.clone());
            Ok(Mount::Bind(Bind { read_only, propagation, ..bind }))
        }
        _ if propagation.is_some() => {
            Err(format!("invalid volume specification: '{text}': propagation is for paths of the host"))
        }
        name => {
            let name = name.map(str::to_owned);
            Ok(Mount::Volume(VolumeMount {
                name,
                target: target.to_owned(),
                read_only,
                no_copy,
                ..VolumeMount::default()
            }))
        }
    }
}

/// Whether the source of a `-v` is a path of the host.
fn is_path(source: &str) -> bool {
    source.starts_with(['/', '.', '~'])
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
    match source.starts_with(['/', '.']) {
        true => std::path::absolute(Path::new(source)).map_err(|error| format!("{source}: {error}")),
        false => Err(format!("invalid mount path: '{source}' must be absolute")),
    }
}

/// One `--mount`.
#[derive(Debug, PartialEq, Eq)]
enum Mount {
    Bind(Bind),
    Volume(VolumeMount),
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
    no_copy: bool,
    subpath: Option<String>,
    volume_options: Vec<String>,
    labels: BTreeMap<String, String>,
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
            "volume-nocopy" => self.no_copy = flag(key, value)?,
            "volume-subpath" => self.subpath = Some(text()?),
            "volume-driver" => check_driver(&text()?)?,
            "volume-opt" => self.volume_options.push(text()?),
            "volume-label" => {
                let label = text()?;
                let (key, value) = label.split_once('=').unwrap_or((&label, ""));
                self.labels.insert(key.to_owned(), value.to_owned());
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
        let of_volume =
            self.no_copy || self.subpath.is_some() || !self.volume_options.is_empty() || !self.labels.is_empty();
        match (kind, self.source) {
            ("bind" | "tmpfs", _) if of_volume => options_of("volume-*", kind),
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
            ("volume", Some(source)) if is_path(&source) => {
                Err(format!("{source} is a path, not the name of a volume: use type=bind"))
            }
            ("volume", name) => {
                let options = self.volume_options.iter().map(String::as_str);
                Ok(Mount::Volume(VolumeMount {
                    name: name.filter(|name| !name.is_empty()),
                    target,
                    read_only: self.read_only,
                    no_copy: self.no_copy,
                    subpath: self.subpath,
                    options: LocalOptions::parse(options).map_err(|error| error.to_string())?,
                    labels: self.labels,
                }))
            }
            _ => Err(format!("mount type unknown: \"{kind}\": use volume, bind or tmpfs")),
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

    fn bind(text: &str) -> Bind {
        let Mount::Bind(bind) = volume(text).unwrap() else { panic!("a bind") };
        bind
    }

    #[test]
    fn binds_are_checked() {
        let checked = bind("/srv/www:/www:ro,rslave");
        assert_eq!((checked.source.as_path(), checked.target.as_str()), (Path::new("/srv/www"), "/www"));
        assert!(checked.read_only);
        assert_eq!(checked.propagation, "rslave");
        assert!(bind("./x:/x").source.is_absolute());
        for text in
            ["/a:b", "/a:/b:zz", "/a:/", ":/b", "/a:/b:ro:x", "/a:/b:nocopy", "data:/x:rslave", "data:x", "data:"]
        {
            assert!(volume(text).is_err(), "{text}");
        }
    }

    #[test]
    fn volumes_have_names_or_none() {
        let Mount::Volume(named) = volume("data:/var/lib:ro,nocopy").unwrap() else { panic!("a volume") };
        assert_eq!((named.name.as_deref(), named.target.as_str()), (Some("data"), "/var/lib"));
        assert!(named.read_only && named.no_copy);
        let Mount::Volume(anonymous) = volume("/var/lib").unwrap() else { panic!("a volume") };
        assert_eq!((anonymous.name, anonymous.target.as_str()), (None, "/var/lib"));
        let words =
            "type=volume,src=data,dst=/d,volume-subpath=a/b,volume-label=k=v,volume-opt=type=tmpfs,volume-opt=device=x";
        let Mount::Volume(mounted) = mount(words).unwrap() else { panic!("a volume") };
        assert_eq!((mounted.subpath.as_deref(), mounted.labels["k"].as_str()), (Some("a/b"), "v"));
        assert!(!mounted.options.is_empty());
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
            ("src=/data,dst=/b", "is a path"),
            ("type=bind,src=/a,dst=/b,volume-nocopy", "cannot mix"),
            ("dst=/b,volume-driver=nfs", "plugin \"nfs\" not found"),
            ("dst=/b,volume-opt=size=1", "\"size\""),
            ("type=bind,colour=red", "unexpected key 'colour'"),
            ("type=bind,\"src=/a", "closing"),
        ] {
            assert!(mount(text).unwrap_err().contains(told), "{text}");
        }
    }
}
