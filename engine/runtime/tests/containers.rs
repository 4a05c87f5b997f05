//! Containers that really run, looked at from inside and from outside. They take root.

mod common;

use common::{Bundle, command, finish, is_root, kill, mount, pipes, read};
use oci_spec::runtime::{
    Capability, LinuxCpuBuilder, LinuxDeviceCgroupBuilder, LinuxDeviceType, LinuxIdMappingBuilder, LinuxMemoryBuilder,
    LinuxNamespaceBuilder, LinuxNamespaceType, LinuxPidsBuilder, LinuxResourcesBuilder, PosixRlimitBuilder,
    PosixRlimitType, UserBuilder,
};
use porthole_runtime::process;
use porthole_runtime::sandbox::{Error, RootSource, Stdio};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

/// One after the other in one thread: `clone3` needs a process with a single thread, and libtest has several.
fn main() {
    common::run_all(&[
        ("it_has_its_own_names_and_processes", it_has_its_own_names_and_processes),
        ("its_exit_code_is_the_commands", its_exit_code_is_the_commands),
        ("commands_that_cannot_run_have_dockers_codes", commands_that_cannot_run_have_dockers_codes),
        ("only_the_standard_descriptors_are_open", only_the_standard_descriptors_are_open),
        ("it_has_dockers_capabilities_and_filter", it_has_dockers_capabilities_and_filter),
        ("a_user_namespace_maps_owners", a_user_namespace_maps_owners),
        (
            "another_user_has_exactly_its_groups_and_no_capabilities",
            another_user_has_exactly_its_groups_and_no_capabilities,
        ),
        ("hostile_ids_never_become_root", hostile_ids_never_become_root),
        ("no_new_privileges_and_a_filter_go_together", no_new_privileges_and_a_filter_go_together),
        ("paths_are_masked_and_protected", paths_are_masked_and_protected),
        (
            "mounts_are_the_specs_in_order_and_nothing_of_the_host",
            mounts_are_the_specs_in_order_and_nothing_of_the_host,
        ),
        ("the_root_can_be_read_only_with_writable_mounts", the_root_can_be_read_only_with_writable_mounts),
        ("binds_can_be_read_only_and_of_single_files", binds_can_be_read_only_and_of_single_files),
        ("links_in_the_image_do_not_lead_out_of_it", links_in_the_image_do_not_lead_out_of_it),
        ("proc_and_sys_must_not_be_links", proc_and_sys_must_not_be_links),
        ("devices_are_dockers_and_the_specs", devices_are_dockers_and_the_specs),
        ("limits_are_in_force", limits_are_in_force),
        ("memory_is_enforced_and_told", memory_is_enforced_and_told),
        ("a_terminal_is_the_containers_own", a_terminal_is_the_containers_own),
        ("commands_join_a_running_container", commands_join_a_running_container),
        ("an_execd_command_can_have_a_terminal", an_execd_command_can_have_a_terminal),
        ("a_container_can_be_frozen_listed_and_killed", a_container_can_be_frozen_listed_and_killed),
        ("what_is_not_started_leaves_nothing", what_is_not_started_leaves_nothing),
        ("a_network_namespace_can_be_given_by_descriptor", a_network_namespace_can_be_given_by_descriptor),
        ("a_working_directory_cannot_be_outside", a_working_directory_cannot_be_outside),
        ("all_capabilities_are_what_the_caller_has", all_capabilities_are_what_the_caller_has),
    ]);
}

fn shell(script: &str) -> Option<Bundle> {
    is_root().then(|| Bundle::new(&["sh", "-c", script]))
}

fn it_has_its_own_names_and_processes() {
    let Some(bundle) = shell("hostname; echo $$; ls -d /proc/[0-9]* | wc -l; cat /proc/self/cgroup") else { return };
    let output = bundle.output();
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[..2], ["inside", "1"]);
    assert!(lines[2].parse::<u32>().unwrap() <= 4, "{output}");
    assert!(lines[3..].iter().all(|line| line.ends_with(":/")), "cgroup namespace: {output}");
}

