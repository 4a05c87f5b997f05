//! What a container uses, as `runc events` has it: the kernel's files in runc's names (runc's types/events.go).

use super::error::Result;
use crate::cgroup::Cgroup;
use serde_json::{Map, Value, json};

/// Everything; what a controller that the host does not have would count is left out, or 0.
pub(super) fn of(cgroup: &Cgroup) -> Result<Value> {
    let stats = cgroup.stats()?;
    let memory = memory(cgroup);
    let cache = memory.get("cache").or(memory.get("file")).and_then(Value::as_u64).unwrap_or(0);
    Ok(json!({
        "cpu": cpu(cgroup, stats.cpu.as_nanos() as u64),
        "cpuset": {
            "cpus": list(&text(cgroup, "cpuset", &["cpuset.effective_cpus", "cpuset.cpus.effective"])),
            "mems": list(&text(cgroup, "cpuset", &["cpuset.effective_mems", "cpuset.mems.effective"])),
        },
        "memory": {
            "usage": counter(cgroup, "memory", [
                &["memory.usage_in_bytes", "memory.current"], &["memory.max_usage_in_bytes", "memory.peak"],
                &["memory.failcnt"], &["memory.limit_in_bytes", "memory.max"],
            ]),
            "swap": counter(cgroup, "memory", [
                &["memory.memsw.usage_in_bytes", "memory.swap.current"],
                &["memory.memsw.max_usage_in_bytes", "memory.swap.peak"], &["memory.memsw.failcnt"],
                &["memory.memsw.limit_in_bytes", "memory.swap.max"],
            ]),
            "kernelTCP": counter(cgroup, "memory", [
                &["memory.kmem.tcp.usage_in_bytes"], &["memory.kmem.tcp.max_usage_in_bytes"],
                &["memory.kmem.tcp.failcnt"], &["memory.kmem.tcp.limit_in_bytes"],
            ]),
            "cache": cache,
            "raw": memory,
        },
        "pids": { "current": stats.pids, "limit": stats.pids_limit.unwrap_or(0) },
        "blkio": blkio(cgroup),
        "hugetlb": hugetlb(cgroup),
        "intel_rdt": {},
    }))
}

/// The first of some files that there is: v1's and v2's names for the same.
fn text(cgroup: &Cgroup, controller: &str, files: &[&str]) -> String {
    files.iter().find_map(|file| cgroup.text(controller, file)).unwrap_or_default()
}

/// `max` is no limit.
fn number(text: &str) -> u64 {
    match text.trim() {
        "max" => u64::MAX,
        text => text.parse().unwrap_or(0),
    }
}

/// The lines `name number`.
fn fields(text: &str) -> Map<String, Value> {
    let field = |line: &str| line.split_once(' ').map(|(name, value)| (name.to_owned(), json!(number(value))));
    text.lines().filter_map(field).collect()
}

fn cpu(cgroup: &Cgroup, total: u64) -> Value {
    /// Of a clock tick, in which v1 counts: `USER_HZ` is 100 (time(7)).
    const TICK: u64 = 10_000_000;
    let stat = fields(&text(cgroup, "cpu", &["cpu.stat"]));
    let ticks = fields(&text(cgroup, "cpuacct", &["cpuacct.stat"]));
    let of = |fields: &Map<String, Value>, name: &str| fields.get(name).and_then(Value::as_u64);
    let time = |v1: &str, v2: &str| {
        of(&ticks, v1).map(|ticks| ticks * TICK).or(of(&stat, v2).map(|micros| micros * 1000)).unwrap_or(0)
    };
    let each = cgroup.text("cpuacct", "cpuacct.usage_percpu").unwrap_or_default();
    json!({
        "usage": {
            "total": total,
            "percpu": each.split_whitespace().map(number).collect::<Vec<_>>(),
            "kernel": time("system", "system_usec"),
            "user": time("user", "user_usec"),
        },
        "throttling": {
            "periods": of(&stat, "nr_periods").unwrap_or(0),
            "throttledPeriods": of(&stat, "nr_throttled").unwrap_or(0),
            "throttledTime": of(&stat, "throttled_time").or(of(&stat, "throttled_usec").map(|us| us * 1000)).unwrap_or(0),
        },
    })
}

