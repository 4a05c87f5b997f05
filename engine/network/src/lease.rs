//! Address leases: who has which address of a network, and by which link.
//!
//! A lease is a symbolic link in the directory `leases`, named by the address; its target is `CONTAINER/INTERFACE`. symlink(2)
//! creates name and content in one step and fails if the name exists. So two processes never get one address, and a
//! lease never stands there without its owner, whenever a process is killed.

use crate::config::Pool;
use std::net::IpAddr;
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
    pub address: IpAddr,
    /// The id of the container.
    pub container: String,
    /// The host's end of the container's link; empty if there is none on the host.
    pub interface: String,
}

/// Why no address was leased.
#[derive(Debug)]
pub(crate) enum NoLease {
    /// All are taken.
    Full,
    /// The one that was asked for is taken by this container, or by nobody that has a lease.
    Taken(Option<String>),
    /// The directory of the network is not there.
    NoNetwork,
    /// It could not be written.
    Failed(io::Error),
}

impl From<io::Error> for NoLease {
    fn from(error: io::Error) -> NoLease {
        NoLease::Failed(error)
    }
}

impl Leases {
    pub fn new(directory: PathBuf) -> Leases {
        Leases { directory }
    }

    /// Leases the lowest free address of a pool, or the one that is wanted.
    pub fn take(
        &self,
        pool: &Pool,
        wanted: Option<IpAddr>,
        container: &str,
        interface: &str,
    ) -> Result<Lease, NoLease> {
        let target = format!("{container}/{interface}");
        let lease = |address| Lease { address, container: container.into(), interface: interface.into() };
        let taken = match self.addresses() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.make_directory()?,
            other => other?,
        };
        if let Some(address) = wanted {
            if pool.reserved().any(|reserved| reserved == address) {
                return Err(NoLease::Taken(None));
            }
            return match symlink(&target, self.path(address)) {
                Ok(()) => Ok(lease(address)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(NoLease::Taken(self.owner(address)?)),
                Err(error) => Err(self.explain(error)),
            };
        }
        for address in free(pool, &taken) {
            match symlink(&target, self.path(address)) {
                Ok(()) => return Ok(lease(address)),
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(self.explain(error)),
            }
        }
        Err(NoLease::Full)
    }

    /// Makes the directory of leases in that of the network, which is gone when somebody has removed the network.
    fn make_directory(&self) -> Result<Vec<IpAddr>, NoLease> {
        match fs::create_dir(&self.directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(self.explain(error)),
            _ => Ok(Vec::new()),
        }
    }

    fn explain(&self, error: io::Error) -> NoLease {
        if error.kind() == io::ErrorKind::NotFound { NoLease::NoNetwork } else { NoLease::Failed(error) }
    }

    fn owner(&self, address: IpAddr) -> io::Result<Option<String>> {
        Ok(self.all()?.into_iter().find(|lease| lease.address == address).map(|lease| lease.container))
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

    fn addresses(&self) -> io::Result<Vec<IpAddr>> {
        let mut addresses = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            addresses.extend(entry?.file_name().to_str().and_then(|name| name.parse::<IpAddr>().ok()));
        }
        Ok(addresses)
    }

    fn path(&self, address: IpAddr) -> PathBuf {
        self.directory.join(address.to_string())
    }
}

