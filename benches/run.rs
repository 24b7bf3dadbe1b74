//! The run measured against its ideal, on the simulated world in a process of its own.
//!
//! `cargo bench --bench run [single] [paper] [memory] [replay]` prints figures; nothing passes or
//! fails here. Beside `single` a script of asyncio and aiohttp makes the same calls (PYTHON names a Python
//! that has aiohttp). Ideal = the time the world's slots were busy, divided by their number: what a client
//! that never waits for itself would take.

use coldstart::call::endpoints::Endpoints;
use coldstart::call::{Stack, StackOptions};
use coldstart::diag::{SourceFile, Style, render};
use coldstart::env::Env;
use coldstart::journal::{BlobImages, Entry, Journal, ReadJournal};
use coldstart::plan::{Home, Overrides, Project, compile};
use coldstart::record::Report;
use coldstart::run::{Progress, RunOptions, execute};
use coldstart::store::{Blobs, Store};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[path = "peers/known.rs"]
mod known;
use known::tell;

#[path = "peers/one_call.rs"]
mod one_call;

fn main() {
    coldstart::env::memory::give_back();
    let words: Vec<String> = std::env::args().skip(1).filter(|w| !w.starts_with("--")).collect();
    let wanted = |word: &str| words.is_empty() || words.iter().any(|w| w == word);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    if wanted("single") {
        runtime.block_on(single());
    }
    if wanted("paper") {
        runtime.block_on(paper());
    }
    if wanted("memory") {
        runtime.block_on(memory());
    }
    if wanted("replay") {
        runtime.block_on(replay());
    }
}

/// `coldstart sim` as a child process.
struct World {
    child: Child,
    url: String,
}

impl World {
    fn start(args: &[&str]) -> World {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coldstart"))
            .args(["sim", "--port", "0"])
            .args(args)
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
    async fn busy(&self) -> f64 {
        let text = reqwest::get(format!("{}/stats", self.url)).await.expect("stats");
        let text = text.text().await.expect("a body");
        let stats: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        stats["busy_slot_seconds"].as_f64().expect("a number")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// CPU seconds of this process, and its peak resident memory in MB.
fn usage() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<f64> = after.split(' ').filter_map(|f| f.parse().ok()).collect();
    // The state letter does not parse; utime and stime are the 11th and 12th numbers after it.
    let ticks = fields.get(10).unwrap_or(&0.0) + fields.get(11).unwrap_or(&0.0);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kb: f64 = peak.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0.0);
    (ticks / 100.0, kb / 1024.0)
}

/// Forgets the peak, so that the next one is its own.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A project whose pipeline makes one chat call a record.
fn single_call_project(folder: &Path, prompts: usize) {
    let stages = folder.join("stages/single");
    std::fs::create_dir_all(&stages).expect("folders");
    for name in ["templates", "data"] {
        std::os::unix::fs::symlink(root().join(name), folder.join(name)).expect("links");
    }
    let put = |name: &str, text: &str| std::fs::write(stages.join(name), text).expect("writes");
    let models = std::fs::read_to_string(root().join("stages/paper/_models.toml")).expect("there");
    put("_models.toml", &models);
    let pool = folder.join("pool.jsonl");
    put("pool.toml", &format!("about = \"b\"\nkind = \"read_pool\"\npath = {pool:?}\n"));
    put("first.toml", "about = \"b\"\nkind = \"think_and_call\"\nfrom = [\"pool\"]\n");
    put("dataset.toml", "about = \"b\"\nkind = \"write_dataset\"\nfrom = [\"first\"]\n");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&pool).expect("creates"));
    for n in 0..prompts {
        let row = serde_json::json!({"prompt": format!("{} red apples beside chair number {n}", n % 7 + 2), "category": "counting"});
        writeln!(file, "{row}").expect("writes");
    }
}

struct Measured {
    report: Report,
    wall: f64,
    cpu: f64,
    peak_mb: f64,
}

