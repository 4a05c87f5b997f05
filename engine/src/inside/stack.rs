//! All layers merged into one tree, in which each path knows what every layer has there.

use super::Source;
use super::layer::{self, Tree};
use super::object::{Kind, Object};
use crate::error::{Error, Result};
use crate::parallel;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A path of a [`Stack`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

/// What one layer has at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// The layer, counted from the lowest.
    pub layer: usize,
    /// What is there.
    pub object: Object,
    /// The bytes that it takes; those of a file with several names are counted at one of them.
    pub bytes: u64,
    /// The next layer above that hides it: by a newer version, by removing it, or by replacing a directory that it is in.
    pub hidden_by: Option<usize>,
}

/// Which part of a stack is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// All layers together, as a container sees them.
    Merged,
    /// What one layer changes.
    Layer(usize),
}

/// What a layer does at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing: it only leads to what it changes.
    None,
    /// It was not there below.
    Added,
    /// It replaces what was below.
    Changed,
    /// It removes what was below.
    Removed,
}

impl Change {
    /// As `diff` writes it: A, C or D.
    pub fn letter(self) -> Option<char> {
        match self {
            Self::None => None,
            Self::Added => Some('A'),
            Self::Changed => Some('C'),
            Self::Removed => Some('D'),
        }
    }
}

/// What is to be seen at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// What is there; of something removed, what was.
    pub object: Object,
    /// The layer that it comes from.
    pub layer: usize,
    /// What that layer does there.
    pub change: Change,
}

/// A layer, with what it amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Where it comes from.
    pub source: Source,
    /// The bytes of its files.
    pub bytes: u64,
    /// How many objects are new with it. Directories count as everything else.
    pub added: usize,
    /// How many replace one below, other than directories that stay directories.
    pub changed: usize,
    /// How many objects of the layers below it removes.
    pub removed: usize,
    /// Those of its bytes that a layer above hides: they take room, and nobody sees them.
    pub wasted: u64,
}

struct Node {
    name: Box<[u8]>,
    parent: NodeId,
    /// By name.
    children: Vec<NodeId>,
    /// The lowest layer first.
    versions: Vec<Version>,
}

/// An index of all files of a stack of layers.
pub struct Stack {
    nodes: Vec<Node>,
    layers: Vec<Layer>,
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} layers with {} paths", self.layers.len(), self.nodes.len())
    }
}

impl Stack {
    /// The path of the root.
    pub const ROOT: NodeId = NodeId(0);

    /// Reads all files of these layers, the lowest first.
    pub fn read(sources: Vec<Source>) -> Result<Self> {
        let trees = parallel::map_long(&sources, |source| layer::read(&source.directory));
        let named =
            |(source, tree): (&Source, io::Result<Tree>)| tree.map_err(|error| Error::file(&source.directory, error));
        let trees = sources.iter().zip(trees).map(named).collect::<Result<Vec<_>>>()?;
        Ok(Self::new(sources, trees))
    }

    fn new(sources: Vec<Source>, trees: Vec<Tree>) -> Self {
        let root = Node { name: Box::default(), parent: Self::ROOT, children: Vec::new(), versions: Vec::new() };
        let mut stack = Self { nodes: vec![root], layers: Vec::with_capacity(sources.len()) };
        for (layer, (source, tree)) in sources.into_iter().zip(trees).enumerate() {
            stack.layers.push(Layer { source, bytes: 0, added: 0, changed: 0, removed: 0, wasted: 0 });
            stack.merge(Self::ROOT, layer, tree);
        }
        stack
    }

    /// The layers, the lowest first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The bytes of all files of all layers.
    pub fn bytes(&self) -> u64 {
        self.layers.iter().map(|layer| layer.bytes).sum()
    }

    /// Those of them that nobody sees.
    pub fn wasted(&self) -> u64 {
        self.layers.iter().map(|layer| layer.wasted).sum()
    }

