//! From the syntax tree to instructions.

use super::flags::{Flags, Kind};
use super::{
    Add, Arg, Command, CommandLine, Copy, Device, Dockerfile, GlobalArgs, Healthcheck, HealthcheckCommand, InlineFile,
    Instruction, KeyValue, MountSpec, Network, Run, Security, SourcesAndDest, Stage, duration,
};
use crate::ast::{Arguments, Ast, Heredoc, Node};
use crate::error::{Error, Result};
use crate::lint::{Linter, checks};
use crate::parse::heredoc;
use crate::quote::quote;
use crate::suggest;

/// All instructions, for telling which one was meant.
const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// What a node turns out to be.
enum Read {
    Stage(Stage),
    Command(Command),
}

/// Reads the instructions of a Dockerfile. What the checks say of how they are written is told to `linter`, also when
/// they cannot be read to the end.
pub fn read(ast: &Ast, linter: &mut Linter) -> Result<Dockerfile> {
    let mut dockerfile = Dockerfile { global_args: Vec::new(), stages: Vec::new(), escape: ast.escape };
    for node in &ast.nodes {
        checks::before_reading(node, linter);
        let read = read_node(node).map_err(|error| error.in_instruction(node.lines))?;
        match read {
            Read::Stage(stage) => {
                checks::description("FROM", stage.name.as_slice(), node, linter);
                dockerfile.stages.push(stage);
            }
            Read::Command(command) => {
                if let Command::Arg(args) = &command {
                    let keys: Vec<_> = args.iter().map(|arg| arg.key.clone()).collect();
                    checks::description("ARG", &keys, node, linter);
                }
                add_command(&mut dockerfile, node, command)?;
            }
        }
    }
    Ok(dockerfile)
}

fn add_command(dockerfile: &mut Dockerfile, node: &Node, command: Command) -> Result<()> {
    match (dockerfile.stages.last_mut(), command) {
        (Some(stage), command) => stage.instructions.push(instruction(node, command)),
        (None, Command::Arg(args)) => dockerfile.global_args.push(GlobalArgs { args, lines: node.lines }),
        (None, _) => return Err(Error::new("no build stage in current context").at(node.lines)),
    }
    Ok(())
}

fn instruction(node: &Node, command: Command) -> Instruction {
    Instruction { keyword: node.keyword.clone(), command, source: node.original.trim().to_owned(), lines: node.lines }
}

/// The instruction that an image keeps for those that build on it, to be run as one of a stage's `FROM`.
pub(crate) fn trigger(expression: &str, stage: &Stage) -> Result<Instruction> {
    let ast = crate::parse::parse(expression.as_bytes())?;
    let [node] = ast.nodes.as_slice() else {
        return Err(Error::new("onbuild trigger should be a single expression"));
    };
    let node = Node { lines: stage.lines, ..node.clone() };
    match read_node(&node)? {
        Read::Command(command) => Ok(instruction(&node, command)),
        Read::Stage(_) => Err(Error::new("FROM isn't allowed as an ONBUILD trigger")),
    }
}

fn read_node(node: &Node) -> Result<Read> {
    let reader: fn(&Node, &[String]) -> Result<Command> = match node.keyword.to_ascii_lowercase().as_str() {
        "from" => return from(node).map(Read::Stage),
        "add" => add,
        "arg" => arg,
        "cmd" => |node, _| no_flags(node).map(|()| Command::Cmd(command_line(node))),
        "copy" => copy,
        "entrypoint" => |node, _| no_flags(node).map(|()| Command::Entrypoint(command_line(node))),
        "env" => |node, _| key_values(node, "ENV").map(Command::Env),
        "expose" => expose,
        "healthcheck" => healthcheck,
        "label" => |node, _| key_values(node, "LABEL").map(Command::Label),
        "maintainer" => |node, words| one_word(node, words, "MAINTAINER").map(Command::Maintainer),
        "onbuild" => onbuild,
        "run" => run,
        "shell" => shell,
        "stopsignal" => |node, words| one_word(node, words, "STOPSIGNAL").map(Command::StopSignal),
        "user" => |node, words| one_word(node, words, "USER").map(Command::User),
        "volume" => volume,
        "workdir" => |node, words| one_word(node, words, "WORKDIR").map(Command::Workdir),
        _ => {
            let hint = suggest::hint_in_case(&node.keyword, KEYWORDS);
            return Err(Error::new(format!("unknown instruction: {}{hint}", node.keyword)));
        }
    };
    reader(node, &node.words()).map(Read::Command)
}

