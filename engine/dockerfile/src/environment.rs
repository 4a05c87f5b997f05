//! Variables by name, in the order in which they were first set.

/// Variables that expansion looks up. Names are case-sensitive, as on every Unix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: Vec<(String, String)>,
}

impl Environment {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a variable, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Sets a variable; one that was set keeps its place.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match self.variables.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.variables.push((name, value)),
        }
    }

    /// The names, in the order in which they were first set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|(name, _)| name.as_str())
    }

    /// Names and values, in the order in which the names were first set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// From `NAME=value`, as image configurations hold them; a later value of a name replaces an earlier one.
impl<S: AsRef<str>> FromIterator<S> for Environment {
    fn from_iter<I: IntoIterator<Item = S>>(assignments: I) -> Self {
        let mut environment = Self::new();
        for assignment in assignments {
            let assignment = assignment.as_ref();
            let (name, value) = assignment.split_once('=').unwrap_or((assignment, ""));
            environment.set(name, value);
        }
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts_and_the_first_place_is_kept() {
        let environment = Environment::from_iter(["car=hat", "bare", "foo=a=b", "car=bike"]);
        assert_eq!(environment.get("car"), Some("bike"));
        assert_eq!(environment.get("bare"), Some(""));
        assert_eq!(environment.get("foo"), Some("a=b"));
        assert_eq!(environment.get("CAR"), None);
        assert_eq!(environment.names().collect::<Vec<_>>(), ["car", "bare", "foo"]);
    }
}
