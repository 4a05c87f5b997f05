//! What is to be built: stages with their bases, platforms and sources resolved, and which of them are needed.

use std::collections::{BTreeMap, BTreeSet};

use crate::environment::Environment;
use crate::error::{Error, Lines, Result};
use crate::instruction::{Command, Dockerfile, GlobalArgs, Instruction, Stage, read};
use crate::lint::{Linter, checks};
use crate::platform::Platform;
use crate::quote::quote;
use crate::reference::is_reference;
use crate::shell::{Expansion, Lexer};
use crate::suggest;

/// What a build is told besides its Dockerfile.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// What the build runs on.
    pub build_platform: Platform,
    /// `--platform`: what the image is for.
    pub target_platform: Platform,
    /// `--target`: the stage to build; the last one if none.
    pub target: Option<String>,
    /// The names of `--build-context`s, which stand in for stages of the same name.
    pub contexts: BTreeSet<String>,
}

/// The stages of a Dockerfile, resolved.
#[derive(Debug, Clone)]
pub struct Plan {
    stages: Vec<PlannedStage>,
    target: usize,
    pub(crate) globals: Environment,
    pub(crate) build_args: BTreeMap<String, String>,
    pub(crate) lexer: Lexer,
    names: BTreeMap<String, usize>,
}

/// A stage whose base is known.
#[derive(Debug, Clone)]
pub struct PlannedStage {
    /// Its name, or `stage-N`, counted from zero, if it has none.
    pub name: String,
    /// What it builds on.
    pub base: Base,
    /// The platform that it asks for.
    pub platform: Option<Platform>,
    /// The `FROM`.
    pub from: Stage,
    /// What it does, the triggers of its base first.
    pub instructions: Vec<PlannedInstruction>,
}

/// What a stage builds on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An earlier stage.
    Stage(usize),
    /// An image, or a named context of that name.
    Image(String),
    /// A named context, which stands in for the whole stage.
    Context(String),
}

/// An instruction whose sources are known.
#[derive(Debug, Clone)]
pub struct PlannedInstruction {
    /// The instruction.
    pub instruction: Instruction,
    /// Where the files of a `COPY`, or of each mount of a `RUN`, come from: the build's own context where none.
    pub sources: Vec<Option<Source>>,
    /// Whether the base has it as a trigger (`ONBUILD`).
    pub is_trigger: bool,
}

/// Where files come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A stage.
    Stage(usize),
    /// An image, or a named context of that name.
    Image(String),
}

impl Plan {
    /// Resolves the stages of a Dockerfile.
    pub fn new(dockerfile: Dockerfile, options: &Options, linter: &mut Linter) -> Result<Self> {
        let Some(last) = dockerfile.stages.last() else {
            return Err(Error::new("dockerfile contains no stages to build"));
        };
        checks::dockerfile(&dockerfile, linter);
        let lexer = Lexer::new(dockerfile.escape);
        let platforms = platform_args(options, last);
        check_defaults(&dockerfile, &platforms, lexer, linter);
        let globals = Globals::new(&dockerfile.global_args, platforms, &options.build_args, lexer)?;
        let mut plan = Self {
            stages: Vec::new(),
            target: 0,
            globals: Environment::new(),
            build_args: options.build_args.clone(),
            lexer,
            names: BTreeMap::new(),
        };
        for stage in dockerfile.stages {
            let planned = plan.stage(stage, &globals, options, linter)?;
            plan.add(planned);
        }
        plan.globals = globals.values;
        plan.target = plan.find_target(options.target.as_deref())?;
        plan.add_triggers_of_stages()?;
        plan.resolve_sources()?;
        plan.check_circles()?;
        Ok(plan)
    }

    /// The stages, in order.
    pub fn stages(&self) -> &[PlannedStage] {
        &self.stages
    }

    /// The stage that is to be built.
    pub fn target(&self) -> usize {
        self.target
    }

    /// The stages that the target needs, itself among them. The others are not built.
    pub fn needed(&self) -> BTreeSet<usize> {
        let mut needed = BTreeSet::new();
        let mut pending = vec![self.target];
        while let Some(stage) = pending.pop() {
            if needed.insert(stage) {
                pending.extend(self.needs(stage));
            }
        }
        needed
    }

    /// The stages that a stage needs at once: its base, and those that it copies from or mounts.
    pub fn needs(&self, stage: usize) -> BTreeSet<usize> {
        let Some(stage) = self.stages.get(stage) else { return BTreeSet::new() };
        let base = match stage.base {
            Base::Stage(base) => Some(base),
            _ => None,
        };
        base.into_iter().chain(stage.copied_stages()).collect()
    }

    /// Adds the triggers that a stage's base image brings, before the stage's own instructions.
    pub fn add_triggers(&mut self, stage: usize, triggers: &[String]) -> Result<()> {
        let Some(planned) = self.stages.get(stage) else { return Ok(()) };
        let read = |trigger: &String| {
            let instruction = read::trigger(trigger, &planned.from).map_err(|error| error.at(planned.from.lines))?;
            let sources = self.sources(&instruction.command).map_err(|error| error.at(instruction.lines))?;
            Ok(PlannedInstruction { instruction, sources, is_trigger: true })
        };
        let added: Vec<_> = triggers.iter().map(read).collect::<Result<_>>()?;
        self.stages[stage].instructions.splice(0..0, added);
        self.check_circles()
    }

