//! Secrets and configs: files that containers see read-only.

use crate::container::config::Bind;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::files::{self, Durability};
use porthole_compose::project::{FileSource, Project, Service, SharedFile};
use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

impl Engine {
    /// What a service sees of the project's secrets and configs. Text is written to files of the project's own first.
    pub(super) fn shared_files(&self, project: &Project, service: &Service) -> Result<Vec<Bind>> {
        let mut binds = Vec::new();
        for (kind, sources, mounts) in
            [("secret", &project.secrets, &service.secrets), ("config", &project.configs, &service.configs)]
        {
            for mount in mounts {
                let source = self.shared_file(project, kind, sources, mount)?;
                binds.push(Bind { read_only: true, must_exist: true, ..Bind::new(source, &mount.target) });
            }
        }
        Ok(binds)
    }

    fn shared_file(
        &self,
        project: &Project,
        kind: &str,
        sources: &BTreeMap<String, FileSource>,
        mount: &SharedFile,
    ) -> Result<PathBuf> {
        let text = match sources.get(&mount.source) {
            Some(FileSource::File(path)) => return Ok(path.clone()),
            Some(FileSource::Content(text)) => text,
            None => return Err(Error::NoSuchVolume(mount.source.clone())),
        };
        let directory = self.paths().projects().join(&project.name);
        files::create_private_directory(&directory)?;
        // Services may want it with different owners. Another text is another file: containers go on seeing theirs.
        let mut hasher = DefaultHasher::new();
        (text, mount.uid, mount.gid, mount.mode).hash(&mut hasher);
        let path = directory.join(format!("{kind}-{}-{:016x}", mount.source, hasher.finish()));
        if path.exists() {
            return Ok(path);
        }
        // Whole before it has its name.
        let draft = directory.join(format!(".{}", crate::identity::new_id()));
        files::replace(&draft, text.as_bytes(), Durability::Volatile)?;
        let broken = |source| Error::file(&draft, source);
        chown(&draft, Some(mount.uid), Some(mount.gid)).map_err(broken)?;
        fs::set_permissions(&draft, fs::Permissions::from_mode(mount.mode)).map_err(broken)?;
        fs::rename(&draft, &path).map_err(broken)?;
        Ok(path)
    }

    /// Removes the files of a project.
    pub(super) fn remove_shared_files(&self, project: &str) -> Result<()> {
        let directory = self.paths().projects().join(project);
        match fs::remove_dir_all(&directory) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::file(directory, source)),
            _ => Ok(()),
        }
    }
}
