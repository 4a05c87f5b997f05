//! What `build --progress json` tells, line by line.

use porthole_engine::build::{PlannedStage, PlannedStep};
use serde_json::Value;
use std::time::Duration;

/// Something that happened in a build; steps go by their numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// What is going to be built.
    Planned(Vec<PlannedStage>),
    /// A step of this name began.
    Begun(usize, String),
    /// The cache has it.
    Cached(usize),
    /// It printed something, so long after it began.
    Output(usize, Duration, String),
    /// It is done, after so long.
    Done(usize, Duration),
    /// It failed.
    Failed(usize, String),
}

impl News {
    /// Reads a line; none if it is no such line.
    pub fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        if value.get("stages").is_some() {
            let stages = value["stages"].as_array()?;
            return Some(Self::Planned(stages.iter().map(stage).collect::<Option<_>>()?));
        }
        let step = number(value.get("step")?)?;
        let time = || Duration::try_from_secs_f64(value.get("time")?.as_f64()?).ok();
        if let Some(output) = text("output") {
            return Some(Self::Output(step, time()?, output));
        }
        match text("status")?.as_str() {
            "begun" => Some(Self::Begun(step, text("name")?)),
            "cached" => Some(Self::Cached(step)),
            "done" => Some(Self::Done(step, time()?)),
            "failed" => Some(Self::Failed(step, text("problem")?)),
            _ => None,
        }
    }
}

fn number(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

fn stage(value: &Value) -> Option<PlannedStage> {
    let step =
        |step: &Value| Some(PlannedStep { name: step["name"].as_str()?.to_owned(), line: number(&step["line"])? });
    Some(PlannedStage {
        name: value["name"].as_str()?.to_owned(),
        base: number(&value["base"]),
        copies: value["copies"].as_array()?.iter().filter_map(number).collect(),
        steps: value["steps"].as_array()?.iter().map(step).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let planned = r#"{"status":"planned","stages":[{"name":"a","base":null,"copies":[],"steps":[{"name":"[a 1/1] FROM x","line":3}]}]}"#;
        let step = PlannedStep { name: "[a 1/1] FROM x".into(), line: 3 };
        let stage = PlannedStage { name: "a".into(), base: None, copies: Vec::new(), steps: vec![step] };
        assert_eq!(News::read(planned), Some(News::Planned(vec![stage])));
        assert_eq!(News::read(r#"{"step":2,"status":"begun","name":"x"}"#), Some(News::Begun(2, "x".into())));
        let output = News::Output(2, Duration::from_millis(250), "a\n".into());
        assert_eq!(News::read(r#"{"step":2,"time":0.25,"output":"a\n"}"#), Some(output));
        assert_eq!(News::read(r#"{"step":2,"status":"cached"}"#), Some(News::Cached(2)));
        for other in ["porthole: Dockerfile:7: RUN x", "{}", "3", r#"{"step":2,"status":"slept"}"#] {
            assert_eq!(News::read(other), None, "{other}");
        }
    }
}
