//! Which attributes a bind mount has (mount(8), "Bind mount operation").

use crate::bundle::Bundle;
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

#[track_caller]
fn tool(line: &str) {
    let mut words = line.split(' ');
    let status = Command::new(words.next().expect("a word")).args(words).status();
    assert!(status.expect("executed").success(), "{line}");
}

/// A file system of the host's with attributes of its own, and what a container shows of those of its bind mount.
struct Source(Bundle);

impl Source {
    fn new(attributes: &str) -> Source {
        let mut bundle = Bundle::new(&["grep", " /tmp ", "/proc/mounts"]);
        let source = bundle.host.path("source");
        fs::create_dir(&source).expect("made");
        tool(&format!("mount -t tmpfs tmpfs {}", source.display()));
        tool(&format!("mount --bind -o remount,{attributes} {}", source.display()));
        bundle.push("/mounts", json!({ "destination": "/tmp", "source": source, "type": "bind" }));
        Source(bundle)
    }

    fn bind(&mut self, options: &str) {
        let options: Vec<_> = options.split(',').collect();
        let mounts = self.0.config["mounts"].as_array_mut();
        mounts.and_then(|mounts| mounts.last_mut()).expect("there")["options"] = json!(options);
        self.0.save();
    }

    /// The attributes of the mount with these options.
    #[track_caller]
    fn bound(&mut self, options: &str) -> Vec<String> {
        self.bind(options);
        let line = self.0.output();
        line.split(' ').nth(3).expect("options").split(',').map(str::to_owned).collect()
    }

    fn in_user_namespace(&mut self) {
        let mapping = json!([{ "containerID": 0, "hostID": 100_000, "size": 1000 }]);
        self.0.set("/linux/uidMappings", mapping.clone());
        self.0.set("/linux/gidMappings", mapping);
        self.0.push("/linux/namespaces", json!({ "type": "user" }));
        tool(&format!("chmod 755 {}", self.0.host.root().display()));
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        tool(&format!("umount {}", self.0.host.path("source").display()));
    }
}

fn has(attributes: &[String], names: &str) -> bool {
    names.split(',').all(|name| attributes.iter().any(|attribute| attribute == name))
}

#[test]
fn a_bind_mount_has_the_attributes_of_its_list_alone() {
    let mut source = Source::new("ro,nosuid,nodev,noexec,noatime");
    assert!(has(&source.bound("bind"), "ro,nosuid,nodev,noexec,noatime"));
    let plain = source.bound("bind,dev");
    assert!(
        has(&plain, "rw,noatime") && !["nosuid", "nodev", "noexec"].iter().any(|name| has(&plain, name)),
        "{plain:?}"
    );
    assert!(has(&source.bound("bind,ro,relatime"), "ro,relatime"));
}

#[test]
fn a_user_namespace_keeps_the_attributes_of_the_hosts_mounts() {
    let mut source = Source::new("ro,nosuid,nodev");
    source.in_user_namespace();
    assert!(has(&source.bound("bind,noexec"), "ro,nosuid,nodev,noexec"));
    source.bind("bind,rw");
    let told = source.0.fails(1, "run -b BUNDLE box");
    assert!(
        told.starts_with("error mounting ") && told.ends_with("cannot set its options: operation not permitted"),
        "{told}"
    );
}

#[test]
fn links_at_the_ends_of_a_bind_mount_are_followed_unless_it_is_said() {
    let mut bundle = Bundle::new(&["true"]);
    let (file, link) = (bundle.host.path("file"), bundle.host.path("link"));
    fs::write(&file, "content").expect("written");
    symlink(&file, &link).expect("linked");
    symlink("made/here", bundle.path("rootfs/to-be")).expect("linked");
    symlink("nowhere", bundle.path("rootfs/covered")).expect("linked");
    for (destination, options) in [
        ("/to-be", json!(["bind"])),
        ("/covered", json!(["bind", "src-nofollow", "dest-nofollow"])),
        ("/copy", json!(["bind", "copy-symlink"])),
    ] {
        bundle.push("/mounts", json!({ "destination": destination, "source": link, "options": options }));
    }
    let told =
        bundle.shell("cat /made/here; echo; readlink /covered; readlink /copy; grep -c ' /copy ' /proc/mounts || true");
    let link = file.display();
    assert_eq!(told, format!("content\n{link}\n{link}\n0"));
}
