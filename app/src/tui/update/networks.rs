//! What can be done with networks and the containers on them. Each change is a command line that is shown and run as it is.

use super::{confirm, containers, details, prompts};
use crate::tui::human;
use crate::tui::message::Effect;
use crate::tui::model::Model;
use crate::tui::model::detail::View;
use crate::tui::model::modal::{Choice, Modal, Then};
use crate::tui::model::prompt::Purpose;
use crate::tui::source::{Container, Network};
use crate::tui::words;
use porthole_engine::network::Driver;
use porthole_widgets::key::Key;
use porthole_widgets::palette::{Palette, PaletteEvent, PaletteItem};

/// All that is known of the network; of a container its links.
pub fn inspect(model: &mut Model) -> Vec<Effect> {
    let view = if model.networks.selected_place().is_some() { View::Links } else { View::Inspect };
    details::show(model, view)
}

/// The container in its list, or all that is known of the network.
pub fn open(model: &mut Model) -> Vec<Effect> {
    if model.networks.selected_place().is_some() { containers::open(model) } else { inspect(model) }
}

/// Offers the containers that can be connected to the network.
pub fn connect(model: &mut Model) -> Vec<Effect> {
    let Some(network) = model.networks.selected_network() else { return Vec::new() };
    let name = network.name.clone();
    if !network.takes_containers() {
        return refuse(model, format!("{name} takes no containers: those of --network {name} are on it"));
    }
    let fits: Vec<&Container> = model.containers.all().iter().filter(|it| can_join(it, network)).collect();
    if fits.is_empty() {
        return refuse(model, format!("there is no container that could be connected to {name}"));
    }
    let commands: Vec<Vec<String>> = fits.iter().map(|it| argv(&["network", "connect", &name, &it.name])).collect();
    let item = |(container, command): (&&Container, &Vec<String>)| PaletteItem {
        name: container.name.clone(),
        about: format!("porthole {}", words::join(command)),
        key: String::new(),
    };
    let palette = Palette::new(fits.iter().zip(&commands).map(item).collect());
    model.modal = Some(Modal::Choice(Box::new(Choice { title: format!("Connect to {name}"), palette, commands })));
    Vec::new()
}

/// Whether it is not on the network yet, and has a network namespace that interfaces can be put into.
fn can_join(container: &Container, network: &Network) -> bool {
    let shares = container.network == "host" || container.network == "none";
    let is_on_it = network.places.iter().any(|place| place.container == container.name);
    !shares && !container.network.starts_with("container:") && !is_on_it
}

/// A key while one of several command lines is being chosen.
pub fn choose(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(Modal::Choice(choice)) = &mut model.modal else { return Vec::new() };
    let command = match choice.palette.key(key) {
        PaletteEvent::Open => return Vec::new(),
        PaletteEvent::Closed => None,
        PaletteEvent::Chosen(index) => choice.commands.get(index).cloned(),
    };
    model.modal = None;
    command.map(|command| model.run(command)).into_iter().collect()
}

pub fn disconnect(model: &mut Model) -> Vec<Effect> {
    let (Some(network), Some(place)) = (model.networks.selected_network(), model.networks.selected_place()) else {
        return match model.networks.selected_network() {
            Some(_) => refuse(model, "select the container to take off its network".to_owned()),
            None => Vec::new(),
        };
    };
    let (name, container) = (network.name.clone(), place.container.clone());
    if !network.takes_containers() {
        return refuse(model, format!("{container} cannot be taken off {name}: that is what it was made with"));
    }
    let addresses: Vec<String> = place.addresses.iter().map(ToString::to_string).collect();
    let effects = match addresses.is_empty() {
        true => vec!["It does not run now: nothing is cut off.".to_owned()],
        false => vec![
            format!("Its interface {} goes, and {} with it.", place.interface, addresses.join(", ")),
            "Connections by it end; connected again it may get another address.".to_owned(),
        ],
    };
    let then = Then::Run(argv(&["network", "disconnect", &name, &container]));
    confirm::ask(model, "Disconnect", format!("container {container} from network {name}"), effects, then)
}

