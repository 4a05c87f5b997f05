//! The cache elsewhere: in folders, in registries, and in images themselves.
//!
//! It travels as images do, one for each stage, whose configuration also says after how many of its layers which step was
//! done. Whoever takes it trusts whoever wrote it: a key is only a claim.

use super::Job;
use super::export::timestamp;
use super::solve::Made;
use crate::error::{Error, Result};
use porthole_images::{Digest, Error as ImageError, Platform, PullOptions, Reference, Registries};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// Where an image's configuration has its steps.
const STEPS: &str = "io.porthole.build.steps";

/// The archive in a folder.
const ARCHIVE: &str = "cache.tar";

/// More steps are no cache.
const MOST_STEPS: usize = 10_000;

/// Where a cache is taken from (`--cache-from`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheSource {
    /// A folder.
    Directory(PathBuf),
    /// What a registry has by this name.
    Registry(Reference),
}

/// Where a cache is put (`--cache-to`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheTarget {
    /// A folder.
    Directory(PathBuf, CachedStages),
    /// A registry, by this name.
    Registry(Reference, CachedStages),
    /// The image itself.
    Inline,
}

/// The stages whose steps are put there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CachedStages {
    /// Those of the result (`mode=min`).
    #[default]
    Target,
    /// All (`mode=max`).
    All,
}

/// A step, in the configuration of an image.
#[derive(Serialize, Deserialize)]
struct Note {
    key: Digest,
    description: String,
    created: String,
    empty: bool,
    /// How many layers there are after it.
    layers: usize,
}

impl FromStr for CacheSource {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let mut fields = Fields::of(text)?;
        match fields.kind.as_str() {
            "local" => fields.take("src").map(PathBuf::from).map(Self::Directory),
            "registry" => fields.take("ref").and_then(|name| reference(&name)).map(Self::Registry),
            other => Err(format!("cache {text:?}: type {other:?} is none of local and registry")),
        }
        .and_then(|source| fields.end().map(|()| source))
    }
}

impl FromStr for CacheTarget {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let mut fields = Fields::of(text)?;
        let stages = match fields.take("mode").as_deref() {
            Err(_) | Ok("min") => CachedStages::Target,
            Ok("max") => CachedStages::All,
            Ok(other) => return Err(format!("cache {text:?}: mode {other:?} is none of min and max")),
        };
        match fields.kind.as_str() {
            "local" => fields.take("dest").map(|path| Self::Directory(path.into(), stages)),
            "registry" => {
                fields.take("ref").and_then(|name| reference(&name)).map(|reference| Self::Registry(reference, stages))
            }
            "inline" if stages == CachedStages::Target => Ok(Self::Inline),
            "inline" => Err(format!("cache {text:?}: an image has the steps of its own stages only: use mode=min")),
            other => Err(format!("cache {text:?}: type {other:?} is none of local, registry and inline")),
        }
        .and_then(|target| fields.end().map(|()| target))
    }
}

/// `type=KIND,KEY=VALUE`, or the name of an image.
struct Fields {
    text: String,
    kind: String,
    values: Vec<(String, String)>,
}

impl Fields {
    fn of(text: &str) -> std::result::Result<Self, String> {
        let mut fields = Fields { text: text.to_owned(), kind: "registry".to_owned(), values: Vec::new() };
        if !text.contains('=') {
            fields.values.push(("ref".to_owned(), text.to_owned()));
            return Ok(fields);
        }
        for field in text.split(',') {
            match field.split_once('=') {
                Some(("type", kind)) => kind.clone_into(&mut fields.kind),
                Some((key, value)) => fields.values.push((key.to_owned(), value.to_owned())),
                None => return Err(format!("cache {text:?}: {field:?} is no KEY=VALUE")),
            }
        }
        Ok(fields)
    }

    fn take(&mut self, key: &str) -> std::result::Result<String, String> {
        let place = self.values.iter().position(|(known, _)| known == key);
        let place = place.ok_or_else(|| format!("cache {:?}: {key}=… is missing", self.text))?;
        Ok(self.values.remove(place).1)
    }

    fn end(&self) -> std::result::Result<(), String> {
        match self.values.first() {
            Some((key, _)) => Err(format!("cache {:?}: {key} is not known", self.text)),
            None => Ok(()),
        }
    }
}

fn reference(name: &str) -> std::result::Result<Reference, String> {
    let reference = name.parse::<Reference>().and_then(|reference| reference.as_tag().cloned());
    reference.map_err(|error| format!("cache {name:?}: {error}"))
}

