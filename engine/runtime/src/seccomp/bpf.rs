//! From a policy to a classic BPF program: a binary search over ranges of system call numbers, so that a call costs
//! about seven comparisons, and tests of arguments only at its end.

use super::architecture::{Architecture, X32_BIT};
use super::policy::{Action, Comparison, Condition, Policy, Rule};

/// `struct sock_filter` (linux/filter.h).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    code: u16,
    jump_true: u8,
    jump_false: u8,
    k: u32,
}

/// Where `struct seccomp_data` has the call's number, and its architecture (seccomp(2)).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// The halves of an argument. Both architectures are little-endian.
const fn low(index: u32) -> u32 {
    16 + 8 * index
}

const fn high(index: u32) -> u32 {
    low(index) + 4
}

const EQUAL: u32 = libc::BPF_JEQ;
const GREATER: u32 = libc::BPF_JGT;
const GREATER_OR_EQUAL: u32 = libc::BPF_JGE;

const fn statement(code: u32, k: u32) -> Instruction {
    Instruction { code: code as u16, jump_true: 0, jump_false: 0, k }
}

const fn load(offset: u32) -> Instruction {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

const fn mask(bits: u32) -> Instruction {
    statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, bits)
}

const fn end(action: Action) -> Instruction {
    statement(libc::BPF_RET | libc::BPF_K, action.0)
}

const fn jump(test: u32, k: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction { code: (libc::BPF_JMP | test | libc::BPF_K) as u16, jump_true, jump_false, k }
}

/// `test` decides between the block that follows (when it fails) and the code after that block, however far.
fn branch(test: u32, k: u32, otherwise: Vec<Instruction>, then: Vec<Instruction>) -> Vec<Instruction> {
    let mut program = match u8::try_from(otherwise.len()) {
        Ok(distance) => vec![jump(test, k, distance, 0)],
        Err(_) => vec![jump(test, k, 0, 1), statement(libc::BPF_JMP | libc::BPF_JA, otherwise.len() as u32)],
    };
    program.extend(otherwise);
    program.extend(then);
    program
}

/// Compiles a policy. A call by an interface that the policy does not list ends the process.
pub(super) fn compile(policy: &Policy) -> Vec<Instruction> {
    let has = |architecture| policy.architectures.contains(&architecture);
    let calls = Calls::of(policy);
    let mut program = vec![end(Action::KILL_PROCESS)];
    for &architecture in policy.architectures.iter().rev() {
        let mut table = match architecture {
            // Shares its audit value with x86_64, and is looked at there.
            Architecture::X32 => continue,
            _ => search(&calls.ranges(architecture)),
        };
        if architecture == Architecture::X86_64 {
            let x32 = match has(Architecture::X32) {
                true => search(&calls.ranges(Architecture::X32)),
                false => vec![end(Action::KILL_PROCESS)],
            };
            table = branch(GREATER_OR_EQUAL, X32_BIT, table, x32);
        }
        table.insert(0, load(NUMBER));
        program = branch(EQUAL, architecture.audit(), program, table);
    }
    program.insert(0, load(ARCHITECTURE));
    program
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome<'a> {
    Always(Action),
    /// The first pair whose conditions all hold decides; failing them all, the action.
    Depends(Vec<(&'a [Condition], Action)>, Action),
}

/// All numbers from `first` up to the next range.
#[derive(Debug)]
struct Range<'a> {
    first: u32,
    outcome: Outcome<'a>,
}

/// A policy whose calls have been looked up, which is the dear part, once for all architectures.
struct Calls<'a, 'p> {
    policy: &'a Policy<'p>,
    /// Places in the table of names, in the order of the rules.
    rules: Vec<(usize, &'a Rule<'p>)>,
}

impl<'a, 'p> Calls<'a, 'p> {
    fn of(policy: &'a Policy<'p>) -> Self {
        let mut rules = Vec::with_capacity(512);
        for rule in &policy.rules {
            rules.extend(rule.places().map(|place| (place, rule)));
        }
        Self { policy, rules }
    }

    /// The policy as a gapless list of ranges, neighbours different.
    fn ranges(&self, architecture: Architecture) -> Vec<Range<'a>> {
        let base = match architecture {
            Architecture::X32 => X32_BIT,
            _ => 0,
        };
        let numbered = |&(place, rule): &(usize, &'a Rule<'p>)| Some((base + architecture.number(place)?, rule));
        let mut calls: Vec<(u32, &'a Rule<'p>)> = self.rules.iter().filter_map(numbered).collect();
        // Stable: the rules of one call stay in their order.
        calls.sort_by_key(|call| call.0);
        let mut ranges = Vec::with_capacity(256);
        let mut next = base;
        for rules in calls.chunk_by(|a, b| a.0 == b.0) {
            let number = rules[0].0;
            if number > next {
                extend(&mut ranges, next, Outcome::Always(self.policy.default));
            }
            extend(&mut ranges, number, outcome(self.policy, rules));
            next = number + 1;
        }
        extend(&mut ranges, next, Outcome::Always(beyond(self.policy)));
        ranges
    }
}