fn memory(cgroup: &Cgroup) -> Map<String, Value> {
    fields(&text(cgroup, "memory", &["memory.stat"]))
}

/// The files of usage, of its highest, of how often it was refused, and of its limit.
fn counter(cgroup: &Cgroup, controller: &str, [usage, max, failed, limit]: [&[&str]; 4]) -> Value {
    let value = |files| number(&text(cgroup, controller, files));
    json!({ "usage": value(usage), "max": value(max), "failcnt": value(failed), "limit": value(limit) })
}

fn blkio(cgroup: &Cgroup) -> Value {
    let v1 = |file| cgroup.text("blkio", file).map(|text| text.lines().filter_map(v1_entry).collect::<Vec<_>>());
    let v2 = |names: [(&str, &str); 2]| {
        let io = cgroup.text("io", "io.stat").unwrap_or_default();
        io.lines().flat_map(|line| v2_entries(line, names)).collect::<Vec<_>>()
    };
    let bytes = v1("blkio.throttle.io_service_bytes_recursive");
    let served = v1("blkio.throttle.io_serviced_recursive");
    json!({
        "ioServiceBytesRecursive": bytes.unwrap_or_else(|| v2([("Read", "rbytes"), ("Write", "wbytes")])),
        "ioServicedRecursive": served.unwrap_or_else(|| v2([("Read", "rios"), ("Write", "wios")])),
    })
}

fn device(text: &str) -> Option<(u64, u64)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// `8:0 Read 10`.
fn v1_entry(line: &str) -> Option<Value> {
    let mut words = line.split_whitespace();
    let (major, minor) = device(words.next()?)?;
    let (op, value) = (words.next()?, number(words.next()?));
    Some(json!({ "major": major, "minor": minor, "op": op, "value": value }))
}

/// `8:0 rbytes=10 wbytes=20`.
fn v2_entries(line: &str, names: [(&str, &str); 2]) -> Vec<Value> {
    let (first, rest) = line.split_once(' ').unwrap_or_default();
    let Some((major, minor)) = device(first) else { return Vec::new() };
    let value = |name: &str| rest.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).map(number);
    let entry =
        |(op, name)| value(name).map(|value| json!({ "major": major, "minor": minor, "op": op, "value": value }));
    names.into_iter().filter_map(entry).collect()
}

fn hugetlb(cgroup: &Cgroup) -> Map<String, Value> {
    let sizes = cgroup.names("hugetlb").into_iter().filter_map(|name| {
        let size = name.strip_prefix("hugetlb.")?;
        size.strip_suffix(".usage_in_bytes").or(size.strip_suffix(".current")).map(str::to_owned)
    });
    let sizes = sizes.filter(|size| !size.contains("rsvd"));
    let of = |size: String| {
        let file = |name: &str| format!("hugetlb.{size}.{name}");
        let names = ["usage_in_bytes", "current", "max_usage_in_bytes", "failcnt", "limit_in_bytes", "max"].map(file);
        let [usage, current, most, failed, limit, max] = names.each_ref().map(String::as_str);
        let value = counter(cgroup, "hugetlb", [&[usage, current], &[most], &[failed], &[limit, max]]);
        (size, value)
    };
    sizes.map(of).collect()
}

/// The numbers of a list of numbers and ranges (cpuset(7), "List format").
fn list(text: &str) -> Vec<u64> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse::<u64>().ok()?)
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_become_runcs_entries() {
        let entry = json!({ "major": 8, "minor": 0, "op": "Read", "value": 10 });
        assert_eq!(v1_entry("8:0 Read 10"), Some(entry.clone()));
        assert_eq!(v1_entry("Total 10"), None);
        assert_eq!(v2_entries("8:0 rbytes=10 dios=1", [("Read", "rbytes"), ("Write", "wbytes")]), [entry]);
        assert_eq!(list("0-2,7\n"), [0, 1, 2, 7]);
        assert_eq!(fields("cache 5\nodd\nmax max\n")["cache"], 5);
        assert_eq!(number("max\n"), u64::MAX);
    }
}
