//! Questions of containers and what resolvers say to them: the first byte says how long the question is, the second one how long an
//! answer may be, in units of 16 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [length, size, rest @ ..] = bytes else { return };
    let (question, said) = rest.split_at(usize::from(*length).min(rest.len()));
    porthole_network::fuzzing::read_dns(question, said, usize::from(*size) * 16);
});
