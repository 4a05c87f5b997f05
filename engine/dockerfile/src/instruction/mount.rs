//! `RUN --mount`.

use std::fmt;

use crate::csv;
use crate::error::{Error, Result};
use crate::quote::quote;
use crate::suggest;

/// A `--mount` as it is written. Its variables are not yet expanded, and so what it means is not known: but for what
/// it comes from, on which the order of stages depends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSpec {
    fields: Vec<String>,
}

/// Something mounted while a `RUN` runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount {
    /// Of which type.
    pub kind: MountType,
    /// The stage, image or context that it comes from; the build context if none.
    pub from: Option<String>,
    /// Which path of that; of a secret, its name.
    pub source: Option<String>,
    /// Where it is seen.
    pub target: Option<String>,
    /// Whether it can only be read.
    pub read_only: bool,
    /// The name of a cache, a secret or an agent.
    pub id: Option<String>,
    /// Who may use a cache at the same time.
    pub sharing: Option<Sharing>,
    /// Whether the `RUN` fails without it (secrets and agents).
    pub required: bool,
    /// The variable that a secret is seen in.
    pub env: Option<String>,
    /// How large a tmpfs may grow, in bytes.
    pub size: Option<u64>,
    /// Permissions.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

/// What kind of thing is mounted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MountType {
    /// Files of a stage, an image or a context.
    #[default]
    Bind,
    /// A directory that is kept between builds.
    Cache,
    /// Memory.
    Tmpfs,
    /// A secret of the one who builds.
    Secret,
    /// The SSH agent of the one who builds.
    Ssh,
}

/// Who may use a cache at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// All.
    Shared,
    /// One; others get a cache of their own.
    Private,
    /// One; others wait.
    Locked,
}

impl MountType {
    const ALL: [(&'static str, Self); 5] = [
        ("bind", Self::Bind),
        ("cache", Self::Cache),
        ("tmpfs", Self::Tmpfs),
        ("secret", Self::Secret),
        ("ssh", Self::Ssh),
    ];
}

impl Sharing {
    const ALL: [(&'static str, Self); 3] =
        [("shared", Self::Shared), ("private", Self::Private), ("locked", Self::Locked)];
}

impl fmt::Display for MountType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, kind)| kind == self).map(|(name, _)| *name);
        f.write_str(name.unwrap_or_default())
    }
}

const KEYS: [&str; 19] = [
    "destination",
    "dst",
    "env",
    "from",
    "gid",
    "id",
    "mode",
    "readonly",
    "readwrite",
    "required",
    "ro",
    "rw",
    "sharing",
    "size",
    "source",
    "src",
    "target",
    "type",
    "uid",
];

impl MountSpec {
    /// Reads the flag's value as far as that goes without variables. Where files come from must not depend on any.
    pub fn parse(value: &str) -> Result<Self> {
        let fields = csv::fields(value).map_err(|error| error.context("failed to parse csv mounts"))?;
        let spec = Self { fields };
        let has_variable = |from: &str| from.find('$').is_some_and(|at| at + 1 < from.len());
        if spec.field("from").is_some_and(has_variable) {
            return Err(Error::new("'from' doesn't support variable expansion, define alias stage instead"));
        }
        Ok(spec)
    }

    /// What the mount comes from, if it says.
    pub fn from(&self) -> Option<&str> {
        self.field("from").filter(|from| !from.is_empty())
    }

    fn field(&self, key: &str) -> Option<&str> {
        let fields = self.fields.iter().rev().filter_map(|field| field.split_once('='));
        fields.filter(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value).next()
    }

    /// The mount, its values expanded by `expand`.
    pub fn resolve(&self, mut expand: impl FnMut(&str) -> Result<String>) -> Result<Mount> {
        let mut mount = Mount::default();
        let mut read_only = None;
        for field in &self.fields {
            match field.split_once('=') {
                None => mount.apply_bare(field, &mut read_only)?,
                Some((key, value)) => {
                    let value = expand(value)?;
                    mount.apply(field, &key.to_lowercase(), value, &mut read_only)?;
                }
            }
        }
        let keeps_writes = matches!(mount.kind, MountType::Cache | MountType::Tmpfs);
        mount.read_only = read_only.unwrap_or(!keeps_writes);
        mount.check()?;
        Ok(mount)
    }
}

