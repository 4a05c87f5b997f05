//! libpcap is loaded by the first tap and by nothing before. Alone in its program, because what one test loads stays loaded.

use porthole_capture::{Netns, Session, SessionConfig, TapKind, TapSpec};
use rustix::thread::UnshareFlags;

fn libpcap_is_loaded() -> bool {
    std::fs::read_to_string("/proc/self/maps").unwrap().contains("libpcap")
}

#[test]
fn only_a_tap_loads_libpcap() {
    assert!(!libpcap_is_loaded(), "the program is linked to libpcap");
    // SAFETY: only this thread changes its namespace, and it shares no files with another.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.expect("unshare: this test needs root");
    let up = std::process::Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
    assert!(up.success());
    let tap = TapSpec {
        label: "lo".into(),
        kind: TapKind::Loopback,
        interface: "lo".into(),
        netns: Netns::Host,
        addresses: Vec::new(),
        process: None,
    };
    drop(Session::start(SessionConfig::new(vec![tap], Vec::new(), Netns::Host)).unwrap());
    assert!(libpcap_is_loaded());
}