fn no_flags(node: &Node) -> Result<()> {
    Flags::read(&node.flags, &[]).map(drop)
}

fn at_least_one(words: &[String], keyword: &str) -> Result<()> {
    match words {
        [] => Err(Error::new(format!("{keyword} requires at least one argument"))),
        _ => Ok(()),
    }
}

fn one_word(node: &Node, words: &[String], keyword: &str) -> Result<String> {
    let [word] = words else {
        return Err(Error::new(format!("{keyword} requires exactly one argument")));
    };
    no_flags(node)?;
    Ok(word.clone())
}

fn from(node: &Node) -> Result<Stage> {
    let words = node.words();
    let name = stage_name(&words)?;
    let flags = Flags::read(&node.flags, &[("platform", Kind::Text)])?;
    Ok(Stage {
        keyword: node.keyword.clone(),
        base: words.into_iter().next().unwrap_or_default(),
        description: name.as_deref().and_then(|name| description(node, name)),
        name,
        platform: flags.non_empty("platform"),
        source: node.original.trim().to_owned(),
        lines: node.lines,
        instructions: Vec::new(),
    })
}

fn stage_name(words: &[String]) -> Result<Option<String>> {
    match words {
        [_] => Ok(None),
        [_, keyword, name] if keyword.eq_ignore_ascii_case("as") => {
            let lower = name.to_lowercase();
            let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
            match lower.starts_with(|c: char| c.is_ascii_lowercase()) && lower.chars().all(is_inner) {
                true => Ok(Some(lower)),
                false => {
                    let name = quote(name);
                    let rule = "name can't start with a number or contain symbols";
                    Err(Error::new(format!("invalid name for build stage: {name}, {rule}")))
                }
            }
        }
        _ => Err(Error::new("FROM requires either one or three arguments")),
    }
}

/// What the comments before an instruction say of `name`: those that begin with it.
fn description(node: &Node, name: &str) -> Option<String> {
    let mut comments = node.comments.iter().filter_map(|comment| comment.strip_prefix(name)?.strip_prefix(' '));
    comments.next().map(str::to_owned)
}

fn command_line(node: &Node) -> CommandLine {
    match &node.arguments {
        Arguments::Json(words) => CommandLine::Exec(words.clone()),
        _ => CommandLine::Shell(node.words().join(" ")),
    }
}

fn key_values(node: &Node, keyword: &str) -> Result<Vec<KeyValue>> {
    no_flags(node)?;
    let pairs = match &node.arguments {
        Arguments::Pairs(pairs) if !pairs.is_empty() => pairs,
        _ => return Err(Error::new(format!("{keyword} requires at least one argument"))),
    };
    let read = pairs.iter().map(|pair| match pair.name.as_str() {
        "" => Err(Error::new(format!("{keyword} names can not be blank"))),
        name => Ok(KeyValue { key: name.to_owned(), value: pair.value.clone(), legacy: pair.legacy }),
    });
    read.collect()
}

