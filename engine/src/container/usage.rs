//! What containers use of the host, for `stats`.

use super::record::Record;
use super::summary::{self, ContainerSummary};
use crate::engine::Engine;
use crate::error::Result;
use crate::parallel;
use porthole_runtime::cgroup::Stats;
use porthole_runtime::small_file;
use std::time::Duration;

/// What one container uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// All but the network; `None` for one that does not run.
    pub running: Option<Running>,
}

/// What a container uses that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// What its cgroup has used.
    pub cgroup: Stats,
    /// The most memory that it could have: its limit, or all of the host's.
    pub memory_limit: u64,
    /// Bytes received on all interfaces but the loopback; 0 in the host's network, whose bytes are not its own.
    pub received: u64,
    /// Bytes sent, counted alike.
    pub sent: u64,
    /// How long it has run.
    pub uptime: Duration,
}

impl Running {
    /// Memory in use as Docker counts it: without the page cache that was not used lately.
    pub fn memory(&self) -> u64 {
        self.cgroup.memory.saturating_sub(self.cgroup.memory_inactive_file)
    }

    /// The share of the memory that it could have, in percent.
    pub fn memory_percent(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)] // Few digits are shown.
        percent(self.memory() as f64, self.memory_limit as f64)
    }

    /// The CPU's share in percent of one CPU: since an earlier look, that knew how much had been used and was so long ago;
    /// without one, since it was started.
    pub fn cpu_percent(&self, before: Option<(Duration, Duration)>) -> f64 {
        let (used, during) = match before {
            Some((used, ago)) => (self.cgroup.cpu.saturating_sub(used), ago),
            None => (self.cgroup.cpu, self.uptime),
        };
        percent(used.as_secs_f64(), during.as_secs_f64())
    }
}

impl Engine {
    /// What these containers use, or, without names, all that run, or all there are.
    pub fn usages(&self, names: &[String], all: bool) -> Result<Vec<Usage>> {
        let containers = match names {
            [] => self.containers_with_ports(all)?,
            names => names.iter().map(|name| self.container(name)).collect::<Result<_>>()?,
        };
        let memory = host_memory();
        parallel::map(&containers, |container| self.usage_of(container, memory)).into_iter().collect()
    }

    fn usage_of(&self, container: &ContainerSummary, host_memory: u64) -> Result<Usage> {
        let init = container.state.init.filter(|_| container.is_running());
        let running = init.map(|init| -> Result<Running> {
            let cgroup = self.cgroup_of(&Record::new(self.paths(), &container.id))?;
            let cgroup = cgroup.stats().map_err(|source| super::stop::cgroup_error(&container.name, source))?;
            let network = if container.network == "host" { (0, 0) } else { transferred(init.pid) };
            let started = summary::nanoseconds(container.state.started_at.as_deref()).unwrap_or(i64::MAX);
            let now = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
            Ok(Running {
                cgroup,
                memory_limit: cgroup.memory_limit.map_or(host_memory, |limit| limit.min(host_memory)),
                received: network.0,
                sent: network.1,
                uptime: Duration::from_nanos(u64::try_from(now.saturating_sub(started)).unwrap_or(0)),
            })
        });
        let running = match running.transpose() {
            // It ended while we looked.
            Err(_) if self.container(&container.id).is_ok_and(|now| !now.is_running()) => None,
            running => running?,
        };
        Ok(Usage { id: container.id.clone(), name: container.name.clone(), running })
    }
}

fn percent(part: f64, all: f64) -> f64 {
    if all > 0.0 { part / all * 100.0 } else { 0.0 }
}

fn host_memory() -> u64 {
    let info = rustix::system::sysinfo();
    (info.totalram as u64).saturating_mul(info.mem_unit.into())
}

/// Bytes received and sent in the network namespace of a process. One that has just ended has none.
fn transferred(pid: i32) -> (u64, u64) {
    small_file::read_text(format!("/proc/{pid}/net/dev")).map_or((0, 0), |text| sum_interfaces(&text))
}

/// Sums /proc/PID/net/dev (proc_pid_net(5)), which has two lines of titles and one an interface.
fn sum_interfaces(text: &str) -> (u64, u64) {
    let of_interface = |line: &str| {
        let (name, counters) = line.split_once(':')?;
        let mut counters = counters.split_ascii_whitespace().map(|counter| counter.parse::<u64>().ok());
        let (received, sent) = (counters.next()??, counters.nth(7)??);
        (name.trim() != "lo").then_some((received, sent))
    };
    let interfaces = text.lines().skip(2).filter_map(of_interface);
    interfaces.fold((0, 0), |(received, sent), (in_bytes, out_bytes)| (received + in_bytes, sent + out_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_does_not_count() {
        let text = "Inter-|   Receive                  |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed\n    \
            lo: 500 5 0 0 0 0 0 0 500 5 0 0 0 0 0 0\n  eth0: 1090 11 0 0 0 0 0 0 640 8 0 0 0 0 0 0\n  eth1:10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n";
        assert_eq!(sum_interfaces(text), (1100, 660));
    }

    #[test]
    fn the_host_has_memory() {
        assert!(host_memory() > 1 << 20);
    }
}
