//! What holds for any input: nothing panics or takes long, and what is told of a project means the same when it is read again.

use porthole_compose::interpolate::Variables;
use porthole_compose::{Files, Request, dotenv, emit};
use proptest::prelude::*;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// One file, and no other.
struct Only(String);

impl Files for Only {
    fn read(&self, path: &Path) -> io::Result<String> {
        if self.exists(path) { Ok(self.0.clone()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn exists(&self, path: &Path) -> bool {
        path == Path::new("/p/compose.yaml")
    }
}

fn request() -> Request {
    let environment = ["DB_PASSWORD", "DB_ROOT_PASSWORD"].map(|name| (name.to_owned(), "secret".to_owned())).into();
    Request { working_directory: "/p".into(), environment, ..Request::default() }
}

/// Pieces that mean something to YAML, to interpolation, or to the specification.
const PIECES: &[&str] = &[
    "services:\n",
    "  web:\n",
    "  db:\n",
    "    image: box\n",
    "    build: .\n",
    "    command: [sleep, '1']\n",
    "    depends_on: [db]\n",
    "    depends_on: {db: {condition: service_healthy}}\n",
    "    ports: ['80:80', 8000-8010]\n",
    "    ports:\n      - {target: 80, published: '8080'}\n",
    "    volumes: [data:/data, ./a:/b:ro]\n",
    "    environment: {A: ${B:-c}, D: }\n",
    "    environment:\n      - A=1\n",
    "    extends: web\n",
    "    extends: {service: db, file: compose.yaml}\n",
    "    deploy: {replicas: 3}\n",
    "    <<: *a\n",
    "    labels: &a {x: y}\n",
    "    healthcheck: {interval: 5s, test: NONE}\n",
    "include: [compose.yaml]\n",
    "networks: {default: {}}\n",
    "volumes:\n  data:\n",
    "secrets: {s: {environment: S}}\n",
    "name: x\n",
    "x-a: &b [*b]\n",
    "!reset ",
    "!override ",
    "${",
    "${A:?no}",
    "$$",
    "}",
    "*a",
    "&a ",
    "? ",
    "- ",
    ": ",
    "[",
    "]",
    "{",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "#",
    "\t",
    "\r\n",
    "\n",
    "---\n",
    "...\n",
    "\u{85}",
    "é",
    "0x1f",
    "~",
    "null",
    "-1",
    "1e9",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..24).prop_map(|pieces| pieces.concat())
}

/// A file that means something, but for a few characters.
fn damaged() -> impl Strategy<Value = String> {
    let whole = include_str!("../../../tests/app/compose.yaml");
    let most = whole.chars().count();
    prop::collection::vec((0..most, any::<char>()), 1..4).prop_map(move |changes| {
        let mut characters: Vec<char> = whole.chars().collect();
        changes.into_iter().for_each(|(at, character)| characters[at] = character);
        characters.into_iter().collect()
    })
}

fn check(text: String) -> Result<(), TestCaseError> {
    let begun = Instant::now();
    let files = Only(text);
    if let Ok(project) = request().load(&files) {
        let told = Only(emit::yaml(&project.tree));
        let again = request().load(&told).map_err(|error| TestCaseError::fail(format!("{error} in {}", told.0)))?;
        prop_assert_eq!(emit::yaml(&again.tree), told.0);
    }
    prop_assert!(begun.elapsed() < Duration::from_secs(5));
    Ok(())
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused(text in text()) {
        check(text)?;
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(text in damaged()) {
        check(text)?;
    }

    #[test]
    fn any_file_of_variables_is_read_or_refused(text in "[A-Z=$'\"{}\\\\ #\n-]{0,60}") {
        let _ = dotenv::parse(&text, &Variables::default());
        let _ = dotenv::parse_raw(&text);
    }
}