fn arg(node: &Node, words: &[String]) -> Result<Command> {
    at_least_one(words, "ARG")?;
    no_flags(node)?;
    let read = words.iter().map(|word| {
        let (key, value) = match word.split_once('=') {
            Some(("", _)) => return Err(Error::new("ARG names can not be blank")),
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        Ok(Arg { key: key.to_owned(), value, description: description(node, key) })
    });
    read.collect::<Result<_>>().map(Command::Arg)
}

fn add(node: &Node, words: &[String]) -> Result<Command> {
    let (sources, dest) = two_or_more(words, "ADD")?;
    let known = [
        ("checksum", Kind::Text),
        ("chmod", Kind::Text),
        ("chown", Kind::Text),
        ("exclude", Kind::Texts),
        ("keep-git-dir", Kind::Bool),
        ("link", Kind::Bool),
        ("unpack", Kind::Bool),
    ];
    let flags = Flags::read(&node.flags, &known)?;
    Ok(Command::Add(Add {
        paths: paths(node, sources, dest, "ADD")?,
        chown: flags.non_empty("chown"),
        chmod: flags.non_empty("chmod"),
        link: flags.bool("link").unwrap_or(false),
        exclude: flags.texts("exclude").map(str::to_owned).collect(),
        keep_git_dir: flags.bool("keep-git-dir").unwrap_or(false),
        checksum: flags.non_empty("checksum"),
        unpack: flags.bool("unpack"),
    }))
}

fn copy(node: &Node, words: &[String]) -> Result<Command> {
    let (sources, dest) = two_or_more(words, "COPY")?;
    let known = [
        ("chmod", Kind::Text),
        ("chown", Kind::Text),
        ("exclude", Kind::Texts),
        ("from", Kind::Text),
        ("link", Kind::Bool),
        ("parents", Kind::Bool),
    ];
    let flags = Flags::read(&node.flags, &known)?;
    Ok(Command::Copy(Copy {
        paths: paths(node, sources, dest, "COPY")?,
        from: flags.non_empty("from"),
        chown: flags.non_empty("chown"),
        chmod: flags.non_empty("chmod"),
        link: flags.bool("link").unwrap_or(false),
        parents: flags.bool("parents").unwrap_or(false),
        exclude: flags.texts("exclude").map(str::to_owned).collect(),
    }))
}

fn two_or_more<'a>(words: &'a [String], keyword: &str) -> Result<(&'a [String], &'a str)> {
    match words {
        [sources @ .., dest] if !sources.is_empty() => Ok((sources, dest)),
        _ => Err(Error::new(format!(
            "{keyword} requires at least two arguments, but only one was provided. Destination could not be determined"
        ))),
    }
}

fn paths(node: &Node, sources: &[String], dest: &str, keyword: &str) -> Result<SourcesAndDest> {
    let opened = |word: &str| heredoc::in_word(word).ok().flatten();
    if opened(dest).is_some() {
        return Err(Error::new(format!("{keyword} cannot accept a heredoc as a destination")));
    }
    let mut paths = SourcesAndDest { dest: dest.to_owned(), ..SourcesAndDest::default() };
    for source in sources {
        match opened(source) {
            Some(document) => paths.contents.push(inline_file(node, document)),
            None => paths.sources.push(source.clone()),
        }
    }
    Ok(paths)
}

/// The file that a heredoc among the sources is. Of several of one name, the last is it.
fn inline_file(node: &Node, opened: Heredoc) -> InlineFile {
    let found = node.heredocs.iter().rev().find(|document| document.name == opened.name);
    let content = found.map(|document| document.content.clone()).unwrap_or_default();
    let document = Heredoc { content, ..opened };
    InlineFile { data: document.text(), name: document.name, expand: document.expand }
}

fn run(node: &Node, _: &[String]) -> Result<Command> {
    let known = [("device", Kind::Texts), ("mount", Kind::Texts), ("network", Kind::Text), ("security", Kind::Text)];
    let flags = Flags::read(&node.flags, &known)?;
    Ok(Command::Run(Run {
        devices: flags.texts("device").map(Device::parse).collect::<Result<_>>()?,
        mounts: flags.texts("mount").map(MountSpec::parse).collect::<Result<_>>()?,
        network: match flags.text("network") {
            None | Some("default") => Network::Default,
            Some("none") => Network::None,
            Some("host") => Network::Host,
            Some(other) => return Err(Error::new(format!("invalid network mode {}", quote(other)))),
        },
        security: match flags.text("security") {
            None | Some("sandbox") => Security::Sandbox,
            Some("insecure") => Security::Insecure,
            Some(other) => return Err(Error::new(format!("security {} is not valid", quote(other)))),
        },
        command: command_line(node),
        documents: node.heredocs.clone(),
    }))
}

