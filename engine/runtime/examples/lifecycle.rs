//! Measures a container's life, create + start + wait + remove, and an exec, without network set-up:
//! `cargo run --release --example lifecycle -- RUNS`, as root.

#[path = "../tests/common/mod.rs"]
#[allow(dead_code)]
mod common;

use common::{Bundle, command, pipes};
use porthole_runtime::capabilities::CapabilitySet;
use porthole_runtime::process;
use porthole_runtime::seccomp::Filter;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

fn main() {
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(200);
    let bundle = Bundle::new(&["true"]);
    let mut steps: [(&str, Vec<Duration>); 7] =
        ["create", "ready", "start", "exit", "remove cgroup", "all", "exec + exit"].map(|name| (name, Vec::new()));
    for _ in 0..runs {
        let begin = Instant::now();
        let mut last = begin;
        let mut times = Vec::new();
        let mut lap = || times.push(std::mem::replace(&mut last, Instant::now()).elapsed());
        let mut created = bundle.create(pipes().0).unwrap();
        lap();
        created.ready().unwrap();
        lap();
        let running = created.start().unwrap();
        lap();
        process::reap(running.pidfd.as_fd()).unwrap();
        lap();
        running.cgroup.remove().unwrap();
        lap();
        times.push(begin.elapsed());
        for (step, time) in steps.iter_mut().zip(times) {
            step.1.push(time);
        }
    }
    let (bundle, running) = Bundle::sleeper();
    for _ in 0..runs {
        let begin = Instant::now();
        let exec = bundle.exec_with(&running, &command(&["true"]), pipes().0).unwrap();
        process::reap(exec.pidfd.as_fd()).unwrap();
        steps[6].1.push(begin.elapsed());
    }
    common::kill(running);
    println!("{:<16}{:>10}{:>10}{:>10}", "step", "min", "median", "p95");
    for (name, mut times) in steps {
        times.sort();
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_micros();
        println!("{name:<16}{:>7} µs{:>7} µs{:>7} µs", at(0.0), at(0.5), at(0.95));
    }
    let compile = |_| {
        let begin = Instant::now();
        std::hint::black_box(Filter::default_for(std::hint::black_box(DOCKERS)));
        begin.elapsed()
    };
    let fastest = (0..1000).map(compile).min().unwrap_or_default();
    println!("the default filter is compiled in {} µs", fastest.as_micros());
}

/// Docker's default capabilities.
const DOCKERS: CapabilitySet = CapabilitySet::from_bits(0xa804_25fb);
