//! Fetching: repositories by the program `git`, files of the web by ourselves.
//!
//! What the command line names is fetched with all that the user's git knows. What a Dockerfile names is not: it sees of who
//! builds what `--ssh` gives, and nothing else.

use super::address::Repository;
use super::events::Steps;
use crate::container::step::Cancel;
use crate::error::{Error, Result};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use porthole_images::{Workshop, fetch, is_archive, unpack_tree};
use porthole_runtime::mount::Root;
use rustix::fs::OFlags;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whoever checks out has other things to write than what a umask leaves.
const WITH_UMASK: &str = "umask 022; exec git \"$@\"";

/// The protocols that repositories, and their submodules, are fetched by.
const PROTOCOLS: &str = "git:http:https:ssh";

/// Nobody is asked for a password.
const SSH: &str = "ssh -o BatchMode=yes";

/// The same without the keys and the configuration of who builds.
const BARE_SSH: &str = "ssh -F /dev/null -o BatchMode=yes -o IdentityFile=/dev/null";

/// On whose behalf something is fetched.
#[derive(Clone, Copy)]
pub(super) enum Behalf<'a> {
    /// Of the user, who named it.
    User,
    /// Of a Dockerfile, which may use this agent.
    Dockerfile(Option<&'a Path>),
}

/// What a file of the web is.
pub(super) enum Fetched {
    /// An archive, which is unpacked here.
    Tree(PathBuf),
    /// Something else.
    File(Vec<u8>),
}

/// What is needed for fetching.
pub(super) struct Fetcher<'a> {
    pub(super) workshop: &'a Workshop,
    pub(super) steps: &'a Steps<'a>,
    pub(super) cancel: &'a Cancel,
}

/// A repository that is checked out.
pub(super) struct CheckedOut {
    /// Where.
    pub(super) path: PathBuf,
    /// The commit.
    pub(super) commit: String,
}

impl Fetcher<'_> {
    /// Checks a repository out; what git says of it is told as a step.
    pub(super) fn repository(&self, repository: &Repository, behalf: Behalf<'_>, keep: bool) -> Result<CheckedOut> {
        let begun = self.steps.begin(&format!("[internal] load git source {repository}"));
        let failed = |problem: String| Error::Build(format!("{repository}: {problem}"));
        let directory = self.workshop.directory()?;
        let mut git = Git { directory: &directory, repository, behalf, cancel: self.cancel, last: String::new() };
        let done = git.check_out(keep, &mut |bytes| begun.output(bytes)).and_then(|commit| {
            let path = match &repository.subdirectory {
                Some(name) => subdirectory(&directory, name).map_err(failed)?,
                None => directory.clone(),
            };
            Ok(CheckedOut { path, commit })
        });
        match &done {
            Ok(_) => begun.done(),
            Err(error) => begun.failed(&error.to_string()),
        }
        done
    }

    /// Fetches a file of the web that is a context or a Dockerfile.
    pub(super) fn context(&self, address: &str, longest: u64) -> Result<Fetched> {
        let begun = self.steps.begin(&format!("[internal] load remote build context {address}"));
        let (mut file, ..) = download(self.workshop, address)?;
        let failed = |error: io::Error| Error::Build(format!("{address}: {error}"));
        let is_archive = is_archive(&file);
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let fetched = match is_archive {
            true => {
                let directory = self.workshop.directory()?;
                let root = File::open(&directory).map_err(|error| Error::file(&directory, error))?;
                unpack_tree(file, root.into(), &|user, group| (user, group))
                    .map_err(|error| Error::Build(format!("the context {address}: {error}")))?;
                Fetched::Tree(directory)
            }
            false => {
                let mut content = Vec::new();
                file.take(longest).read_to_end(&mut content).map_err(failed)?;
                Fetched::File(content)
            }
        };
        begun.done();
        Ok(fetched)
    }
}

/// Fetches a file of the web into one of the workshop's: the file, its name and when it was changed.
pub(super) fn download(workshop: &Workshop, address: &str) -> Result<(File, Option<String>, Option<i64>)> {
    let mut remote = fetch(address)?;
    let path = workshop.directory()?.join("remote");
    let at = |error| Error::file(&path, error);
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).map_err(at)?;
    io::copy(&mut remote.content, &mut file).map_err(|error| Error::Build(format!("{address}: {error}")))?;
    file.seek(SeekFrom::Start(0)).map_err(at)?;
    Ok((file, remote.name, remote.modified))
}

/// A directory of a repository, to which no link leads.
fn subdirectory(root: &Path, name: &str) -> std::result::Result<PathBuf, String> {
    let inner = porthole_dockerfile::ignore::clean(&format!("/{name}"));
    let inner = Path::new(inner.trim_start_matches('/'));
    if inner.as_os_str().is_empty() {
        return Ok(root.to_owned());
    }
    let directory = File::open(root).map_err(|error| error.to_string())?;
    let opened = Root::new(OwnedFd::from(directory)).open_without_links(inner, OFlags::PATH | OFlags::DIRECTORY);
    match opened {
        Ok(_) => Ok(root.join(inner)),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(format!("it has no folder {name:?}")),
        Err(error) => Err(format!("{name:?} is no folder of it: {error}")),
    }
}

/// A repository that is being checked out.
struct Git<'a> {
    directory: &'a Path,
    repository: &'a Repository,
    behalf: Behalf<'a>,
    cancel: &'a Cancel,
    /// What git complained of last.
    last: String,
}

