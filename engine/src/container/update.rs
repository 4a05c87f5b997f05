//! Changing the limits and the restart policy of a container, whether it runs or not.

use super::config::ContainerConfig;
use super::record::{self, Live, Record};
use super::resources::Resources;
use super::stop::cgroup_error;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Durability};
use porthole_runtime::client::MonitorClient;
use porthole_runtime::monitor::{MonitorConfig, RestartPolicy};

/// What is to be changed; the rest stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Limits.
    pub resources: Resources,
    /// What happens when it ends.
    pub restart: Option<RestartPolicy>,
}

impl Engine {
    /// Changes a container: first in the kernel, if it runs, then in its records. What the kernel refuses leaves both as
    /// they were.
    pub fn update(&self, name: &str, update: &Update) -> Result<()> {
        let record = self.find(name)?;
        let _lock = record.lock()?;
        let before = record.existing_config()?;
        let mut config = before.clone();
        config.host.resources = before.host.resources.changed_by(&update.resources)?;
        config.host.restart = update.restart.unwrap_or(before.host.restart);
        if config.host.auto_remove && config.host.restart != RestartPolicy::No {
            return Err(Error::InvalidOption(
                "Restart policy cannot be updated because AutoRemove is enabled for the container".to_owned(),
            ));
        }
        config.host.resources.check()?;
        let live = record.live()?;
        if !record::is_active(live.state.status) {
            return record.write_config(&config);
        }
        // All that is asked for is done, be it recorded already: an update that was killed may have done a part.
        if update.resources != Resources::default() {
            self.limit(&record, &before, &config)?;
        }
        record.write_config(&config)?;
        if update.restart.is_some() {
            self.tell_monitor(&record, &config, &live)?;
        }
        Ok(())
    }

    /// Tells the monitor of an active container of a new restart policy or name.
    pub(super) fn tell_monitor(&self, record: &Record, config: &ContainerConfig, live: &Live) -> Result<()> {
        // All else is as it was started with: what the container or the host has become since does not matter.
        let before: Option<MonitorConfig> = files::read_json(&record.path("monitor.json"))?;
        let before = before.map_or_else(|| self.monitor_config(record, config), Ok)?;
        let monitor = MonitorConfig { restart: config.host.restart, events: self.subject(config), ..before };
        files::write_json(&record.path("monitor.json"), &monitor, Durability::Volatile)?;
        // A lost monitor restarts nothing and tells nothing, and the next one reads the record.
        if live.monitor_lost {
            return Ok(());
        }
        match self.ask(record, config, MonitorClient::reload) {
            // It ends, and so does its monitor.
            Err(Error::NotRunning(_)) => Ok(()),
            told => told,
        }
    }

    /// Sets the limits of the cgroup, and writes them where the monitor finds them when it starts the container again.
    fn limit(&self, record: &Record, before: &ContainerConfig, config: &ContainerConfig) -> Result<()> {
        let cgroup = self.cgroup_of(record)?;
        let mut limits = self.limits(record, &config.host.resources)?;
        let applied = cgroup.apply(&limits).or_else(|refusal| match cgroup.exists() {
            true => Err(refusal),
            // One that is between two runs has none. It gets it now, or nobody would know what the kernel refuses.
            false => cgroup.create().and_then(|()| cgroup.apply(&limits)),
        });
        if let Err(refusal) = applied {
            // Some limits may have been set before the one that was refused.
            let earlier = self.limits(record, &before.host.resources)?;
            let _ = cgroup.apply(&earlier);
            return Err(cgroup_error(&config.name, refusal));
        }
        let mut spec = record.spec()?;
        if let Some(linux) = spec.linux_mut() {
            limits.set_devices(linux.resources().as_ref().and_then(|resources| resources.devices().clone()));
            linux.set_resources(Some(limits));
        }
        files::write_json(&record.path("spec.json"), &spec, Durability::Volatile)
    }
}

impl Resources {
    /// These limits with some of them changed.
    fn changed_by(&self, change: &Resources) -> Result<Resources> {
        let conflict = match (self, change) {
            (Resources { cpu_period: Some(_), .. }, Resources { nano_cpus: Some(_), .. }) => {
                Some("Nano CPUs cannot be updated as CPU Period has already been set")
            }
            (Resources { cpu_quota: Some(_), .. }, Resources { nano_cpus: Some(_), .. }) => {
                Some("Nano CPUs cannot be updated as CPU Quota has already been set")
            }
            (Resources { nano_cpus: Some(_), .. }, Resources { cpu_period: Some(_), .. }) => {
                Some("CPU Period cannot be updated as NanoCPUs has already been set")
            }
            (Resources { nano_cpus: Some(_), .. }, Resources { cpu_quota: Some(_), .. }) => {
                Some("CPU Quota cannot be updated as NanoCPUs has already been set")
            }
            _ => None,
        };
        if let Some(conflict) = conflict {
            return Err(Error::InvalidOption(format!("Conflicting options: {conflict}")));
        }
        Ok(Resources {
            memory: change.memory.or(self.memory),
            memory_swap: change.memory_swap.or(self.memory_swap),
            memory_reservation: change.memory_reservation.or(self.memory_reservation),
            nano_cpus: change.nano_cpus.or(self.nano_cpus),
            cpu_shares: change.cpu_shares.or(self.cpu_shares),
            cpu_quota: change.cpu_quota.or(self.cpu_quota),
            cpu_period: change.cpu_period.or(self.cpu_period),
            cpu_rt_period: change.cpu_rt_period.or(self.cpu_rt_period),
            cpu_rt_runtime: change.cpu_rt_runtime.or(self.cpu_rt_runtime),
            cpuset_cpus: change.cpuset_cpus.clone().or_else(|| self.cpuset_cpus.clone()),
            cpuset_mems: change.cpuset_mems.clone().or_else(|| self.cpuset_mems.clone()),
            pids_limit: change.pids_limit.or(self.pids_limit),
            blkio_weight: change.blkio_weight.or(self.blkio_weight),
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_stays() {
        let before = Resources { memory: Some(64 << 20), cpu_shares: Some(512), ..Resources::default() };
        let change = Resources { memory: Some(128 << 20), pids_limit: Some(9), ..Resources::default() };
        let after = before.changed_by(&change).unwrap();
        assert_eq!((after.memory, after.cpu_shares, after.pids_limit), (Some(128 << 20), Some(512), Some(9)));
    }

    #[test]
    fn cpus_are_counted_in_one_way() {
        let period = Resources { cpu_period: Some(50_000), ..Resources::default() };
        let cpus = Resources { nano_cpus: Some(500_000_000), ..Resources::default() };
        for (before, change) in [(&period, &cpus), (&cpus, &period)] {
            assert!(before.changed_by(change).unwrap_err().to_string().contains("Conflicting options"));
        }
    }
}
