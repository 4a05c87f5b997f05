//! Stages, and the variables of each.

mod common;

use common::options;
use porthole_dockerfile::evaluate::{Evaluation, Scope, evaluate, proxy_environment};
use porthole_dockerfile::instruction::{self, Command, MountType};
use porthole_dockerfile::lint::Linter;
use porthole_dockerfile::parse::parse;
use porthole_dockerfile::plan::{Base, Options, Plan, Source};
use porthole_dockerfile::{Error, Result};

fn plan_with(text: &str, options: &Options) -> Result<Plan> {
    let mut linter = Linter::silent();
    let dockerfile = instruction::read(&parse(text.as_bytes())?, &mut linter)?;
    Plan::new(dockerfile, options, &mut linter)
}

fn plan(text: &str) -> Plan {
    plan_with(text, &options()).unwrap()
}

/// Evaluates the stages in order; images set nothing.
fn evaluate_all(plan: &Plan) -> Result<Vec<Evaluation>> {
    let mut done: Vec<Evaluation> = Vec::new();
    for (index, stage) in plan.stages().iter().enumerate() {
        let base = match stage.base {
            Base::Stage(base) => done[base].scope.clone(),
            _ => Scope::scratch(),
        };
        done.push(evaluate(plan, index, base, None, &mut Linter::silent())?);
    }
    Ok(done)
}

/// The commands of the last stage.
fn commands(text: &str, options: &Options) -> Result<Vec<Command>> {
    let mut done = evaluate_all(&plan_with(text, options)?)?;
    let steps = done.pop().map(|evaluation| evaluation.steps).unwrap_or_default();
    Ok(steps.into_iter().map(|step| step.instruction.command).collect())
}

/// What the `USER` of the last stage is.
fn user(text: &str, options: &Options) -> String {
    let mut users = commands(text, options).unwrap().into_iter().filter_map(|command| match command {
        Command::User(user) => Some(user),
        _ => None,
    });
    users.next_back().unwrap()
}

fn message(result: Result<impl Sized>) -> String {
    result.err().as_ref().map(Error::to_string).unwrap_or_default()
}

#[test]
fn stages_build_on_what_they_name() {
    let plan = plan("ARG B=base\nFROM debian AS base\nFROM ${B} AS Next\nFROM scratch\nFROM $B-other\n");
    let bases: Vec<_> = plan.stages().iter().map(|stage| stage.base.clone()).collect();
    let image = |name: &str| Base::Image(name.to_owned());
    assert_eq!(bases, [image("debian"), Base::Stage(0), Base::Scratch, image("base-other")]);
    let names: Vec<_> = plan.stages().iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["base", "next", "stage-2", "stage-3"]);
    assert_eq!(plan.target(), 3);
}

#[test]
fn only_what_is_needed_is_built() {
    let text = "FROM a AS one\nFROM b AS two\nFROM c AS three\nRUN --mount=from=one,target=/x y\nFROM d AS four\n\
                COPY --from=2 /a /b\nCOPY --from=image /a /b\nFROM two AS five\n";
    let mut options = options();
    let needed = |options: &Options| plan_with(text, options).unwrap().needed().into_iter().collect::<Vec<_>>();
    assert_eq!(needed(&options), [1, 4]);
    options.target = Some("FOUR".to_owned());
    assert_eq!(needed(&options), [0, 2, 3]);
    let plan = plan_with(text, &options).unwrap();
    let sources: Vec<_> = plan.stages()[3].instructions.iter().map(|planned| planned.sources.clone()).collect();
    assert_eq!(sources, [vec![Some(Source::Stage(2))], vec![Some(Source::Image("image".to_owned()))]]);
    options.target = Some("for".to_owned());
    let expected = "target stage \"for\" could not be found (did you mean four?)";
    assert_eq!(message(plan_with(text, &options)), expected);
}

#[test]
fn stages_that_cannot_be_built_are_told() {
    let fails = |text: &str| message(plan_with(text, &options()));
    assert_eq!(fails("ARG a"), "dockerfile contains no stages to build");
    assert_eq!(fails("FROM ${a}"), "base name (${a}) should not be blank");
    assert_eq!(fails("FROM a\nCOPY --from=7 b c"), "invalid stage index 7");
    assert_eq!(fails("FROM a AS b\nCOPY --from=b c d"), "circular dependency detected on stage: b");
    let circle = "FROM a AS b\nCOPY --from=d c c\nFROM a AS d\nCOPY --from=b c c\n";
    assert_eq!(fails(circle), "circular dependency detected on stage: b");
    let order = |text: &str| message(evaluate_all(&plan(text)));
    let later = "FROM a AS b\nCOPY --from=d c c\nFROM a AS d\n";
    assert_eq!(order(later), "cannot copy from stage \"d\", it needs to be defined before current stage \"b\"");
    let later = "FROM a AS b\nRUN --mount=from=d,target=/x c\nFROM a AS d\n";
    let expected = "cannot mount from stage \"d\" to \"b\", stage needs to be defined before current command";
    assert_eq!(order(later), expected);
}

