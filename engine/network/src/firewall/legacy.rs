//! The rules of iptables-legacy, which nftables neither shows nor changes: whether they drop what is forwarded (iptables(8),
//! `linux/netfilter_ipv4/ip_tables.h`).

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use std::fs;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

const TABLE: &[u8] = b"filter";
/// `IPT_SO_GET_INFO` and `IPT_SO_GET_ENTRIES`, the same for IPv6.
const GET_INFO: i32 = 64;
const GET_ENTRIES: i32 = 65;
/// Of `struct ipt_getinfo`: a name, the valid hooks, five entry points, five underflows, the number of entries and their size.
const INFO: usize = 84;
const UNDERFLOW_OF_FORWARD: usize = 32 + 4 + 20 + 2 * size_of::<u32>();
const SIZE: usize = 80;
/// Where the entries stand in `struct ipt_get_entries`.
const ENTRIES: usize = 40;
/// Where a standard target's verdict stands, and the one that drops.
const VERDICT: usize = 32;
const DROP: i32 = -1;

/// What differs between the families.
struct Layout {
    /// Where the kernel names the tables in use: asking for one that is not would make it.
    tables: &'static str,
    command: &'static str,
    family: AddressFamily,
    level: i32,
    /// Of an entry: its interfaces, and how far its target and the next entry are.
    interfaces: [usize; 2],
    target: usize,
    next: usize,
}

const LAYOUTS: [Layout; 2] = [
    Layout {
        tables: "/proc/thread-self/net/ip_tables_names",
        command: "iptables-legacy",
        family: AddressFamily::INET,
        level: libc::SOL_IP,
        interfaces: [16, 32],
        target: 88,
        next: 90,
    },
    Layout {
        tables: "/proc/thread-self/net/ip6_tables_names",
        command: "ip6tables-legacy",
        family: AddressFamily::INET6,
        level: libc::SOL_IPV6,
        interfaces: [64, 80],
        target: 140,
        next: 142,
    },
];

/// One line for each family whose chain FORWARD drops by policy and has no rule about the bridge.
pub(super) fn blocked(bridge: &str) -> Vec<String> {
    let blocks = |layout: &&Layout| {
        let in_use =
            fs::read(layout.tables).is_ok_and(|names| names.split(|byte| *byte == b'\n').any(|name| name == TABLE));
        // Whoever cannot look is not told: it is a warning, and the rules are in force whether seen or not.
        in_use && read(layout).is_some_and(|table| table.drops() && !table.knows(bridge))
    };
    let tell = |layout: &Layout| {
        let command = layout.command;
        format!(
            "chain FORWARD of {command} drops forwarded packets by policy: let those of {bridge} pass with \
             `{command} -I FORWARD -i {bridge} -j ACCEPT` and `{command} -I FORWARD -o {bridge} -j ACCEPT`"
        )
    };
    LAYOUTS.iter().filter(blocks).map(tell).collect()
}

/// A table as the kernel gave it.
struct Entries<'a> {
    layout: &'a Layout,
    bytes: Vec<u8>,
    policy: usize,
}

impl Entries<'_> {
    /// Whether the policy of FORWARD drops.
    fn drops(&self) -> bool {
        self.verdict().is_some_and(|verdict| verdict == DROP)
    }

    fn verdict(&self) -> Option<i32> {
        let target = self.policy + usize::from(self.number(self.policy + self.layout.target)?);
        let verdict = self.bytes.get(target + VERDICT..)?.first_chunk()?;
        Some(i32::from_ne_bytes(*verdict))
    }

    /// Whether a rule names an interface.
    fn knows(&self, interface: &str) -> bool {
        let mut at = 0;
        while let Some(next) = self.number(at + self.layout.next).filter(|next| *next > 0) {
            for offset in self.layout.interfaces {
                let name = self.bytes.get(at + offset..at + offset + libc::IFNAMSIZ).unwrap_or_default();
                if name.split(|byte| *byte == 0).next() == Some(interface.as_bytes()) {
                    return true;
                }
            }
            at += usize::from(next);
        }
        false
    }

    fn number(&self, at: usize) -> Option<u16> {
        self.bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
    }
}

fn read(layout: &Layout) -> Option<Entries<'_>> {
    let socket = socket_with(layout.family, SocketType::RAW, SocketFlags::CLOEXEC, Some(ipproto::RAW)).ok()?;
    let mut info = vec![0; INFO];
    info[..TABLE.len()].copy_from_slice(TABLE);
    get(socket.as_fd(), layout.level, GET_INFO, &mut info)?;
    let number = |at: usize| info.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes) as usize);
    let (size, policy) = (number(SIZE)?, number(UNDERFLOW_OF_FORWARD)?);
    let mut entries = vec![0; ENTRIES + size];
    entries[..TABLE.len()].copy_from_slice(TABLE);
    entries[32..36].copy_from_slice(&(size as u32).to_ne_bytes());
    // When somebody changes the table in between, the size is another, and the kernel refuses.
    get(socket.as_fd(), layout.level, GET_ENTRIES, &mut entries)?;
    entries.drain(..ENTRIES);
    Some(Entries { layout, bytes: entries, policy })
}

fn get(socket: BorrowedFd<'_>, level: i32, option: i32, buffer: &mut [u8]) -> Option<()> {
    let mut length = buffer.len() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, which the buffer has.
    let result =
        unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, buffer.as_mut_ptr().cast(), &raw mut length) };
    (result == 0).then_some(())
}
