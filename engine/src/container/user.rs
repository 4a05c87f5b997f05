//! `user[:group]` by name or number, as the container's own passwd and group files say.

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longer files are cut: nobody's user database is this long, and one that is must not fill our memory.
const LONGEST_FILE: u64 = 1 << 20;

/// Who a process of a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
    /// Home directory.
    pub home: String,
}

/// The two files that say who is who.
pub struct UserDatabase {
    passwd: String,
    group: String,
}

impl UserDatabase {
    /// Reads the files of a container that does not run: in each directory of `roots`, the topmost first, until one has
    /// the file or hides those below. Symbolic links cannot lead out, nothing but regular files is read.
    pub fn of_layers(roots: &[PathBuf]) -> UserDatabase {
        let read = |name: &str| roots.iter().find_map(|root| look_in(root, Path::new(name))).unwrap_or_default();
        UserDatabase { passwd: read("etc/passwd"), group: read("etc/group") }
    }

    /// Finds a user. Numbers need no entry; names do.
    pub fn resolve(&self, wanted: &str) -> Result<User, String> {
        let (user, group) = match wanted.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (wanted, None),
        };
        let entry = self.find_user(user)?;
        let name = entry.name.unwrap_or_default().to_owned();
        let (gid, groups) = match group {
            Some(group) => (self.find_group(group)?, Vec::new()),
            None => (entry.gid, self.groups_of(&name)),
        };
        let home = if entry.home.is_empty() { "/" } else { entry.home };
        Ok(User { uid: entry.uid, gid, groups, home: home.to_owned() })
    }

    /// Finds a user who is in further groups too.
    pub fn resolve_with(&self, wanted: &str, groups: &[String]) -> Result<User, String> {
        let mut user = self.resolve(wanted)?;
        for group in groups {
            let gid = self.find_group(group)?;
            if !user.groups.contains(&gid) {
                user.groups.push(gid);
            }
        }
        Ok(user)
    }

    fn find_user(&self, wanted: &str) -> Result<PasswdEntry<'_>, String> {
        let by_name = self.users().find(|entry| entry.name == Some(wanted));
        if let (Some(entry), false) = (by_name, is_number(wanted)) {
            return Ok(entry);
        }
        let uid = match wanted {
            "" => 0,
            _ if is_number(wanted) => parse_id(wanted)?,
            _ => return Err(format!("unable to find user {wanted}: no matching entries in passwd file")),
        };
        Ok(self.users().find(|entry| entry.uid == uid).unwrap_or(PasswdEntry { name: None, uid, gid: 0, home: "/" }))
    }

    fn find_group(&self, wanted: &str) -> Result<u32, String> {
        if is_number(wanted) {
            return parse_id(wanted);
        }
        let mut lines = self.group.lines().map(|line| line.split(':'));
        lines
            .find_map(|mut fields| (fields.next()? == wanted).then(|| fields.nth(1)?.parse().ok())?)
            .ok_or_else(|| format!("unable to find group {wanted}: no matching entries in group file"))
    }

    fn groups_of(&self, name: &str) -> Vec<u32> {
        if name.is_empty() {
            return Vec::new();
        }
        let member = |line: &str| {
            let mut fields = line.split(':').skip(2);
            let gid = fields.next()?.parse().ok()?;
            fields.next()?.split(',').any(|user| user == name).then_some(gid)
        };
        self.group.lines().filter_map(member).collect()
    }

    fn users(&self) -> impl Iterator<Item = PasswdEntry<'_>> {
        self.passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = Some(fields.next()?);
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(PasswdEntry { name, uid, gid, home: fields.nth(1).unwrap_or("/") })
        })
    }
}

struct PasswdEntry<'a> {
    name: Option<&'a str>,
    uid: u32,
    gid: u32,
    home: &'a str,
}

/// Whether the text is meant as a number: such a user is never looked up by name, or an image could give the number of
/// one user the rights of another (CVE-2024-40635 and its like).
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.trim_start_matches(['+', '-']).bytes().all(|b| b.is_ascii_digit())
}

fn parse_id(text: &str) -> Result<u32, String> {
    let id = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<i32>().ok()).flatten();
    id.map(i32::cast_unsigned).ok_or_else(|| format!("uids and gids must be in range 0-2147483647: {text}"))
}