impl Mount {
    fn apply_bare(&mut self, field: &str, read_only: &mut Option<bool>) -> Result<()> {
        match field.to_lowercase().as_str() {
            "readonly" | "ro" => *read_only = Some(true),
            "readwrite" | "rw" => *read_only = Some(false),
            key @ "required" => {
                self.only(key, &[MountType::Secret, MountType::Ssh])?;
                self.required = true;
            }
            _ => return Err(Error::new(format!("invalid field '{field}' must be a key=value pair"))),
        }
        Ok(())
    }

    fn apply(&mut self, field: &str, key: &str, value: String, read_only: &mut Option<bool>) -> Result<()> {
        let number = |radix| {
            let number = u32::from_str_radix(&value, radix).ok().filter(|_| !value.starts_with('+'));
            number.map(Some).ok_or_else(|| Error::new(format!("invalid value {value} for {key}")))
        };
        match key {
            "type" => self.kind = choose(&value, &MountType::ALL, "mount type")?,
            "from" => self.from = Some(value).filter(|value| !value.is_empty()),
            "source" | "src" => self.source = Some(value).filter(|value| !value.is_empty()),
            "target" | "dst" | "destination" => self.target = Some(value).filter(|value| !value.is_empty()),
            "readonly" | "ro" => *read_only = Some(parse_bool(key, &value)?),
            "readwrite" | "rw" => *read_only = Some(!parse_bool(key, &value)?),
            "required" => {
                self.only(key, &[MountType::Secret, MountType::Ssh])?;
                self.required = parse_bool(key, &value)?;
            }
            "size" => {
                self.only(key, &[MountType::Tmpfs])?;
                let size = parse_size(&value);
                self.size = Some(size.ok_or_else(|| Error::new(format!("invalid value for {key}: {value}")))?);
            }
            "id" => self.id = Some(value).filter(|value| !value.is_empty()),
            "sharing" => self.sharing = Some(choose(&value, &Sharing::ALL, "sharing value")?),
            "mode" => self.mode = number(8)?,
            "uid" => self.uid = number(10)?,
            "gid" => self.gid = number(10)?,
            "env" => self.env = Some(value),
            _ => {
                let hint = suggest::hint(key, KEYS);
                return Err(Error::new(format!("unexpected key '{key}' in '{field}'{hint}")));
            }
        }
        Ok(())
    }

    /// Refuses a key that mounts of other types have not.
    fn only(&self, key: &str, kinds: &[MountType]) -> Result<()> {
        match kinds.contains(&self.kind) {
            true => Ok(()),
            false => Err(Error::new(format!("unexpected key '{key}' for mount type '{}'", self.kind))),
        }
    }

    fn check(&self) -> Result<()> {
        let kind = self.kind;
        let owned = [("mode", self.mode), ("uid", self.uid), ("gid", self.gid)];
        let has_owner = !matches!(kind, MountType::Bind | MountType::Tmpfs);
        if let Some((key, _)) = owned.iter().find(|(_, value)| value.is_some() && !has_owner) {
            return Err(Error::new(format!("{key} not allowed for {} type mounts", quote(&kind.to_string()))));
        }
        if kind == MountType::Secret {
            self.check_secret()?;
        }
        if self.sharing.is_some() && kind != MountType::Cache {
            return Err(Error::new(format!("invalid cache sharing set for {kind} mount")));
        }
        Ok(())
    }

    fn check_secret(&self) -> Result<()> {
        let wrong = if self.from.is_some() {
            "secret mount should not have a from"
        } else if self.sharing.is_some() {
            "secret mount should not define sharing"
        } else if self.source.is_none() && self.target.is_none() && self.id.is_none() {
            "invalid secret mount. one of source, target required"
        } else if self.source.is_some() && self.id.is_some() {
            "both source and id can't be set"
        } else {
            return Ok(());
        };
        Err(Error::new(wrong))
    }
}

fn choose<T: Copy>(value: &str, all: &[(&'static str, T)], what: &str) -> Result<T> {
    let chosen = all.iter().find(|(name, _)| value.eq_ignore_ascii_case(name));
    chosen.map(|(_, choice)| *choice).ok_or_else(|| {
        let hint = suggest::hint(value, all.iter().map(|(name, _)| *name));
        Error::new(format!("unsupported {what} {}{hint}", quote(value)))
    })
}

/// True or false as Go's `strconv.ParseBool` reads it.
pub(super) fn parse_bool(key: &str, value: &str) -> Result<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Error::new(format!("invalid value for {key}: {value}"))),
    }
}

