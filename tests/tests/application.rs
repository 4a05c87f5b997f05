//! A web application with a database, of Debian's packages, from its Dockerfiles to its data: `tests/app`.

use porthole_tests::{Host, debian, eventually_some, pause};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;

/// What both images are built on.
const PACKAGES: [&str; 4] = ["mariadb-client-core", "mariadb-server-core", "passwd", "python3-pymysql"];

/// Where the Dockerfiles and the compose file are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/app");

/// What the answer to a request of the host's is, if anybody answers.
fn request(port: u16, head: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "{head} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[track_caller]
fn write_entry(port: u16, name: &str, text: &str) {
    let answer = request(port, "POST /", &format!("name={name}&text={text}")).expect("an answer");
    assert!(answer.starts_with("HTTP/1.0 201 "), "{answer}");
}

/// The page, once the application answers.
#[track_caller]
fn page(port: u16) -> String {
    let answered = || request(port, "GET /", "").ok().filter(|answer| answer.starts_with("HTTP/1.0 200 "));
    let answer = eventually_some("the application answers", answered);
    answer.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

/// Waits for the health check, whose start period and retries are the limit.
#[track_caller]
fn wait_until_healthy(host: &Host, name: &str) {
    let health = || host.inspect(name)["State"]["Health"]["Status"].as_str().map(str::to_owned);
    while health().as_deref() == Some("starting") && host.status(name) == "running" {
        pause(50);
    }
    assert_eq!(health().as_deref(), Some("healthy"), "{}", host.porthole(&format!("logs {name}")).stderr);
}

#[test]
fn an_application_is_built_and_run_and_its_data_stay() {
    let Some(archive) = debian(Path::new(env!("CARGO_TARGET_TMPDIR")), &PACKAGES) else { return };
    let mut host = Host::empty();
    host.ok(&format!("import {} debian:guestbook", archive.display()));
    for (name, value) in [("MARIADB_PASSWORD", "it's"), ("DB_PASSWORD", "it's"), ("MYSQL_PWD", "it's")] {
        host.set(name, value);
    }
    by_commands(&host);
    host.remove_all();
    by_compose(&mut host);
}

/// As a tutorial has it, word for word.
fn by_commands(host: &Host) {
    host.ok(&format!("build -t guestbook/database {FOLDER}/database"));
    let told = host.porthole(&format!("build -t guestbook/web:1.0 --build-arg VERSION=1.0 {FOLDER}/web")).stderr;
    assert!(told.contains("Ran 1 test") && told.contains("[pack 6/6] RUN python3 -m zipapp"), "{told}");
    host.ok("volume create data");
    host.ok("network create back");
    let settings = "-e MARIADB_ROOT_PASSWORD=topsecret -e MARIADB_DATABASE=book -e MARIADB_USER=guest \
                    -e MARIADB_PASSWORD";
    let database =
        format!("run -d --name database --network back -v data:/var/lib/mysql {settings} guestbook/database");
    host.ok(&database);
    wait_until_healthy(host, "database");
    assert!(host.ok("logs database").contains("making the database"));
    let settings = "-e DB_HOST=database -e DB_USER=guest -e DB_PASSWORD -e DB_NAME=book";
    let web = format!("run -d --name web --network back -p 8080:8000 {settings}");
    host.ok(&format!("{web} guestbook/web:1.0"));
    assert_eq!(host.ok("port web"), "8000/tcp -> 0.0.0.0:8080");
    assert_eq!(page(8080), "<h1>Guestbook 1.0</h1>\n<ul>\n</ul>\n");
    write_entry(8080, "Ada", "hello");
    write_entry(8080, "Bob", "%3Ci%3E");
    let entries = "<ul>\n<li><b>Ada</b>: hello</li>\n<li><b>Bob</b>: &lt;i&gt;</li>\n</ul>\n";
    assert!(page(8080).ends_with(entries));

    // The database by its own client, in its own container.
    let client = |query: &str| {
        host.ok(&format!("exec -e MYSQL_PWD database mariadb -h 127.0.0.1 -u guest -N -e '{query}' book"))
    };
    assert_eq!(client("SELECT name, text FROM entries"), "Ada\thello\nBob\t<i>");
    assert!(host.porthole("logs web").stderr.contains("\"POST / HTTP/1.0\" 201"));
    assert_eq!(host.inspect("database")["Mounts"][0]["Name"], "data");
    assert_eq!(host.inspect("guestbook/web:1.0")["Config"]["User"], "web");
    let mountpoint = host.ok("volume inspect -f '{{.Mountpoint}}' data");
    assert!(Path::new(&mountpoint).join("book/entries.frm").exists(), "{mountpoint}");

    // What was changed in a container goes on in an image that is made of it.
    host.ok("exec -u 0 web sh -c 'echo changed > /srv/note'");
    host.ok("commit -m note web guestbook/web:1.1");
    host.ok("stop web");
    assert_eq!(host.inspect("web")["State"]["ExitCode"], 0);
    assert!(host.ok("logs web").ends_with("the end"));
    host.ok("rm web");
    host.ok(&format!("{web} guestbook/web:1.1"));
    assert_eq!(host.ok("exec web cat /srv/note"), "changed");
    assert!(page(8080).ends_with(entries));

    // Containers go, the volume stays.
    host.ok("stop database");
    assert_eq!(host.inspect("database")["State"]["ExitCode"], 0);
    host.ok("rm database");
    host.ok(&database);
    wait_until_healthy(host, "database");
    assert!(!host.ok("logs database").contains("making the database"));
    assert!(page(8080).ends_with(entries));
}

/// The same by one file.
fn by_compose(host: &mut Host) {
    let compose = |words: &str| format!("compose --project-directory {FOLDER} -f {FOLDER}/compose.yaml {words}");
    assert!(host.fails(1, &compose("up -d")).contains("is not set"));
    host.set("DB_ROOT_PASSWORD", "topsecret");
    host.set("PORT", "8081");
    let up = host.porthole(&compose("up -d --wait"));
    up.ok();
    let at = |text: &str| up.stderr.find(text).unwrap_or_else(|| panic!("{text}: {}", up.stderr));
    assert!(at("Container guestbook-database-1  Healthy") < at("Container guestbook-web-1  Starting"));
    assert!(up.stderr.contains("CACHED"), "the commands built the same: {}", up.stderr);
    write_entry(8081, "Eve", "by+compose");
    let entries = "<ul>\n<li><b>Eve</b>: by compose</li>\n</ul>\n";
    assert_eq!(page(8081), format!("<h1>Guestbook 1</h1>\n{entries}"));
    let query = "exec -T -e MYSQL_PWD database mariadb -h 127.0.0.1 -u guest -N -e 'SELECT COUNT(*) FROM entries'";
    assert_eq!(host.ok(&compose(&format!("{query} guestbook"))), "1");
    assert!(host.ok(&compose("logs web")).contains("\"POST / HTTP/1.0\" 201"));
    host.ok(&compose("down"));
    assert_eq!(host.ok("ps -aq"), "");
    assert!(host.ok("volume ls -q").contains("guestbook_data"));
    // Another password for the same data: the accounts are as the environment says.
    host.set("DB_PASSWORD", "another");
    host.set("VERSION", "2");
    host.ok(&compose("up -d --build --wait"));
    assert_eq!(page(8081), format!("<h1>Guestbook 2</h1>\n{entries}"));
    host.ok(&compose("down -v"));
    assert!(!host.ok("volume ls -q").contains("guestbook_data"));
}
