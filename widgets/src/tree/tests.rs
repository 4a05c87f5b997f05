use porthole_themes::Theme;
use proptest::prelude::*;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::widgets::StatefulWidget;

use super::*;

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn map(values: Vec<(&str, Value)>) -> Value {
    Value::Map(values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn container() -> Value {
    map(vec![
        ("Id", text("3f2a91")),
        ("State", map(vec![("Status", text("running")), ("Running", Value::Bool(true)), ("Error", text(""))])),
        ("Args", Value::List(vec![text("-f"), text("-p"), text("80")])),
        ("Mounts", Value::List(Vec::new())),
        ("Config", map(vec![("Labels", map(vec![("owner", text("Status page"))]))])),
    ])
}

fn draw(tree: &mut Tree, width: u16, height: u16) -> Vec<String> {
    let theme = Theme::default();
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    TreeView::new(&theme).focused(true).render(buf.area, &mut buf, tree);
    let row = |y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(row).filter(|row| !row.is_empty()).collect()
}

fn path(tree: &Tree) -> String {
    tree.path().iter().map(|step| format!("/{}", step.text())).collect()
}

#[test]
fn what_is_folded_shows_what_it_holds_in_one_line() {
    let mut tree = Tree::new(container());
    let rows = [
        "▌   Id      \"3f2a91\"",
        "  ▸ State   {Status: \"running\", Running: t…",
        "  ▸ Args    [\"-f\", \"-p\", \"80\"]",
        "    Mounts  []",
        "  ▸ Config  {Labels: {owner: \"Status page\"…",
    ];
    assert_eq!(draw(&mut tree, 44, 9), rows);
    tree.window.step(1, tree.rows());
    assert!(tree.toggle());
    let rows = ["▌ ▾ State", "      Status   \"running\"", "      Running  true", "      Error    \"\""];
    assert_eq!(draw(&mut tree, 44, 9)[1..5], rows);
}

#[test]
fn left_and_right_fold_and_walk() {
    let mut tree = Tree::new(container());
    tree.fold();
    assert_eq!(path(&tree), "/Id");
    tree.window.step(1, tree.rows());
    tree.unfold();
    assert_eq!((path(&tree).as_str(), tree.rows()), ("/State", 8));
    tree.unfold();
    assert_eq!((path(&tree).as_str(), tree.leaf().as_deref()), ("/State/Status", Some("running")));
    tree.unfold();
    assert!(!tree.toggle(), "a text does not fold");
    tree.fold();
    assert_eq!((path(&tree).as_str(), tree.held()), ("/State", 3));
    tree.fold();
    assert_eq!(tree.rows(), 5);
}

#[test]
fn what_is_unfolded_comes_into_sight() {
    let mut tree = Tree::new(container());
    draw(&mut tree, 44, 5);
    tree.window.last(tree.rows());
    tree.toggle();
    assert_eq!(draw(&mut tree, 44, 5)[4], "    ▸ Labels  {owner: \"Status page\"}");
    tree.toggle_all();
    tree.window.first(tree.rows());
    tree.search("running");
    assert_eq!(draw(&mut tree, 44, 5)[1], "▌     Status   \"running\"");
    tree.search("error");
    assert_eq!(draw(&mut tree, 44, 5)[3], "▌     Error    \"\"", "a line follows");
}

#[test]
fn everything_unfolds_and_folds_with_the_selection_in_place() {
    let mut tree = Tree::new(container());
    tree.toggle_all();
    assert_eq!(tree.rows(), 13);
    tree.window.last(tree.rows());
    assert_eq!(path(&tree), "/Config/Labels/owner");
    tree.toggle_all();
    assert_eq!((tree.rows(), path(&tree).as_str()), (5, "/Config"));
}

#[test]
fn a_search_unfolds_what_it_finds_and_folds_it_again() {
    let mut tree = Tree::new(container());
    tree.search("status");
    assert_eq!((path(&tree).as_str(), tree.search_position()), ("/State/Status", Some((1, 2))));
    assert!(tree.search_next());
    assert_eq!((path(&tree).as_str(), tree.rows()), ("/Config/Labels/owner", 7), "State is folded again");
    assert!(tree.search_next() && tree.search_previous());
    assert_eq!(path(&tree), "/Config/Labels/owner");
    tree.search("Status page");
    assert_eq!(tree.search_position(), Some((1, 1)));
    tree.search("nowhere");
    assert!(!tree.search_next());
    assert_eq!(path(&tree), "/Config/Labels/owner", "the selection stays");
    tree.clear_search();
    assert_eq!((tree.search_text(), tree.rows()), (None, 7));
}

#[test]
fn another_state_keeps_folds_search_and_selection() {
    let mut tree = Tree::new(container());
    tree.search("running");
    assert_eq!(path(&tree), "/State/Status");
    let mut value = container();
    let Value::Map(values) = &mut value else { unreachable!() };
    values.insert(0, ("Created".to_owned(), text("today")));
    tree.replace(value);
    assert_eq!((path(&tree).as_str(), tree.rows()), ("/State/Status", 9));
    assert_eq!(tree.search_position(), Some((1, 2)));
    tree.replace(map(vec![("State", map(vec![("Pid", Value::Number("7".to_owned()))]))]));
    assert_eq!(path(&tree), "/State", "what held it");
    tree.replace(map(vec![("Other", Value::Null)]));
    assert_eq!(path(&tree), "/Other");
    tree.replace(Value::Null);
    assert!(tree.is_empty() && tree.path().is_empty());
}

#[test]
fn a_click_selects_and_on_the_mark_unfolds() {
    let mut tree = Tree::new(container());
    draw(&mut tree, 44, 9);
    assert!(tree.click(Position::new(12, 2)));
    assert_eq!((path(&tree).as_str(), tree.rows()), ("/Args", 5));
    assert!(tree.click(Position::new(2, 1)));
    assert_eq!((path(&tree).as_str(), tree.rows()), ("/State", 8));
    assert!(!tree.click(Position::new(2, 8)));
    draw(&mut tree, 44, 9);
    assert!(tree.click(Position::new(2, 1)), "folded again");
    assert!(!tree.click(Position::new(2, 7)), "no frame was drawn since, and nothing is there any more");
}

/// Any value, hostile text included.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-9i32..9).prop_map(|number| Value::Number(number.to_string())),
        "[a-c\\x1b\\n漢\"]{0,20}".prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            prop::collection::btree_map("[a-d]{1,3}", inner, 0..5)
                .prop_map(|values| Value::Map(values.into_iter().collect())),
        ]
    })
}