    fn add(&mut self, stage: PlannedStage) {
        if let Some(name) = &stage.from.name {
            self.names.insert(name.clone(), self.stages.len());
        }
        self.stages.push(stage);
    }

    fn stage(&self, from: Stage, globals: &Globals, options: &Options, linter: &mut Linter) -> Result<PlannedStage> {
        let lines = from.lines;
        let base = globals.expand(&from.base, self.lexer, lines, linter)?;
        if base.text.is_empty() {
            return Err(Error::new(format!("base name ({}) should not be blank", from.base)).at(lines));
        }
        let platform = self.platform(&from, globals, linter)?;
        let context = from.name.as_ref().filter(|name| options.contexts.contains(*name));
        let is_replaced = context.is_some();
        let base = match context {
            Some(name) => Base::Context(name.clone()),
            None if base.text == "scratch" => Base::Scratch,
            None => match self.names.get(&base.text) {
                Some(stage) => Base::Stage(*stage),
                None => Base::Image(base.text),
            },
        };
        let plan = |instruction: &Instruction| PlannedInstruction {
            instruction: instruction.clone(),
            sources: Vec::new(),
            is_trigger: false,
        };
        Ok(PlannedStage {
            name: from.name.clone().unwrap_or_else(|| format!("stage-{}", self.stages.len())),
            base,
            platform,
            instructions: if is_replaced { Vec::new() } else { from.instructions.iter().map(plan).collect() },
            from,
        })
    }

    fn platform(&self, from: &Stage, globals: &Globals, linter: &mut Linter) -> Result<Option<Platform>> {
        let Some(written) = &from.platform else { return Ok(None) };
        let doing = || format!("failed to process arguments for platform {written}");
        let expansion =
            globals.expand(written, self.lexer, from.lines, linter).map_err(|error| error.context(doing()))?;
        checks::from_platform(from, &expansion, &globals.values, linter);
        let hint = || {
            let mut hints = expansion.unmatched.iter().map(|name| suggest::hint(name, globals.values.names()));
            hints.find(|hint| !hint.is_empty()).unwrap_or_default()
        };
        if expansion.text.is_empty() {
            let message = format!("empty platform value from expression {written}{}", hint());
            return Err(Error::new(message).at(from.lines));
        }
        let platform: Result<Platform> = expansion.text.parse();
        platform.map(Some).map_err(|error| {
            let message = format!("failed to parse platform {written}: {}{}", error.message(), hint());
            Error::new(message).at(from.lines)
        })
    }

    fn find_target(&self, target: Option<&str>) -> Result<usize> {
        match target {
            None => Ok(self.stages.len().saturating_sub(1)),
            Some(name) => self.named(name).ok_or_else(|| {
                let hint = suggest::hint(&name.to_lowercase(), self.names.keys().map(String::as_str));
                Error::new(format!("target stage {} could not be found{hint}", quote(name)))
            }),
        }
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.names.get(&name.to_lowercase()).copied()
    }

    /// Stages that build on others of the Dockerfile do first what these keep for them.
    fn add_triggers_of_stages(&mut self) -> Result<()> {
        for stage in 0..self.stages.len() {
            let Base::Stage(base) = self.stages[stage].base else { continue };
            let triggers =
                self.stages[base].instructions.iter().filter_map(|planned| match &planned.instruction.command {
                    Command::Onbuild(trigger) if !planned.is_trigger => Some(trigger.clone()),
                    _ => None,
                });
            let triggers: Vec<_> = triggers.collect();
            self.add_triggers(stage, &triggers)?;
        }
        Ok(())
    }

    fn resolve_sources(&mut self) -> Result<()> {
        for stage in 0..self.stages.len() {
            for index in 0..self.stages[stage].instructions.len() {
                let instruction = &self.stages[stage].instructions[index].instruction;
                let sources = self.sources(&instruction.command).map_err(|error| error.at(instruction.lines))?;
                self.stages[stage].instructions[index].sources = sources;
            }
        }
        Ok(())
    }

