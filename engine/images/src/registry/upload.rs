//! Blobs and manifests on their way to a registry (OCI distribution specification, "Push").

use std::fs::File;

use ureq::http::{Method, header};
use url::Url;

use super::error::RegistryError;
use super::repository::Session;
use super::transport::{Answer, Payload, Request, refused, unexpected};
use crate::digest::Digest;
use crate::manifest::Descriptor;

type Result<T> = std::result::Result<T, RegistryError>;

/// Blobs longer than this go in pieces of this length, so that a lost connection costs no more than one. Some registries
/// take no longer ones.
const CHUNK: u64 = 4 << 20;

/// How often a blob is begun anew, and how often a piece of it is sent again.
const ATTEMPTS: u32 = 4;

const OCTETS: &str = "application/octet-stream";

/// Where a registry has a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// In the repository.
    Here,
    /// In another one, from which it took it over.
    Elsewhere {
        /// The other.
        from: String,
    },
}

/// The content of a blob.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    Bytes(&'a [u8]),
    File(&'a File),
}

/// A blob that a repository is to have.
pub(super) struct Upload<'a> {
    pub(super) session: &'a Session<'a>,
    /// The repository.
    pub(super) path: &'a str,
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// Repositories of the same registry that may have it.
    pub(super) elsewhere: &'a [String],
}