pub fn remove(model: &mut Model) -> Vec<Effect> {
    let Some(network) = model.networks.selected_network() else { return Vec::new() };
    let name = network.name.clone();
    if let Some(place) = model.networks.selected_place() {
        let refusal = format!("{} is a container on {name}: select the network to remove it", place.container);
        return refuse(model, refusal);
    }
    if network.predefined {
        return refuse(model, format!("{name} is a pre-defined network and cannot be removed"));
    }
    let users = |fits: fn(bool) -> bool| {
        let places = network.places.iter().filter(|place| fits(place.addresses.is_empty()));
        places.map(|place| place.container.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (running, idle) = (users(|idle| !idle), users(|idle| idle));
    let mut effects = Vec::new();
    if !running.is_empty() {
        effects.push(format!("On it: {running}. It stays until nobody is."));
    } else if let Some(interface) = &network.interface {
        effects.push(match network.driver {
            Driver::Bridge => format!("{interface} and its rules go; its addresses are free again."),
            _ => format!("{interface} stays as it is, but for a VLAN that was made for it."),
        });
    }
    if !idle.is_empty() {
        effects.push(format!("Connected to it, but not running: {idle}."));
    }
    confirm::ask(model, "Remove", format!("network {name}"), effects, Then::Run(argv(&["network", "rm", &name])))
}

pub fn prune(model: &mut Model) -> Vec<Effect> {
    let unused = model.networks.all().iter().filter(|network| !network.predefined && network.places.is_empty());
    let names: Vec<String> = unused.map(|network| network.name.clone()).collect();
    if names.is_empty() {
        model.say("every network that was made is used");
        return Vec::new();
    }
    let object = human::count(names.len(), "network that no container uses", "networks that no container uses");
    let effects = vec![format!("These go: {}.", names.join(", "))];
    confirm::ask(model, "Remove", object, effects, Then::Run(argv(&["network", "prune", "-f"])))
}

/// Begins the command line that gives the container one more interface.
pub fn attach(model: &mut Model) -> Vec<Effect> {
    command_of_container(model, |name| format!("network attach {name} --link "))
}

/// Begins the command line that takes one away.
pub fn detach(model: &mut Model) -> Vec<Effect> {
    command_of_container(model, |name| format!("network detach {name} "))
}

fn command_of_container(model: &mut Model, line: impl FnOnce(&str) -> String) -> Vec<Effect> {
    let Some(name) = model.networks.selected_place().map(|place| words::quote(&place.container)) else {
        return refuse(model, "select a container: interfaces are attached to one that runs".to_owned());
    };
    prompts::open(model, Purpose::Command, &line(&name))
}

/// The address of the container, or the id of the network.
pub fn copy(model: &mut Model) -> Vec<Effect> {
    let Some(network) = model.networks.selected_network() else { return Vec::new() };
    let text = match model.networks.selected_place().map(|place| place.addresses.first()) {
        Some(Some(address)) => address.to_string(),
        Some(None) => return refuse(model, "it does not run, and has no address".to_owned()),
        None => network.id.clone(),
    };
    model.say(format!("copied {}", if text.len() == 64 { "the id" } else { &text }));
    vec![Effect::Copy(text)]
}

/// A command line ended well: a network that it made is selected once it is there.
pub fn made(model: &mut Model, line: &str) {
    let words = words::split(line).unwrap_or_default();
    if let [_, network, create, .., name] = words.as_slice()
        && network == "network"
        && create == "create"
    {
        model.networks.newcomer = Some(name.clone());
        model.networks.arrange(model.containers.all());
    }
}

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn refuse(model: &mut Model, reason: String) -> Vec<Effect> {
    model.complain(reason);
    Vec::new()
}
