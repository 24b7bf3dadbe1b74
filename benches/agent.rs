//! Rollouts measured against their ideal: an agent's whole conversations, three rounds each, on the
//! simulated world in a process of its own.
//!
//! `cargo bench --bench agent [makespan] [memory]` prints figures; nothing passes or fails here.
//! Ideal = the time the world's slots were busy, divided by their number. With PYTHON naming a Python
//! that has aiohttp, a hand-written asyncio loop (`peers/agent_loop.py`) does the same beside it.

use coldstart::call::endpoints::Endpoints;
use coldstart::env::Env;
use coldstart::export::conversation::SYSTEM_TEXT;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SLOTS: usize = 256;
const LATENCY_MS: u64 = 200;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with("--")).collect();
    let wanted = |word: &str| words.is_empty() || words.iter().any(|w| w == word);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    if wanted("makespan") {
        runtime.block_on(makespan(2000));
    }
    if wanted("memory") {
        runtime.block_on(memory());
    }
}

/// `coldstart sim` as a child process.
struct World {
    child: Child,
    url: String,
}

impl World {
    /// Every scene comes out wrong, so that an agent which sees it goes on to its third picture.
    fn start(latency_ms: u64) -> World {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coldstart"))
            .args(["sim", "--port", "0", "--stubborn", "1"])
            .args(["--latency-ms", &latency_ms.to_string(), "--slots", &SLOTS.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("the URL");
        World { child, url: line.trim().to_owned() }
    }

    /// Seconds during which slots were busy, summed over slots.
    fn busy(&self) -> f64 {
        let host = self.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host).expect("connects");
        let ask = format!("GET /stats HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(ask.as_bytes()).expect("asks");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let stats: serde_json::Value = serde_json::from_str(body).expect("JSON");
        stats["busy_slot_seconds"].as_f64().expect("a number")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A project that only plays: nothing scores.
fn project(folder: &Path, prompts: usize) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let stages = folder.join("stages/play");
    std::fs::create_dir_all(&stages).expect("folders");
    for name in ["templates", "data"] {
        std::os::unix::fs::symlink(root.join(name), folder.join(name)).expect("links");
    }
    for name in ["_models.toml", "rolled.toml"] {
        std::fs::copy(root.join("stages/agent").join(name), stages.join(name)).expect("copies");
    }
    let put = |name: &str, text: &str| std::fs::write(stages.join(name), text).expect("writes");
    let pool = folder.join("pool.jsonl");
    put("pool.toml", &format!("about = \"b\"\nkind = \"read_pool\"\npath = {pool:?}\n"));
    put("dataset.toml", "about = \"b\"\nkind = \"write_dataset\"\nfrom = [\"rolled\"]\n");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&pool).expect("creates"));
    for n in 0..prompts {
        let things = ["apples", "clocks", "cats", "chairs", "dogs"][n % 5];
        let colour = ["red", "green", "blue", "yellow"][n / 5 % 4];
        let prompt = format!("{} {colour} {things}, picture {n}", n % 6 + 2);
        writeln!(file, "{}", serde_json::json!({ "prompt": prompt })).expect("writes");
    }
}

struct Measured {
    report: serde_json::Value,
    wall: f64,
    peak_mb: f64,
}

/// `coldstart run` as a user gives it.
async fn run(folder: &Path, url: &str, name: &str) -> Measured {
    let env = Env::real();
    let endpoints = folder.join("endpoints.toml");
    let text = Endpoints::sim_text(url)
        .replace("max_in_flight = 256", &format!("max_in_flight = {}", SLOTS * 2));
    std::fs::write(&endpoints, text).expect("writes");
    let started = env.now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_coldstart"))
        .args(["run", "play", "--quiet", "--format", "json", "--accept-failed", "--project"])
        .arg(folder)
        .arg("--endpoints")
        .arg(&endpoints)
        .arg("--out")
        .arg(folder.join(name))
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut out = child.stdout.take().expect("piped");
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let mut peak_mb = 0.0f64;
    while child.try_wait().expect("asked").is_none() {
        peak_mb = peak_mb.max(peak_of(child.id()));
        env.sleep(Duration::from_millis(20)).await;
    }
    let wall = env.now().duration_since(started).as_secs_f64();
    let text = reading.join().expect("no panic").expect("a report");
    let report = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    Measured { report, wall, peak_mb }
}

/// Of a process, MB.
fn peak_of(id: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

async fn makespan(prompts: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path(), prompts);
    let world = World::start(LATENCY_MS);
    let m = run(folder.path(), &world.url, "run").await;
    let ideal = world.busy() / SLOTS as f64;
    let made = m.report["calls"]["made"].as_u64().unwrap_or(0);
    println!(
        "rollouts: {made} calls of {prompts} prompts at {LATENCY_MS} ms, {SLOTS} slots: {:.2} s, ideal {ideal:.2} s, ratio {:.3}; peak {:.0} MB",
        m.wall,
        m.wall / ideal,
        m.peak_mb
    );
    drop(world);
    let world = World::start(LATENCY_MS);
    match peer(folder.path(), &world.url) {
        Some((wall, calls)) => {
            let ideal = world.busy() / SLOTS as f64;
            println!(
                "asyncio: {calls} calls of the same prompts: {wall:.2} s, ideal {ideal:.2} s, ratio {:.3}",
                wall / ideal
            );
        }
        None => println!("skipped the peer: PYTHON has no aiohttp (pip install aiohttp)"),
    }
}

/// The hand-written loop: seconds and calls.
fn peer(folder: &Path, url: &str) -> Option<(f64, u64)> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/agent_loop.py");
    let system = folder.join("system.txt");
    std::fs::write(&system, SYSTEM_TEXT).expect("writes");
    let output = Command::new(python)
        .arg(script)
        .arg(url)
        .arg(folder.join("pool.jsonl"))
        .arg(&system)
        .arg(folder.join("peer"))
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = said.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

async fn memory() {
    let world = World::start(5);
    let mut peaks = Vec::new();
    for prompts in [1_000, 4_000] {
        let folder = tempfile::tempdir().expect("a folder");
        project(folder.path(), prompts);
        let m = run(folder.path(), &world.url, "run").await;
        println!("memory: {prompts} prompts: peak {:.0} MB", m.peak_mb);
        peaks.push(m.peak_mb);
    }
    println!("memory: ratio {:.2}", peaks[1] / peaks[0]);
}
