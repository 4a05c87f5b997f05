//! Reading the log, across rotated files and while it grows.

use super::tail::{Start, start_of_last};
use super::{Stream, rotated};
use jiff::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Which records are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    /// Only so many of the last ones.
    pub tail: Option<u64>,
    /// None before this time.
    pub since: Option<Timestamp>,
    /// None after this time.
    pub until: Option<Timestamp>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it was said.
    pub stream: Stream,
    /// When.
    pub time: Timestamp,
    /// What, with its newline if it has one.
    pub message: String,
}

/// Reads a container's log from the oldest record that is wanted to the newest.
pub struct Reader {
    path: PathBuf,
    query: Query,
    /// `None` while the container has no log yet.
    file: Option<BufReader<File>>,
    /// Where in the file the next line begins.
    offset: u64,
    end: End,
    /// Whether it is the file at which reading ends.
    is_marked: bool,
    line: Vec<u8>,
    past_until: bool,
}

/// How far a log is read.
enum End {
    /// As far as it grows.
    Open,
    /// To this length of the file that was the newest. It is held open, or another could come by its inode.
    At { file: File, length: u64 },
    /// Nothing of it is wanted.
    Here,
}

impl Reader {
    /// Opens the log whose newest file is at `path`, which need not exist yet.
    pub fn open(path: &Path, query: Query) -> io::Result<Self> {
        let mut file = first_file(path, query.tail)?;
        let offset = file.as_mut().map_or(Ok(0), Seek::stream_position)?;
        Ok(Self {
            path: path.to_owned(),
            query,
            file: file.map(buffered),
            offset,
            end: End::Open,
            is_marked: false,
            line: Vec::new(),
            past_until: false,
        })
    }

    /// Ends with what is there now, however fast more is written.
    pub fn until_now(mut self) -> io::Result<Self> {
        self.end = match (&self.file, open(&self.path)?) {
            (Some(current), Some(file)) => {
                let newest = file.metadata()?;
                self.is_marked = same_file(&current.get_ref().metadata()?, &newest);
                End::At { file, length: newest.len() }
            }
            _ => End::Here,
        };
        Ok(self)
    }

