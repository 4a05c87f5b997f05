//! From prepared plans to stored images: what `load` and `pull` have in common.
//!
//! Layers that the store lacks are unpacked at the same time, each by a pipeline of two threads, straight from where they
//! come. All of them are put on disk by one `syncfs`, and then stored together with their images, all or none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Read};

use oci_spec::image::ImageConfiguration;

use crate::chain::chain_ids;
use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::layer::{Budget, Expected, LayerError, Unpacked, inherit, unpack};
use crate::reference::Reference;
use crate::store::{ImageRecord, Ingest, LayerRecord, Replaced, StagedImage, Store};
use crate::workers::Workers;

/// What overlayfs can stack (OVL_MAX_STACK).
pub(crate) const MAX_LAYERS: usize = 500;

/// Where a layer's blob comes from.
pub(crate) trait LayerSource: Clone + Send {
    /// How long the blob is said to be.
    fn length(&self) -> u64;
    /// What else it is promised to be.
    fn expected(&self) -> Expected;
    /// Reads the blob.
    fn open(&self) -> Result<impl Read>;
}

/// An image to be stored, its configuration understood.
#[derive(Debug)]
pub(crate) struct Plan<L> {
    pub(crate) id: Digest,
    config: Vec<u8>,
    manifest: Option<Vec<u8>>,
    pub(crate) references: Vec<Reference>,
    created: Option<String>,
    diff_ids: Vec<Digest>,
    pub(crate) chain_ids: Vec<Digest>,
    /// From the base upwards.
    pub(crate) layers: Vec<L>,
}

/// How far a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is to be unpacked.
    Waiting,
    /// So much of its blob has been read.
    Read { current: u64, total: u64 },
    /// It is unpacked.
    Done,
    /// It need not be unpacked.
    Present,
}

/// A layer to be unpacked.
struct Job<L> {
    chain_id: Digest,
    diff_id: Digest,
    layer: L,
}

/// An image that has been stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assembled {
    pub(crate) id: Digest,
    pub(crate) references: Vec<Reference>,
    /// Those of the names that stood for another image before, and that image.
    pub(crate) replaced: Vec<Replaced>,
}

/// Unpacking several layers at a time.
struct Crew<'a> {
    ingest: &'a Ingest,
    budget: Budget,
    workers: Workers,
}

impl Store {
    /// Stores the images of `plans`, with so many `workers` at a time. `progress` is told of layers by their chain IDs.
    pub(crate) fn assemble<L: LayerSource>(
        &self,
        plans: &[Plan<L>],
        ingest: &Ingest,
        workers: usize,
        progress: &mut dyn FnMut(Digest, Step),
    ) -> Result<Vec<Assembled>> {
        let mut unpacked = BTreeMap::new();
        let budget = Budget::of(ingest.directory()).at("examine", ingest.path())?;
        let crew = Crew { ingest, budget, workers: Workers::new(workers) };
        loop {
            let jobs = self.missing(plans, &unpacked)?;
            let absent: BTreeSet<Digest> = jobs.iter().map(|job| job.chain_id).collect();
            for chain_id in plans.iter().flat_map(|plan| &plan.chain_ids) {
                match (absent.contains(chain_id), unpacked.contains_key(chain_id)) {
                    (true, _) => progress(*chain_id, Step::Waiting),
                    (false, false) => progress(*chain_id, Step::Present),
                    (false, true) => {}
                }
            }
            crew.unpack_all(jobs, progress, &mut unpacked)?;
            // A layer that was there may have been removed meanwhile: then it has to be unpacked after all.
            let Some(staged) = self.stage(plans, ingest, &unpacked)? else { continue };
            let Some(replaced) = self.commit(ingest, &staged)? else { continue };
            return Ok(staged.into_iter().map(|image| assembled(image, &replaced)).collect());
        }
    }

    /// The layers that are neither stored nor unpacked.
    fn missing<L: LayerSource>(&self, plans: &[Plan<L>], unpacked: &BTreeMap<Digest, Unpacked>) -> Result<Vec<Job<L>>> {
        let mut jobs = BTreeMap::new();
        for job in plans.iter().flat_map(Plan::jobs) {
            if !unpacked.contains_key(&job.chain_id) && self.layer(&job.chain_id)?.is_none() {
                jobs.entry(job.chain_id).or_insert(job);
            }
        }
        let mut jobs: Vec<Job<L>> = jobs.into_values().collect();
        // The longest first, so that none is left to be unpacked alone at the end.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.layer.length()));
        Ok(jobs)
    }

    /// Completes unpacked layers and prepares the records. `None` when a layer has vanished from the store.
    fn stage<L: LayerSource>(
        &self,
        plans: &[Plan<L>],
        ingest: &Ingest,
        unpacked: &BTreeMap<Digest, Unpacked>,
    ) -> Result<Option<Vec<StagedImage>>> {
        let mut staged = Vec::new();
        for plan in plans {
            let mut layers = Vec::new();
            let mut roots = VecDeque::new();
            for chain_id in &plan.chain_ids {
                let (record, root) = match unpacked.get(chain_id) {
                    Some(layer) => {
                        let record = LayerRecord::new(*chain_id, layer);
                        let root = ingest.layer_root(chain_id);
                        if let Err(problem) = inherit(&root, &layer.implied, roots.make_contiguous()) {
                            let vanished = roots.iter().any(|root| !root.exists());
                            let error = layer_error(layer.diff_id, problem, ingest);
                            return if vanished { Ok(None) } else { Err(error) };
                        }
                        ingest.stage_layer(&record)?;
                        (record, root)
                    }
                    None => match self.layer(chain_id)? {
                        Some(record) => (record, self.layer_root(chain_id)),
                        None => return Ok(None),
                    },
                };
                layers.push(record);
                roots.push_front(root);
            }
            staged.push(plan.stage(layers, ingest)?);
        }
        Ok(Some(staged))
    }
}

