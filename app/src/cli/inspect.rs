//! `inspect`.

use super::arguments::InspectArgs;
use super::template::Template;
use super::{Failure, Outcome, output};
use porthole_engine::{Engine, Error};
use serde_json::Value;
use std::process::ExitCode;

/// Prints all that is known of containers and images, as Docker's JSON or by a template.
pub fn inspect(engine: &Engine, arguments: &InspectArgs) -> Outcome {
    print(&arguments.names, arguments.format.as_deref(), |name| inspect_one(engine, name, arguments))
}

/// Prints what `look` tells of each name. What it cannot tell is one line each, and the command fails.
pub fn print(names: &[String], format: Option<&str>, look: impl Fn(&str) -> Result<Value, String>) -> Outcome {
    let failure = |error: &dyn ToString| Failure::new(error.to_string(), 1);
    let template = match format {
        None | Some("" | "json") => None,
        Some(format) => Some(Template::parse(format).map_err(|error| failure(&error))?),
    };
    let mut found = Vec::new();
    let mut failed = false;
    for name in names {
        match look(name) {
            Ok(value) => found.push(value),
            Err(error) => {
                eprintln!("porthole: {error}");
                failed = true;
            }
        }
    }
    match template {
        Some(template) => {
            for value in &found {
                output::line(&template.render(value).map_err(|error| failure(&error))?)?;
            }
        }
        None if format == Some("json") => output::line(&Value::Array(found).to_string())?,
        None => output::line(&format!("{:#}", Value::Array(found)))?,
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn inspect_one(engine: &Engine, name: &str, arguments: &InspectArgs) -> Result<Value, String> {
    match arguments.kind.as_deref() {
        Some("image") => engine.inspect_image(name).map_err(|error| error.to_string()),
        Some(_) => inspect_container(engine, name, arguments.size).map_err(|error| error.to_string()),
        None => match inspect_container(engine, name, arguments.size) {
            Err(Error::NoSuchContainer(_)) => engine.inspect_image(name).map_err(|_| format!("No such object: {name}")),
            result => result.map_err(|error| error.to_string()),
        },
    }
}

fn inspect_container(engine: &Engine, name: &str, with_size: bool) -> Result<Value, Error> {
    let mut value = engine.inspect(name)?;
    if with_size {
        let usage = engine.disk_usage(name)?;
        value["SizeRw"] = usage.writable.into();
        value["SizeRootFs"] = usage.total.into();
    }
    Ok(value)
}