fn its_exit_code_is_the_commands() {
    let Some(bundle) = shell("exit 7") else { return };
    assert_eq!(bundle.run().unwrap().0, 7);
    drop(bundle);
    assert_eq!(shell("kill -TERM $$; sleep 1").map(|bundle| bundle.run().unwrap().0), Some(0), "init ignores TERM");
    let bundle = shell("sh -c 'kill -9 $$'; exit $?").unwrap();
    assert_eq!(bundle.run().unwrap().0, 137);
}

fn commands_that_cannot_run_have_dockers_codes() {
    if !is_root() {
        return;
    }
    for (name, code, text) in [
        ("no-such", 127, "executable file not found in $PATH"),
        ("/no/such", 127, "no such file"),
        ("/etc/data", 126, "ermission denied"),
        ("/etc", 126, "is a directory"),
    ] {
        let bundle = Bundle::new(&[name]);
        let error = bundle.run().unwrap_err();
        assert_eq!(error.exit_code(), code, "{error}");
        assert!(error.to_string().contains(text), "{error}");
        assert!(!cgroups_of(&bundle.id), "its cgroup is left");
    }
}

fn cgroups_of(id: &str) -> bool {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap().flatten();
    hierarchies.map(|entry| entry.path().join("porthole-test").join(id)).any(|path| path.exists())
}

fn only_the_standard_descriptors_are_open() {
    let Some(bundle) = shell("ls /proc/self/fd | cat; readlink /proc/self/cwd; pwd") else { return };
    let _leak = fs::File::open("/etc/passwd").unwrap();
    // `ls` itself opens the directory as 3.
    assert_eq!(bundle.output(), "0\n1\n2\n3\n/\n/\n");
}

fn it_has_dockers_capabilities_and_filter() {
    let Some(bundle) = shell("grep -E 'Cap|Seccomp:|NoNewPrivs' /proc/self/status") else { return };
    let output: String = bundle.output().split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "CapInh: 0000000000000000",
        "CapPrm: 00000000a80425fb",
        "CapEff: 00000000a80425fb",
        "CapBnd: 00000000a80425fb",
        "CapAmb: 0000000000000000",
        "NoNewPrivs: 0",
        "Seccomp: 2",
    ] {
        assert!(output.contains(expected), "{expected} in {output}");
    }
}

fn a_user_namespace_maps_owners() {
    if !is_root() {
        return;
    }
    let mut bundle =
        Bundle::new(&["sh", "-c", "id -u; stat -c %u /bin/busybox /; touch /made; chown 7 /made; sleep 100"]);
    let mapping = LinuxIdMappingBuilder::default().container_id(0_u32).host_id(100_000_u32).size(65_536_u32);
    let mapping = vec![mapping.build().unwrap()];
    let linux = bundle.spec.linux_mut().as_mut().unwrap();
    linux.set_uid_mappings(Some(mapping.clone())).set_gid_mappings(Some(mapping));
    let users = LinuxNamespaceBuilder::default().typ(LinuxNamespaceType::User).build().unwrap();
    linux.namespaces_mut().as_mut().unwrap().push(users);
    std::os::unix::fs::chown(bundle.upper(), Some(100_000), Some(100_000)).unwrap();
    let hosts = tempfile::NamedTempFile::new().unwrap();
    let bind = mount("/etc/hosts", "bind", hosts.path().to_str().unwrap(), &["rbind", "ro"]);
    bundle.spec.mounts_mut().as_mut().unwrap().push(bind);

    let (stdio, output) = pipes();
    let running = bundle.create(stdio).unwrap().start().unwrap();
    let exec = |args: &[&str]| bundle.exec(&running, &command(args)).unwrap();
    let made = bundle.upper().join("made");
    while !made.exists() || fs::metadata(&made).unwrap().uid() == 100_000 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(fs::metadata(&made).unwrap().uid(), 100_007);
    assert_eq!(exec(&["id", "-u"]), (0, "0\n".into()));
    assert_eq!(exec(&["stat", "-c", "%u", "/bin/busybox", "/made", "/etc/hosts"]), (0, "0\n7\n65534\n".into()));
    assert_ne!(exec(&["touch", "/etc/hosts"]).0, 0);
    assert_eq!(exec(&["sh", "-c", "mount -t tmpfs x /bin"]).0, 1, "no capability beyond the default ones");
    kill(running);
    assert_eq!(read(output), "0\n0\n0\n");
}

