//! `watch`: files of the host that change are copied into containers, and containers are restarted (Compose specification,
//! develop.md).

use crate::container::copy::CopyOptions;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::watch::FILE_CHANGES;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use porthole_compose::project::{Hook, Project, WatchAction, WatchRule};
use porthole_dockerfile::ignore::Ignore;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to let further changes gather: an editor makes several of one.
const GATHER: Duration = Duration::from_millis(100);
/// What editors leave beside a file that they write, and what git does: as Docker Compose, never copied.
const NEVER: [&str; 5] = ["**/.git", "**/*~", "**/.*.swp", "**/.*.swx", "**/4913"];

/// A rule, and what of its path matters.
struct Rule {
    service: String,
    rule: WatchRule,
    ignore: Ignore,
    /// What alone matters, if not everything.
    include: Option<Ignore>,
}

/// Watches the files that services want to be watched.
pub struct ProjectWatch {
    project: String,
    rules: Vec<Rule>,
    inotify: Inotify,
    directories: HashMap<WatchDescriptor, PathBuf>,
}

fn refused<T>(message: String) -> Result<T> {
    Err(Error::Compose(porthole_compose::Error::Project(message)))
}

impl Rule {
    fn new(service: &str, rule: &WatchRule) -> Result<Rule> {
        let patterns = |patterns: Vec<&str>| {
            Ignore::from_patterns(&patterns)
                .or_else(|error| refused(format!("service {service:?}: watch of {}: {error}", rule.path.display())))
        };
        let own = rule.ignore.iter().map(String::as_str);
        let include = (!rule.include.is_empty()).then(|| rule.include.iter().map(String::as_str).collect());
        Ok(Rule {
            service: service.to_owned(),
            ignore: patterns(own.chain(NEVER).collect())?,
            include: include.map(patterns).transpose()?,
            rule: rule.clone(),
        })
    }

    /// The part of a path below that of the rule, if a change of it matters.
    fn matches<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        let below = path.strip_prefix(&self.rule.path).ok()?;
        let text = below.to_string_lossy();
        let is_wanted = text.is_empty()
            || (!self.ignore.excludes(&text) && self.include.as_ref().is_none_or(|include| include.excludes(&text)));
        is_wanted.then_some(below)
    }

    /// Where a file goes in the container, if it is copied.
    fn destination(&self, below: &Path) -> Option<PathBuf> {
        let target = Path::new(self.rule.target.as_ref()?);
        let copies = matches!(self.rule.action, WatchAction::Sync | WatchAction::SyncRestart | WatchAction::SyncExec);
        copies.then(|| if below.as_os_str().is_empty() { target.to_owned() } else { target.join(below) })
    }
}

impl ProjectWatch {
    /// Begins to watch for these services.
    pub fn new(project: &Project, services: &BTreeSet<String>) -> Result<ProjectWatch> {
        let mut rules = Vec::new();
        for service in project.services.values().filter(|service| services.contains(&service.name)) {
            for rule in &service.watch {
                if rule.action == WatchAction::Rebuild && service.build.is_none() {
                    return refused(format!(
                        "service {:?}: the watch action rebuild needs something to build: give it build, or use sync or restart",
                        service.name
                    ));
                }
                rules.push(Rule::new(&service.name, rule)?);
            }
        }
        if rules.is_empty() {
            return refused("none of the selected services has files to watch: give them develop.watch".to_owned());
        }
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let inotify = Inotify::init(flags).map_err(|error| Error::file("inotify", error))?;
        let mut watch = ProjectWatch { project: project.name.clone(), rules, inotify, directories: HashMap::new() };
        let paths: BTreeSet<PathBuf> = watch.rules.iter().map(|rule| rule.rule.path.clone()).collect();
        for path in paths {
            match path.is_dir() {
                true => watch.add(&path)?,
                // A file is often replaced by another: it is the directory that tells.
                false => watch.add_one(path.parent().unwrap_or(Path::new("/")))?,
            }
        }
        Ok(watch)
    }

