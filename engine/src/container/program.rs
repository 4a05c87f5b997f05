//! Looking for a program in a container's image, without running anything.

use super::config::ContainerConfig;
use super::environment;
use super::user::{hides, open_inside};
use crate::engine::Engine;
use crate::error::Result;
use rustix::fs::OFlags;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

impl Engine {
    /// What was asked of a container.
    pub fn container_config(&self, name: &str) -> Result<ContainerConfig> {
        self.find(name)?.existing_config()
    }
}

impl ContainerConfig {
    /// Whether a command of this name would be found in the image, along the container's PATH.
    pub fn has_program(&self, name: &str) -> bool {
        let directories = environment::path(&self.env).split(':').filter_map(|path| path.strip_prefix('/'));
        let mut files = directories.map(|directory| Path::new(directory).join(name));
        files.any(|file| is_program(&self.layers, &file))
    }
}

/// What the topmost layer says that has the file or hides it.
fn is_program(layers: &[PathBuf], file: &Path) -> bool {
    let decide =
        |layer: &PathBuf| if executable(layer, file) { Some(true) } else { hides(layer, file).then_some(false) };
    layers.iter().find_map(decide).unwrap_or(false)
}

/// Whether a layer has the file, and it can be executed. The end of a link may lie in another layer: it is believed.
fn executable(layer: &Path, file: &Path) -> bool {
    let found = open_inside(layer, file, OFlags::PATH | OFlags::NOFOLLOW).and_then(|found| found.metadata());
    let fits = |kind: std::fs::FileType, mode: u32| kind.is_symlink() || (kind.is_file() && mode & 0o111 != 0);
    found.is_ok_and(|found| fits(found.file_type(), found.permissions().mode()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_topmost_layer_decides() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let (upper, lower) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let layers = [upper.path().to_owned(), lower.path().to_owned()];
        let sh = Path::new("bin/sh");
        assert!(!is_program(&layers, sh));
        fs::create_dir(lower.path().join("bin")).unwrap();
        fs::write(lower.path().join(sh), "").unwrap();
        assert!(!is_program(&layers, sh), "it is not executable");
        fs::set_permissions(lower.path().join(sh), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_program(&layers, sh));
        fs::create_dir(upper.path().join("bin")).unwrap();
        assert!(is_program(&layers, sh));
        mknodat(CWD, upper.path().join(sh), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
        assert!(!is_program(&layers, sh), "a whiteout hides it");
    }

    #[test]
    fn links_count_and_do_not_lead_out() {
        let layer = tempfile::tempdir().unwrap();
        fs::create_dir_all(layer.path().join("usr/bin")).unwrap();
        std::os::unix::fs::symlink("busybox", layer.path().join("usr/bin/sh")).unwrap();
        std::os::unix::fs::symlink("/usr/bin", layer.path().join("bin")).unwrap();
        let layers = [layer.path().to_owned()];
        assert!(is_program(&layers, Path::new("bin/sh")));
        assert!(!is_program(&layers, Path::new("bin/env")), "the host has it, the image has not");
    }
}
