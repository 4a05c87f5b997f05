//! What exit codes mean.

use super::source::Container;
use nix::sys::signal::Signal;

/// Shells and container engines count 128 + n for signal n.
const SIGNALS: i32 = 128;

/// Why a container ended, in a few words for a list; nothing when the code says no more than itself.
pub fn reason(container: &Container) -> Option<String> {
    let code = container.exit_code?;
    if container.oom_killed {
        return Some("out of memory".to_owned());
    }
    Some(match code {
        137 => "killed".to_owned(),
        _ if container.stopped => "stopped".to_owned(),
        125 => "not started".to_owned(),
        126 => "not executable".to_owned(),
        127 => "not found".to_owned(),
        130 => "interrupted".to_owned(),
        134 => "aborted".to_owned(),
        139 => "segfault".to_owned(),
        143 => "terminated".to_owned(),
        _ => signal(code)?.as_str().to_owned(),
    })
}

/// The same as a sentence for the one who looks for the cause.
pub fn explanation(container: &Container) -> String {
    let Some(code) = container.exit_code else { return "it was not started".to_owned() };
    let meaning = match code {
        _ if container.oom_killed => match container.resources.memory {
            Some(limit) => format!(
                "out of memory, the kernel killed a process at the limit of {}",
                super::human::memory(limit.unsigned_abs())
            ),
            None => "out of memory, the kernel killed a process".to_owned(),
        },
        0 => "it ended well".to_owned(),
        125 => "porthole could not start it".to_owned(),
        126 => "the command cannot be executed".to_owned(),
        127 => "the command was not found".to_owned(),
        134 => "it aborted itself (SIGABRT)".to_owned(),
        137 => "it was killed (SIGKILL), not for want of memory".to_owned(),
        139 => "segmentation fault (SIGSEGV)".to_owned(),
        255 if !container.error.is_empty() => "nobody saw how it ended".to_owned(),
        _ => match signal(code) {
            Some(signal) => format!("it was ended by {signal}"),
            None => "the command itself said that it failed".to_owned(),
        },
    };
    let asked = if container.stopped && !container.oom_killed { ", as it was asked to" } else { "" };
    format!("{code}: {meaning}{asked}")
}

fn signal(code: i32) -> Option<Signal> {
    Signal::try_from(code - SIGNALS).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    fn ended(exit_code: i32) -> Container {
        Container { exit_code: Some(exit_code), ..fixture::containers().remove(2) }
    }

    #[test]
    fn codes_have_words() {
        let short = |code| reason(&ended(code)).unwrap_or_default();
        assert_eq!([0, 1, 126, 127].map(short), ["", "", "not executable", "not found"]);
        assert_eq!([137, 139, 143, 129, 255].map(short), ["killed", "segfault", "terminated", "SIGHUP", ""]);
        let long = |code| explanation(&ended(code));
        assert_eq!(long(127), "127: the command was not found");
        assert_eq!(long(129), "129: it was ended by SIGHUP");
        assert_eq!(long(3), "3: the command itself said that it failed");
    }

    #[test]
    fn a_kill_for_memory_says_so_and_a_wanted_end_is_called_wanted() {
        let mut starved = Container { oom_killed: true, ..ended(137) };
        starved.resources.memory = Some(64 << 20);
        assert_eq!(reason(&starved).as_deref(), Some("out of memory"));
        assert_eq!(explanation(&starved), "137: out of memory, the kernel killed a process at the limit of 64 M");
        let stopped = Container { stopped: true, ..ended(143) };
        assert_eq!(reason(&stopped).as_deref(), Some("stopped"));
        assert_eq!(explanation(&stopped), "143: it was ended by SIGTERM, as it was asked to");
    }
}
