//! Where the last records begin, found from the end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const BLOCK: usize = 64 * 1024;

/// Where a reader has to start in one file to see the records asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// At this offset; older files are not needed.
    Here(u64),
    /// At the beginning, and so many records are still missing.
    Older(u64),
}

/// Looks for the start of the last `count` records of `file`.
pub(super) fn start_of_last(file: &File, count: u64) -> io::Result<Start> {
    let size = file.metadata()?.len();
    if count == 0 {
        return Ok(Start::Here(size));
    }
    let mut block = vec![0; BLOCK];
    let (mut end, mut missing) = (size, count);
    while end > 0 {
        let begin = end.saturating_sub(BLOCK as u64);
        let part = &mut block[..(end - begin) as usize];
        file.read_exact_at(part, begin)?;
        for newline in memchr::memrchr_iter(b'\n', part).map(|at| begin + at as u64) {
            // The newline at the very end closes the last record, it does not begin one.
            if newline + 1 == size {
                continue;
            }
            missing -= 1;
            if missing == 0 {
                return Ok(Start::Here(newline + 1));
            }
        }
        end = begin;
    }
    // The first record has no newline before it.
    let missing = missing - u64::from(size > 0);
    Ok(match missing {
        0 => Start::Here(0),
        _ => Start::Older(missing),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(text: &str) -> File {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        file
    }

    #[test]
    fn counts_from_the_end() {
        let three = file("one\ntwo\nthree\n");
        let expected =
            [(0, Start::Here(14)), (1, Start::Here(8)), (2, Start::Here(4)), (3, Start::Here(0)), (5, Start::Older(2))];
        for (count, start) in expected {
            assert_eq!(start_of_last(&three, count).expect("readable"), start);
        }
        assert_eq!(start_of_last(&file(""), 3).expect("readable"), Start::Older(3));
    }

    #[test]
    fn crosses_blocks() {
        let line = format!("{}\n", "x".repeat(999));
        let long = file(&line.repeat(1000));
        assert_eq!(start_of_last(&long, 900).expect("readable"), Start::Here(100_000));
    }
}