/// The host addresses of a pool in order, without those reserved and those taken.
fn free(pool: &Pool, taken: &[IpAddr]) -> impl Iterator<Item = IpAddr> {
    let range = pool.range.unwrap_or(pool.subnet);
    let mut taken: Vec<IpAddr> = taken.iter().copied().chain(pool.reserved()).filter(|a| range.contains(*a)).collect();
    taken.sort_unstable();
    let mut next_taken = taken.into_iter().peekable();
    let (subnet, whole) = (pool.subnet, range == pool.subnet);
    // A part of a subnet may be given away from its first address to its last.
    let hosts =
        if whole { 1..=range.hosts() } else { 0..=range.hosts().saturating_add(if range.is_ipv6() { 0 } else { 1 }) };
    let is_host =
        move |address: &IpAddr| *address != subnet.network() && (subnet.is_ipv6() || *address != subnet.broadcast());
    hosts.map(move |n| range.host(n)).filter(is_host).filter(move |address| {
        while next_taken.next_if(|t| t < address).is_some() {}
        next_taken.next_if_eq(address).is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subnet::Subnet;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::net::Ipv4Addr;

    const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);

    fn pool(prefix_len: u8) -> Pool {
        Pool::whole(Subnet::containing(GATEWAY, prefix_len))
    }

    fn last(address: IpAddr) -> u8 {
        let IpAddr::V4(address) = address else { panic!("{address}") };
        address.octets()[3]
    }

    #[test]
    fn lowest_free_address_first() {
        let directory = tempfile::tempdir().unwrap();
        let leases = Leases::new(directory.path().join("leases"));
        let take = |who: &str| leases.take(&pool(29), None, who, "veth0");
        let taken: Vec<_> = ["a", "b", "c", "d", "e"].map(|who| last(take(who).unwrap().address)).into();
        assert_eq!(taken, [2, 3, 4, 5, 6]);
        assert!(matches!(take("f"), Err(NoLease::Full)));
        let third = Ipv4Addr::new(172, 17, 0, 4).into();
        let taken = leases.take(&pool(29), Some(third), "f", "veth0");
        assert!(matches!(taken, Err(NoLease::Taken(Some(owner))) if owner == "c"));
        let of_c = leases.of("c").unwrap();
        assert_eq!(of_c.len(), 1);
        leases.free(&of_c[0]).unwrap();
        leases.free(&of_c[0]).unwrap();
        assert_eq!(last(take("g").unwrap().address), 4);
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
                        let lease = leases.take(&pool(24), None, &format!("{thread}-{round}"), "v").unwrap();
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
        while let Ok(lease) = leases.take(&pool(22), None, &me, "veth0") {
            assert_eq!(leases.all().unwrap().iter().filter(|l| l.address == lease.address).count(), 1);
            if last(lease.address).is_multiple_of(3) {
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
        assert_eq!(leases.take(&pool(22), None, "a", "v").unwrap().address, Ipv4Addr::new(172, 17, 0, 2));
    }

    proptest! {
        #[test]
        fn free_is_what_is_not_taken(taken in prop::collection::vec(0u128..70, 0..70)) {
            let pool = pool(26);
            let taken: Vec<IpAddr> = taken.into_iter().map(|n| pool.subnet.host(n)).collect();
            let all: Vec<_> = free(&pool, &taken).collect();
            let want: Vec<_> = (1..=62).map(|n| pool.subnet.host(n)).filter(|a| *a != GATEWAY && !taken.contains(a)).collect();
            prop_assert_eq!(all, want);
        }
    }

    #[test]
    fn a_range_and_addresses_of_others() {
        let mut pool = pool(24);
        pool.range = Some("172.17.0.0/30".parse().unwrap());
        pool.auxiliary.insert("router".into(), Ipv4Addr::new(172, 17, 0, 2).into());
        assert_eq!(free(&pool, &[]).collect::<Vec<_>>(), [IpAddr::from(Ipv4Addr::new(172, 17, 0, 3))]);
        pool.range = Some("172.17.0.252/30".parse().unwrap());
        assert_eq!(free(&pool, &[]).map(last).collect::<Vec<_>>(), [252, 253, 254]);
        let ipv6 = Pool::whole("fd00::/64".parse().unwrap());
        let first: Vec<_> = free(&ipv6, &["fd00::2".parse().unwrap()]).take(2).map(|a| a.to_string()).collect();
        assert_eq!(first, ["fd00::3", "fd00::4"]);
    }
}
