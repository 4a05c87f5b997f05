//! The flags of an instruction.

use crate::error::{Error, Result};
use crate::suggest;

/// What kind of value a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `--name`, `--name=true` or `--name=false`.
    Bool,
    /// `--name=value`, once.
    Text,
    /// `--name=value`, any number of times.
    Texts,
}

/// The flags of an instruction that are given.
#[derive(Debug)]
pub struct Flags {
    given: Vec<(&'static str, String)>,
}

impl Flags {
    /// Reads flags, of which the instruction knows `known`.
    pub fn read(flags: &[String], known: &[(&'static str, Kind)]) -> Result<Self> {
        let mut read = Self { given: Vec::new() };
        for flag in flags {
            let (written, value) = match flag.split_once('=') {
                Some((written, value)) => (written, Some(value)),
                None => (flag.as_str(), None),
            };
            let name = written.strip_prefix("--");
            let name = name.ok_or_else(|| Error::new(format!("arg should start with -- : {flag}")))?;
            let Some((name, kind)) = known.iter().copied().find(|(known, _)| *known == name) else {
                let hint = suggest::hint(name, known.iter().map(|(known, _)| *known));
                return Err(Error::new(format!("unknown flag: {written}{hint}")));
            };
            if kind != Kind::Texts && read.text(name).is_some() {
                return Err(Error::new(format!("duplicate flag specified: {written}")));
            }
            read.given.push((name, check(written, kind, value)?));
        }
        Ok(read)
    }

    /// The value of a flag that is given at most once.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// The same, where an empty value is as good as none.
    pub fn non_empty(&self, name: &str) -> Option<String> {
        self.text(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// A flag that is true or false, if it is given.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.text(name).map(|value| value == "true")
    }

    /// The values of a flag that may be given often.
    pub fn texts<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.given.iter().filter(move |(given, _)| *given == name).map(|(_, value)| value.as_str())
    }
}

fn check(written: &str, kind: Kind, value: Option<&str>) -> Result<String> {
    let missing = || Error::new(format!("missing a value on flag: {written}"));
    if kind != Kind::Bool {
        return value.map(str::to_owned).ok_or_else(missing);
    }
    match value.map(str::to_lowercase).as_deref() {
        None | Some("true") => Ok("true".to_owned()),
        Some("false") => Ok("false".to_owned()),
        Some("") => Err(missing()),
        Some(_) => {
            let value = value.unwrap_or_default();
            Err(Error::new(format!("expecting boolean value for flag {written}, not: {value}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[(&str, Kind)] = &[("link", Kind::Bool), ("from", Kind::Text), ("exclude", Kind::Texts)];

    fn read(flags: &[&str]) -> Result<Flags> {
        Flags::read(&flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>(), KNOWN)
    }

    #[test]
    fn reads_by_kind() {
        let flags = read(&["--link", "--from=", "--exclude=a=b", "--exclude=c"]).unwrap();
        assert_eq!(flags.bool("link"), Some(true));
        assert_eq!((flags.text("from"), flags.non_empty("from")), (Some(""), None));
        assert_eq!(flags.texts("exclude").collect::<Vec<_>>(), ["a=b", "c"]);
        assert_eq!(read(&["--link=FALSE"]).unwrap().bool("link"), Some(false));
        assert_eq!(read(&[]).unwrap().bool("link"), None);
    }

    #[test]
    fn tells_what_is_wrong() {
        let message = |flags: &[&str]| read(flags).unwrap_err().message().to_owned();
        assert_eq!(message(&["--frm=a"]), "unknown flag: --frm (did you mean from?)");
        assert_eq!(message(&["--nothing"]), "unknown flag: --nothing");
        assert_eq!(message(&["--from=a", "--from=b"]), "duplicate flag specified: --from");
        assert_eq!(message(&["--from"]), "missing a value on flag: --from");
        assert_eq!(message(&["--link="]), "missing a value on flag: --link");
        assert_eq!(message(&["--link=No"]), "expecting boolean value for flag --link, not: No");
        assert_eq!(message(&["x"]), "arg should start with -- : x");
    }
}
