//! JSON strings from what containers write, at the speed that they write it.

/// What follows the backslash for each byte: 0 means that the byte stands for itself, `u` that it becomes `\u00XX`.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[0x22] = b'"';
    table[0x5c] = b'\\';
    table
};

/// Appends `bytes` as the inside of a JSON string. As in Go, each byte that is not UTF-8 becomes one U+FFFD.
pub(super) fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return escape_text(out, text);
    }
    for chunk in bytes.utf8_chunks() {
        escape_text(out, chunk.valid());
        chunk.invalid().iter().for_each(|_| out.extend_from_slice("\u{fffd}".as_bytes()));
    }
}

fn escape_text(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| ESCAPES[usize::from(byte)] != 0) {
        out.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        match ESCAPES[usize::from(byte)] {
            b'u' => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]),
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn hex(digit: u8) -> u8 {
    b"0123456789abcdef"[usize::from(digit)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quoted(bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![b'"'];
        escape(&mut out, bytes);
        out.push(b'"');
        out
    }

    proptest! {
        #[test]
        fn text_is_written_as_serde_json_writes_it(text: String) {
            let expected = serde_json::to_vec(&text).expect("strings serialise");
            prop_assert_eq!(quoted(text.as_bytes()), expected);
        }

        #[test]
        fn any_bytes_make_a_valid_string_with_a_replacement_for_each_wrong_byte(bytes: Vec<u8>) {
            let read: String = serde_json::from_slice(&quoted(&bytes)).expect("valid JSON");
            let wrong: usize = bytes.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
            let own = bytes.utf8_chunks().map(|chunk| chunk.valid().matches('\u{fffd}').count()).sum::<usize>();
            prop_assert_eq!(read.matches('\u{fffd}').count(), wrong + own);
            prop_assert_eq!(read.len(), bytes.len() + 2 * wrong);
        }
    }

    #[test]
    fn control_characters_and_quotes() {
        assert_eq!(
            quoted(b"a\"\\\n\t\x01\x7f\xff\xe2\x82"),
            "\"a\\\"\\\\\\n\\t\\u0001\x7f\u{fffd}\u{fffd}\u{fffd}\"".as_bytes()
        );
    }
}
