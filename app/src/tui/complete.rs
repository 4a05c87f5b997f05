//! Completion of command lines: subcommands and flags from the grammar, names from what exists.

use super::model::Model;
use super::model::prompt::Offer;
use super::words;

/// The commands that can be typed, as the grammar of the command line has them.
#[derive(Clone, Debug, Default)]
pub struct Grammar {
    commands: Vec<CommandWord>,
}

#[derive(Clone, Debug)]
struct CommandWord {
    path: String,
    about: String,
    flags: Vec<(String, String)>,
}

impl Grammar {
    /// Reads the grammar out of clap's tree; hidden commands stay hidden.
    pub fn new(command: &clap::Command) -> Self {
        let mut commands = Vec::new();
        collect(command, "", &mut commands);
        Self { commands }
    }

    /// Whether a command line needs a terminal: it talks to somebody, or goes on until it is stopped.
    pub fn needs_terminal(argv: &[String]) -> bool {
        let mut words = argv.iter().map(String::as_str);
        let Some(command) = words.next() else { return false };
        // Only flags before the first operand are the command's own.
        let flags = || words.clone().take_while(|word| word.starts_with('-'));
        let has = |long: &str, short: char| {
            flags().any(|flag| flag == long || (!flag.starts_with("--") && flag.contains(short)))
        };
        match command {
            "attach" | "trace" | "wait" | "pull" | "push" | "login" => true,
            "run" | "exec" => !has("--detach", 'd'),
            "start" => has("--attach", 'a') || has("--interactive", 'i'),
            "logs" => words.any(|word| word == "-f" || word == "--follow"),
            _ => false,
        }
    }

    /// What fits the line's last word.
    pub fn offers(&self, line: &str, model: &Model) -> Vec<Offer> {
        let (before, last) = split_last(line);
        let path = before.join(" ");
        let mut offers = self.subcommands(&path, last);
        let Some(command) = self.command_of(&before) else { return offers };
        if last.starts_with('-') {
            let flags = command.flags.iter().filter(|(flag, _)| flag.starts_with(last));
            offers.extend(flags.map(|(flag, about)| offer(flag, about)));
        } else if offers.is_empty() {
            offers.extend(names(&command.path, last, model));
        }
        offers
    }

    fn subcommands(&self, path: &str, last: &str) -> Vec<Offer> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path} ") };
        let below = self.commands.iter().filter_map(|command| Some((command.path.strip_prefix(&prefix)?, command)));
        let fits = below.filter(|(word, _)| !word.contains(' ') && word.starts_with(last));
        fits.map(|(word, command)| offer(word, &command.about)).collect()
    }

    fn command_of(&self, words: &[&str]) -> Option<&CommandWord> {
        let (one, two) = (words.first()?, words.get(1));
        let nested = two.map(|two| format!("{one} {two}"));
        let find = |path: &str| self.commands.iter().find(|command| command.path == path);
        nested.and_then(|path| find(&path)).or_else(|| find(one))
    }
}

fn collect(command: &clap::Command, path: &str, commands: &mut Vec<CommandWord>) {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let path = format!("{path}{}", sub.get_name());
        let about = |text: Option<&clap::builder::StyledStr>| text.map(ToString::to_string).unwrap_or_default();
        let arguments = sub.get_arguments().filter(|argument| !argument.is_hide_set());
        let flags = arguments.filter_map(|argument| {
            let long = argument.get_long().map(|long| format!("--{long}"));
            let flag = long.or_else(|| argument.get_short().map(|short| format!("-{short}")))?;
            Some((flag, about(argument.get_help())))
        });
        commands.push(CommandWord { path: path.clone(), about: about(sub.get_about()), flags: flags.collect() });
        collect(sub, &format!("{path} "), commands);
    }
}

/// Containers, images or files, whatever the command takes.
fn names(command: &str, last: &str, model: &Model) -> Vec<Offer> {
    match command {
        "run" | "create" | "rmi" | "tag" | "images" | "push" | "pull" | "save" | "history" => images(last, model),
        "load" | "import" => files(last),
        "volume rm" | "volume inspect" => volumes(last, model),
        "network rm" | "network inspect" => networks(last, model),
        "network connect" | "network disconnect" => {
            networks(last, model).into_iter().chain(containers(last, model)).collect()
        }
        "inspect" => containers(last, model).into_iter().chain(images(last, model)).collect(),
        _ => containers(last, model),
    }
}

