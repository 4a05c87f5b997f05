//! `load`: from an archive into the store.
//!
//! Layers that the store lacks are unpacked at the same time, each by a pipeline of two threads, straight from the archive's
//! file. All of them are put on disk by one `syncfs`, and then stored together with their images, all or none.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use oci_spec::image::ImageConfiguration;

use crate::archive::{self, ArchivedImage, ArchivedLayer, refuse};
use crate::chain::chain_ids;
use crate::compression::{Compression, Decoder};
use crate::digest::Digest;
use crate::error::{Context, Error, Result};
use crate::fs;
use crate::layer::{Budget, Expected, LayerError, Unpacked, inherit, unpack};
use crate::reference::Reference;
use crate::store::{ImageRecord, Ingest, LayerRecord, Replaced, StagedImage, Store};

/// What overlayfs can stack (OVL_MAX_STACK).
const MAX_LAYERS: usize = 500;

/// How far the unpacking of a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadProgress {
    /// The layer's diffID.
    pub layer: Digest,
    /// How much of its blob has been read.
    pub current: u64,
    /// How long its blob is.
    pub total: u64,
}

/// An image that has been loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// The digest of its configuration.
    pub id: Digest,
    /// The names that the archive gave it.
    pub references: Vec<Reference>,
    /// Those of the names that stood for another image before, and that image.
    pub replaced: Vec<(Reference, Digest)>,
}

/// An image to be stored, its configuration understood.
struct Plan {
    image: ArchivedImage,
    id: Digest,
    created: Option<String>,
    diff_ids: Vec<Digest>,
    chain_ids: Vec<Digest>,
}

/// A layer to be unpacked.
struct Job {
    chain_id: Digest,
    diff_id: Digest,
    layer: ArchivedLayer,
}

impl Store {
    /// Stores the images of an archive that comes by a pipe.
    pub fn load(&self, reader: impl Read + Send, progress: &mut dyn FnMut(LoadProgress)) -> Result<Vec<LoadedImage>> {
        let ingest = self.ingest()?;
        let file = spool(reader, &ingest)?;
        self.load_archive(file, &ingest, progress)
    }

    /// Stores the images of an archive in a file, without copying it first unless it is compressed as a whole.
    pub fn load_file(&self, path: &Path, progress: &mut dyn FnMut(LoadProgress)) -> Result<Vec<LoadedImage>> {
        let mut file = File::open(path).at("open", path)?;
        let ingest = self.ingest()?;
        if file.metadata().at("examine", path)?.is_file() {
            let (compression, _) = Compression::detect(&file).at("read", path)?;
            file.rewind().at("read", path)?;
            if compression == Compression::None {
                return self.load_archive(file, &ingest, progress);
            }
        }
        let file = spool(file, &ingest)?;
        self.load_archive(file, &ingest, progress)
    }

    fn load_archive(
        &self,
        file: File,
        ingest: &Ingest,
        progress: &mut dyn FnMut(LoadProgress),
    ) -> Result<Vec<LoadedImage>> {
        let plans: Vec<Plan> = archive::read(file)?.into_iter().map(Plan::new).collect::<Result<_>>()?;
        let mut unpacked = BTreeMap::new();
        let budget = Budget::of(ingest.directory()).at("examine", ingest.path())?;
        loop {
            let jobs = self.missing(&plans, &unpacked)?;
            unpack_all(jobs, ingest, &budget, progress, &mut unpacked)?;
            // A layer that was there may have been removed meanwhile: then it has to be unpacked after all.
            let Some(staged) = self.stage(&plans, ingest, &unpacked)? else { continue };
            let Some(replaced) = self.commit(ingest, &staged)? else { continue };
            return Ok(staged.into_iter().map(|image| loaded(image, &replaced)).collect());
        }
    }

    /// The layers that are neither stored nor unpacked.
    fn missing(&self, plans: &[Plan], unpacked: &BTreeMap<Digest, Unpacked>) -> Result<VecDeque<Job>> {
        let mut jobs = BTreeMap::new();
        for job in plans.iter().flat_map(Plan::jobs) {
            if !unpacked.contains_key(&job.chain_id) && self.layer(&job.chain_id)?.is_none() {
                jobs.entry(job.chain_id).or_insert(job);
            }
        }
        let mut jobs: Vec<Job> = jobs.into_values().collect();
        // The longest first, so that none is left to be unpacked alone at the end.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.layer.section.length()));
        Ok(jobs.into())
    }

