//! Writing the log: records in batches, files of bounded size.

use super::json::escape;
use super::lines::Lines;
use super::{LogConfig, Stream, rotated};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

/// How much is encoded before it is written.
const BATCH: usize = 32 * 1024;

/// The one writer of a container's log.
pub struct Writer {
    config: LogConfig,
    file: File,
    size: u64,
    batch: Batch,
    lines: [Lines; 2],
}

/// Records encoded and not yet written.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    time: String,
}

impl Writer {
    /// Opens the log to append to it; makes it if need be.
    pub fn open(config: LogConfig) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("log {}: {error}", config.path.display()));
        let mut file = options().open(&config.path).map_err(named)?;
        let mut size = file.seek(SeekFrom::End(0))?;
        if ends_torn(&mut file, size)? {
            // A writer was killed in the middle of a record: readers skip it, once it is a line of its own.
            file.write_all(b"\n")?;
            size += 1;
        }
        Ok(Self { config, file, size, batch: Batch::default(), lines: Default::default() })
    }

    /// Adds what a stream said just now. All complete records are written when this returns.
    pub fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        self.add(stream, |lines, emit| lines.push(bytes, emit))
    }

    /// The stream has ended: writes what it said after its last newline.
    pub fn end(&mut self, stream: Stream) -> io::Result<()> {
        self.add(stream, |lines, emit| lines.end(emit))
    }

    fn add(&mut self, stream: Stream, cut: impl FnOnce(&mut Lines, &mut dyn FnMut(&[u8]))) -> io::Result<()> {
        self.batch.time = format!("{:.9}", jiff::Timestamp::now());
        let mut lines = std::mem::take(&mut self.lines[stream as usize]);
        let mut result = Ok(());
        cut(&mut lines, &mut |record| {
            if result.is_ok() {
                result = self.append(stream, record);
            }
        });
        self.lines[stream as usize] = lines;
        result.and_then(|()| self.flush(self.batch.bytes.len()))
    }

    fn append(&mut self, stream: Stream, record: &[u8]) -> io::Result<()> {
        let before = self.batch.bytes.len();
        self.batch.encode(stream, record);
        let after = self.batch.bytes.len();
        if self.size + after as u64 > self.config.max_size && self.size + before as u64 > 0 {
            self.flush(before)?;
            self.rotate()?;
        }
        match self.batch.bytes.len() >= BATCH {
            true => self.flush(self.batch.bytes.len()),
            false => Ok(()),
        }
    }

    /// Writes the first `length` bytes of the batch. On failure they are dropped, and no torn record stays behind.
    fn flush(&mut self, length: usize) -> io::Result<()> {
        let result = self.file.write_all(&self.batch.bytes[..length]);
        self.batch.bytes.drain(..length);
        match result {
            Ok(()) => self.size += length as u64,
            Err(_) => self.file.set_len(self.size)?,
        }
        result
    }

    /// Starts a new file; the oldest one goes when there are `max_files` already.
    fn rotate(&mut self) -> io::Result<()> {
        let path = &self.config.path;
        let oldest = self.config.max_files.saturating_sub(1);
        for number in (0..oldest).rev() {
            ignore_missing(fs::rename(rotated(path, number), rotated(path, number + 1)))?;
        }
        if oldest == 0 {
            // A new file, not a truncated one: a reader that follows still finds the end of the old one.
            ignore_missing(fs::remove_file(path))?;
        }
        self.file = options().open(path)?;
        self.size = 0;
        Ok(())
    }
}

impl Batch {
    fn encode(&mut self, stream: Stream, record: &[u8]) {
        let out = &mut self.bytes;
        out.extend_from_slice(br#"{"log":""#);
        escape(out, record);
        out.extend_from_slice(br#"","stream":""#);
        out.extend_from_slice(stream.name().as_bytes());
        out.extend_from_slice(br#"","time":""#);
        out.extend_from_slice(self.time.as_bytes());
        out.extend_from_slice(b"\"}\n");
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o640);
    options
}

fn ends_torn(file: &mut File, size: u64) -> io::Result<bool> {
    let Some(last) = size.checked_sub(1) else {
        return Ok(false);
    };
    let mut byte = [0];
    file.seek(SeekFrom::Start(last))?;
    file.read_exact(&mut byte)?;
    Ok(byte != *b"\n")
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(max_size: u64, max_files: u32) -> (tempfile::TempDir, Writer) {
        let directory = tempfile::tempdir().expect("a directory");
        let config = LogConfig { path: directory.path().join("container.log"), max_size, max_files };
        let writer = Writer::open(config).expect("opens");
        (directory, writer)
    }

    #[test]
    fn writes_dockers_format() {
        let (_directory, mut writer) = writer(1 << 20, 2);
        writer.write(Stream::Stdout, b"one\ntw").expect("written");
        writer.write(Stream::Stderr, b"\"err\"\n").expect("written");
        writer.end(Stream::Stdout).expect("written");
        let text = fs::read_to_string(&writer.config.path).expect("readable");
        let shapes = [
            r#"{"log":"one\n","stream":"stdout","time":""#,
            r#"{"log":"\"err\"\n","stream":"stderr","time":""#,
            r#"{"log":"tw","stream":"stdout","time":""#,
        ];
        assert_eq!(text.lines().count(), shapes.len());
        for (line, shape) in text.lines().zip(shapes) {
            let time = line.strip_prefix(shape).and_then(|rest| rest.strip_suffix("\"}")).expect("Docker's shape");
            assert!(time.len() == 30 && time.parse::<jiff::Timestamp>().is_ok(), "{time}");
        }
    }

    #[test]
    fn rotation_bounds_size_and_number_of_files() {
        for max_files in [1, 3] {
            let (directory, mut writer) = writer(4096, max_files);
            for number in 0..1000 {
                writer.write(Stream::Stdout, format!("line {number}\nand more\n").as_bytes()).expect("written");
            }
            let files: Vec<_> = fs::read_dir(directory.path()).expect("readable").flatten().collect();
            assert_eq!(files.len(), max_files as usize);
            for file in files {
                let text = fs::read_to_string(file.path()).expect("readable");
                assert!(text.len() <= 4096 && text.ends_with("\"}\n"));
            }
            let newest = fs::read_to_string(directory.path().join("container.log")).expect("readable");
            assert!(newest.lines().last().expect("a line").contains("and more"));
        }
    }

    #[test]
    fn a_torn_record_is_fenced_off() {
        let (_directory, mut earlier) = writer(1 << 20, 2);
        earlier.file.write_all(b"{\"log\":\"to").expect("written");
        let mut writer = Writer::open(earlier.config.clone()).expect("opens");
        writer.write(Stream::Stdout, b"next\n").expect("written");
        let text = fs::read_to_string(&earlier.config.path).expect("readable");
        assert!(text.lines().nth(1).expect("a line").starts_with("{\"log\":\"next"));
    }
}
