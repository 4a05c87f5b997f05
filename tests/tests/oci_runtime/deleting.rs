//! Containers that are deleted by force, and by a pattern of their names.

use crate::bundle::Bundle;
use serde_json::json;
use std::fs;
use std::path::Path;

#[test]
fn who_is_frozen_elsewhere_is_ended_all_the_same() {
    let bundle = Bundle::new(&["sleep", "100"]);
    let freezer = Path::new("/sys/fs/cgroup/freezer");
    if !freezer.join("tasks").exists() {
        return;
    }
    bundle.detached("run -d -b BUNDLE box");
    let pid = bundle.state()["pid"].to_string();
    let frozen = freezer.join(bundle.cgroup()).join("frozen");
    fs::create_dir(&frozen).expect("made");
    fs::write(frozen.join("cgroup.procs"), &pid).expect("moved");
    fs::write(frozen.join("freezer.state"), "FROZEN").expect("frozen");
    bundle.ok("delete -f box");
    assert!(!Path::new("/proc").join(&pid).join("exe").exists(), "process {pid} has not ended");
    fs::remove_dir(&frozen).expect("empty");
}

#[test]
fn a_pattern_deletes_the_containers_whose_names_it_matches() {
    let mut bundle = Bundle::new(&["sleep", "100"]);
    for name in ["web-1", "web-2", "other"] {
        bundle.set("/linux/cgroupsPath", json!(format!("/{}/{name}", bundle.cgroup())));
        bundle.detached(&format!("run -d -b BUNDLE {name}"));
    }
    let told = bundle.fails(1, "delete --regex ^web-");
    assert!(told.contains("not stopped"), "{told}");
    bundle.ok("delete -f --regex ^web-[0-9]$");
    assert_eq!(bundle.ok("list -q"), "other");
    bundle.ok("delete -f -r none");
    assert!(bundle.fails(1, "delete -r (").starts_with("invalid regular expression \"(\""));
    bundle.ok("delete -f -r .");
    assert_eq!(bundle.ok("list -q"), "");
}
