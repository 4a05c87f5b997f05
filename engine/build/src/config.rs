//! An image's configuration and history, instruction by instruction (OCI image specification, "Image Configuration"; what
//! Docker adds to it).

use std::collections::BTreeMap;

use porthole_dockerfile::instruction::{Command, CommandLine, Healthcheck, KeyValue};
use serde_json::{Map, Value, json};

/// What BuildKit writes beside each step that it took.
const COMMENT: &str = "buildkit.dockerfile.v0";

/// The shell for what is not a JSON array, where the image names none.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// When a step was made. That of steps without files is told by those around them.
pub type Created = Option<String>;

/// A configuration that instructions are applied to. What is not known of it stays as it is.
#[derive(Debug, Clone)]
pub struct Configuration {
    whole: Map<String, Value>,
    /// Whether `CMD` was set by this Dockerfile, and not by the base.
    has_own_command: bool,
    /// How many steps of the history are the base's.
    inherited: usize,
}

impl Configuration {
    /// Of an image from nothing.
    pub fn scratch(os: &str, architecture: &str, variant: &str) -> Self {
        let mut whole = Map::new();
        whole.insert("os".to_owned(), json!(os));
        whole.insert("architecture".to_owned(), json!(architecture));
        if !variant.is_empty() {
            whole.insert("variant".to_owned(), json!(variant));
        }
        let path = format!("PATH={}", porthole_dockerfile::evaluate::DEFAULT_PATH);
        whole.insert("config".to_owned(), json!({ "Env": [path], "WorkingDir": "/" }));
        Self { whole, has_own_command: false, inherited: 0 }
    }

    /// Of an image that builds on one with this configuration.
    pub fn of_base(configuration: &[u8]) -> serde_json::Result<Self> {
        let mut whole: Map<String, Value> = serde_json::from_slice(configuration)?;
        let has_config = whole.get("config").is_some_and(Value::is_object);
        if !has_config {
            whole.insert("config".to_owned(), json!({}));
        }
        // What the engine that committed it noted of the container it came from.
        for key in ["container", "container_config", "docker_version", "id", "parent"] {
            whole.remove(key);
        }
        let inherited = whole.get("history").and_then(Value::as_array).map_or(0, Vec::len);
        let mut base = Self { whole, has_own_command: false, inherited };
        if !base.env().iter().any(|variable| variable.starts_with("PATH=")) {
            let path = format!("PATH={}", porthole_dockerfile::evaluate::DEFAULT_PATH);
            let env = [base.env(), vec![path]].concat();
            base.set("Env", json!(env));
        }
        Ok(base)
    }

    /// For a stage that builds on this one: its steps are that stage's own no more.
    #[must_use]
    pub fn inherited(mut self) -> Self {
        self.has_own_command = false;
        self
    }

    fn config(&mut self) -> &mut Map<String, Value> {
        let config = self.whole.entry("config").or_insert_with(|| json!({}));
        config.as_object_mut().expect("it was made one")
    }

    fn set(&mut self, key: &str, value: Value) {
        self.config().insert(key.to_owned(), value);
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.whole.get("config")?.get(key)
    }

    fn text(&self, key: &str) -> &str {
        self.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn list(&self, key: &str) -> Vec<String> {
        let items = self.get(key).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn set_in(&mut self, key: &str, name: &str, value: Value) {
        let map = self.config().entry(key).or_insert_with(|| json!({}));
        if !map.is_object() {
            *map = json!({});
        }
        map.as_object_mut().expect("it was made one").insert(name.to_owned(), value);
    }

    /// The variables, `NAME=value`.
    pub fn env(&self) -> Vec<String> {
        self.list("Env")
    }

    /// The user.
    pub fn user(&self) -> &str {
        self.text("User")
    }

    /// The working directory, which is absolute.
    pub fn working_dir(&self) -> &str {
        match self.text("WorkingDir") {
            "" => "/",
            path => path,
        }
    }

    /// The shell that the image names.
    pub fn own_shell(&self) -> Vec<String> {
        self.list("Shell")
    }

    /// The triggers for images that build on this one.
    pub fn triggers(&self) -> Vec<String> {
        self.list("OnBuild")
    }

    /// Forgets the triggers: they were done.
    pub fn drop_triggers(&mut self) {
        self.config().remove("OnBuild");
    }

    /// The whole command line, by the shell if it is for one.
    pub fn argv(&self, command: &CommandLine) -> Vec<String> {
        match command {
            CommandLine::Exec(words) => words.clone(),
            CommandLine::Shell(line) => self.shell().into_iter().chain([line.clone()]).collect(),
        }
    }

    /// The shell for what is not a JSON array.
    pub fn shell(&self) -> Vec<String> {
        let own = self.own_shell();
        if own.is_empty() { SHELL.map(str::to_owned).to_vec() } else { own }
    }

    /// A path of the image, as instructions give it: from the working directory on. A slash at its end stays.
    pub fn path(&self, path: &str) -> String {
        let is_directory = path.is_empty() || path == "." || path.ends_with('/') || path.ends_with("/.");
        let absolute = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.working_dir()) };
        let cleaned = porthole_dockerfile::ignore::clean(&absolute);
        if is_directory && cleaned != "/" { cleaned + "/" } else { cleaned }
    }

