//! Changing the limits of a container.

use super::bundle;
use super::error::{Error, Result};
use oci_spec::runtime::{LinuxResources, Spec};
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::path::Path;

/// Reads the resources of `update --resources`: a file, or `-` for standard input.
pub fn read_resources(path: &Path) -> Result<LinuxResources> {
    let text = match path == Path::new("-") {
        true => {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text).map_err(Error::at("read", path))?;
            text
        }
        false => fs::read(path).map_err(Error::at("read", path))?,
    };
    bundle::parse(path, &text)
}

/// Notes changed limits in a spec: what is absent in them stays.
pub(super) fn merge(spec: &mut Spec, changed: &LinuxResources) {
    let Some(linux) = spec.linux_mut() else { return };
    let old = serde_json::to_value(linux.resources()).unwrap_or_default();
    let new = serde_json::to_value(changed).unwrap_or_default();
    // Both were such resources, so what is merged of them is.
    if let Ok(merged) = serde_json::from_value(merged(old, new)) {
        linux.set_resources(Some(merged));
    }
}

fn merged(old: Value, new: Value) -> Value {
    match (old, new) {
        (Value::Object(mut old), Value::Object(new)) => {
            for (name, member) in new {
                let before = old.remove(&name).unwrap_or_default();
                old.insert(name, merged(before, member));
            }
            Value::Object(old)
        }
        (old, Value::Null) => old,
        (_, new) => new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::{LinuxMemoryBuilder, LinuxPidsBuilder, LinuxResourcesBuilder};

    #[test]
    fn what_is_absent_stays() {
        let mut spec = Spec::default();
        let memory = LinuxMemoryBuilder::default().limit(1).swap(2).build().unwrap();
        spec.linux_mut()
            .as_mut()
            .unwrap()
            .set_resources(Some(LinuxResourcesBuilder::default().memory(memory).build().unwrap()));
        let memory = LinuxMemoryBuilder::default().limit(3).build().unwrap();
        let pids = LinuxPidsBuilder::default().limit(4).build().unwrap();
        merge(&mut spec, &LinuxResourcesBuilder::default().memory(memory).pids(pids).build().unwrap());
        let resources = spec.linux().as_ref().unwrap().resources().as_ref().unwrap();
        let memory = resources.memory().as_ref().unwrap();
        assert_eq!((memory.limit(), memory.swap()), (Some(3), Some(2)));
        assert_eq!(resources.pids().as_ref().unwrap().limit(), 4);
    }
}
