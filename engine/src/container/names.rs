//! Names of containers: checked, generated, and reserved so that no two containers share one.

use super::record::Record;
use crate::error::{Error, Result};
use crate::identity::random_bytes;
use crate::paths::Paths;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::Path;

const ADJECTIVES: [&str; 48] = [
    "able", "agile", "amber", "bold", "brave", "bright", "brisk", "calm", "clear", "clever", "cosy", "crisp",
    "curious", "dapper", "deft", "eager", "early", "fair", "fancy", "fleet", "fond", "gentle", "glad", "golden",
    "happy", "hardy", "jolly", "keen", "kind", "lively", "lucid", "merry", "mild", "nimble", "noble", "patient",
    "plucky", "proud", "quick", "quiet", "ready", "serene", "sharp", "silent", "steady", "sunny", "tidy", "witty",
];

const SURNAMES: [&str; 48] = [
    "allen",
    "babbage",
    "backus",
    "baran",
    "bartik",
    "berners",
    "boole",
    "brooks",
    "cerf",
    "church",
    "clarke",
    "codd",
    "curry",
    "davies",
    "dijkstra",
    "engelbart",
    "floyd",
    "goldberg",
    "hamilton",
    "hamming",
    "hoare",
    "holberton",
    "hopper",
    "kahn",
    "kay",
    "kernighan",
    "kleinrock",
    "knuth",
    "lamarr",
    "lamport",
    "liskov",
    "lovelace",
    "metcalfe",
    "milner",
    "moore",
    "naur",
    "noether",
    "perlman",
    "postel",
    "ritchie",
    "shannon",
    "sutherland",
    "tarjan",
    "thompson",
    "turing",
    "wilkes",
    "wing",
    "wirth",
];

/// Whether Docker's grammar allows the name.
pub fn is_valid_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && name.len() >= 2
        && name.len() <= 128
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// Reserves the name a user chose, without its leading slash if it has one.
pub fn reserve(paths: &Paths, name: &str, id: &str) -> Result<String> {
    let name = name.strip_prefix('/').unwrap_or(name);
    if !is_valid_name(name) {
        return Err(Error::InvalidName(name.to_owned()));
    }
    match claim(paths, name, id)? {
        None => Ok(name.to_owned()),
        // A rename of this container was killed before it was done.
        Some(owner) if owner == id => Ok(name.to_owned()),
        Some(owner) => Err(Error::NameInUse { name: name.to_owned(), id: owner }),
    }
}

/// Reserves a name nobody has.
pub fn reserve_generated(paths: &Paths, id: &str) -> Result<String> {
    loop {
        let random = random_bytes::<4>();
        let pick = |words: &[&'static str], at: usize| words[usize::from(random[at]) % words.len()];
        let mut name = format!("{}_{}", pick(&ADJECTIVES, 0), pick(&SURNAMES, 1));
        if claim(paths, &name, id)?.is_none() {
            return Ok(name);
        }
        name = format!("{name}{}", u16::from_le_bytes([random[2], random[3]]));
        if claim(paths, &name, id)?.is_none() {
            return Ok(name);
        }
    }
}

/// Gives a name back if it is still this container's.
pub fn release(paths: &Paths, name: &str, id: &str) -> Result<()> {
    let link = paths.names().join(name);
    if owner(&link)?.as_deref() == Some(id) {
        crate::files::remove_if_there(&link)?;
    }
    Ok(())
}

/// Gives back whatever names are reserved for a container, but for the one to keep.
pub fn release_all(paths: &Paths, id: &str, keep: Option<&str>) -> Result<()> {
    let directory = paths.names();
    let entries = fs::read_dir(&directory).map_err(|source| Error::file(directory, source))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| Some(name.as_str()) != keep).try_for_each(|name| release(paths, &name, id))
}

/// Whose the name is.
pub fn lookup(paths: &Paths, name: &str) -> Result<Option<String>> {
    if !is_valid_name(name) {
        return Ok(None);
    }
    owner(&paths.names().join(name))
}

/// Links the name to the id; answers with the owner when a container has it. A link that a killed process left is taken
/// over.
fn claim(paths: &Paths, name: &str, id: &str) -> Result<Option<String>> {
    let link = paths.names().join(name);
    loop {
        match symlink(id, &link) {
            Ok(()) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                crate::files::create_private_directory(&paths.names())?;
                continue;
            }
            Err(source) => return Err(Error::file(link, source)),
        }
        match owner(&link)? {
            Some(owner) if owner == id || !take_if_left(paths, name, &owner, id)? => return Ok(Some(owner)),
            Some(_) => {}
            None => {}
        }
    }
}