fn healthcheck(node: &Node, words: &[String]) -> Result<Command> {
    at_least_one(words, "HEALTHCHECK")?;
    let (kind, command) = (words[0].to_uppercase(), &words[1..]);
    if kind == "NONE" {
        return match command {
            [] => Ok(Command::Healthcheck(Healthcheck::None)),
            _ => Err(Error::new("HEALTHCHECK NONE takes no arguments")),
        };
    }
    let known = ["interval", "retries", "start-interval", "start-period", "timeout"].map(|flag| (flag, Kind::Text));
    let flags = Flags::read(&node.flags, &known)?;
    let interval = |flag| duration::interval(flag, flags.text(flag));
    let command = match (kind.as_str(), command) {
        ("CMD", []) => return Err(Error::new("Missing command after HEALTHCHECK CMD")),
        ("CMD", command) if node.is_json() => CommandLine::Exec(command.to_vec()),
        ("CMD", command) => CommandLine::Shell(command.join(" ")),
        (kind, _) => return Err(Error::new(format!("Unknown type {} in HEALTHCHECK (try CMD)", quote(kind)))),
    };
    Ok(Command::Healthcheck(Healthcheck::Cmd(HealthcheckCommand {
        command,
        interval: interval("interval")?,
        timeout: interval("timeout")?,
        start_period: interval("start-period")?,
        start_interval: interval("start-interval")?,
        retries: retries(flags.text("retries").unwrap_or_default())?,
    })))
}

/// A number as Go's `strconv.ParseInt` reads it into 32 bits.
fn retries(text: &str) -> Result<u32> {
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<i32>() {
        Ok(number) => u32::try_from(number).map_err(|_| Error::new(format!("--retries cannot be negative ({number})"))),
        Err(_) => {
            let what = if is_number { "value out of range" } else { "invalid syntax" };
            Err(Error::new(format!("strconv.ParseInt: parsing {}: {what}", quote(text))))
        }
    }
}

fn expose(node: &Node, words: &[String]) -> Result<Command> {
    at_least_one(words, "EXPOSE")?;
    no_flags(node)?;
    let mut ports = words.to_vec();
    ports.sort();
    Ok(Command::Expose(ports))
}

fn volume(node: &Node, words: &[String]) -> Result<Command> {
    at_least_one(words, "VOLUME")?;
    no_flags(node)?;
    let volumes = words.iter().map(|volume| match volume.trim() {
        "" => Err(Error::new("VOLUME specified can not be an empty string")),
        volume => Ok(volume.to_owned()),
    });
    volumes.collect::<Result<_>>().map(Command::Volume)
}

fn shell(node: &Node, words: &[String]) -> Result<Command> {
    no_flags(node)?;
    at_least_one(words, "SHELL")?;
    match node.is_json() {
        true => Ok(Command::Shell(words.to_vec())),
        false => Err(Error::new("SHELL requires the arguments to be in JSON form")),
    }
}

