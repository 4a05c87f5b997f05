//! The checks themselves.

use std::collections::BTreeSet;

use super::{Linter, Rule};
use crate::ast::Node;
use crate::environment::Environment;
use crate::error::Lines;
use crate::ignore::Ignore;
use crate::instruction::{Arg, Dockerfile, Instruction, KeyValue, Stage};
use crate::platform::Platform;
use crate::quote::quote;
use crate::shell::Expansion;
use crate::suggest;

/// Words that a variable for a secret has in its name.
const SECRET_WORDS: [&str; 10] =
    ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];

/// How an instruction is written, whatever it says.
pub(crate) fn before_reading(node: &Node, linter: &mut Linter) {
    match node.keyword.to_ascii_lowercase().as_str() {
        "maintainer" => {
            let message = "Maintainer instruction is deprecated in favor of using label".to_owned();
            linter.report(Rule::MaintainerDeprecated, node.lines, message);
        }
        "from" => from_casing(node, linter),
        _ => {}
    }
}

fn from_casing(node: &Node, linter: &mut Linter) {
    let words = node.words();
    if let [_, _, name] = words.as_slice()
        && *name != name.to_lowercase()
    {
        let message = format!("Stage name '{name}' should be lowercase");
        linter.report(Rule::StageNameCasing, node.lines, message);
    }
    let [_, keyword, _, ..] = words.as_slice() else { return };
    let from = &node.keyword;
    let matches = if *from == from.to_lowercase() {
        *keyword == keyword.to_lowercase()
    } else if *from == from.to_uppercase() {
        *keyword == keyword.to_uppercase()
    } else {
        // Mixed case is another rule's trouble.
        true
    };
    if !matches {
        let message = format!("'{keyword}' and '{from}' keywords' casing do not match");
        linter.report(Rule::FromAsCasing, node.lines, message);
    }
}

/// The comment before a definition should describe one of `names`.
pub(crate) fn description(instruction: &str, names: &[String], node: &Node, linter: &mut Linter) {
    let (Some(comment), Some(first)) = (node.comments.last(), names.first()) else { return };
    let described = comment.split(' ').next().unwrap_or_default();
    if names.iter().any(|name| name == described) {
        return;
    }
    let example = if names.len() > 1 { "<arg_key>" } else { first };
    let message = format!("Comment for {instruction} should follow the format: `# {example} <description>`");
    linter.report(Rule::InvalidDefinitionDescription, node.lines, message);
}

/// How the instructions are written, one beside the other.
pub(crate) fn dockerfile(dockerfile: &Dockerfile, linter: &mut Linter) {
    stage_names(&dockerfile.stages, linter);
    casing(&dockerfile.stages, linter);
}

fn stage_names(stages: &[Stage], linter: &mut Linter) {
    let mut seen = BTreeSet::new();
    for stage in stages {
        let Some(name) = &stage.name else { continue };
        if matches!(name.as_str(), "context" | "scratch") {
            let message = format!("Stage name should not use the same name as reserved stage {}", quote(name));
            linter.report(Rule::ReservedStageName, stage.lines, message);
        }
        if !seen.insert(name) {
            let message = format!("Duplicate stage name {}, stage names should be unique", quote(name));
            linter.report(Rule::DuplicateStageName, stage.lines, message);
        }
    }
}

fn casing(stages: &[Stage], linter: &mut Linter) {
    let keywords = |stage: &Stage| -> Vec<(String, Lines)> {
        let of_instruction = |instruction: &Instruction| (instruction.keyword.clone(), instruction.lines);
        let from = (stage.keyword.clone(), stage.lines);
        std::iter::once(from).chain(stage.instructions.iter().map(of_instruction)).collect()
    };
    let keywords: Vec<_> = stages.iter().flat_map(keywords).collect();
    let is_lower = |keyword: &str| keyword == keyword.to_lowercase();
    let is_upper = |keyword: &str| keyword == keyword.to_uppercase();
    let lower = keywords.iter().filter(|(keyword, _)| is_lower(keyword)).count();
    let upper = keywords.iter().filter(|(keyword, _)| is_upper(keyword)).count();
    let lower_prevails = lower > upper;
    for (keyword, lines) in keywords {
        let (fits, casing) = match lower_prevails {
            true => (is_lower(&keyword), "lowercase"),
            false => (is_upper(&keyword), "uppercase"),
        };
        if !fits {
            let message = format!("Command '{keyword}' should match the case of the command majority ({casing})");
            linter.report(Rule::ConsistentInstructionCasing, lines, message);
        }
    }
}

/// A base that is no image's name where no build argument is given.
pub(crate) fn invalid_default(stage: &Stage, linter: &mut Linter) {
    let message = format!("Default value for ARG {} results in empty or invalid base image name", stage.base);
    linter.report(Rule::InvalidDefaultArgInFrom, stage.lines, message);
}