    /// Labels that the one who builds gives.
    pub fn label<'a>(&mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) {
        labels.into_iter().for_each(|(name, value)| self.set_in("Labels", name, json!(value)));
    }

    /// Applies an instruction that changes no files, or the part of one that changes the configuration. What the history says
    /// of it; nothing for those that it does not mention.
    pub fn apply(&mut self, command: &Command) -> Option<String> {
        Some(match command {
            Command::Env(pairs) => {
                for pair in pairs {
                    self.set_env(pair);
                }
                format!("ENV {}", shown(pairs))
            }
            Command::Label(pairs) => {
                pairs.iter().for_each(|pair| self.set_in("Labels", &pair.key, json!(pair.value)));
                format!("LABEL {}", shown(pairs))
            }
            // By names alone: what a build is told is not for those who get the image.
            Command::Arg(args) => {
                format!("ARG {}", args.iter().map(|arg| arg.key.as_str()).collect::<Vec<_>>().join(" "))
            }
            Command::Cmd(line) => {
                let argv = self.argv(line);
                self.has_own_command = true;
                let text = format!("CMD {}", go_list(&argv));
                self.set("Cmd", json!(argv));
                text
            }
            Command::Entrypoint(line) => {
                let argv = self.argv(line);
                let text = format!("ENTRYPOINT {}", go_list(&argv));
                self.set("Entrypoint", json!(argv));
                if !self.has_own_command {
                    self.config().remove("Cmd");
                }
                text
            }
            Command::Expose(ports) => {
                ports.iter().for_each(|port| self.set_in("ExposedPorts", port, json!({})));
                format!("EXPOSE {}", go_words(ports))
            }
            Command::Healthcheck(check) => {
                let (value, text) = self.healthcheck(check);
                self.set("Healthcheck", value);
                text
            }
            Command::Maintainer(author) => {
                self.whole.insert("author".to_owned(), json!(author));
                format!("MAINTAINER {author}")
            }
            Command::Onbuild(trigger) => {
                let triggers: Vec<String> = self.triggers().into_iter().chain([trigger.clone()]).collect();
                self.set("OnBuild", json!(triggers));
                format!("ONBUILD {trigger}")
            }
            Command::Shell(shell) => {
                self.set("Shell", json!(shell));
                format!("SHELL {}", go_words(shell))
            }
            Command::StopSignal(signal) => {
                self.set("StopSignal", json!(signal));
                format!("STOPSIGNAL {signal}")
            }
            Command::User(user) => {
                self.set("User", json!(user));
                format!("USER {user}")
            }
            Command::Volume(volumes) => {
                volumes.iter().for_each(|volume| self.set_in("Volumes", volume, json!({})));
                format!("VOLUME {}", go_words(volumes))
            }
            Command::Workdir(path) => {
                let path = self.path(path);
                let path = if path == "/" { path } else { path.trim_end_matches('/').to_owned() };
                self.set("WorkingDir", json!(path));
                format!("WORKDIR {path}")
            }
            Command::Add(_) | Command::Copy(_) | Command::Run(_) => return None,
        })
    }

    fn set_env(&mut self, pair: &KeyValue) {
        let mut env = self.env();
        let text = format!("{}={}", pair.key, pair.value);
        let is_named = |variable: &&mut String| variable.split('=').next() == Some(&pair.key);
        match env.iter_mut().find(is_named) {
            Some(old) => *old = text,
            None => env.push(text),
        }
        self.set("Env", json!(env));
    }

    fn healthcheck(&self, check: &Healthcheck) -> (Value, String) {
        let Healthcheck::Cmd(check) = check else {
            return (
                json!({ "Test": ["NONE"] }),
                "HEALTHCHECK &{[\"NONE\"] \"0s\" \"0s\" \"0s\" \"0s\" '\\x00'}".to_owned(),
            );
        };
        let test = match &check.command {
            CommandLine::Shell(line) => vec!["CMD-SHELL".to_owned(), line.clone()],
            CommandLine::Exec(words) => [vec!["CMD".to_owned()], words.clone()].concat(),
        };
        let mut value = Map::new();
        let text = format!("HEALTHCHECK {{{} {:?} {:?}}}", go_list(&test), check.interval, check.timeout);
        value.insert("Test".to_owned(), json!(test));
        let times = [
            ("Interval", check.interval),
            ("Timeout", check.timeout),
            ("StartPeriod", check.start_period),
            ("StartInterval", check.start_interval),
        ];
        for (key, time) in times.iter().filter(|(_, time)| !time.is_zero()) {
            value.insert((*key).to_owned(), json!(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)));
        }
        if check.retries != 0 {
            value.insert("Retries".to_owned(), json!(check.retries));
        }
        (Value::Object(value), text)
    }

    /// Adds a step to the history.
    pub fn record(&mut self, created_by: &str, created: Created, is_empty: bool) {
        let mut step = json!({ "created_by": created_by, "comment": COMMENT });
        if let Some(created) = created {
            step["created"] = json!(created);
        }
        if is_empty {
            step["empty_layer"] = json!(true);
        }
        let history = self.whole.entry("history").or_insert_with(|| json!([]));
        if !history.is_array() {
            *history = json!([]);
        }
        history.as_array_mut().expect("it was made one").push(step);
    }

    /// The configuration's bytes, over these diffIDs, and when the image was made. Steps without a time have that of the
    /// step before them that has one, or of the first after them; an image without any is made `now`.
    pub fn finish<S: AsRef<str>>(&self, diff_ids: &[S], epoch: Option<&str>, now: &str) -> (Vec<u8>, String) {
        let mut whole = self.whole.clone();
        let mut history: Vec<Value> = whole.get("history").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(epoch) = epoch {
            history.iter_mut().skip(self.inherited).for_each(|step| step["created"] = json!(epoch));
        }
        let time = |step: &Value| step["created"].as_str().map(str::to_owned);
        let own = || history.iter().skip(self.inherited);
        // That of the base comes last: what is new was not made when the base was.
        let first = own().find_map(time).or_else(|| history.iter().rev().find_map(time));
        let mut last = first.unwrap_or_else(|| epoch.unwrap_or(now).to_owned());
        for step in history.iter_mut().skip(self.inherited) {
            match time(step) {
                Some(time) => last = time,
                None => step["created"] = json!(last),
            }
        }
        whole.insert("history".to_owned(), json!(history));
        whole.insert("created".to_owned(), json!(last));
        let diff_ids: Vec<&str> = diff_ids.iter().map(AsRef::as_ref).collect();
        whole.insert("rootfs".to_owned(), json!({ "type": "layers", "diff_ids": diff_ids }));
        // Sorted, so that equal images are the same bytes.
        let sorted: BTreeMap<String, Value> = whole.into_iter().collect();
        (serde_json::to_vec(&sorted).expect("it has only string keys"), last)
    }
}

