//! `WWW-Authenticate`: how a registry wants to be convinced (RFC 9110 §11.6.1; distribution, "Token authentication").

use std::collections::BTreeMap;

/// One way to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

/// The challenges that we know in a header, in their order.
pub(super) fn parse(header: &str) -> Vec<Challenge> {
    let mut rest = header.trim_start();
    let mut challenges = Vec::new();
    while !rest.is_empty() {
        let (scheme, after) = rest.split_at(rest.find([' ', ',']).unwrap_or(rest.len()));
        let (parameters, after) = parameters(after);
        if scheme.eq_ignore_ascii_case("basic") {
            challenges.push(Challenge::Basic);
        } else if scheme.eq_ignore_ascii_case("bearer")
            && let Some(realm) = parameters.get("realm")
        {
            let parameter = |name: &str| parameters.get(name).cloned();
            let (service, scope) = (parameter("service"), parameter("scope"));
            challenges.push(Challenge::Bearer { realm: realm.clone(), service, scope });
        }
        rest = after;
    }
    challenges
}

/// `NAME="VALUE"` pairs with commas between, and what follows them.
fn parameters(text: &str) -> (BTreeMap<String, String>, &str) {
    let mut found = BTreeMap::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', ',', '\t']);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)).unwrap_or(rest.len());
        let Some(value) = rest[end..].strip_prefix('=') else { return (found, rest) };
        let name = rest[..end].to_ascii_lowercase();
        let (value, after) = value_of(value);
        found.entry(name).or_insert(value);
        rest = after;
    }
}

/// A token, or a string in quotes (RFC 9110 §5.6.4).
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([' ', ',']).unwrap_or(text.len()));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, character) in quoted.char_indices() {
        match character {
            _ if escaped => {
                value.push(character);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return (value, &quoted[at + 1..]),
            _ => value.push(character),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_are_read() {
        let header = r#"Bearer realm="https://auth.example/token",service="a b",scope="repository:x:pull,push", Basic realm="x""#;
        let bearer = Challenge::Bearer {
            realm: "https://auth.example/token".into(),
            service: Some("a b".into()),
            scope: Some("repository:x:pull,push".into()),
        };
        assert_eq!(parse(header), [bearer, Challenge::Basic]);
        assert_eq!(parse("basic"), [Challenge::Basic]);
        assert_eq!(parse("Negotiate abc=="), []);
        assert_eq!(parse("Bearer service=x"), [], "a bearer without a realm leads nowhere");
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in "\\PC{0,80}") {
            let _ = parse(&header);
        }
    }
}
