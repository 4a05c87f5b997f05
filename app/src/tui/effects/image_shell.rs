//! The command line of a shell that finds what a container's own command would have found.

use porthole_engine::{Bind, ContainerConfig, Engine, NetworkMode};

/// Looked for in the image; whatever has a shell has this one.
const SHELL: &str = "sh";

/// What the image says by itself, and a command line need not repeat.
#[derive(Default)]
struct Image {
    env: Vec<String>,
    user: String,
    working_dir: String,
}

/// The arguments of `porthole`, or why there can be no shell.
pub fn find(engine: &Engine, container: &str) -> Result<Vec<String>, String> {
    let config = engine.container_config(container).map_err(|error| error.to_string())?;
    let images = engine.images().map_err(|error| error.to_string())?;
    let gone = |_| format!("its image {} is gone: there is nothing to open a shell in", config.image);
    let image = images.resolve(&config.image_id).map_err(gone)?;
    if !config.has_program(SHELL) {
        return Err(format!("its image {} has no {SHELL}: there is nothing to open a shell with", config.image));
    }
    // Its name may have become another image's.
    let is_same = images.resolve(&config.image).is_ok_and(|named| named.id == image.id);
    let name = if is_same { &config.image } else { &config.image_id };
    let own = image.config.config().as_ref().map(|own| Image {
        env: own.env().clone().unwrap_or_default(),
        user: own.user().clone().unwrap_or_default(),
        working_dir: own.working_dir().clone().unwrap_or_default(),
    });
    Ok(words(&config, &own.unwrap_or_default(), name))
}

fn words(config: &ContainerConfig, image: &Image, name: &str) -> Vec<String> {
    let host = &config.host;
    let mut words = ["run", "--rm", "-it", "--entrypoint", SHELL].map(str::to_owned).to_vec();
    let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    host.binds.iter().for_each(|mount| add("-v", bind(mount)));
    host.tmpfs.iter().for_each(|(path, options)| add("--tmpfs", with_options(path, options)));
    let further = config.env.iter().filter(|variable| !image.env.contains(variable));
    further.for_each(|variable| add("-e", variable.clone()));
    if config.user != image.user {
        add("-u", config.user.clone());
    }
    if config.working_dir != image.working_dir && config.working_dir != "/" {
        add("-w", config.working_dir.clone());
    }
    if host.network != NetworkMode::Bridge {
        add("--net", host.network.to_string());
    }
    host.cap_add.iter().for_each(|capability| add("--cap-add", capability.clone()));
    host.cap_drop.iter().for_each(|capability| add("--cap-drop", capability.clone()));
    let switches = [("--privileged", host.privileged), ("--read-only", host.read_only)];
    words.extend(switches.into_iter().filter(|(_, on)| *on).map(|(switch, _)| switch.to_owned()));
    words.push(name.to_owned());
    words
}

fn bind(bind: &Bind) -> String {
    let mut options = Vec::new();
    options.extend(bind.read_only.then_some("ro"));
    options.extend((bind.propagation != "rprivate").then_some(bind.propagation.as_str()));
    with_options(&format!("{}:{}", bind.source.display(), bind.target), &options.join(","))
}

fn with_options(what: &str, options: &str) -> String {
    if options.is_empty() { what.to_owned() } else { format!("{what}:{options}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `porthole inspect`'s record of a container looks like, as far as it matters here.
    fn config() -> ContainerConfig {
        serde_json::from_value(serde_json::json!({
            "id": "ab".repeat(32), "name": "web", "created": 0, "image": "lab", "image_id": "sha256:ab", "layers": [],
            "entrypoint": [], "command": ["httpd"], "env": ["PATH=/bin", "MODE=a b"], "working_dir": "/srv",
            "user": "www", "hostname": "web", "tty": false, "open_stdin": false, "stdin_once": false, "labels": {},
            "exposed_ports": [], "stop_signal": null,
            "host": {
                "binds": [
                    { "source": "/srv/www", "target": "/www", "read_only": true, "propagation": "rprivate" },
                    { "source": "/data", "target": "/data", "read_only": false, "propagation": "rslave" },
                ],
                "tmpfs": { "/run": "", "/tmp": "size=1m" },
                "network": "host",
                "publish": ["8080:80"],
                "cap_drop": ["ALL"],
                "read_only": true,
            },
        }))
        .expect("a configuration")
    }

    #[test]
    fn the_shell_finds_what_the_command_would_have_found() {
        let image = Image { env: vec!["PATH=/bin".to_owned()], ..Image::default() };
        assert_eq!(
            crate::tui::words::join(&words(&config(), &image, "lab")),
            "run --rm -it --entrypoint sh -v /srv/www:/www:ro -v /data:/data:rslave --tmpfs /run --tmpfs /tmp:size=1m \
             -e 'MODE=a b' -u www -w /srv --net host --cap-drop ALL --read-only lab"
        );
    }

    #[test]
    fn what_the_image_says_is_not_repeated() {
        let mut config = config();
        config.host = Default::default();
        let image = Image { env: config.env.clone(), user: "www".into(), working_dir: "/srv".into() };
        assert_eq!(words(&config, &image, "lab").join(" "), "run --rm -it --entrypoint sh lab");
    }
}