fn act(tree: &mut Tree, act: u8, text: &str) {
    let rows = tree.rows();
    match act {
        0 => tree.window.step(1, rows),
        1 => tree.window.step(-1, rows),
        2 => tree.window.last(rows),
        3 => drop(tree.toggle()),
        4 => tree.fold(),
        5 => tree.unfold(),
        6 => tree.toggle_all(),
        7 => tree.search(text),
        8 => drop(tree.search_next()),
        9 => drop(tree.search_previous()),
        _ => tree.clear_search(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_done_the_rows_are_those_that_no_fold_hides(
        first in value(), second in value(), acts in prop::collection::vec((0u8..12, "[a-c]{0,2}"), 0..20),
    ) {
        let mut tree = Tree::new(first);
        for (index, (what, text)) in acts.iter().enumerate() {
            act(&mut tree, *what, text);
            if index == 9 {
                tree.replace(second.clone());
            }
            let visible: Vec<usize> =
                (0..tree.nodes.len()).filter(|node| tree.holders(*node).all(|holder| tree.nodes[holder].open)).collect();
            prop_assert_eq!(&tree.shown, &visible);
            prop_assert_eq!(tree.selected().is_some(), !tree.is_empty());
            prop_assert_eq!(tree.find(&tree.path()), tree.selected());
        }
    }

    #[test]
    fn the_same_state_again_changes_nothing(value in value(), acts in prop::collection::vec((0u8..12, "[a-c]{0,2}"), 0..20)) {
        let mut tree = Tree::new(value.clone());
        acts.iter().for_each(|(what, text)| act(&mut tree, *what, text));
        let before = (tree.shown.clone(), tree.selected(), tree.search_position());
        tree.replace(value);
        prop_assert_eq!((tree.shown.clone(), tree.selected(), tree.search_position()), before);
    }

    #[test]
    fn a_search_visits_each_match_once_around(value in value(), needle in "[a-c]{1,2}") {
        let mut tree = Tree::new(value);
        tree.search(&needle);
        let count = tree.search_position().expect("it searches").1;
        let visited: HashSet<Vec<Step>> = (0..count).map(|_| { tree.search_next(); tree.path() }).collect();
        prop_assert_eq!(visited.len(), count);
        let (at, _) = tree.search_position().expect("it searches");
        prop_assert!(count == 0 || at > 0);
    }
}