    /// Completes unpacked layers and prepares the records. `None` when a layer has vanished from the store.
    fn stage(
        &self,
        plans: &[Plan],
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

fn loaded(image: StagedImage, replaced: &[Replaced]) -> LoadedImage {
    let replaced = replaced.iter().filter(|(name, _)| image.references.contains(name)).cloned().collect();
    LoadedImage { id: image.id, references: image.references, replaced }
}

impl Plan {
    fn new(image: ArchivedImage) -> Result<Self> {
        let id = Digest::of(&image.config);
        let config: ImageConfiguration = serde_json::from_slice(&image.config)
            .map_err(|error| refuse(format!("the configuration {id} is malformed: {error}")))?;
        let diff_ids: Vec<Digest> =
            config.rootfs().diff_ids().iter().map(|diff_id| diff_id.parse()).collect::<Result<_, _>>()?;
        if diff_ids.len() != image.layers.len() {
            let (promised, found) = (diff_ids.len(), image.layers.len());
            return Err(refuse(format!("the image {} has {found} layers, but names {promised}", id.short())));
        }
        if diff_ids.len() > MAX_LAYERS {
            let (id, count) = (id.short(), diff_ids.len());
            return Err(refuse(format!("the image {id} has {count} layers; overlayfs can stack {MAX_LAYERS}")));
        }
        let chain_ids = chain_ids(diff_ids.iter().copied());
        Ok(Self { id, created: config.created().clone(), chain_ids, diff_ids, image })
    }

    fn jobs(&self) -> impl Iterator<Item = Job> {
        let layers = self.chain_ids.iter().zip(&self.diff_ids).zip(&self.image.layers);
        layers.map(|((chain_id, diff_id), layer)| Job { chain_id: *chain_id, diff_id: *diff_id, layer: layer.clone() })
    }

    fn stage(&self, layers: Vec<LayerRecord>, ingest: &Ingest) -> Result<StagedImage> {
        ingest.stage_blob(&self.image.config)?;
        let manifest = self.image.manifest.as_deref().map(|manifest| ingest.stage_blob(manifest)).transpose()?;
        let record = ImageRecord { created: self.created.clone(), manifest, layers };
        let image = StagedImage { id: self.id, record, references: self.image.references.clone() };
        ingest.stage_record(&image)?;
        Ok(image)
    }
}

/// What workers tell: that a layer's blob was read so far, or that the layer is done.
enum Report {
    Read(LoadProgress),
    Done(Digest, Result<Unpacked>),
}

/// Unpacks layers, as many at a time as there are processors, until all are done or one fails.
fn unpack_all(
    jobs: VecDeque<Job>,
    ingest: &Ingest,
    budget: &Budget,
    progress: &mut dyn FnMut(LoadProgress),
    unpacked: &mut BTreeMap<Digest, Unpacked>,
) -> Result<()> {
    let workers = thread::available_parallelism().map_or(1, |count| count.get()).min(jobs.len());
    let jobs = Mutex::new(jobs);
    let next = || jobs.lock().expect("no holder panics").pop_front();
    let (reports, reported) = channel();
    thread::scope(|scope| {
        for _ in 0..workers {
            let reports = reports.clone();
            scope.spawn(move || {
                while let Some(job) = next() {
                    let result = unpack_one(&job, ingest, budget, &reports);
                    // The receiver lives until all workers are done.
                    let _ = reports.send(Report::Done(job.chain_id, result));
                }
            });
        }
        drop(reports);
        let mut outcome = Ok(());
        for report in reported {
            match report {
                Report::Read(read) => progress(read),
                Report::Done(chain_id, Ok(layer)) => {
                    unpacked.insert(chain_id, layer);
                }
                Report::Done(_, Err(error)) => {
                    jobs.lock().expect("no holder panics").clear();
                    outcome = outcome.and(Err(error));
                }
            }
        }
        outcome
    })
}

fn unpack_one(job: &Job, ingest: &Ingest, budget: &Budget, reports: &Sender<Report>) -> Result<Unpacked> {
    let (root, copy) = ingest.new_layer(&job.chain_id)?;
    let total = job.layer.section.length();
    let mut current = 0;
    let mut progress = |count| {
        current += count;
        // Nobody listens any more only when nobody cares.
        let _ = reports.send(Report::Read(LoadProgress { layer: job.diff_id, current, total }));
    };
    let expected = Expected { diff_id: Some(job.diff_id), ..job.layer.expected };
    unpack(job.layer.section.clone(), expected, root, copy, budget, &mut progress)
        .map_err(|problem| layer_error(job.diff_id, problem, ingest))
}

/// Names the layer, unless the trouble is the disk's.
fn layer_error(layer: Digest, problem: LayerError, ingest: &Ingest) -> Error {
    match problem.is_full() {
        true => Error::Full { path: ingest.path().to_owned() },
        false => Error::Layer { layer, problem },
    }
}

/// Copies an archive that can be read only once, or only from its beginning, into a plain tar file.
fn spool(reader: impl Read, ingest: &Ingest) -> Result<File> {
    let path = ingest.path().join("archive");
    let mut file = fs::create(&path)?;
    let room = Budget::of(ingest.directory()).at("examine", ingest.path())?.bytes();
    let (compression, reader) = Compression::detect(reader).at("read", Path::new("the archive"))?;
    let mut reader = Decoder::new(compression, reader).at("read", Path::new("the archive"))?;
    let copied = io::copy(&mut (&mut reader).take(room), &mut file);
    if copied.map_err(|error| copy_error(error, &path))? == room {
        return Err(refuse(format!("it is longer than {room} bytes, which would fill this disk")));
    }
    file.rewind().at("read", &path)?;
    Ok(file)
}

fn copy_error(error: io::Error, path: &Path) -> Error {
    match error.raw_os_error() {
        Some(_) => Err::<(), _>(error).at("copy the archive to", path).expect_err("made from an error"),
        None => refuse(error.to_string()),
    }
}