fn extend<'a>(ranges: &mut Vec<Range<'a>>, first: u32, outcome: Outcome<'a>) {
    if ranges.last().is_none_or(|last| last.outcome != outcome) {
        ranges.push(Range { first, outcome });
    }
}

/// Calls newer than the profile get ENOSYS instead of its error, so that C libraries fall back to the older call.
fn beyond(policy: &Policy) -> Action {
    match policy.default.is_errno() {
        true => Action::errno(libc::ENOSYS.cast_unsigned()),
        false => policy.default,
    }
}

/// What the rules of one call come to: those with conditions first, then the first one without.
fn outcome<'a>(policy: &Policy, rules: &[(u32, &'a Rule<'_>)]) -> Outcome<'a> {
    let (conditional, unconditional): (Vec<_>, Vec<_>) =
        rules.iter().map(|call| call.1).partition(|rule| !rule.conditions.is_empty());
    let fallback = unconditional.first().map_or(policy.default, |rule| rule.action);
    let deciding: Vec<_> = conditional
        .into_iter()
        .filter(|rule| rule.action != fallback || unconditional.is_empty())
        .map(|rule| (rule.conditions.as_slice(), rule.action))
        .collect();
    match deciding.is_empty() {
        true => Outcome::Always(fallback),
        false => Outcome::Depends(deciding, fallback),
    }
}

/// A binary search tree whose leaves are the outcomes.
fn search(ranges: &[Range]) -> Vec<Instruction> {
    match ranges {
        [] => Vec::new(),
        [range] => leaf(&range.outcome),
        _ => {
            let (below, from) = ranges.split_at(ranges.len() / 2);
            branch(GREATER_OR_EQUAL, from[0].first, search(below), search(from))
        }
    }
}

fn leaf(outcome: &Outcome) -> Vec<Instruction> {
    match outcome {
        Outcome::Always(action) => vec![end(*action)],
        Outcome::Depends(rules, fallback) => {
            let mut program = Vec::new();
            for (conditions, action) in rules {
                let mut rule = vec![end(*action)];
                for condition in conditions.iter().rev() {
                    // At most six conditions of five instructions, and the end.
                    let mut test = test(condition, rule.len() as u8);
                    test.append(&mut rule);
                    rule = test;
                }
                program.extend(rule);
            }
            program.push(end(*fallback));
            program
        }
    }
}

/// Falls through when the condition holds, and skips `miss` instructions when not. Arguments have 64 bits and BPF 32,
/// so the high halves decide unless they are equal.
fn test(condition: &Condition, miss: u8) -> Vec<Instruction> {
    let (low, high) = (load(low(condition.index)), load(high(condition.index)));
    let halves = |value: u64| (value as u32, (value >> 32) as u32);
    let ordered = |value: u64, test: u32, above: bool| {
        let (value_low, value_high) = halves(value);
        let (greater, equal_else, last) = match above {
            true => (3, miss + 2, jump(test, value_low, 0, miss)),
            false => (miss + 3, 2, jump(test, value_low, miss, 0)),
        };
        vec![high, jump(GREATER, value_high, greater, 0), jump(EQUAL, value_high, 0, equal_else), low, last]
    };
    match condition.comparison {
        Comparison::Equal(value) => {
            let (value_low, value_high) = halves(value);
            vec![high, jump(EQUAL, value_high, 0, miss + 2), low, jump(EQUAL, value_low, 0, miss)]
        }
        Comparison::NotEqual(value) => {
            let (value_low, value_high) = halves(value);
            vec![high, jump(EQUAL, value_high, 0, 2), low, jump(EQUAL, value_low, miss, 0)]
        }
        Comparison::MaskedEqual { mask: bits, value } => {
            let (value_low, value_high) = halves(value & bits);
            let (mask_low, mask_high) = halves(bits);
            vec![
                high,
                mask(mask_high),
                jump(EQUAL, value_high, 0, miss + 3),
                low,
                mask(mask_low),
                jump(EQUAL, value_low, 0, miss),
            ]
        }
        Comparison::Greater(value) => ordered(value, GREATER, true),
        Comparison::GreaterOrEqual(value) => ordered(value, GREATER_OR_EQUAL, true),
        Comparison::Less(value) => ordered(value, GREATER_OR_EQUAL, false),
        Comparison::LessOrEqual(value) => ordered(value, GREATER, false),
    }
}

#[cfg(test)]
#[path = "bpf_tests.rs"]
mod tests;
