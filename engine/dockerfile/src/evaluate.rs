//! Follows a stage's variables: what each instruction says once they are expanded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::environment::Environment;
use crate::error::{Error, Lines, Result};
use crate::expose;
use crate::ignore::Ignore;
use crate::instruction::{Arg, Command, CommandLine, Expand, Instruction, KeyValue, Mount};
use crate::lint::{Linter, checks};
use crate::plan::{Plan, PlannedInstruction, Source, word_error};
use crate::quote::quote;
use crate::shell::Lexer;

/// The search path of images that set none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Build arguments that are for the builder and no variables of a stage.
const BUILDER_ARGS: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// What an instruction is evaluated in: what its image and the instructions before it have set.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Every variable, those of `ARG` among them, as expansion and `RUN` see them.
    pub environment: Arc<Environment>,
    /// What `ARG` has declared, with the values that count. They are not of the image.
    pub args: Arc<Vec<Arg>>,
    /// `SHELL`; the default one if empty.
    pub shell: Vec<String>,
    /// Whether a `WORKDIR` of the Dockerfile counts, and not only one of the image.
    has_workdir: bool,
}

impl Scope {
    /// That of an image, by what its configuration has for `Env` and `Shell`.
    pub fn of_image<S: AsRef<str>>(environment: &[S], shell: &[String]) -> Self {
        let mut environment: Environment = environment.iter().map(AsRef::as_ref).collect();
        if environment.get("PATH").is_none() {
            environment.set("PATH", DEFAULT_PATH);
        }
        Self { environment: Arc::new(environment), shell: shell.to_vec(), ..Self::default() }
    }

    /// That of a stage without a base.
    pub fn scratch() -> Self {
        Self::of_image::<&str>(&[], &[])
    }
}

/// A stage, evaluated.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Its instructions, their variables expanded.
    pub steps: Vec<Step>,
    /// What the stages that build on it begin with.
    pub scope: Scope,
}

/// An instruction, its variables expanded.
#[derive(Debug, Clone)]
pub struct Step {
    /// The instruction. Ports of `EXPOSE` have their protocol, arguments of `ARG` the values that count.
    pub instruction: Instruction,
    /// Where the files of a `COPY`, or of each mount of a `RUN`, come from: the build's own context where none.
    pub sources: Vec<Option<Source>>,
    /// The mounts of a `RUN`.
    pub mounts: Vec<Mount>,
    /// What it is evaluated in.
    pub scope: Scope,
    /// Whether the base has it as a trigger.
    pub is_trigger: bool,
}

/// Evaluates a stage, whose base left `base` behind. What the checks say is told to `linter`; `ignore` is the ignore
/// file of the build's context.
pub fn evaluate(
    plan: &Plan,
    stage: usize,
    base: Scope,
    ignore: Option<&Ignore>,
    linter: &mut Linter,
) -> Result<Evaluation> {
    let mut evaluator = Evaluator { plan, stage, scope: base, ignore, linter, last: BTreeMap::new() };
    let instructions = plan.stages().get(stage).map(|stage| stage.instructions.as_slice()).unwrap_or_default();
    let step =
        |planned: &PlannedInstruction| evaluator.step(planned).map_err(|error| error.at(planned.instruction.lines));
    let steps = instructions.iter().map(step).collect::<Result<_>>()?;
    Ok(Evaluation { steps, scope: evaluator.scope })
}

/// The variables that `RUN` gets for proxies that the build is told of. They are not of the image, its history or the
/// cache (Dockerfile reference, "Predefined ARGs").
pub fn proxy_environment(build_args: &BTreeMap<String, String>) -> Environment {
    let mut environment = Environment::new();
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"] {
        let given = build_args.iter().rfind(|(given, value)| given.eq_ignore_ascii_case(name) && !value.is_empty());
        if let Some((_, value)) = given {
            environment.set(name, value);
            environment.set(name.to_ascii_lowercase(), value);
        }
    }
    environment
}

struct Evaluator<'a> {
    plan: &'a Plan,
    stage: usize,
    scope: Scope,
    ignore: Option<&'a Ignore>,
    linter: &'a mut Linter,
    /// Where an instruction of which only the last counts stood last.
    last: BTreeMap<&'static str, Lines>,
}

