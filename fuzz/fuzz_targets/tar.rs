//! Tar archives: reading one ends, however it is made, and never shows more data than a member has.
#![no_main]

use libfuzzer_sys::fuzz_target;

const BLOCK: usize = 512;

fuzz_target!(|bytes: &[u8]| {
    let mut archive = bytes.to_vec();
    seal(&mut archive);
    porthole_images::fuzzing::read_tar(&archive);
});

/// Gives each header the right checksum, which a fuzzer would hardly guess.
fn seal(archive: &mut [u8]) {
    let mut at = 0;
    while let Some(header) = archive.get_mut(at..at + BLOCK) {
        let sum: u32 = header
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = header[124..135].iter().take_while(|digit| matches!(digit, b'0'..=b'7'));
        let size = size.fold(0usize, |size, digit| size.wrapping_mul(8).wrapping_add(usize::from(digit - b'0')));
        at = at.saturating_add(BLOCK).saturating_add(size.div_ceil(BLOCK).saturating_mul(BLOCK)).min(archive.len());
    }
}
