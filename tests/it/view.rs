//! The viewer: who is let in, pages in time, and a walk in a real browser.

use crate::audit::made::{HOSTILE, Plan, make};
use coldstart::env::Env;
use coldstart::store::{Ledger, Store, read_decisions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub struct Viewer {
    child: Child,
    url: String,
}

impl Viewer {
    pub fn start(run: &str) -> Viewer {
        Viewer::with(run, &[])
    }

    pub fn with(run: &str, more: &[&str]) -> Viewer {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coldstart"))
            .args(["view", run])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Viewer { child, url: url.trim().to_owned() }
    }

    fn port(&self) -> u16 {
        self.url.split([':', '/']).nth(4).unwrap().parse().unwrap()
    }

    /// `/<token>/`
    fn base(&self) -> String {
        format!("/{}/", self.url.trim_end_matches('/').rsplit('/').next().unwrap())
    }

    /// Head and body of the answer.
    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn post(&self, path: &str, body: &str) -> String {
        let host = format!("127.0.0.1:{}", self.port());
        let origin = format!("http://{host}");
        let kind = "application/x-www-form-urlencoded";
        let headers = [("Host", &*host), ("Origin", &*origin), ("Content-Type", kind)];
        self.ask("POST", &format!("{}{path}", self.base()), &headers, body).0
    }

    pub fn get(&self, path: &str) -> (String, String) {
        let host = format!("127.0.0.1:{}", self.port());
        self.ask("GET", &format!("{}{path}", self.base()), &[("Host", &host)], "")
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

#[tokio::test]
async fn strangers_are_refused_and_pages_are_hardened() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    let truth = make(uri, Plan { prompts: 60, hostile: true, ..Plan::default() }).await;
    let viewer = Viewer::start(uri);
    let host = format!("127.0.0.1:{}", viewer.port());
    let base = viewer.base();

    let (head, _) = viewer.ask("GET", "/", &[("Host", &host)], "");
    assert_eq!(status(&head), "403", "without the token");
    let (head, _) = viewer.ask("GET", &base, &[("Host", "evil.example")], "");
    assert_eq!(status(&head), "421", "by a foreign name");
    let evil = [("Host", host.as_str()), ("Origin", "http://evil.example")];
    let (head, _) = viewer.ask("POST", &format!("{base}label"), &evil, "");
    assert_eq!(status(&head), "403", "from a foreign page");
    assert!(TcpStream::connect(("127.0.0.2", viewer.port())).is_err(), "loopback address only");

    let first = truth.first.unwrap();
    let pages = [
        String::new(),
        "stage/judged".to_owned(),
        "stage/judged?port=unsatisfied&sort=-score".to_owned(),
        format!("record/{first}"),
        "search?q=clocks".to_owned(),
    ];
    for page in &pages {
        let (head, body) = viewer.get(page);
        assert_eq!(status(&head), "200", "{page}");
        let head = head.to_lowercase();
        assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self';"));
        assert!(head.contains("x-content-type-options: nosniff"));
        assert!(!body.contains("<script>document") && !body.contains("onerror=\""), "{page}");
        assert!(!body.contains('\u{1b}') && !body.contains('\u{202e}'), "{page}");
        for place in ["href=\"", "src=\"", "action=\""] {
            let stays = |rest: &str| rest.starts_with(base.trim_end_matches('/'));
            assert!(body.split(place).skip(1).all(stays), "{page}: a link leads elsewhere");
        }
    }
    assert!(viewer.get(&format!("record/{first}")).1.contains("&lt;script&gt;"));
    assert!(HOSTILE.contains("<script>"));
    assert_eq!(status(&viewer.get("image/../../manifest.json").0), "404");
    assert_eq!(status(&viewer.get("record/zz").0), "404");
    assert_eq!(status(&viewer.get("stage/nowhere").0), "404");
    let (head, body) = viewer.get("nowhere/at/all");
    assert_eq!(status(&head), "404");
    assert!(body.contains("Back to the pipeline"), "an error is a page with a way back");
    let (head, body) = viewer.get(&format!("search?page={}", usize::MAX));
    assert!(status(&head) == "200" && body.contains("nothing here"));
    assert!(viewer.get("search?disposition=none").1.contains("nothing here"));

    let own = [
        ("Host", host.as_str()),
        ("Origin", &format!("http://{host}") as &str),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let body = format!("id={first}&stage=judged&agree=no&note=not+so&back=record%2F{first}");
    let (head, _) = viewer.ask("POST", &format!("{base}label"), &own, &body);
    assert_eq!(status(&head), "303", "{head}");
    let output = Command::new(env!("CARGO_BIN_EXE_coldstart"))
        .args(["calibrate", uri, "--format", "json"])
        .output()
        .unwrap();
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&all[0]["stage"], &all[0]["all"]["labels"]), (&"judged".into(), &1.into()));
}

/// `COLDSTART_SHOTS=DIR` keeps the pictures, to look at.
fn shots(scratch: &Path) -> std::path::PathBuf {
    std::env::var_os("COLDSTART_SHOTS").map_or_else(|| scratch.join("shots"), Into::into)
}

#[tokio::test]
async fn a_live_run_is_followed() {
    let (whole, live) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let from = whole.path().to_str().unwrap();
    make(from, Plan { prompts: 60, calls: false, ..Plan::default() }).await;
    let uri = live.path().to_str().unwrap();
    std::fs::copy(whole.path().join("manifest.json"), live.path().join("manifest.json")).unwrap();
    let rows = read_decisions(&Store::open(from).unwrap(), "pool").await.unwrap();
    let ledger = Ledger::open(&Store::open(uri).unwrap()).await.unwrap();
    for row in &rows[..20] {
        ledger.push(row);
    }
    ledger.flush().await.unwrap();
    let viewer = Viewer::start(uri);
    let shows = |n: usize| viewer.get("stage/pool").1.contains(&format!("{n} in · {n} passed"));
    assert!(shows(20));
    let (_, before) = viewer.get("live");
    assert!(before.contains("\"live\":true"), "{before}");
    for row in &rows[20..] {
        ledger.push(row);
    }
    ledger.flush().await.unwrap();
    let followed = || viewer.get("live").1 != before && shows(60);
    for _ in 0..600 {
        if followed() {
            return;
        }
        Env::real().sleep(Duration::from_millis(100)).await;
    }
    panic!("the viewer did not see the run go on");
}

/// Needs `tests/browser/setup.sh`; says so and passes where that has not been run.
#[tokio::test]
async fn a_walk_in_a_browser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    if !folder.join("node_modules/playwright-core").exists() {
        eprintln!("skipped: run tests/browser/setup.sh to install the browser");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().join("run");
    let uri = uri.to_str().unwrap();
    let plan = Plan { prompts: 150, hostile: true, side: 128, ..Plan::default() };
    let truth = make(uri, plan).await;
    let viewer = Viewer::start(uri);
    let shots = shots(dir.path());
    let report = dir.path().join("report.html");
    let page = Command::new(env!("CARGO_BIN_EXE_coldstart"))
        .args(["report", uri, "--out", report.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(page.status.success(), "{}", String::from_utf8_lossy(&page.stderr));
    let output = Command::new("node")
        .arg(folder.join("walk.mjs"))
        .args([&viewer.url, shots.to_str().unwrap(), &truth.first.unwrap().hex()])
        .arg(&report)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{wrong}");
    assert!(said.contains("walked"));
    let labels = std::fs::read_dir(Path::new(uri).join("labels")).unwrap().count();
    assert_eq!(labels, 1, "one file of labels a viewer");
}

/// The value of a hidden field of the queue's form.
fn field(page: &str, name: &str) -> String {
    let form = page.split("class=\"label work\"").nth(1).expect("a form");
    let value = form.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("a field");
    value.split('"').next().expect("a value").to_owned()
}

#[tokio::test]
async fn people_label_blind_take_back_and_are_held_against_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    make(uri, Plan { prompts: 60, ..Plan::default() }).await;
    let start = |name: &str| {
        Viewer::with(uri, &["--as", name, "--stage", "judged", "--queue", "6", "--overlap", "1"])
    };
    let calibrate = |more: &[&str]| {
        let args = [&["calibrate", uri][..], more].concat();
        let out = Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let say = |viewer: &Viewer, truth: &str| -> (String, String) {
        let (_, page) = viewer.get("work");
        let (id, stage) = (field(&page, "id"), field(&page, "stage"));
        assert!(!page.contains("<h3>judgement"), "the verdict is hidden");
        let head = viewer
            .post("label", &format!("id={id}&stage={stage}&truth={truth}&back=work%3Fskip%3D0"));
        assert_eq!(status(&head), "303", "{head}");
        assert!(head.contains(&format!("last={id}:{stage}")), "{head}");
        (id, stage)
    };
    let ann = start("ann");
    let (first, stage) = say(&ann, "accept");
    let (_, after) = ann.get(&format!("work?last={first}:{stage}"));
    assert!(
        after.contains("You said") && after.contains("1</span>") | after.contains("1 done"),
        "{after}"
    );
    // Taken back, it is asked again; both lines stay in the file.
    let head = ann.post("unlabel", &format!("id={first}&stage={stage}"));
    assert_eq!(status(&head), "303");
    assert_eq!(field(&ann.get("work").1, "id"), first);
    let answers = ["accept", "reject", "accept", "reject", "accept", "accept"];
    let done: Vec<_> = answers.iter().map(|truth| say(&ann, truth)).collect();
    assert!(ann.get("work").1.contains("All labelled"));

    let bob = start("bob");
    for truth in ["accept", "reject", "accept", "accept", "accept", "accept"] {
        say(&bob, truth);
    }
    let found: serde_json::Value =
        serde_json::from_str(&calibrate(&["--agreement", "--format", "json"])).unwrap();
    assert_eq!(
        (&found["labels"]["ann"], &found["labels"]["bob"], &found["shared"]),
        (&6.into(), &6.into(), &6.into()),
        "{found}"
    );
    assert_eq!(found["pairs"][0]["agree"], 5);
    assert!(found["alpha"].as_f64().unwrap() > 0.4, "{found}");
    assert_eq!(found["open"][0]["id"], serde_json::json!(done[3].0));

    let (_, page) = bob.get("work?adjudicate=true");
    assert_eq!(field(&page, "id"), done[3].0);
    assert!(page.contains("<b>ann</b>") && page.contains("<b>bob</b>"));
    let body =
        format!("id={}&stage=judged&truth=reject&adjudicate=true&back=work%3Fskip%3D0", done[3].0);
    assert_eq!(status(&bob.post("label", &body)), "303");
    assert!(calibrate(&["--agreement"]).contains("0 to adjudicate"));
    let held: serde_json::Value = serde_json::from_str(&calibrate(&["--format", "json"])).unwrap();
    assert_eq!(held[0]["all"]["labels"], 6, "one label a decision counts");

    // To Argilla and back, under the names of those who said it.
    let file = dir.path().join("records.json");
    std::fs::write(&file, calibrate(&["--export", "argilla", "--sample", "4"])).unwrap();
    let records: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(records.as_array().unwrap().len() >= 6 && records[0]["fields"]["prompt"].is_string());
    let other = tempfile::tempdir().unwrap();
    let second = other.path().to_str().unwrap();
    make(second, Plan { prompts: 60, ..Plan::default() }).await;
    let args = ["calibrate", second, "--import", file.to_str().unwrap()];
    let out = Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output().unwrap();
    let told = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(told.starts_with("12 labels taken"), "{told}{}", String::from_utf8_lossy(&out.stderr));
}

#[tokio::test]
async fn lists_are_sorted_shown_as_pictures_and_given_as_lines() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    make(uri, Plan { prompts: 60, ..Plan::default() }).await;
    let viewer = Viewer::start(uri);
    let (head, rows) = viewer.get("stage/judged/rows.jsonl?port=unsatisfied&sort=-score");
    assert_eq!(status(&head), "200");
    let scores: Vec<f64> = rows
        .lines()
        .filter_map(|line| line.strip_prefix('{').map(|_| line))
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["score"].as_f64().unwrap()
        })
        .collect();
    assert!(scores.len() > 3 && scores.windows(2).all(|pair| pair[0] >= pair[1]), "{scores:?}");
    let (_, grid) = viewer.get("stage/judged?view=grid&port=unsatisfied");
    assert!(grid.contains("rows grid") && grid.contains("/thumb/"), "no pictures");
    assert!(grid.contains("view=grid") && grid.contains("as lines"));
    assert!(viewer.get("search?view=grid&sort=prompt").1.contains("/thumb/"));
}

#[tokio::test]
async fn a_token_that_is_kept_gives_the_same_address() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().join("run");
    let uri = uri.to_str().unwrap();
    make(uri, Plan { prompts: 6, calls: false, ..Plan::default() }).await;
    let file = dir.path().join("token");
    let file = file.to_str().unwrap();
    let base =
        |more: &[&str]| Viewer::with(uri, &[&["--token-file", file][..], more].concat()).base();
    let first = base(&[]);
    assert_eq!(first, base(&[]));
    assert_ne!(first, base(&["--new-token"]));
    assert_ne!(Viewer::start(uri).base(), Viewer::start(uri).base());
    std::fs::write(file, "short").unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_coldstart"))
        .args(["view", uri, "--token-file", file])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&out.stderr).contains("--new-token"));
}
