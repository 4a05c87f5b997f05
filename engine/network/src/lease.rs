//! Address leases: who has which address of a network, and by which link.
//!
//! A lease is a symbolic link in the directory `leases`, named by the address; its target is `CONTAINER/INTERFACE`. symlink(2)
//! creates name and content in one step and fails if the name exists. So two processes never get one address, and a
//! lease never stands there without its owner, whenever a process is killed.

use crate::subnet::Subnet;
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::{fs, io};

/// The leases of one network.
#[derive(Clone, Debug)]
pub(crate) struct Leases {
    directory: PathBuf,
}

/// An address in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub address: Ipv4Addr,
    /// The id of the container.
    pub container: String,
    /// The host's end of the container's link.
    pub interface: String,
}

impl Leases {
    pub fn new(directory: PathBuf) -> Leases {
        Leases { directory }
    }

    /// Leases the lowest free address; `None` if there is none.
    pub fn take(
        &self,
        subnet: Subnet,
        gateway: Ipv4Addr,
        container: &str,
        interface: &str,
    ) -> io::Result<Option<Lease>> {
        let taken = match self.addresses() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&self.directory)?;
                Vec::new()
            }
            other => other?,
        };
        let target = format!("{container}/{interface}");
        for address in free(subnet, gateway, &taken) {
            match symlink(&target, self.path(address)) {
                Ok(()) => {
                    return Ok(Some(Lease { address, container: container.into(), interface: interface.into() }));
                }
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Leases this address, if it is free.
    pub fn reserve(&self, address: Ipv4Addr, container: &str, interface: &str) -> io::Result<bool> {
        fs::create_dir_all(&self.directory)?;
        match symlink(format!("{container}/{interface}"), self.path(address)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives an address back. That it was given back already is no error.
    pub fn free(&self, lease: &Lease) -> io::Result<()> {
        match fs::remove_file(self.path(lease.address)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The leases of one container.
    pub fn of(&self, container: &str) -> io::Result<Vec<Lease>> {
        Ok(self.all()?.into_iter().filter(|lease| lease.container == container).collect())
    }

    /// All leases.
    pub fn all(&self) -> io::Result<Vec<Lease>> {
        let addresses = match self.addresses() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut leases = Vec::with_capacity(addresses.len());
        for address in addresses {
            match fs::read_link(self.path(address)) {
                Ok(target) => {
                    let target = target.to_string_lossy();
                    // A target of another shape belongs to no container that lives, and is cleared with the rest.
                    let (container, interface) = target.split_once('/').unwrap_or((&target, ""));
                    leases.push(Lease { address, container: container.into(), interface: interface.into() });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(leases)
    }

    fn addresses(&self) -> io::Result<Vec<Ipv4Addr>> {
        let mut addresses = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            addresses.extend(entry?.file_name().to_str().and_then(|name| name.parse::<Ipv4Addr>().ok()));
        }
        Ok(addresses)
    }

    fn path(&self, address: Ipv4Addr) -> PathBuf {
        self.directory.join(address.to_string())
    }
}

/// The host addresses of `subnet` in order, without the gateway and those taken.
fn free(subnet: Subnet, gateway: Ipv4Addr, taken: &[Ipv4Addr]) -> impl Iterator<Item = Ipv4Addr> {
    let mut taken: Vec<Ipv4Addr> = taken.iter().copied().chain([gateway]).filter(|a| subnet.contains(*a)).collect();
    taken.sort_unstable();
    let mut next_taken = taken.into_iter().peekable();
    (1..=subnet.hosts()).map(move |n| subnet.host(n)).filter(move |address| {
        while next_taken.next_if(|t| t < address).is_some() {}
        next_taken.next_if_eq(address).is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);

    fn subnet(prefix_len: u8) -> Subnet {
        Subnet::containing(GATEWAY, prefix_len)
    }

    #[test]
    fn lowest_free_address_first() {
        let directory = tempfile::tempdir().unwrap();
        let leases = Leases::new(directory.path().join("leases"));
        let take = |who: &str| leases.take(subnet(29), GATEWAY, who, "veth0").unwrap();
        let taken: Vec<_> = ["a", "b", "c", "d", "e"].map(|who| take(who).unwrap().address.octets()[3]).into();
        assert_eq!(taken, [2, 3, 4, 5, 6]);
        assert_eq!(take("f"), None);
        let of_c = leases.of("c").unwrap();
        assert_eq!(of_c.len(), 1);
        leases.free(&of_c[0]).unwrap();
        leases.free(&of_c[0]).unwrap();
        assert_eq!(take("g").unwrap().address.octets()[3], 4);
        assert_eq!(leases.all().unwrap().len(), 5);
    }

    #[test]
    fn many_threads_never_share_an_address() {
        let directory = tempfile::tempdir().unwrap();
        let leases = Leases::new(directory.path().join("leases"));
        let held = std::sync::Mutex::new(HashSet::new());
        std::thread::scope(|scope| {
            for thread in 0..50 {
                let (leases, held) = (&leases, &held);
                scope.spawn(move || {
                    for round in 0..20 {
                        let lease =
                            leases.take(subnet(24), GATEWAY, &format!("{thread}-{round}"), "v").unwrap().unwrap();
                        assert!(held.lock().unwrap().insert(lease.address), "{} leased twice", lease.address);
                        held.lock().unwrap().remove(&lease.address);
                        leases.free(&lease).unwrap();
                    }
                });
            }
        });
        assert_eq!(leases.all().unwrap(), []);
    }

    const WORKER: &str = "PORTHOLE_LEASE_WORKER";

    /// Takes addresses for ever, and says on standard output which it was given; for the test below.
    #[test]
    #[ignore = "run by processes_killed_at_any_moment"]
    fn worker() {
        let Ok(directory) = std::env::var(WORKER) else { return };
        let leases = Leases::new(directory.into());
        let me = std::process::id().to_string();
        while let Some(lease) = leases.take(subnet(22), GATEWAY, &me, "veth0").unwrap() {
            assert_eq!(leases.all().unwrap().iter().filter(|l| l.address == lease.address).count(), 1);
            if lease.address.octets()[3] % 3 == 0 {
                leases.free(&lease).unwrap();
            }
        }
    }

    #[test]
    fn processes_killed_at_any_moment() {
        let directory = tempfile::tempdir().unwrap();
        let leases = Leases::new(directory.path().join("leases"));
        let start = || {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--ignored", "--exact", "lease::tests::worker"])
                .env(WORKER, directory.path().join("leases"))
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        };
        let mut workers: Vec<_> = (0..50).map(|_| start()).collect();
        for (n, worker) in workers.iter_mut().enumerate() {
            std::thread::sleep(std::time::Duration::from_millis(n as u64 % 5));
            worker.kill().unwrap();
        }
        for worker in &mut workers {
            worker.wait().unwrap();
        }
        // Every address has one whole owner, so that all can be given back.
        let pids: HashSet<_> = workers.iter().map(|w| w.id().to_string()).collect();
        let left = leases.all().unwrap();
        assert!(!left.is_empty());
        for lease in &left {
            assert!(pids.contains(&lease.container) && lease.interface == "veth0", "{lease:?}");
            leases.free(lease).unwrap();
        }
        assert_eq!(leases.take(subnet(22), GATEWAY, "a", "v").unwrap().unwrap().address, Ipv4Addr::new(172, 17, 0, 2));
    }

    proptest! {
        #[test]
        fn free_is_what_is_not_taken(taken in prop::collection::vec(0u32..70, 0..70)) {
            let subnet = subnet(26);
            let taken: Vec<Ipv4Addr> = taken.into_iter().map(|n| subnet.host(n)).collect();
            let all: Vec<_> = free(subnet, GATEWAY, &taken).collect();
            let want: Vec<_> = (1..=62).map(|n| subnet.host(n)).filter(|a| *a != GATEWAY && !taken.contains(a)).collect();
            prop_assert_eq!(all, want);
        }
    }
}
