//! `build`, and `builder` for what builds leave in the cache.

mod arguments;
mod builder;
mod check;
pub mod interrupt;
mod progress;
mod request;
mod shell;

pub use arguments::{BuildArgs, build_arg};
pub(super) use builder::ago;
pub use builder::{BuilderArgs, builder};
pub use progress::Steps;
pub use request::BuildRequest;

use super::{Failure, Outcome, output};
use arguments::ProgressStyle;
use porthole_engine::build::{BuildOptions, Built};
use porthole_engine::{Cancel, Engine, Error};
use progress::Progress;
use std::fs;
use std::process::ExitCode;
use std::sync::Arc;

/// As a shell has it for what SIGINT ended.
pub const INTERRUPTED: i32 = 130;

/// Builds an image.
pub fn build(engine: &Engine, arguments: BuildArgs) -> Outcome {
    let refuse = |message: String| Failure::new(message, 125);
    let (quiet, id_file, checks) = (arguments.quiet, arguments.iidfile.clone(), arguments.check);
    let style = arguments.progress;
    let options = arguments.options().map_err(refuse)?;
    if checks {
        return check::check(engine, &options);
    }
    let built = solve(engine, &options, if quiet { ProgressStyle::Quiet } else { style })?;
    if let Some(id) = built.id {
        if let Some(path) = id_file {
            fs::write(&path, id.to_string())
                .map_err(|error| Failure::new(format!("{}: {error}", path.display()), 1))?;
        }
        if quiet {
            output::line(&id.to_string())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds, and tells what happens meanwhile. Signals are waited for from then on.
fn solve(engine: &Engine, options: &BuildOptions, style: ProgressStyle) -> Result<Built, Failure> {
    let cancel = Arc::new(Cancel::default());
    interrupt::watch(&cancel)?;
    let progress = Progress::new(style);
    let built = engine.build(options, &cancel, &|event| progress.show(&event));
    progress.end();
    let built = built.map_err(|error| match error {
        Error::Cancelled => Failure::new("the build was cancelled", INTERRUPTED),
        error => Failure::from(error),
    })?;
    if style != ProgressStyle::Quiet {
        progress.warnings(&built.warnings);
    }
    Ok(built)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_on_building_tells_of_every_flag() {
        let page = include_str!("../../../../docs/build.md");
        let words: Vec<&str> = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
        let command = crate::cli::command();
        let flags = command.find_subcommand("build").expect("a command").get_arguments();
        for flag in flags.filter_map(|flag| flag.get_long()).filter(|flag| *flag != "help") {
            assert!(words.contains(&format!("--{flag}").as_str()), "--{flag}");
        }
    }
}
