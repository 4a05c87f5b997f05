//! Making, finding and removing volumes.

use super::local::LocalOptions;
use super::{ANONYMOUS, VolumeMount, mounted, name};
use crate::container::config::ContainerConfig;
use crate::container::disk_usage;
use crate::container::record::{self, Record};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Durability, Lock};
use crate::identity;
use crate::storage::{PruneFilter, Pruned};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// `volume.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// When it was made (RFC 3339).
    pub created: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What is mounted in place of its directory, if anything is.
    pub options: LocalOptions,
}

/// What a new volume is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewVolume {
    /// Its name; a generated one when `None`.
    pub name: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What is mounted in place of its directory, if anything is.
    pub options: LocalOptions,
}

/// A volume as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSummary {
    /// Its name.
    pub name: String,
    /// `local`.
    pub driver: &'static str,
    /// When it was made (RFC 3339).
    pub created: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Where its data is.
    pub mountpoint: PathBuf,
    /// The names of the containers that mount it.
    pub used_by: Vec<String>,
}

/// Keeps all volumes from being removed.
#[derive(Debug)]
pub(crate) struct VolumesInUse {
    _lock: Lock,
}

/// The right to remove volumes.
struct Removal {
    _lock: Lock,
}

impl Volume {
    /// Whether nobody named it: it goes with the container that it was made for.
    pub fn is_anonymous(&self) -> bool {
        self.labels.contains_key(ANONYMOUS)
    }

    /// In nanoseconds since 1970.
    fn made_at(&self) -> Option<i64> {
        let time: jiff::Timestamp = self.created.parse().ok()?;
        i64::try_from(time.as_nanosecond()).ok()
    }
}

impl VolumeSummary {
    /// As [`Volume::is_anonymous`].
    pub fn is_anonymous(&self) -> bool {
        self.labels.contains_key(ANONYMOUS)
    }
}

impl Engine {
    /// Makes a volume. One that exists already is taken as it is.
    pub fn create_volume(&self, new: NewVolume) -> Result<Volume> {
        let in_use = self.use_volumes()?;
        self.ensure_volume(&in_use, new)
    }

    /// All volumes, by name.
    pub fn volumes(&self) -> Result<Vec<VolumeSummary>> {
        let mut users = self.volume_users(Damaged::Skipped)?;
        let volumes = self.volume_names()?.into_iter().filter_map(|name| self.read_volume(&name).transpose());
        let summary = |volume: Volume| VolumeSummary {
            mountpoint: self.volume_data(&volume.name),
            used_by: users.remove(&volume.name).unwrap_or_default(),
            name: volume.name,
            driver: "local",
            created: volume.created,
            labels: volume.labels,
        };
        Ok(volumes.collect::<Result<Vec<_>>>()?.into_iter().map(summary).collect())
    }

    /// All that is known of a volume, in Docker's form.
    pub fn inspect_volume(&self, name: &str) -> Result<serde_json::Value> {
        let volume = self.volume(name)?;
        let options = (!volume.options.is_empty()).then(|| volume.options.words());
        Ok(json!({
            "CreatedAt": volume.created,
            "Driver": "local",
            "Labels": (!volume.labels.is_empty()).then_some(&volume.labels),
            "Mountpoint": self.volume_data(name),
            "Name": volume.name,
            "Options": options,
            "Scope": "local",
        }))
    }

    /// Removes a volume that no container uses. Its files are deleted by [`Engine::sweep`]. With `force` one that is not there
    /// is none too many.
    pub fn remove_volume(&self, name: &str, force: bool) -> Result<()> {
        let removal = self.begin_removal()?;
        match self.volume(name) {
            Err(Error::NoSuchVolume(_)) if force => return Ok(()),
            volume => volume?,
        };
        if let Some(users) = self.volume_users(Damaged::Refused)?.remove(name) {
            return Err(Error::VolumeInUse { name: name.to_owned(), users: users.join(", ") });
        }
        self.bury_volume(&removal, name)
    }

    /// Removes the volumes that no container uses: those that nobody named, or all.
    pub fn prune_volumes(&self, all: bool, filter: &PruneFilter) -> Result<Pruned> {
        let removal = self.begin_removal()?;
        let users = self.volume_users(Damaged::Refused)?;
        let mut pruned = Pruned::default();
        for name in self.volume_names()? {
            let Some(volume) = self.read_volume(&name)? else { continue };
            if users.contains_key(&name)
                || !(all || volume.is_anonymous())
                || !filter.wants(volume.made_at(), &volume.labels)
            {
                continue;
            }
            let data = self.volume_data(&name);
            pruned.reclaimed += disk_usage::of_tree(&data).map_err(|source| Error::file(&data, source))?;
            self.bury_volume(&removal, &name)?;
            pruned.volumes.push(name);
        }
        Ok(pruned)
    }

    /// Removes the volumes that were made for a container that is gone, and that nobody else uses.
    pub(crate) fn remove_anonymous_volumes(&self, config: &ContainerConfig) -> Result<()> {
        let names: Vec<&String> = config.host.volumes.iter().filter_map(|mount| mount.name.as_ref()).collect();
        if !names.iter().any(|name| name::is_generated(name)) {
            return Ok(());
        }
        let removal = self.begin_removal()?;
        let users = self.volume_users(Damaged::Refused)?;
        for name in names {
            let volume = self.read_volume(name)?;
            if volume.is_some_and(|volume| volume.is_anonymous()) && !users.contains_key(name) {
                self.bury_volume(&removal, name)?;
            }
        }
        Ok(())
    }

    /// Keeps volumes from being removed until a container that uses them is on record.
    pub(crate) fn use_volumes(&self) -> Result<VolumesInUse> {
        files::create_private_directory(&self.volumes_directory())?;
        Ok(VolumesInUse { _lock: Lock::acquire_shared(&self.volumes_lock())? })
    }

