//! Which paths of a tree the sources of `COPY` and `ADD` mean.

use porthole_dockerfile::glob::Glob;
use porthole_dockerfile::ignore::clean;
use rustix::fs::{Dir, FileType, OFlags, fstat};
use rustix::io::Errno;

use crate::error::{Error, Result, at};
use crate::tree::{Tree, join, text};

impl Tree {
    /// The paths, relative to the root, that a source means, in order. One with wildcards may mean none; another must be
    /// there.
    pub fn select(&self, source: &str) -> Result<Vec<Vec<u8>>> {
        let cleaned = clean(&format!("/{source}"));
        let path = cleaned.trim_start_matches('/');
        if !Glob::is_pattern(path) {
            return match self.is_there(path.as_bytes())? {
                true => Ok(vec![path.as_bytes().to_vec()]),
                false => Err(Error::NotFound(source.to_owned())),
            };
        }
        let mut found = vec![Vec::new()];
        for component in path.split('/') {
            found = self.below(&found, component, source)?;
        }
        found.retain(|path| self.ignore.has_exceptions() || !self.ignore.excludes(&text(path)));
        Ok(found)
    }

    /// What in these directories has a name like this.
    fn below(&self, directories: &[Vec<u8>], component: &str, source: &str) -> Result<Vec<Vec<u8>>> {
        let pattern = |problem: porthole_dockerfile::Error| Error::Pattern {
            pattern: source.to_owned(),
            problem: problem.message().to_owned(),
        };
        let glob = Glob::parse(component).map_err(pattern)?;
        let mut found = Vec::new();
        for directory in directories {
            let opened = match self.open(directory, OFlags::RDONLY | OFlags::DIRECTORY) {
                // A file has nothing in it.
                Err(Errno::NOTDIR | Errno::NOENT | Errno::LOOP) => continue,
                opened => opened.map_err(at("open", directory))?,
            };
            let mut names = Vec::new();
            for entry in Dir::new(opened).map_err(at("list", directory))? {
                let entry = entry.map_err(at("list", directory))?;
                let name = entry.file_name().to_bytes();
                if name != b"." && name != b".." && glob.matches(&text(name)) {
                    names.push(join(directory, name));
                }
            }
            names.sort_unstable();
            found.extend(names);
        }
        Ok(found)
    }

    fn is_there(&self, path: &[u8]) -> Result<bool> {
        let object = match self.open(path, OFlags::PATH) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(false),
            object => object.map_err(at("open", path))?,
        };
        if path.is_empty() || !self.ignore.excludes(&text(path)) {
            return Ok(true);
        }
        // Something in an ignored directory may be not ignored after all; the scan tells.
        let stat = fstat(&object).map_err(at("examine", path))?;
        Ok(self.ignore.has_exceptions() && FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::known::Known;
    use porthole_dockerfile::ignore::Ignore;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn sources_mean_what_is_in_the_context_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join("context").join(name);
        fs::create_dir_all(path("src/a")).unwrap();
        fs::create_dir_all(path("src/b")).unwrap();
        fs::write(directory.path().join("secret"), "").unwrap();
        for file in ["one.txt", "two.txt", "src/a/x.c", "src/b/y.c", "src/b/.hidden"] {
            fs::write(path(file), "").unwrap();
        }
        symlink("../secret", path("up")).unwrap();
        symlink("/src/a", path("rooted")).unwrap();
        let root = fs::File::open(directory.path().join("context")).unwrap();
        let ignore = Ignore::from_patterns(&["two.txt", "src/b", "!src/b/y.c"]).unwrap();
        let tree = Tree::context(root.into(), ignore, Known::default());
        let select = |source: &str| {
            tree.select(source).map(|paths| paths.iter().map(|path| text(path)).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(select("one.txt").unwrap(), "one.txt");
        assert_eq!(select("./src/../one.txt").unwrap(), "one.txt");
        assert_eq!(select("../../one.txt").unwrap(), "one.txt");
        assert_eq!(select("src/*/x.?").unwrap(), "src/a/x.c");
        assert_eq!(select("rooted/x.c").unwrap(), "rooted/x.c");
        assert_eq!(select("no*").unwrap(), "");
        assert_eq!(select(".").unwrap(), "");
        for missing in ["two.txt", "nothing", "up", "one.txt/x", "../secret"] {
            assert!(matches!(select(missing), Err(Error::NotFound(_))), "{missing}");
        }
        assert!(matches!(select("[a"), Err(Error::Pattern { .. })));
    }
}
