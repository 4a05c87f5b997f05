//! Dockerfiles: whatever is taken for one is parsed, planned, evaluated and checked to the end.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use libfuzzer_sys::fuzz_target;
use porthole_dockerfile::lint::{Options, check};
use porthole_dockerfile::plan;

fuzz_target!(|bytes: &[u8]| {
    let build = plan::Options {
        build_args: BTreeMap::from([("given".to_owned(), "a b".to_owned())]),
        build_platform: "linux/amd64".parse().expect("a platform"),
        target_platform: "linux/arm/v6".parse().expect("a platform"),
        target: None,
        contexts: BTreeSet::from(["context".to_owned()]),
    };
    let options = Options::of(bytes).unwrap_or_default();
    check(bytes, options, &build, None, &|_| None);
});
