//! Giving memory back: starting a container takes much more than watching it, perhaps for years.

use nix::sys::mman::{MmapAdvise, madvise};
use std::fs;
use std::ops::Range;
use std::ptr::NonNull;

/// Returns to the kernel what only the start needed: free heap, and pages of programs and libraries, which it reads
/// from their files again should they be wanted.
pub(super) fn release() {
    // Whatever fails here, memory stays as it is.
    for range in clean_mappings(&fs::read_to_string("/proc/self/smaps").unwrap_or_default()) {
        let Some(start) = NonNull::new(std::ptr::with_exposed_provenance_mut(range.start)) else { continue };
        // SAFETY: the pages cannot be written and hold nothing but what is in their file, to which they go back.
        let _ = unsafe { madvise(start, range.len(), MmapAdvise::MADV_DONTNEED) };
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The mappings of files that this process cannot write to and never did (`/proc/PID/smaps`, proc(5)). What the dynamic
/// linker relocated and then protected is anonymous memory, of which they have none.
fn clean_mappings(smaps: &str) -> Vec<Range<usize>> {
    let mut clean = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        if let Some(mapping) = parse_mapping(line) {
            candidate = mapping;
        } else if line.strip_prefix("Anonymous:").is_some_and(|size| size.trim() == "0 kB") {
            clean.extend(candidate.take());
        }
    }
    clean
}

/// The first line of a mapping; `Some(None)` for one to leave alone.
fn parse_mapping(line: &str) -> Option<Option<Range<usize>>> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let range = address(start)?..address(end)?;
    let private_and_read_only = matches!(fields.next()?, "r--p" | "r-xp");
    let file = fields.nth(3).is_some_and(|path| path.starts_with('/'));
    Some((private_and_read_only && file).then_some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clean_mappings_of_files_are_found() {
        let mapping =
            |head: &str, anonymous: u32| format!("{head}\nRss: 8 kB\nAnonymous:  {anonymous} kB\nVmFlags: rd\n");
        let smaps = [
            mapping("00400000-00410000 r-xp 00000000 08:01 17   /usr/bin/porthole", 0),
            mapping("00410000-00420000 r--p 00010000 08:01 17   /usr/bin/porthole", 4),
            mapping("00420000-00430000 rw-p 00020000 08:01 17   /usr/bin/porthole", 0),
            mapping("00430000-00440000 rw-p 00000000 00:00 0    [heap]", 0),
            mapping("7f0000000000-7f0000001000 r--p 00000000 08:01 18   /lib/libc.so.6", 0),
            mapping("7fff00000000-7fff00001000 r-xp 00000000 00:00 0    [vdso]", 0),
        ];
        assert_eq!(clean_mappings(&smaps.concat()), [0x400000..0x410000, 0x7f0000000000..0x7f0000001000]);
    }

    #[test]
    fn this_program_goes_on() {
        let before = vec![7u8; 100_000];
        release();
        assert!(before.iter().all(|&byte| byte == 7) && "still".to_uppercase() == "STILL");
    }
}
