//! What holds for any input: nothing panics, and what is given back is bounded and consistent.

mod common;

use common::options;
use porthole_dockerfile::Environment;
use porthole_dockerfile::glob::Glob;
use porthole_dockerfile::ignore::{Ignore, Taken, clean};
use porthole_dockerfile::lint::{Options, check};
use porthole_dockerfile::parse::{directive, parse};
use porthole_dockerfile::shell::{Escape, Lexer};
use proptest::prelude::*;

/// Text made of the pieces that mean something.
fn pieces(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), 0..most).prop_map(|pieces| pieces.concat())
}

const DOCKERFILE: &[&str] = &[
    "FROM ",
    "RUN ",
    "COPY ",
    "ADD ",
    "ENV ",
    "LABEL ",
    "ARG ",
    "ONBUILD ",
    "HEALTHCHECK ",
    "EXPOSE ",
    "VOLUME ",
    "CMD ",
    "SHELL ",
    "USER ",
    "MAINTAINER ",
    "from ",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\\\n",
    "`\n",
    " ",
    "\t",
    "# escape=`\n",
    "# check=error=true\n",
    "#",
    "<<EOF",
    "<<-'E F'",
    "EOF\n",
    "E F\n",
    "[\"a\"",
    ", \"b\"]",
    "]",
    "--from=",
    "--platform=",
    "--mount=type=cache,target=/",
    "--chown=",
    " AS ",
    "a",
    "b",
    "scratch",
    "=",
    "$a",
    "${a:-b}",
    "${",
    "}",
    "\"",
    "'",
    "80",
    "/tcp",
    "é",
    "\u{feff}",
    "0",
];

const WORDS: &[&str] = &[
    "$", "{", "}", "${a", "${b", ":", "-", "+", "?", "#", "##", "%", "%%", "/", "//", "*", "\\", "`", "'", "\"", " ",
    "<", "a", "b", "é", "\n", "@",
];

const PATHS: &[&str] = &["*", "**", "?", "[", "]", "^", "-", "a", "b", "/", "/", ".", "..", "!", "\\", "é", "#", "\n"];

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let _ = directive::syntax(&bytes);
        let _ = Ignore::parse(&bytes);
        check(&bytes, Options::default(), &options(), None, &|_| None);
    }

    #[test]
    fn any_dockerfile_is_checked(text in pieces(DOCKERFILE, 60)) {
        if let Ok(ast) = parse(text.as_bytes()) {
            let lines = text.split_inclusive('\n').count();
            prop_assert!(ast.nodes.iter().all(|node| node.lines.start >= 1 && node.lines.end <= lines));
            prop_assert!(ast.nodes.windows(2).all(|pair| pair[0].lines.end < pair[1].lines.start));
        }
        let report = check(text.as_bytes(), Options::of(text.as_bytes()).unwrap_or_default(), &options(), None, &|_| None);
        for warning in report.warnings {
            prop_assert!(warning.lines.start <= warning.lines.end);
        }
    }

    #[test]
    fn any_word_is_expanded(text in pieces(WORDS, 40), value in pieces(WORDS, 12), flags in any::<[bool; 5]>()) {
        let lexer = Lexer {
            escape: if flags[0] { Escape::Backtick } else { Escape::Backslash },
            raw_quotes: flags[1],
            raw_escapes: flags[2],
            ignore_quotes: flags[3],
            keep_unset: flags[4],
        };
        let environment = Environment::from_iter([format!("a={value}")]);
        let (expansion, _) = lexer.expand(&text, &environment);
        prop_assert!(expansion.matched.iter().all(|name| name == "a"));
        prop_assert!(!expansion.unmatched.contains("a"));
    }

    #[test]
    fn text_without_marks_expands_to_itself(text in "[a-zA-Z0-9 ./=:,é-]*") {
        let lexer = Lexer::default();
        prop_assert_eq!(lexer.word(&text, &Environment::new()).unwrap(), text.clone());
        prop_assert_eq!(lexer.words(&text, &Environment::new()).unwrap(), text.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn single_quotes_keep_everything(text in "[^']*") {
        let quoted = format!("'{text}'");
        prop_assert_eq!(Lexer::default().word(&quoted, &Environment::new()).unwrap(), text);
    }

    #[test]
    fn any_pattern_is_compared(pattern in pieces(PATHS, 12), path in pieces(PATHS, 12)) {
        if let Ok(glob) = Glob::parse(&pattern) {
            glob.matches(&path);
        }
        if let Ok(ignore) = Ignore::from_patterns(&[&pattern]) {
            let (excluded, _) = ignore.excludes_within(&path, &Taken::default());
            prop_assert_eq!(excluded, ignore.excludes(&path));
        }
        prop_assert_eq!(clean(&clean(&path)), clean(&path));
    }

    #[test]
    fn a_path_matches_itself_escaped(path in "[a-z*?\\[\\]\\\\/é.!-]{1,12}") {
        let escaped: String = path.chars().flat_map(|character| ['\\', character]).collect();
        prop_assert!(Glob::parse(&escaped).unwrap().matches(&path));
    }
}
