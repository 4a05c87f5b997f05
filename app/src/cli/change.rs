//! `import --change`: Dockerfile instructions that set how an image runs.

use super::health;
use porthole_engine::images::{Healthcheck, ImportConfig};

/// Applies one instruction.
pub fn apply(config: &mut ImportConfig, instruction: &str) -> Result<(), String> {
    let (word, value) = instruction.trim().split_once(char::is_whitespace).unwrap_or((instruction, ""));
    let value = value.trim();
    if value.is_empty() {
        return Err(format!("{word} needs an argument: {instruction}"));
    }
    match word.to_ascii_uppercase().as_str() {
        "CMD" => config.command = command(value),
        "ENTRYPOINT" => config.entrypoint = command(value),
        "ENV" => config.env.extend(pairs(value)?.into_iter().map(|(name, value)| format!("{name}={value}"))),
        "LABEL" => config.labels.extend(pairs(value)?),
        "EXPOSE" => config.exposed_ports.extend(value.split_whitespace().map(port)),
        "VOLUME" => config.volumes.extend(list(value)),
        "WORKDIR" => value.clone_into(&mut config.working_dir),
        "USER" => value.clone_into(&mut config.user),
        "HEALTHCHECK" => config.healthcheck = Some(healthcheck(value)?),
        "SHELL" => {
            config.shell =
                serde_json::from_str(value).map_err(|_| format!("SHELL needs a JSON list: {instruction}"))?;
        }
        "STOPSIGNAL" => value.clone_into(&mut config.stop_signal),
        _ => return Err(format!("{word} is not a valid change command")),
    }
    Ok(())
}

/// The exec form, a JSON list, or the shell form, run by a shell.
fn command(value: &str) -> Vec<String> {
    serde_json::from_str(value).unwrap_or_else(|_| vec!["/bin/sh".to_owned(), "-c".to_owned(), value.to_owned()])
}

/// `NONE`, or options and `CMD` with a command in either form.
fn healthcheck(text: &str) -> Result<Healthcheck, String> {
    let mut check = Healthcheck::default();
    let mut rest = text;
    while rest.starts_with("--") {
        let (option, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (flag, value) = option.split_once('=').ok_or_else(|| format!("{option} needs a value: {text}"))?;
        let time = || health::time(flag, Some(value.to_owned()));
        match flag {
            "--interval" => check.interval = time()?,
            "--timeout" => check.timeout = time()?,
            "--start-period" => check.start_period = time()?,
            "--start-interval" => check.start_interval = time()?,
            "--retries" => check.retries = value.parse().map_err(|_| format!("--retries needs a number: {text}"))?,
            _ => return Err(format!("unknown flag {flag}: {text}")),
        }
        rest = after.trim_start();
    }
    let (kind, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let value = value.trim();
    let list: Option<Vec<String>> = serde_json::from_str(value).ok();
    check.test = match (kind.to_ascii_uppercase().as_str(), value, list) {
        ("NONE", "", _) => vec!["NONE".to_owned()],
        ("CMD", _, Some(words)) if !words.is_empty() => [vec!["CMD".to_owned()], words].concat(),
        ("CMD", line, None) if !line.is_empty() => vec!["CMD-SHELL".to_owned(), line.to_owned()],
        _ => return Err(format!("HEALTHCHECK needs CMD and a command, or NONE: {text}")),
    };
    Ok(check)
}

fn list(value: &str) -> Vec<String> {
    serde_json::from_str(value).unwrap_or_else(|_| value.split_whitespace().map(str::to_owned).collect())
}

fn port(text: &str) -> String {
    if text.contains('/') { text.to_owned() } else { format!("{text}/tcp") }
}

/// `NAME=VALUE …`, values perhaps in quotes, or the old form `NAME VALUE`.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let words = words(text)?;
    if let [name, rest @ ..] = &words[..]
        && !name.contains('=')
    {
        return Ok(vec![(name.clone(), rest.join(" "))]);
    }
    let pair = |word: &String| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    words.iter().map(|word| pair(word).ok_or_else(|| format!("{word} must be of the form NAME=VALUE"))).collect()
}

/// Splits at blanks outside quotes; a backslash takes the next character as it is.
pub fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(characters.next()),
            (c, Some(open)) if c == open => quote = None,
            (c @ ('"' | '\''), None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(format!("a closing {open} is missing: {text}"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(instructions: &[&str]) -> ImportConfig {
        let mut config = ImportConfig::default();
        instructions.iter().for_each(|instruction| apply(&mut config, instruction).unwrap());
        config
    }

    #[test]
    fn instructions_set_the_configuration() {
        let config = applied(&[
            "CMD [\"httpd\", \"-f\"]",
            "ENTRYPOINT exec sh",
            "ENV A=1 B='two words'",
            "env C three words",
            "EXPOSE 80 53/udp",
            "LABEL x=y",
            "WORKDIR /srv",
        ]);
        assert_eq!(config.command, ["httpd", "-f"]);
        assert_eq!(config.entrypoint, ["/bin/sh", "-c", "exec sh"]);
        assert_eq!(config.env, ["A=1", "B=two words", "C=three words"]);
        assert_eq!(config.exposed_ports, ["80/tcp", "53/udp"]);
        assert_eq!(config.labels["x"], "y");
        assert_eq!(config.working_dir, "/srv");
    }

    #[test]
    fn health_checks_have_options_and_a_command() {
        let check = |text: &str| applied(&[text]).healthcheck.unwrap();
        let shell = check("HEALTHCHECK --interval=5s --retries=2 CMD curl -f http://localhost/ || exit 1");
        assert_eq!((shell.interval, shell.retries), (5_000_000_000, 2));
        assert_eq!(shell.test, ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]);
        assert_eq!(check("HEALTHCHECK CMD [\"a\", \"b\"]").test, ["CMD", "a", "b"]);
        assert_eq!(check("healthcheck none").test, ["NONE"]);
        assert_eq!(applied(&["SHELL [\"/bin/sh\", \"-ec\"]"]).shell, ["/bin/sh", "-ec"]);
    }

    #[test]
    fn others_are_refused() {
        for instruction in [
            "RUN true",
            "CMD",
            "",
            "ENV 'open",
            "SHELL sh",
            "HEALTHCHECK",
            "HEALTHCHECK curl",
            "HEALTHCHECK CMD",
            "HEALTHCHECK --interval CMD true",
            "HEALTHCHECK --interval=x CMD true",
            "HEALTHCHECK --colour=red CMD true",
        ] {
            assert!(apply(&mut ImportConfig::default(), instruction).is_err(), "{instruction}");
        }
    }
}