    /// The next record; `None` when there is none for now, or no wanted one ever again ([`Self::is_past_until`]).
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        while !self.past_until && self.next_line()? {
            let entry = parse(&self.line);
            self.line.clear();
            // A line that is no record was torn by a crash.
            let Some(entry) = entry else { continue };
            if self.query.until.is_some_and(|until| entry.time > until) {
                self.past_until = true;
            } else if self.query.since.is_none_or(|since| entry.time >= since) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Whether all that is still to come is later than the query wants.
    pub fn is_past_until(&self) -> bool {
        self.past_until
    }

    /// Completes `self.line`; false when it is not complete yet.
    fn next_line(&mut self) -> io::Result<bool> {
        loop {
            if self.is_over() {
                return Ok(false);
            }
            if self.read_line()? {
                return Ok(true);
            }
            let Some(successor) = self.successor()?.filter(|_| !self.is_marked) else {
                return Ok(false);
            };
            // Something may have been written between the end that was seen and the rotation.
            if self.read_line()? {
                return Ok(true);
            }
            self.line.clear();
            self.enter(successor)?;
        }
    }

    /// Whether nothing of what comes next is wanted.
    fn is_over(&self) -> bool {
        match &self.end {
            End::Open => false,
            End::At { length, .. } => self.is_marked && self.offset >= *length,
            End::Here => true,
        }
    }

    /// Goes on with another file.
    fn enter(&mut self, file: File) -> io::Result<()> {
        if let End::At { file: marked, .. } = &self.end {
            let marked = marked.metadata()?;
            self.is_marked = same_file(&file.metadata()?, &marked);
            if !self.is_marked && !self.has(&marked)? {
                // All that is left came after it.
                self.end = End::Here;
            }
        }
        self.file = Some(buffered(file));
        self.offset = 0;
        Ok(())
    }

    /// Whether a file is still one of the log's.
    fn has(&self, wanted: &Metadata) -> io::Result<bool> {
        for number in 0.. {
            match open(&rotated(&self.path, number))? {
                Some(file) if same_file(&file.metadata()?, wanted) => return Ok(true),
                Some(_) => {}
                None => break,
            }
        }
        Ok(false)
    }

    fn read_line(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.file else {
            return Ok(false);
        };
        self.offset += file.read_until(b'\n', &mut self.line)? as u64;
        Ok(self.line.ends_with(b"\n"))
    }

    /// The file after the current one, if that has been rotated.
    fn successor(&self) -> io::Result<Option<File>> {
        let Some(current) = &self.file else {
            return first_file(&self.path, None);
        };
        let current = current.get_ref().metadata()?;
        let mut younger = None;
        for number in 0.. {
            let Some(file) = open(&rotated(&self.path, number))? else {
                break;
            };
            if same_file(&file.metadata()?, &current) {
                return Ok(younger);
            }
            younger = Some(file);
        }
        // It has been removed: the oldest one that is left comes next.
        Ok(younger)
    }
}

/// The file with the first wanted record, placed at it.
fn first_file(path: &Path, tail: Option<u64>) -> io::Result<Option<File>> {
    let mut wanted = tail;
    let mut oldest: Option<File> = None;
    for number in 0.. {
        let Some(mut file) = open(&rotated(path, number))? else {
            break;
        };
        if let Some(younger) = &oldest
            && same_file(&younger.metadata()?, &file.metadata()?)
        {
            // Rotated in this very moment.
            continue;
        }
        if let Some(count) = wanted {
            match start_of_last(&file, count)? {
                Start::Here(offset) => {
                    file.seek(SeekFrom::Start(offset))?;
                    return Ok(Some(file));
                }
                Start::Older(missing) => wanted = Some(missing),
            }
        }
        oldest = Some(file);
    }
    Ok(oldest)
}

fn buffered(file: File) -> BufReader<File> {
    BufReader::with_capacity(64 * 1024, file)
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn same_file(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    stream: Stream,
    time: &'a str,
}

fn parse(line: &[u8]) -> Option<Entry> {
    let record: Record = serde_json::from_slice(line).ok()?;
    Some(Entry { stream: record.stream, time: record.time.parse().ok()?, message: record.log.into_owned() })
}

#[cfg(test)]
mod tests {
    use super::super::{LogConfig, Writer};
    use super::*;

    struct Log {
        _directory: tempfile::TempDir,
        path: PathBuf,
        writer: Writer,
    }

    fn log(max_size: u64, max_files: u32) -> Log {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("container.log");
        let writer = Writer::open(LogConfig { path: path.clone(), max_size, max_files }).expect("opens");
        Log { _directory: directory, path, writer }
    }

    fn say(log: &mut Log, numbers: std::ops::Range<u32>) {
        for number in numbers {
            log.writer.write(Stream::Stdout, format!("{number}\n").as_bytes()).expect("written");
        }
    }

    fn rest(reader: &mut Reader) -> Vec<u32> {
        std::iter::from_fn(|| reader.next_entry().expect("readable"))
            .map(|entry| entry.message.trim().parse().expect("a number"))
            .collect()
    }

    #[test]
    fn reads_all_and_tails_across_rotated_files() {
        let mut log = log(1000, 4);
        say(&mut log, 0..30);
        let read = |tail| rest(&mut Reader::open(&log.path, Query { tail, ..Query::default() }).expect("opens"));
        assert_eq!(read(None), (0..30).collect::<Vec<_>>());
        for tail in [0, 1, 12, 29, 30, 99] {
            assert_eq!(read(Some(tail)), (30u32.saturating_sub(tail as u32)..30).collect::<Vec<_>>());
        }
    }

    #[test]
    fn goes_on_after_the_end_and_through_rotation() {
        for max_files in [1, 3] {
            let mut log = log(400, max_files);
            let mut reader = Reader::open(&log.path, Query::default()).expect("opens");
            for round in 0..20 {
                say(&mut log, round * 3..round * 3 + 3);
                assert_eq!(rest(&mut reader), (round * 3..round * 3 + 3).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn what_is_written_after_now_is_not_waited_for() {
        // Files of ten records, of which so many more are written: into the same, the next, or until it is gone.
        for (max_files, more) in [(3, 1), (3, 12), (3, 25), (3, 100), (1, 1), (1, 30)] {
            let mut log = log(400, max_files);
            say(&mut log, 0..15);
            let all = rest(&mut Reader::open(&log.path, Query::default()).expect("opens"));
            let mut reader = Reader::open(&log.path, Query::default()).and_then(Reader::until_now).expect("opens");
            let first =
                reader.next_entry().expect("readable").map(|entry| entry.message.trim().parse().expect("a number"));
            say(&mut log, 15..15 + more);
            let read: Vec<u32> = first.into_iter().chain(rest(&mut reader)).collect();
            assert!(all.starts_with(&read), "{max_files} files, {more} more: {read:?} of {all:?}");
            assert!(more > 1 || read == all, "{read:?}");
        }
    }

    #[test]
    fn a_log_that_is_not_there_yet_is_empty() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("container.log");
        let mut reader = Reader::open(&path, Query { tail: Some(5), ..Query::default() }).expect("opens");
        assert_eq!(reader.next_entry().expect("readable"), None);
        let mut writer = Writer::open(LogConfig { path, max_size: 1000, max_files: 1 }).expect("opens");
        writer.write(Stream::Stderr, b"7\n").expect("written");
        assert_eq!(rest(&mut reader), [7]);
    }

    #[test]
    fn since_and_until_bound_it_and_torn_lines_are_skipped() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("container.log");
        let line = |second: u32| {
            format!("{{\"log\":\"{second}\\n\",\"stream\":\"stdout\",\"time\":\"2024-05-01T10:00:{second:02}Z\"}}\n")
        };
        let text = (10..20).map(line).collect::<String>().replace("\"time\":\"2024-05-01T10:00:14Z\"}", "");
        std::fs::write(&path, text).expect("written");
        let time = |second: u32| Some(format!("2024-05-01T10:00:{second}Z").parse().expect("a time"));
        let mut reader = Reader::open(&path, Query { since: time(12), until: time(16), tail: None }).expect("opens");
        assert_eq!(rest(&mut reader), [12, 13, 15, 16]);
        assert!(reader.is_past_until());
    }
}
