//! A blob of a registry as one stream, however often the connection is lost.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::thread;
use std::time::Duration;

use ureq::BodyReader;
use ureq::http::{Method, header};

use super::error::RegistryError;
use super::repository::Session;
use super::transport::{Answer, Request, refused, unexpected};
use crate::assemble::LayerSource;
use crate::compression::{Compression, Decoder};
use crate::digest::Digest;
use crate::error::{Context, Result};
use crate::layer::Expected;
use crate::store::Store;

/// How often the connection may be lost for one blob.
const ATTEMPTS: u32 = 8;

/// The first pause after that; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(50);

/// A layer's blob in a repository, or in the store if another image has brought it.
#[derive(Clone)]
pub(super) struct RemoteLayer<'a> {
    pub(super) store: &'a Store,
    pub(super) session: &'a Session<'a>,
    /// The repository.
    pub(super) path: &'a str,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

impl LayerSource for RemoteLayer<'_> {
    fn length(&self) -> u64 {
        self.size
    }

    fn expected(&self) -> Expected {
        Expected { blob: Some(self.digest), length: Some(self.size), diff_id: None }
    }

    fn open(&self) -> Result<impl Read> {
        if let Some(blob) = self.store.layer_blob(&self.digest)? {
            return Ok(Source::Store(blob));
        }
        Ok(Source::Registry(Box::new(Download { layer: self.clone(), position: 0, body: None, lost: 0 })))
    }
}

/// Where the bytes come from.
enum Source<'a> {
    Store(Decoder<File>),
    Registry(Box<Download<'a>>),
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Store(blob) => blob.read(buffer),
            Self::Registry(download) => download.read(buffer),
        }
    }
}

/// Reads a blob from wherever the last connection left off.
struct Download<'a> {
    layer: RemoteLayer<'a>,
    position: u64,
    body: Option<BodyReader<'static>>,
    lost: u32,
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.layer.size - self.position;
            if left == 0 {
                return Ok(0);
            }
            let wanted = left.min(buffer.len() as u64) as usize;
            let body = match &mut self.body {
                Some(body) => body,
                None => self.body.insert(self.layer.open_at(self.position).map_err(io::Error::other)?),
            };
            let problem = match body.read(&mut buffer[..wanted]) {
                Ok(0) if !buffer.is_empty() => "it ends too early".to_owned(),
                Ok(count) => {
                    self.position += count as u64;
                    return Ok(count);
                }
                Err(error) => error.to_string(),
            };
            self.body = None;
            self.lost += 1;
            if self.lost > ATTEMPTS {
                let RemoteLayer { session, size, .. } = &self.layer;
                let problem =
                    format!("connection to {} lost at byte {} of {size}: {problem}", session.host, self.position);
                return Err(io::Error::other(problem));
            }
            thread::sleep(PAUSE * 2u32.pow(self.lost - 1));
        }
    }
}

impl RemoteLayer<'_> {
    /// The blob from byte `position` on.
    fn open_at(&self, position: u64) -> Result<BodyReader<'static>, RegistryError> {
        let what = format!("layer {}", self.digest.short());
        let url = self.session.url(&format!("{}/blobs/{}", self.path, self.digest))?;
        let mut request = Request::new(Method::GET, url.clone());
        if position > 0 {
            request = request.header(header::RANGE, format!("bytes={position}-"));
        }
        let answer = self.session.send(&request, &what)?;
        let refuse = |problem: String| refused(&url, &format!("{what} {problem}"));
        let expected = match answer.status().as_u16() {
            200 => self.size,
            206 if range_start(&answer) == Some(position) => self.size - position,
            206 => return Err(refuse("comes as another part than was asked for".to_owned())),
            _ => return Err(unexpected(&what, &url, answer, self.session.authorization().as_ref())),
        };
        if let Some(length) = answer.body().content_length().filter(|length| *length != expected) {
            return Err(refuse(format!("has {length} bytes, but {expected} were promised")));
        }
        let whole = answer.status() == 200;
        let mut body = answer.into_body().into_reader();
        if whole && position > 0 {
            // It cannot resume: what we have passes by.
            let skipped = io::copy(&mut (&mut body).take(position), &mut io::sink());
            skipped.map_err(|error| RegistryError::Lost {
                host: self.session.host.clone(),
                problem: format!("{what}: {error}"),
            })?;
        }
        Ok(body)
    }
}

/// Where `Content-Range: bytes START-END/LENGTH` begins (RFC 9110 §14.4).
fn range_start(answer: &Answer) -> Option<u64> {
    let range = answer.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

impl Store {
    /// The blob of a layer as it came, if some image brought it. One that is damaged is as good as none.
    fn layer_blob(&self, digest: &Digest) -> Result<Option<Decoder<File>>> {
        let (kept, plain) = self.layer_blob_paths(digest);
        for (path, compression) in [(kept, Compression::None), (plain, Compression::Zstd)] {
            let mut file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file.at("open", &path)?,
            };
            if is_intact(&file, compression, digest) {
                file.rewind().at("read", &path)?;
                return Ok(Some(Decoder::new(compression, file).at("read", &path)?));
            }
        }
        Ok(None)
    }
}

/// Whether the content of a file has a digest. One that cannot be read has none.
fn is_intact(file: &File, compression: Compression, digest: &Digest) -> bool {
    let found = Decoder::new(compression, file).and_then(Digest::of_reader);
    found.is_ok_and(|found| found == *digest)
}
