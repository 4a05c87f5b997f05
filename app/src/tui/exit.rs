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
    }

    #[test]
    fn a_kill_for_memory_says_so_and_a_wanted_end_is_called_wanted() {
        let starved = Container { oom_killed: true, ..ended(137) };
        assert_eq!(reason(&starved).as_deref(), Some("out of memory"));
        let stopped = Container { stopped: true, ..ended(143) };
        assert_eq!(reason(&stopped).as_deref(), Some("stopped"));
    }
}
