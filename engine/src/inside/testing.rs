//! Layers for tests, written as words: `dir/`, `dir/*` (opaque), `file=content`, `gone!` (a whiteout), `link>target`.

use super::{Source, Stack};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use tempfile::TempDir;

pub(super) struct Layers {
    directory: TempDir,
    count: usize,
}

impl Layers {
    pub(super) fn new(layers: &[&str]) -> Self {
        let made = Self { directory: tempfile::tempdir().unwrap(), count: layers.len() };
        for (layer, words) in layers.iter().enumerate() {
            fs::create_dir(made.path(layer, "")).unwrap();
            words.split_whitespace().for_each(|word| made.make(layer, word));
        }
        made
    }

    pub(super) fn path(&self, layer: usize, path: &str) -> PathBuf {
        self.directory.path().join(layer.to_string()).join(path)
    }

    pub(super) fn sources(&self) -> Vec<Source> {
        (0..self.count).map(|layer| Source::unknown(&self.path(layer, ""))).collect()
    }

    pub(super) fn stack(&self) -> Stack {
        Stack::read(self.sources()).unwrap()
    }

    fn make(&self, layer: usize, word: &str) {
        if let Some((name, content)) = word.split_once('=') {
            fs::write(self.path(layer, name), content).unwrap();
        } else if let Some((name, target)) = word.split_once('>') {
            symlink(target, self.path(layer, name)).unwrap();
        } else if let Some(name) = word.strip_suffix('!') {
            mknodat(CWD, self.path(layer, name), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
        } else if let Some(name) = word.strip_suffix("/*") {
            fs::create_dir(self.path(layer, name)).unwrap();
            setxattr(self.path(layer, name), "trusted.overlay.opaque", b"y", XattrFlags::empty()).unwrap();
        } else {
            fs::create_dir(self.path(layer, word.trim_end_matches('/'))).unwrap();
        }
    }
}
