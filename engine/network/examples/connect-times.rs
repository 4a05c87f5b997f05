//! Measures how long a container takes to be connected, with one published port, on a host of its own:
//! `cargo run --release -p porthole-network --example connect-times [CONTAINERS]`. Needs root.

use porthole_network::{EndpointRequest, Network, PortSpec, links, netns};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

fn unshare() {
    // SAFETY: unshare takes no pointers.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0, "needs root");
}

fn namespace() -> OwnedFd {
    let make = || {
        unshare();
        netns::current()
    };
    thread::spawn(make).join().expect("no panic").expect("open the namespace")
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let last = times.len() - 1;
    let [min, p50, p95] = [times[0], times[last / 2], times[last * 95 / 100]].map(|t| t.as_micros());
    println!("{what:34} min {min:>6} µs  p50 {p50:>6} µs  p95 {p95:>6} µs");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: u16 = std::env::args().nth(1).map_or(Ok(100), |n| n.parse())?;
    unshare();
    let root = std::env::temp_dir().join(format!("porthole-connect-times-{}", std::process::id()));
    let network = Network::open(&root, &root.join("run"));
    let timed = |work: &mut dyn FnMut() -> Result<(), porthole_network::Error>| {
        let start = Instant::now();
        work().map(|()| start.elapsed())
    };
    let mut namespaces = Vec::new();
    let (mut connect, mut disconnect) = (Vec::new(), Vec::new());
    for n in 0..count {
        let netns = namespace();
        let ports = PortSpec::parse(&format!("{}:80", 10_000 + n))?;
        let id = format!("{n:064}");
        let time = timed(&mut || {
            let request = EndpointRequest {
                network: &network.find("bridge")?,
                container: &id,
                name: "web",
                netns: netns.as_fd(),
                interface: "eth0",
                default_route: true,
                addresses: &[],
                mac: None,
                ports: &ports,
            };
            network.connect(&request).map(drop)
        })?;
        if n == 0 {
            report("first connect (makes the bridge)", vec![time])
        } else {
            connect.push(time)
        }
        namespaces.push(netns);
    }
    let last: Vec<_> = connect.iter().rev().take(10).copied().collect();
    report("connect, one port", connect);
    report("the last ten of them", last);
    let topology =
        (0..20).map(|_| timed(&mut || links().map(drop).map_err(|_| unreachable!()))).collect::<Result<_, _>>()?;
    report("links()", topology);
    for n in (0..count).rev() {
        disconnect.push(timed(&mut || network.disconnect(&format!("{n:064}"), None))?);
    }
    let last: Vec<_> = disconnect.iter().rev().take(10).copied().collect();
    report("disconnect", disconnect);
    report("the last ten of them", last);
    drop(namespaces);
    network.teardown()?;
    Ok(std::fs::remove_dir_all(root)?)
}
