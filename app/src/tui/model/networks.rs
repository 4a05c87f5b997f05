//! The networks and the containers on them, as rows to go through.

use crate::tui::source::{Container, Network, Networks, Place};
use porthole_widgets::topology::TopologyState;

/// A row of the picture: a network, or a place on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which network.
    network: usize,
    /// Which of its places; `None` for the network itself.
    place: Option<usize>,
}

/// What a row stands for, across refreshes: a network by its id, and a container by its name.
type Key = (String, Option<String>);

/// The networks, and how they are looked at.
#[derive(Default)]
pub struct NetworkPane {
    /// What is known; `None` before the first look.
    pub known: Option<Networks>,
    rows: Vec<Row>,
    /// What each row stands for.
    keys: Vec<Key>,
    /// The network to select as soon as it is there.
    pub newcomer: Option<String>,
    /// The selected row, and which are seen.
    pub state: TopologyState,
}

impl NetworkPane {
    /// Puts the rows in order. The selection stays where it is, on the network when the container has left that, and on its
    /// row when the network is gone.
    pub fn arrange(&mut self, containers: &[Container]) {
        let is_up = |name: &str| containers.iter().any(|container| container.name == name && container.is_up());
        let selected = self.state.window.selected().and_then(|row| self.keys.get(row)).cloned();
        self.rows.clear();
        self.keys.clear();
        for (network, known) in self.known.iter().flat_map(|known| &known.all).enumerate() {
            self.rows.push(Row { network, place: None });
            self.keys.push((known.id.clone(), None));
            for (at, place) in known.places.iter().enumerate() {
                // Whoever does not run is of interest only where somebody has put it.
                if !known.predefined || is_up(&place.container) {
                    self.rows.push(Row { network, place: Some(at) });
                    self.keys.push((known.id.clone(), Some(place.container.clone())));
                }
            }
        }
        self.reselect(selected);
    }

    fn reselect(&mut self, selected: Option<Key>) {
        let find = |key: &Key| self.keys.iter().position(|other| other == key);
        let newcomer = self.newcomer.as_ref().and_then(|name| {
            let is_it = |row: &Row| row.place.is_none() && self.all()[row.network].name == *name;
            self.rows.iter().position(is_it)
        });
        let same = selected.and_then(|key| find(&key).or_else(|| find(&(key.0, None))));
        let near = self.state.window.selected().unwrap_or(0).min(self.rows.len().saturating_sub(1));
        let row = (!self.rows.is_empty()).then(|| newcomer.or(same).unwrap_or(near));
        self.newcomer.take_if(|_| newcomer.is_some());
        self.state.window.select(row);
    }

    /// All networks.
    pub fn all(&self) -> &[Network] {
        self.known.as_ref().map_or(&[], |known| &known.all)
    }

    /// The rows of the picture.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The networks in order, each with its places that are shown.
    pub fn shown(&self) -> impl Iterator<Item = (&Network, impl Iterator<Item = &Place>)> {
        let groups = self.rows.chunk_by(|one, other| one.network == other.network);
        groups.map(|group| {
            let network = &self.all()[group[0].network];
            (network, group.iter().filter_map(|row| network.places.get(row.place?)))
        })
    }

    fn selected(&self) -> Option<Row> {
        self.rows.get(self.state.window.selected()?).copied()
    }

    /// The network that is selected, or on which the selected container is.
    pub fn selected_network(&self) -> Option<&Network> {
        self.all().get(self.selected()?.network)
    }

    /// The place on a network that is selected; `None` when it is the network itself.
    pub fn selected_place(&self) -> Option<&Place> {
        self.selected_network()?.places.get(self.selected()?.place?)
    }

    /// The network that is selected itself.
    pub fn network_row(&self) -> Option<&Network> {
        self.selected_network().filter(|_| self.selected_place().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    fn pane() -> NetworkPane {
        let mut pane = NetworkPane { known: Some(fixture::networks()), ..NetworkPane::default() };
        pane.arrange(&fixture::containers());
        pane
    }

    fn selected(pane: &NetworkPane) -> (&str, Option<&str>) {
        let network = pane.selected_network().expect("something");
        (&network.name, pane.selected_place().map(|place| place.container.as_str()))
    }

    fn select(pane: &mut NetworkPane, network: &str, container: &str) {
        let all = pane.known.as_ref().expect("known").all.clone();
        let is_it = |row: &Row| {
            let there = &all[row.network];
            there.name == network && row.place.is_some_and(|at| there.places[at].container == container)
        };
        let row = pane.rows.iter().position(is_it);
        pane.state.window.select(row);
    }

    fn change(pane: &mut NetworkPane, change: impl FnOnce(&mut Vec<Network>)) {
        change(&mut pane.known.as_mut().expect("known").all);
        pane.arrange(&fixture::containers());
    }

    #[test]
    fn the_selection_follows_its_container_and_falls_back_to_the_network() {
        let mut pane = pane();
        assert_eq!(selected(&pane), ("bridge", None));
        select(&mut pane, "backend", "db");
        change(&mut pane, |all| all.insert(1, Network { id: "new".into(), name: "new".into(), ..Network::default() }));
        assert_eq!(selected(&pane), ("backend", Some("db")));
        change(&mut pane, |all| all.iter_mut().for_each(|network| network.places.retain(|it| it.container != "db")));
        assert_eq!(selected(&pane), ("backend", None));
        change(&mut pane, |all| all.retain(|network| network.name != "backend"));
        assert!(pane.selected_network().is_some());
        change(&mut pane, Vec::clear);
        assert!(pane.selected_network().is_none() && pane.rows().is_empty());
    }

    #[test]
    fn a_network_that_was_made_is_selected_once_it_is_there() {
        let mut pane = pane();
        pane.newcomer = Some("mine".to_owned());
        pane.arrange(&fixture::containers());
        assert_eq!(selected(&pane), ("bridge", None));
        change(&mut pane, |all| all.push(Network { name: "mine".into(), ..Network::default() }));
        assert_eq!((selected(&pane), &pane.newcomer), (("mine", None), &None));
    }

    #[test]
    fn who_does_not_run_is_shown_where_somebody_has_put_it() {
        let pane = pane();
        let shown = |name: &str| {
            let (_, places) = pane.shown().find(|(network, _)| network.name == name).expect("a network");
            places.map(|place| place.container.clone()).collect::<Vec<_>>()
        };
        assert_eq!(shown("bridge"), ["db", "web"], "job has ended");
        assert_eq!(shown("backend"), ["db", "job"]);
    }
}
