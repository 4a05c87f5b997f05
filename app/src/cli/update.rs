//! `update`.

use super::arguments::UpdateArgs;
use super::{Failure, Outcome, for_each};
use porthole_engine::{Engine, Update};

/// Changes limits and the restart policy of containers.
pub fn update(engine: &Engine, arguments: UpdateArgs) -> Outcome {
    let usage = |message: String| Failure::new(message, 125);
    let update = Update {
        resources: arguments.limits.resources().map_err(usage)?,
        restart: arguments.restart.as_deref().map(porthole_engine::parse_restart).transpose().map_err(usage)?,
    };
    if update == Update::default() {
        return Err(usage("you must provide one or more flags when using this command".to_owned()));
    }
    for_each(&arguments.names, |name| engine.update(name, &update))
}