/// Takes a link over unless its owner has the name, or somebody is at work on the owner who may be about to give it.
fn take_if_left(paths: &Paths, name: &str, owner: &str, id: &str) -> Result<bool> {
    let record = Record::new(paths, owner);
    if record.bears(name)? {
        return Ok(false);
    }
    let lock = record.try_lock()?;
    if lock.is_none() && record.directory().exists() || record.bears(name)? {
        return Ok(false);
    }
    take_over(paths, &paths.names().join(name), owner, id)?;
    Ok(true)
}

/// Moves the stale link aside before looking at it again, so that of two that take over only one removes it.
fn take_over(paths: &Paths, link: &Path, stale: &str, id: &str) -> Result<()> {
    let aside = paths.names().join(format!(".{id}"));
    match fs::rename(link, &aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(Error::file(link, source)),
        Ok(()) => {}
    }
    if owner(&aside)?.as_deref() == Some(stale) {
        return crate::files::remove_if_there(&aside);
    }
    // Somebody had made it good in between: put it back.
    fs::rename(&aside, link).map_err(|source| Error::file(link, source))
}

fn owner(link: &Path) -> Result<Option<String>> {
    match fs::read_link(link) {
        Ok(target) => Ok(Some(target.to_string_lossy().into_owned())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(None),
        Err(source) => Err(Error::file(link, source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> (tempfile::TempDir, Paths) {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::with_root(directory.path().to_owned());
        (directory, paths)
    }

    /// A container that has a name, or is to have one.
    fn container(paths: &Paths, id: &str, name: Option<&str>) {
        fs::create_dir_all(paths.container(id)).unwrap();
        if let Some(name) = name {
            fs::write(paths.container(id).join("config.json"), format!("{{\"name\":\"{name}\"}}")).unwrap();
        }
    }

    #[test]
    fn names_follow_dockers_grammar() {
        for name in ["web", "a1", "my.app_2-x"] {
            assert!(is_valid_name(name), "{name}");
        }
        for name in ["", "a", "-web", "we b", "../x", "wéb", ".web"] {
            assert!(!is_valid_name(name), "{name}");
        }
    }

    #[test]
    fn a_name_is_reserved_once() {
        let (_directory, paths) = paths();
        container(&paths, "1111", Some("web"));
        container(&paths, "2222", None);
        assert_eq!(reserve(&paths, "/web", "1111").unwrap(), "web");
        assert!(matches!(reserve(&paths, "web", "2222"), Err(Error::NameInUse { id, .. }) if id == "1111"));
        release(&paths, "web", "2222").unwrap();
        assert_eq!(lookup(&paths, "web").unwrap().as_deref(), Some("1111"));
        release(&paths, "web", "1111").unwrap();
        assert_eq!(lookup(&paths, "web").unwrap(), None);
    }

    #[test]
    fn a_container_without_a_record_gives_back_its_name_and_no_other() {
        let (_directory, paths) = paths();
        container(&paths, "1111", None);
        container(&paths, "2222", None);
        reserve(&paths, "web", "1111").unwrap();
        reserve(&paths, "db", "2222").unwrap();
        release_all(&paths, "1111", None).unwrap();
        assert_eq!(lookup(&paths, "web").unwrap(), None);
        assert_eq!(lookup(&paths, "db").unwrap().as_deref(), Some("2222"));
    }

    #[test]
    fn a_name_that_a_killed_rename_left_is_anybodys() {
        let (_directory, paths) = paths();
        container(&paths, "1111", Some("web"));
        container(&paths, "2222", Some("db"));
        reserve(&paths, "web", "1111").unwrap();
        reserve(&paths, "shop", "1111").unwrap();
        assert_eq!(reserve(&paths, "shop", "1111").unwrap(), "shop", "of the same container above all");
        let renames = crate::files::Lock::acquire(&paths.container("1111").join("lock")).unwrap();
        assert!(matches!(reserve(&paths, "shop", "2222"), Err(Error::NameInUse { .. })), "it may be under way");
        drop(renames);
        assert_eq!(reserve(&paths, "shop", "2222").unwrap(), "shop");
        release_all(&paths, "1111", Some("web")).unwrap();
        assert_eq!(lookup(&paths, "web").unwrap().as_deref(), Some("1111"));
    }

    #[test]
    fn a_name_left_behind_is_taken_over() {
        let (_directory, paths) = paths();
        container(&paths, "1111", None);
        reserve(&paths, "web", "1111").unwrap();
        fs::remove_dir(paths.container("1111")).unwrap();
        container(&paths, "2222", None);
        assert_eq!(reserve(&paths, "web", "2222").unwrap(), "web");
        assert_eq!(lookup(&paths, "web").unwrap().as_deref(), Some("2222"));
    }

    #[test]
    fn generated_names_are_valid_and_differ() {
        let (_directory, paths) = paths();
        container(&paths, "1111", None);
        let names: std::collections::BTreeSet<String> =
            (0..20).map(|_| reserve_generated(&paths, "1111").unwrap()).collect();
        assert_eq!(names.len(), 20);
        assert!(names.iter().all(|name| is_valid_name(name)));
    }
}
