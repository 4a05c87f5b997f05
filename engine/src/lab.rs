//! The lab: an image made on the spot, a web server with a published port, and a neighbour to reach it from. It needs
//! neither a network nor a registry.

use crate::HostConfig;
use crate::container::options::CreateOptions;
use crate::container::remove::RemoveOptions;
use crate::container::summary::ContainerSummary;
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_images::{ImportConfig, Reference};
use porthole_network::netns;
use porthole_network::outside::{self, Outside};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::{Duration, Instant};

/// The lab's image.
pub const IMAGE: &str = "lab";
/// The lab's container.
pub const CONTAINER: &str = "web";
/// The port of the host at which it is published.
pub const PORT: u16 = 8088;

const BUSYBOX: &str = "/bin/busybox";
const LABEL: &str = "io.porthole.lab";
const READY: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(5);
const PAGE: &str =
    "<!doctype html>\n<title>porthole</title>\n<h1>It works</h1>\n<p>This page came out of a container.</p>\n";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUP: &str = "root:x:0:\ntty:x:5:\nnobody:x:65534:\n";

/// What of the lab is there.
#[derive(Clone, Debug)]
pub struct Status {
    /// Whether the image is there.
    pub image: bool,
    /// The container, if it is there.
    pub container: Option<ContainerSummary>,
    /// The neighbour, if it is joined.
    pub outside: Option<Outside>,
}

/// What came back for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where the request came from.
    pub from: SocketAddr,
    /// Where it was sent.
    pub to: SocketAddr,
    /// The first line of the answer, `HTTP/1.0 200 OK`.
    pub status: String,
    /// How many bytes came after the headers.
    pub body: usize,
}

impl Engine {
    /// Makes what of the lab is missing.
    pub fn lab_up(&self) -> Result<Status> {
        self.prepare()?;
        self.lab_image()?;
        self.lab_container()?;
        let outside = outside::up(&self.network())?;
        wait_until_ready(&outside)?;
        self.lab_status()
    }

    /// Tells what of the lab is there.
    pub fn lab_status(&self) -> Result<Status> {
        let container = match self.container(CONTAINER) {
            Err(Error::NoSuchContainer(_)) => None,
            container => Some(container?).filter(|container| container.labels.contains_key(LABEL)),
        };
        Ok(Status {
            image: self.images()?.resolve(IMAGE).is_ok(),
            container,
            outside: outside::status(&self.network())?,
        })
    }

    /// Makes one request from the neighbour to the published port.
    pub fn lab_send(&self) -> Result<Answer> {
        let outside = outside::status(&self.network())?.ok_or(Error::NoLab)?;
        request(&outside)
    }

    /// Removes all of the lab.
    pub fn lab_down(&self) -> Result<()> {
        let status = self.lab_status()?;
        if let Some(container) = status.container {
            self.remove(&container.id, RemoveOptions { force: true, volumes: true })?;
        }
        outside::down(&self.network())?;
        if status.image {
            self.remove_image(IMAGE, false)?;
        }
        self.sweep()?;
        self.remove_parent_cgroup()?;
        match self.network().teardown() {
            // Other containers go on using the bridge.
            Err(porthole_network::Error::InUse { .. }) => Ok(()),
            result => Ok(result?),
        }
    }

    fn lab_image(&self) -> Result<()> {
        let store = self.images()?;
        if store.resolve(IMAGE).is_ok() {
            return Ok(());
        }
        let reference: Reference = IMAGE.parse().map_err(porthole_images::Error::from)?;
        let archive = archive()?;
        let config = ImportConfig {
            command: vec!["sh".to_owned()],
            message: "busybox of the host, with all its applets".to_owned(),
            ..ImportConfig::default()
        };
        store.import(&archive[..], Some(&reference), config)?;
        Ok(())
    }

    fn lab_container(&self) -> Result<()> {
        match self.container(CONTAINER) {
            Ok(container) if container.labels.contains_key(LABEL) => return self.start(&container.id).map(drop),
            Ok(container) => return Err(Error::NameInUse { name: CONTAINER.to_owned(), id: container.id }),
            Err(Error::NoSuchContainer(_)) => {}
            Err(error) => return Err(error),
        }
        let words = ["httpd", "-f", "-vv", "-p", "80", "-h", "/www"];
        let options = CreateOptions {
            image: IMAGE.to_owned(),
            name: Some(CONTAINER.to_owned()),
            command: words.map(str::to_owned).into(),
            labels: BTreeMap::from([(LABEL.to_owned(), String::new())]),
            // The server ends on SIGINT; as the first process of its namespace it would never hear SIGTERM.
            stop_signal: Some("KILL".to_owned()),
            host: HostConfig { publish: vec![format!("{PORT}:80")], ..HostConfig::default() },
            ..CreateOptions::default()
        };
        self.run_detached(options).map(drop)
    }
}

