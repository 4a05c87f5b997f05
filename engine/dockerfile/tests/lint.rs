//! The build checks.

mod common;

use common::options;
use porthole_dockerfile::ignore::Ignore;
use porthole_dockerfile::lint::{Options, Report, Rule, check};
use porthole_dockerfile::plan;

fn report(dockerfile: &str, build: &plan::Options, ignore: Option<&Ignore>) -> Report {
    let options = Options::of(dockerfile.as_bytes()).unwrap();
    check(dockerfile.as_bytes(), options, build, ignore, &|_| None)
}

/// `Rule:line: message` of each warning, by line.
fn shown(report: &Report) -> Vec<String> {
    let mut warnings = report.warnings.clone();
    warnings.sort_by_key(|warning| (warning.lines.start, warning.message.clone()));
    let show = |rule: Rule, line: usize, message: &str| format!("{}:{line}: {message}", rule.name());
    warnings.iter().map(|warning| show(warning.rule, warning.lines.start, &warning.message)).collect()
}

#[track_caller]
fn warns(dockerfile: &str, expected: &[&str]) {
    let report = report(dockerfile, &options(), None);
    assert_eq!(report.error, None);
    assert_eq!(shown(&report), expected);
}

#[test]
fn names_of_stages() {
    let from_is_rare = "Command 'from' should match the case of the command majority (uppercase)";
    warns(
        "FROM scratch AS Bad\nFROM scratch as base\nfrom scratch AS b2\n",
        &[
            "StageNameCasing:1: Stage name 'Bad' should be lowercase",
            "FromAsCasing:2: 'as' and 'FROM' keywords' casing do not match",
            "FromAsCasing:3: 'AS' and 'from' keywords' casing do not match",
            &format!("ConsistentInstructionCasing:3: {from_is_rare}"),
        ],
    );
    warns(
        "FROM scratch AS b\nFROM scratch AS b\n",
        &["DuplicateStageName:2: Duplicate stage name \"b\", stage names should be unique"],
    );
    let reserved = "Stage name should not use the same name as reserved stage";
    warns(
        "FROM scratch AS scratch\nFROM scratch AS context\nFROM scratch\n",
        &[
            &format!("ReservedStageName:1: {reserved} \"scratch\""),
            &format!("ReservedStageName:2: {reserved} \"context\""),
        ],
    );
}

#[test]
fn casing_follows_the_majority() {
    let expected = "Command 'From' should match the case of the command majority (uppercase)";
    warns("From scratch as base\nFROM scratch AS base2\n", &[&format!("ConsistentInstructionCasing:1: {expected}")]);
    let expected = "Command 'COPY' should match the case of the command majority (lowercase)";
    warns("from scratch\nCOPY a /b\ncopy a /c\n", &[&format!("ConsistentInstructionCasing:2: {expected}")]);
    warns("FROM scratch\nRUN <<'X'\nenv\nX\n", &[]);
}

#[test]
fn continuations_have_no_empty_lines() {
    warns("FROM scratch\nCOPY a \\\n\n.\nCOPY a \\\n.\n", &["NoEmptyContinuation:4: Empty continuation line"]);
}

#[test]
fn commands_are_json_and_are_not_repeated() {
    let shell = |name: &str, line: usize| {
        let why = "to prevent unintended behavior related to OS signals";
        format!("JSONArgsRecommended:{line}: JSON arguments recommended for {name} {why}")
    };
    warns("FROM scratch\nCMD a\nENTRYPOINT b\n", &[&shell("CMD", 2), &shell("ENTRYPOINT", 3)]);
    warns("FROM scratch AS base\nSHELL [\"/sh\"]\nFROM base\nCMD a\n", &[]);
    let repeated = |name: &str, line: usize| {
        let why = "should not be used in the same stage because only the last one will be used";
        format!("MultipleInstructionsDisallowed:{line}: Multiple {name} instructions {why}")
    };
    let twice = "FROM scratch\nENTRYPOINT [\"a\"]\nCMD [\"a\"]\nHEALTHCHECK CMD [\"a\"]\nUSER b\nENTRYPOINT [\"b\"]\n\
                 CMD [\"b\"]\nHEALTHCHECK CMD [\"b\"]\n";
    warns(twice, &[&repeated("ENTRYPOINT", 2), &repeated("CMD", 3), &repeated("HEALTHCHECK", 4)]);
    warns("FROM scratch AS a\nCMD [\"a\"]\nFROM a\nCMD [\"b\"]\n", &[]);
}

