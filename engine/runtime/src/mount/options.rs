//! Mount options as the runtime-spec lists them (config.md, "Mounts"; config-linux.md; mount(8)).

use super::Depth;
use std::path::PathBuf;

/// The option of a bind mount whose source is in the hands of strangers up to a directory, which follows: the source is looked
/// for below it when it is mounted, and none of their links is followed. The OCI specification has no word for this; options
/// that begin like this one are for whoever mounts, not for the kernel (mount(8), "x-*").
pub const BENEATH: &str = "x-porthole.beneath=";

/// An option that this runtime does not have.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("mount option {0:?} is not supported")]
pub struct UnknownOption(String);

/// What is copied by a bind mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind(pub Depth);

/// How mounts made later pass between this mount and its copies (mount_namespaces(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Propagation {
    /// `MS_SHARED`, `MS_SLAVE`, `MS_PRIVATE` or `MS_UNBINDABLE`.
    pub flag: u64,
    /// Whether for mounts below too.
    pub depth: Depth,
}

/// Symbolic links at the end of the paths of a bind mount, as crun has them; by default both are followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// A source that is a link is bound itself.
    pub binds_source: bool,
    /// A target that is a link is covered itself.
    pub covers_target: bool,
    /// A source that is a link is made again at the target, in place of a mount.
    pub copies: bool,
}

/// A parsed list of options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear before.
    pub clear: u64,
    /// Whether there is a word on any of them, if only one that changes nothing.
    pub has_attributes: bool,
    /// The same for this mount and those below.
    pub set_recursive: u64,
    /// The same for this mount and those below.
    pub clear_recursive: u64,
    /// Set if it is a bind mount, whatever its type says.
    pub bind: Option<Bind>,
    /// The directory that the source of a bind mount is looked for below, without following links.
    pub beneath: Option<PathBuf>,
    /// In the order given.
    pub propagation: Vec<Propagation>,
    /// Whether the files of a bind mount are shown as owned by other ids, and those of the mounts below it too.
    pub mapped: Option<Depth>,
    /// Whether a new tmpfs begins with what it covers.
    pub copies_up: bool,
    /// What is done with symbolic links at the end of the paths of a bind mount.
    pub links: Links,
    /// The file system's own options.
    pub data: Vec<String>,
}

impl Options {
    /// Parses a list. What is no general option is taken for one of the file system.
    pub fn parse<'a>(options: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownOption> {
        let mut parsed = Self::default();
        for option in options {
            parsed.add(option)?;
        }
        Ok(parsed)
    }

    fn add(&mut self, option: &str) -> Result<(), UnknownOption> {
        if let Some((set, clear)) = attribute(option) {
            self.has_attributes = true;
            if !KEEPS_ATIME.contains(&option) {
                (self.set, self.clear) = merge((self.set, self.clear), (set, clear));
            }
        } else if let Some((set, clear)) = option.strip_prefix('r').and_then(attribute) {
            let before = (self.set_recursive, self.clear_recursive);
            (self.set_recursive, self.clear_recursive) = merge(before, (set, clear));
        } else if let Some(propagation) = propagation(option) {
            self.propagation.push(propagation);
        } else if let Some(directory) = option.strip_prefix(BENEATH) {
            self.beneath = Some(directory.into());
        } else {
            match option {
                // Whether the kernel logs mounting, and whether it counts versions of inodes, are not mounts' any more.
                "defaults" | "" | "silent" | "loud" | "iversion" | "noiversion" => {}
                "bind" => self.bind = Some(Bind(Depth::One)),
                "rbind" => self.bind = Some(Bind(Depth::Recursive)),
                "idmap" => self.mapped = Some(Depth::One),
                "ridmap" => self.mapped = Some(Depth::Recursive),
                "tmpcopyup" => self.copies_up = true,
                "src-nofollow" => self.links.binds_source = true,
                "dest-nofollow" => self.links.covers_target = true,
                "copy-symlink" => self.links.copies = true,
                "remount" => return Err(UnknownOption(option.to_owned())),
                _ => self.data.push(option.to_owned()),
            }
        }
        Ok(())
    }
}

/// What mount(8) has for the absence of a kind of access time, which says nothing about which other it is to be.
const KEEPS_ATIME: [&str; 3] = ["atime", "norelatime", "nostrictatime"];

/// Attributes that a user namespace may not take from a mount of those outside (mount_namespaces(7), "Restrictions").
const LOCKED: u64 =
    libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC | ATIME;

/// When access times are kept.
const ATIME: u64 = libc::MOUNT_ATTR__ATIME | libc::MOUNT_ATTR_NODIRATIME;

