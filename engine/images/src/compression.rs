//! Compression of archives and layers, told by their first bytes.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};

/// Frames that want a larger window (zstd's own limit for decoders that were not told otherwise) are refused, so
/// that a few bytes cannot ask for 2 GiB of memory.
const MAX_WINDOW_LOG: u32 = 27;

const BUFFER: usize = 128 << 10;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// Looks at the first bytes of `reader`, and gives it back as if unread.
    pub(crate) fn detect<R: Read>(mut reader: R) -> io::Result<(Self, impl Read)> {
        let mut start = [0; 4];
        let count = read_full(&mut reader, &mut start)?;
        Ok((Self::of(&start[..count]), io::Cursor::new(start).take(count as u64).chain(reader)))
    }

    /// Judges by the magic number (RFC 1952 §2.3.1, RFC 8878 §3.1.1).
    fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A skippable frame (RFC 8878 §3.1.2) may come first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Reads a compressed stream decompressed.
pub(crate) enum Decoder<R: Read> {
    None(R),
    Gzip(Box<MultiGzDecoder<BufReader<R>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<R>>>),
}

impl<R: Read> Decoder<R> {
    pub(crate) fn new(compression: Compression, reader: R) -> io::Result<Self> {
        let buffered = |reader| BufReader::with_capacity(BUFFER, reader);
        Ok(match compression {
            Compression::None => Self::None(reader),
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(buffered(reader)))),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(buffered(reader))?;
                decoder.window_log_max(MAX_WINDOW_LOG)?;
                Self::Zstd(Box::new(decoder))
            }
        })
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(reader) => reader.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer).map_err(|error| damaged("gzip", error)),
            Self::Zstd(decoder) => decoder.read(buffer).map_err(|error| damaged("zstd", error)),
        }
    }
}

/// Tells damage of the compressed data from failure to read it.
fn damaged(format: &str, error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(_) => error,
        None => io::Error::new(io::ErrorKind::InvalidData, format!("damaged {format} data: {error}")),
    }
}

/// Fills as much of `buffer` as the reader has bytes for.
pub(crate) fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(bytes: &[u8]) -> io::Result<(Compression, Vec<u8>)> {
        let (compression, reader) = Compression::detect(bytes)?;
        let mut content = Vec::new();
        Decoder::new(compression, reader)?.read_to_end(&mut content)?;
        Ok((compression, content))
    }

    #[test]
    fn all_compressions_are_told_and_decoded() {
        let content = b"some content".repeat(10_000);
        let two_members = [gzip(&content[..60_000]), gzip(&content[60_000..])].concat();
        let skippable =
            [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..], &zstd::encode_all(&content[..], 1).unwrap()].concat();
        assert_eq!(decode(&content).unwrap(), (Compression::None, content.clone()));
        assert_eq!(decode(&gzip(&content)).unwrap(), (Compression::Gzip, content.clone()));
        assert_eq!(decode(&two_members).unwrap(), (Compression::Gzip, content.clone()));
        assert_eq!(decode(&skippable).unwrap(), (Compression::Zstd, content));
        assert_eq!(decode(b"").unwrap(), (Compression::None, Vec::new()));
    }

    #[test]
    fn damage_is_told() {
        let whole = gzip(&b"some content".repeat(10_000));
        let cut = &whole[..whole.len() - 9];
        assert!(decode(cut).unwrap_err().to_string().starts_with("damaged gzip data"));
        let mut flipped = zstd::encode_all(&b"some content".repeat(10_000)[..], 1).unwrap();
        flipped[4] ^= 0xff;
        assert!(decode(&flipped).unwrap_err().to_string().starts_with("damaged zstd data"));
    }

    #[test]
    fn a_huge_window_is_refused() {
        // Frame header without single-segment flag; the window descriptor asks for 2^31 bytes.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
        assert!(decode(&frame).is_err());
    }
}