    fn sources(&self, command: &Command) -> Result<Vec<Option<Source>>> {
        match command {
            Command::Copy(copy) => Ok(vec![copy.from.as_deref().map(|from| self.copy_source(from)).transpose()?]),
            Command::Run(run) => {
                Ok(run.mounts.iter().map(|mount| mount.from().map(|from| self.source(from))).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// `COPY --from` may also give the number of a stage.
    fn copy_source(&self, from: &str) -> Result<Source> {
        match from.parse::<i64>() {
            Ok(index) => match usize::try_from(index) {
                Ok(stage) if stage < self.stages.len() => Ok(Source::Stage(stage)),
                _ => Err(Error::new(format!("invalid stage index {index}"))),
            },
            Err(_) => Ok(self.source(from)),
        }
    }

    fn source(&self, from: &str) -> Source {
        self.named(from).map_or_else(|| Source::Image(from.to_owned()), Source::Stage)
    }

    /// Refuses stages that copy from each other.
    fn check_circles(&self) -> Result<()> {
        let mut done = BTreeSet::new();
        for start in 0..self.stages.len() {
            let mut path = Vec::new();
            if let Some(lines) = self.find_circle(start, &mut path, &mut done) {
                let name = &self.stages[start].name;
                return Err(Error::new(format!("circular dependency detected on stage: {name}")).at(lines));
            }
        }
        Ok(())
    }

    /// Where a stage of `path`, or `stage` itself, is copied from, found from `stage` on, without recursion: a
    /// Dockerfile may have very many stages.
    fn find_circle(&self, stage: usize, path: &mut Vec<usize>, done: &mut BTreeSet<usize>) -> Option<Lines> {
        let mut pending = vec![(stage, self.stages[stage].copied().collect::<Vec<_>>())];
        if !done.insert(stage) {
            return None;
        }
        path.push(stage);
        while let Some((_, copied)) = pending.last_mut() {
            match copied.pop() {
                Some((from, lines)) if path.contains(&from) => return Some(lines),
                Some((from, _)) if done.insert(from) => {
                    path.push(from);
                    pending.push((from, self.stages[from].copied().collect()));
                }
                Some(_) => {}
                None => {
                    pending.pop();
                    path.pop();
                }
            }
        }
        None
    }
}

impl PlannedStage {
    /// The stages that are copied from or mounted, and where.
    fn copied(&self) -> impl Iterator<Item = (usize, Lines)> {
        self.instructions.iter().flat_map(|planned| {
            planned.sources.iter().filter_map(|source| match source {
                Some(Source::Stage(stage)) => Some((*stage, planned.instruction.lines)),
                _ => None,
            })
        })
    }

    fn copied_stages(&self) -> impl Iterator<Item = usize> {
        self.copied().map(|(stage, _)| stage)
    }
}

/// The arguments that hold for every `FROM`.
struct Globals {
    values: Environment,
    /// The names that are set or at least declared.
    declared: BTreeSet<String>,
}

impl Globals {
    fn new(
        args: &[GlobalArgs],
        platforms: Environment,
        build_args: &BTreeMap<String, String>,
        lexer: Lexer,
    ) -> Result<Self> {
        let mut values = platforms;
        let mut declared: BTreeSet<_> = values.names().map(str::to_owned).collect();
        for global in args {
            for arg in &global.args {
                let value = match (build_args.get(&arg.key), &arg.value) {
                    (Some(given), _) => Some(given.clone()),
                    (None, Some(default)) => {
                        Some(lexer.word(default, &values).map_err(|e| word_error(&e, global.lines))?)
                    }
                    (None, None) => None,
                };
                declared.insert(arg.key.clone());
                if let Some(value) = value {
                    values.set(arg.key.clone(), value);
                }
            }
        }
        Ok(Self { values, declared })
    }

    fn expand(&self, text: &str, lexer: Lexer, lines: Lines, linter: &mut Linter) -> Result<Expansion> {
        let (expansion, result) = lexer.expand(text, &self.values);
        checks::undefined_in_from(&expansion.unmatched, &self.declared, lines, linter);
        result.map(|()| expansion).map_err(|error| word_error(&error, lines))
    }
}

pub(crate) fn word_error(error: &crate::shell::WordError, lines: Lines) -> Error {
    Error::new(error.to_string()).at(lines)
}

/// The arguments that every Dockerfile has (Dockerfile reference, "Automatic platform ARGs in the global scope").
fn platform_args(options: &Options, last: &Stage) -> Environment {
    let (build, target) = (&options.build_platform, &options.target_platform);
    let stage = options.target.as_deref().or(last.name.as_deref()).unwrap_or("default");
    let args = [
        ("BUILDPLATFORM", build.to_string()),
        ("BUILDOS", build.os.clone()),
        ("BUILDOSVERSION", String::new()),
        ("BUILDARCH", build.architecture.clone()),
        ("BUILDVARIANT", build.variant.clone()),
        ("TARGETPLATFORM", target.to_string()),
        ("TARGETOS", target.os.clone()),
        ("TARGETOSVERSION", String::new()),
        ("TARGETARCH", target.architecture.clone()),
        ("TARGETVARIANT", target.variant.clone()),
        ("TARGETSTAGE", stage.to_owned()),
    ];
    let mut environment = Environment::new();
    for (name, value) in args {
        environment.set(name, options.build_args.get(name).cloned().unwrap_or(value));
    }
    environment
}

/// Whether every base is an image's name also where no build argument is given.
fn check_defaults(dockerfile: &Dockerfile, platforms: &Environment, lexer: Lexer, linter: &mut Linter) {
    // What is wrong with an expansion is told where it is done for the build.
    let Ok(globals) = Globals::new(&dockerfile.global_args, platforms.clone(), &BTreeMap::new(), lexer) else { return };
    for stage in &dockerfile.stages {
        match lexer.word(&stage.base, &globals.values) {
            Ok(base) if is_reference(&base) => {}
            Ok(_) => checks::invalid_default(stage, linter),
            Err(_) => return,
        }
    }
}
