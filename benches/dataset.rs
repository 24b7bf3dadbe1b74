//! What writing a dataset costs: shards with embedded images, out of a RUN's blobs, beside the
//! disk's own rate.
//!
//! `cargo bench --bench dataset -- [trajectories] [folder]`; the folder should be on the disk that
//! RUNs will be on, with room for three times the data (1 MB a trajectory). Prints figures; nothing
//! passes or fails here. The sink is the pipeline's own: what `coldstart run` does at its end.

use bytes::Bytes;
use coldstart::env::{Env, Rng};
use coldstart::plan::{Home, Overrides, Project, compile};
use coldstart::record::{
    Digest, Id, ImageRef, Judgement, Mime, Outcome, Prompt, Report, Round, Trajectory,
};
use coldstart::sim::{draw, scene};
use coldstart::stage::{Sink, SinkCx, Stage};
use coldstart::store::{Blobs, Store};
use futures::StreamExt;
use std::io::Write;
use std::path::Path;

type Failure = Box<dyn std::error::Error>;

/// Encoded bytes of an image.
const IMAGE: usize = 500_000;
const SIDE: u32 = 512;

fn image(n: u64) -> Bytes {
    let meaning = scene::Meaning { text: Some(n.to_string()), ..scene::Meaning::default() };
    let mut png = draw::draw(&meaning, SIDE, SIDE, &mut Rng::keyed(n, &["bench"]));
    draw::pad(&mut png, IMAGE);
    png.into()
}

async fn round(n: u64, blobs: &Blobs, satisfied: bool) -> Result<Round, Failure> {
    let bytes = image(n);
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    blobs.put(bytes).await?;
    Ok(Round {
        thinking: format!("Round {n}. ").repeat(60),
        refined: format!("picture {n}, in daylight. ").repeat(10),
        image: Some(ImageRef { digest, mime: Mime::Png, width: SIDE, height: SIDE, bytes: size }),
        seed: Some(n),
        judgement: Some(Judgement {
            rationale: format!("Round {n} shows it. ").repeat(20),
            satisfied,
            score: 1.0,
            checks: Vec::new(),
            posterior: None,
            claims: None,
        }),
    })
}

async fn trajectory(n: u64, blobs: &Blobs) -> Result<Trajectory, Failure> {
    let text = format!("prompt number {n}");
    let prompt = Prompt {
        id: Id::of("bench", &n.to_string(), &text),
        text,
        category: "bench".into(),
        source: "bench".into(),
        key: None,
        reference: None,
        spec: None,
        gloss: None,
        licence: None,
    };
    let rounds = vec![round(2 * n, blobs, false).await?, round(2 * n + 1, blobs, true).await?];
    Ok(Trajectory { rounds, outcome: Some(Outcome::Closed), ..Trajectory::new(prompt) })
}

/// The sink of the paper's pipeline.
fn sink() -> Result<Box<dyn Sink>, Failure> {
    let project = Project::open(&Home::Folder(env!("CARGO_MANIFEST_DIR").into()), "paper")?;
    let plan = compile(&project, &Overrides::default()).plan.ok_or("the paper's plan")?;
    let sink = plan.stages.into_iter().find_map(|stage| match stage.stage {
        Stage::Sink(sink) => Some(sink),
        _ => None,
    });
    Ok(sink.ok_or("a sink")?)
}

/// MB/s of one file with one fsync at its end.
fn disk(env: &Env, folder: &Path, megabytes: usize) -> Result<f64, Failure> {
    let (path, chunk) = (folder.join("plain"), vec![7; 1_000_000]);
    let start = env.now();
    let mut file = std::fs::File::create(&path)?;
    for _ in 0..megabytes {
        file.write_all(&chunk)?;
    }
    file.sync_all()?;
    let seconds = (env.now() - start).as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(megabytes as f64 / seconds)
}

/// CPU seconds of this process, and its peak resident memory in MB since `clear_refs`.
fn usage() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    let kb = line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0);
    ((ticks(11) + ticks(12)) / 100.0, kb / 1024.0)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let count = args.first().map_or(Ok(1000), |n| n.parse())?;
    let folder = args.get(1).map_or_else(std::env::temp_dir, std::path::PathBuf::from);
    let dir = tempfile::tempdir_in(folder)?;
    let env = Env::real();
    let store = Store::open(dir.path().to_str().ok_or("the folder's name is not UTF-8")?)?;
    // No cache: images are read from files, as at the end of a large run.
    let blobs = Blobs::new(store.clone(), 0);
    let mut records = Vec::new();
    for n in 0..count {
        records.push(Ok(trajectory(n, &blobs).await?));
    }
    let cx = SinkCx {
        store: store.clone(),
        blobs,
        about: Report::default(),
        pipeline: "paper".into(),
        pipeline_digest: "bench".into(),
        models: Vec::new(),
    };
    let before = disk(&env, dir.path(), count as usize)?;
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let (cpu, _) = usage();
    let start = env.now();
    let sealed = sink()?.write(futures::stream::iter(records).boxed(), &cx).await;
    let seconds = (env.now() - start).as_secs_f64();
    let sealed = sealed.map_err(|e| e.to_string())?;
    let (after, peak) = usage();
    let bytes: u64 = store.list("dataset").await?.iter().map(|(_, size)| size).sum();
    let rate = bytes as f64 / 1e6 / seconds;
    let disk = (before + disk(&env, dir.path(), count as usize)?) / 2.0;
    println!(
        "dataset: {} rows, {:.0} MB in {seconds:.2} s: {rate:.0} MB/s, {:.0} % of the disk's {disk:.0} \
         MB/s in one plain file; {:.2} s CPU; peak {peak:.0} MB",
        sealed.rows,
        bytes as f64 / 1e6,
        100.0 * rate / disk,
        after - cpu,
    );
    Ok(())
}
