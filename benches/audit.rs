//! What reading a RUN costs: the whole audit, one record's life, the viewer's pages.
//!
//! `cargo bench --bench audit -- [rows]` (a million by default). The RUN is made by a process of
//! its own, so that the peak of memory is of the reading alone. Prints one figure a line.

#[path = "../tests/it/audit/made.rs"]
mod made;

use coldstart::archive::{Reading, RunDir};
use coldstart::audit::gather::{Depth, gather};
use coldstart::audit::lineage::life;
use coldstart::audit::{AuditReport, Index, sql};
use coldstart::env::Env;
use coldstart::view::{Viewer, Work};
use made::{Plan, make};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// Rows that a made-up prompt leaves on its way, on average.
const ROWS_A_PROMPT: usize = 8;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let [verb, dir, prompts] = &args[..]
        && verb == "make"
    {
        let prompts = prompts.parse().unwrap();
        let plan = Plan { prompts, pictures: false, ..Plan::default() };
        let truth = runtime.block_on(make(dir, plan));
        println!("made {} rows, {} calls", truth.rows, truth.calls);
        return;
    }
    let rows: usize = args.first().and_then(|rows| rows.parse().ok()).unwrap_or(1_000_000);
    let kept = args.get(1);
    let scratch = tempfile::tempdir().unwrap();
    let dir = kept.map_or(scratch.path().to_str().unwrap(), String::as_str);
    if !std::path::Path::new(dir).join("manifest.json").exists() {
        let prompts = (rows / ROWS_A_PROMPT).to_string();
        let me = std::env::current_exe().unwrap();
        assert!(Command::new(me).args(["make", dir, &prompts]).status().unwrap().success());
    }
    runtime.block_on(measure(dir));
}

async fn measure(dir: &str) {
    let env = Env::real();
    let start = env.now();
    let ms = |from| env.now().duration_since(from).as_secs_f64() * 1e3;
    let run = RunDir::open(dir).await.unwrap();
    let facts = gather(&run, Depth::Quick).await.unwrap();
    println!("gathered {} rows: {:.0} ms", facts.index.rows(), ms(start));
    let report = AuditReport::of(dir, &facts);
    println!("full report: {:.0} ms, peak {} MB", ms(start), peak_mb());
    println!("  {} calls read of {}", report.calls_read, report.calls_journaled);
    drop((facts, report));

    let start = env.now();
    let (index, _) = Index::read(&run, Reading::Prompts).await.unwrap();
    println!("tables alone: {:.0} ms", ms(start));
    let ids: Vec<_> = index.records.id.iter().step_by(index.records.len() / 20).copied().collect();
    drop(index);
    let start = env.now();
    run.journal().await.unwrap();
    println!("journal opened: {:.0} ms", ms(start));
    let mut worst = 0.0f64;
    let start = env.now();
    for id in &ids {
        let one = env.now();
        // As the command does it: from a RUN that nobody has opened.
        life(&RunDir::open(dir).await.unwrap(), id).await.unwrap();
        worst = worst.max(ms(one));
    }
    println!("explain: mean {:.1} ms, worst {worst:.1} ms", ms(start) / ids.len() as f64);

    let start = env.now();
    let query = "select stage, reason, count(*) from stages group by 1, 2";
    sql::query(&run, query).await.unwrap();
    println!("sql over stages: {:.0} ms", ms(start));
    pages(&env, run, &ids[3].hex()).await;
}

/// Server time of pages, as the best of three asks on a warm viewer.
async fn pages(env: &Env, run: RunDir, id: &str) {
    let start = env.now();
    let ms = |from| env.now().duration_since(from).as_secs_f64() * 1e3;
    let served =
        Viewer::serve(env.clone(), run, 0, "bench".to_owned(), Work::default(), None, None)
            .await
            .unwrap();
    println!("viewer ready: {:.0} ms", ms(start));
    let url = served.url.clone();
    env.spawn(served.run());
    // Deep figures of all stages are read in the background.
    env.sleep(Duration::from_secs(20)).await;
    let paths = [
        String::new(),
        "stage/pool".to_owned(),
        "stage/judged?port=unsatisfied&sort=-score".to_owned(),
        "stage/pool?q=blue+clocks".to_owned(),
        format!("record/{id}?list=judged"),
        "search?q=owls".to_owned(),
    ];
    for path in paths {
        let mut best = f64::MAX;
        for _ in 0..3 {
            let (url, path, start) = (url.clone(), path.clone(), env.now());
            tokio::task::spawn_blocking(move || get(&url, &path)).await.unwrap();
            best = best.min(ms(start));
        }
        println!("page /{path}: {best:.1} ms");
    }
    println!("peak {} MB", peak_mb());
}

fn get(url: &str, path: &str) {
    let rest = url.trim_start_matches("http://");
    let (host, base) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let ask = format!("GET /{base}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}");
}

/// The process' peak of resident memory, where the system says it.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    let kb: u64 = line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0);
    kb / 1000
}
