//! `RUN` and `WORKDIR`.

use super::Job;
use super::options::BuildNetwork;
use super::solve::Progress;
use crate::container::config::NetworkMode;
use crate::container::step::{MemoryFile, MountSource, Step as Container};
use crate::error::{Error, Result};
use porthole_build::{Destination, KeyBuilder};
use porthole_dockerfile::evaluate::{Step, proxy_environment};
use porthole_dockerfile::instruction::{CommandLine, Network, Run, Security};

/// Where a document that names its own interpreter is seen while it runs.
const DOCUMENTS: &str = "/dev/pipes";

/// A command line, and the document that it is, if it names its own interpreter.
struct Line {
    argv: Vec<String>,
    document: Option<(String, String)>,
}

impl Job<'_> {
    pub(super) fn run(&self, progress: &mut Progress<'_>, step: &Step, run: &Run) -> Result<()> {
        if !run.devices.is_empty() {
            return Err(Error::Build("RUN --device is not supported".to_owned()));
        }
        let line = line(run, &progress.configuration.shell());
        let env: Vec<String> = step.scope.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let network = match (run.network, self.options.network) {
            (Network::None, _) | (Network::Default, BuildNetwork::None) => NetworkMode::None,
            (Network::Host, _) | (Network::Default, BuildNetwork::Host) => NetworkMode::Host,
            (Network::Default, BuildNetwork::Default) => NetworkMode::Bridge,
        };
        if run.security == Security::Insecure && !self.options.allows_insecure {
            let problem = "RUN --security=insecure needs --allow security.insecure";
            return Err(Error::Build(problem.to_owned()));
        }
        let is_privileged = run.security == Security::Insecure;
        let mounts = self.mounts(progress, step)?;
        let key = KeyBuilder::new("run")
            .key(&progress.key)
            .texts(&line.argv)
            .option(line.document.as_ref().map(|(_, text)| text.as_str()))
            .texts(&env)
            .text(progress.configuration.working_dir())
            .text(progress.configuration.user())
            .text(&network.to_string())
            .number(is_privileged.into())
            .texts(self.options.resolution.hosts.iter().map(|(name, address)| format!("{name}={address:?}")))
            .option(self.options.epoch()?.map(|epoch| epoch.to_string()).as_deref())
            .key(&mounts.key)
            .finish();
        let history = format!("RUN {} # buildkit", line.argv.join(" "));
        let (lower, configuration) = (self.lower(&progress.layers)?, progress.configuration.clone());
        self.once(progress, &step.instruction, key, &history, |bench, begun| {
            let prepared = self.prepare_mounts(mounts, &configuration)?;
            let mut env = env;
            env.extend(
                proxy_environment(&self.options.build_args).iter().map(|(name, value)| format!("{name}={value}")),
            );
            env.extend(prepared.env.iter().cloned());
            let (mut sources, mut targets) = (prepared.sources.clone(), prepared.mounts.clone());
            if let Some((name, text)) = &line.document {
                let at = self.workshop.directory()?;
                targets.push(super::mounts::bind(&at, DOCUMENTS, true));
                let (name, content) = (name.clone(), text.clone().into_bytes());
                let file = MemoryFile { name, content, mode: 0o755, uid: 0, gid: 0 };
                sources.push(MountSource::Memory { at, files: vec![file], executable: true });
            }
            let container = Container {
                lower,
                upper: &bench.upper,
                work: &bench.work,
                argv: line.argv.clone(),
                env,
                working_dir: configuration.working_dir().to_owned(),
                user: configuration.user().to_owned(),
                network,
                resolution: self.options.resolution.clone(),
                privileged: is_privileged,
                mounts: targets,
                sources,
            };
            match self.engine.run_step(container, self.cancel, &mut |bytes| begun.output(bytes))? {
                0 => Ok(()),
                code => {
                    let command = super::trouble::shortened(&line.argv.join(" "));
                    Err(Error::Build(format!("process {command:?} did not complete successfully: exit code: {code}")))
                }
            }
        })
    }

    pub(super) fn workdir(&self, progress: &mut Progress<'_>, step: &Step) -> Result<()> {
        let history = progress.configuration.apply(&step.instruction.command).unwrap_or_default();
        let path = progress.configuration.working_dir().to_owned();
        if path == "/" {
            self.begin(progress).cached();
            progress.configuration.record(&history, None, true);
            return Ok(());
        }
        let user = progress.configuration.user().to_owned();
        let lower = self.lower(&progress.layers)?;
        let owner = self.owner(&lower, &user)?;
        let key = KeyBuilder::new("workdir")
            .key(&progress.key)
            .text(&path)
            .text(&format!("{owner:?}"))
            .option(self.options.epoch()?.map(|epoch| epoch.to_string()).as_deref())
            .finish();
        self.once(progress, &step.instruction, key, &history, |bench, _| {
            let view = self.view(&lower, bench)?;
            let root = std::os::fd::AsFd::as_fd(&view.root);
            let epoch = self.options.epoch()?;
            let to = Destination { root, path: &path, owner: Some(owner), chmod: None, epoch };
            to.directory(&path).map(drop).map_err(|error| Error::Build(error.to_string()))
        })
    }
}

fn line(run: &Run, shell: &[String]) -> Line {
    let by_shell = |text: String| shell.iter().cloned().chain([text]).collect();
    match (&run.command, run.script()) {
        (CommandLine::Exec(words), _) => Line { argv: words.clone(), document: None },
        (CommandLine::Shell(_), Some(text)) if run.is_document() && text.starts_with("#!") => {
            let name = run.documents.first().map(|document| document.name.clone()).unwrap_or_default();
            Line { argv: vec![format!("{DOCUMENTS}/{name}")], document: Some((name, text)) }
        }
        (CommandLine::Shell(text), script) => {
            Line { argv: by_shell(script.unwrap_or_else(|| text.clone())), document: None }
        }
    }
}
