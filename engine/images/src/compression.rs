//! Compression of archives and layers, told by their first bytes.

use std::io::{self, BufReader, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use serde::{Deserialize, Serialize};

/// Frames that want a larger window (zstd's own limit for decoders that were not told otherwise) are refused, so
/// that a few bytes cannot ask for 2 GiB of memory.
const MAX_WINDOW_LOG: u32 = 27;

/// The same for xz, in KiB: what its strongest level needs.
const MAX_MEMORY: u32 = 128 << 10;

const BUFFER: usize = 128 << 10;

/// How a blob is compressed (OCI image specification, "Layer Media Types").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// As a blob may be.
    Blob(Compression),
    /// As archives are that no layer is made of.
    Bzip2,
    Xz,
}

impl From<Compression> for Format {
    fn from(compression: Compression) -> Self {
        Self::Blob(compression)
    }
}

impl Format {
    /// Looks at the first bytes of `reader`, and gives it back as if unread.
    pub(crate) fn detect<R: Read>(mut reader: R) -> io::Result<(Self, impl Read)> {
        let mut start = [0; 6];
        let count = read_full(&mut reader, &mut start)?;
        Ok((Self::of(&start[..count]), io::Cursor::new(start).take(count as u64).chain(reader)))
    }

    /// Judges by the magic number (RFC 1952 §2.3.1, RFC 8878 §3.1.1, bzip2(1), the .xz file format §2.1.1.1).
    fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Compression::Gzip.into(),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd.into(),
            // A skippable frame (RFC 8878 §3.1.2) may come first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd.into(),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Self::Xz,
            _ => Compression::None.into(),
        }
    }
}

/// Reads a compressed stream decompressed.
pub(crate) enum Decoder<R: Read> {
    None(R),
    Gzip(Box<MultiGzDecoder<BufReader<R>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<R>>>),
    Bzip2(Box<MultiBzDecoder<BufReader<R>>>),
    Xz(Box<XzReader<BufReader<R>>>),
}

impl<R: Read> Decoder<R> {
    pub(crate) fn new(format: impl Into<Format>, reader: R) -> io::Result<Self> {
        let buffered = |reader| BufReader::with_capacity(BUFFER, reader);
        Ok(match format.into() {
            Format::Blob(Compression::None) => Self::None(reader),
            Format::Blob(Compression::Gzip) => Self::Gzip(Box::new(MultiGzDecoder::new(buffered(reader)))),
            Format::Blob(Compression::Zstd) => {
                let mut decoder = zstd::Decoder::with_buffer(buffered(reader))?;
                decoder.window_log_max(MAX_WINDOW_LOG)?;
                Self::Zstd(Box::new(decoder))
            }
            Format::Bzip2 => Self::Bzip2(Box::new(MultiBzDecoder::new(buffered(reader)))),
            Format::Xz => Self::Xz(Box::new(XzReader::new_mem_limit(buffered(reader), true, MAX_MEMORY))),
        })
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::None(reader) => reader.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer).map_err(|error| damaged("gzip", error)),
            Self::Zstd(decoder) => decoder.read(buffer).map_err(|error| damaged("zstd", error)),
            Self::Bzip2(decoder) => decoder.read(buffer).map_err(|error| damaged("bzip2", error)),
            Self::Xz(decoder) => decoder.read(buffer).map_err(|error| damaged("xz", error)),
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

    fn bzip2(content: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(content: &[u8], preset: u32) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::with_preset(preset);
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(bytes: &[u8]) -> io::Result<(Format, Vec<u8>)> {
        let (format, reader) = Format::detect(bytes)?;
        let mut content = Vec::new();
        Decoder::new(format, reader)?.read_to_end(&mut content)?;
        Ok((format, content))
    }

    #[test]
    fn all_compressions_are_told_and_decoded() {
        let content = b"some content".repeat(10_000);
        let two_members = [gzip(&content[..60_000]), gzip(&content[60_000..])].concat();
        let skippable =
            [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9][..], &zstd::encode_all(&content[..], 1).unwrap()].concat();
        assert_eq!(decode(&content).unwrap(), (Compression::None.into(), content.clone()));
        assert_eq!(decode(&gzip(&content)).unwrap(), (Compression::Gzip.into(), content.clone()));
        assert_eq!(decode(&two_members).unwrap(), (Compression::Gzip.into(), content.clone()));
        assert_eq!(decode(&skippable).unwrap(), (Compression::Zstd.into(), content.clone()));
        let two_streams = [bzip2(&content[..60_000]), bzip2(&content[60_000..])].concat();
        assert_eq!(decode(&two_streams).unwrap(), (Format::Bzip2, content.clone()));
        let two_streams = [xz(&content[..60_000], 9), xz(&content[60_000..], 1)].concat();
        assert_eq!(decode(&two_streams).unwrap(), (Format::Xz, content));
        assert_eq!(decode(b"").unwrap(), (Compression::None.into(), Vec::new()));
    }

    #[test]
    fn damage_is_told() {
        let whole = gzip(&b"some content".repeat(10_000));
        let cut = &whole[..whole.len() - 9];
        assert!(decode(cut).unwrap_err().to_string().starts_with("damaged gzip data"));
        let mut flipped = zstd::encode_all(&b"some content".repeat(10_000)[..], 1).unwrap();
        flipped[4] ^= 0xff;
        assert!(decode(&flipped).unwrap_err().to_string().starts_with("damaged zstd data"));
        for (name, whole) in [("bzip2", bzip2(b"some content")), ("xz", xz(b"some content", 1))] {
            let problem = decode(&whole[..whole.len() - 9]).unwrap_err().to_string();
            assert!(problem.starts_with(&format!("damaged {name} data")), "{problem}");
        }
    }

    #[test]
    fn a_huge_window_is_refused() {
        // Frame header without single-segment flag; the window descriptor asks for 2^31 bytes.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
        assert!(decode(&frame).is_err());
        let mut options = lzma_rust2::XzOptions::with_preset(1);
        options.lzma_options.dict_size = 512 << 20;
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        encoder.write_all(b"some content").unwrap();
        assert!(decode(&encoder.finish().unwrap()).is_err());
    }
}
