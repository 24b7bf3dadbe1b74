//! Every ending of a run has its exit code, its word in the report and its word in the RUN; shards
//! that are driven by a scheduler's variables know each other.

use crate::scripted::{Answer, Scripted};
use coldstart::call::endpoints::Endpoints;
use coldstart::env::Env;
use coldstart::sim::{Faults, Server, SimOptions, World};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// A world with an endpoints file that leads to it.
struct Bench {
    folder: tempfile::TempDir,
    endpoints: PathBuf,
    server: Server,
    _runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new(options: SimOptions, edit: impl FnOnce(String) -> String) -> Bench {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (url, server) = runtime
            .block_on(Server::start(Env::real(), World::default(), options))
            .expect("a free port");
        let folder = tempfile::tempdir().expect("a folder");
        let endpoints = folder.path().join("endpoints.toml");
        std::fs::write(&endpoints, edit(Endpoints::sim_text(&url))).expect("writable");
        Bench { folder, endpoints, server, _runtime: runtime }
    }

    /// Slow enough to be caught at work.
    fn slow() -> Bench {
        let latency = Duration::from_millis(40);
        Bench::new(SimOptions { latency, slots: 4, ..SimOptions::default() }, |text| text)
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = coldstart();
        command.args(["run", "--limit", "10", "--format", "json", "--endpoints"]);
        command.arg(&self.endpoints).args(more);
        if !more.contains(&"--out") {
            command.arg("--out").arg(self.out());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, more: &[&str]) -> Output {
        self.command(more).output().expect("starts")
    }

    /// The words for their endings that the sessions under `part` of the RUN keep, oldest first.
    fn ended(&self, part: &str) -> Vec<Option<String>> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.out().join(part).join("sessions"))
            .expect("sessions")
            .map(|entry| entry.expect("readable").path())
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .collect();
        files.sort();
        let word = |path: &PathBuf| {
            let session: Value =
                serde_json::from_slice(&std::fs::read(path).expect("read")).expect("JSON");
            session["ended"].as_str().map(str::to_owned)
        };
        files.iter().map(word).collect()
    }
}

fn coldstart() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Exit code and the report's word.
fn ending(output: &Output) -> (Option<i32>, String) {
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}\n{said}", String::from_utf8_lossy(&output.stdout)));
    (output.status.code(), report["ended"].as_str().unwrap_or_default().to_owned())
}

fn is(output: &Output, code: i32, word: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(ending(output), (Some(code), word.to_owned()), "{said}");
}

/// Real time: the process is another one.
fn pause(ms: u64) {
    let (_hold, wait) = std::sync::mpsc::channel::<()>();
    let _ = wait.recv_timeout(Duration::from_millis(ms));
}

fn until_at_work(out: &Path) {
    for _ in 0..2_000 {
        let journal = std::fs::read_dir(out.join("journal")).map_or(0, Iterator::count);
        if journal > 2 {
            return;
        }
        pause(10);
    }
    panic!("the run did not begin");
}

fn terminate(child: &Child) {
    signal(child, "-TERM");
}

fn signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().expect("kill").success());
}

#[test]
fn done_and_out_of_budget() {
    let priced = |text: String| text.replace("prices = {}", "prices = { image = 0.01 }");
    let bench = Bench::new(SimOptions::default(), priced);
    is(&bench.run(&["--budget", "0.05"]), 5, "out_of_budget");
    // The RUN remembers it, and the second stop tells the same sums.
    let again = bench.run(&[]);
    is(&again, 5, "out_of_budget");
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("budget $0.0500, as this RUN remembers"), "{said}");
    assert!(said.contains("of a budget of $0.0500, $0.05"), "{said}");
    is(&bench.run(&["--budget", "none"]), 0, "done");
    assert!(!bench.out().join("budget.json").exists(), "it is lifted");
    let words = bench.ended("");
    let [first, second, third] = &words[..] else { panic!("{words:?}") };
    assert!(first == second && first.as_deref() == Some("out_of_budget"), "{words:?}");
    assert_eq!(third.as_deref(), Some("done"));
    let report = std::fs::read(bench.out().join("report.json")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["ended"], "done");
}