impl Options {
    /// What to set and to clear of a bind mount that has these attributes now: those of the list and no others, as
    /// mount(8) remounts, unless there are none. `locked` ones of a user namespace are kept where they are not spoken of; what
    /// would take one away cannot be.
    pub fn of_bind(&self, now: u64, locked: bool) -> Option<(u64, u64)> {
        if !self.has_attributes {
            return Some((0, 0));
        }
        let says_atime = (self.set | self.clear) & ATIME & !self.forgets_diratime() != 0;
        let replaced = LOCKED & !ATIME | libc::MOUNT_ATTR_NOSYMFOLLOW | if says_atime { ATIME } else { 0 };
        let (mut set, mut clear) = (self.set, replaced & !self.set | self.set & libc::MOUNT_ATTR__ATIME);
        if says_atime {
            // The kinds are one field, which is cleared as a whole.
            clear |= libc::MOUNT_ATTR__ATIME;
        }
        if locked {
            let taken = now & self.clear & LOCKED & !ATIME != 0;
            if taken || says_atime && self.set & ATIME != now & ATIME {
                return None;
            }
            set |= now & LOCKED & !ATIME;
            clear &= !(now & LOCKED & !ATIME);
        }
        Some((set, clear))
    }

    /// `diratime` alone is no word on how access times are kept.
    fn forgets_diratime(&self) -> u64 {
        if self.set & libc::MOUNT_ATTR_NODIRATIME == 0 { libc::MOUNT_ATTR_NODIRATIME } else { 0 }
    }
}

/// The last option about an attribute wins.
fn merge(before: (u64, u64), (set, clear): (u64, u64)) -> (u64, u64) {
    ((before.0 & !clear) | set, (before.1 & !set) | clear)
}

/// What an option sets, and what it clears before.
fn attribute(option: &str) -> Option<(u64, u64)> {
    // The kinds of access time are one field, of which relatime is the zero.
    let atime = |value| Some((value, libc::MOUNT_ATTR__ATIME));
    match option {
        "ro" => Some((libc::MOUNT_ATTR_RDONLY, 0)),
        "rw" => Some((0, libc::MOUNT_ATTR_RDONLY)),
        "nosuid" => Some((libc::MOUNT_ATTR_NOSUID, 0)),
        "suid" => Some((0, libc::MOUNT_ATTR_NOSUID)),
        "nodev" => Some((libc::MOUNT_ATTR_NODEV, 0)),
        "dev" => Some((0, libc::MOUNT_ATTR_NODEV)),
        "noexec" => Some((libc::MOUNT_ATTR_NOEXEC, 0)),
        "exec" => Some((0, libc::MOUNT_ATTR_NOEXEC)),
        "nodiratime" => Some((libc::MOUNT_ATTR_NODIRATIME, 0)),
        "diratime" => Some((0, libc::MOUNT_ATTR_NODIRATIME)),
        "nosymfollow" => Some((libc::MOUNT_ATTR_NOSYMFOLLOW, 0)),
        "symfollow" => Some((0, libc::MOUNT_ATTR_NOSYMFOLLOW)),
        "relatime" | "atime" | "nostrictatime" => atime(libc::MOUNT_ATTR_RELATIME),
        "noatime" => atime(libc::MOUNT_ATTR_NOATIME),
        "strictatime" | "norelatime" => atime(libc::MOUNT_ATTR_STRICTATIME),
        _ => None,
    }
}

/// The options that every file system has, for a list of what is known.
pub fn option_names() -> Vec<String> {
    let attributes = ATTRIBUTES.iter().flat_map(|name| [(*name).to_owned(), format!("r{name}")]);
    let propagations = ["shared", "slave", "private", "unbindable"];
    let propagations = propagations.iter().flat_map(|name| [(*name).to_owned(), format!("r{name}")]);
    let others = [
        "bind",
        "rbind",
        "defaults",
        "idmap",
        "ridmap",
        "tmpcopyup",
        "src-nofollow",
        "dest-nofollow",
        "copy-symlink",
        "silent",
        "loud",
        "iversion",
        "noiversion",
        "sync",
        "async",
        "dirsync",
        "mand",
        "nomand",
        "lazytime",
        "nolazytime",
        "acl",
        "noacl",
    ];
    let mut names: Vec<_> = attributes.chain(propagations).chain(others.map(String::from)).collect();
    names.sort();
    names
}

/// The names that [`attribute`] knows.
const ATTRIBUTES: [&str; 18] = [
    "ro",
    "rw",
    "nosuid",
    "suid",
    "nodev",
    "dev",
    "noexec",
    "exec",
    "nodiratime",
    "diratime",
    "nosymfollow",
    "symfollow",
    "relatime",
    "atime",
    "nostrictatime",
    "noatime",
    "strictatime",
    "norelatime",
];