/// Variables of a `FROM` that no `ARG` before the first one declares.
pub(crate) fn undefined_in_from(
    unmatched: &BTreeSet<String>,
    declared: &BTreeSet<String>,
    lines: Lines,
    linter: &mut Linter,
) {
    for name in unmatched.difference(declared) {
        let hint = suggest::hint(name, declared.iter().map(String::as_str));
        linter.report(Rule::UndefinedArgInFrom, lines, format!("FROM argument '{name}' is not declared{hint}"));
    }
}

/// A `--platform` that says nothing, or always the same.
pub(crate) fn from_platform(stage: &Stage, expansion: &Expansion, globals: &Environment, linter: &mut Linter) {
    let written = stage.platform.as_deref().unwrap_or_default();
    let is_target = expansion.matched.iter().eq(["TARGETPLATFORM"]) && expansion.unmatched.is_empty();
    if is_target && globals.get("TARGETPLATFORM") == Some(&expansion.text) {
        let message =
            format!("Setting platform to predefined {written} in FROM is redundant as this is the default behavior");
        linter.report(Rule::RedundantTargetPlatform, stage.lines, message);
    }
    if !expansion.matched.is_empty() || !expansion.unmatched.is_empty() {
        return;
    }
    let Ok(platform) = expansion.text.parse::<Platform>() else { return };
    let name = stage.name.as_deref().unwrap_or_default();
    if !name.contains(&platform.os) && !name.contains(&platform.architecture) {
        let message = format!("FROM --platform flag should not use constant value {}", quote(&expansion.text));
        linter.report(Rule::FromPlatformFlagConstDisallowed, stage.lines, message);
    }
}

/// Variables that are neither set nor declared.
pub(crate) fn undefined(
    unmatched: &BTreeSet<String>,
    args: &[Arg],
    environment: &Environment,
    lines: Lines,
    linter: &mut Linter,
) {
    for name in unmatched.iter().filter(|name| args.iter().all(|arg| arg.key != **name)) {
        let near = suggest::nearest(name, environment.names());
        let hint = near.map(|near| format!(" (did you mean ${near}?)")).unwrap_or_default();
        linter.report(Rule::UndefinedVar, lines, format!("Usage of undefined variable '${name}'{hint}"));
    }
}

/// `ENV name value`, `LABEL name value`.
pub(crate) fn legacy_format(pairs: &[KeyValue], keyword: &str, lines: Lines, linter: &mut Linter) {
    for _ in pairs.iter().filter(|pair| pair.legacy) {
        let message =
            format!("\"{keyword} key=value\" should be used instead of legacy \"{keyword} key value\" format");
        linter.report(Rule::LegacyKeyValueFormat, lines, message);
    }
}

/// A variable that by its name holds a secret, which then is in the image for all to see.
pub(crate) fn secret(instruction: &str, name: &str, lines: Lines, linter: &mut Linter) {
    let has = |words: &[&str]| name.split('_').any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)));
    if has(&SECRET_WORDS) && !has(&["public"]) {
        let name = quote(name);
        let message = format!("Do not use ARG or ENV instructions for sensitive data ({instruction} {name})");
        linter.report(Rule::SecretsUsedInArgOrEnv, lines, message);
    }
}

/// A shell between the engine and the program, which gets the signals in its place.
pub(crate) fn shell_form(instruction: &Instruction, linter: &mut Linter) {
    let keyword = &instruction.keyword;
    let message =
        format!("JSON arguments recommended for {keyword} to prevent unintended behavior related to OS signals");
    linter.report(Rule::JsonArgsRecommended, instruction.lines, message);
}

/// An instruction that a later one of its kind undoes.
pub(crate) fn repeated(instruction: &Instruction, earlier: Lines, linter: &mut Linter) {
    let keyword = &instruction.keyword;
    let message = format!(
        "Multiple {keyword} instructions should not be used in the same stage because only the last one will be used"
    );
    linter.report(Rule::MultipleInstructionsDisallowed, earlier, message);
}

/// A directory that depends on that of the base.
pub(crate) fn relative_workdir(path: &str, lines: Lines, linter: &mut Linter) {
    let path = quote(path);
    let message = format!("Relative workdir {path} can have unexpected results if the base image changes");
    linter.report(Rule::WorkdirRelativePath, lines, message);
}

/// Files of the context that are copied, but are not sent.
pub(crate) fn ignored_sources(verb: &str, sources: &[String], ignore: &Ignore, lines: Lines, linter: &mut Linter) {
    let is_local = |source: &&String| !source.contains("://") && !source.starts_with("git@");
    for source in sources.iter().filter(is_local).filter(|source| ignore.excludes(source)) {
        let message = format!("Attempting to {verb} file {} that is excluded by .dockerignore", quote(source));
        linter.report(Rule::CopyIgnoredFile, lines, message);
    }
}