/// The file as this layer has it; empty when it only hides that of the layers below.
fn look_in(root: &Path, name: &Path) -> Option<String> {
    read_inside(root, name).or_else(|| hides(root, name).then(String::new))
}

/// Whether a layer covers a file of the layers below: by a whiteout or whatever else stands at its place or at that of
/// its directory, or by a directory that is opaque (overlayfs.rst, "whiteouts and opaque directories").
pub(super) fn hides(root: &Path, name: &Path) -> bool {
    let directory = name.parent().map_or_else(|| root.to_owned(), |parent| root.join(parent));
    match std::fs::symlink_metadata(&directory) {
        Ok(found) if found.is_dir() => {
            let opaque = rustix::fs::lgetxattr(&directory, "trusted.overlay.opaque", &mut [0_u8; 1]);
            opaque.is_ok() || std::fs::symlink_metadata(root.join(name)).is_ok()
        }
        Ok(_) => true,
        Err(_) => false,
    }
}

/// Opens what a layer has at a path. No link leads out of the layer.
pub(super) fn open_inside(root: &Path, name: &Path, flags: OFlags) -> std::io::Result<File> {
    let directory = File::open(root)?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(&directory, name, flags | OFlags::CLOEXEC, Mode::empty(), resolve)?.into())
}

fn read_inside(root: &Path, name: &Path) -> Option<String> {
    let file = open_inside(root, name, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> UserDatabase {
        UserDatabase {
            passwd: "root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/var/www:/bin/sh\n4294967296:x:0:0::/:/bin/sh\n"
                .into(),
            group: "root:x:0:\nwww:x:33:\nadm:x:4:www,root\nlog:x:5:www\n".into(),
        }
    }

    #[test]
    fn names_and_numbers_are_found() {
        let users = database();
        let www = User { uid: 33, gid: 33, groups: vec![4, 5], home: "/var/www".into() };
        assert_eq!(users.resolve("www"), Ok(www.clone()));
        assert_eq!(users.resolve("33"), Ok(www));
        assert_eq!(users.resolve("www:adm"), Ok(User { uid: 33, gid: 4, groups: vec![], home: "/var/www".into() }));
        assert_eq!(users.resolve("1000:1001"), Ok(User { uid: 1000, gid: 1001, groups: vec![], home: "/".into() }));
        assert_eq!(users.resolve("").unwrap().uid, 0);
    }

    #[test]
    fn hostile_numbers_never_become_root() {
        let users = database();
        for text in ["4294967296", "4294967296:0", "2147483648", "-1", "+0", "99999999999", "www:-1"] {
            assert!(users.resolve(text).is_err(), "{text}");
        }
        assert!(users.resolve("nobody").unwrap_err().contains("no matching entries"));
    }

    #[test]
    fn a_whiteout_hides_the_layers_below() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let (upper, lower) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let roots = [upper.path().to_owned(), lower.path().to_owned()];
        std::fs::create_dir(lower.path().join("etc")).unwrap();
        std::fs::write(lower.path().join("etc/passwd"), "www:x:33:33::/:\n").unwrap();
        assert_eq!(UserDatabase::of_layers(&roots).resolve("www").unwrap().uid, 33);
        std::fs::create_dir(upper.path().join("etc")).unwrap();
        assert_eq!(UserDatabase::of_layers(&roots).resolve("www").unwrap().uid, 33);
        let whiteout = upper.path().join("etc/passwd");
        mknodat(CWD, &whiteout, FileType::CharacterDevice, Mode::empty(), 0).unwrap();
        assert!(UserDatabase::of_layers(&roots).resolve("www").is_err());
    }

    #[test]
    fn a_fifo_or_a_link_out_is_not_read() {
        use rustix::fs::{CWD, FileType, mknodat};
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::os::unix::fs::symlink("/proc/self/environ", root.path().join("etc/passwd")).unwrap();
        // A reader that opened it would wait for a writer for ever.
        let fifo = root.path().join("etc/fifo");
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::os::unix::fs::symlink("fifo", root.path().join("etc/group")).unwrap();
        let users = UserDatabase::of_layers(&[root.path().to_owned()]);
        assert_eq!((users.passwd.as_str(), users.group.as_str()), ("", ""));
    }
}
