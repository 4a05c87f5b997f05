//! `cp`.

use super::{Failure, Outcome};
use clap::Args;
use porthole_engine::{CopyOptions, Engine, units};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

// `cp`.
#[derive(Debug, Args)]
pub struct CpArgs {
    /// Archive mode: keep all owners as they are
    #[arg(short = 'a', long)]
    archive: bool,
    /// Always follow the symbolic link that SRC is
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Do not tell what was copied
    #[arg(short = 'q', long)]
    quiet: bool,
    /// CONTAINER:PATH, a path of the host, or - for a tar archive on standard input
    #[arg(value_name = "SRC")]
    source: String,
    /// CONTAINER:PATH, a path of the host, or - for a tar archive on standard output
    #[arg(value_name = "DEST")]
    destination: String,
}

impl CpArgs {
    /// What another command asks for; nothing is told of how much was copied.
    pub fn new(archive: bool, follow_link: bool, source: String, destination: String) -> CpArgs {
        CpArgs { archive, follow_link, quiet: true, source, destination }
    }
}

/// Copies between a container and the host.
pub fn cp(engine: &Engine, arguments: &CpArgs) -> Outcome {
    let refuse = |message: &str| Err(Failure::new(message, 1));
    let options = CopyOptions { archive: arguments.archive, follow_link: arguments.follow_link };
    let (source, destination) = (arguments.source.as_str(), arguments.destination.as_str());
    let copied = match (side(source), side(destination)) {
        (Side::Container(..), Side::Container(..)) => return refuse("copying between containers is not supported"),
        (Side::Host(_), Side::Host(_)) => return refuse("must specify at least one container source"),
        (Side::Container(name, path), Side::Host("-")) if io::stdout().is_terminal() => {
            return refuse(&format!(
                "refusing to write an archive of {name}:{path} to a terminal: name a file, or use a pipe"
            ));
        }
        (Side::Container(name, path), Side::Host("-")) => {
            engine.copy_out_archive(name, Path::new(path), io::stdout().lock(), options)?;
            None
        }
        (Side::Host("-"), Side::Container(name, path)) => {
            engine.copy_in_archive(io::stdin(), name, Path::new(path))?;
            None
        }
        (Side::Container(name, path), Side::Host(to)) => {
            Some(engine.copy_out(name, Path::new(path), Path::new(to), options)?)
        }
        (Side::Host(from), Side::Container(name, path)) => {
            Some(engine.copy_in(Path::new(from), name, Path::new(path), options)?)
        }
    };
    if let Some(bytes) = copied.filter(|_| !arguments.quiet) {
        eprintln!("Successfully copied {} to {destination}", units::human_size(bytes));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whose path it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Side<'a> {
    /// That of the container of this name.
    Container(&'a str, &'a str),
    /// The host's.
    Host(&'a str),
}

/// A colon is a container's, unless the path is absolute or begins with a dot. The root is what a container's path begins at.
pub fn side(text: &str) -> Side<'_> {
    match text.split_once(':') {
        Some((name, path)) if !text.starts_with(['/', '.']) => {
            Side::Container(name, if path.is_empty() { "/" } else { path })
        }
        _ => Side::Host(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_is_a_containers() {
        assert_eq!(side("web:/etc/hosts"), Side::Container("web", "/etc/hosts"));
        assert_eq!(side("web:a:b"), Side::Container("web", "a:b"));
        assert_eq!(side("web:"), Side::Container("web", "/"));
        for path in ["/a:b", "./a:b", "../a:b", "a", "-"] {
            assert_eq!(side(path), Side::Host(path));
        }
    }
}
