//! Docker's rule for cutting a stream into records: lines, and pieces of lines that are too long.

use memchr::memchr;

/// The longest record.
pub(super) const MAX_RECORD: usize = 16 * 1024;

/// Cuts one stream. Holds back the start of a line until its end is known, and never more than one record.
#[derive(Default)]
pub(super) struct Lines {
    held: Vec<u8>,
}

impl Lines {
    /// Gives each record that `bytes` complete to `emit`: a line with its newline, or a piece of 16 KiB without one.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut emit: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            let window = &bytes[..bytes.len().min(MAX_RECORD - self.held.len())];
            let newline = memchr(b'\n', window);
            let (head, rest) = bytes.split_at(newline.map_or(window.len(), |at| at + 1));
            match newline {
                Some(_) if self.held.is_empty() => emit(head),
                Some(_) => {
                    self.held.extend_from_slice(head);
                    emit(&self.held);
                    self.held.clear();
                }
                None => self.hold(head, &mut emit),
            }
            bytes = rest;
        }
    }

    /// The stream has ended: what was held back is a record too.
    pub(super) fn end(&mut self, mut emit: impl FnMut(&[u8])) {
        if !self.held.is_empty() {
            emit(&self.held);
            self.held = Vec::new();
        }
    }

    fn hold(&mut self, bytes: &[u8], emit: &mut impl FnMut(&[u8])) {
        self.held.extend_from_slice(bytes);
        if self.held.len() == MAX_RECORD {
            let cut = character_boundary(&self.held);
            emit(&self.held[..cut]);
            self.held.drain(..cut);
        }
    }
}

/// Where to cut so that no UTF-8 character is torn: before a last one that is incomplete.
fn character_boundary(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let start = bytes[tail..].iter().rposition(|&byte| byte >= 0xc0).map(|at| tail + at);
    match start {
        Some(start) if std::str::from_utf8(&bytes[start..]).is_err_and(|error| error.error_len().is_none()) => start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut records) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.push(chunk, |record| records.push(record.to_vec()));
        }
        lines.end(|record| records.push(record.to_vec()));
        records
    }

    #[test]
    fn lines_are_records_and_the_rest_at_the_end_too() {
        assert_eq!(cut(&[b"a\nb", b"c\n\nd"]), [&b"a\n"[..], b"bc\n", b"\n", b"d"]);
        assert!(cut(&[b""]).is_empty());
    }

    #[test]
    fn a_long_line_comes_in_pieces_of_16_kib() {
        let line = [vec![b'x'; MAX_RECORD], b"\nnext\n".to_vec()].concat();
        assert_eq!(cut(&[&line]), [vec![b'x'; MAX_RECORD], b"\n".to_vec(), b"next\n".to_vec()]);
    }

    #[test]
    fn a_character_on_the_edge_stays_whole() {
        let line = format!("{}€uro\n", "x".repeat(MAX_RECORD - 1));
        assert_eq!(cut(&[line.as_bytes()])[1], "€uro\n".as_bytes());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_the_stream_is_chopped(bytes in prop::collection::vec(prop::sample::select(b"ab\n\xe2\x82\xac".to_vec()), 0..200), step in 1usize..50) {
            let chunks: Vec<&[u8]> = bytes.chunks(step).collect();
            prop_assert_eq!(cut(&chunks), cut(&[&bytes]));
            prop_assert_eq!(cut(&chunks).concat(), bytes);
        }
    }
}
