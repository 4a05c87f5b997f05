//! The documents of image archives: the first byte says which one the rest is.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((kind, document)) = bytes.split_first() {
        porthole_images::fuzzing::read_document(*kind, document);
    }
});