async fn go(
    project: &Path,
    pipeline: &str,
    out: &Path,
    url: &str,
    slots: usize,
    set: &[(&str, &str, &str)],
) -> Measured {
    let env = Env::real();
    let project = Project::open(&Home::Folder(project.into()), pipeline).expect("opens");
    let own = |(a, b, c): &(&str, &str, &str)| (a.to_string(), b.to_string(), c.to_string());
    let overrides = Overrides { seed: 0, set: set.iter().map(own).collect(), flags: vec![] };
    let compiled = compile(&project, &overrides);
    let plan =
        compiled.plan.unwrap_or_else(|| panic!("{}", render(&compiled.diagnostics, Style::Plain)));
    let text = Endpoints::sim_text(url)
        .replace("max_in_flight = 256", &format!("max_in_flight = {}", slots * 2));
    let endpoints = Endpoints::parse(Arc::new(SourceFile { path: "sim".into(), text }))
        .unwrap_or_else(|e| panic!("{e:?}"));
    let store = Store::open(out.to_str().expect("UTF-8")).expect("opens");
    let blobs = Blobs::new(store.clone(), 32 << 20);
    let images = Arc::new(BlobImages(blobs.clone()));
    let stack = Stack::build(&env, &endpoints, images, StackOptions::default())
        .unwrap_or_else(|e| panic!("{e:?}"));
    let options = RunOptions {
        store,
        blobs,
        model: stack.model(),
        simulated: true,
        max_in_flight: 512,
        limit: None,
        shard: None,
        mixed: false,
        buy_missing: false,
        into_changed_pipeline: false,
        journaled: true,
        write_dataset: true,
        commit_wait: Duration::from_millis(20),
        budget: None,
        progress: Arc::new(Progress::default()),
    };
    reset_peak();
    let (cpu, _) = usage();
    let started = env.now();
    let report = execute(&env, plan, options).await.unwrap_or_else(|e| panic!("{e}"));
    let wall = env.now().duration_since(started).as_secs_f64();
    let (after, peak_mb) = usage();
    Measured { report, wall, cpu: after - cpu, peak_mb }
}

/// Entries journaled again to see what that costs; bounds the memory that holds them.
const AGAIN: usize = 20_000;

/// The journal's part of a run's CPU, in per cent: the run's own entries are journaled once more,
/// by as many tasks, with nothing else done.
async fn journal_share(out: &Path, run: &Measured) -> f64 {
    let env = Env::real();
    let store = Store::open(out.to_str().expect("UTF-8")).expect("opens");
    let mut entries: Vec<Entry> = Vec::new();
    let mut all = 0;
    let journal = ReadJournal::open(&store).await.expect("opens");
    let mut take = |entry, _| {
        all += 1;
        if entries.len() < AGAIN {
            entries.push(entry);
        }
    };
    journal.scan(&mut take).await.expect("scans");
    let (taken, entries) = (entries.len(), Arc::new(entries));
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path().to_str().expect("UTF-8")).expect("opens");
    let wait = Duration::from_millis(20);
    let journal = Journal::open(env.clone(), &store, "journal", wait).await.expect("opens");
    let (journal, next) = (Arc::new(journal), Arc::new(AtomicUsize::new(0)));
    let (before, _) = usage();
    let task = |_| {
        let (journal, next, entries) = (journal.clone(), next.clone(), entries.clone());
        env.spawn(async move {
            while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                journal.append(entry.clone()).await.expect("appends");
            }
        })
    };
    for task in (0..256).map(task).collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    journal.close().await.expect("closes");
    let alone = (usage().0 - before) * all as f64 / taken.max(1) as f64;
    100.0 * alone / run.cpu
}

async fn single() {
    let folder = tempfile::tempdir().expect("a folder");
    single_call_project(folder.path(), 20_000);
    let slots = 256;
    let world = World::start(&["--latency-ms", "200", "--slots", "256", "--format-error", "0"]);
    let out = folder.path().join("run");
    let m = go(folder.path(), "single", &out, &world.url, slots, &[]).await;
    let ideal = m.report.calls.made as f64 * 0.2 / slots as f64;
    println!(
        "single: {} calls at 200 ms, {slots} slots: {:.2} s, ideal {ideal:.2} s, ratio {:.3}; client CPU {:.0} us a call; peak {:.0} MB",
        m.report.calls.made,
        m.wall,
        m.wall / ideal,
        m.cpu * 1e6 / m.report.calls.made as f64,
        m.peak_mb,
    );
    let share = journal_share(&out, &m).await;
    println!("single: the journal's share of that CPU: {share:.1} %");
    tell("single, x ideal", m.wall / ideal);
    tell("single, us CPU a call", m.cpu * 1e6 / m.report.calls.made as f64);
    tell("single, % journal", share);
    match one_call::peer(&out, folder.path(), &world.url).await {
        Ok(peer) => println!(
            "asyncio: {} calls in {:.2} s, {:.3} x ideal; {:.0} us CPU a call",
            m.report.calls.made,
            peer.wall,
            peer.wall / ideal,
            peer.cpu * 1e6 / m.report.calls.made as f64
        ),
        Err(why) => println!("skipped the peer: {why} (PYTHON is to have aiohttp)"),
    }
}

/// How long the world was busy at its two ends: the seconds before half of its slots were busy for the first time, and
/// those after they were so for the last.
#[derive(Default)]
struct Ends {
    first: f64,
    last: f64,
}