/// A root file system of one program with many names.
fn archive() -> Result<Vec<u8>> {
    let program = fs::read(BUSYBOX).map_err(|_| Error::NoBusybox)?;
    let listed = Command::new(BUSYBOX).arg("--list").output().map_err(|_| Error::NoBusybox)?;
    let applets = String::from_utf8_lossy(&listed.stdout).into_owned();
    if !is_static(&program) || applets.is_empty() {
        return Err(Error::NoBusybox);
    }
    build_archive(&program, applets.lines()).map_err(|source| Error::file(BUSYBOX, source))
}

fn build_archive<'a>(program: &[u8], applets: impl Iterator<Item = &'a str>) -> io::Result<Vec<u8>> {
    let mut archive = Archive(tar::Builder::new(Vec::with_capacity(program.len() + (1 << 20))));
    for directory in ["bin", "dev", "etc", "proc", "root", "sys", "var", "www"] {
        archive.directory(directory, 0o755)?;
    }
    archive.directory("tmp", 0o1777)?;
    archive.file("bin/busybox", 0o755, program)?;
    for applet in applets.filter(|applet| *applet != "busybox" && !applet.contains('/')) {
        archive.link(&format!("bin/{applet}"), "busybox")?;
    }
    archive.file("etc/passwd", 0o644, PASSWD.as_bytes())?;
    archive.file("etc/group", 0o644, GROUP.as_bytes())?;
    archive.file("www/index.html", 0o644, PAGE.as_bytes())?;
    archive.0.into_inner()
}

struct Archive(tar::Builder<Vec<u8>>);

impl Archive {
    fn directory(&mut self, path: &str, mode: u32) -> io::Result<()> {
        let mut header = header(tar::EntryType::Directory, mode, 0);
        self.0.append_data(&mut header, path, io::empty())
    }

    fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let mut header = header(tar::EntryType::Regular, mode, content.len() as u64);
        self.0.append_data(&mut header, path, content)
    }

    fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        let mut header = header(tar::EntryType::Symlink, 0o777, 0);
        self.0.append_link(&mut header, path, target)
    }
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header
}

/// Whether an ELF program needs no interpreter: one that does would not run where its libraries are not (elf(5)).
fn is_static(program: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, size: usize| {
        let bytes = program.get(at..at + size)?;
        Some(bytes.iter().rev().fold(0_usize, |value, byte| value << 8 | usize::from(*byte)))
    };
    let is_64_bit_little_endian = program.starts_with(b"\x7fELF\x02\x01");
    let headers = || Some((number(32, 8)?, number(54, 2)?, number(56, 2)?));
    let Some((start, size, count)) = headers().filter(|_| is_64_bit_little_endian) else { return false };
    (0..count).all(|n| number(start + n * size, 4) != Some(PT_INTERP as usize))
}

fn wait_until_ready(outside: &Outside) -> Result<()> {
    let end = Instant::now() + READY;
    loop {
        match in_outside(outside, connect) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > end => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn request(outside: &Outside) -> Result<Answer> {
    in_outside(outside, |host| {
        let mut stream = connect(host)?;
        stream.set_read_timeout(Some(ANSWER))?;
        // One write, so that the request is one packet.
        stream.write_all(format!("GET / HTTP/1.0\r\nHost: {host}:{PORT}\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let text = String::from_utf8_lossy(&answer);
        let body = text.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        let status = text.lines().next().unwrap_or_default().to_owned();
        Ok(Answer { from: stream.local_addr()?, to: stream.peer_addr()?, status, body })
    })
}

fn connect(host: Ipv4Addr) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from((host, PORT)), ANSWER)
}

/// Does something as the neighbour, which knows the host by the address that it is given.
fn in_outside<T: Send>(outside: &Outside, act: impl FnOnce(Ipv4Addr) -> io::Result<T> + Send) -> Result<T> {
    let host = outside.host_address;
    let failed = |source| Error::file(outside.netns_path.clone(), source);
    let namespace = netns::open(&outside.netns_path).map_err(failed)?;
    netns::visit(namespace.as_fd(), || act(host))
        .and_then(|result| result)
        .map_err(|source| Error::LabRequest { to: format!("{host}:{PORT}"), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_has_the_program_under_all_its_names() {
        let bytes = build_archive(b"program", ["sh", "ls", "busybox"].into_iter()).unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned())
            .collect();
        for name in ["bin/busybox", "bin/sh", "bin/ls", "www/index.html", "etc/passwd"] {
            assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
        }
    }

    #[test]
    fn programs_with_an_interpreter_are_not_static() {
        let dynamic = fs::read("/proc/self/exe").unwrap();
        assert!(!is_static(&dynamic));
        assert!(!is_static(b"#!/bin/sh\n"));
    }
}
