//! Ignore files: asked of a path at once, and down the tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use porthole_dockerfile::ignore::{Ignore, Taken};

fuzz_target!(|input: (&[u8], &str)| {
    let (file, path) = input;
    let Ok(ignore) = Ignore::parse(file) else { return };
    let (excluded, _) = ignore.excludes_within(path, &Taken::default());
    assert_eq!(excluded, ignore.excludes(path));
});
