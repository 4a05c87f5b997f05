//! What lies in a layer.

use rustix::fs::{FileType, Stat};

/// What an object is (inode(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A directory.
    Directory,
    /// An ordinary file.
    File,
    /// A symbolic link.
    Link,
    /// A character or block device.
    Device,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// Overlayfs' mark that what is below is removed: the character device 0:0.
    Whiteout,
}

/// What is known of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with set-id and sticky bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// Its length in bytes; 0 unless it is a file or a link.
    pub size: u64,
    /// When its content changed last, in seconds since 1970.
    pub modified: i64,
    /// Whether this directory hides all that layers below have in it (overlayfs' "opaque").
    pub opaque: bool,
}

impl Object {
    /// As stat(2) tells of it.
    pub(super) fn new(stat: &Stat, opaque: bool) -> Self {
        let kind = Kind::of(stat);
        let has_length = matches!(kind, Kind::File | Kind::Link);
        Self {
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: if has_length { stat.st_size.unsigned_abs() } else { 0 },
            modified: stat.st_mtime,
            opaque,
        }
    }

    /// Kind and permissions as ls(1) writes them: `drwxr-sr-t`; a whiteout's kind is `w`.
    pub fn permissions(&self) -> String {
        let bit = |bit: u32, letter: char| if self.mode & bit != 0 { letter } else { '-' };
        let execute = |bit: u32, special: u32, letter: char| match (self.mode & bit != 0, self.mode & special != 0) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        };
        let letters = [
            self.kind.letter(),
            bit(0o400, 'r'),
            bit(0o200, 'w'),
            execute(0o100, 0o4000, 's'),
            bit(0o040, 'r'),
            bit(0o020, 'w'),
            execute(0o010, 0o2000, 's'),
            bit(0o004, 'r'),
            bit(0o002, 'w'),
            execute(0o001, 0o1000, 't'),
        ];
        letters.iter().collect()
    }

    /// Whether nothing of the layers below is to be seen at or below its path.
    pub(super) fn cuts(&self) -> bool {
        self.opaque || self.kind != Kind::Directory
    }
}

impl Kind {
    fn of(stat: &Stat) -> Self {
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Self::Directory,
            FileType::RegularFile => Self::File,
            FileType::Symlink => Self::Link,
            FileType::Fifo => Self::Fifo,
            FileType::Socket => Self::Socket,
            FileType::CharacterDevice if stat.st_rdev == 0 => Self::Whiteout,
            _ => Self::Device,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Directory => 'd',
            Self::File => '-',
            Self::Link => 'l',
            Self::Device => 'c',
            Self::Fifo => 'p',
            Self::Socket => 's',
            Self::Whiteout => 'w',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_read_as_ls_writes_them() {
        let object = |kind, mode| Object { kind, mode, uid: 0, gid: 0, size: 0, modified: 0, opaque: false };
        assert_eq!(object(Kind::Directory, 0o1777).permissions(), "drwxrwxrwt");
        assert_eq!(object(Kind::File, 0o4755).permissions(), "-rwsr-xr-x");
        assert_eq!(object(Kind::File, 0o2644).permissions(), "-rw-r-Sr--");
        assert_eq!(object(Kind::Link, 0o777).permissions(), "lrwxrwxrwx");
    }
}
