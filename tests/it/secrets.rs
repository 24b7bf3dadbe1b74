//! A key's way through a whole run, with everything logged: it may be sent, and is nowhere else.

use crate::scripted::{Answer, Scripted};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const CANARY: &str = "sk-canary-7f3a9d51e0";
const KEY_ENV: &str = "COLDSTART_TEST_CANARY";

/// A `coldstart sim` of its own; killed when dropped.
struct World {
    child: Child,
    url: String,
}

impl World {
    fn start() -> World {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coldstart"))
            .args(["sim", "--port", "0", "--faults", "0.02"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        std::io::BufReader::new(stdout).read_line(&mut url).expect("an address");
        World { child, url: url.trim().to_owned() }
    }

    /// The endpoints of the world, all of them with the canary for a key.
    fn endpoints(&self, folder: &Path) -> PathBuf {
        let text = coldstart::call::endpoints::Endpoints::sim_text(&self.url)
            .replace("[default]\n", &format!("[default]\nkey_env = \"{KEY_ENV}\"\n"));
        let path = folder.join("endpoints.toml");
        std::fs::write(&path, text).expect("a writable file");
        path
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn coldstart(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coldstart"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env(KEY_ENV, CANARY)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("starts")
}

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

/// The files below `folder` that hold the canary, plain or compressed.
fn leaks(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut queue) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(dir) = queue.pop() {
        for entry in std::fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                queue.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).expect("readable");
            let plain = zstd::stream::decode_all(bytes.as_slice()).unwrap_or_default();
            if holds(&bytes) || holds(&plain) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn a_key_is_in_no_log_and_no_file_of_a_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start();
    let endpoints = world.endpoints(folder.path());
    let (endpoints, out) = (endpoints.display().to_string(), folder.path().join("run"));
    for format in ["text", "json"] {
        let ended = coldstart(&[
            "run",
            "--limit",
            "3",
            "--endpoints",
            &endpoints,
            "--log",
            "trace",
            "--log-format",
            format,
            "--out",
            &out.join(format).display().to_string(),
        ]);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{}", &said[said.len().saturating_sub(2_000)..]);
        assert!(!holds(&ended.stdout) && !holds(&ended.stderr), "the key was logged");
        for context in ["run", "stage", "record", "key", "attempt"] {
            assert!(said.contains(context), "the log does not say `{context}`");
        }
    }
    assert_eq!(leaks(folder.path()), Vec::<PathBuf>::new());
    let probed = coldstart(&["check", "--probe", "--endpoints", &endpoints, "--log", "trace"]);
    assert!(!holds(&probed.stdout) && !holds(&probed.stderr), "the key was logged by the probe");
}

#[tokio::test]
async fn a_key_that_a_server_echoes_is_in_no_error_and_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let body = format!("{{\"error\":{{\"message\":\"Incorrect API key: {CANARY}\"}}}}");
    let refusal = Answer { status: Some(401), body, ..Answer::default() };
    let server = Scripted::start(vec![refusal; 64]).await;
    let text = coldstart::call::endpoints::Endpoints::sim_text(&server.base)
        .replace("[default]\n", &format!("[default]\nkey_env = \"{KEY_ENV}\"\n"));
    let path = folder.path().join("endpoints.toml");
    std::fs::write(&path, text).expect("a writable file");
    let (path, out) = (path.display().to_string(), folder.path().join("run").display().to_string());
    let ended = tokio::task::spawn_blocking(move || {
        coldstart(&["run", "--limit", "1", "--endpoints", &path, "--log", "trace", "--out", &out])
    });
    let ended = ended.await.expect("no panic");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("Incorrect API key: [key]") && said.contains(KEY_ENV), "{said}");
    assert!(!holds(&ended.stdout) && !holds(&ended.stderr), "the key was shown");
    assert_eq!(leaks(folder.path()), Vec::<PathBuf>::new());
}