#[test]
fn what_is_the_users_to_mend() {
    let bench = Bench::new(SimOptions::default(), |text| text);
    is(&bench.run(&["--pool", "/no/such/pool"]), 1, "yours");
    let refusal = Answer { status: Some(401), body: "{}".into(), ..Answer::default() };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Scripted::start(vec![refusal; 64]));
    std::fs::write(&bench.endpoints, Endpoints::sim_text(&server.base)).expect("writable");
    is(&bench.run(&[]), 1, "yours");
    assert_eq!(bench.ended("").last(), Some(&Some("yours".to_owned())));
}

#[test]
fn an_endpoint_that_is_away_is_a_matter_of_time() {
    let nobody = |text: String| {
        let at = text.find("http://").expect("a URL");
        let end = at + text[at..].find("/v1").or(text[at..].find('"')).expect("its end");
        text.replace(&text[at..end].to_owned(), "http://127.0.0.1:9")
            .replace("max_in_flight = 256", "max_in_flight = 256\nattempts = 2")
    };
    let bench = Bench::new(SimOptions::default(), nobody);
    is(&bench.run(&[]), 7, "unavailable");
}

#[test]
fn failed_records_are_an_ending_of_their_own() {
    let faults = Faults { internal: 0.03, ..Faults::default() };
    let options = SimOptions { faults, ..SimOptions::default() };
    let once = |text: String| text.replace("[default]\n", "[default]\nattempts = 1\n");
    let bench = Bench::new(options, once);
    let output = bench.run(&[]);
    is(&output, 6, "partly_failed");
    assert_eq!(bench.ended(""), [Some("partly_failed".to_owned())]);
    let second = tempfile::tempdir().expect("a folder");
    let out = second.path().join("run");
    let output = bench.run(&["--accept-failed", "--out", out.to_str().expect("UTF-8")]);
    is(&output, 0, "partly_failed");
}

#[test]
fn a_signal_stops_and_the_same_command_goes_on() {
    let bench = Bench::slow();
    let child = bench.command(&["--grace", "30"]).spawn().expect("starts");
    until_at_work(&bench.out());
    terminate(&child);
    is(&child.wait_with_output().expect("ends"), 3, "stopped");
    assert_eq!(bench.ended(""), [Some("stopped".to_owned())]);
    is(&bench.run(&[]), 0, "done");
}

#[test]
fn a_signal_before_the_run_has_begun_stops_too() {
    // A bucket that takes the connection and says nothing.
    let bucket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", bucket.local_addr().expect("an address"));
    let mut command = coldstart();
    command.args(["run", "--limit", "1", "--format", "json", "--out", "s3://bucket/run"]);
    command.env("AWS_ENDPOINT_URL", url).env("AWS_REGION", "us-east-1");
    command.env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "x");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let _held = bucket.accept().expect("it is being opened");
    terminate(&child);
    is(&child.wait_with_output().expect("ends"), 3, "stopped");
}

#[test]
fn grace_bounds_the_wait_for_calls_in_flight() {
    let options = SimOptions { latency: Duration::from_secs(20), ..SimOptions::default() };
    let bench = Bench::new(options, |text| text);
    let child = bench.command(&["--grace", "1"]).spawn().expect("starts");
    for _ in 0..1_000 {
        if bench.out().join("sessions").is_dir() {
            break;
        }
        pause(10);
    }
    pause(3_000);
    let env = Env::real();
    let at = env.now();
    terminate(&child);
    is(&child.wait_with_output().expect("ends"), 3, "stopped");
    assert!(env.now().duration_since(at) < Duration::from_secs(12), "it waited for its calls");
}

#[test]
fn a_successor_fences_and_the_first_never_comes_back() {
    let bench = Bench::slow();
    let first = bench.command(&[]).spawn().expect("starts");
    until_at_work(&bench.out());
    let second = bench.run(&[]);
    let first = first.wait_with_output().expect("ends");
    is(&first, 4, "fenced");
    is(&second, 0, "done");
}

