//! What a container may do, what it shares, and how it finds other hosts: the flags of `run` and `create`, and their reading.

use clap::Args;
use porthole_engine::{Confinement, HostAddress, Namespaces, Resolution};

// Kernel parameters, devices, groups, privileges.
#[derive(Debug, Default, Args)]
pub struct ConfinementArgs {
    /// Sysctl options
    #[arg(long, value_name = "NAME=VALUE")]
    pub sysctl: Vec<String>,
    /// Add a host device to the container
    #[arg(long, value_name = "HOST[:CONTAINER[:PERMISSIONS]]")]
    pub device: Vec<String>,
    /// Add a rule to the cgroup allowed devices list
    #[arg(long, value_name = "TYPE MAJOR:MINOR PERMISSIONS")]
    pub device_cgroup_rule: Vec<String>,
    /// Add additional groups to join
    #[arg(long, value_name = "GROUP")]
    pub group_add: Vec<String>,
    /// Security options
    #[arg(long, value_name = "no-new-privileges|seccomp=FILE|seccomp=unconfined")]
    pub security_opt: Vec<String>,
}

// Namespaces that are shared.
#[derive(Debug, Default, Args)]
pub struct NamespaceArgs {
    /// PID namespace to use
    #[arg(long, value_name = "host|container:NAME")]
    pub pid: Option<String>,
    /// IPC mode to use
    #[arg(long, value_name = "none|private|shareable|host|container:NAME")]
    pub ipc: Option<String>,
    /// UTS namespace to use
    #[arg(long, value_name = "host")]
    pub uts: Option<String>,
    /// User namespace to use
    #[arg(long, value_name = "host|remap[:USER]", default_value = "", hide_default_value = true)]
    pub userns: String,
    /// Cgroup namespace to use
    #[arg(long, value_name = "host|private")]
    pub cgroupns: Option<String>,
}

// Hosts and resolvers.
#[derive(Debug, Default, Args)]
pub struct ResolutionArgs {
    /// Add a custom host-to-IP mapping
    #[arg(long, value_name = "HOST:IP|HOST:host-gateway")]
    pub add_host: Vec<String>,
    /// Set custom DNS servers
    #[arg(long, value_name = "IP")]
    pub dns: Vec<String>,
    /// Set custom DNS search domains
    #[arg(long, value_name = "DOMAIN")]
    pub dns_search: Vec<String>,
    /// Set DNS options
    #[arg(long, value_name = "OPTION", visible_alias = "dns-opt")]
    pub dns_option: Vec<String>,
}

impl ConfinementArgs {
    /// Reads the flags.
    pub fn confinement(self) -> Result<Confinement, String> {
        let sysctl = |word: &String| {
            let pair = word.split_once('=').filter(|(name, _)| !name.is_empty());
            let (name, value) = pair.ok_or_else(|| format!("sysctl '{word}' is not of the form NAME=VALUE"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        let mut confinement = Confinement {
            sysctls: self.sysctl.iter().map(sysctl).collect::<Result<_, String>>()?,
            devices: self.device.iter().map(|word| word.parse()).collect::<Result<_, String>>()?,
            device_rules: self.device_cgroup_rule.iter().map(|word| word.parse()).collect::<Result<_, String>>()?,
            groups: self.group_add,
            ..Confinement::default()
        };
        for option in &self.security_opt {
            confinement.add_security_option(option)?;
        }
        Ok(confinement)
    }
}

impl NamespaceArgs {
    /// Reads the flags.
    pub fn namespaces(self) -> Result<Namespaces, String> {
        let is_host = |value: Option<String>, own: &str, invalid: &str| match value.as_deref() {
            None | Some("") => Ok(false),
            Some("host") => Ok(true),
            Some(value) if value == own => Ok(false),
            Some(_) => Err(invalid.to_owned()),
        };
        Ok(Namespaces {
            pid: self.pid.as_deref().unwrap_or_default().parse()?,
            ipc: self.ipc.as_deref().unwrap_or_default().parse()?,
            host_uts: is_host(self.uts, "", "--uts: invalid UTS mode")?,
            host_cgroup: is_host(self.cgroupns, "private", "--cgroupns: invalid CGROUP mode")?,
        })
    }
}

impl ResolutionArgs {
    /// Reads the flags.
    pub fn resolution(self) -> Result<Resolution, String> {
        let server = |word: &String| word.parse().map_err(|_| format!("{word} is not an ip address"));
        for word in self.dns_search.iter().chain(&self.dns_option) {
            if word.is_empty() || word.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(format!("{word:?} is not one word of a resolv.conf"));
            }
        }
        Ok(Resolution {
            hosts: self.add_host.iter().map(|word| HostAddress::of(word)).collect::<Result<_, _>>()?,
            servers: self.dns.iter().map(server).collect::<Result<_, String>>()?,
            search: self.dns_search,
            options: self.dns_option,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use porthole_engine::Seccomp;

    #[test]
    fn security_options_are_read() {
        let read = |word: &str| {
            ConfinementArgs { security_opt: vec![word.to_owned()], ..ConfinementArgs::default() }.confinement()
        };
        assert!(read("no-new-privileges").unwrap().no_new_privileges);
        assert!(read("no-new-privileges:true").unwrap().no_new_privileges);
        assert_eq!(read("seccomp=unconfined").unwrap().seccomp, Seccomp::Unconfined);
        assert!(read("seccomp=/no/such/file").unwrap_err().contains("opening seccomp profile (/no/such/file) failed"));
        for word in ["", "no-new-privileges=maybe", "seccomp", "seccomp=", "apparmor=x"] {
            assert!(read(word).is_err(), "{word}");
        }
    }
}