impl Job<'_> {
    /// Takes the steps that the caches elsewhere have. One that cannot be had only makes the build slower.
    pub(super) fn import_caches(&self) -> Result<()> {
        for source in &self.options.cache_from {
            if self.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let begun = self.steps.begin(&format!("importing cache from {source}"));
            let imported = match source {
                CacheSource::Directory(path) => self.import_archive(&path.join(ARCHIVE)),
                CacheSource::Registry(reference) => self.import_from(reference),
            };
            match imported {
                Ok(()) => begun.done(),
                Err(error) => begun.failed(&error.to_string()),
            }
        }
        Ok(())
    }

    fn import_archive(&self, path: &Path) -> Result<()> {
        let store = self.workshop.store();
        let before = self.images_before()?;
        let ids = store.load_unnamed(path)?;
        let remembered = ids.iter().try_for_each(|id| self.remember(id));
        ids.iter().filter(|id| !before.contains(*id)).try_for_each(|id| self.forget(&id.to_string()))?;
        remembered
    }

    fn import_from(&self, reference: &Reference) -> Result<()> {
        let registries = Registries::open()?;
        let (whole, listed) = registries.manifests(reference)?;
        let ours = Platform::of_this_machine();
        let fits = |platform: &Option<Platform>| platform.as_ref().is_none_or(|one| ours.distance(one).is_some());
        let digests = match listed.as_slice() {
            [] => vec![whole.digest],
            listed => listed.iter().filter(|one| fits(&one.platform)).map(|one| one.digest).collect(),
        };
        for digest in digests {
            // By its digest, so that no name means another image for it.
            let pinned = reference.with_digest(digest);
            let pulled = registries.pull(self.workshop.store(), &pinned, &PullOptions::default(), &mut |_| ())?;
            let remembered = self.remember(&pulled.id);
            if pulled.is_new {
                self.forget(&pulled.reference.to_string())?;
            }
            remembered?;
        }
        Ok(())
    }

    /// Keeps the steps that an image tells of, unless they are known.
    fn remember(&self, id: &Digest) -> Result<()> {
        let store = self.workshop.store();
        let _lease = store.lease(id)?;
        let malformed = |problem: String| Error::Build(format!("the cache {id} is malformed: {problem}"));
        let config: Value =
            serde_json::from_slice(&store.configuration(id)?).map_err(|error| malformed(error.to_string()))?;
        let Some(notes) = config.get(STEPS) else { return Err(malformed("it tells of no steps".to_owned())) };
        let notes = Vec::<Note>::deserialize(notes).map_err(|error| malformed(error.to_string()))?;
        let layers = store.layers_of(id)?;
        if notes.len() > MOST_STEPS || notes.iter().any(|note| note.layers > layers.len()) {
            return Err(malformed("it tells of steps that it has not".to_owned()));
        }
        for note in notes {
            note.created.parse::<jiff::Timestamp>().map_err(|error| malformed(error.to_string()))?;
            if store.cached(&note.key)?.is_none() {
                // Text of strangers does not steer a terminal.
                let description: String = note.description.chars().filter(|c| !c.is_control()).collect();
                let description = super::trouble::shortened(&description);
                store.remember_step(&note.key, &description, &note.created, note.empty, &layers.up_to(note.layers))?;
            }
        }
        Ok(())
    }

    /// Puts the steps of this build where they are wanted.
    pub(super) fn export_caches(&self, target: &Arc<Made>, all: &[Arc<Made>]) -> Result<()> {
        for wanted in &self.options.cache_to {
            let (stages, shown) = match wanted {
                // The image has them already.
                CacheTarget::Inline => continue,
                CacheTarget::Directory(path, stages) => (*stages, path.display().to_string()),
                CacheTarget::Registry(reference, stages) => (*stages, reference.canonical()),
            };
            let begun = self.steps.begin(&format!("exporting cache to {shown}"));
            let chains = match stages {
                CachedStages::Target => chains(std::slice::from_ref(target)),
                CachedStages::All => chains(all),
            };
            let before = self.images_before()?;
            let ids = chains.into_iter().map(|made| self.cache_image(made)).collect::<Result<Vec<_>>>()?;
            let sent = match wanted {
                CacheTarget::Directory(path, _) => self.export_archive(path, &ids),
                CacheTarget::Registry(reference, _) => Registries::open()
                    .and_then(|registries| registries.push_index(self.workshop.store(), reference, &ids))
                    .map_err(Error::from),
                CacheTarget::Inline => Ok(()),
            };
            ids.iter().filter(|id| !before.contains(*id)).try_for_each(|id| self.forget(&id.to_string()))?;
            match sent {
                Ok(()) => begun.done(),
                Err(error) => {
                    begun.failed(&error.to_string());
                    return Err(Error::Build(format!("the cache cannot be put to {shown}: {error}")));
                }
            }
        }
        Ok(())
    }

    fn export_archive(&self, directory: &Path, ids: &[Digest]) -> Result<()> {
        fs::create_dir_all(directory).map_err(|error| Error::file(directory, error))?;
        let (path, new) = (directory.join(ARCHIVE), directory.join(format!("{ARCHIVE}.new")));
        let file = File::create(&new).map_err(|error| Error::file(&new, error))?;
        let names: Vec<String> = ids.iter().map(Digest::to_string).collect();
        self.workshop.store().save(&names, file)?;
        fs::rename(&new, &path).map_err(|error| Error::file(&path, error))
    }

    /// An image without a name that has the layers of a stage, and tells of its steps.
    fn cache_image(&self, made: &Made) -> Result<Digest> {
        let platform = self.options.platform.clone().unwrap_or_else(super::options::this_machine);
        let created = made.steps.last().map_or_else(|| timestamp(0), |(_, step)| Ok(step.created.clone()))?;
        let diff_ids: Vec<String> = made.layers.diff_ids().iter().map(Digest::to_string).collect();
        let config = json!({
            "architecture": platform.architecture, "os": platform.os, "variant": platform.variant, "created": created,
            "config": {}, "history": [], "rootfs": { "type": "layers", "diff_ids": diff_ids }, STEPS: notes(made),
        });
        let config = serde_json::to_vec(&config).expect("it has only string keys");
        Ok(self.workshop.publish(&config, &created, &made.layers, &[])?)
    }

    fn images_before(&self) -> Result<BTreeSet<Digest>> {
        Ok(self.workshop.store().list()?.into_iter().map(|image| image.id).collect())
    }

    /// Removes an image that only brought a cache; what its steps need stays with them.
    fn forget(&self, name: &str) -> Result<()> {
        let store = self.workshop.store();
        match store.remove(name, true, &|_| Vec::new()) {
            Ok(_) => Ok(store.empty_trash()?),
            Err(ImageError::NotFound(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The configuration of an image with the steps that made it.
pub(super) fn inlined(config: &[u8], made: &Made) -> Vec<u8> {
    let mut config: Value = serde_json::from_slice(config).expect("it was just written");
    config[STEPS] = json!(notes(made));
    serde_json::to_vec(&config).expect("it has only string keys")
}

fn notes(made: &Made) -> Vec<Note> {
    let note = |(key, step): &(Digest, porthole_images::CachedStep)| Note {
        key: *key,
        description: step.description.clone(),
        created: step.created.clone(),
        empty: step.is_empty,
        layers: step.layers().len(),
    };
    made.steps.iter().map(note).collect()
}

/// The stages that have steps and layers, but for those that others begin with.
fn chains(all: &[Arc<Made>]) -> Vec<&Made> {
    let keys = |made: &Made| made.steps.iter().map(|(key, _)| *key).collect::<Vec<_>>();
    let mut chains: Vec<&Made> = Vec::new();
    let mut sorted: Vec<&Made> =
        all.iter().map(Arc::as_ref).filter(|made| !made.steps.is_empty() && !made.layers.is_empty()).collect();
    sorted.sort_by_key(|made| std::cmp::Reverse(made.steps.len()));
    for made in sorted {
        if !chains.iter().any(|longer| keys(longer).starts_with(&keys(made))) {
            chains.push(made);
        }
    }
    chains
}

impl std::fmt::Display for CacheSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Registry(reference) => f.write_str(&reference.canonical()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_buildkit_has_them() {
        let name = |text: &str| reference(text).unwrap();
        assert_eq!("type=local,src=a/b".parse(), Ok(CacheSource::Directory("a/b".into())));
        assert_eq!("type=registry,ref=h:1/c:x".parse(), Ok(CacheSource::Registry(name("h:1/c:x"))));
        assert_eq!("h:1/c".parse(), Ok(CacheSource::Registry(name("h:1/c:latest"))));
        for bad in ["type=gha", "type=local", "type=local,src=a,x=y", "type=registry,ref=A b", "type=inline", "a=b,c"] {
            assert!(bad.parse::<CacheSource>().is_err(), "{bad}");
        }
        let all = CachedStages::All;
        assert_eq!("type=local,dest=d,mode=max".parse(), Ok(CacheTarget::Directory("d".into(), all)));
        assert_eq!("type=inline".parse(), Ok(CacheTarget::Inline));
        assert_eq!("mode=min,ref=c".parse(), Ok(CacheTarget::Registry(name("c:latest"), CachedStages::Target)));
        for bad in ["type=inline,mode=max", "type=local,dest=d,mode=all", "type=local,src=d"] {
            assert!(bad.parse::<CacheTarget>().is_err(), "{bad}");
        }
    }
}