/// Looks at the world twice a second until `over` is set.
async fn watch(world: &World, slots: usize, over: &AtomicBool) -> Ends {
    let env = Env::real();
    let (began, mut before, mut at) = (env.now(), 0.0, 0.0);
    let (mut first, mut last) = (None, 0.0);
    while !over.load(Ordering::Relaxed) {
        env.sleep(Duration::from_millis(500)).await;
        let (busy, now) = (world.busy().await, env.now().duration_since(began).as_secs_f64());
        if busy - before >= 0.5 * slots as f64 * (now - at) {
            first.get_or_insert(at);
            last = now;
        }
        (before, at) = (busy, now);
    }
    Ends { first: first.unwrap_or(at), last: at - last }
}

async fn paper() {
    let folder = tempfile::tempdir().expect("a folder");
    let slots = 256;
    let world = World::start(&["--latency-ms", "200", "--slots", "256"]);
    let pool = root().join("data/pool");
    let set = [("synthetic", "count", "1920"), ("pool", "path", pool.to_str().expect("UTF-8"))];
    let (out, over) = (folder.path().join("run"), AtomicBool::new(false));
    let project = root();
    let run = async {
        let m = go(&project, "paper", &out, &world.url, slots, &set).await;
        over.store(true, Ordering::Relaxed);
        m
    };
    let (m, ends) = tokio::join!(run, watch(&world, slots, &over));
    let ideal = world.busy().await / slots as f64;
    let stages = m.report.stages.iter().filter(|s| s.stage == "pool" || s.stage == "synthetic");
    println!(
        "paper: {} calls of {} prompts at 200 ms, {slots} slots: {:.1} s, ideal {ideal:.1} s, ratio {:.3}; client CPU {:.1} s; peak {:.0} MB; {} rows",
        m.report.calls.made,
        stages.map(|s| s.entered).sum::<u64>(),
        m.wall,
        m.wall / ideal,
        m.cpu,
        m.peak_mb,
        m.report.dataset.rows,
    );
    println!(
        "paper: {:.1} s until half of the slots were busy, {:.1} s after they were so for the last time",
        ends.first, ends.last
    );
    println!("paper: the journal's share of that CPU: {:.1} %", journal_share(&out, &m).await);
    tell("paper, x ideal", m.wall / ideal);
    tell("paper, us CPU a call", m.cpu * 1e6 / m.report.calls.made as f64);
}

async fn memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&["--latency-ms", "20", "--image-kb", "500"]);
    let pool = root().join("data/pool");
    let set = [("synthetic", "count", "200"), ("pool", "path", pool.to_str().expect("UTF-8"))];
    let m = go(&root(), "paper", &folder.path().join("run"), &world.url, 256, &set).await;
    println!(
        "memory: 512 records in flight, images of 500 KB, {} calls: peak {:.0} MB",
        m.report.calls.made, m.peak_mb
    );
    tell("pictures in flight, MB", m.peak_mb);
    drop(world);
    let world = World::start(&["--format-error", "0"]);
    let mut peaks = Vec::new();
    for prompts in [4_000, 40_000] {
        let folder = tempfile::tempdir().expect("a folder");
        single_call_project(folder.path(), prompts);
        let m = go(folder.path(), "single", &folder.path().join("run"), &world.url, 256, &[]).await;
        peaks.push(m.peak_mb);
        println!("memory: {prompts} prompts of one call: peak {:.0} MB", m.peak_mb);
    }
    tell("ten times the prompts, x memory", peaks[1] / peaks[0]);
}

async fn replay() {
    let folder = tempfile::tempdir().expect("a folder");
    single_call_project(folder.path(), 100_000);
    let world = World::start(&["--format-error", "0"]);
    let out = folder.path().join("run");
    let first = go(folder.path(), "single", &out, &world.url, 256, &[]).await;
    let env = Env::real();
    let store = Store::open(out.to_str().expect("UTF-8")).expect("opens");
    let started = env.now();
    let journal = Journal::open(env.clone(), &store, "journal", Duration::from_millis(20))
        .await
        .expect("opens");
    println!(
        "replay: opening {} calls takes {:.3} s",
        journal.len(),
        env.now().duration_since(started).as_secs_f64()
    );
    journal.close().await.expect("closes");
    let again = go(folder.path(), "single", &out, &world.url, 256, &[]).await;
    println!(
        "replay: {} calls answered in {:.2} s of a whole run with dataset and tables: {:.0} a second ({} made anew; buying took {:.1} s)",
        again.report.calls.replayed,
        again.wall,
        again.report.calls.replayed as f64 / again.wall,
        again.report.calls.made,
        first.wall,
    );
    tell("replay, calls a second", again.report.calls.replayed as f64 / again.wall);
}