#[test]
fn shards_fix_their_number_leave_markers_and_assemble() {
    let bench = Bench::new(SimOptions::default(), |text| text);
    let shard = |index: &str, count: &str, more: &[&str]| {
        let mut command = bench.command(more);
        command.env("COLDSTART_SHARD_INDEX", index).env("COLDSTART_SHARD_COUNT", count);
        command.output().expect("starts")
    };
    is(&shard("0", "3", &[]), 0, "done");
    is(&shard("1", "4", &[]), 1, "yours");
    let half = bench.command(&[]).env("JOB_COMPLETION_INDEX", "1").output().expect("starts");
    assert_eq!(half.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&half.stderr).contains("COLDSTART_SHARD_COUNT"));

    let early = bench.run(&[]);
    is(&early, 1, "yours");
    assert!(String::from_utf8_lossy(&early.stderr).contains("run shards 1-2 first"));
    let shards = |more: &[&str]| {
        coldstart().arg("shards").arg(bench.out()).args(more).output().expect("starts")
    };
    let listed = shards(&["--array"]);
    assert_eq!((listed.status.code(), listed.stdout.as_slice()), (Some(1), &b"1-2\n"[..]));

    is(&shard("1", "3", &[]), 0, "done");
    is(&shard("2", "3", &[]), 0, "done");
    let listed = shards(&["--format", "json"]);
    assert_eq!(listed.status.code(), Some(0));
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!((&listed["done"], &listed["of"]), (&Value::from(3), &Value::from(3)));
    let whole = bench.run(&[]);
    is(&whole, 0, "done");
    let digest = |output: &Output| -> Value {
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        report["dataset"]["digest"].clone()
    };
    let alone = Bench::new(SimOptions::default(), |text| text).run(&[]);
    assert_eq!(digest(&whole), digest(&alone));
    let report: Value = serde_json::from_slice(&whole.stdout).expect("JSON");
    assert_eq!(report["calls"]["made"], 0, "everything was bought by the shards");
}

/// Shards that a scheduler starts at the same moment: one may read the manifest before another has
/// said in it that its replies are simulated, and the journal after.
#[test]
fn shards_that_begin_together_agree_on_what_answers_them() {
    let bench = Bench::slow();
    let shards: Vec<Child> = (0..4)
        .map(|index| bench.command(&["--shard", &format!("{index}/4")]).spawn().expect("starts"))
        .collect();
    for shard in shards {
        is(&shard.wait_with_output().expect("ends"), 0, "done");
    }
    is(&bench.run(&[]), 0, "done");
}

/// A shard whose machine was lost, and that came back when its successor was done: it is fenced, it
/// takes nothing from the dataset, and what was asked twice is told.
#[test]
fn a_shard_that_comes_back_from_the_dead_is_fenced_and_what_it_cost_is_told() {
    let bench = Bench::slow();
    let zombie = bench.command(&["--shard", "0/2"]).spawn().expect("starts");
    until_at_work(&bench.out().join("shards/0000-of-0002"));
    signal(&zombie, "-STOP");
    is(&bench.run(&["--shard", "0/2"]), 0, "done");
    signal(&zombie, "-CONT");
    let zombie = zombie.wait_with_output().expect("ends");
    is(&zombie, 4, "fenced");
    let vain: Value = serde_json::from_slice(&zombie.stdout).expect("JSON");
    let vain = vain["calls"]["uncounted"].as_u64().expect("a count");
    is(&bench.run(&["--shard", "1/2"]), 0, "done");
    let whole = bench.run(&[]);
    is(&whole, 0, "done");
    let alone = Bench::new(SimOptions::default(), |text| text).run(&[]);
    let digest = |output: &Output| -> Value {
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        report["dataset"]["digest"].clone()
    };
    assert_eq!(digest(&whole), digest(&alone));
    let audit = coldstart().arg("audit").arg(bench.out()).args(["--format", "json"]).output();
    let audit: Value = serde_json::from_slice(&audit.expect("starts").stdout).expect("JSON");
    let lost = audit["sessions"]["most_in_flight"].as_u64().expect("a count");
    let twice = bench.server.stats().repeated_after_success;
    assert_eq!(audit["sessions"]["killed"], 1, "{audit:#}");
    assert!(twice > 0 && twice <= vain + lost, "{twice} twice; told: {vain} and {lost}");
}

#[test]
fn what_shards_left_is_bought_here_when_that_is_said() {
    let bench = Bench::new(SimOptions::default(), |text| text);
    is(&bench.run(&["--shard", "0/2"]), 0, "done");
    is(&bench.run(&[]), 1, "yours");
    is(&bench.run(&["--buy-missing"]), 0, "done");
}
