//! Names on user-defined networks: what the engine tells the monitor, and how the monitor serves them.

use super::resolution::Resolution;
use crate::error::{Error, Result};
use porthole_network::dns::resolv_conf::{self, Overrides};
use porthole_network::dns::{DnsConfig, DnsNetwork, Link, Server};
use porthole_runtime::monitor::{self, MonitorConfig, service};
use porthole_runtime::process::ProcessId;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Tells the monitor of the container in `directory` which names the container can ask for, and the container where to ask.
/// `networks` are its user-defined ones, in the order in which they count, `links` the names that others have for it alone;
/// without a network it has the resolvers of the host, and `resolv.conf` is left alone.
///
/// To be called before the container's program runs; or later, before [`MonitorClient::reload`].
///
/// [`MonitorClient::reload`]: porthole_runtime::client::MonitorClient::reload
pub(super) fn write_dns(directory: &Path, asked: &Resolution, networks: &[DnsNetwork], links: &[Link]) -> Result<()> {
    if networks.is_empty() {
        return Ok(DnsConfig::remove(directory)?);
    }
    let dns = DnsConfig { networks: networks.into(), servers: asked.servers.clone(), links: links.into() };
    dns.write(directory)?;
    let host = resolv_conf::host().map_err(|source| Error::file("/etc/resolv.conf", source))?;
    let asked = Overrides { servers: &asked.servers, search: &asked.search, options: &asked.options };
    super::start::write_in_place(&directory.join("resolv.conf"), &resolv_conf::resolv_conf(&host, asked))
}

/// Runs the monitor of the container in `directory` (see [`monitor::main`]), with a resolver if the container is on a user-defined
/// network.
pub fn monitor(directory: &Path) -> ExitCode {
    monitor::main(directory, begin)
}

fn begin(config: &MonitorConfig, init: ProcessId) -> io::Result<service::Optional> {
    let Some(dns) = DnsConfig::read(&config.directory).map_err(io::Error::other)? else { return Ok(None) };
    let netns = File::open(format!("/proc/{}/ns/net", init.pid))?;
    let server = Server::open(netns.as_fd(), dns).map_err(io::Error::other)?;
    Ok(Some(Box::new(NamesService { directory: config.directory.clone(), server })))
}

/// The resolver of one run of a container.
struct NamesService {
    /// The container's.
    directory: PathBuf,
    server: Server,
}

impl AsFd for NamesService {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.server.as_fd()
    }
}

impl service::Service for NamesService {
    fn due(&self) -> Option<Instant> {
        self.server.due()
    }

    fn serve(&mut self) {
        self.server.serve();
    }

    /// A container that has left all its networks knows no names any more.
    fn reload(&mut self) -> io::Result<()> {
        let config = DnsConfig::read(&self.directory).map_err(io::Error::other)?;
        self.server.reconfigure(config.unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_container_is_told_where_to_ask_and_its_monitor_what_to_answer() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let network = DnsNetwork { name: "mynet".into(), directory: "/networks/mynet".into(), internal: false };
        let link = Link { alias: "db".into(), container: "f".repeat(64) };
        let asked = Resolution { servers: vec!["1.1.1.1".parse().unwrap()], ..Resolution::default() };
        write_dns(directory, &asked, std::slice::from_ref(&network), std::slice::from_ref(&link)).unwrap();
        let told = DnsConfig { networks: vec![network], servers: asked.servers.clone(), links: vec![link] };
        assert_eq!(DnsConfig::read(directory).unwrap(), Some(told));
        let text = fs::read_to_string(directory.join("resolv.conf")).unwrap();
        assert!(text.contains("\nnameserver 127.0.0.11\n") && text.contains("\n# ExtServers: [1.1.1.1]\n"), "{text}");
        // On the default bridge it has the resolvers that were written for that.
        write_dns(directory, &asked, &[], &[]).unwrap();
        assert_eq!(DnsConfig::read(directory).unwrap(), None);
        assert_eq!(fs::read_to_string(directory.join("resolv.conf")).unwrap(), text);
    }
}
