//! All checks of a Dockerfile, without building it (`build --check`).

use super::{Linter, Options, Rule, Warning};
use crate::error::{Error, Lines, Result};
use crate::evaluate::{Scope, evaluate};
use crate::ignore::Ignore;
use crate::instruction;
use crate::parse::parse;
use crate::plan::{self, Base, Plan};

/// What the checks say.
#[derive(Debug, Clone)]
pub struct Report {
    /// Where rules are not followed.
    pub warnings: Vec<Warning>,
    /// What is wrong, so that the rest could not be checked; or that warnings are errors.
    pub error: Option<Error>,
}

/// Checks a Dockerfile: the stages that the target needs, or all if there is none. `images` tells what is known of an
/// image; of others it is taken that they set nothing.
pub fn check(
    dockerfile: &[u8],
    options: Options,
    build: &plan::Options,
    ignore: Option<&Ignore>,
    images: &dyn Fn(&str) -> Option<Scope>,
) -> Report {
    let mut linter = Linter::new(options);
    let checked = check_all(dockerfile, build, ignore, images, &mut linter);
    let error = checked.err().or_else(|| linter.error());
    Report { warnings: linter.warnings, error }
}

fn check_all(
    dockerfile: &[u8],
    build: &plan::Options,
    ignore: Option<&Ignore>,
    images: &dyn Fn(&str) -> Option<Scope>,
    linter: &mut Linter,
) -> Result<()> {
    let ast = parse(dockerfile)?;
    for empty in &ast.empty_continuations {
        let message = "Empty continuation line".to_owned();
        linter.report(Rule::NoEmptyContinuation, Lines::single(empty.line), message);
    }
    let plan = Plan::new(instruction::read(&ast, linter)?, build, linter)?;
    let needed = plan.needed();
    let mut scopes: Vec<Scope> = Vec::new();
    for (index, stage) in plan.stages().iter().enumerate() {
        let base = match &stage.base {
            Base::Stage(base) => scopes.get(*base).cloned(),
            Base::Image(image) | Base::Context(image) => images(image),
            Base::Scratch => None,
        };
        let base = base.unwrap_or_else(Scope::scratch);
        let is_checked = build.target.is_none() || needed.contains(&index);
        scopes.push(match is_checked {
            true => evaluate(&plan, index, base, ignore, linter)?.scope,
            false => base,
        });
    }
    Ok(())
}
