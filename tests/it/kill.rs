//! `kill -9` of the real process at random moments: nothing journaled is bought again, and the
//! end is the same bytes.
//!
//! A kill counts only if it struck a process at work. One that came to its end first is checked as a
//! whole run, and the next starts from nothing.

use coldstart::call::endpoints::Endpoints;
use coldstart::env::{Env, Rng};
use coldstart::sim::{Server, SimOptions, World};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const KILLS: u64 = 20;

/// The process, and the world it buys from.
pub struct Bench {
    endpoints: PathBuf,
    /// What is run.
    args: &'static [&'static str],
    /// Serves while it is held.
    _server: Server,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    /// Slow enough that most of a run is waiting for replies, as in earnest.
    pub fn new(folder: &Path, args: &'static [&'static str]) -> Bench {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let options =
            SimOptions { latency: Duration::from_millis(25), slots: 6, ..SimOptions::default() };
        let (url, server) = runtime
            .block_on(Server::start(Env::real(), World::default(), options))
            .expect("a free port");
        let endpoints = folder.join("endpoints.toml");
        std::fs::write(&endpoints, Endpoints::sim_text(&url)).expect("writable");
        Bench { endpoints, args, _server: server, runtime }
    }

    pub fn run(&self, out: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .arg("run")
            .args(self.args)
            .args(["--format", "json", "--out"])
            .arg(out)
            .arg("--endpoints")
            .arg(&self.endpoints)
            .stdin(Stdio::null());
        command
    }

    pub fn finish(&self, out: &Path) -> serde_json::Value {
        let output = self.run(out).output().expect("starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("a JSON report")
    }

    /// Calls in the journal; each must be there once.
    pub fn journaled(&self, out: &Path) -> u64 {
        self.runtime.block_on(async {
            let store = coldstart::store::Store::open(out.to_str().expect("UTF-8")).expect("opens");
            let journal = coldstart::journal::ReadJournal::open(&store).await.expect("opens");
            let mut twice = 0;
            journal.scan(&mut |_, again| twice += u64::from(again)).await.expect("scans");
            assert_eq!(twice, 0, "calls bought twice");
            journal.len() as u64
        })
    }
}

/// Real time: the kill's moment is the point of the test.
fn pause(time: Duration) {
    let (_hold, wait) = std::sync::mpsc::channel::<()>();
    let _ = wait.recv_timeout(time);
}

/// Waits for the first sign of life, then for `moment`, then kills; false when the process had
/// come to its end before.
pub fn kill(child: &mut Child, out: &Path, moment: Duration) -> bool {
    while !out.join("manifest.json").exists() && child.try_wait().expect("asked").is_none() {
        pause(Duration::from_millis(1));
    }
    pause(moment);
    let _ = child.kill();
    child.wait().expect("ends").signal() == Some(9)
}

pub fn bytes(out: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut queue = vec![out.join("stages"), out.join("dataset")];
    while let Some(dir) = queue.pop() {
        for entry in std::fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                queue.push(path);
            } else {
                let name = path.strip_prefix(out).expect("below").display().to_string();
                // `part.parquet#1` is what a killed writer was staging; `Store::clean` takes it.
                if !name.contains('#') {
                    files.push((name, std::fs::read(&path).expect("readable")));
                }
            }
        }
    }
    files.sort();
    files
}

fn made(report: &serde_json::Value) -> u64 {
    report["calls"]["made"].as_u64().expect("a number")
}

#[test]
fn kill_9_at_twenty_random_moments_loses_and_rebuys_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::new(folder.path(), &["--limit", "24"]);
    let calm = folder.path().join("calm");
    let env = Env::real();
    let started = env.now();
    let whole = bench.finish(&calm);
    let took = env.now().duration_since(started);
    let expected = bytes(&calm);
    let out = folder.path().join("killed");
    let mut rng = Rng::keyed(env.entropy(), &["kills"]);
    let (mut kept, mut struck) = (0, 0);
    while struck < KILLS {
        let mut child =
            bench.run(&out).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        if kill(&mut child, &out, took.mul_f64(rng.unit() / 4.0)) {
            struck += 1;
            let journaled = bench.journaled(&out);
            assert!(journaled >= kept, "a journaled call was lost");
            kept = journaled;
        } else {
            assert!(bytes(&out) == expected, "stage tables or dataset differ");
            std::fs::remove_dir_all(&out).expect("removable");
            kept = 0;
        }
    }
    let last = bench.finish(&out);
    assert_eq!(made(&last) + kept, made(&whole), "only the missing calls are made");
    assert_eq!(last["dataset"]["digest"], whole["dataset"]["digest"]);
    let differ: Vec<String> = bytes(&out)
        .into_iter()
        .filter(|file| !expected.contains(file))
        .map(|(name, _)| name)
        .collect();
    assert!(bytes(&out) == expected, "stage tables or dataset differ: {differ:?}");
}
