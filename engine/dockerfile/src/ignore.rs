//! Ignore files: which files of a context are not sent (`.dockerignore`; moby/patternmatcher).

use crate::error::{Error, Result};
use crate::glob::Glob;

/// The patterns of an ignore file, in order: each may take back what those before it say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    kind: Kind,
    /// `!`: what it takes is sent after all.
    exception: bool,
}

/// How a pattern is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Exact(String),
    /// `dir/**`.
    Prefix(String),
    /// `**/name`, `**name`.
    Suffix(String),
    Glob(Glob),
}

/// Which patterns take a directory, and so all that is in it. It spares asking again of each file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    by_pattern: Option<Vec<bool>>,
}

impl Ignore {
    /// Reads an ignore file.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let text = String::from_utf8_lossy(file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file));
        Self::from_patterns(&patterns(&text))
    }

    /// Takes patterns as they are.
    pub fn from_patterns<S: AsRef<str>>(patterns: &[S]) -> Result<Self> {
        let patterns = patterns.iter().map(|pattern| pattern.as_ref().trim()).filter(|pattern| !pattern.is_empty());
        Ok(Self { patterns: patterns.map(Pattern::parse).collect::<Result<_>>()? })
    }

    /// Whether there is nothing to ignore.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether something may be sent out of a directory that is not.
    pub fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.exception)
    }

    /// Whether a file is ignored, by its own path or that of a directory that it is in. The path is relative, with `/`.
    pub fn excludes(&self, path: &str) -> bool {
        let parents = parents(path);
        let takes = |pattern: &Pattern| pattern.takes(path) || parents.iter().any(|parent| pattern.takes(parent));
        self.patterns.iter().fold(false, |ignored, pattern| match pattern.exception == ignored && takes(pattern) {
            true => !pattern.exception,
            false => ignored,
        })
    }

    /// The same for a walk down the tree, where it is known what takes the directory that the file is in. This is what
    /// decides what of a context is sent. It differs where an exception takes a directory that is not ignored: it does
    /// not take what is ignored beneath (moby's `MatchesUsingParentResults`).
    pub fn excludes_within(&self, path: &str, directory: &Taken) -> (bool, Taken) {
        let mut ignored = false;
        let mut taken = vec![false; self.patterns.len()];
        for (index, pattern) in self.patterns.iter().enumerate() {
            let inherited = directory.by_pattern.as_ref().and_then(|known| known.get(index)).copied();
            let takes = match inherited {
                Some(true) => true,
                _ if pattern.exception != ignored => continue,
                Some(false) => pattern.takes(path),
                None => pattern.takes(path) || parents(path).iter().any(|parent| pattern.takes(parent)),
            };
            taken[index] = takes;
            if takes {
                ignored = !pattern.exception;
            }
        }
        (ignored, Taken { by_pattern: Some(taken) })
    }
}

/// The patterns of an ignore file, without comments and empty lines, relative to the context.
fn patterns(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pattern = |line: &str| {
        let (exception, path) = match line.strip_prefix('!') {
            Some(path) => ("!", path.trim()),
            None => ("", line),
        };
        let path = if path.is_empty() { String::new() } else { clean(path) };
        let relative = path.strip_prefix('/').filter(|relative| !relative.is_empty()).unwrap_or(&path);
        format!("{exception}{relative}")
    };
    lines.map(str::trim).filter(|line| !line.is_empty()).map(pattern).collect()
}

impl Pattern {
    fn parse(text: &str) -> Result<Self> {
        let cleaned = clean(text);
        let (exception, path) = match cleaned.strip_prefix('!') {
            Some("") => return Err(Error::new("illegal exclusion pattern: \"!\"")),
            Some(path) => (true, path),
            None => (false, cleaned.as_str()),
        };
        Glob::parse(path)?;
        Ok(Self { kind: Kind::parse(path)?, exception })
    }

    fn takes(&self, path: &str) -> bool {
        match &self.kind {
            Kind::Exact(exact) => path == exact,
            Kind::Prefix(prefix) => path.starts_with(prefix),
            Kind::Suffix(suffix) => path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path),
            Kind::Glob(glob) => glob.matches(path),
        }
    }
}

impl Kind {
    fn parse(path: &str) -> Result<Self> {
        let is_plain = |text: &str| !Glob::is_pattern(text);
        Ok(match (path.strip_prefix("**"), path.strip_suffix("**")) {
            (Some(suffix), _) if is_plain(suffix) => Self::Suffix(suffix.to_owned()),
            (None, Some(prefix)) if is_plain(prefix) => Self::Prefix(prefix.to_owned()),
            _ if is_plain(path) => Self::Exact(path.to_owned()),
            _ => Self::Glob(Glob::parse_deep(path)?),
        })
    }
}

/// The directories that a path is in, the outermost first.
fn parents(path: &str) -> Vec<String> {
    let Some((directory, _)) = path.rsplit_once('/') else { return Vec::new() };
    let directory = if directory.is_empty() { "/".to_owned() } else { clean(directory) };
    let ends = directory.match_indices('/').map(|(slash, _)| slash).chain([directory.len()]);
    match directory.as_str() {
        "." => Vec::new(),
        directory => ends.map(|end| directory[..end].to_owned()).collect(),
    }
}