#[test]
fn old_ways_of_writing() {
    let expected = "Maintainer instruction is deprecated in favor of using label";
    warns("FROM scratch\nMAINTAINER me@example.org\n", &[&format!("MaintainerDeprecated:2: {expected}")]);
    warns(
        "FROM scratch\nENV testkey value\nLABEL key value\n",
        &[
            "LegacyKeyValueFormat:2: \"ENV key=value\" should be used instead of legacy \"ENV key value\" format",
            "LegacyKeyValueFormat:3: \"LABEL key=value\" should be used instead of legacy \"LABEL key value\" format",
        ],
    );
}

#[test]
fn arguments_of_from_are_declared() {
    warns("ARG base=scratch\nFROM --platform=$BUILDPLATFORM $base\n", &[]);
    warns("ARG DEBUG\nFROM scratch${DEBUG}\n", &[]);
    warns(
        "ARG tag=latest\nFROM busybox:${tag}${version} AS b\n",
        &["UndefinedArgInFrom:2: FROM argument 'version' is not declared"],
    );
    let typo = report("FROM --platform=$BULIDPLATFORM scratch\n", &options(), None);
    let expected = "FROM argument 'BULIDPLATFORM' is not declared (did you mean BUILDPLATFORM?)";
    assert_eq!(shown(&typo), [format!("UndefinedArgInFrom:1: {expected}")]);
    let error = "empty platform value from expression $BULIDPLATFORM (did you mean BUILDPLATFORM?)";
    assert_eq!(typo.error.unwrap().to_string(), error);
    let text = "ARG MY_OS=linux\nARG MY_ARCH=amd64\nFROM --platform=linux/${MYARCH} busybox\n";
    let error = "failed to parse platform linux/${MYARCH}: \"\" is an invalid component of \"linux/\": platform \
                 specifier component must match \"^[A-Za-z0-9_.-]+$\": invalid argument (did you mean MY_ARCH?)";
    let found = report(text, &options(), None).error.unwrap();
    assert_eq!((found.to_string().as_str(), found.lines().unwrap().start), (error, 3));
}

#[test]
fn bases_are_valid_without_arguments() {
    let mut build = options();
    build.build_args.insert("VERSION".to_owned(), "latest".to_owned());
    let report = report("ARG VERSION\nFROM busybox:$VERSION\n", &build, None);
    let expected = "Default value for ARG busybox:$VERSION results in empty or invalid base image name";
    assert_eq!(shown(&report), [format!("InvalidDefaultArgInFrom:2: {expected}")]);
    warns("ARG V\nFROM busybox:stable${V}\n", &[]);
}

#[test]
fn platforms_say_something() {
    for written in ["$TARGETPLATFORM", "${TARGETPLATFORM}"] {
        let expected =
            format!("Setting platform to predefined {written} in FROM is redundant as this is the default behavior");
        let text = format!("FROM --platform={written} scratch\n");
        warns(&text, &[&format!("RedundantTargetPlatform:1: {expected}")]);
    }
    let expected = "FROM --platform flag should not use constant value \"linux/amd64\"";
    warns("FROM --platform=linux/amd64 scratch\n", &[&format!("FromPlatformFlagConstDisallowed:1: {expected}")]);
    warns("FROM --platform=linux/amd64 scratch AS my_amd64_stage\n", &[]);
}

#[test]
fn variables_are_defined() {
    warns("FROM scratch\nARG foo\nCOPY a${foo} .\n", &[]);
    warns("FROM alpine AS base\nARG foo=a\nFROM base\nCOPY $foo .\n", &[]);
    warns("FROM alpine\nRUN echo $NOTHING\n", &[]);
    warns("FROM alpine\nCOPY $foo .\nARG foo=bar\n", &["UndefinedVar:2: Usage of undefined variable '$foo'"]);
    warns(
        "FROM alpine\nENV PATH=$PAHT:/bin\nARG DIR_ASSETS=a\nCOPY $DIR_ASSET .\n",
        &[
            "UndefinedVar:2: Usage of undefined variable '$PAHT' (did you mean $PATH?)",
            "UndefinedVar:4: Usage of undefined variable '$DIR_ASSET' (did you mean $DIR_ASSETS?)",
        ],
    );
    let two = "FROM scratch AS first\nCOPY $foo .\nFROM scratch AS second\nCOPY $bar .\n";
    let second = "UndefinedVar:4: Usage of undefined variable '$bar'";
    warns(two, &["UndefinedVar:2: Usage of undefined variable '$foo'", second]);
    let mut build = options();
    build.target = Some("second".to_owned());
    assert_eq!(shown(&report(two, &build, None)), [second]);
}

#[test]
fn directories_do_not_depend_on_the_base() {
    let expected = "Relative workdir \"app/\" can have unexpected results if the base image changes";
    warns("FROM scratch\nWORKDIR app/\nWORKDIR b\n", &[&format!("WorkdirRelativePath:2: {expected}")]);
    warns("FROM scratch AS a\nWORKDIR /app\nFROM a\nWORKDIR b\n", &[]);
}

