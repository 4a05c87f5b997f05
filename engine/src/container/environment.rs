//! The environment of a container's processes.

/// What Docker gives a container that names no PATH.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The name before the `=`.
fn name(variable: &str) -> &str {
    variable.split_once('=').map_or(variable, |(name, _)| name)
}

/// The directories that commands are looked for in: what is asked for, or Docker's.
pub fn path(asked: &[String]) -> &str {
    asked.iter().find_map(|variable| variable.strip_prefix("PATH=")).unwrap_or(&PATH["PATH=".len()..])
}

/// Lays `over` over `base`: a variable of both keeps its place and takes the new value, one without `=` is removed.
pub fn merge(base: &[String], over: &[String]) -> Vec<String> {
    let mut merged = base.to_vec();
    for variable in over {
        let position = merged.iter().position(|other| name(other) == name(variable));
        match (position, variable.contains('=')) {
            (Some(at), true) => merged[at].clone_from(variable),
            (Some(at), false) => drop(merged.remove(at)),
            (None, true) => merged.push(variable.clone()),
            (None, false) => {}
        }
    }
    merged
}

/// The environment of a container's first process: Docker's own variables first, then those of image and user.
pub fn of_init(asked: &[String], hostname: &str, tty: bool, home: &str) -> Vec<String> {
    let mut own = vec![PATH.to_owned(), format!("HOSTNAME={hostname}")];
    if tty {
        own.push("TERM=xterm".to_owned());
    }
    with_home(merge(&own, asked), home)
}

/// Adds HOME unless it is there.
pub fn with_home(mut environment: Vec<String>, home: &str) -> Vec<String> {
    if !environment.iter().any(|variable| name(variable) == "HOME") {
        environment.push(format!("HOME={home}"));
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_later_wins_in_the_place_of_the_earlier() {
        assert_eq!(merge(&list(&["A=1", "B=2", "C=3"]), &list(&["B=x", "D=4", "C"])), list(&["A=1", "B=x", "D=4"]));
    }

    #[test]
    fn docker_variables_can_be_overridden() {
        let environment = of_init(&list(&["TERM=dumb", "HOME=/x", "A=1"]), "web", true, "/root");
        assert_eq!(environment, list(&[PATH, "HOSTNAME=web", "TERM=dumb", "HOME=/x", "A=1"]));
        assert_eq!(of_init(&[], "web", false, "/root"), list(&[PATH, "HOSTNAME=web", "HOME=/root"]));
    }
}
