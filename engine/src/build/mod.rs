//! `build`: from a Dockerfile and a context to an image.
//!
//! [`Engine::build`] reads the Dockerfile, finds the base images, and evaluates the stages that are needed; then `solve`
//! builds them, one thread a stage, step by step. A step is looked for in the cache by its key, and done only if it is not
//! there: `run` for commands, `files` for what is copied. What the image is to be is known before anything is done, since
//! instructions say so; only its layers are not.

mod address;
mod base;
mod cache;
mod context;
mod events;
mod export;
mod fetch;
mod files;
mod mounts;
mod options;
mod prune;
mod run;
mod solve;
mod trouble;

pub use address::{Address, Repository};
pub use cache::{CacheSource, CacheTarget, CachedStages};
pub use events::{Event, Kind as EventKind, PlannedStage, PlannedStep};
pub(crate) use options::this_machine;
pub use options::{
    Attachment as BuildOutput, BuildNetwork, BuildOptions, ContextSource, DockerfileSource, NamedContext, NoCache,
    SecretSource,
};
pub use prune::{CacheFilter, CacheUsage};

use crate::container::step::Cancel;
use crate::engine::Engine;
use crate::error::Result;
use context::Contexts;
use events::Steps;
use fetch::Fetcher;
use porthole_dockerfile::evaluate::{Evaluation, Scope, evaluate};
use porthole_dockerfile::lint::{self, Linter, Report};
use porthole_dockerfile::parse::parse;
use porthole_dockerfile::plan::{self, Base, Plan};
use porthole_dockerfile::{Lines, instruction};
use porthole_images::{Digest, Workshop};
use solve::Stage;
use trouble::Trouble;

/// A finished build.
#[derive(Clone, Debug)]
pub struct Built {
    /// The image; none where something else was made of it.
    pub id: Option<Digest>,
    /// What the checks say.
    pub warnings: Vec<lint::Warning>,
}

/// What a build works with.
pub(in crate::build) struct Job<'a> {
    pub(in crate::build) engine: &'a Engine,
    pub(in crate::build) options: &'a BuildOptions,
    pub(in crate::build) workshop: Workshop,
    pub(in crate::build) contexts: Contexts,
    pub(in crate::build) steps: Steps<'a>,
    pub(in crate::build) cancel: &'a Cancel,
    pub(in crate::build) trouble: Trouble,
    pub(in crate::build) images: base::Images,
    /// The steps that this build has done itself.
    pub(in crate::build) fresh: solve::Fresh,
}

impl Engine {
    /// Builds an image. Whatever happens is told to `progress`; `cancel` ends it.
    pub fn build(&self, options: &BuildOptions, cancel: &Cancel, progress: &(dyn Fn(Event) + Sync)) -> Result<Built> {
        let built = self.build_beside_others(options, cancel, progress);
        self.forget_parent_cgroup();
        built
    }

    /// The same where others are built at the same time; what all of them share is left to the caller.
    pub(crate) fn build_beside_others(
        &self,
        options: &BuildOptions,
        cancel: &Cancel,
        progress: &(dyn Fn(Event) + Sync),
    ) -> Result<Built> {
        self.prepare()?;
        let workshop = self.images()?.workshop()?;
        let steps = Steps::new(progress);
        let fetcher = Fetcher { workshop: &workshop, steps: &steps, cancel };
        let contexts = Contexts::open(self, &fetcher, options)?;
        let trouble = Trouble::new(&contexts.dockerfile_name, &contexts.dockerfile);
        let job = Job {
            engine: self,
            options,
            workshop,
            contexts,
            steps,
            cancel,
            trouble,
            images: Default::default(),
            fresh: Default::default(),
        };
        job.build()
    }

