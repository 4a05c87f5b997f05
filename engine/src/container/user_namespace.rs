//! User namespaces: a container's ids stand for others on the host, which there have no power (user_namespaces(7)).

use super::config::{HostConfig, NetworkMode};
use super::namespaces::{IpcMode, PidMode};
use crate::error::{Error, Result};
use oci_spec::runtime::{LinuxIdMapping, LinuxIdMappingBuilder};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Whose ids are used when nobody is named: Docker's user for this.
const DEFAULT_USER: &str = "dockremap";

/// A container's ids, and what they are on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserNamespace {
    /// Whose subordinate ids they are.
    pub user: String,
    /// User ids.
    pub uids: Vec<IdRange>,
    /// Group ids.
    pub gids: Vec<IdRange>,
}

/// Ids that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// The first one inside.
    pub container: u32,
    /// The first one on the host.
    pub host: u32,
    /// How many there are.
    pub count: u32,
}

impl UserNamespace {
    /// `--userns`: nothing or `host` for none, `remap[:USER]` for the subordinate ids of a user (subuid(5), subgid(5)).
    pub fn parse(text: &str) -> Result<Option<UserNamespace>> {
        let user = match text.split_once(':') {
            None if text.is_empty() || text == "host" => return Ok(None),
            None if text == "remap" => DEFAULT_USER,
            Some(("remap", user)) if !user.is_empty() => user,
            _ => return Err(Error::InvalidOption("--userns: invalid USER mode: use host or remap[:USER]".to_owned())),
        };
        let uids = subordinates(Path::new("/etc/subuid"), user)?;
        let gids = subordinates(Path::new("/etc/subgid"), user)?;
        Ok(Some(UserNamespace { user: user.to_owned(), uids, gids }))
    }

    /// Refuses what such a container could not use, in Docker's words.
    pub fn check(&self, host: &HostConfig) -> Result<()> {
        let shared = [
            (host.network == NetworkMode::Host, "cannot share the host's network namespace"),
            (matches!(host.network, NetworkMode::Container(_)), "cannot join the network namespace of a container"),
            (host.namespaces.pid != PidMode::Private, "cannot share a PID namespace"),
            (!matches!(host.namespaces.ipc, IpcMode::Private | IpcMode::None), "cannot share an IPC namespace"),
            (host.namespaces.host_uts, "cannot share the host's UTS namespace"),
            (host.privileged, "privileged mode is incompatible"),
            (host.runtime.is_some(), "another OCI runtime is incompatible"),
        ];
        match shared.iter().find(|(asked, _)| *asked) {
            Some((_, refusal)) => {
                Err(Error::InvalidOption(format!("{refusal} with user namespaces: use --userns host")))
            }
            None => Ok(()),
        }
    }

    /// What the container's root is on the host: user and group.
    pub fn root(&self) -> (u32, u32) {
        let first = |ranges: &[IdRange]| ranges.first().map_or(0, |range| range.host);
        (first(&self.uids), first(&self.gids))
    }

    /// What a user and a group inside are on the host. Those that no range maps are nobody's, and stay as they are.
    pub fn on_host(&self, user: u32, group: u32) -> (u32, u32) {
        let find = |ranges: &[IdRange], id| moved(ranges, id, |range| range.container, |range| range.host);
        (find(&self.uids, user), find(&self.gids, group))
    }

    /// What a user and a group of the host are inside, as [`UserNamespace::on_host`] the other way round.
    pub fn inside(&self, user: u32, group: u32) -> (u32, u32) {
        let find = |ranges: &[IdRange], id| moved(ranges, id, |range| range.host, |range| range.container);
        (find(&self.uids, user), find(&self.gids, group))
    }

    /// The OCI form of both mappings.
    pub fn mappings(&self) -> Result<[Vec<LinuxIdMapping>; 2]> {
        let mapping = |range: &IdRange| {
            let ids = LinuxIdMappingBuilder::default().container_id(range.container).host_id(range.host);
            ids.size(range.count).build().map_err(|error| Error::InvalidOption(error.to_string()))
        };
        let all = |ranges: &[IdRange]| ranges.iter().map(mapping).collect::<Result<Vec<_>>>();
        Ok([all(&self.uids)?, all(&self.gids)?])
    }
}

/// An id, moved from where a range has it to where it has it, too.
fn moved(ranges: &[IdRange], id: u32, from: fn(&IdRange) -> u32, to: fn(&IdRange) -> u32) -> u32 {
    let place = |range: &IdRange| id.checked_sub(from(range)).filter(|place| *place < range.count);
    ranges.iter().find_map(|range| Some(to(range) + place(range)?)).unwrap_or(id)
}

fn subordinates(path: &Path, user: &str) -> Result<Vec<IdRange>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.map_err(|source| Error::file(path, source))?,
    };
    // Lines may name a user by number.
    let number = nix::unistd::User::from_name(user).ok().flatten().map(|user| user.uid.to_string());
    let ranges = parse_ranges(&text, |name| name == user || number.as_deref() == Some(name));
    match ranges.is_empty() {
        false => Ok(ranges),
        true => Err(Error::InvalidOption(format!(
            "{} has no ids for user {user}: add a line such as {user}:100000:65536",
            path.display()
        ))),
    }
}

/// The ranges of the lines `NAME:FIRST:COUNT` whose name is wanted, one behind the other from the container's 0 on.
fn parse_ranges(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<IdRange> {
    let mut next = 0_u32;
    let mut ranges = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, first, count] = fields[..] else { continue };
        let (Ok(host), Ok(count)) = (first.trim().parse::<u32>(), count.trim().parse::<u32>()) else { continue };
        let ends = (host.checked_add(count), next.checked_add(count));
        if let ((Some(_), Some(end)), true) = (ends, is_wanted(name) && count > 0) {
            ranges.push(IdRange { container: next, host, count });
            next = end;
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_one_another() {
        let text = "# comment\nother:1:5\nme:100000:65536\nme:300000:10\nme:x:1\nme:4294967295:9\nme:7\n1000:500:1\n";
        let range = |container, host, count| IdRange { container, host, count };
        let expected = [range(0, 100_000, 65_536), range(65_536, 300_000, 10), range(65_546, 500, 1)];
        assert_eq!(parse_ranges(text, |name| name == "me" || name == "1000"), expected);
        assert_eq!(parse_ranges(text, |name| name == "nobody"), []);
    }

    #[test]
    fn ids_go_there_and_back() {
        let range = |container, host, count| IdRange { container, host, count };
        let ranges = vec![range(0, 100_000, 1000), range(1000, 300_000, 10)];
        let users = UserNamespace { user: "me".into(), uids: ranges.clone(), gids: ranges };
        assert_eq!(users.on_host(7, 1001), (100_007, 300_001));
        assert_eq!(users.inside(100_007, 300_001), (7, 1001));
        assert_eq!(users.on_host(5000, 0), (5000, 100_000));
    }

    #[test]
    fn what_needs_the_hosts_users_is_refused() {
        let users = UserNamespace { user: "me".into(), uids: vec![], gids: vec![] };
        assert!(users.check(&HostConfig::default()).is_ok());
        let privileged = HostConfig { privileged: true, ..HostConfig::default() };
        assert!(users.check(&privileged).unwrap_err().to_string().contains("privileged mode"));
        let network = HostConfig { network: NetworkMode::Host, ..HostConfig::default() };
        assert!(users.check(&network).is_err());
        assert!(UserNamespace::parse("host").unwrap().is_none() && UserNamespace::parse("").unwrap().is_none());
        assert!(UserNamespace::parse("auto").is_err() && UserNamespace::parse("remap:").is_err());
    }
}