/// `A=b C="d e"`, as the history shows names and values.
fn shown(pairs: &[KeyValue]) -> String {
    pairs.iter().map(|pair| format!("{}={}", pair.key, pair.value)).collect::<Vec<_>>().join(" ")
}

/// Go's `%q` of a list of strings.
fn go_list(words: &[String]) -> String {
    format!("[{}]", words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" "))
}

/// Go's `%v` of a list of strings.
fn go_words(words: &[String]) -> String {
    format!("[{}]", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> KeyValue {
        KeyValue { key: key.to_owned(), value: value.to_owned(), legacy: false }
    }

    fn finished(configuration: &Configuration) -> Value {
        let (bytes, _) = configuration.finish(&["sha256:aa"], None, "now");
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn instructions_change_what_they_say_and_nothing_else() {
        let base = br#"{"os":"linux","architecture":"amd64","own":{"n":1},"container":"x",
            "config":{"Env":["A=1","PATH=/bin"],"Cmd":["old"],"Own":2},"history":[{"created":"t0","created_by":"base"}]}"#;
        let mut image = Configuration::of_base(base).unwrap();
        assert_eq!(image.apply(&Command::Env(vec![pair("A", "2"), pair("B", "c d")])).unwrap(), "ENV A=2 B=c d");
        assert_eq!(image.env(), ["A=2", "PATH=/bin", "B=c d"]);
        assert_eq!(image.apply(&Command::Workdir("a/../b".to_owned())).unwrap(), "WORKDIR /b");
        assert_eq!(image.apply(&Command::Workdir("c".to_owned())).unwrap(), "WORKDIR /b/c");
        assert_eq!(
            (image.path("x"), image.path("./"), image.path("/"), image.path("..")),
            ("/b/c/x".to_owned(), "/b/c/".to_owned(), "/".to_owned(), "/b".to_owned())
        );
        let entrypoint = CommandLine::Shell("run it".to_owned());
        let text = image.apply(&Command::Entrypoint(entrypoint)).unwrap();
        assert_eq!(text, "ENTRYPOINT [\"/bin/sh\" \"-c\" \"run it\"]");
        let json = finished(&image);
        assert_eq!(json["config"]["Cmd"], Value::Null, "the base's command is not for another entrypoint");
        assert_eq!(
            (&json["own"]["n"], &json["config"]["Own"], &json["container"]),
            (&json!(1), &json!(2), &Value::Null)
        );
        image.apply(&Command::Cmd(CommandLine::Exec(vec!["x".to_owned()])));
        image.apply(&Command::Entrypoint(CommandLine::Exec(vec!["y".to_owned()])));
        assert_eq!(finished(&image)["config"]["Cmd"], json!(["x"]), "its own is");
        assert_eq!(image.apply(&Command::Run(run())), None);
    }

    fn run() -> porthole_dockerfile::instruction::Run {
        porthole_dockerfile::instruction::Run {
            command: CommandLine::Exec(Vec::new()),
            documents: Vec::new(),
            mounts: Vec::new(),
            network: Default::default(),
            security: Default::default(),
            devices: Vec::new(),
        }
    }

    #[test]
    fn arguments_are_told_by_name_alone() {
        let mut image = Configuration::scratch("linux", "amd64", "");
        let arg = porthole_dockerfile::instruction::Arg {
            key: "TOKEN".to_owned(),
            value: Some("secret".to_owned()),
            description: None,
        };
        assert_eq!(image.apply(&Command::Arg(vec![arg])).unwrap(), "ARG TOKEN");
        assert!(!finished(&image).to_string().contains("secret"));
    }

    #[test]
    fn steps_without_files_have_the_time_of_their_neighbours() {
        let times = |image: &Configuration, epoch: Option<&str>| {
            let (bytes, created) = image.finish::<&str>(&[], epoch, "now");
            let json: Value = serde_json::from_slice(&bytes).unwrap();
            let steps =
                json["history"].as_array().unwrap().iter().map(|step| step["created"].as_str().unwrap().to_owned());
            (steps.collect::<Vec<_>>().join(" "), created)
        };
        let mut image = Configuration::of_base(br#"{"history":[{"created":"t0"}]}"#).unwrap();
        image.record("ENV", None, true);
        assert_eq!(times(&image, None), ("t0 t0".to_owned(), "t0".to_owned()));
        image.record("RUN", Some("t1".to_owned()), false);
        image.record("CMD", None, true);
        assert_eq!(times(&image, None), ("t0 t1 t1 t1".to_owned(), "t1".to_owned()));
        assert_eq!(times(&image, Some("e")), ("t0 e e e".to_owned(), "e".to_owned()));
        assert_eq!(times(&Configuration::scratch("linux", "arm", "v7"), None).1, "now");
    }
}
