//! `kill -9` of the real process at random moments: nothing journaled is bought again, and the
//! end is the same bytes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const KILLS: u64 = 20;

fn run(out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--limit", "24", "--format", "json", "--out"])
        .arg(out)
        .stdin(Stdio::null());
    command
}

fn finish(out: &Path) -> serde_json::Value {
    let output = run(out).output().expect("starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a JSON report")
}

fn bytes(out: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut queue = vec![out.join("stages"), out.join("dataset")];
    while let Some(dir) = queue.pop() {
        for entry in std::fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                queue.push(path);
            } else {
                let name = path.strip_prefix(out).expect("below").display().to_string();
                files.push((name, std::fs::read(&path).expect("readable")));
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
fn kill_9_at_random_moments_loses_and_rebuys_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let calm = folder.path().join("calm");
    let started = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    let whole = finish(&calm);
    let took = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970") - started;
    let expected = bytes(&calm);
    let out = folder.path().join("killed");
    let mut rng = coldstart::env::Rng::keyed(took.as_nanos() as u64, &["kills"]);
    let mut kept = 0;
    for _ in 0..KILLS {
        let mut child =
            run(&out).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        let moment = Duration::from_secs_f64(rng.unit() * took.as_secs_f64());
        // The kill's moment is the point of the test: real time, not the program's clock.
        let (_hold, wait) = std::sync::mpsc::channel::<()>();
        let _ = wait.recv_timeout(moment);
        let _ = child.kill();
        child.wait().expect("ends");
        if !out.join("manifest.json").exists() {
            continue;
        }
        // Every call in the journal is there once.
        let journal = tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
            let store = coldstart::store::Store::open(out.to_str().expect("UTF-8")).expect("opens");
            let journal = coldstart::journal::ReadJournal::open(&store).await.expect("opens");
            let mut twice = 0;
            journal.scan(&mut |_, again| twice += u64::from(again)).await.expect("scans");
            (journal.len() as u64, twice)
        });
        assert_eq!(journal.1, 0, "calls bought twice");
        assert!(journal.0 >= kept, "a journaled call was lost");
        kept = journal.0;
    }
    let last = finish(&out);
    assert_eq!(made(&last) + kept, made(&whole), "only the missing calls are made");
    assert_eq!(last["dataset"]["digest"], whole["dataset"]["digest"]);
    assert!(bytes(&out) == expected, "stage tables or dataset differ");
}
