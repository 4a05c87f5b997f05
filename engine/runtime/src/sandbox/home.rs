//! The home directory of the command's user, which runc gives a command whose environment does not have one.

use nix::fcntl::OFlag;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// More of /etc/passwd is not read.
const LONGEST: u64 = 1 << 20;

/// The one that /etc/passwd has for a user, as the calling process sees that file, or `/`.
pub(super) fn of_user(uid: u32) -> String {
    home_in(&passwd(Path::new("/etc/passwd")), uid).unwrap_or_else(|| "/".to_owned())
}

/// The file may be anything that an image has put there, and need not be there.
fn passwd(path: &Path) -> String {
    let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
    let Ok(file) = OpenOptions::new().read(true).custom_flags(flags).open(path) else { return String::new() };
    let mut text = Vec::new();
    if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        // What could be read before an error is as good as a shorter file.
        let _ = file.take(LONGEST).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn home_in(passwd: &str, uid: u32) -> Option<String> {
    let home = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [_, _, id, _, _, home, ..] if id.parse() == Ok(uid) && !home.is_empty() => Some((*home).to_owned()),
            _ => None,
        }
    };
    passwd.lines().find_map(home)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_is_in_the_sixth_field() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nuser:x:2000:2000::/home/user:\nnone:x:3:3:::\n";
        assert_eq!(home_in(passwd, 2000).as_deref(), Some("/home/user"));
        assert_eq!(home_in(passwd, 0).as_deref(), Some("/root"));
        assert_eq!(home_in(passwd, 3), None);
    }
}