impl Evaluator<'_> {
    fn step(&mut self, planned: &PlannedInstruction) -> Result<Step> {
        self.check_order(planned)?;
        let mut instruction = planned.instruction.clone();
        let lines = instruction.lines;
        let scope = self.scope.clone();
        instruction.command.expand(&mut self.expander(lines))?;
        let mounts = self.mounts(&instruction)?;
        self.apply(&mut instruction)?;
        Ok(Step { instruction, sources: planned.sources.clone(), mounts, scope, is_trigger: planned.is_trigger })
    }

    /// Stages are built in order: what is copied from must come before.
    fn check_order(&self, planned: &PlannedInstruction) -> Result<()> {
        let later = planned.sources.iter().flatten().find_map(|source| match source {
            Source::Stage(stage) if *stage >= self.stage => self.plan.stages().get(*stage),
            _ => None,
        });
        let Some(later) = later else { return Ok(()) };
        let (from, current) = (quote(&later.name), self.plan.stages().get(self.stage).map(|stage| quote(&stage.name)));
        let current = current.unwrap_or_default();
        Err(Error::new(match planned.instruction.command {
            Command::Run(_) => {
                format!("cannot mount from stage {from} to {current}, stage needs to be defined before current command")
            }
            _ => format!("cannot copy from stage {from}, it needs to be defined before current stage {current}"),
        }))
    }

    fn expander(&mut self, lines: Lines) -> Expander<'_> {
        Expander { lexer: self.plan.lexer, scope: &self.scope, lines, linter: self.linter }
    }

    fn mounts(&mut self, instruction: &Instruction) -> Result<Vec<Mount>> {
        let Command::Run(run) = &instruction.command else { return Ok(Vec::new()) };
        let mut expander = self.expander(instruction.lines);
        run.mounts.iter().map(|mount| mount.resolve(|value| expander.word(value))).collect()
    }

    /// What the instruction sets for those that follow.
    fn apply(&mut self, instruction: &mut Instruction) -> Result<()> {
        let lines = instruction.lines;
        self.check(instruction);
        match &mut instruction.command {
            Command::Arg(args) => self.declare(args, lines)?,
            Command::Env(pairs) => self.set(pairs),
            Command::Expose(ports) => {
                let read =
                    ports.iter().map(|port| expose::ports(port, lines, self.linter)).collect::<Result<Vec<_>>>()?;
                *ports = read.concat();
            }
            Command::Shell(shell) => self.scope.shell.clone_from(shell),
            Command::Workdir(_) => self.scope.has_workdir = true,
            Command::Volume(volumes) if volumes.iter().any(String::is_empty) => {
                return Err(Error::new("VOLUME specified can not be an empty string"));
            }
            _ => {}
        }
        Ok(())
    }

    fn set(&mut self, pairs: &[KeyValue]) {
        let environment = Arc::make_mut(&mut self.scope.environment);
        pairs.iter().for_each(|pair| environment.set(pair.key.clone(), pair.value.clone()));
    }

    /// A value that the build is told counts before the default, and that before the global one of the same name.
    fn declare(&mut self, args: &mut [Arg], lines: Lines) -> Result<()> {
        for arg in args {
            checks::secret("ARG", &arg.key, lines, self.linter);
            arg.value = match (self.plan.build_args.get(&arg.key), &arg.value) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(self.expander(lines).word(default)?),
                (None, None) => self.plan.globals.get(&arg.key).map(str::to_owned),
            };
            if let Some(value) = arg.value.clone().filter(|_| !BUILDER_ARGS.contains(&arg.key.as_str())) {
                Arc::make_mut(&mut self.scope.environment).set(arg.key.clone(), value);
            }
            Arc::make_mut(&mut self.scope.args).push(arg.clone());
        }
        Ok(())
    }

    fn check(&mut self, instruction: &Instruction) {
        let (keyword, lines) = (&instruction.keyword, instruction.lines);
        match &instruction.command {
            Command::Cmd(command) => self.check_command("CMD", instruction, command),
            Command::Entrypoint(command) => self.check_command("ENTRYPOINT", instruction, command),
            Command::Healthcheck(_) => self.check_repeated("HEALTHCHECK", instruction),
            Command::Env(pairs) => {
                checks::legacy_format(pairs, keyword, lines, self.linter);
                pairs.iter().for_each(|pair| checks::secret("ENV", &pair.key, lines, self.linter));
            }
            Command::Label(pairs) => checks::legacy_format(pairs, keyword, lines, self.linter),
            Command::Workdir(path) if !self.scope.has_workdir && !path.starts_with('/') => {
                checks::relative_workdir(path, lines, self.linter);
            }
            Command::Add(add) => self.check_sources("Add", &add.paths.sources, lines),
            Command::Copy(copy) if copy.from.is_none() => self.check_sources("Copy", &copy.paths.sources, lines),
            _ => {}
        }
    }

    fn check_command(&mut self, name: &'static str, instruction: &Instruction, command: &CommandLine) {
        self.check_repeated(name, instruction);
        if matches!(command, CommandLine::Shell(_)) && self.scope.shell.is_empty() {
            checks::shell_form(instruction, self.linter);
        }
    }

    fn check_repeated(&mut self, name: &'static str, instruction: &Instruction) {
        if let Some(earlier) = self.last.insert(name, instruction.lines) {
            checks::repeated(instruction, earlier, self.linter);
        }
    }

    fn check_sources(&mut self, verb: &str, sources: &[String], lines: Lines) {
        if let Some(ignore) = self.ignore {
            checks::ignored_sources(verb, sources, ignore, lines, self.linter);
        }
    }
}

/// Expands the variables of one instruction.
struct Expander<'a> {
    lexer: Lexer,
    scope: &'a Scope,
    lines: Lines,
    linter: &'a mut Linter,
}

impl Expander<'_> {
    fn expand(&mut self, lexer: Lexer, text: &str) -> Result<String> {
        let (expansion, result) = lexer.expand(text, &self.scope.environment);
        self.check_undefined(&expansion.unmatched);
        result.map(|()| expansion.text).map_err(|error| word_error(&error, self.lines))
    }

    fn check_undefined(&mut self, unmatched: &BTreeSet<String>) {
        checks::undefined(unmatched, &self.scope.args, &self.scope.environment, self.lines, self.linter);
    }
}

impl Expand for Expander<'_> {
    fn word(&mut self, word: &str) -> Result<String> {
        self.expand(self.lexer, word)
    }

    fn words(&mut self, word: &str) -> Result<Vec<String>> {
        self.lexer.words(word, &self.scope.environment).map_err(|error| word_error(&error, self.lines))
    }

    /// Documents are for a shell, in which a backslash escapes whatever the Dockerfile says.
    fn document(&mut self, text: &str) -> Result<String> {
        self.expand(Lexer { ignore_quotes: true, ..Lexer::default() }, text)
    }
}
