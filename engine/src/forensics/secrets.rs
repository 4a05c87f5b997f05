//! Values that look secret, masked.

use serde_json::Value;

const MASK: &str = "***";

/// Words in the names of variables whose values are not to be shown.
const WORDS: [&str; 10] =
    ["PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH", "PRIVATE", "CERT", "SIGNATURE", "SALT"];

/// Members of documents that hold variables, as Docker and the OCI runtime specification call them.
const ENVIRONMENTS: [&str; 2] = ["Env", "env"];

/// Members of documents that hold command lines.
const COMMANDS: [&str; 5] = ["Cmd", "Args", "Entrypoint", "args", "Test"];

/// `NAME=VALUE` with its value masked, if its name or the value looks secret.
pub fn mask(variable: &str) -> String {
    match variable.split_once('=') {
        Some((name, value)) if !value.is_empty() && (is_secret(name) || has_password(value)) => {
            format!("{name}={MASK}")
        }
        _ => variable.to_owned(),
    }
}

/// Masks the environments and command lines in a document, however deep they lie.
pub fn mask_all(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::Array(variables) if ENVIRONMENTS.contains(&name.as_str()) => {
                        variables.iter_mut().for_each(|variable| replace(variable, mask));
                    }
                    Value::Array(words) if COMMANDS.contains(&name.as_str()) => {
                        words.iter_mut().for_each(|word| replace(word, mask_command));
                    }
                    value => mask_all(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask_all),
        _ => {}
    }
}

/// The words of a command line, with `--password=…` and the like masked.
pub fn mask_command(command: &str) -> String {
    command.split(' ').map(mask).collect::<Vec<_>>().join(" ")
}

fn replace(value: &mut Value, mask: fn(&str) -> String) {
    if let Value::String(text) = value {
        *text = mask(text);
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// `scheme://user:password@host`.
fn has_password(value: &str) -> bool {
    let authority = value.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    authority.and_then(|authority| authority.rsplit_once('@')).is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_addresses_tell_secrets() {
        assert_eq!(mask("DB_PASSWORD=x"), "DB_PASSWORD=***");
        assert_eq!(mask("aws_secret_access_key=x=y"), "aws_secret_access_key=***");
        assert_eq!(mask("URL=postgres://me:pw@db/x"), "URL=***");
        assert_eq!(mask("URL=http://db@host:80/x"), "URL=http://db@host:80/x");
        assert_eq!(mask("PATH=/bin"), "PATH=/bin");
        assert_eq!(mask("TOKEN="), "TOKEN=");
        assert_eq!(mask_command("serve --password=x --port=1"), "serve --password=*** --port=1");
    }

    #[test]
    fn environments_are_masked_wherever_they_are() {
        let mut value = json!({ "Config": { "Env": ["A=b", "TOKEN=c"], "Cmd": ["--token=c", "a"] }, "list": [{ "env": ["KEY=1"] }] });
        mask_all(&mut value);
        let masked = json!({ "Config": { "Env": ["A=b", "TOKEN=***"], "Cmd": ["--token=***", "a"] }, "list": [{ "env": ["KEY=***"] }] });
        assert_eq!(value, masked);
    }
}
