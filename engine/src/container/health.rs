//! Health checks: what user and image ask for, and what the monitor is to do.

use super::config::ContainerConfig;
use super::exec::{ExecOptions, make_process};
use super::record::Record;
use crate::error::{Error, Result};
use porthole_images::Healthcheck;
use porthole_runtime::monitor::HealthCheck;
use std::time::Duration;

/// Docker's defaults (moby daemon/health.go).
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const START_INTERVAL: Duration = Duration::from_secs(5);
const RETRIES: u32 = 3;
/// The shortest time that makes sense, in nanoseconds.
const LEAST_TIME: i64 = 1_000_000;

/// Lays what the user asks for over what the image says, field by field; `None` when neither says anything.
pub fn combine(asked: Option<Healthcheck>, image: Option<Healthcheck>) -> Option<Healthcheck> {
    let (Some(asked), Some(image)) = (&asked, &image) else { return asked.or(image) };
    let time = |asked: i64, image: i64| if asked == 0 { image } else { asked };
    Some(Healthcheck {
        test: if asked.test.is_empty() { image.test.clone() } else { asked.test.clone() },
        interval: time(asked.interval, image.interval),
        timeout: time(asked.timeout, image.timeout),
        start_period: time(asked.start_period, image.start_period),
        start_interval: time(asked.start_interval, image.start_interval),
        retries: time(asked.retries, image.retries),
    })
}

/// Refuses times that make no sense, in Docker's words.
pub fn check(asked: &Healthcheck) -> Result<()> {
    let times = [
        ("Interval", asked.interval),
        ("Timeout", asked.timeout),
        ("StartPeriod", asked.start_period),
        ("StartInterval", asked.start_interval),
    ];
    for (name, time) in times {
        if time != 0 && time < LEAST_TIME {
            return Err(Error::InvalidOption(format!("{name} in Healthcheck cannot be less than 1ms")));
        }
    }
    match asked.retries {
        ..0 => Err(Error::InvalidOption("Retries in Healthcheck cannot be negative".to_owned())),
        retries if u32::try_from(retries).is_err() => {
            Err(Error::InvalidOption(format!("Retries in Healthcheck cannot be more than {}", u32::MAX)))
        }
        _ => Ok(()),
    }
}

/// What the monitor of a container is to do; nothing if it is not to be checked.
pub fn for_monitor(record: &Record, config: &ContainerConfig) -> Result<Option<HealthCheck>> {
    let Some(asked) = &config.healthcheck else { return Ok(None) };
    let Some(command) = command(&asked.test, config.shell.as_deref())? else { return Ok(None) };
    let options = ExecOptions { command, ..ExecOptions::default() };
    let time = |nanoseconds: i64, default: Duration| match u64::try_from(nanoseconds) {
        Ok(nanoseconds @ 1..) => Duration::from_nanos(nanoseconds),
        _ => default,
    };
    Ok(Some(HealthCheck {
        process: make_process(record, config, &options)?,
        interval: time(asked.interval, INTERVAL),
        timeout: time(asked.timeout, TIMEOUT),
        retries: u32::try_from(asked.retries).ok().filter(|retries| *retries > 0).unwrap_or(RETRIES),
        start_period: time(asked.start_period, Duration::ZERO),
        start_interval: time(asked.start_interval, START_INTERVAL),
    }))
}

/// The command of a test; `None` for none.
fn command(test: &[String], shell: Option<&[String]>) -> Result<Option<Vec<String>>> {
    let default = ["/bin/sh".to_owned(), "-c".to_owned()];
    match test.split_first().map(|(kind, words)| (kind.as_str(), words)) {
        None | Some(("NONE", _)) => Ok(None),
        Some(("CMD", words)) if !words.is_empty() => Ok(Some(words.to_vec())),
        Some(("CMD-SHELL", [line])) => Ok(Some([shell.unwrap_or(&default), std::slice::from_ref(line)].concat())),
        Some((kind, _)) => Err(Error::InvalidOption(format!(
            "Unknown healthcheck type '{kind}' (expected 'CMD' or 'CMD-SHELL' with a command, or 'NONE')"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_the_user_says_goes_over_what_the_image_says() {
        let image = Healthcheck { test: words(&["CMD", "true"]), interval: 7, retries: 5, ..Healthcheck::default() };
        let asked = Healthcheck { interval: 9, ..Healthcheck::default() };
        let both = combine(Some(asked), Some(image.clone())).unwrap();
        assert_eq!((both.test, both.interval, both.retries), (image.test.clone(), 9, 5));
        let none = Healthcheck { test: words(&["NONE"]), ..Healthcheck::default() };
        assert_eq!(combine(Some(none.clone()), Some(image.clone())).unwrap().test, none.test);
        assert_eq!(combine(None, Some(image.clone())), Some(image));
        assert_eq!(combine(None, None), None);
    }

    #[test]
    fn tests_have_three_forms() {
        assert_eq!(command(&words(&["CMD", "a", "b"]), None).unwrap(), Some(words(&["a", "b"])));
        let line = words(&["CMD-SHELL", "a && b"]);
        assert_eq!(command(&line, None).unwrap(), Some(words(&["/bin/sh", "-c", "a && b"])));
        let shell = words(&["/bin/bash", "-ec"]);
        assert_eq!(command(&line, Some(&shell)).unwrap(), Some(words(&["/bin/bash", "-ec", "a && b"])));
        assert_eq!(command(&words(&["NONE"]), None).unwrap(), None);
        assert_eq!(command(&[], None).unwrap(), None);
        for wrong in [&["CMD"][..], &["CMD-SHELL"], &["CMD-SHELL", "a", "b"], &["curl", "x"]] {
            assert!(command(&words(wrong), None).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn times_are_not_too_short() {
        let check_interval = |interval| check(&Healthcheck { interval, ..Healthcheck::default() });
        assert!(check_interval(0).is_ok() && check_interval(LEAST_TIME).is_ok());
        assert!(check_interval(1).is_err() && check_interval(-LEAST_TIME).is_err());
        assert!(check(&Healthcheck { retries: -1, ..Healthcheck::default() }).is_err());
    }
}