    /// Checks a Dockerfile without building it.
    pub fn check_build(&self, options: &BuildOptions) -> Result<(Report, String, String)> {
        let workshop = self.images()?.workshop()?;
        let (steps, cancel) = (Steps::new(&|_| ()), Cancel::default());
        let contexts = Contexts::open(self, &Fetcher { workshop: &workshop, steps: &steps, cancel: &cancel }, options)?;
        let images = |name: &str| {
            let image = self.images().ok()?.resolve(name).ok()?;
            let env = image.config.config().as_ref().and_then(|config| config.env().clone()).unwrap_or_default();
            Some(Scope::of_image(&env, &image.shell.unwrap_or_default()))
        };
        let checks = lint::Options::of(&contexts.dockerfile);
        let plan = options.plan();
        let report = match checks {
            Ok(checks) => lint::check(&contexts.dockerfile, checks, &plan, Some(&contexts.ignore), &images),
            Err(error) => Report { warnings: Vec::new(), error: Some(error) },
        };
        Ok((report, contexts.dockerfile_name, String::from_utf8_lossy(&contexts.dockerfile).into_owned()))
    }

    /// Removes the cgroup above those of steps, if there are no containers.
    pub(crate) fn forget_parent_cgroup(&self) {
        if !self.is_system_root() && crate::container::record::are_none(self.paths()).unwrap_or(false) {
            // Roots come and go; what they share with nobody goes with their last container. It fails while another has one.
            let _ = self.remove_parent_cgroup();
        }
    }
}

impl Job<'_> {
    fn build(&self) -> Result<Built> {
        let told = |error: porthole_dockerfile::Error| self.trouble.of_dockerfile(&error);
        let checks = lint::Options::of(&self.contexts.dockerfile).map_err(told)?;
        let mut linter = Linter::new(checks);
        let ast = parse(&self.contexts.dockerfile).map_err(told)?;
        for empty in &ast.empty_continuations {
            let message = "Empty continuation line".to_owned();
            linter.report(lint::Rule::NoEmptyContinuation, Lines::single(empty.line), message);
        }
        let dockerfile = instruction::read(&ast, &mut linter).map_err(told)?;
        let mut plan = Plan::new(dockerfile, &self.options.plan(), &mut linter).map_err(told)?;
        let bases = self.bases(&mut plan)?;
        let stages = self.stages(&plan, bases, &mut linter)?;
        if let Some(error) = linter.error() {
            return Err(told(error));
        }
        self.import_caches()?;
        let solved = self.solve(&plan, &stages)?;
        let id = self.export(&solved.target)?;
        self.export_caches(&solved.target, &solved.all)?;
        Ok(Built { id, warnings: linter.warnings().to_vec() })
    }

    /// Evaluates the stages that are needed, in order.
    fn stages(&self, plan: &Plan, bases: Vec<Option<base::Found>>, linter: &mut Linter) -> Result<Vec<Option<Stage>>> {
        let needed = plan.needed();
        let mut evaluated: Vec<Option<Evaluation>> = Vec::new();
        let mut stages = Vec::new();
        for (index, base) in bases.into_iter().enumerate() {
            if !needed.contains(&index) {
                evaluated.push(None);
                stages.push(None);
                continue;
            }
            let scope = match (&plan.stages()[index].base, &base) {
                (Base::Stage(stage), _) => evaluated[*stage].as_ref().map(|stage| stage.scope.clone()),
                (_, Some(found)) => Some(found.scope()),
                _ => None,
            };
            let scope = scope.unwrap_or_else(Scope::scratch);
            let evaluation = evaluate(plan, index, scope, Some(&self.contexts.ignore), linter)
                .map_err(|error| self.trouble.of_dockerfile(&error))?;
            stages.push(Some(Stage { base, steps: evaluation.steps.clone() }));
            evaluated.push(Some(evaluation));
        }
        Ok(stages)
    }
}

impl BuildOptions {
    /// What the plan is made by.
    fn plan(&self) -> plan::Options {
        plan::Options {
            build_args: self.build_args.clone(),
            build_platform: this_machine(),
            target_platform: self.platform.clone().unwrap_or_else(this_machine),
            target: self.target.clone(),
            contexts: self.contexts.keys().cloned().collect(),
        }
    }
}