fn assembled(image: StagedImage, replaced: &[Replaced]) -> Assembled {
    let replaced = replaced.iter().filter(|(name, _)| image.references.contains(name)).cloned().collect();
    Assembled { id: image.id, references: image.references, replaced }
}

impl<L: LayerSource> Plan<L> {
    /// Understands a configuration; what is wrong with it otherwise.
    pub(crate) fn new(
        config: Vec<u8>,
        manifest: Option<Vec<u8>>,
        references: Vec<Reference>,
        layers: Vec<L>,
    ) -> Result<Self, String> {
        let id = Digest::of(&config);
        let parsed: ImageConfiguration =
            serde_json::from_slice(&config).map_err(|error| format!("the configuration {id} is malformed: {error}"))?;
        let diff_ids = parsed.rootfs().diff_ids().iter().map(|diff_id| diff_id.parse());
        let diff_ids: Vec<Digest> = diff_ids.collect::<Result<_, _>>().map_err(|error| format!("{error}"))?;
        if diff_ids.len() != layers.len() {
            let (promised, found) = (diff_ids.len(), layers.len());
            return Err(format!("the image {} has {found} layers, but names {promised}", id.short()));
        }
        if diff_ids.len() > MAX_LAYERS {
            let (id, count) = (id.short(), diff_ids.len());
            return Err(format!("the image {id} has {count} layers; overlayfs can stack {MAX_LAYERS}"));
        }
        let (chain_ids, created) = (chain_ids(diff_ids.iter().copied()), parsed.created().clone());
        Ok(Self { id, config, manifest, references, created, diff_ids, chain_ids, layers })
    }

    fn jobs(&self) -> impl Iterator<Item = Job<L>> {
        let layers = self.chain_ids.iter().zip(&self.diff_ids).zip(&self.layers);
        layers.map(|((chain_id, diff_id), layer)| Job { chain_id: *chain_id, diff_id: *diff_id, layer: layer.clone() })
    }

    fn stage(&self, layers: Vec<LayerRecord>, ingest: &Ingest) -> Result<StagedImage> {
        ingest.stage_blob(&self.config)?;
        let manifest = self.manifest.as_deref().map(|manifest| ingest.stage_blob(manifest)).transpose()?;
        let record = ImageRecord { created: self.created.clone(), manifest, layers };
        let image = StagedImage { id: self.id, record, references: self.references.clone() };
        ingest.stage_record(&image)?;
        Ok(image)
    }
}

/// What workers tell: how far the layer with this chain ID is, or that it is done.
enum Report {
    Step(Digest, Step),
    Done(Digest, Unpacked),
}

impl Crew<'_> {
    /// Unpacks layers until all are done or one fails.
    fn unpack_all<L: LayerSource>(
        &self,
        jobs: Vec<Job<L>>,
        progress: &mut dyn FnMut(Digest, Step),
        unpacked: &mut BTreeMap<Digest, Unpacked>,
    ) -> Result<()> {
        let unpack = |job: Job<L>, report: &dyn Fn(Report)| {
            let unpacked = self.unpack_one(&job, &|step| report(Report::Step(job.chain_id, step)))?;
            report(Report::Done(job.chain_id, unpacked));
            Ok(())
        };
        self.workers.each(jobs, unpack, &mut |report| match report {
            Report::Step(chain_id, step) => progress(chain_id, step),
            Report::Done(chain_id, layer) => {
                progress(chain_id, Step::Done);
                unpacked.insert(chain_id, layer);
            }
        })
    }

    fn unpack_one<L: LayerSource>(&self, job: &Job<L>, report: &dyn Fn(Step)) -> Result<Unpacked> {
        let (root, copy) = self.ingest.new_layer(&job.chain_id)?;
        let total = job.layer.length();
        let mut current = 0;
        let mut progress = |count| {
            current += count;
            report(Step::Read { current, total });
        };
        let expected = Expected { diff_id: Some(job.diff_id), ..job.layer.expected() };
        let source = Stoppable { source: job.layer.open()?, workers: &self.workers };
        unpack(source, expected, root, copy, &self.budget, &mut progress)
            .map_err(|problem| layer_error(job.diff_id, problem, self.ingest))
    }
}

/// Reads until somebody says to stop.
struct Stoppable<'a, R> {
    source: R,
    workers: &'a Workers,
}

impl<R: Read> Read for Stoppable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.workers.are_stopped() {
            true => Err(io::Error::other("stopped, since another layer failed")),
            false => self.source.read(buffer),
        }
    }
}

/// Names the layer, unless the trouble is the disk's.
fn layer_error(layer: Digest, problem: LayerError, ingest: &Ingest) -> Error {
    match problem.is_full() {
        true => Error::Full { path: ingest.path().to_owned() },
        false => Error::Layer { layer, problem },
    }
}