#[test]
fn secrets_are_not_in_variables() {
    let secret = |instruction: &str, name: &str, line: usize| {
        let what = format!("({instruction} \"{name}\")");
        format!("SecretsUsedInArgOrEnv:{line}: Do not use ARG or ENV instructions for sensitive data {what}")
    };
    let text = "FROM scratch\nARG SECRET_PASSPHRASE\nENV SUPER_Secret=foo\nENV password=bar secret=baz\n\
                ARG super_duper_secret_token=foo auth=bar\nENV apikey=bar sunflower=foo\nENV git_key=\n\
                ENV PUBLIC_KEY=\nARG public_token monkey\n";
    let expected = [
        secret("ARG", "SECRET_PASSPHRASE", 2),
        secret("ENV", "SUPER_Secret", 3),
        secret("ENV", "password", 4),
        secret("ENV", "secret", 4),
        secret("ARG", "auth", 5),
        secret("ARG", "super_duper_secret_token", 5),
        secret("ENV", "apikey", 6),
        secret("ENV", "git_key", 7),
    ];
    warns(text, &expected.each_ref().map(String::as_str));
}

#[test]
fn ports_are_ports() {
    let mapped = "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'";
    warns(
        "FROM scratch\nEXPOSE 80/TcP\nEXPOSE 127.0.0.1:80:80\nEXPOSE 80 81/udp\n",
        &[
            "ExposeProtoCasing:2: Defined protocol '80/TcP' in EXPOSE instruction should be lowercase",
            &format!("ExposeInvalidFormat:3: {mapped}"),
        ],
    );
}

#[test]
fn experimental_rules_are_asked_for() {
    let ignore = Ignore::parse(b"Dockerfile").unwrap();
    let text = "FROM scratch\nCOPY Dockerfile .\nADD Dockerfile /windy\nCOPY --from=a Dockerfile /\n";
    assert_eq!(shown(&report(text, &options(), Some(&ignore))), [""; 0]);
    let asked = format!("# check=skip=all;experimental=CopyIgnoredFile\n{text}");
    let expected = [
        "CopyIgnoredFile:3: Attempting to Copy file \"Dockerfile\" that is excluded by .dockerignore",
        "CopyIgnoredFile:4: Attempting to Add file \"Dockerfile\" that is excluded by .dockerignore",
    ];
    assert_eq!(shown(&report(&asked, &options(), Some(&ignore))), expected);
}

#[test]
fn comments_describe_what_follows() {
    let text = "# check=experimental=all\n# bar this is the bar\nARG foo=bar\n# BasE this is\nFROM scratch AS base\n\
                # definitely bad\nARG version=latest\n# bad\nARG foo=baz bar=qux\n# version is good\nARG version\n\
                # away\n\nARG a\n# no description\n#\nARG b\n# other\nCOPY a .\n";
    let wrong = |line: usize, instruction: &str, name: &str| {
        let format = format!("`# {name} <description>`");
        format!("InvalidDefinitionDescription:{line}: Comment for {instruction} should follow the format: {format}")
    };
    let expected =
        [wrong(3, "ARG", "foo"), wrong(5, "FROM", "base"), wrong(7, "ARG", "version"), wrong(9, "ARG", "<arg_key>")];
    warns(text, &expected.each_ref().map(String::as_str));
}

#[test]
fn options_skip_rules_and_make_errors() {
    let text = "FROM scratch as base\ncopy Dockerfile .\n";
    warns(&format!("#check=skip=all;error=true\n{text}"), &[]);
    warns(&format!("#check=skip=ConsistentInstructionCasing,FromAsCasing;error=true\n{text}"), &[]);
    let report = report(&format!("#check=skip=ConsistentInstructionCasing;error=true\n{text}"), &options(), None);
    assert_eq!(shown(&report), ["FromAsCasing:2: 'as' and 'FROM' keywords' casing do not match"]);
    let error = report.error.unwrap();
    assert_eq!(error.to_string(), "lint violation found for rules: FromAsCasing");
    assert_eq!(error.lines().unwrap().start, 2);
}

#[test]
fn warnings_stand_beside_errors() {
    let report = report("FROM scratch AS Bad\nMAINTAINER me\nBADCMD\n", &options(), None);
    assert_eq!(report.warnings.len(), 2);
    assert_eq!(report.error.unwrap().to_string(), "dockerfile parse error on line 3: unknown instruction: BADCMD");
}

#[test]
fn rules_have_pages() {
    assert_eq!(Rule::JsonArgsRecommended.url(), "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/");
    assert_eq!(Rule::FromAsCasing.description(), "The 'as' keyword should match the case of the 'from' keyword");
}