fn another_user_has_exactly_its_groups_and_no_capabilities() {
    let Some(mut bundle) =
        shell("id; grep CapEff /proc/self/status; echo fine > /dev/stdout; touch made; stat -c %a made")
    else {
        return;
    };
    bundle.process(|process| {
        let user = UserBuilder::default().uid(1000_u32).gid(1001_u32).additional_gids([7, 9]).umask(0o077_u32);
        process.set_user(user.build().unwrap()).set_cwd("/tmp/new".into());
    });
    let lower = match &bundle.root {
        RootSource::Overlay { lower, .. } => lower[0].join("tmp/new"),
        RootSource::Directory(_) => unreachable!("bundles are overlays"),
    };
    fs::create_dir_all(&lower).unwrap();
    fs::set_permissions(&lower, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let output = bundle.output();
    assert!(output.contains("uid=1000 gid=1001 groups=7,9"), "{output}");
    assert!(output.contains("CapEff:\t0000000000000000"), "{output}");
    assert!(output.contains("fine\n600"), "{output}");
}

fn hostile_ids_never_become_root() {
    let Some(mut bundle) = shell("id") else { return };
    bundle.process(|process| {
        process.set_user(UserBuilder::default().uid(u32::MAX).gid(0_u32).build().unwrap());
    });
    assert!(bundle.run().unwrap_err().to_string().contains("not a user"));
}

fn no_new_privileges_and_a_filter_go_together() {
    let Some(mut bundle) = shell("grep -E 'Seccomp:|NoNewPrivs' /proc/self/status") else { return };
    bundle.process(|process| {
        process
            .set_no_new_privileges(Some(true))
            .set_user(UserBuilder::default().uid(5_u32).gid(5_u32).build().unwrap());
    });
    assert_eq!(bundle.output(), "NoNewPrivs:\t1\nSeccomp:\t2\n");
}

fn paths_are_masked_and_protected() {
    let script = "cat /proc/uptime | wc -c; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/domainname; \
                  stat -c %t:%T /proc/keys; ls -d /proc/scsi >/dev/null 2>&1 && ls /proc/scsi; touch /sys/x";
    let Some(bundle) = shell(script) else { return };
    let (_, output) = bundle.run().unwrap();
    assert!(output.starts_with("0\n0\n"), "{output}");
    assert!(output.contains("/proc/sys/kernel/domainname: Read-only"), "{output}");
    assert!(output.contains("1:3\n"), "{output}");
    assert!(output.contains("/sys/x: Read-only"), "{output}");
}

fn mounts_are_the_specs_in_order_and_nothing_of_the_host() {
    let Some(bundle) = shell("cat /proc/mounts") else { return };
    let output = bundle.output();
    let mounts: Vec<_> = output.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    let first = ["/", "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup"];
    assert_eq!(mounts[..6], first, "{output}");
    assert!(output.contains("devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666"), "{output}");
    assert!(output.contains("tmpfs rw,nosuid,size=65536k,mode=755") || output.contains("tmpfs rw,nosuid,"), "{output}");
    assert!(!output.contains("/dev/vda"), "{output}");
    let own = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!own.contains("overlay"), "a mount of the container is in the host's namespace");
}

fn the_root_can_be_read_only_with_writable_mounts() {
    let Some(mut bundle) = shell("touch /x; touch /dev/shm/y && echo shm; touch /work/z && echo work") else { return };
    bundle.spec.root_mut().as_mut().unwrap().set_readonly(Some(true));
    let volume = tempfile::tempdir().unwrap();
    let source = volume.path().to_str().unwrap().to_owned();
    bundle.spec.mounts_mut().as_mut().unwrap().push(mount("/work", "bind", &source, &["rbind", "rw", "rprivate"]));
    let output = bundle.output();
    assert!(output.contains("/x: Read-only file system"), "{output}");
    assert!(output.ends_with("shm\nwork\n"), "{output}");
    assert!(volume.path().join("z").exists());
}

