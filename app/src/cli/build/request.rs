//! What a command line of `build` says of the files that it reads, for whoever shows them beside the build.

use super::arguments::BuildArgs;
use clap::FromArgMatches;
use std::path::PathBuf;

/// A build as somebody asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildRequest {
    /// The command line, `build` first.
    pub argv: Vec<String>,
    /// Its image's first name, or else its context.
    pub name: String,
    /// The Dockerfile.
    pub dockerfile: PathBuf,
}

impl BuildRequest {
    /// Reads a command line; none if it is no build of a folder that can be watched.
    pub fn of(argv: &[String]) -> Option<Self> {
        let words = std::iter::once("porthole").chain(argv.iter().map(String::as_str));
        let matches = crate::cli::command().try_get_matches_from(words).ok()?;
        let (_, matches) = matches.subcommand().filter(|(name, _)| *name == "build")?;
        let arguments = BuildArgs::from_arg_matches(matches).ok()?;
        let dockerfile = arguments.dockerfile().filter(|_| arguments.is_told_of())?;
        Some(Self { argv: argv.to_vec(), name: arguments.name().to_owned(), dockerfile })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<(String, PathBuf)> {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        BuildRequest::of(&argv).map(|request| (request.name, request.dockerfile))
    }

    #[test]
    fn name_and_dockerfile_are_found() {
        assert_eq!(of("build -t app:1 --label a=b ."), Some(("app:1".into(), "./Dockerfile".into())));
        assert_eq!(of("build -f docker/Dockerfile /src"), Some(("/src".into(), "docker/Dockerfile".into())));
        assert_eq!(of("build /src --no-cache -t a -t b"), Some(("a".into(), "/src/Dockerfile".into())));
    }

    #[test]
    fn what_cannot_be_watched_is_none() {
        for line in
            ["build -", "build -f - .", "build --check .", "build -q .", "build --progress plain .", "build", "ps"]
        {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