impl Upload<'_> {
    /// Whether the registry has the blob already, be it in another repository.
    pub(super) fn find(&self) -> Result<Option<Found>> {
        if self.exists()? {
            return Ok(Some(Found::Here));
        }
        for from in self.elsewhere {
            if self.mount(from)? {
                return Ok(Some(Found::Elsewhere { from: from.clone() }));
            }
        }
        Ok(None)
    }

    /// Sends the blob. `progress` is told how much has been sent, and may put an end to it.
    pub(super) fn send(&self, content: Content<'_>, progress: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
        let mut attempt = 1;
        loop {
            match self.send_once(content, progress) {
                Err(error) if attempt < ATTEMPTS && may_pass(&error) => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    fn what(&self) -> String {
        format!("blob {}", self.digest.short())
    }

    fn exists(&self) -> Result<bool> {
        let url = self.session.url(&format!("{}/blobs/{}", self.path, self.digest))?;
        let answer = self.session.send(&Request::new(Method::HEAD, url.clone()), &self.what())?;
        match answer.status().as_u16() {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(self.unexpected(&url, answer)),
        }
    }

    /// Whether the registry took the blob over from another of its repositories.
    fn mount(&self, from: &str) -> Result<bool> {
        let mut url = self.uploads()?;
        url.query_pairs_mut().append_pair("mount", &self.digest.to_string()).append_pair("from", from);
        let answer = self.session.send(&Request::new(Method::POST, url.clone()).repeatable(), &self.what())?;
        match answer.status().as_u16() {
            201 => Ok(true),
            // The upload that it offers instead expires by itself; we begin one of our own.
            202 => Ok(false),
            // It may not be ours to read.
            401 | 403 | 404 => Ok(false),
            _ => Err(self.unexpected(&url, answer)),
        }
    }

    fn uploads(&self) -> Result<Url> {
        self.session.url(&format!("{}/blobs/uploads/", self.path))
    }

    fn send_once(&self, content: Content<'_>, progress: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
        let url = self.uploads()?;
        let answer = self.session.send(&Request::new(Method::POST, url.clone()).repeatable(), &self.what())?;
        let (least, mut place) = match answer.status().as_u16() {
            202 => (least_chunk(&answer), self.location(&url, &answer)?),
            _ => return Err(self.unexpected(&url, answer)),
        };
        let chunk = CHUNK.max(least);
        let last = match content {
            Content::File(file) if self.size > chunk => {
                place = self.send_pieces(file, chunk, place, progress)?;
                Payload::Nothing
            }
            Content::File(file) => Payload::Part { file, offset: 0, length: self.size },
            Content::Bytes(bytes) => Payload::Bytes(bytes),
        };
        place.query_pairs_mut().append_pair("digest", &self.digest.to_string());
        let request = Request::new(Method::PUT, place.clone()).header(header::CONTENT_TYPE, OCTETS).payload(last);
        let answer = self.session.send(&request, &self.what())?;
        match answer.status().as_u16() {
            201 | 204 => progress(self.size),
            _ => Err(self.unexpected(&place, answer)),
        }
    }

    /// Sends a file piece by piece; where the upload is to be completed.
    fn send_pieces(
        &self,
        file: &File,
        chunk: u64,
        mut place: Url,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Url> {
        let (mut offset, mut lost) = (0, 0);
        while offset < self.size {
            let length = chunk.min(self.size - offset);
            let request = Request::new(Method::PATCH, place.clone())
                .header(header::CONTENT_TYPE, OCTETS)
                .header(header::CONTENT_RANGE, format!("{offset}-{}", offset + length - 1))
                .payload(Payload::Part { file, offset, length });
            match self.session.send(&request, &self.what()) {
                Ok(answer) if answer.status() == 202 => {
                    offset += length;
                    place = self.location(&place, &answer)?;
                }
                Ok(answer) if !answer.status().is_server_error() || lost >= ATTEMPTS => {
                    return Err(self.unexpected(&place, answer));
                }
                Err(error) if !may_pass(&error) || lost >= ATTEMPTS => return Err(error),
                _ => {
                    lost += 1;
                    (offset, place) = self.received(&place)?;
                }
            }
            progress(offset)?;
        }
        Ok(place)
    }

    /// How much of an upload has arrived, and where it goes on.
    fn received(&self, place: &Url) -> Result<(u64, Url)> {
        let answer = self.session.send(&Request::new(Method::GET, place.clone()), &self.what())?;
        if answer.status() != 204 {
            return Err(self.unexpected(place, answer));
        }
        let range = answer.headers().get(header::RANGE).and_then(|range| range.to_str().ok());
        let last: Option<u64> = range.and_then(|range| range.rsplit_once('-')?.1.parse().ok());
        // "0-0" stands for nothing as well as for one byte; with the first, sending a byte twice is noticed by its digest.
        let offset = last.map_or(0, |last| if last == 0 { 0 } else { last + 1 });
        match offset <= self.size {
            true => Ok((offset, self.location(place, &answer)?)),
            false => Err(refused(place, "it says to have more of a blob than there is")),
        }
    }

    fn location(&self, base: &Url, answer: &Answer) -> Result<Url> {
        match answer.headers().get(header::LOCATION).and_then(|location| location.to_str().ok()) {
            Some(location) => self.session.transport.join(base, location),
            None => Ok(base.clone()),
        }
    }

    fn unexpected(&self, url: &Url, answer: Answer) -> RegistryError {
        unexpected(&self.what(), url, answer, self.session.authorization().as_ref())
    }
}

impl Session<'_> {
    /// Gives a repository a manifest, under a tag or its digest.
    pub(super) fn put_manifest(&self, path: &str, name: &str, media_type: &str, content: &[u8]) -> Result<()> {
        let url = self.url(&format!("{path}/manifests/{name}"))?;
        let request = Request::new(Method::PUT, url)
            .header(header::CONTENT_TYPE, media_type)
            .payload(Payload::Bytes(content))
            .repeatable();
        self.succeed(&request, &format!("manifest of {path}")).map(drop)
    }
}

impl Descriptor {
    pub(super) fn of(media_type: &str, content: &[u8]) -> Self {
        Self::new(media_type, Digest::of(content), content.len() as u64)
    }

    pub(super) fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        let annotations = Default::default();
        Self { media_type: media_type.to_owned(), digest, size, annotations, platform: None }
    }
}

/// What a registry says of the shortest piece that it takes.
fn least_chunk(answer: &Answer) -> u64 {
    let header = answer.headers().get("oci-chunk-min-length").and_then(|length| length.to_str().ok());
    header.and_then(|length| length.parse().ok()).unwrap_or(0)
}

/// Whether it may be otherwise the next time.
fn may_pass(error: &RegistryError) -> bool {
    match error {
        RegistryError::Lost { .. } => true,
        RegistryError::Status { status, .. } => *status >= 500 || *status == 416,
        _ => false,
    }
}