    /// The rules, one line each, for people.
    pub fn describe(&self) -> Vec<String> {
        let line = |rule: &Rule| format!("{}: {}", rule.service, rule.rule.path.display());
        self.rules.iter().map(line).collect()
    }

    fn add_one(&mut self, directory: &Path) -> Result<()> {
        match self.inotify.add_watch(directory, FILE_CHANGES) {
            Ok(descriptor) => drop(self.directories.insert(descriptor, directory.to_owned())),
            // It went again, or is none.
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(error) => return Err(Error::file(directory, error)),
        }
        Ok(())
    }

    /// A directory and all in it that matters to a rule.
    fn add(&mut self, directory: &Path) -> Result<()> {
        let mut open = vec![directory.to_owned()];
        while let Some(directory) = open.pop() {
            if !self.rules.iter().any(|rule| rule.rule.path.starts_with(&directory) || is_open(rule, &directory)) {
                continue;
            }
            self.add_one(&directory)?;
            let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
            open.extend(
                entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
            );
        }
        Ok(())
    }

    /// Waits for changes; the paths that are different now.
    fn wait(&mut self) -> Result<BTreeSet<PathBuf>> {
        let broken = |error: Errno| Error::file("inotify", error);
        let mut changed = BTreeSet::new();
        while changed.is_empty() {
            match poll(&mut [PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(broken(error)),
            }
            std::thread::sleep(GATHER);
            loop {
                let events = match self.inotify.read_events() {
                    Err(Errno::EAGAIN) => break,
                    events => events.map_err(broken)?,
                };
                for event in events {
                    let (Some(directory), Some(name)) = (self.directories.get(&event.wd), event.name) else { continue };
                    let path = directory.join(name);
                    if event.mask.contains(AddWatchFlags::IN_ISDIR) && path.is_dir() {
                        self.add(&path)?;
                    }
                    if self.rules.iter().any(|rule| rule.matches(&path).is_some()) {
                        changed.insert(path);
                    }
                }
            }
        }
        Ok(changed)
    }
}

fn is_open(rule: &Rule, directory: &Path) -> bool {
    let Ok(below) = directory.strip_prefix(&rule.rule.path) else { return false };
    let text = below.to_string_lossy();
    text.is_empty() || !rule.ignore.excludes(&text)
}

impl Engine {
    /// Copies the files of rules that ask for it at the beginning.
    pub fn watch_begins(&self, watch: &ProjectWatch, tell: &dyn Fn(String)) -> Result<()> {
        for rule in watch.rules.iter().filter(|rule| rule.rule.initial_sync) {
            let mut files = BTreeSet::new();
            let mut open = vec![rule.rule.path.clone()];
            while let Some(path) = open.pop() {
                if rule.matches(&path).is_none() {
                    continue;
                }
                match path.is_dir() {
                    true => open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path())),
                    false => drop(files.insert(path)),
                }
            }
            self.sync(&watch.project, rule, &files, tell)?;
        }
        Ok(())
    }

    /// Waits until files change, and does what the rules say; the services that are to be built anew.
    pub fn watch_once(&self, watch: &mut ProjectWatch, tell: &dyn Fn(String)) -> Result<BTreeSet<String>> {
        let changed = watch.wait()?;
        let mut restarts: BTreeSet<&str> = BTreeSet::new();
        let mut rebuilds = BTreeSet::new();
        for rule in &watch.rules {
            let ours: BTreeSet<PathBuf> = changed.iter().filter(|path| rule.matches(path).is_some()).cloned().collect();
            if ours.is_empty() {
                continue;
            }
            self.sync(&watch.project, rule, &ours, tell)?;
            match (rule.rule.action, &rule.rule.exec) {
                (WatchAction::Restart | WatchAction::SyncRestart, _) => drop(restarts.insert(&rule.service)),
                (WatchAction::Rebuild, _) => drop(rebuilds.insert(rule.service.clone())),
                (WatchAction::SyncExec, Some(hook)) => {
                    for (id, name) in self.running(&watch.project, &rule.service)? {
                        if let Err(error) = self.run_hook(&id, "sync+exec", hook) {
                            tell(format!("{name}: {error}"));
                        }
                    }
                }
                _ => {}
            }
        }
        // What is made anew starts anyway.
        restarts.retain(|service| !rebuilds.contains(*service));
        for service in restarts {
            for (id, name) in self.running(&watch.project, service)? {
                self.restart(&id, None, None)?;
                tell(format!("{name} restarted"));
            }
        }
        Ok(rebuilds)
    }

    fn running(&self, project: &str, service: &str) -> Result<Vec<(String, String)>> {
        let members = self.members(project)?.into_iter();
        let ours = members.filter(|member| member.service == service && !member.one_off && member.is_running());
        Ok(ours.map(|member| (member.container.id, member.container.name)).collect())
    }

    /// Brings the containers of a service to what files are now: there, or gone.
    fn sync(&self, project: &str, rule: &Rule, paths: &BTreeSet<PathBuf>, tell: &dyn Fn(String)) -> Result<()> {
        let mut copies: BTreeMap<&PathBuf, PathBuf> = BTreeMap::new();
        for path in paths {
            if let Some(destination) = rule.matches(path).and_then(|below| rule.destination(below)) {
                copies.insert(path, destination);
            }
        }
        if copies.is_empty() {
            return Ok(());
        }
        for (id, name) in self.running(project, &rule.service)? {
            for (path, destination) in &copies {
                match self.sync_one(&id, path, destination) {
                    Ok(()) => tell(format!("{name}: {} is up to date", destination.display())),
                    // One file that cannot be copied does not end the watch.
                    Err(error) => tell(format!("{name}: {}: {error}", destination.display())),
                }
            }
        }
        Ok(())
    }

    fn sync_one(&self, id: &str, path: &Path, destination: &Path) -> Result<()> {
        let run = |words: &[&str], path: &Path| {
            let command = words.iter().map(ToString::to_string).chain([path.to_string_lossy().into_owned()]);
            self.run_hook(id, "sync", &Hook { command: command.collect(), user: Some("0".into()), ..Hook::default() })
        };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => run(&["rm", "-r", "-f"], destination),
            Err(source) => Err(Error::file(path, source)),
            Ok(kind) if kind.is_dir() => run(&["mkdir", "-p"], destination),
            Ok(_) => {
                let copy = || self.copy_in(path, id, destination, CopyOptions::default()).map(drop);
                let parent = destination.parent().unwrap_or(Path::new("/"));
                copy().or_else(|_| run(&["mkdir", "-p"], parent).and_then(|()| copy()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(ignore: &[&str], include: &[&str]) -> Rule {
        let texts = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let rule = WatchRule {
            path: "/src".into(),
            action: WatchAction::Sync,
            target: Some("/app".into()),
            ignore: texts(ignore),
            include: texts(include),
            initial_sync: false,
            exec: None,
        };
        Rule::new("web", &rule).unwrap()
    }

    #[test]
    fn only_what_matters_is_copied() {
        let all = rule(&["node_modules", "*.log"], &[]);
        for (path, expected) in [
            ("/src/a.py", Some("/app/a.py")),
            ("/src/d/a.py", Some("/app/d/a.py")),
            ("/src", Some("/app")),
            ("/src/node_modules/x", None),
            ("/src/x.log", None),
            ("/src/.git/HEAD", None),
            ("/src/.a.py.swp", None),
            ("/other/a", None),
        ] {
            let path = Path::new(path);
            let destination = all.matches(path).and_then(|below| all.destination(below));
            assert_eq!(destination.as_deref(), expected.map(Path::new), "{}", path.display());
        }
        let some = rule(&[], &["**/*.py"]);
        assert!(some.matches(Path::new("/src/d/a.py")).is_some() && some.matches(Path::new("/src/a.txt")).is_none());
    }
}
