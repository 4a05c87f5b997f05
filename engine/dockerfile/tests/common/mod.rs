//! What several tests need.

use std::collections::{BTreeMap, BTreeSet};

use porthole_dockerfile::plan::Options;

/// A build for `linux/amd64` that is told nothing else.
pub fn options() -> Options {
    Options {
        build_args: BTreeMap::new(),
        build_platform: "linux/amd64".parse().unwrap(),
        target_platform: "linux/amd64".parse().unwrap(),
        target: None,
        contexts: BTreeSet::new(),
    }
}
