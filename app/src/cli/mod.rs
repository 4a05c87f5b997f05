//! The command line: Docker's words, flags and output, one file a command.

mod arguments;
mod attach;
mod build;
mod change;
mod changes;
pub mod compose;
mod confinement;
mod containers;
mod cp;
mod create;
mod events;
mod exec;
mod files;
mod filters;
mod forensics;
mod format;
mod groups;
mod health;
mod image;
mod image_list;
mod image_verify;
mod inside;
mod inspect;
pub mod internal;
mod lab;
mod limits;
mod login;
mod logs;
mod manifest;
mod mounts;
mod network;
mod networking;
mod options;
mod output;
mod port;
mod progress;
mod prune;
mod ps;
mod ps_filters;
mod pull;
mod push;
mod run;
pub mod runtime;
mod save;
mod search;
mod stats;
mod system_df;
pub mod template;
mod top;
mod trace;
mod update;
mod volume;
pub mod workstation;

use arguments::Cli;
pub use arguments::{Command, command};
pub use build::{BuildRequest, INTERRUPTED};
use clap::Parser;
pub use porthole_engine::parse_restart;
use porthole_engine::{Engine, Error, Paths};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

/// What a command ends with: an exit code, or a line to tell and an exit code.
type Outcome = Result<ExitCode, Failure>;

/// A failed command.
#[derive(Debug)]
pub struct Failure {
    message: String,
    exit_code: i32,
}

impl Failure {
    /// A failure with an exit code of its own.
    fn new(message: impl Into<String>, exit_code: i32) -> Failure {
        Failure { message: message.into(), exit_code }
    }

    /// A failed `run`, `create` or `start`: Docker's 125, 126 and 127.
    fn of_start(error: Error) -> Failure {
        Failure { exit_code: error.exit_code(), message: error.to_string() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure { message: error.to_string(), exit_code: 1 }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        // A reader that left, as `porthole ps | head -1` does, is no failure to tell.
        let exit_code = if error.kind() == std::io::ErrorKind::BrokenPipe { 0 } else { 1 };
        Failure { message: error.to_string(), exit_code }
    }
}

/// Runs one command line (without the program's own name).
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let words = std::iter::once(OsString::from("porthole")).chain(canonical(arguments.collect()));
    match Cli::try_parse_from(words) {
        Ok(cli) => match execute(cli.command) {
            Ok(code) => code,
            Err(failure) if failure.exit_code == 0 => ExitCode::SUCCESS,
            Err(failure) => fail(&failure.message, failure.exit_code),
        },
        Err(error) => explain(&error),
    }
}

/// Tells one line and ends with a code.
pub fn fail(message: &str, exit_code: i32) -> ExitCode {
    // With nobody left to tell, the exit code still says it.
    let _ = writeln!(std::io::stderr(), "porthole: {message}");
    code(exit_code)
}

/// An exit code of a container or of ours.
fn code(exit_code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(exit_code & 0xff).unwrap_or(u8::MAX))
}

/// Turns `container ls`, `image rm` and the like into the short words.
fn canonical(mut words: Vec<OsString>) -> Vec<OsString> {
    let word = |at: usize| words.get(at).and_then(|word| word.to_str());
    let short = match (word(0), word(1)) {
        (Some(group @ ("container" | "image")), Some(word)) if groups::is_own(group, word) => return words,
        (Some("container"), Some("ls" | "list" | "ps")) => "ps",
        (Some("image"), Some("ls" | "list")) => "images",
        (Some("image"), Some("rm" | "remove")) => "rmi",
        (Some("container"), Some("remove")) => "rm",
        (Some("builder"), Some("build")) => "build",
        (Some("container" | "image"), Some(word)) if !word.starts_with('-') => word,
        _ => return words,
    };
    let short = OsString::from(short);
    words.splice(..2, [short]);
    words
}

/// One line for a mistake in the command line; help and version go to standard output.
fn explain(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let missing: Vec<&str> = lines.take_while(|line| line.starts_with(['<', '-'])).collect();
    let help = match std::env::args().nth(1).filter(|word| !word.starts_with('-')) {
        Some(word) if command().find_subcommand(&word).is_some() => format!("porthole {word} --help"),
        _ => "porthole --help".to_owned(),
    };
    fail(&format!("{} (see '{help}')", [vec![first.as_str()], missing].concat().join(" ")), 125)
}

fn engine() -> Engine {
    Engine::new(Paths::from_environment())
}

