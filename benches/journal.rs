//! What the journal and the store cost: durable puts, reopening, replay, blobs, table scans.
//!
//! `cargo bench --bench journal -- [entries] [folder]`; the folder should be on the disk that
//! RUNs will be on. Prints one figure a line.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use bytes::Bytes;
use coldstart::call::{
    CallError, ChatRequest, KeyedRequest, Model, Output, Reply, Request, Sampling, Usage,
};
use coldstart::env::Env;
use coldstart::journal::{Entry, Journal, JournalError, Journaled, ReadJournal};
use coldstart::record::{
    CallKey, Decision, Disposition, Evidence, Id, Message, NanoUsd, Part, Speaker,
};
use coldstart::store::{Blobs, DecisionWriter, Store, decision_batches};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

const TASKS: u64 = 256;

/// Text that compresses about as model text does.
fn text(n: u64, bytes: usize) -> String {
    const WORDS: [&str; 16] = [
        "the", "image", "shows", "five", "clocks", "red", "left", "of", "table", "however",
        "should", "count", "wooden", "behind", "light", "prompt",
    ];
    let mut stream = blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof();
    let mut out = String::with_capacity(bytes + 8);
    let mut random = [0; 64];
    while out.len() < bytes {
        stream.fill(&mut random);
        for byte in random {
            out.push_str(WORDS[usize::from(byte % 16)]);
            out.push(if byte > 240 { ',' } else { ' ' });
        }
    }
    out.truncate(bytes);
    out
}

fn request(n: u64) -> Request {
    Request::Chat(ChatRequest {
        role: "teacher".to_string(),
        model: "bench".to_string(),
        messages: vec![Message { speaker: Speaker::User, parts: vec![Part::Text(text(n, 1000))] }],
        sampling: Sampling::default(),
        schema: None,
        draw: 0,
    })
}

fn entry(n: u64) -> Entry {
    let request = request(n);
    Entry { key: request.key(), at_ms: n, request, reply: reply(n) }
}

fn reply(n: u64) -> Reply {
    Reply {
        output: Output::Text { text: text(!n, 500), reasoning: text(n ^ 0xFFFF_0000, 1200) },
        finish: "stop".to_string(),
        usage: Usage::default(),
        served: "bench-1".to_string(),
        cost: NanoUsd(1000),
        simulated: true,
        attempts: 1,
        latency_ms: 200,
    }
}

/// Must never be asked in a replay.
#[derive(Debug)]
struct Nobody;

#[async_trait::async_trait]
impl Model for Nobody {
    async fn call(&self, _request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        Err(CallError::Record { what: "a replay bought a call".to_string() })
    }
}

struct Clock {
    env: Env,
    wall: tokio::time::Instant,
    cpu: f64,
}

impl Clock {
    /// Also begins a new peak of memory, where the system lets us.
    fn start(env: &Env) -> Clock {
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Clock { env: env.clone(), wall: env.now(), cpu: cpu_seconds() }
    }

    /// Wall and CPU seconds since the start.
    fn read(&self) -> (f64, f64) {
        (self.env.now().duration_since(self.wall).as_secs_f64(), cpu_seconds() - self.cpu)
    }
}

/// Of this process, from Linux's clock ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Peak resident megabytes since the last `Clock::start`.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let entries = args.first().map_or(Ok(100_000), |n| n.parse())?;
    let folder = args.get(1).map_or_else(std::env::temp_dir, std::path::PathBuf::from);
    let dir = tempfile::tempdir_in(folder)?;
    let root = Store::open(dir.path().to_str().ok_or("the folder's name is not UTF-8")?)?;
    let env = Env::real();
    puts(&env, &root, entries).await?;
    reopen(&env, &root, "killed (last small segments not merged)").await?;
    close(&env, &root).await?;
    reopen(&env, &root, "closed").await?;
    replay(&env, &root, entries).await?;
    blobs(&env, &root).await?;
    tables(&env, &root).await?;
    Ok(())
}

async fn put_all(
    env: Env,
    journal: Arc<Journal>,
    next: Arc<AtomicU64>,
    entries: u64,
) -> Result<Vec<Duration>, JournalError> {
    let mut waits = Vec::new();
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= entries {
            return Ok(waits);
        }
        let entry = entry(n);
        let from = env.now();
        journal.append(entry).await?;
        waits.push(env.now().duration_since(from));
    }
}

async fn puts(env: &Env, root: &Store, entries: u64) -> Result<(), Failure> {
    let wait = Duration::from_millis(20);
    let journal = Arc::new(Journal::open(env.clone(), root, "journal", wait).await?);
    let next = Arc::new(AtomicU64::new(0));
    let clock = Clock::start(env);
    let task = || env.spawn(put_all(env.clone(), Arc::clone(&journal), Arc::clone(&next), entries));
    let tasks: Vec<_> = (0..TASKS).map(|_| task()).collect();
    let mut waits = Vec::new();
    for task in tasks {
        waits.extend(task.await??);
    }
    let (wall, cpu) = clock.read();
    waits.sort_unstable();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "durable puts of 3 KB by {TASKS} tasks: {:.0}/s, p50 {:.1} ms, p99 {:.1} ms, \
         {:.0} us CPU each (making the entry included), peak RSS {} MB",
        entries as f64 / wall,
        at(0.5),
        at(0.99),
        cpu * 1e6 / entries as f64,
        peak_mb(),
    );
    Ok(())
}

