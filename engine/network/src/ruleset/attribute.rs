//! Reading netlink attributes where they lie.
//!
//! nfnetlink puts numbers in network byte order (`linux/netfilter/nfnetlink.h`), which the readers here undo.

/// A sequence of netlink attributes (`struct nlattr`, netlink(7)).
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// The attributes in `bytes`. A truncated last one is left out.
    pub fn new(bytes: &'a [u8]) -> Self {
        Attributes(bytes)
    }

    /// The value of the first attribute of this kind.
    pub fn get(self, kind: u16) -> Option<&'a [u8]> {
        self.into_iter().find_map(|(found, value)| (found == kind).then_some(value))
    }

    /// The attributes inside an attribute; none when it is absent.
    pub fn nested(self, kind: u16) -> Attributes<'a> {
        Attributes(self.get(kind).unwrap_or_default())
    }

    /// A number of eight bits.
    pub fn u8(self, kind: u16) -> Option<u8> {
        self.get(kind)?.first().copied()
    }

    /// A number of 16 bits.
    pub fn u16(self, kind: u16) -> Option<u16> {
        Some(u16::from_be_bytes(*self.get(kind)?.first_chunk()?))
    }

    /// A number of 32 bits.
    pub fn u32(self, kind: u16) -> Option<u32> {
        Some(u32::from_be_bytes(*self.get(kind)?.first_chunk()?))
    }

    /// A number of 64 bits.
    pub fn u64(self, kind: u16) -> Option<u64> {
        Some(u64::from_be_bytes(*self.get(kind)?.first_chunk()?))
    }

    /// A text, without the NUL that ends it. Control characters become U+FFFD: names and comments are other people's
    /// bytes and end up on a terminal.
    pub fn text(self, kind: u16) -> Option<String> {
        self.get(kind).map(text)
    }
}

impl<'a> IntoIterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        Iter(self.0)
    }
}

/// Iterator over the kind and value of each attribute.
#[derive(Debug)]
pub struct Iter<'a>(&'a [u8]);

impl<'a> Iterator for Iter<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        const HEADER: usize = 4;
        /// Room for the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER.
        const KIND: u16 = 0x3fff;
        let (header, _) = self.0.split_first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & KIND;
        let value = self.0.get(HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// Printable text from bytes that may end with NULs.
pub(crate) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end])
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_texts_and_nests() {
        let bytes = [
            8, 0, 1, 0, 0, 0, 1, 2, // kind 1: u32 258
            7, 0, 2, 0x80, b'a', 0x1b, 0, 0, // kind 2, flagged nested: "a", escape, NUL, padding
            9, 0, 3, 0, 1, // kind 3, truncated
        ];
        let attributes = Attributes::new(&bytes);
        assert_eq!(attributes.u32(1), Some(258));
        assert_eq!(attributes.text(2).as_deref(), Some("a\u{fffd}"));
        assert_eq!(attributes.get(3), None);
        assert_eq!(attributes.into_iter().count(), 2);
        assert_eq!(attributes.nested(9).into_iter().count(), 0);
    }
}
