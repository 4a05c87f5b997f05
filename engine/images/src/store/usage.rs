//! What images take on disk.

use std::collections::HashMap;

use super::{ImageSummary, Store};
use crate::digest::Digest;
use crate::error::{Error, Result};

/// An image, and the layers that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUsage {
    /// The image.
    pub image: ImageSummary,
    /// Its layers by their chain IDs, and the length of their files.
    pub layers: Vec<(Digest, u64)>,
    /// The length of files in layers that other images have, too.
    pub shared: u64,
}

impl ImageUsage {
    /// The length of files in layers that no other image has: what removing it would free.
    pub fn unique(&self) -> u64 {
        self.image.size.saturating_sub(self.shared)
    }
}

impl Store {
    /// What each image takes, the newest first.
    pub fn usage(&self) -> Result<Vec<ImageUsage>> {
        let mut usages = Vec::new();
        let mut users = HashMap::<Digest, usize>::new();
        for image in self.list()? {
            // Another process may have removed it since.
            let record = match self.record(&image.id) {
                Err(Error::NotFound(_)) => continue,
                record => record?,
            };
            let layers: Vec<_> = record.layers.iter().map(|layer| (layer.chain_id, layer.size)).collect();
            for (chain_id, _) in &layers {
                *users.entry(*chain_id).or_default() += 1;
            }
            usages.push(ImageUsage { image, layers, shared: 0 });
        }
        for usage in &mut usages {
            let shared = usage.layers.iter().filter(|(chain_id, _)| users[chain_id] > 1);
            usage.shared = shared.map(|(_, size)| size).sum();
        }
        Ok(usages)
    }
}