async fn reopen(env: &Env, root: &Store, state: &str) -> Result<(), Failure> {
    let segments = root.list("journal").await?.len();
    let clock = Clock::start(env);
    let journal = ReadJournal::open(root).await?;
    println!(
        "opening {} entries, {state}: {:.3} s ({segments} segments), peak RSS {} MB",
        journal.len(),
        clock.read().0,
        peak_mb(),
    );
    Ok(())
}

async fn close(env: &Env, root: &Store) -> Result<(), Failure> {
    let journal = Journal::open(env.clone(), root, "journal", Duration::ZERO).await?;
    let clock = Clock::start(env);
    journal.close().await?;
    let bytes: u64 = root.list("journal").await?.iter().map(|(_, size)| size).sum();
    println!("closing (merging the rest): {:.3} s, {} MB on disk", clock.read().0, bytes >> 20);
    Ok(())
}

async fn replay(env: &Env, root: &Store, entries: u64) -> Result<(), Failure> {
    let journal = Journal::open(env.clone(), root, "journal", Duration::ZERO).await?;
    let blobs = Blobs::new(root.clone(), 0);
    let model = Arc::new(Journaled::new(env.clone(), Arc::new(journal), blobs, Arc::new(Nobody)));
    let requests: Arc<Vec<Request>> = Arc::new((0..entries.min(100_000)).map(request).collect());
    let next = Arc::new(AtomicU64::new(0));
    let clock = Clock::start(env);
    let task = |_| {
        let (model, next, requests) =
            (Arc::clone(&model), Arc::clone(&next), Arc::clone(&requests));
        env.spawn(async move {
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                model.call(request.keyed()).await?;
            }
            Ok::<_, CallError>(())
        })
    };
    for task in (0..64).map(task).collect::<Vec<_>>() {
        task.await??;
    }
    let (wall, cpu) = clock.read();
    let done = requests.len() as f64;
    println!("replay: {:.0} calls/s, {:.0} us CPU each", done / wall, cpu * 1e6 / done);
    Ok(())
}

async fn blobs(env: &Env, root: &Store) -> Result<(), Failure> {
    const BLOBS: usize = 500;
    let blobs = Blobs::new(root.clone(), 16 << 20);
    let noise = |n: usize| {
        let mut bytes = vec![0; 500_000];
        blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut bytes);
        Bytes::from(bytes)
    };
    let clock = Clock::start(env);
    let path = root.local_path("raw").ok_or("a local folder is needed")?;
    let mut raw = std::fs::File::create(path)?;
    for n in 0..BLOBS {
        std::io::Write::write_all(&mut raw, &noise(n))?;
    }
    raw.sync_all()?;
    let raw_wall = clock.read().0;
    let clock = Clock::start(env);
    let task = |first| {
        let blobs = blobs.clone();
        env.spawn(async move {
            for n in (first..BLOBS).step_by(64) {
                blobs.put(noise(n)).await?;
            }
            Ok::<_, coldstart::store::StoreError>(())
        })
    };
    for task in (0..64).map(task).collect::<Vec<_>>() {
        task.await??;
    }
    let wall = clock.read().0;
    println!(
        "durable blobs of 500 KB: {:.0}/s, {:.0} MB/s; one file with one fsync: {:.0} MB/s",
        BLOBS as f64 / wall,
        BLOBS as f64 * 0.5 / wall,
        BLOBS as f64 * 0.5 / raw_wall,
    );
    Ok(())
}

fn decision(n: u64) -> Decision {
    let calls = vec![CallKey(*blake3::hash(&n.to_le_bytes()).as_bytes())];
    let dropped = n.is_multiple_of(3);
    Decision {
        stage: "judged".to_string(),
        id: Id::of("pool", &n.to_string(), ""),
        category: format!("category {}", n % 8),
        source: "pool".to_string(),
        disposition: if dropped { Disposition::Dropped } else { Disposition::Passed },
        port: if dropped { String::new() } else { "satisfied".to_string() },
        reason: if dropped { format!("reason_{}", n % 5) } else { String::new() },
        evidence: Evidence { note: text(n, 80), score: Some(0.5), ..Evidence::default() },
        calls,
        cost: NanoUsd(n),
        prompt: text(n, 100),
        prompt_chars: 0,
    }
}

/// What a funnel needs of a stage table.
const FUNNEL: [&str; 7] =
    ["category", "source", "disposition", "port", "reason", "score", "cost_nano_usd"];

async fn tables(env: &Env, root: &Store) -> Result<(), Failure> {
    const ROWS: u64 = 1_000_000;
    let clock = Clock::start(env);
    let mut table = DecisionWriter::new(root.clone(), "judged");
    for n in 0..ROWS {
        table.push(decision(n)).await?;
    }
    table.finish().await?;
    let (wrote, wrote_peak) = (clock.read().0, peak_mb());
    let clock = Clock::start(env);
    let (mut dropped, mut cost) = (0u64, NanoUsd(0));
    for (name, _) in root.list("stages/judged").await? {
        for batch in decision_batches(root.get(&name).await?, Some(&FUNNEL))? {
            let batch = batch?;
            let text = |name: &str| batch[name].as_string::<i32>();
            let costs = batch["cost_nano_usd"].as_primitive::<UInt64Type>();
            for (n, disposition) in text("disposition").iter().enumerate() {
                dropped += u64::from(disposition == Some("dropped"));
                cost += NanoUsd(costs.value(n));
            }
        }
    }
    println!(
        "a stage table of {ROWS} rows: made and written in {wrote:.1} s, peak RSS {wrote_peak} \
         MB; scanned in {:.2} s ({:.2} s CPU; {dropped} dropped, {:.3} USD), peak RSS {} MB",
        clock.read().0,
        clock.read().1,
        cost.usd(),
        peak_mb(),
    );
    Ok(())
}