#[test]
fn platforms_are_arguments() {
    let mut options = options();
    options.target_platform = "linux/arm/v7".parse().unwrap();
    let plan = plan_with("FROM --platform=$BUILDPLATFORM a\nFROM --platform=linux/$TARGETARCH b", &options).unwrap();
    let platforms: Vec<_> = plan.stages().iter().map(|stage| stage.platform.as_ref().unwrap().to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm/v7"]);
    let all = "FROM a AS last\nARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDARCH TARGETSTAGE\n\
               USER $TARGETPLATFORM,$TARGETOS,$TARGETARCH,$TARGETVARIANT,$BUILDARCH,$TARGETSTAGE\n";
    assert_eq!(user(all, &options), "linux/arm/v7,linux,arm,v7,amd64,last");
    assert_eq!(user("FROM a\nUSER x$TARGETARCH", &options), "x", "platforms are declared where they are used");
    options.build_args.insert("TARGETARCH".to_owned(), "mine".to_owned());
    assert_eq!(user("FROM a\nARG TARGETARCH=other\nUSER $TARGETARCH", &options), "mine");
}

#[test]
fn arguments_hold_from_where_they_are_declared() {
    let mut options = options();
    assert_eq!(user("ARG a=1\nFROM x\nUSER [$a]", &options), "[]");
    assert_eq!(user("ARG a=1\nFROM x\nARG a\nUSER [$a]", &options), "[1]");
    assert_eq!(user("ARG a=1\nFROM x\nARG a=2 b=$a\nUSER [$a$b]", &options), "[22]");
    assert_eq!(user("ARG a=1 b=${a}2\nFROM x\nARG b\nUSER [$b]", &options), "[12]");
    assert_eq!(user("FROM x AS y\nARG a=1\nFROM y\nUSER [$a]", &options), "[1]", "inherited from the stage");
    assert_eq!(user("FROM x AS y\nARG a=1\nFROM x\nUSER [$a]", &options), "[]");
    assert_eq!(user("FROM x\nARG a=1\nENV a=2\nUSER [$a]", &options), "[2]");
    assert_eq!(user("FROM x\nENV a=1\nENV a=2 b=$a\nUSER [$a$b]", &options), "[21]", "expanded as a whole");
    options.build_args.insert("a".to_owned(), "given".to_owned());
    assert_eq!(user("FROM x\nARG a=${b?}\nUSER [$a]", &options), "[given]", "the default is not even read");
    assert_eq!(user("FROM x\nUSER [$a]", &options), "[]", "given, but not declared");
    assert_eq!(user("ARG a=1\nFROM x\nENV a=2\nARG a\nUSER [$a]", &options), "[given]");
}

#[test]
fn instructions_expand_in_their_own_way() {
    let text = "# escape=`\nFROM x\nENV V=\"a b\" P=80-81\nARG Q='c d'\nLABEL $V=\"$V\" k=`$V\nWORKDIR /$V\nVOLUME [\"/$V\"]\n\
                EXPOSE $P/udp \"9$\"0\nSTOPSIGNAL ${V%% *}\nCMD $V\nRUN [\"$V\"]\nHEALTHCHECK CMD $V\nONBUILD RUN $V\n\
                COPY --chown=$V --chmod=${P%-*} --from=$V <<A <<'B' $V/ /\"$V\"\n$V `$V \\$V 'x'\nA\n$V\nB\n";
    let dump = |command: &Command| format!("{command:?}");
    let mut text = text.to_owned();
    text = text.replace("\"9$\"0", "90");
    let commands = commands(&text, &options()).unwrap();
    let Command::Label(labels) = &commands[2] else { panic!("LABEL") };
    let labels: Vec<_> = labels.iter().map(|label| (label.key.as_str(), label.value.as_str())).collect();
    assert_eq!(labels, [("a b", "a b"), ("k", "$V")]);
    assert_eq!(commands[3], Command::Workdir("/a b".to_owned()));
    assert_eq!(commands[4], Command::Volume(vec!["/a b".to_owned()]));
    let ports = ["80/udp", "81/udp", "90/tcp"].map(str::to_owned).to_vec();
    assert_eq!(commands[5], Command::Expose(ports));
    assert_eq!(commands[6], Command::StopSignal("a".to_owned()));
    for command in &commands[7..11] {
        assert!(dump(command).contains("$V"), "{command:?}");
    }
    let Command::Copy(copy) = &commands[11] else { panic!("COPY") };
    assert_eq!(
        (copy.chown.as_deref(), copy.chmod.as_deref(), copy.from.as_deref()),
        (Some("a b"), Some("80"), Some("$V"))
    );
    assert_eq!((copy.paths.sources.as_slice(), copy.paths.dest.as_str()), (&["a b/".to_owned()][..], "/a b"));
    let contents: Vec<_> = copy.paths.contents.iter().map(|file| file.data.as_str()).collect();
    assert_eq!(contents, ["a b `a b $V 'x'\n", "$V\n"]);
}

#[test]
fn run_sees_variables_and_arguments() {
    let text = "FROM x\nENV E=1\nARG A=2 B\nRUN --mount=type=cache,target=/$E$A a\nENV F=3\n";
    let done = evaluate_all(&plan(text)).unwrap();
    let step = &done[0].steps[2];
    assert_eq!(step.mounts[0].kind, MountType::Cache);
    assert_eq!(step.mounts[0].target.as_deref(), Some("/12"));
    let variables: Vec<_> = step.scope.environment.names().collect();
    assert_eq!(variables, ["PATH", "E", "A"]);
    let args: Vec<_> = step.scope.args.iter().map(|arg| (arg.key.as_str(), arg.value.as_deref())).collect();
    assert_eq!(args, [("A", Some("2")), ("B", None)]);
    assert_eq!(message(evaluate_all(&plan("FROM x\nRUN --mount=type=$y a"))), "unsupported mount type \"\"");
}

#[test]
fn images_bring_variables_and_triggers() {
    let mut plan =
        plan("FROM x AS base\nONBUILD USER kept\nONBUILD COPY --from=0 a b\nFROM image\nUSER own$A\nFROM base\n");
    let kept = &plan.stages()[2].instructions;
    assert!(kept.len() == 2 && kept.iter().all(|planned| planned.is_trigger && planned.instruction.lines.start == 6));
    assert_eq!(kept[1].sources, [Some(Source::Stage(0))]);
    assert_eq!(plan.stages()[0].instructions.len(), 2);
    plan.add_triggers(1, &["ENV A=$B".to_owned()]).unwrap();
    let base = Scope::of_image(&["B=image", "PATH=/bin"], &["/bin/bash".to_owned()]);
    let done = evaluate(&plan, 1, base, None, &mut Linter::silent()).unwrap();
    assert_eq!(done.steps[1].instruction.command, Command::User("ownimage".to_owned()));
    assert_eq!(done.scope.environment.get("PATH"), Some("/bin"));
    assert_eq!(done.scope.shell, ["/bin/bash"]);
    let fails = |trigger: &str| message(plan.clone().add_triggers(1, &[trigger.to_owned()]));
    assert_eq!(fails("RUN a\nRUN b"), "onbuild trigger should be a single expression");
    assert_eq!(fails("FROM a"), "FROM isn't allowed as an ONBUILD trigger");
    assert_eq!(fails("NOTHING a"), "unknown instruction: NOTHING");
}

#[test]
fn contexts_stand_in_for_stages() {
    let mut options = options();
    options.contexts.insert("deps".to_owned());
    let plan = plan_with("FROM a AS deps\nRUN b\nFROM c\nCOPY --from=deps / /\n", &options).unwrap();
    assert_eq!(plan.stages()[0].base, Base::Context("deps".to_owned()));
    assert!(plan.stages()[0].instructions.is_empty());
    assert_eq!(plan.needed().len(), 2);
}

#[test]
fn errors_name_the_lines() {
    let error = plan_with("FROM a\nFROM b:${c:?none}\n", &options()).unwrap_err();
    assert_eq!(error.to_string(), "failed to process \"b:${c:?none}\": c: none");
    assert_eq!(error.lines().unwrap().start, 2);
    let error = evaluate_all(&plan("FROM a\nUSER \\\n $\"\n")).unwrap_err();
    let lines = error.lines().unwrap();
    assert_eq!((lines.start, lines.end), (2, 3));
    assert_eq!(message(evaluate_all(&plan("FROM a\nVOLUME $x"))), "VOLUME specified can not be an empty string");
    assert_eq!(message(evaluate_all(&plan("FROM a\nEXPOSE x"))), "invalid containerPort: x");
}

#[test]
fn doubling_variables_have_an_end() {
    let doubling: String = (0..64).map(|_| "ENV A=$A$A\n").collect();
    let error = evaluate_all(&plan(&format!("FROM a\nENV A=xxxxxxxxxxxxxxxx\n{doubling}"))).unwrap_err();
    assert!(error.to_string().ends_with("the expansion is longer than 2097152 bytes"));
}

#[test]
fn proxies_are_variables_of_run_only() {
    let mut options = options();
    options.build_args.insert("http_Proxy".to_owned(), "http://p".to_owned());
    let proxies: Vec<_> = ["HTTP_PROXY", "http_proxy"].into_iter().map(|name| (name, "http://p")).collect();
    assert_eq!(proxy_environment(&options.build_args).iter().collect::<Vec<_>>(), proxies);
    assert_eq!(user("FROM a\nUSER [$HTTP_PROXY]", &options), "[]");
}
