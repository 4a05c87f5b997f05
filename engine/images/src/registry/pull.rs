//! `pull`: from a registry into the store.

use super::download::RemoteLayer;
use super::error::RegistryError;
use super::repository::{Document, Scope, Session};
use super::{PullOptions, PullPhase, PullProgress, Pulled, Registries};
use crate::assemble::{Plan, Step};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::manifest::{Descriptor, MAX_NESTING, Manifest, Parsed, interpret, select};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::store::Store;

/// How many layers are fetched at a time, as with Docker.
const AT_ONCE: usize = 3;

impl Registries {
    /// Fetches an image into the store, from the mirrors of its registry or from that itself.
    pub fn pull(
        &self,
        store: &Store,
        reference: &Reference,
        options: &PullOptions,
        progress: &mut dyn FnMut(PullProgress),
    ) -> Result<Pulled> {
        let mut endpoints = self.transport.config.endpoints(reference.domain()).peekable();
        loop {
            let host = endpoints.next().expect("the registry itself is the last endpoint");
            match self.pull_from(host, store, reference, options, progress) {
                Err(error) if endpoints.peek().is_some() && is_of_endpoint(&error) => {
                    progress(PullProgress::Skipped { host: host.to_owned(), problem: error.to_string() });
                }
                outcome => return outcome,
            }
        }
    }

    fn pull_from(
        &self,
        host: &str,
        store: &Store,
        reference: &Reference,
        options: &PullOptions,
        progress: &mut dyn FnMut(PullProgress),
    ) -> Result<Pulled> {
        let path = reference.path();
        let session = self.session(host, Scope::pull(path))?;
        let name = match reference.digest() {
            Some(digest) => digest.to_string(),
            None => reference.tag().expect("a reference without a digest has a tag").to_owned(),
        };
        let what = format!("manifest for {reference}");
        let document = session.manifest(path, &name, reference.digest(), &what)?;
        progress(PullProgress::Begun { tag: name, repository: path.to_owned() });
        let digest = document.digest;
        let (document, manifest) = self.descend(&session, reference, document, options)?;
        let config = session.document(path, &manifest.config, "the image's configuration")?;
        if let Some(wanted) = &options.platform {
            check_platform(&config, wanted).map_err(|problem| refuse(&session, format!("{reference} {problem}")))?;
        }
        let layers: Vec<_> = manifest.layers.iter().map(|layer| remote(store, &session, path, layer)).collect();
        let plan = Plan::new(config, Some(document.content), names(reference, digest), layers);
        let plan = plan.map_err(|problem| refuse(&session, problem))?;
        let (id, name) = (plan.id, plan.references[0].clone());
        let is_new = store.references()?.get(&name) != Some(id);
        let blob_of = |chain_id: Digest| {
            let place = plan.chain_ids.iter().position(|id| *id == chain_id).expect("a layer of this image");
            plan.layers[place].digest
        };
        let mut tell = |chain_id, step| {
            let phase = match step {
                Step::Waiting => PullPhase::Waiting,
                Step::Read { current, total } => PullPhase::Downloading { current, total },
                Step::Done => PullPhase::Complete,
                Step::Present => PullPhase::Exists,
            };
            progress(PullProgress::Layer { digest: blob_of(chain_id), phase });
        };
        let ingest = store.ingest()?;
        store.assemble(std::slice::from_ref(&plan), &ingest, AT_ONCE, &mut tell)?;
        Ok(Pulled { reference: name, id, digest, is_new })
    }

    /// From an index to the manifest for the platform.
    fn descend(
        &self,
        session: &Session<'_>,
        reference: &Reference,
        mut document: Document,
        options: &PullOptions,
    ) -> Result<(Document, Manifest)> {
        let platform = options.platform.clone().unwrap_or_else(Platform::of_this_machine);
        for _ in 0..=MAX_NESTING {
            let name = format!("manifest {}", document.digest);
            let refuse = |problem| refuse(session, problem);
            match interpret(&name, &document.content).map_err(refuse)? {
                Parsed::Manifest(manifest) => {
                    if let Some(kind) = manifest.artifact() {
                        let (name, kind) = (reference.to_string(), kind.to_owned());
                        return Err(RegistryError::Artifact { name, kind }.into());
                    }
                    manifest.check(&name).map_err(refuse)?;
                    return Ok((document, manifest));
                }
                Parsed::Index(descriptors) => {
                    let selected = select(&descriptors, &platform).map_err(refuse)?;
                    document = session.listed(reference.path(), selected)?;
                }
            }
        }
        Err(refuse(session, "its indexes are nested too deep".to_owned()))
    }
}

impl Session<'_> {
    /// A manifest that an index lists.
    pub(super) fn listed(&self, path: &str, descriptor: &Descriptor) -> Result<Document> {
        let what = format!("manifest {}", descriptor.digest);
        let document = self.manifest(path, &descriptor.digest.to_string(), Some(&descriptor.digest), &what)?;
        match document.content.len() as u64 == descriptor.size {
            true => Ok(document),
            false => Err(refuse(self, format!("{what} does not have the size that its index promised"))),
        }
    }
}

/// The names that a pulled image gets: what was asked for, and the digest that this stood for.
fn names(reference: &Reference, digest: Digest) -> Vec<Reference> {
    let pinned = reference.with_digest(digest);
    match reference.digest() {
        Some(_) => vec![pinned],
        None => vec![reference.clone(), pinned],
    }
}

fn remote<'a>(store: &'a Store, session: &'a Session<'a>, path: &'a str, layer: &Descriptor) -> RemoteLayer<'a> {
    RemoteLayer { store, session, path, digest: layer.digest, size: layer.size }
}

/// An image without an index says its platform itself.
fn check_platform(config: &[u8], wanted: &Platform) -> Result<(), String> {
    let actual: Platform =
        serde_json::from_slice(config).map_err(|error| format!("has a malformed configuration: {error}"))?;
    match wanted.distance(&actual) {
        Some(_) => Ok(()),
        None => Err(format!("is for another platform: wanted {wanted}, actual: {actual}")),
    }
}

pub(super) fn refuse(session: &Session<'_>, problem: String) -> Error {
    Error::Registry(RegistryError::Refused { host: session.host.clone(), problem })
}

/// Whether the same image from elsewhere may be better.
fn is_of_endpoint(error: &Error) -> bool {
    match error {
        Error::Registry(error) => error.is_of_endpoint(),
        Error::Layer { .. } => true,
        _ => false,
    }
}