fn binds_can_be_read_only_and_of_single_files() {
    let Some(mut bundle) = shell("cat /etc/hosts; echo no > /etc/hosts; echo no > /data/f") else { return };
    let volume = tempfile::tempdir().unwrap();
    fs::write(volume.path().join("f"), "yes\n").unwrap();
    let source = volume.path().to_str().unwrap().to_owned();
    let file = format!("{source}/f");
    let mounts = bundle.spec.mounts_mut().as_mut().unwrap();
    mounts.push(mount("/etc/hosts", "bind", &file, &["rbind", "ro", "rprivate"]));
    mounts.push(mount("/data", "bind", &source, &["rbind", "rro", "rprivate"]));
    let (_, output) = bundle.run().unwrap();
    assert_eq!(output.matches("Read-only").count(), 2, "{output}");
    assert!(output.starts_with("yes\n"), "{output}");
    assert_eq!(fs::read_to_string(volume.path().join("f")).unwrap(), "yes\n");
}

fn links_in_the_image_do_not_lead_out_of_it() {
    let Some(mut bundle) = shell("ls /dev/null && ls /vol/made") else { return };
    let outside = tempfile::tempdir().unwrap();
    let RootSource::Overlay { lower, .. } = &bundle.root else { unreachable!("bundles are overlays") };
    // As they would lead if they were resolved on the host.
    symlink(outside.path(), lower[0].join("dev")).unwrap();
    symlink("../../../../..", lower[0].join("up")).unwrap();
    fs::create_dir_all(lower[0].join(outside.path().strip_prefix("/").unwrap())).unwrap();
    symlink("/up/vol", lower[0].join("link")).unwrap();
    fs::create_dir(lower[0].join("vol")).unwrap();
    let mounts = bundle.spec.mounts_mut().as_mut().unwrap();
    mounts.push(mount("/link/made", "tmpfs", "tmpfs", &[]));
    bundle.output();
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

fn proc_and_sys_must_not_be_links() {
    let Some(bundle) = shell("true") else { return };
    let RootSource::Overlay { lower, .. } = &bundle.root else { unreachable!("bundles are overlays") };
    fs::create_dir(lower[0].join("elsewhere")).unwrap();
    symlink("elsewhere", lower[0].join("sys")).unwrap();
    let error = bundle.run().unwrap_err();
    assert!(error.to_string().contains("/sys") && error.to_string().contains("symbolic link"), "{error}");
}

fn devices_are_dockers_and_the_specs() {
    let Some(bundle) = shell(
        "stat -c '%n %t:%T %a' /dev/null /dev/full /dev/tty; readlink /dev/fd; readlink /dev/ptmx; echo x > /dev/null",
    ) else {
        return;
    };
    let output = bundle.output();
    assert_eq!(output, "/dev/null 1:3 666\n/dev/full 1:7 666\n/dev/tty 5:0 666\n/proc/self/fd\npts/ptmx\n");
}

fn limits_are_in_force() {
    let Some(mut bundle) = shell(
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us \
         2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max; ulimit -n; ulimit -Hn; \
         mknod /tmpdev c 1 1; cat /tmpdev | head -c1; mknod /n c 1 3 && echo -n > /n && echo null-works",
    ) else {
        return;
    };
    let device = |allow, minor, access: &str| {
        let builder = LinuxDeviceCgroupBuilder::default().allow(allow).access(access);
        match minor {
            Some(minor) => builder.typ(LinuxDeviceType::C).major(1).minor(minor),
            None => builder.typ(LinuxDeviceType::A),
        }
        .build()
        .unwrap()
    };
    let resources = LinuxResourcesBuilder::default()
        .memory(LinuxMemoryBuilder::default().limit(67_108_864).build().unwrap())
        .pids(LinuxPidsBuilder::default().limit(33).build().unwrap())
        .cpu(LinuxCpuBuilder::default().quota(50_000).period(100_000_u64).shares(512_u64).build().unwrap())
        .devices(vec![device(false, None, "rwm"), device(true, Some(3), "rwm")])
        .build()
        .unwrap();
    bundle.spec.linux_mut().as_mut().unwrap().set_resources(Some(resources));
    let open_files = PosixRlimitBuilder::default()
        .typ(PosixRlimitType::RlimitNofile)
        .soft(512_u64)
        .hard(u64::from(u32::MAX))
        .build()
        .unwrap();
    bundle.process(|process| {
        process.set_rlimits(Some(vec![open_files]));
    });
    let (_, output) = bundle.run().unwrap();
    assert!(output.starts_with("67108864\n33\n50000"), "{output}");
    assert!(output.contains("\n512\n"), "clamped, not refused: {output}");
    assert!(output.contains("cat: can't open '/tmpdev': Operation not permitted"), "{output}");
    assert!(output.ends_with("null-works\n"), "{output}");
}

fn memory_is_enforced_and_told() {
    let Some(mut bundle) =
        shell("head -c 100000000 /dev/zero | wc -l; x=$(cat /dev/zero | head -c 60000000 | tr '\\0' x); true")
    else {
        return;
    };
    let memory = LinuxMemoryBuilder::default().limit(8 << 20).swap(8 << 20).build().unwrap();
    let resources = LinuxResourcesBuilder::default().memory(memory).build().unwrap();
    bundle.spec.linux_mut().as_mut().unwrap().set_resources(Some(resources));
    bundle.process(|process| {
        process.set_args(Some(
            ["busybox", "sh", "-c", "x=$(busybox yes | busybox head -c 60000000); echo done"]
                .map(str::to_owned)
                .to_vec(),
        ));
    });
    let (stdio, output) = pipes();
    let running = bundle.create(stdio).unwrap().start().unwrap();
    let text = read(output);
    process::wait_ended(running.pidfd.as_fd(), None).unwrap();
    assert!(running.cgroup.oom_kills().unwrap() > 0, "{text}");
    assert_eq!(finish(running), 137, "{text}");
}

fn a_terminal_is_the_containers_own() {
    let Some(bundle) = shell("tty; stty size; ls /dev/pts | cat; stat -c %t:%T /dev/console; echo -n ok > /dev/tty")
    else {
        return;
    };
    let mut created = bundle.create(Stdio::Terminal { columns: 101, rows: 31, carriage_returns: true }).unwrap();
    created.ready().unwrap();
    let master = created.terminal.take().unwrap();
    let running = created.start().unwrap();
    let output = read(master);
    assert_eq!(finish(running), 0, "{output}");
    assert_eq!(output, "/dev/pts/0\r\n31 101\r\n0\r\nptmx\r\n88:0\r\nok", "{output}");
}

fn commands_join_a_running_container() {
    if !is_root() {
        return;
    }
    let (bundle, running) = Bundle::sleeper();
    let script = "hostname; echo $$; grep -E 'CapEff|Seccomp:' /proc/self/status; cat /proc/self/cgroup | grep -v ':/$' | wc -l; ls /proc/self/fd | wc -l; readlink /proc/1/exe";
    let (code, output) = bundle.exec(&running, &command(&["sh", "-c", script])).unwrap();
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(code, 0, "{output}");
    assert_eq!(lines[0], "inside");
    assert!(lines[1].parse::<i32>().unwrap() > 1);
    assert_eq!(lines[2..], ["CapEff:\t00000000a80425fb", "Seccomp:\t2", "0", "4", "/bin/busybox"]);
    assert_eq!(bundle.exec(&running, &command(&["sh", "-c", "exit 9"])).unwrap().0, 9);
    for (name, code) in [("no-such", 127), ("/etc/data", 126)] {
        assert_eq!(bundle.exec(&running, &command(&[name])).unwrap_err().exit_code(), code);
    }
    kill(running);
}

fn an_execd_command_can_have_a_terminal() {
    if !is_root() {
        return;
    }
    let (bundle, running) = Bundle::sleeper();
    let process = command(&["sh", "-c", "tty; stty size"]);
    let exec = bundle
        .exec_with(&running, &process, Stdio::Terminal { columns: 90, rows: 20, carriage_returns: true })
        .unwrap();
    assert_eq!(read(exec.terminal.unwrap()), "/dev/pts/0\r\n20 90\r\n");
    assert_eq!(process::reap(exec.pidfd.as_fd()).unwrap(), 0);
    kill(running);
}

fn a_container_can_be_frozen_listed_and_killed() {
    if !is_root() {
        return;
    }
    let (_bundle, running) = Bundle::sleeper();
    assert_eq!(running.cgroup.processes().unwrap(), [running.init.pid]);
    running.cgroup.freeze().unwrap();
    assert!(running.cgroup.is_frozen().unwrap());
    running.cgroup.thaw().unwrap();
    assert!(!running.cgroup.is_frozen().unwrap());
    let stats = running.cgroup.stats().unwrap();
    assert!(stats.memory > 0 && stats.pids == 1 && stats.memory_limit.is_none(), "{stats:?}");
    running.cgroup.freeze().unwrap();
    kill(running);
}

fn what_is_not_started_leaves_nothing() {
    if !is_root() {
        return;
    }
    let bundle = Bundle::new(&["true"]);
    let mut created = bundle.create(pipes().0).unwrap();
    let init = created.init;
    assert!(init.is_alive());
    created.ready().unwrap();
    drop(created);
    assert!(!init.is_alive() && !cgroups_of(&bundle.id));
    assert!(!PathBuf::from(format!("/proc/{}", init.pid)).exists());
}

fn a_network_namespace_can_be_given_by_descriptor() {
    let Some(mut bundle) = shell("readlink /proc/self/ns/net; cat /proc/net/dev | grep -c :") else { return };
    let holder = std::process::Command::new("unshare").args(["-n", "sleep", "100"]).spawn();
    let mut holder = holder.unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    let namespace = fs::File::open(format!("/proc/{}/ns/net", holder.id())).unwrap();
    let inode = namespace.metadata().unwrap().ino();
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&namespace));
    for entry in bundle.spec.linux_mut().as_mut().unwrap().namespaces_mut().iter_mut().flatten() {
        if entry.typ() == LinuxNamespaceType::Network {
            entry.set_path(Some(path.clone().into()));
        }
    }
    let before = fs::read_link("/proc/thread-self/ns/net").unwrap();
    let result = bundle.run();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(result.unwrap(), (0, format!("net:[{inode}]\n1\n")));
    assert_eq!(fs::read_link("/proc/thread-self/ns/net").unwrap(), before);
}

