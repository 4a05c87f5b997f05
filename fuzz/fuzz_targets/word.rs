//! Words: the first byte says how they are read, then comes what a variable holds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use porthole_dockerfile::Environment;
use porthole_dockerfile::shell::{Escape, Lexer};

fuzz_target!(|input: (u8, &str, &str)| {
    let (flags, value, text) = input;
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let lexer = Lexer {
        escape: if flag(0) { Escape::Backtick } else { Escape::Backslash },
        raw_quotes: flag(1),
        raw_escapes: flag(2),
        ignore_quotes: flag(3),
        keep_unset: flag(4),
    };
    let environment = Environment::from_iter([format!("a={value}")]);
    let (expansion, _) = lexer.expand(text, &environment);
    assert!(expansion.matched.iter().all(|name| name == "a"));
});