/// A size in bytes with a binary unit, as `docker/go-units` reads it: `64`, `1.5g`, `10 MiB`.
fn parse_size(text: &str) -> Option<u64> {
    let digits = text.rfind(|c: char| c.is_ascii_digit() || matches!(c, '.' | ' '))? + 1;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.strip_suffix(' ').unwrap_or(number).parse().ok()?;
    let unit = unit.to_lowercase();
    let (prefix, rest) = match unit.chars().next() {
        Some(first) if first != 'b' => ("kmgtpezy".find(first)? + 1, &unit[first.len_utf8()..]),
        _ => (0, unit.as_str()),
    };
    if !matches!((prefix, rest), (_, "" | "b") | (1.., "ib")) {
        return None;
    }
    let size = number * 1024_f64.powi(i32::try_from(prefix).ok()?);
    // A size that no memory has is none.
    (0.0..9.2e18).contains(&size).then_some(size as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(value: &str) -> Result<Mount> {
        MountSpec::parse(value)?.resolve(|text| Ok(text.replace("$HOME", "/root")))
    }

    fn message(value: &str) -> String {
        resolve(value).unwrap_err().message().to_owned()
    }

    #[test]
    fn reads_each_type() {
        let bind = Mount { target: Some("/root/x".to_owned()), read_only: true, ..Mount::default() };
        assert_eq!(resolve("target=$HOME/x"), Ok(bind.clone()));
        let from = Mount { from: Some("a".to_owned()), source: Some("/s".to_owned()), read_only: false, ..bind };
        assert_eq!(resolve("TYPE=Bind,from=a,src=/s,dst=/root/x,rw"), Ok(from));
        let cache = Mount {
            kind: MountType::Cache,
            id: Some("c".to_owned()),
            target: Some("/c".to_owned()),
            sharing: Some(Sharing::Locked),
            mode: Some(0o700),
            uid: Some(1),
            ..Mount::default()
        };
        assert_eq!(resolve("type=cache,id=c,target=/c,sharing=locked,mode=0700,uid=1"), Ok(cache));
        let tmpfs = Mount { kind: MountType::Tmpfs, size: Some(3 << 29), ..Mount::default() };
        assert_eq!(resolve("type=tmpfs,size=1.5g"), Ok(tmpfs));
        let secret = Mount {
            kind: MountType::Secret,
            id: Some("a,b".to_owned()),
            env: Some("S".to_owned()),
            required: true,
            read_only: true,
            ..Mount::default()
        };
        assert_eq!(resolve("type=secret,\"id=a,b\",env=S,required"), Ok(secret));
    }

    #[test]
    fn tells_what_is_wrong() {
        assert_eq!(message("type=bnd"), "unsupported mount type \"bnd\" (did you mean bind?)");
        assert_eq!(message("type=cache,sharing=looked"), "unsupported sharing value \"looked\" (did you mean locked?)");
        assert_eq!(message("targt=/x"), "unexpected key 'targt' in 'targt=/x' (did you mean target?)");
        assert_eq!(message("target"), "invalid field 'target' must be a key=value pair");
        assert_eq!(message("required"), "unexpected key 'required' for mount type 'bind'");
        assert_eq!(message("size=1"), "unexpected key 'size' for mount type 'bind'");
        assert_eq!(message("type=tmpfs,size=1x"), "invalid value for size: 1x");
        assert_eq!(message("mode=7"), "mode not allowed for \"bind\" type mounts");
        assert_eq!(message("type=cache,mode=9"), "invalid value 9 for mode");
        assert_eq!(message("ro=maybe"), "invalid value for ro: maybe");
        assert_eq!(message("type=secret"), "invalid secret mount. one of source, target required");
        assert_eq!(message("type=secret,id=a,source=b"), "both source and id can't be set");
        assert_eq!(message("type=secret,id=a,from=b"), "secret mount should not have a from");
        assert_eq!(message("type=ssh,sharing=shared"), "invalid cache sharing set for ssh mount");
        assert_eq!(message("from=$x"), "'from' doesn't support variable expansion, define alias stage instead");
        assert_eq!(message("a\"b"), "failed to parse csv mounts: bare \" in non-quoted-field");
        assert!(resolve("from=x$").is_ok());
    }

    #[test]
    fn sizes_have_binary_units() {
        let sizes = [("64", 64), ("1b", 1), ("1k", 1024), ("10 MiB", 10 << 20), ("2Gb", 2 << 30), ("1.5 t", 3 << 39)];
        for (text, size) in sizes {
            assert_eq!(parse_size(text), Some(size), "{text}");
        }
        for text in ["", "x", "1ibb", "1 ib", "-1", "1é", "nan", "99e"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