fn a_working_directory_cannot_be_outside() {
    let Some(mut bundle) = shell("pwd") else { return };
    let _leak = fs::File::open("/").unwrap();
    for number in 3..12 {
        bundle.process(|process| {
            process.set_cwd(format!("/proc/self/fd/{number}").into());
        });
        let result = bundle.run();
        assert!(matches!(result, Err(Error::Reported { exit_code: 125, .. })), "{number}: {result:?}");
    }
    bundle.process(|process| {
        process.set_cwd("/made/by/us".into());
    });
    assert_eq!(bundle.output(), "/made/by/us\n");
    assert!(bundle.upper().join("made/by/us").is_dir());
}

fn all_capabilities_are_what_the_caller_has() {
    let Some(mut bundle) = shell("grep CapEff /proc/self/status; grep CapBnd /proc/self/status") else { return };
    let own = fs::read_to_string("/proc/self/status").unwrap();
    let effective = own.lines().find(|line| line.starts_with("CapEff")).unwrap().to_owned();
    let all: std::collections::HashSet<Capability> = common::default_capabilities()
        .into_iter()
        .chain([Capability::SysAdmin, Capability::SysResource, Capability::NetAdmin])
        .collect();
    bundle.process(|process| {
        let mut sets = process.capabilities().clone().unwrap();
        sets.set_bounding(Some(all.clone())).set_effective(Some(all.clone())).set_permitted(Some(all));
        process.set_capabilities(Some(sets));
    });
    let bits = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
    let output = bundle.output();
    let wanted = 0xa804_25fb | 1 << 21 | 1 << 24 | 1 << 12;
    assert_eq!(bits(output.lines().next().unwrap()), wanted & bits(&effective));
}