impl Git<'_> {
    /// The commit that was checked out.
    fn check_out(&mut self, keep: bool, output: &mut dyn FnMut(&[u8])) -> Result<String> {
        if let Some(problem) = self.repository.problem() {
            return Err(Error::Build(problem));
        }
        let url = self.repository.url.clone();
        let main = if self.repository.is_local() { "file" } else { PROTOCOLS };
        self.git(PROTOCOLS, &["init", "--quiet", "--template=", "."], output)?;
        self.git(PROTOCOLS, &["remote", "add", "--", "origin", &url], output)?;
        let reference = self.repository.reference.clone();
        let wanted = reference.as_deref().unwrap_or("HEAD");
        let shallow = ["fetch", "--progress", "--no-tags", "--depth=1", "--", "origin", wanted];
        let commit = match self.git(main, &shallow, output) {
            Ok(()) => "FETCH_HEAD",
            Err(error @ Error::Cancelled) => return Err(error),
            // Servers may give only what has a name, or nothing without all that came before.
            Err(_) if reference.is_none() => {
                self.git(main, &["fetch", "--progress", "--no-tags", "--", "origin", "HEAD"], output)?;
                "FETCH_HEAD"
            }
            Err(_) => {
                let all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
                let fetch = ["fetch", "--progress", "--update-head-ok", "--", "origin", all[0], all[1]];
                self.git(main, &fetch, output)?;
                wanted
            }
        };
        self.git(PROTOCOLS, &["-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", commit], output)?;
        if self.directory.join(".gitmodules").exists() {
            let update = ["submodule", "update", "--init", "--recursive", "--depth=1", "--progress"];
            self.git(PROTOCOLS, &update, output)?;
        }
        let head = self.directory.join(".git/HEAD");
        let commit = fs::read_to_string(&head).map_err(|error| Error::file(&head, error))?.trim().to_owned();
        match keep {
            true => {
                let told = Repository { reference: None, subdirectory: None, ..self.repository.clone() };
                self.git(PROTOCOLS, &["remote", "set-url", "--", "origin", &told.to_string()], output)?;
            }
            false => {
                let own = self.directory.join(".git");
                fs::remove_dir_all(&own).map_err(|error| Error::file(&own, error))?;
            }
        }
        Ok(commit)
    }

    /// Runs git in the directory. It ends when its output is not read any more, as when this process is killed.
    fn git(&mut self, protocols: &str, arguments: &[&str], output: &mut dyn FnMut(&[u8])) -> Result<()> {
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let failed = |error| Error::file("git", error);
        let (mut ours, theirs) = UnixStream::pair().map_err(failed)?;
        let _watched = self.cancel.watch(&ours).map_err(failed)?;
        let theirs = OwnedFd::from(theirs);
        let mut child = {
            let mut command = Command::new("sh");
            command.args(["-c", WITH_UMASK, "git"]).args(arguments).current_dir(self.directory);
            command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ALLOW_PROTOCOL", protocols).env("LC_ALL", "C");
            // A server that says nothing, if nobody is there any more to end this.
            command.env("GIT_HTTP_LOW_SPEED_LIMIT", "1").env("GIT_HTTP_LOW_SPEED_TIME", "60").process_group(0);
            self.confine(&mut command);
            command.stdin(Stdio::null()).stdout(theirs.try_clone().map_err(failed)?).stderr(theirs);
            command.spawn().map_err(failed)?
        };
        let read = self.relay(&mut ours, output);
        if read.is_err() || self.cancel.is_cancelled() {
            // With the helpers that it waits for. It fails only for those that have ended.
            let _ = nix::sys::signal::killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
        }
        let status = child.wait().map_err(failed)?;
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        read.map_err(failed)?;
        match (status.code(), status.success()) {
            (_, true) => Ok(()),
            // What a shell answers for a program that is not there (POSIX, "Exit Status for Commands").
            (Some(127), _) => Err(Error::Build("git is not installed, and repositories are fetched by it".to_owned())),
            _ if self.last.is_empty() => Err(Error::Build(format!("git {} failed: {status}", arguments[0]))),
            _ => Err(Error::Build(format!("git {}: {}", arguments[0], self.last))),
        }
    }

    fn confine(&self, command: &mut Command) {
        // Variables that name a repository are about another one (git(1), "The Git Repository").
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE"] {
            command.env_remove(name);
        }
        match self.behalf {
            Behalf::User if std::env::var_os("GIT_SSH_COMMAND").is_some() => {}
            Behalf::User => drop(command.env("GIT_SSH_COMMAND", SSH)),
            Behalf::Dockerfile(agent) => {
                command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("HOME", "/dev/null");
                command.env("GIT_SSH_COMMAND", BARE_SSH).env_remove("GIT_ASKPASS").env_remove("SSH_ASKPASS");
                command.env_remove("SSH_AUTH_SOCK").envs(agent.map(|agent| ("SSH_AUTH_SOCK", agent)));
            }
        }
    }

    /// Gives what git says to `output`, without the password that may be in it.
    fn relay(&mut self, from: &mut impl Read, output: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        self.last.clear();
        let mut buffer = [0; 16 << 10];
        let mut partial = String::new();
        loop {
            let count = match from.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // It ended with something unread, as when it was cancelled.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
                count => count?,
            };
            partial.push_str(&String::from_utf8_lossy(&buffer[..count]));
            let end = if count == 0 { partial.len() } else { partial.rfind(['\n', '\r']).map_or(0, |end| end + 1) };
            let mut text: String = partial.drain(..end).collect();
            if let Some(credentials) = self.repository.credentials() {
                text = text.replace(credentials, "");
            }
            let lines = text.split(['\n', '\r']).map(str::trim);
            let mut said =
                lines.rev().filter_map(|line| line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: ")));
            if let Some(line) = said.next() {
                line.clone_into(&mut self.last);
            }
            if !text.is_empty() {
                output(text.as_bytes());
            }
            if count == 0 {
                return Ok(());
            }
        }
    }
}
