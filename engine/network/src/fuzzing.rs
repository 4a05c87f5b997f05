//! The parser of strangers' bytes, as the fuzz target in `fuzz/` calls it.

use crate::dns::message::{self, Code, Query};

/// Takes the first bytes for a question of a container, the rest for what a resolver says to it.
///
/// # Panics
///
/// If an answer of ours is none to the question, or one that is cut stays too long.
pub fn read_dns(question: &[u8], said: &[u8], size: usize) {
    let _ = message::code_of_answer(question, said);
    let mut shorter = said.to_vec();
    message::cut(&mut shorter, size.max(message::HEADER));
    assert!(shorter.len() <= size.max(message::HEADER));
    if let Ok(query) = Query::parse(question) {
        let _ = query.asked();
        let answer = query.fail(Code::Refused);
        assert_eq!(message::code_of_answer(question, &answer), Some(Code::Refused as u8));
    }
}
