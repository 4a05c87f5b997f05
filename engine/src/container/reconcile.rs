//! Finding what killed processes left behind, and finishing their work.

use super::names;
use super::record::{self, Record};
use super::remove::remove_tree;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::Lock;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

impl Engine {
    /// Cleans up after containers whose end nobody saw. Looks only at those that were started and not yet cleaned up
    /// after, so that a start among many idle containers stays cheap.
    pub fn reconcile(&self) -> Result<()> {
        for id in names_in(&self.paths().active_directory())? {
            match self.reconcile_one(&Record::new(self.paths(), &id)) {
                Err(Error::Record { .. }) => {}
                result => result?,
            }
        }
        // Somebody may be at work on them.
        match Lock::try_acquire(&self.paths().removed_lock())? {
            Some(lock) => self.delete_removed(&lock),
            None => Ok(()),
        }
    }

    /// Deletes the files of removed containers, whoever removed them.
    pub(crate) fn empty_graves(&self) -> Result<()> {
        self.delete_removed(&Lock::acquire(&self.paths().removed_lock())?)
    }

    fn delete_removed(&self, _lock: &Lock) -> Result<()> {
        let graves = names_in(&self.paths().removed())?;
        graves.iter().try_for_each(|id| self.delete_grave(&Record::removed(self.paths(), id)))
    }

    fn delete_grave(&self, grave: &Record) -> Result<()> {
        match grave.config() {
            // Files are deleted once the names are given back.
            Ok(None) => {}
            Ok(config) => self.give_back_names(grave, config.as_ref())?,
            Err(_) => self.give_back_names(grave, None)?,
        }
        remove_tree(grave.directory())
    }

    /// As [`Engine::reconcile`], and also removes directories of containers that were never made whole.
    pub fn reconcile_all(&self) -> Result<()> {
        for id in record::ids(self.paths())? {
            let record = Record::new(self.paths(), &id);
            match record.config() {
                Ok(None) => self.remove_unfinished(&record)?,
                Ok(Some(_)) if record.renaming().exists() => self.finish_rename(&record)?,
                // A damaged record is whole, and for the user to remove.
                _ => {}
            }
        }
        self.reconcile()
    }

    fn reconcile_one(&self, record: &Record) -> Result<()> {
        if !record.directory().exists() {
            return self.release(record, None);
        }
        // Whoever holds the lock is at work on it, and will leave it in order.
        let Some(lock) = record.try_lock()? else { return Ok(()) };
        let live = record.live()?;
        if record::is_active(live.state.status) && !live.stale {
            return Ok(());
        }
        drop(lock);
        self.clean_up(&record.id)
    }

    fn remove_unfinished(&self, record: &Record) -> Result<()> {
        let Some(_lock) = record.try_lock()? else { return Ok(()) };
        if record.config()?.is_some() {
            return Ok(());
        }
        names::release_all(self.paths(), &record.id, None)?;
        // In one step: whoever is about to make it whole after all finds it gone, and not some of its files.
        match self.move_to_removed(record) {
            // Whoever failed to make it has removed it.
            Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
            moved => remove_tree(&moved?),
        }
    }

    fn finish_rename(&self, record: &Record) -> Result<()> {
        let Some(_lock) = record.try_lock()? else { return Ok(()) };
        record.config()?.map_or(Ok(()), |config| self.settle_names(record, &config.name))
    }
}

fn names_in(directory: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::file(directory, source)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    names.collect::<std::io::Result<_>>().map_err(|source| Error::file(directory, source))
}
