//! `inspect`.

use super::arguments::InspectArgs;
use super::{Failure, Outcome, output};
use porthole_engine::{Engine, Error};
use serde_json::Value;
use std::process::ExitCode;

/// Prints all that is known of containers and images, as Docker's JSON.
pub fn inspect(engine: &Engine, arguments: &InspectArgs) -> Outcome {
    let mut found = Vec::new();
    let mut failed = false;
    for name in &arguments.names {
        match inspect_one(engine, name, arguments.kind.as_deref()) {
            Ok(value) => found.push(value),
            Err(error) => {
                eprintln!("porthole: {error}");
                failed = true;
            }
        }
    }
    let text =
        serde_json::to_string_pretty(&Value::Array(found)).map_err(|error| Failure::new(error.to_string(), 1))?;
    output::line(&text)?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn inspect_one(engine: &Engine, name: &str, kind: Option<&str>) -> Result<Value, String> {
    match kind {
        Some("image") => engine.inspect_image(name).map_err(|error| error.to_string()),
        Some(_) => engine.inspect(name).map_err(|error| error.to_string()),
        None => match engine.inspect(name) {
            Err(Error::NoSuchContainer(_)) => engine.inspect_image(name).map_err(|_| format!("No such object: {name}")),
            result => result.map_err(|error| error.to_string()),
        },
    }
}
