//! `--ulimit`: limits of each process of a container (getrlimit(2)).

use oci_spec::runtime::{PosixRlimit, PosixRlimitBuilder, PosixRlimitType};
use porthole_runtime::sandbox::lowered_limits;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Docker's names of them.
const KINDS: [(&str, PosixRlimitType); 15] = [
    ("core", PosixRlimitType::RlimitCore),
    ("cpu", PosixRlimitType::RlimitCpu),
    ("data", PosixRlimitType::RlimitData),
    ("fsize", PosixRlimitType::RlimitFsize),
    ("locks", PosixRlimitType::RlimitLocks),
    ("memlock", PosixRlimitType::RlimitMemlock),
    ("msgqueue", PosixRlimitType::RlimitMsgqueue),
    ("nice", PosixRlimitType::RlimitNice),
    ("nofile", PosixRlimitType::RlimitNofile),
    ("nproc", PosixRlimitType::RlimitNproc),
    ("rss", PosixRlimitType::RlimitRss),
    ("rtprio", PosixRlimitType::RlimitRtprio),
    ("rttime", PosixRlimitType::RlimitRttime),
    ("sigpending", PosixRlimitType::RlimitSigpending),
    ("stack", PosixRlimitType::RlimitStack),
];

/// One `--ulimit TYPE=SOFT[:HARD]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// What is limited, `nofile`.
    pub name: String,
    /// The limit that holds; -1 for none.
    pub soft: i64,
    /// The most that a process may raise it to; -1 for no limit.
    pub hard: i64,
}

impl FromStr for Ulimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, limits) = text.split_once('=').ok_or_else(|| format!("invalid ulimit argument: {text}"))?;
        if kind(name).is_none() {
            return Err(format!("invalid ulimit type: {name}"));
        }
        let number = |number: &str| match number.parse() {
            Ok(number @ -1_i64..) => Ok(number),
            _ => Err(format!("invalid ulimit argument: {text}: {number:?} is no limit")),
        };
        let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
        let (soft, hard) = (number(soft)?, number(hard)?);
        if hard != -1 && (soft == -1 || soft > hard) {
            return Err(format!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"));
        }
        Ok(Self { name: name.to_owned(), soft, hard })
    }
}

impl Ulimit {
    /// Its OCI form; -1 is the kernel's `RLIM_INFINITY`.
    pub fn to_oci(&self) -> Option<PosixRlimit> {
        let limit = PosixRlimitBuilder::default().typ(kind(&self.name)?.1);
        limit.soft(self.soft.cast_unsigned()).hard(self.hard.cast_unsigned()).build().ok()
    }
}

/// A line for each limit that is more than this process can give: its containers get what it has itself.
pub fn lowered(limits: &[Ulimit]) -> Vec<String> {
    let limits: Vec<PosixRlimit> = limits.iter().filter_map(Ulimit::to_oci).collect();
    lowered_limits(&limits)
}

fn kind(name: &str) -> Option<&'static (&'static str, PosixRlimitType)> {
    KINDS.iter().find(|(known, ..)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_soft_and_hard() {
        let limit = |text: &str| text.parse::<Ulimit>().map(|limit| (limit.soft, limit.hard));
        assert_eq!(limit("nofile=1024:2048"), Ok((1024, 2048)));
        assert_eq!(limit("core=0"), Ok((0, 0)));
        assert_eq!(limit("memlock=-1"), Ok((-1, -1)));
        assert_eq!(limit("stack=10:-1"), Ok((10, -1)));
        for text in ["nofile", "nofile=", "nofile=a", "nofile=2:1", "nofile=-1:5", "nofile=1:2:3", "files=1", "cpu=-2"]
        {
            assert!(limit(text).is_err(), "{text}");
        }
        let unlimited = "memlock=-1".parse::<Ulimit>().unwrap().to_oci().unwrap();
        assert_eq!(unlimited.soft(), libc::RLIM_INFINITY);
    }
}
