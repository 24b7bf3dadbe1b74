//! What an export costs: rate beside the disk's own, peak memory, and the rate of `--verify`.
//!
//! `cargo bench --bench export -- [trajectories] [folder] [form]`; the folder should be on the disk
//! that exports go to, with room for 70 GB; memory should hold the data once (600 KB a trajectory).
//! Prints one figure a line. The binary is run as a user runs it; its peak memory is read from
//! `/proc`.

use bytes::Bytes;
use coldstart::env::{Env, Rng};
use coldstart::export::dataset::{ShardOptions, ShardWriter};
use coldstart::record::{
    Digest, Id, ImageRef, Judgement, Mime, Outcome, Prompt, Round, Trajectory,
};
use coldstart::sim::{draw, scene};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

type Failure = Box<dyn std::error::Error>;

/// Rounds of disk and export, one after the other: a shared disk's rate swings within seconds.
const ROUNDS: usize = 5;

/// A write past the page cache, and what memory, offset and length of one are multiples of.
const BLOCK: usize = 8 << 20;
const ALIGN: usize = 4096;

/// What rounds of image files may leave on the disk until the end, MB.
const ROOM_MB: f64 = 42_000.0;

/// Encoded bytes of an image.
const IMAGE: usize = 300_000;

/// A whole PNG, of that many bytes.
fn image(n: u64) -> (ImageRef, Bytes) {
    let meaning = scene::Meaning { text: Some(n.to_string()), ..scene::Meaning::default() };
    let mut bytes = draw::draw(&meaning, 512, 512, &mut Rng::keyed(n, &["bench"]));
    draw::pad(&mut bytes, IMAGE);
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    (ImageRef { digest, mime: Mime::Png, width: 512, height: 512, bytes: size }, bytes.into())
}

fn trajectory(n: u64) -> (Trajectory, Vec<Bytes>) {
    let (first, second) = (image(2 * n), image(2 * n + 1));
    let round = |k: u64, image: ImageRef, satisfied| Round {
        thinking: format!("Round {k} of {n}. ").repeat(60),
        refined: format!("picture {n} of round {k}, in daylight. ").repeat(10),
        image: Some(image),
        seed: Some(n),
        judgement: Some(Judgement {
            rationale: format!("Round {k} of {n} shows it. ").repeat(20),
            satisfied,
            score: 1.0,
            checks: Vec::new(),
            ..Judgement::default()
        }),
    };
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
    let rounds = vec![round(1, first.0, false), round(2, second.0, true)];
    let outcome = Some(Outcome::Closed);
    (Trajectory { rounds, outcome, ..Trajectory::new(prompt) }, vec![first.1, second.1])
}

/// Writes the dataset and gives its bytes.
fn dataset(dir: &Path, count: u64) -> Result<u64, Failure> {
    std::fs::create_dir_all(dir)?;
    let mut total = 0;
    for (shard, start) in (0..count).step_by(800).enumerate() {
        let mut file = std::fs::File::create(dir.join(format!("train-{shard:05}.parquet")))?;
        let mut writer = ShardWriter::new(ShardOptions::default())?;
        for n in start..(start + 800).min(count) {
            let (trajectory, images) = trajectory(n);
            writer.push(&trajectory, &images)?;
            for bytes in writer.take() {
                file.write_all(&bytes)?;
            }
        }
        for bytes in writer.finish()? {
            file.write_all(&bytes)?;
        }
        file.sync_all()?;
        total += file.metadata()?.len();
    }
    Ok(total)
}

/// What a run of the binary cost.
struct Cost {
    seconds: f64,
    /// User and system time: what counts on a machine that others share.
    cpu: f64,
    /// Peak memory, MB.
    peak: f64,
}

/// Seconds of processor time in `/proc/<pid>/stat` (fields 14 and 15, in hundredths).
fn cpu(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / 100.0)
}

/// Runs the binary.
fn run(env: &Env, args: &[&str]) -> Result<Cost, Failure> {
    let start = env.now();
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).stdout(Stdio::null()).spawn()?;
    let proc = format!("/proc/{}", child.id());
    let (mut peak, mut used) = (0.0f64, 0.0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    loop {
        if let Ok(text) = std::fs::read_to_string(format!("{proc}/status")) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            peak = peak.max(kb.unwrap_or(0.0) / 1e3);
        }
        if let Ok(stat) = std::fs::read_to_string(format!("{proc}/stat")) {
            used = cpu(&stat).unwrap_or(used).max(used);
        }
        if let Some(code) = child.try_wait()? {
            let seconds = (env.now() - start).as_secs_f64();
            let cost = Cost { seconds, cpu: used, peak };
            return if code.success() { Ok(cost) } else { Err("it failed".into()) };
        }
        runtime.block_on(env.sleep(std::time::Duration::from_millis(5)));
    }
}