fn containers(last: &str, model: &Model) -> Vec<Offer> {
    let fits = model.containers.all().iter().filter(|container| container.name.starts_with(last));
    fits.map(|container| offer(&container.name, &container.image)).collect()
}

fn images(last: &str, model: &Model) -> Vec<Offer> {
    let fits = model.images.all().iter().filter(|image| image.reference().starts_with(last));
    fits.map(|image| offer(image.reference(), "image")).collect()
}

fn volumes(last: &str, model: &Model) -> Vec<Offer> {
    let fits = model.volumes.all().iter().filter(|volume| volume.name.starts_with(last));
    fits.map(|volume| offer(&volume.name, "volume")).collect()
}

fn networks(last: &str, model: &Model) -> Vec<Offer> {
    let fits = model.networks.all().iter().filter(|network| network.name.starts_with(last));
    fits.map(|network| offer(&network.name, "network")).collect()
}

/// Directories and files whose names begin as typed; reading one directory at a key press is quick enough.
pub fn files(last: &str) -> Vec<Offer> {
    let (directory, prefix) = last.rsplit_once('/').map_or(("", last), |(directory, name)| (directory, name));
    let shown = if last.contains('/') { format!("{directory}/") } else { String::new() };
    let place = if shown.is_empty() { "." } else { shown.as_str() };
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten().take(2000);
    let mut offers: Vec<Offer> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.') && !prefix.starts_with('.');
            let slash = if entry.path().is_dir() { "/" } else { "" };
            (name.starts_with(prefix) && !hidden).then(|| offer(&format!("{shown}{name}{slash}"), ""))
        })
        .collect();
    offers.sort_by(|one, other| one.text.cmp(&other.text));
    offers.truncate(100);
    offers
}

fn offer(text: &str, about: &str) -> Offer {
    Offer { text: text.to_owned(), about: about.to_owned() }
}

/// The word that is being typed.
pub fn last_word(line: &str) -> &str {
    split_last(line).1
}

/// The words before the one that is being typed, and that one.
fn split_last(line: &str) -> (Vec<&str>, &str) {
    let at = line.rfind(' ').map_or(0, |at| at + 1);
    (line[..at].split_whitespace().collect(), &line[at..])
}

/// The line with its last word replaced by an offer; a blank follows unless it is a directory.
pub fn insert(line: &str, offer: &Offer) -> String {
    let kept = &line[..line.rfind(' ').map_or(0, |at| at + 1)];
    let blank = if offer.text.ends_with('/') { "" } else { " " };
    format!("{kept}{}{blank}", words::quote(&offer.text))
}

/// The longest beginning that all offers share.
pub fn common(offers: &[Offer]) -> String {
    let Some((first, rest)) = offers.split_first() else { return String::new() };
    let shares = |end: usize| rest.iter().all(|offer| offer.text.starts_with(&first.text[..end]));
    let ends = first.text.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = ends.take_while(|&end| shares(end)).last().unwrap_or(0);
    first.text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    fn texts(line: &str) -> Vec<String> {
        let model = fixture::workstation(80, 24);
        fixture::grammar().offers(line, &model).into_iter().map(|offer| offer.text).collect()
    }

    #[test]
    fn commands_flags_and_names() {
        assert_eq!(texts("sto"), ["stop"]);
        assert_eq!(texts("lab u"), ["up"]);
        assert_eq!(texts("run --de"), ["--detach"]);
        assert_eq!(texts("stop w"), ["web"]);
        assert_eq!(texts("run -d la"), ["lab:latest"]);
        assert!(texts("zzz ").is_empty());
    }

    #[test]
    fn what_is_inserted_replaces_the_word() {
        assert_eq!(insert("stop w", &offer("web", "")), "stop web ");
        assert_eq!(insert("load -i /t", &offer("/tmp/", "")), "load -i /tmp/");
        assert_eq!(common(&[offer("stats", ""), offer("start", "")]), "sta");
        assert_eq!(common(&[]), "");
    }
}