/// The shortest path that means the same (Go's `filepath.Clean`).
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines() {
        let text = "test1\n/test2\n/a/file/../here\n\nlastfile\n# comment\n! /inverted/abs/path\n!\n! \r\n #not/\n/";
        let expected = ["test1", "test2", "a/here", "lastfile", "!inverted/abs/path", "!", "!", "#not", "/"];
        assert_eq!(patterns(text), expected);
        assert!(Ignore::parse(b"\xef\xbb\xbf#a\n\n").unwrap().is_empty());
        assert_eq!(Ignore::parse(b"!").unwrap_err().message(), "illegal exclusion pattern: \"!\"");
        assert_eq!(Ignore::parse(b"a[").unwrap_err().message(), "syntax error in pattern");
    }

    #[test]
    fn patterns_take_paths_and_what_is_beneath() {
        let cases = [
            ("**", "file", true),
            ("**/", "dir/file", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/dir2/file", true),
            ("dir/**", "dir", false),
            ("**/dir", "dir", true),
            ("**/dir", "dir/file", true),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/**", "dir/dir2/dir3/file", true),
            ("**file", "dir/dir/file", true),
            ("**/file", "dir/dir/file", true),
            ("**/file*.txt*", "dir/dir/file.txt", true),
            ("**/**/*.txt2", "dir/dir/file.txt", false),
            ("**/**/*.txt", "file.txt", true),
            ("a**/*.txt", "a/dir/dir/file.txt", true),
            ("a/*.txt", "a/dir/file.txt", false),
            ("a/*.txt**", "a/file.txt", true),
            ("a[b-d]e", "ae", false),
            ("a[^b-d]e", "aze", true),
            (".*", ".foo", true),
            ("abc.def", "abcZdef", false),
            ("abc?def", "abcZdef", true),
            ("abc?def", "abcdef", false),
            ("**/foo/bar", "dir/dir2/foo/bar", true),
            ("**/.foo", ".foo", true),
            ("**/.foo", "bar.foo", false),
            ("a(b)c/def", "a(b)c/def", true),
            ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
            ("a\\\\", "a\\", true),
            ("a\\*b", "a*b", true),
            ("docs", "docs/a/b", true),
            ("docs/", "docs/a/b", true),
            ("*", "a/b/c", true),
        ];
        for (pattern, path, expected) in cases {
            let ignore = Ignore::from_patterns(&[pattern]).unwrap();
            assert_eq!(ignore.excludes(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn later_patterns_take_back() {
        let excludes = |patterns: &[&str], path: &str| Ignore::from_patterns(patterns).unwrap().excludes(path);
        assert!(excludes(&["!a.go", "*.go"], "a.go"));
        assert!(!excludes(&["*.go", "!a.go"], "a.go"));
        assert!(!excludes(&["docs", "!docs/README.md"], "docs/README.md"));
        assert!(!excludes(&["**", "!util/docker/web"], "util/docker/web/foo"));
        assert!(excludes(&["**", "!util/docker/web", "util/docker/web/foo"], "util/docker/web/foo"));
        assert!(!excludes(&["**", "!dist/*.whl"], "dist/proxy-2.4.0rc3.dev36+g08acad9-any.whl"));
        assert!(Ignore::from_patterns(&["a", "  !b "]).unwrap().has_exceptions());
    }

    #[test]
    fn a_walk_tells_the_same() {
        let ignore = Ignore::from_patterns(&["a", "!a/b", "**/*.o", "a/b/c", "!**/keep"]).unwrap();
        for path in ["a", "a/x", "a/b", "a/b/x.o", "a/b/c/d", "a/b/c/keep", "e/f.o", "h"] {
            let mut taken = Taken::default();
            let mut ends: Vec<_> = path.match_indices('/').map(|(at, _)| at).collect();
            ends.push(path.len());
            let mut excluded = false;
            for end in ends {
                (excluded, taken) = ignore.excludes_within(&path[..end], &taken);
            }
            assert_eq!(excluded, ignore.excludes(path), "{path}");
            assert_eq!(ignore.excludes_within(path, &Taken::default()).0, ignore.excludes(path), "{path}");
        }
        let (_, root) = ignore.excludes_within("e", &Taken::default());
        let (_, directory) = ignore.excludes_within("e/keep", &root);
        assert!(ignore.excludes_within("e/keep/g.o", &directory).0);
        assert!(!ignore.excludes("e/keep/g.o"));
    }

    #[test]
    fn cleans_as_go_does() {
        let cases =
            [("", "."), ("a//b/./c/", "a/b/c"), ("a/../..", ".."), ("/../a", "/a"), ("/", "/"), ("../../a", "../../a")];
        for (path, expected) in cases {
            assert_eq!(clean(path), expected, "{path}");
        }
    }
}
