//! Looking inside images and containers: what each layer brings along, and which one a file comes from.
//!
//! A [`Stack`] is an index of all files of all layers, read once; everything asked of it later is answered from memory.
//! A single path is looked up without one ([`Engine::why`], [`Engine::open_inside`]).

mod extract;
mod layer;
mod lookup;
mod object;
mod stack;
#[cfg(test)]
mod testing;

pub use extract::Extracted;
pub use lookup::Why;
pub use object::{Kind, Object};
pub use stack::{Change, Layer, NodeId, Sight, Stack, Version, View};

use crate::container::record::Record;
use crate::engine::Engine;
use crate::error::{Error, Result};
use porthole_images::Image;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A directory of a stack, and what is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The step of the image's history that made it; of a container's own layer, that it is that.
    pub made_by: String,
    /// Its digest, uncompressed (OCI image specification, "Layer DiffID"); a container's own has none.
    pub diff_id: Option<String>,
    /// Where its files are.
    pub directory: PathBuf,
}

impl Engine {
    /// Reads all layers of an image or a container, whichever has this name.
    pub fn inside(&self, name: &str) -> Result<Stack> {
        Stack::read(self.sources(name)?)
    }

    /// Which layer serves a path of an image or a container, and what else there is of it.
    pub fn why(&self, name: &str, path: &Path) -> Result<Why> {
        let sources = self.sources(name)?;
        let lookup::Found { path, versions, .. } = lookup::resolve(&sources, path, lookup::Last::Kept)?;
        Ok(Why { path, versions, sources })
    }

    /// Opens a file of an image or a container to be read. Links are followed inside of it only; what is no ordinary file is
    /// refused.
    pub fn open_inside(&self, name: &str, path: &Path) -> Result<File> {
        lookup::open(&self.sources(name)?, path)
    }

    /// The layers of an image or a container, the lowest first.
    fn sources(&self, name: &str) -> Result<Vec<Source>> {
        match self.find(name) {
            Ok(record) => self.sources_of_container(&record),
            Err(Error::NoSuchContainer(_)) => self.sources_of_image(&self.images()?.resolve(name)?),
            Err(error) => Err(error),
        }
    }

    fn sources_of_container(&self, record: &Record) -> Result<Vec<Source>> {
        let config = record.existing_config()?;
        let mut sources = match self.images()?.resolve(&config.image_id) {
            Ok(image) => self.sources_of_image(&image)?,
            // Its image has lost its record; its layers are still there.
            Err(_) => config.layers.iter().rev().map(|layer| Source::unknown(layer)).collect(),
        };
        let made_by = format!("container {}", config.name);
        sources.push(Source { made_by, diff_id: None, directory: record.path("upper") });
        Ok(sources)
    }

    fn sources_of_image(&self, image: &Image) -> Result<Vec<Source>> {
        let store = self.images()?;
        let history = image.config.history().iter().flatten();
        let steps = history.filter(|step| !step.empty_layer().unwrap_or(false));
        let steps = steps.map(|step| step.created_by().clone().unwrap_or_default());
        let diff_ids = image.config.rootfs().diff_ids().iter();
        let layers = diff_ids.zip(store.layer_directories(image));
        let steps = steps.map(Some).chain(std::iter::repeat(None));
        let source = |((diff_id, directory), step): ((&String, PathBuf), Option<String>)| Source {
            made_by: step.unwrap_or_default(),
            diff_id: Some(diff_id.clone()),
            directory,
        };
        Ok(layers.zip(steps).map(source).collect())
    }
}

impl Source {
    /// Opens a file of this layer alone, at a path without links; what is no ordinary file is refused.
    pub fn open(&self, path: &Path) -> Result<File> {
        lookup::open_in(self, path)
    }

    /// Where a symbolic link of this layer alone leads, as it is written; its path must be without other links.
    pub fn read_link(&self, path: &Path) -> Result<PathBuf> {
        lookup::read_link_in(self, path)
    }

    fn unknown(directory: &Path) -> Self {
        Self { made_by: String::new(), diff_id: None, directory: directory.to_owned() }
    }
}
