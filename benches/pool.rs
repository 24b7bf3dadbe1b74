//! Pools: deduplication and decontamination of a million prompts against a datasketch script, and
//! reading a WebDataset tar against the disk.
//!
//!     cargo bench --bench pool -- prompts [rows] [peer's rows]     (PYTHON with datasketch, for the peer)
//!     cargo bench --bench pool -- tar [megabytes] [rounds]
//!
//! `tar` writes one tar of PNGs of noise (300 KB each) with their texts, and reads it in rounds: by
//! plain sequential reads of 1 MiB, which is the disk's rate; then by `pool::open`, as `read_pool` has
//! it, with every image's header checked, and with every pixel decoded. Both hash every image. Before
//! each of the three the page cache is dropped (root only; it says when it could not), and the plain
//! read of the same round is what a rate is compared with, because a virtual disk's rate wanders.
//! Storing images is not in it. Noise hardly packs: the pixels of photographs cost far more to decode.

use coldstart::env::Env;
use coldstart::media::Verify;
use coldstart::pool::{Images, PoolItem, SourceOptions, open};
use coldstart::record::Id;
use coldstart::text::decontam::{Builder, Fingerprints};
use coldstart::text::dedup::{Dedup, Ruling, THRESHOLD};
use futures::StreamExt;
use std::fmt::Write as _;
use std::io::{BufRead, Read, Write};
use std::path::Path;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |at: usize, or: usize| args.get(at).and_then(|a| a.parse().ok()).unwrap_or(or);
    let folder = tempfile::tempdir().expect("a temporary folder");
    match args.first().map(String::as_str) {
        Some("tar") => tar_rate(folder.path(), number(1, 2000), number(2, 5).max(1)),
        _ => prompts(folder.path(), number(1, 1_000_000), number(2, 50_000)),
    }
}

/// A small generator of numbers: the same rows on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let x = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((u128::from(x) * n as u128) >> 64) as usize
    }
}

/// A made-up word of a vocabulary of 6,000.
fn word(n: usize) -> String {
    const A: [&str; 20] = [
        "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "qui", "ro", "su",
        "ta", "ve", "wi", "xo", "zu",
    ];
    format!(
        "{}{}{}",
        A[n % 20],
        A[n / 20 % 20],
        ["n", "r", "l", "m", "t", "k", "p", "d", "v", "g", "b", "x", "h", "c", "w"][n / 400 % 15]
    )
}

/// What a row is, as the first column of the file says it.
#[derive(Clone, Copy, PartialEq)]
enum Made {
    Fresh,
    /// A near copy of the row of this number: another frame, or a word added.
    Copy(usize),
    /// The row before with its number changed: no duplicate.
    Hard,
    /// Of the benchmark.
    Theirs,
}

/// Every tenth row is a copy, every twentieth a hard negative, every hundredth of the benchmark.
fn rows(count: usize) -> (Vec<(Made, String)>, Vec<String>) {
    let mut chance = Chance(7);
    let fresh = |chance: &mut Chance| {
        let number = ["two", "three", "four", "five"][chance.below(4)];
        let mut text = format!("{number} {}", ["red", "blue", "green"][chance.below(3)]);
        for _ in 0..8 + chance.below(24) {
            let _ = write!(text, " {}", word(chance.below(6000)));
        }
        text
    };
    let benchmark: Vec<String> = (0..2000).map(|_| fresh(&mut chance)).collect();
    let mut rows: Vec<(Made, String)> = Vec::with_capacity(count);
    for n in 0..count {
        let row = match n % 100 {
            k if n > 100 && k % 10 == 3 => {
                let mut of = n - 1 - chance.below(90);
                while rows[of].0 != Made::Fresh {
                    of -= 1;
                }
                let other = &rows[of].1;
                let framed = k % 20 == 3;
                let text = match framed {
                    true => format!("A photo of {other}!"),
                    false => format!("{other} {}", word(chance.below(6000))),
                };
                (Made::Copy(of), text)
            }
            k if n > 100 && k % 20 == 7 => {
                let (_, tail) = rows[n - 1].1.split_once(' ').unwrap_or_default();
                (Made::Hard, format!("nine {tail}"))
            }
            50 => (Made::Theirs, benchmark[chance.below(2000)].to_uppercase()),
            _ => (Made::Fresh, fresh(&mut chance)),
        };
        rows.push(row);
    }
    (rows, benchmark)
}

fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Processor seconds of this process so far: the machine may be shared.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn prompts(folder: &Path, count: usize, peers: usize) {
    let file = folder.join("rows.txt");
    let (made, benchmark) = write_rows(&file, count);
    std::fs::write(folder.join("benchmark.txt"), benchmark.join("\n")).expect("written");
    let mut builder = Builder::new("bench", "made here", "none", false);
    benchmark.iter().for_each(|row| builder.row(row, None));
    let fingerprints = Fingerprints::load(&builder.finish()).expect("fingerprints");
    drop(benchmark);
    println!("{:.0} MB before", peak_mb());
    ours(&file, &made, &fingerprints);
    println!("coldstart: peak RSS {:.0} MB", peak_mb());
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/datasketch.py");
    let mut peer = std::process::Command::new(python);
    match peer.arg(script).arg(folder).arg(peers.to_string()).status() {
        Ok(status) if status.success() => ours(&file, &made[..peers.min(count)], &fingerprints),
        _ => println!("skipped the peer: PYTHON has no datasketch (pip install datasketch)"),
    }
}

fn write_rows(file: &Path, count: usize) -> (Vec<Made>, Vec<String>) {
    let (rows, benchmark) = rows(count);
    let mut out = std::io::BufWriter::new(std::fs::File::create(file).expect("a file"));
    for (made, row) in &rows {
        let kind = match made {
            Made::Fresh => 'f',
            Made::Copy(_) => 'c',
            Made::Hard => 'h',
            Made::Theirs => 'b',
        };
        writeln!(out, "{kind}\t{row}").expect("written");
    }
    (rows.into_iter().map(|(made, _)| made).collect(), benchmark)
}

/// One row at a time, as stages meet them.
fn ours(file: &Path, made: &[Made], fingerprints: &Fingerprints) {
    let env = Env::real();
    let start = env.now();
    let busy = cpu();
    let mut dedup = Dedup::new(THRESHOLD, 1);
    let mut hits = 0usize;
    let id = |n: usize| Id::of("bench", &n.to_string(), "");
    let lines = std::io::BufReader::new(std::fs::File::open(file).expect("a file")).lines();
    for (n, line) in lines.take(made.len()).enumerate() {
        let line = line.expect("a line");
        hits += usize::from(fingerprints.check(&line[2..], None, None).is_some());
        dedup.offer(id(n), &line[2..]);
    }
    let offered = (env.now() - start).as_secs_f64();
    let rulings: std::collections::HashMap<Id, Ruling> = dedup.finish().into_iter().collect();
    let took = (env.now() - start).as_secs_f64();
    let busy = cpu() - busy;
    let dropped = |n: usize| rulings[&id(n)] != Ruling::Keep;
    let (mut planted, mut found, mut hard, mut wrong) = (0, 0, 0, 0);
    for (n, made) in made.iter().enumerate() {
        match *made {
            Made::Copy(of) => {
                planted += 1;
                found += usize::from(dropped(n) || dropped(of));
            }
            Made::Hard => {
                hard += 1;
                wrong += usize::from(dropped(n));
            }
            Made::Fresh | Made::Theirs => {}
        }
    }
    println!(
        "coldstart: {} prompts in {took:.2} s ({:.2} s of it to decide), {busy:.2} s of \
         processor: {:.0} a second of it; copies \
         {found} of {planted}, hard negatives dropped {wrong} of {hard}; {hits} of the benchmark",
        made.len(),
        took - offered,
        made.len() as f64 / busy.max(0.01),
    );
}

