//! Names of images: whatever is taken for one is written back in a form that means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use porthole_images::Reference;

fuzz_target!(|text: &str| {
    let Ok(reference) = text.parse::<Reference>() else { return };
    let canonical = reference.canonical();
    let again: Reference = canonical.parse().expect("the canonical form is a reference");
    assert_eq!(again.canonical(), canonical);
    assert!(again.same_repository(&reference));
    let shown: Reference = reference.to_string().parse().expect("the short form is a reference");
    assert_eq!(shown.canonical(), canonical);
});