    /// The volume of a container that is being made: made too, if it is not there.
    pub(crate) fn volume_for(&self, in_use: &VolumesInUse, mount: &VolumeMount) -> Result<Volume> {
        let VolumeMount { name, labels, options, .. } = mount.clone();
        self.ensure_volume(in_use, NewVolume { name, labels, options })
    }

    fn ensure_volume(&self, _in_use: &VolumesInUse, new: NewVolume) -> Result<Volume> {
        let NewVolume { name, mut labels, options } = new;
        if name.is_none() {
            labels.insert(ANONYMOUS.to_owned(), String::new());
        }
        let name = name.unwrap_or_else(identity::new_id);
        name::check(&name)?;
        if let Some(volume) = self.read_volume(&name)? {
            return Ok(volume);
        }
        let volume = Volume { name, created: jiff::Timestamp::now().to_string(), labels, options };
        let temporary = self.volumes_directory().join(format!(".new-{}", &identity::new_id()[..16]));
        let made = self.make_volume(&temporary, &volume);
        if !matches!(made, Ok(true)) {
            // Nobody knows of it.
            let _ = fs::remove_dir_all(&temporary);
        }
        match made? {
            true => {
                self.record_volume_event("create", &volume.name);
                Ok(volume)
            }
            // Somebody else has made it meanwhile.
            false => self.volume(&volume.name),
        }
    }

    /// Makes it under another name and moves it into place; false if one is there.
    fn make_volume(&self, temporary: &Path, volume: &Volume) -> Result<bool> {
        let data = temporary.join(super::DATA);
        files::create_private_directory(temporary)?;
        files::create_private_directory(&data)?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&data, mode).map_err(|source| Error::file(&data, source))?;
        files::write_json(&temporary.join(RECORD), volume, Durability::Synced)?;
        let place = self.volumes_directory().join(&volume.name);
        match fs::rename(temporary, &place) {
            Ok(()) => files::sync_directory(&self.volumes_directory()).map(|()| true),
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => Ok(false),
            Err(source) => Err(Error::file(place, source)),
        }
    }

    pub(crate) fn volume(&self, name: &str) -> Result<Volume> {
        match name::check(name) {
            Ok(()) => self.read_volume(name)?.ok_or_else(|| Error::NoSuchVolume(name.to_owned())),
            Err(_) => Err(Error::NoSuchVolume(name.to_owned())),
        }
    }

    fn read_volume(&self, name: &str) -> Result<Option<Volume>> {
        files::read_json(&self.volumes_directory().join(name).join(RECORD))
    }

    fn volume_names(&self) -> Result<Vec<String>> {
        let directory = self.volumes_directory();
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|source| Error::file(&directory, source))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| Error::file(&directory, source))?;
            names.extend(entry.file_name().into_string().ok().filter(|name| name::check(name).is_ok() && name != LOCK));
        }
        names.sort();
        Ok(names)
    }

    /// The names of the containers that use each volume.
    fn volume_users(&self, damaged: Damaged) -> Result<HashMap<String, Vec<String>>> {
        let mut users = HashMap::<String, Vec<String>>::new();
        for id in record::ids(self.paths())? {
            let config = match Record::new(self.paths(), &id).config() {
                Err(Error::Record { .. }) if damaged == Damaged::Skipped => continue,
                config => config?,
            };
            let Some(config) = config else { continue };
            for volume in config.host.volumes.iter().filter_map(|mount| mount.name.clone()) {
                users.entry(volume).or_default().push(config.name.clone());
            }
        }
        Ok(users)
    }

    /// Waits until nobody makes a container that uses volumes. What killed processes left half made is removed.
    fn begin_removal(&self) -> Result<Removal> {
        let directory = self.volumes_directory();
        files::create_private_directory(&directory)?;
        let removal = Removal { _lock: Lock::acquire(&self.volumes_lock())? };
        let entries = fs::read_dir(&directory).map_err(|source| Error::file(&directory, source))?;
        for entry in entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b".new-")) {
            fs::remove_dir_all(entry.path()).map_err(|source| Error::file(entry.path(), source))?;
        }
        Ok(removal)
    }

    /// It is gone with the rename.
    fn bury_volume(&self, _removal: &Removal, name: &str) -> Result<()> {
        let removed = self.paths().removed();
        files::create_private_directory(&removed)?;
        let place = self.volumes_directory().join(name);
        // Nobody uses it, but somebody may have been killed who did; and its files are not those of what is mounted.
        mounted::unmount_all(&self.volume_data(name))?;
        let grave = removed.join(format!("volume-{}", identity::new_id()));
        fs::rename(&place, grave).map_err(|source| Error::file(&place, source))?;
        files::sync_directory(&self.volumes_directory())?;
        self.record_volume_event("destroy", name);
        Ok(())
    }

    /// Where the data of a volume is.
    pub(crate) fn volume_data(&self, name: &str) -> PathBuf {
        super::data(self.paths(), name)
    }

    pub(super) fn volume_directory(&self, name: &str) -> PathBuf {
        self.volumes_directory().join(name)
    }

    fn volumes_directory(&self) -> PathBuf {
        self.paths().volumes()
    }

    fn volumes_lock(&self) -> PathBuf {
        self.volumes_directory().join(LOCK)
    }
}

/// What becomes of a container whose record cannot be read, when it is asked who uses volumes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Damaged {
    /// It is left out.
    Skipped,
    /// It stops the question: nobody knows what it uses.
    Refused,
}

const RECORD: &str = "volume.json";
/// Not a name that a volume can have: it begins with a dot.
const LOCK: &str = ".lock";