    /// The share of the bytes that is seen, from 0 to 1; 1 when there are none.
    pub fn efficiency(&self) -> f64 {
        match self.bytes() {
            0 => 1.0,
            bytes => 1.0 - self.wasted() as f64 / bytes as f64,
        }
    }

    /// The name of a path's last part; empty for the root.
    pub fn name(&self, node: NodeId) -> &[u8] {
        &self.node(node).name
    }

    /// The whole path.
    pub fn path(&self, node: NodeId) -> PathBuf {
        let mut names = Vec::new();
        let mut at = node;
        while at != Self::ROOT {
            names.push(self.name(at));
            at = self.node(at).parent;
        }
        Path::new("/").join(names.into_iter().rev().map(OsStr::from_bytes).collect::<PathBuf>())
    }

    /// The directory that it is in; `None` for the root.
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        (node != Self::ROOT).then(|| self.node(node).parent)
    }

    /// What every layer has at a path, the lowest first.
    pub fn versions(&self, node: NodeId) -> &[Version] {
        &self.node(node).versions
    }

    /// A path, by its parts. Links are not followed.
    pub fn find(&self, path: &Path) -> Option<NodeId> {
        let mut names = path.components().filter_map(|part| match part {
            std::path::Component::Normal(name) => Some(name.as_bytes()),
            _ => None,
        });
        names.try_fold(Self::ROOT, |node, name| {
            let place = self.place(node, name).ok()?;
            Some(self.node(node).children[place])
        })
    }

    /// What is in a directory and to be seen in a view, by name.
    pub fn children(&self, node: NodeId, view: View) -> impl Iterator<Item = (NodeId, Sight)> {
        let children = self.node(node).children.iter();
        children.filter_map(move |child| Some((*child, self.sight(*child, view)?)))
    }

    /// What is to be seen at a path in a view.
    pub fn sight(&self, node: NodeId, view: View) -> Option<Sight> {
        match view {
            View::Merged => {
                let seen = self.seen(node, self.layers.len())?;
                Some(Sight { object: seen.object, layer: seen.layer, change: self.change(node, seen.layer) })
            }
            View::Layer(layer) => self.sight_of_layer(node, layer),
        }
    }

    /// The bytes of all files at and below a path that are to be seen in a view.
    pub fn bytes_below(&self, node: NodeId, view: View) -> u64 {
        let own = match view {
            View::Merged => self.seen(node, self.layers.len()).map_or(0, |seen| seen.bytes),
            View::Layer(layer) => self.version(node, layer).map_or(0, |version| version.bytes),
        };
        own + self.node(node).children.iter().map(|child| self.bytes_below(*child, view)).sum::<u64>()
    }

    fn sight_of_layer(&self, node: NodeId, layer: usize) -> Option<Sight> {
        let own = self.version(node, layer).filter(|version| version.object.kind != Kind::Whiteout);
        if let Some(own) = own {
            return Some(Sight { object: own.object, layer, change: self.change(node, layer) });
        }
        let gone = self.seen(node, layer).filter(|below| below.hidden_by == Some(layer))?;
        Some(Sight { object: gone.object, layer: gone.layer, change: Change::Removed })
    }

    /// What a layer that has a version at a path does there.
    fn change(&self, node: NodeId, layer: usize) -> Change {
        let kind = |version: Option<&Version>| version.map(|version| version.object.kind);
        let own = self.version(node, layer);
        match (kind(self.seen(node, layer)), kind(own)) {
            (_, None) => Change::None,
            (None, _) => Change::Added,
            // A directory is in a layer whenever something in it is.
            (Some(Kind::Directory), Some(Kind::Directory)) if !own.is_some_and(|own| own.object.opaque) => Change::None,
            _ => Change::Changed,
        }
    }

    /// What is seen at a path by a container of only so many layers.
    fn seen(&self, node: NodeId, layers: usize) -> Option<&Version> {
        let versions = self.node(node).versions.iter();
        let mut shown = versions.filter(|version| version.object.kind != Kind::Whiteout && version.layer < layers);
        shown.rfind(|version| version.hidden_by.is_none_or(|by| by >= layers))
    }

    fn version(&self, node: NodeId, layer: usize) -> Option<&Version> {
        self.node(node).versions.iter().find(|version| version.layer == layer)
    }

    fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.0 as usize]
    }

    fn place(&self, node: NodeId, name: &[u8]) -> std::result::Result<usize, usize> {
        self.node(node).children.binary_search_by(|child| self.name(*child).cmp(name))
    }

    /// Puts what a layer has at a path on top of what there is.
    fn merge(&mut self, node: NodeId, layer: usize, tree: Tree) {
        let Tree { object, bytes, children, .. } = tree;
        let below = self.seen(node, layer).copied();
        let is_gone = below.is_some_and(|below| below.hidden_by == Some(layer));
        let below = below.map(|below| below.object.kind);
        if object.cuts() {
            let gone = self.node(node).children.clone();
            gone.into_iter().for_each(|child| self.hide(child, layer));
        }
        self.hide_versions(node, layer);
        match (below, object.kind) {
            (Some(_), Kind::Whiteout) => self.layers[layer].removed += usize::from(!is_gone),
            (None, Kind::Whiteout) => {}
            (None, _) if node == Self::ROOT => {}
            // It was counted as removed with the directory that it was in.
            (Some(_), _) if is_gone => {
                self.layers[layer].removed -= 1;
                self.layers[layer].changed += 1;
            }
            (Some(Kind::Directory), Kind::Directory) if !object.opaque => {}
            (None, _) => self.layers[layer].added += 1,
            (Some(_), _) => self.layers[layer].changed += 1,
        }
        self.layers[layer].bytes += bytes;
        let version = Version { layer, object, bytes, hidden_by: None };
        self.nodes[node.0 as usize].versions.push(version);
        for child in children {
            let child_node = self.child(node, &child.name);
            self.merge(child_node, layer, child);
        }
    }

    fn child(&mut self, parent: NodeId, name: &[u8]) -> NodeId {
        match self.place(parent, name) {
            Ok(place) => self.node(parent).children[place],
            Err(place) => {
                let node = NodeId(self.nodes.len() as u32);
                let name = name.into();
                self.nodes.push(Node { name, parent, children: Vec::new(), versions: Vec::new() });
                self.nodes[parent.0 as usize].children.insert(place, node);
                node
            }
        }
    }

    /// A layer removes or replaces a directory: all that was in it is gone.
    fn hide(&mut self, node: NodeId, layer: usize) {
        if self.seen(node, layer).is_some() {
            self.layers[layer].removed += 1;
        }
        self.hide_versions(node, layer);
        for child in self.node(node).children.clone() {
            self.hide(child, layer);
        }
    }

    fn hide_versions(&mut self, node: NodeId, layer: usize) {
        for version in &mut self.nodes[node.0 as usize].versions {
            if version.hidden_by.is_none() {
                version.hidden_by = Some(layer);
                self.layers[version.layer].wasted += version.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Layers;
    use super::*;

    fn shown(stack: &Stack, path: &str, view: View) -> Vec<String> {
        let node = stack.find(Path::new(path)).expect(path);
        let children = stack.children(node, view);
        children
            .map(|(child, sight)| {
                let mark = sight.change.letter().unwrap_or(' ');
                format!("{mark} {} {}", String::from_utf8_lossy(stack.name(child)), sight.layer)
            })
            .collect()
    }

    #[test]
    fn a_newer_version_hides_the_one_below() {
        let layers = Layers::new(&["etc/ etc/hosts=12345 etc/passwd=1", "etc/ etc/hosts=123 etc/group=1"]);
        let stack = layers.stack();
        assert_eq!(shown(&stack, "/etc", View::Merged), ["A group 1", "C hosts 1", "A passwd 0"]);
        assert_eq!(shown(&stack, "/etc", View::Layer(1)), ["A group 1", "C hosts 1"]);
        assert_eq!(shown(&stack, "/", View::Layer(1)), ["  etc 1"]);
        let [first, second] = stack.layers() else { panic!("two layers") };
        assert_eq!((first.added, first.changed, first.removed, first.bytes, first.wasted), (3, 0, 0, 6, 5));
        assert_eq!((second.added, second.changed, second.removed, second.bytes, second.wasted), (1, 1, 0, 4, 0));
        assert_eq!(stack.efficiency(), 0.5);
        assert_eq!(stack.bytes_below(Stack::ROOT, View::Merged), 5);
        assert_eq!(stack.bytes_below(Stack::ROOT, View::Layer(0)), 6);
    }

    #[test]
    fn a_whiteout_removes_all_below_it_and_what_comes_back_is_new() {
        let layers = Layers::new(&["a/ a/b/ a/b/c=123 d=1", "a!", "a/ a/b=1 d!", "d=22"]);
        let stack = layers.stack();
        assert_eq!(shown(&stack, "/", View::Layer(1)), ["D a 0"]);
        assert_eq!(shown(&stack, "/a", View::Layer(1)), ["D b 0"]);
        assert_eq!(shown(&stack, "/a/b", View::Layer(1)), ["D c 0"]);
        assert_eq!(shown(&stack, "/", View::Layer(2)), ["A a 2", "D d 0"]);
        assert_eq!(shown(&stack, "/", View::Merged), ["A a 2", "A d 3"]);
        assert_eq!(shown(&stack, "/a/b", View::Merged), [""; 0]);
        let removed: Vec<usize> = stack.layers().iter().map(|layer| layer.removed).collect();
        assert_eq!(removed, [0, 3, 1, 0]);
        let hosts = stack.versions(stack.find(Path::new("/d")).unwrap());
        let hidden: Vec<_> = hosts.iter().map(|version| (version.layer, version.hidden_by)).collect();
        assert_eq!(hidden, [(0, Some(2)), (2, Some(3)), (3, None)]);
    }

    #[test]
    fn an_opaque_directory_hides_what_it_does_not_bring_along() {
        let layers = Layers::new(&["a/ a/b=123 a/c=1", "a/* a/b=1"]);
        let stack = layers.stack();
        assert_eq!(shown(&stack, "/a", View::Merged), ["C b 1"]);
        assert_eq!(shown(&stack, "/a", View::Layer(1)), ["C b 1", "D c 0"]);
        assert_eq!(stack.layers()[1].removed, 1);
        assert_eq!(stack.layers()[0].wasted, 4);
    }

    #[test]
    fn a_file_in_place_of_a_directory_and_back() {
        let layers = Layers::new(&["a/ a/b=123", "a=1", "a/ a/x=1"]);
        let stack = layers.stack();
        assert_eq!(shown(&stack, "/", View::Layer(1)), ["C a 1"]);
        assert_eq!(shown(&stack, "/a", View::Layer(1)), ["D b 0"]);
        assert_eq!(shown(&stack, "/a", View::Merged), ["A x 2"]);
        assert_eq!((stack.bytes(), stack.wasted()), (5, 4));
    }

    #[test]
    fn a_file_with_several_names_is_counted_once() {
        let layers = Layers::new(&["a=12345"]);
        std::fs::hard_link(layers.path(0, "a"), layers.path(0, "b")).unwrap();
        let stack = layers.stack();
        assert_eq!((stack.bytes(), stack.layers()[0].added), (5, 2));
        assert_eq!(stack.path(stack.find(Path::new("/b")).unwrap()), Path::new("/b"));
        assert!(stack.find(Path::new("/b/c")).is_none());
    }
}