fn tar_rate(folder: &Path, megabytes: usize, rounds: usize) {
    let path = folder.join("shard.tar");
    make_tar(&path, megabytes);
    // Once before, on nobody's account: a virtual disk has a cache of its own.
    plain_rate(&path);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let modes = [("headers checked", Verify::Header), ("every pixel decoded", Verify::Decode)];
    let mut shares = [Vec::new(), Vec::new()];
    for round in 1..=rounds {
        let (bytes, plain) = plain_rate(&path);
        println!("round {round}: plain reads {plain:.0} MB/s");
        for ((name, verify), shares) in modes.iter().zip(&mut shares) {
            let (rows, seconds, busy) = pool_rate(&runtime, &path, *verify);
            let rate = bytes as f64 / 1e6 / seconds;
            shares.push(rate / plain * 100.0);
            println!(
                "round {round}: {name}: {rows} rows, {rate:.0} MB/s, {:.0} % of plain reads, \
                 {busy:.2} s of processor",
                rate / plain * 100.0
            );
        }
    }
    for ((name, _), shares) in modes.iter().zip(&mut shares) {
        shares.sort_by(f64::total_cmp);
        println!("tar, {name}: median {:.0} % of plain reads", shares[shares.len() / 2]);
    }
    println!("peak RSS {:.0} MB for a tar of {megabytes} MB", peak_mb());
}

/// Rows with an image, the seconds they took, and the processor's seconds.
fn pool_rate(runtime: &tokio::runtime::Runtime, path: &Path, verify: Verify) -> (usize, f64, f64) {
    drop_caches();
    let env = Env::real();
    let start = env.now();
    let busy = cpu();
    let options = SourceOptions { verify, images: Images::Load, ..SourceOptions::default() };
    let with_image = |item: &Result<PoolItem, _>| {
        std::future::ready(matches!(item, Ok(PoolItem::Row(row)) if row.image.is_some()))
    };
    let rows = open(path.to_str().expect("a path"), &options).filter(with_image).count();
    let rows = runtime.block_on(rows);
    (rows, (env.now() - start).as_secs_f64(), cpu() - busy)
}

/// Bytes, and MB/s of plain reads with an empty page cache.
fn plain_rate(path: &Path) -> (usize, f64) {
    drop_caches();
    let env = Env::real();
    let start = env.now();
    let mut file = std::fs::File::open(path).expect("a file");
    let mut buffer = vec![0; 1 << 20];
    let mut read = 0;
    while let Ok(n @ 1..) = file.read(&mut buffer) {
        read += n;
    }
    (read, read as f64 / 1e6 / (env.now() - start).as_secs_f64())
}

/// PNGs of noise, about 300 KB each, with texts.
fn make_tar(path: &Path, megabytes: usize) {
    let mut builder =
        tar::Builder::new(std::io::BufWriter::new(std::fs::File::create(path).expect("a file")));
    let mut chance = Chance(3);
    let mut image = Vec::new();
    let noise: Vec<u8> = (0..320 * 320 * 3).map(|_| chance.below(256) as u8).collect();
    let mut encoder = png::Encoder::new(&mut image, 320, 320);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&noise).expect("data");
    writer.finish().expect("an image");
    let mut add = |name: String, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes).expect("appended");
    };
    for n in 0..megabytes * 1_000_000 / image.len() {
        add(format!("{n:08}.png"), &image);
        add(format!("{n:08}.txt"), b"a field of noise");
    }
    builder
        .into_inner()
        .expect("an archive")
        .into_inner()
        .expect("flushed")
        .sync_all()
        .expect("synced");
}

/// Needs root; without it the figures are of the page cache, on both sides.
fn drop_caches() {
    if std::fs::write("/proc/sys/vm/drop_caches", "1").is_err() {
        println!("(the page cache could not be dropped)");
    }
}