/// The disk's own rate for the same bytes in one durable file, MB/s: through the page cache, and
/// past it in large blocks; the better of the two, since which one is differs from hour to hour.
fn one_file(env: &Env, dir: &Path, count: u64) -> Result<f64, Failure> {
    std::fs::create_dir_all(dir)?;
    let (_, image) = image(0);
    let total = (2 * count) as usize * IMAGE;
    let mut block = vec![0; BLOCK + ALIGN];
    let start = block.as_ptr().align_offset(ALIGN);
    block.chunks_mut(IMAGE).for_each(|chunk| chunk.copy_from_slice(&image[..chunk.len()]));
    let mut best = 0.0f64;
    for (flags, bytes) in [(0, &image[..]), (libc::O_DIRECT, &block[start..start + BLOCK])] {
        let path = dir.join("one");
        let start = env.now();
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).custom_flags(flags).open(&path)?;
        let writes = total / bytes.len();
        for _ in 0..writes {
            file.write_all(bytes)?;
        }
        file.sync_all()?;
        let rate = (writes * bytes.len()) as f64 / 1e6 / (env.now() - start).as_secs_f64();
        best = best.max(rate);
        std::fs::remove_file(path)?;
    }
    Ok(best)
}

/// Reads a folder's files, so that they are in the page cache as far as it holds them.
fn warm(dir: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(dir)? {
        std::io::copy(&mut std::fs::File::open(entry?.path())?, &mut std::io::sink())?;
    }
    Ok(())
}

/// The disk's own rate for the same bytes as image files each made durable by 16 threads, which is
/// what a folder of images asks of it. MB/s. They stay: ext4 without a journal looks at each inode
/// that was deleted within the last minutes before it makes one, here or in an export.
fn image_files(env: &Env, dir: &Path, count: u64) -> Result<f64, Failure> {
    std::fs::create_dir_all(dir)?;
    let (_, bytes) = image(0);
    let start = env.now();
    std::thread::scope(|scope| {
        for thread in 0..16u64 {
            let bytes = bytes.clone();
            scope.spawn(move || -> std::io::Result<()> {
                for n in (thread..2 * count).step_by(16) {
                    let mut file = std::fs::File::create(dir.join(n.to_string()))?;
                    file.write_all(&bytes)?;
                    file.sync_all()?;
                }
                Ok(())
            });
        }
    });
    let seconds = (env.now() - start).as_secs_f64();
    Ok((2 * count) as f64 * IMAGE as f64 / 1e6 / seconds)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let count: u64 = args.next().map_or(Ok(4_000), |n| n.parse())?;
    let folder = args.next().unwrap_or_else(|| "target/bench-export".into());
    let folder = Path::new(&folder);
    let only = args.next();
    let env = Env::real();
    let data = folder.join("dataset");
    let megabytes = dataset(&data, count)? as f64 / 1e6;
    println!("dataset: {count} trajectories with 2 images of 300 KB, {megabytes:.0} MB");
    let from = data.to_string_lossy().into_owned();
    let wanted = |form: &&str| only.as_deref().is_none_or(|only| only == *form);
    for form in ["universal", "llamafactory"].into_iter().filter(wanted) {
        let (mut rates, mut shares) = (Vec::new(), Vec::new());
        let mut to = String::new();
        let files = form == "llamafactory";
        let room = (ROOM_MB / megabytes) as usize / 2;
        for round in 1..=if files { ROUNDS.min(room).max(1) } else { ROUNDS } {
            if !files && round > 1 {
                std::fs::remove_dir_all(&to)?;
            }
            to = folder.join(format!("{form}-{round}")).to_string_lossy().into_owned();
            let disk = folder.join(format!("disk-{round}"));
            let own = if files { image_files } else { one_file }(&env, &disk, count)?;
            // What comes from elsewhere is not what an export's writing costs.
            warm(&data)?;
            let Cost { seconds, cpu, peak } =
                run(&env, &["export", &from, "--format", form, "--out", &to])?;
            let (rate, share) = (megabytes / seconds, 100.0 * megabytes / seconds / own);
            println!(
                "export {form}, round {round}: {rate:.0} MB/s, {share:.0} % of the disk's {own:.0} \
                 MB/s for such files, {cpu:.1} s of processor, peak {peak:.0} MB"
            );
            rates.push(rate);
            shares.push(share);
        }
        println!(
            "export {form}: median {:.0} MB/s, {:.0} % of the disk's rate for such files",
            median(rates),
            median(shares)
        );
        run(&env, &["export", "--verify", &to])?;
        let Cost { seconds, cpu, peak } = run(&env, &["export", "--verify", &to])?;
        println!(
            "verify {form} (page cache): {seconds:.1} s, {:.2} GB/s, {cpu:.1} s of processor, \
             peak {peak:.0} MB",
            megabytes / 1e3 / seconds
        );
        if !files {
            std::fs::remove_dir_all(&to)?;
        }
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