fn execute(command: Command) -> Outcome {
    let engine = engine();
    match command {
        Command::Run(options) => run::run(&engine, options),
        Command::Create(options) => create::create(&engine, options),
        Command::Start(options) => run::start(&engine, options),
        Command::Stop(options) => containers::stop(&engine, options),
        Command::Restart(options) => containers::restart(&engine, options),
        Command::Kill(options) => containers::kill(&engine, options),
        Command::Pause(names) => containers::pause(&engine, names),
        Command::Unpause(names) => containers::unpause(&engine, names),
        Command::Wait(names) => containers::wait(&engine, names),
        Command::Rm(options) => containers::remove(&engine, options),
        Command::Rename(options) => containers::rename(&engine, &options),
        Command::Ps(options) => ps::list(&engine, &options),
        Command::Events(options) => events::events(&engine, &options),
        Command::Logs(options) => logs::logs(&engine, options),
        Command::Exec(options) => exec::exec(&engine, options),
        Command::Attach(options) => attach::attach(&engine, options),
        Command::Stats(options) => stats::stats(&engine, &options),
        Command::Update(options) => update::update(&engine, options),
        Command::Resume => containers::resume(&engine),
        Command::Port(options) => port::port(&engine, &options),
        Command::Top(options) => top::top(&engine, &options),
        Command::Inspect(options) => inspect::inspect(&engine, &options),
        Command::Images(options) => image_list::list(&engine, &options),
        Command::Pull(options) => pull::pull(&engine, options),
        Command::Push(options) => push::push(&engine, &options),
        Command::Login(options) => login::login(&engine, options),
        Command::Logout(options) => login::logout(&engine, &options),
        Command::Search(options) => search::search(&engine, &options),
        Command::Manifest(options) => manifest::manifest(&engine, &options),
        Command::Load(options) => image::load(&engine, &options),
        Command::Import(options) => image::import(&engine, options),
        Command::Save(options) => save::save(&engine, &options),
        Command::Tag(options) => image::tag(&engine, &options),
        Command::Rmi(options) => image::remove(&engine, &options),
        Command::Build(options) => build::build(&engine, *options),
        Command::Builder(options) => build::builder(&engine, options),
        Command::History(options) => image::history(&engine, &options),
        Command::Forensics(options) => forensics::forensics(&engine, &options),
        Command::Image(options) => groups::image(&engine, options),
        Command::Container(options) => groups::container(&engine, options),
        Command::System(options) => groups::system(&engine, options),
        Command::Volume(options) => volume::volume(&engine, options),
        Command::Network(options) => network::network(&engine, options),
        Command::Cp(options) => cp::cp(&engine, &options),
        Command::Diff(options) => changes::diff(&engine, &options),
        Command::Commit(options) => changes::commit(&engine, options),
        Command::Export(options) => changes::export(&engine, &options),
        Command::Lab(options) => lab::lab(&engine, &options),
        Command::Compose(options) => compose::compose(&engine, options),
        Command::Trace(options) => trace::trace(&engine, options),
        Command::Version => output::version(),
    }
}

fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| eprintln!("WARNING: {warning}"));
}

/// Lets what was removed be deleted. It is removed all the same, and whoever removes something next tries again.
fn sweep(engine: &Engine) {
    if let Err(error) = engine.sweep_in_background() {
        eprintln!("WARNING: the files of what was removed are not deleted yet: {error}");
    }
}

/// Does something to each of several containers: the name of each is printed when it is done, each failure is one line,
/// and the command fails if any did.
fn for_each(names: &[String], mut act: impl FnMut(&str) -> Result<(), Error>) -> Outcome {
    tell_each(names.iter().map(|name| (name, act(name))))
}

/// As many things as Docker does at once.
const AT_ONCE: usize = 50;

/// As [`for_each`], for what may take a while: several at once.
fn for_each_at_once(names: &[String], act: impl Fn(&str) -> Result<(), Error> + Sync) -> Outcome {
    let mut outcome = ExitCode::SUCCESS;
    for names in names.chunks(AT_ONCE) {
        let code = std::thread::scope(|scope| {
            let threads: Vec<_> = names.iter().map(|name| (name, scope.spawn(|| act(name)))).collect();
            tell_each(threads.into_iter().map(|(name, thread)| match thread.join() {
                Ok(result) => (name, result),
                Err(panic) => std::panic::resume_unwind(panic),
            }))
        })?;
        if code != ExitCode::SUCCESS {
            outcome = code;
        }
    }
    Ok(outcome)
}

fn tell_each<'a>(results: impl Iterator<Item = (&'a String, Result<(), Error>)>) -> Outcome {
    let mut failed = false;
    for (name, result) in results {
        match result {
            Ok(()) => output::line(name)?,
            Err(error) => {
                eprintln!("porthole: {error}");
                failed = true;
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical_words(line: &str) -> String {
        let words = canonical(line.split(' ').map(OsString::from).collect());
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn management_commands_are_the_short_ones() {
        assert_eq!(canonical_words("container ls -a"), "ps -a");
        assert_eq!(canonical_words("image rm lab"), "rmi lab");
        assert_eq!(canonical_words("image layers lab"), "image layers lab");
        assert_eq!(canonical_words("image --help"), "image --help");
        assert_eq!(canonical_words("container run -d lab"), "run -d lab");
        assert_eq!(canonical_words("image build -t a ."), "build -t a .");
        assert_eq!(canonical_words("builder build ."), "build .");
        assert_eq!(canonical_words("builder prune"), "builder prune");
        assert_eq!(canonical_words("run image ls"), "run image ls");
        assert_eq!(canonical_words("image prune -a"), "image prune -a");
        assert_eq!(canonical_words("container prune"), "container prune");
    }

    #[test]
    fn the_page_on_containers_tells_of_every_flag() {
        let page = include_str!("../../../docs/containers.md");
        let words: Vec<&str> = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
        for name in ["run", "create", "update"] {
            let command = command();
            let flags =
                command.find_subcommand(name).expect("a command").get_arguments().filter_map(|flag| flag.get_long());
            for flag in flags.filter(|flag| *flag != "help") {
                assert!(words.contains(&format!("--{flag}").as_str()), "{name} --{flag}");
            }
        }
        for subcommand in command().get_subcommands().map(|command| command.get_name().to_owned()) {
            let elsewhere = [
                "build",
                "builder",
                "images",
                "load",
                "import",
                "tag",
                "rmi",
                "history",
                "save",
                "image",
                "system",
                "forensics",
                "network",
                "lab",
                "trace",
                "compose",
                "network",
                "version",
            ]
            .contains(&subcommand.as_str());
            let of_registries =
                ["pull", "push", "login", "logout", "search", "manifest"].contains(&subcommand.as_str());
            assert!(elsewhere || of_registries || words.contains(&subcommand.as_str()), "{subcommand}");
        }
    }

    #[test]
    fn the_grammar_is_consistent() {
        command().debug_assert();
    }
}