/// A propagation option; as the root's, it may also be a spec's `rootfsPropagation`.
pub(crate) fn propagation(option: &str) -> Option<Propagation> {
    let (depth, kind) = match option.strip_prefix('r') {
        Some(kind) => (Depth::Recursive, kind),
        None => (Depth::One, option),
    };
    let flag = match kind {
        "shared" => libc::MS_SHARED,
        "slave" => libc::MS_SLAVE,
        "private" => libc::MS_PRIVATE,
        "unbindable" => libc::MS_UNBINDABLE,
        _ => return None,
    };
    Some(Propagation { flag, depth })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str]) -> Options {
        Options::parse(options.iter().copied()).unwrap()
    }

    #[test]
    fn attributes_bind_propagation_and_data_are_told_apart() {
        let options = parse(&["rbind", "ro", "nosuid", "rprivate", "mode=755", "size=64k"]);
        assert_eq!(options.bind, Some(Bind(Depth::Recursive)));
        assert_eq!(options.set, libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID);
        assert_eq!(options.clear, 0);
        assert_eq!(options.propagation[0].flag, libc::MS_PRIVATE);
        assert_eq!(options.data, ["mode=755", "size=64k"]);
    }

    #[test]
    fn the_last_word_on_an_attribute_wins() {
        assert_eq!(parse(&["ro", "rw"]).set, 0);
        assert_eq!(parse(&["ro", "rw"]).clear, libc::MOUNT_ATTR_RDONLY);
        assert_eq!(parse(&["rw", "ro"]).set, libc::MOUNT_ATTR_RDONLY);
        assert_eq!(parse(&["rw", "ro"]).clear, 0);
        let atime = parse(&["noatime", "strictatime"]);
        assert_eq!((atime.set, atime.clear), (libc::MOUNT_ATTR_STRICTATIME, libc::MOUNT_ATTR__ATIME));
    }

    #[test]
    fn a_bind_mount_has_the_attributes_of_its_list_and_no_others() {
        let (ro, nodev, noatime) = (libc::MOUNT_ATTR_RDONLY, libc::MOUNT_ATTR_NODEV, libc::MOUNT_ATTR_NOATIME);
        let bound = |options: &[&str], now: u64| {
            let (set, clear) = parse(options).of_bind(now, false).unwrap();
            (now & !clear) | set
        };
        assert_eq!(bound(&["bind", "rprivate"], ro | nodev), ro | nodev);
        assert_eq!(bound(&["bind", "dev"], ro | nodev | noatime), noatime);
        assert_eq!(bound(&["bind", "atime"], ro | noatime), noatime);
        assert_eq!(bound(&["bind", "nodiratime", "norelatime"], noatime), libc::MOUNT_ATTR_NODIRATIME);
        assert_eq!(bound(&["bind", "strictatime"], libc::MOUNT_ATTR_NODIRATIME), libc::MOUNT_ATTR_STRICTATIME);
    }

    #[test]
    fn a_user_namespace_takes_nothing_from_a_bind_mount() {
        let (ro, nodev, noatime) = (libc::MOUNT_ATTR_RDONLY, libc::MOUNT_ATTR_NODEV, libc::MOUNT_ATTR_NOATIME);
        let bound =
            |options: &[&str], now: u64| parse(options).of_bind(now, true).map(|(set, clear)| (now & !clear) | set);
        assert_eq!(bound(&["bind", "ro"], nodev | noatime), Some(ro | nodev | noatime));
        assert_eq!(bound(&["bind", "dev"], ro), Some(ro));
        assert_eq!(bound(&["bind", "rw"], ro), None);
        assert_eq!(bound(&["bind", "strictatime"], noatime), None);
        assert_eq!(bound(&["bind", "noatime"], noatime), Some(noatime));
    }

    #[test]
    fn recursive_forms_are_kept_apart() {
        let options = parse(&["rro", "rnoexec", "relatime"]);
        assert_eq!(options.set_recursive, libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOEXEC);
        assert_eq!((options.set, options.clear), (libc::MOUNT_ATTR_RELATIME, libc::MOUNT_ATTR__ATIME));
    }

    #[test]
    fn every_name_is_known() {
        assert!(ATTRIBUTES.iter().all(|name| attribute(name).is_some()));
        assert!(option_names().iter().all(|name| Options::parse([name.as_str()]).is_ok()));
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        assert_eq!(Options::parse(["remount"]), Err(UnknownOption("remount".into())));
    }
}