fn onbuild(node: &Node, words: &[String]) -> Result<Command> {
    at_least_one(words, "ONBUILD")?;
    no_flags(node)?;
    match words[0].trim().to_uppercase().as_str() {
        "ONBUILD" => return Err(Error::new("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")),
        trigger @ ("MAINTAINER" | "FROM") => {
            return Err(Error::new(format!("{trigger} isn't allowed as an ONBUILD trigger")));
        }
        _ => {}
    }
    let original = node.original.trim_start();
    let line = original.get("ONBUILD".len()..).unwrap_or_default().trim_start();
    let documents = node.heredocs.iter().map(|document| format!("\n{}{}", document.content, document.name));
    Ok(Command::Onbuild(std::iter::once(line.to_owned()).chain(documents).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;
    use std::time::Duration;

    fn dockerfile(text: &str) -> Result<Dockerfile> {
        read(&parse(text.as_bytes())?, &mut Linter::silent())
    }

    fn command(line: &str) -> Command {
        let dockerfile = dockerfile(&format!("FROM a\n{line}")).unwrap();
        dockerfile.stages[0].instructions[0].command.clone()
    }

    fn message(line: &str) -> String {
        dockerfile(&format!("FROM a\n{line}")).unwrap_err().to_string()
    }

    #[test]
    fn stages_hold_what_follows_them() {
        let text = "ARG a=1 b\n# one is the first\nFROM --platform=$P x AS One\nUSER u\nfrom y\n";
        let dockerfile = dockerfile(text).unwrap();
        assert_eq!(dockerfile.global_args[0].args[0].value.as_deref(), Some("1"));
        assert_eq!(dockerfile.global_args[0].args[1].value, None);
        let [first, second] = dockerfile.stages.as_slice() else { panic!("two stages") };
        assert_eq!(first.name.as_deref(), Some("one"));
        assert_eq!(first.platform.as_deref(), Some("$P"));
        assert_eq!(first.description.as_deref(), Some("is the first"));
        assert_eq!(first.instructions.len(), 1);
        assert_eq!((second.base.as_str(), second.name.as_deref()), ("y", None));
    }

    #[test]
    fn reads_flags_into_fields() {
        let Command::Copy(copy) = command("COPY --from=b --chown=1:2 --chmod=u+x --link --parents --exclude=*.o a /b/")
        else {
            panic!("COPY")
        };
        assert_eq!(
            (copy.from.as_deref(), copy.chown.as_deref(), copy.chmod.as_deref()),
            (Some("b"), Some("1:2"), Some("u+x"))
        );
        assert!(copy.link && copy.parents);
        assert_eq!(copy.exclude, ["*.o"]);
        let Command::Add(add) = command("ADD --keep-git-dir=true --checksum=sha256:0 --unpack=false a b [c]") else {
            panic!("ADD")
        };
        assert!(add.keep_git_dir && add.unpack == Some(false) && !add.link);
        assert_eq!((add.paths.sources, add.paths.dest.as_str()), (vec!["a".to_owned(), "b".to_owned()], "[c]"));
        let Command::Run(run) = command("RUN --network=none --security=insecure --mount=type=ssh --device=a=b [\"c\"]")
        else {
            panic!("RUN")
        };
        assert_eq!((run.network, run.security), (Network::None, Security::Insecure));
        assert_eq!((run.mounts.len(), run.devices.len()), (1, 1));
        assert_eq!(run.command, CommandLine::Exec(vec!["c".to_owned()]));
        let Command::Healthcheck(Healthcheck::Cmd(health)) =
            command("HEALTHCHECK --interval=5s --start-interval=1m --retries=3 cmd a b")
        else {
            panic!("HEALTHCHECK")
        };
        assert_eq!((health.interval, health.start_interval), (Duration::from_secs(5), Duration::from_secs(60)));
        assert_eq!((health.retries, health.command), (3, CommandLine::Shell("a b".to_owned())));
        assert_eq!(command("HEALTHCHECK none"), Command::Healthcheck(Healthcheck::None));
        assert_eq!(command("ENTRYPOINT []"), Command::Entrypoint(CommandLine::Exec(vec![])));
        assert_eq!(command("EXPOSE 90 80/udp"), Command::Expose(vec!["80/udp".to_owned(), "90".to_owned()]));
    }

    #[test]
    fn documents_are_files_or_scripts() {
        let Command::Copy(copy) = command("COPY <<-A b <<'C' /d\n\ta $x\nA\n\tc $x\nC") else { panic!("COPY") };
        let file = |name: &str, data: &str, expand| InlineFile { name: name.to_owned(), data: data.to_owned(), expand };
        assert_eq!(copy.paths.contents, [file("A", "a $x\n", true), file("C", "\tc $x\n", false)]);
        assert_eq!(copy.paths.sources, ["b"]);
        let script = |line: &str| match command(line) {
            Command::Run(run) => run.script(),
            _ => None,
        };
        assert_eq!(script("RUN <<-X\n\ta\nX").as_deref(), Some("a\n"));
        assert_eq!(script("RUN cat <<-X\n\ta\n\tX").as_deref(), Some("cat <<-X\n\ta\nX"));
        assert_eq!(script("RUN a b").as_deref(), Some("a b"));
        assert_eq!(script("RUN [\"a\"]"), None);
        assert_eq!(command("onBuild RUN <<X\na\nX"), Command::Onbuild("RUN <<X\na\nX".to_owned()));
    }

    #[test]
    fn tells_which_line_and_what_is_wrong() {
        let on_line_2 = |rest: &str| format!("dockerfile parse error on line 2: {rest}");
        let cases = [
            ("FOO bar", "unknown instruction: FOO (did you mean FROM?)"),
            ("BADCMD", "unknown instruction: BADCMD"),
            ("RNU a", "unknown instruction: RNU (did you mean RUN?)"),
            ("copi a b", "unknown instruction: copi (did you mean copy?)"),
            ("FROM", "FROM requires either one or three arguments"),
            ("FROM a b", "FROM requires either one or three arguments"),
            ("FROM a AS 1b", "invalid name for build stage: \"1b\", name can't start with a number or contain symbols"),
            ("FROM --plaform=x a", "unknown flag: --plaform (did you mean platform?)"),
            ("MAINTAINER", "MAINTAINER requires exactly one argument"),
            ("MAINTAINER --boo a", "unknown flag: --boo"),
            ("WORKDIR", "WORKDIR requires exactly one argument"),
            ("USER", "USER requires exactly one argument"),
            ("STOPSIGNAL", "STOPSIGNAL requires exactly one argument"),
            ("ENV", "ENV requires at least one argument"),
            ("ENV =a", "ENV names can not be blank"),
            ("LABEL", "LABEL requires at least one argument"),
            ("ARG", "ARG requires at least one argument"),
            ("ARG =a", "ARG names can not be blank"),
            ("EXPOSE", "EXPOSE requires at least one argument"),
            ("VOLUME", "VOLUME requires at least one argument"),
            ("VOLUME [\" \"]", "VOLUME specified can not be an empty string"),
            ("SHELL a", "SHELL requires the arguments to be in JSON form"),
            ("SHELL []", "SHELL requires at least one argument"),
            ("ONBUILD", "ONBUILD requires at least one argument"),
            ("ONBUILD FROM a", "FROM isn't allowed as an ONBUILD trigger"),
            ("ONBUILD ONBUILD RUN a", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
            ("COPY a <<E\nE", "COPY cannot accept a heredoc as a destination"),
            ("HEALTHCHECK", "HEALTHCHECK requires at least one argument"),
            ("HEALTHCHECK NONE a", "HEALTHCHECK NONE takes no arguments"),
            ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
            ("HEALTHCHECK TCP 1", "Unknown type \"TCP\" in HEALTHCHECK (try CMD)"),
            ("HEALTHCHECK --timeout=1ns CMD a", "Interval \"timeout\" cannot be less than 1ms"),
            ("HEALTHCHECK --retries=-1 CMD a", "--retries cannot be negative (-1)"),
            ("HEALTHCHECK --retries=a CMD a", "strconv.ParseInt: parsing \"a\": invalid syntax"),
            ("HEALTHCHECK --retries=9999999999 CMD a", "strconv.ParseInt: parsing \"9999999999\": value out of range"),
            ("RUN --network=x a", "invalid network mode \"x\""),
            ("RUN --security=x a", "security \"x\" is not valid"),
        ];
        for (line, expected) in cases {
            assert_eq!(message(line), on_line_2(expected), "{line}");
        }
        let copy =
            "COPY requires at least two arguments, but only one was provided. Destination could not be determined";
        assert_eq!(message("COPY a"), on_line_2(copy));
        let early = dockerfile("RUN a\nFROM b").unwrap_err();
        assert_eq!(early.to_string(), "no build stage in current context");
        assert_eq!(early.lines().map(|lines| lines.start), Some(1));
    }
}
