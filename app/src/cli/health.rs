//! How it is checked whether a container is well: the flags of `run` and `create`, and their reading.

use clap::Args;
use porthole_engine::images::Healthcheck;
use porthole_engine::units;

// Health checks.
#[derive(Debug, Default, Args)]
pub struct HealthArgs {
    /// Command to run to check health
    #[arg(long, value_name = "COMMAND")]
    pub health_cmd: Option<String>,
    /// Time between running the check (ms|s|m|h) (default 30s)
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub health_interval: Option<String>,
    /// Maximum time to allow one check to run (ms|s|m|h) (default 30s)
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub health_timeout: Option<String>,
    /// Consecutive failures needed to report unhealthy (default 3)
    #[arg(long, value_name = "INT", allow_hyphen_values = true)]
    pub health_retries: Option<i64>,
    /// Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub health_start_period: Option<String>,
    /// Time between running the check during the start period (ms|s|m|h) (default 5s)
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub health_start_interval: Option<String>,
    /// Disable any container-specified HEALTHCHECK
    #[arg(long)]
    pub no_healthcheck: bool,
}

impl HealthArgs {
    /// Reads the flags; `None` if none is given.
    pub fn healthcheck(self) -> Result<Option<Healthcheck>, String> {
        let disabled = self.no_healthcheck;
        let asked = Healthcheck {
            test: self.health_cmd.map(|line| vec!["CMD-SHELL".to_owned(), line]).unwrap_or_default(),
            interval: time("--health-interval", self.health_interval)?,
            timeout: time("--health-timeout", self.health_timeout)?,
            start_period: time("--health-start-period", self.health_start_period)?,
            start_interval: time("--health-start-interval", self.health_start_interval)?,
            retries: self.health_retries.unwrap_or(0),
        };
        match (disabled, asked == Healthcheck::default()) {
            (true, false) => Err("--no-healthcheck conflicts with --health-* options".to_owned()),
            (true, true) => Ok(Some(Healthcheck { test: vec!["NONE".to_owned()], ..asked })),
            (false, nothing) => Ok((!nothing).then_some(asked)),
        }
    }
}

/// A Go duration in nanoseconds; 0 if it is not given.
pub fn time(flag: &str, text: Option<String>) -> Result<i64, String> {
    let Some(text) = text else { return Ok(0) };
    if text.starts_with('-') {
        return Err(format!("{flag} cannot be negative"));
    }
    if text == "0" {
        return Ok(0);
    }
    units::parse_duration(&text)
        .ok_or_else(|| format!("invalid argument \"{text}\" for {flag}: use 30s, 500ms or 1m30s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_make_a_check() {
        let args = HealthArgs {
            health_cmd: Some("curl x".into()),
            health_interval: Some("1m30s".into()),
            health_retries: Some(2),
            ..HealthArgs::default()
        };
        let check = args.healthcheck().unwrap().unwrap();
        assert_eq!(check.test, ["CMD-SHELL", "curl x"]);
        assert_eq!((check.interval, check.retries, check.timeout), (90_000_000_000, 2, 0));
        assert_eq!(HealthArgs::default().healthcheck(), Ok(None));
        let none = HealthArgs { no_healthcheck: true, ..HealthArgs::default() };
        assert_eq!(none.healthcheck().unwrap().unwrap().test, ["NONE"]);
    }

    #[test]
    fn mistakes_are_told() {
        let both = HealthArgs { no_healthcheck: true, health_cmd: Some("true".into()), ..HealthArgs::default() };
        assert!(both.healthcheck().unwrap_err().contains("conflicts"));
        for text in ["soon", "5", "-1s", ""] {
            let args = HealthArgs { health_timeout: Some(text.into()), ..HealthArgs::default() };
            assert!(args.healthcheck().unwrap_err().contains("--health-timeout"), "{text}");
        }
    }
}
