//! Hardware addresses: read, written, and made of what is unique.

use std::net::Ipv4Addr;

/// A hardware address.
pub type Mac = [u8; 6];

/// A text that is not the hardware address of one interface.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid hardware address \"{text}\": want {wanted}")]
pub struct InvalidMac {
    text: String,
    wanted: &'static str,
}

/// Reads a hardware address, six numbers of two hexadecimal digits. That of a group can be nobody's own.
pub fn parse_mac(text: &str) -> Result<Mac, InvalidMac> {
    let invalid = |wanted| InvalidMac { text: text.into(), wanted };
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = |part: &str| if digits(part) { u8::from_str_radix(part, 16).ok() } else { None };
    let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
    let mac: Option<Mac> = bytes.and_then(|bytes| bytes.try_into().ok());
    let mac = mac.ok_or_else(|| invalid("six numbers such as 02:42:c0:a8:01:02"))?;
    // The lowest bit of the first byte tells groups (IEEE 802).
    if mac[0] & 1 == 1 || mac == [0; 6] {
        return Err(invalid("the address of a single host: an even first number, and not all zero"));
    }
    Ok(mac)
}

/// A hardware address as everybody writes it.
pub fn mac_text(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// The hardware address that Docker derives from an IPv4 address: the same address always has the same one, so that
/// neighbours' ARP caches stay right when it passes from one container to another.
pub fn mac_of(address: Ipv4Addr) -> Mac {
    let [a, b, c, d] = address.octets();
    [0x02, 0x42, a, b, c, d]
}

/// A locally administered address (IEEE 802) in Docker's range 02:42, from what is unique here.
pub(crate) fn mac_from(unique: &str) -> Mac {
    let [.., a, b, c, d] = crate::mark::hash(unique).to_be_bytes();
    [0x02, 0x42, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_written_and_refused() {
        assert_eq!(parse_mac("02:42:C0:a8:01:02").unwrap(), [2, 0x42, 0xc0, 0xa8, 1, 2]);
        assert_eq!(mac_text([2, 0x42, 0xc0, 0xa8, 1, 2]), "02:42:c0:a8:01:02");
        for bad in
            ["", "02:42:c0:a8:01", "02:42:c0:a8:01:02:03", "2:42:c0:a8:1:2", "03:00:00:00:00:01", "00:00:00:00:00:00"]
        {
            assert!(parse_mac(bad).is_err(), "{bad}");
        }
    }
}
