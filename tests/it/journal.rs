//! The journal: what was acknowledged is there again, whatever was cut, flipped or taken over.

use bytes::Bytes;
use coldstart::call::{
    CallError, ChatRequest, Fatal, Message, Model, Output, Part, Reply, Request, Sampling, Speaker,
    Usage,
};
use coldstart::env::Env;
use coldstart::journal::{Entry, Journal, JournalError, Journaled, ReadJournal};
use coldstart::record::NanoUsd;
use coldstart::store::{Blobs, Store, StoreError};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const WAIT: Duration = Duration::from_millis(5);

pub fn request(n: u64) -> Request {
    Request::Chat(ChatRequest {
        role: "teacher".to_string(),
        model: "m".to_string(),
        messages: vec![Message {
            speaker: Speaker::User,
            parts: vec![Part::Text(format!("question {n}"))],
        }],
        sampling: Sampling::default(),
        schema: None,
        draw: 0,
    })
}

fn reply(text: &str) -> Reply {
    Reply {
        output: Output::Text { text: text.to_string(), reasoning: String::new() },
        finish: "stop".to_string(),
        usage: Usage::default(),
        served: "m-1".to_string(),
        cost: NanoUsd(7),
        simulated: true,
        attempts: 1,
        latency_ms: 3,
    }
}

fn entry(n: u64) -> Entry {
    let request = request(n);
    // Hard to compress, so that a frame has a body worth cutting.
    let noise = blake3::hash(&n.to_le_bytes()).to_hex().to_string();
    Entry { key: request.key(), at_ms: n, request, reply: reply(&noise) }
}

async fn open(root: &Store) -> Result<Journal, JournalError> {
    Journal::open(Env::real(), root, "journal", WAIT).await
}

/// Segments that hold frames, oldest first.
fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let found = std::fs::read_dir(dir.join("journal")).expect("a journal folder");
    let mut found: Vec<_> = found
        .map(|file| file.expect("a readable folder").path())
        .filter(|path| path.metadata().expect("a file").len() > 36)
        .collect();
    found.sort();
    found
}

async fn written(dir: &Path, entries: u64) -> Store {
    let root = Store::open(dir.to_str().expect("a UTF-8 path")).expect("a directory");
    let journal = open(&root).await.expect("a journal");
    for n in 0..entries {
        journal.append(entry(n)).await.expect("appended");
    }
    root
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_appended_is_there_after_reopening_and_after_merging() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = written(dir.path(), 40).await;
    let before = segments(dir.path()).len();
    assert!(before > 10, "one group each, as nobody else was waiting: {before}");
    let journal = open(&root).await.expect("reopened");
    assert_eq!(journal.len(), 40);
    let reader = ReadJournal::open(&root).await.expect("read beside a writer");
    journal.close().await.expect("closed");
    assert_eq!(segments(dir.path()).len(), 1, "merged");
    for n in 0..40 {
        let want = Some(entry(n));
        assert_eq!(journal.get(&entry(n).key).await, Ok(want.clone()));
        assert_eq!(reader.get(&entry(n).key).await, Ok(want), "its segments vanished under it");
    }
    assert_eq!(journal.get(&request(99).key()).await, Ok(None));
    let mut scanned = 0;
    let read = ReadJournal::open(&root).await.expect("read");
    read.scan(&mut |_, twice| scanned += u64::from(!twice)).await.expect("scanned");
    assert_eq!((scanned, read.len()), (40, 40));
    assert_eq!(read.damage(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_cut_anywhere_loses_only_what_was_cut() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = written(dir.path(), 6).await;
    open(&root).await.expect("reopened").close().await.expect("merged");
    let path = segments(dir.path()).remove(0);
    let whole = std::fs::read(&path).expect("a segment");
    // Every byte: after each frame, inside headers, bodies, opening and index.
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).expect("cut");
        let read = ReadJournal::open(&root).await.expect("opens all the same");
        let kept = read.len();
        for n in 0..6 {
            let got = read.get(&entry(n).key).await.expect("no error");
            let want = (n < kept as u64).then(|| entry(n));
            assert_eq!(got, want, "cut at {cut}: the first {kept} are whole");
        }
        // 36 is a fence's size: a segment cut right after its opening is one, and says nothing.
        let boundary = cut <= 36 || read.damage().is_empty();
        assert!(boundary || read.damage()[0].segment.starts_with("journal/00"), "cut at {cut}");
    }
    std::fs::write(&path, &whole).expect("restored");
    assert_eq!(ReadJournal::open(&root).await.expect("opens").len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_is_gone_on_with_and_its_damage_stays_as_evidence() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = written(dir.path(), 10).await;
    let torn = segments(dir.path()).pop().expect("the last segment");
    let bytes = std::fs::read(&torn).expect("a segment");
    std::fs::write(&torn, &bytes[..bytes.len() - 5]).expect("torn");
    let journal = open(&root).await.expect("reopened");
    assert_eq!(journal.len(), 9);
    assert_eq!(journal.damage().len(), 1);
    assert!(torn.ends_with(&journal.damage()[0].segment), "{:?}", journal.damage());
    journal.append(entry(9)).await.expect("bought again");
    journal.append(entry(10)).await.expect("and on");
    journal.close().await.expect("closed");
    assert!(torn.exists(), "not merged, not deleted");
    let read = ReadJournal::open(&root).await.expect("read");
    assert_eq!((read.len(), read.damage().len()), (11, 1));
    assert_eq!(read.get(&entry(9).key).await, Ok(Some(entry(9))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_was_cut_short_is_finished_and_no_call_counts_twice() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = written(dir.path(), 10).await;
    let kept: Vec<_> = segments(dir.path())
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).expect("a segment")))
        .collect();
    open(&root).await.expect("reopened").close().await.expect("merged");
    // As if the process had died after writing the merged segment, before deleting the others.
    for (path, bytes) in &kept {
        std::fs::write(path, bytes).expect("written back");
    }
    let read = ReadJournal::open(&root).await.expect("read");
    let (mut once, mut twice) = (0, 0);
    read.scan(&mut |_, again| if again { twice += 1 } else { once += 1 }).await.expect("scanned");
    assert_eq!((read.len(), once, twice), (10, 10, 0));
    open(&root).await.expect("reopened");
    assert_eq!(segments(dir.path()).len(), 1, "the rest is deleted when a writer opens");
    // A damaged merged segment does not hide those it was made of.
    let merged = segments(dir.path()).remove(0);
    for (path, bytes) in &kept {
        std::fs::write(path, bytes).expect("written back");
    }
    let whole = std::fs::read(&merged).expect("a segment");
    std::fs::write(&merged, &whole[..whole.len() / 2]).expect("cut");
    let read = ReadJournal::open(&root).await.expect("read");
    assert_eq!(read.len(), 10);
    for n in 0..10 {
        assert_eq!(read.get(&entry(n).key).await, Ok(Some(entry(n))));
    }
}

/// Unmounts when dropped.
struct Mounted(tempfile::TempDir);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_journal_cleanly_and_room_lets_it_go_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(dir.path())
        .output();
    if !mount.is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: a small file system can be mounted by root only");
        return;
    }
    let disk = Mounted(dir);
    let root = Store::open(disk.0.path().to_str().expect("a UTF-8 path")).expect("a directory");
    let filler = disk.0.path().join("filler");
    std::fs::write(&filler, vec![1; 128 << 10]).expect("written");
    let journal = open(&root).await.expect("a journal");
    let mut kept = 0;
    let stopped = loop {
        match journal.append(entry(kept)).await {
            Ok(()) => kept += 1,
            Err(stopped) => break stopped,
        }
    };
    assert!(matches!(stopped, JournalError::Store(StoreError::Full { .. })), "{stopped:?}");
    let blob = Blobs::new(root.clone(), 0).put(Bytes::from(vec![1; 64 << 10])).await;
    assert!(matches!(blob, Err(StoreError::Full { .. })), "{blob:?}");
    std::fs::remove_file(filler).expect("room is made");
    journal.append(entry(kept)).await.expect("the same journal goes on");
    drop(journal);
    let journal = open(&root).await.expect("a later run goes on");
    assert_eq!((journal.len() as u64, journal.damage()), (kept + 1, vec![]));
    journal.append(entry(kept + 1)).await.expect("appended");
    for n in 0..kept + 2 {
        assert_eq!(journal.get(&entry(n).key).await, Ok(Some(entry(n))), "entry {n}");
    }
}

/// The parent runs this test again as a child that appends until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    const DIR: &str = "COLDSTART_TEST_KILLED_DIR";
    if let Ok(dir) = std::env::var(DIR) {
        append_for_ever(&dir).await;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let mut acknowledged = BTreeSet::new();
    let mut rng = coldstart::env::Rng::keyed(7, &["kills"]);
    for _ in 0..6 {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "journal::killed_at_any_moment_nothing_acknowledged_is_lost"])
            .arg("--nocapture")
            .env(DIR, dir.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a child");
        let lines = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
        let kill_after = 1 + rng.below(600);
        let mut seen = 0;
        for line in std::io::BufRead::lines(lines).map_while(Result::ok) {
            // Lines of the test harness are no numbers.
            let Ok(n) = line.parse::<u64>() else { continue };
            acknowledged.insert(n);
            seen += 1;
            if seen == kill_after {
                child.kill().expect("killed");
            }
        }
        child.wait().expect("ended");
    }
    let root = Store::open(dir.path().to_str().expect("a UTF-8 path")).expect("a directory");
    let read = ReadJournal::open(&root).await.expect("read");
    for n in &acknowledged {
        assert_eq!(read.get(&entry(*n).key).await, Ok(Some(entry(*n))), "entry {n}");
    }
    assert!(acknowledged.len() >= 6);
    assert_eq!(read.damage(), []);
}

/// Prints the number of each entry once it is durable.
async fn append_for_ever(dir: &str) -> ! {
    use std::io::Write;
    let env = Env::real();
    let root = Store::open(dir).expect("a directory");
    let journal = Journal::open(env.clone(), &root, "journal", Duration::ZERO).await;
    let journal = Arc::new(journal.expect("a journal"));
    let start = journal.len() as u64 * 1000;
    let task = |task| {
        let journal = Arc::clone(&journal);
        env.spawn(async move {
            for n in 0.. {
                let n = start + task + n * 8;
                journal.append(entry(n)).await.expect("appended");
                let mut out = std::io::stdout().lock();
                writeln!(out, "{n}").expect("printed");
                out.flush().expect("printed");
            }
        })
    };
    futures::future::join_all((0..8).map(task).collect::<Vec<_>>()).await;
    unreachable!("killed before")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_or_zeroed_part_loses_one_frame_and_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = written(dir.path(), 5).await;
    open(&root).await.expect("reopened").close().await.expect("merged");
    let path = segments(dir.path()).remove(0);
    let whole = std::fs::read(&path).expect("a segment");
    for at in (36..whole.len()).step_by(7) {
        for zero in [false, true] {
            let mut bytes = whole.clone();
            match zero {
                true => bytes[at..(at + 40).min(whole.len())].fill(0),
                false => bytes[at] ^= 0x10,
            }
            std::fs::write(&path, &bytes).expect("damaged");
            let read = ReadJournal::open(&root).await.expect("opens all the same");
            let mut whole_ones = BTreeSet::new();
            read.scan(&mut |found, _| {
                assert!((0..5).any(|n| entry(n) == found), "never a wrong entry");
                whole_ones.insert(found.key);
            })
            .await
            .expect("scanned");
            assert!(whole_ones.len() >= if zero { 3 } else { 4 }, "at {at}");
            if whole_ones.len() < 5 {
                assert!(!read.damage().is_empty(), "at {at}: lost and not named");
            }
            let mut got = 0;
            for n in 0..5 {
                got += usize::from(read.get(&entry(n).key).await.expect("no error").is_some());
            }
            assert!(got >= whole_ones.len(), "at {at}: {got} of {whole_ones:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_one_is_stopped_and_nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    for uri in ["memory://", dir.path().to_str().expect("a UTF-8 path")] {
        two_writers(&Store::open(uri).expect("a store")).await;
    }
}

/// A second writer takes over from one at work; also run on S3 by the store suite.
pub async fn two_writers(root: &Store) {
    let first = Arc::new(open(root).await.expect("the first writer"));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let env = Env::real();
    let work = {
        let (first, acknowledged) = (Arc::clone(&first), Arc::clone(&acknowledged));
        env.spawn(async move {
            for n in 0..100_000 {
                if let Err(e) = first.append(entry(n)).await {
                    return e;
                }
                acknowledged.store(n + 1, Ordering::SeqCst);
            }
            unreachable!("a writer that is never stopped")
        })
    };
    while acknowledged.load(Ordering::SeqCst) < 20 {
        env.sleep(Duration::from_millis(1)).await;
    }
    let second = open(root).await.expect("the second writer");
    let stopped = work.await.expect("no panic");
    assert!(matches!(stopped, JournalError::Fenced { .. }), "{stopped}");
    assert!(matches!(first.append(entry(1)).await, Err(JournalError::Fenced { .. })));
    assert!(matches!(first.close().await, Err(JournalError::Fenced { .. })));
    second.append(entry(1_000_000)).await.expect("the second goes on");
    second.close().await.expect("closed");
    let read = ReadJournal::open(root).await.expect("read");
    for n in 0..acknowledged.load(Ordering::SeqCst) {
        assert_eq!(read.get(&entry(n).key).await, Ok(Some(entry(n))), "entry {n}");
    }
    assert_eq!(read.damage(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_share_commits_and_merges_happen_meanwhile() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = Store::open(dir.path().to_str().expect("a UTF-8 path")).expect("a directory");
    let wait = Duration::from_millis(1);
    let env = Env::real();
    let journal = Journal::open(env.clone(), &root, "journal", wait).await.expect("a journal");
    let journal = Arc::new(journal);
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let journal = Arc::clone(&journal);
            env.spawn(async move {
                for n in 0..200 {
                    let entry = entry(task * 1000 + n);
                    journal.append(entry.clone()).await.expect("appended");
                    assert_eq!(journal.get(&entry.key).await, Ok(Some(entry)));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    journal.close().await.expect("closed");
    assert_eq!(segments(dir.path()).len(), 1);
    assert_eq!(ReadJournal::open(&root).await.expect("read").len(), 1600);
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_read_each_others_journals() {
    let root = Store::open("memory://").expect("a store");
    for (shard, n) in [("shards/0000-of-0002", 1), ("shards/0001-of-0002", 2)] {
        let dir = format!("{shard}/journal");
        let journal = Journal::open(Env::real(), &root, &dir, WAIT).await.expect("a journal");
        assert_eq!(journal.len() as u64, n - 1);
        journal.append(entry(n)).await.expect("appended");
    }
    let read = ReadJournal::open(&root).await.expect("read");
    assert_eq!(read.get(&entry(1).key).await, Ok(Some(entry(1))));
    assert_eq!(read.get(&entry(2).key).await, Ok(Some(entry(2))));
}

/// Answers after a moment and counts; fails with `fail` when there is one.
#[derive(Debug, Default)]
struct Slow {
    calls: AtomicU64,
    fail: Option<CallError>,
    image: bool,
}

#[async_trait::async_trait]
impl Model for Slow {
    async fn call(&self, _request: &Request) -> Result<Reply, CallError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Env::real().sleep(Duration::from_millis(20)).await;
        if let Some(error) = &self.fail {
            return Err(error.clone());
        }
        let mut reply = reply("answer");
        if self.image {
            let bytes = Bytes::from_static(b"a picture");
            let image = coldstart::record::ImageRef {
                digest: coldstart::record::Digest::of(&bytes),
                mime: coldstart::record::Mime::Png,
                width: 1,
                height: 1,
                bytes: bytes.len() as u64,
            };
            reply.output = Output::Image { image, bytes: Some(bytes) };
        }
        Ok(reply)
    }
}

async fn journaled(root: &Store, inner: Arc<Slow>) -> Arc<Journaled> {
    let journal = Arc::new(open(root).await.expect("a journal"));
    Arc::new(Journaled::new(Env::real(), journal, Blobs::new(root.clone(), 1 << 20), inner))
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_in_flight_are_bought_once_and_replayed_after() {
    let root = Store::open("memory://").expect("a store");
    let inner = Arc::new(Slow { image: true, ..Slow::default() });
    let model = journaled(&root, Arc::clone(&inner)).await;
    let same = request(1);
    let replies = futures::future::join_all((0..10).map(|_| model.call(&same))).await;
    for reply in replies {
        let Output::Image { image, bytes } = reply.expect("a reply").output else {
            panic!("an image was asked")
        };
        assert_eq!(bytes, None, "bytes stay below the journal");
        let blob = Blobs::new(root.clone(), 0).get(image.digest).await.expect("a blob");
        assert_eq!(&blob[..], b"a picture");
    }
    assert_eq!(inner.calls.load(Ordering::SeqCst), 1);
    model.call(&same).await.expect("replayed");
    let (role, counts) = model.counts().remove(0);
    assert_eq!((role.as_str(), counts.made, counts.replayed, counts.shared), ("teacher", 1, 1, 9));

    let again = journaled(&root, Arc::clone(&inner)).await;
    again.call(&same).await.expect("replayed by another process");
    assert_eq!(inner.calls.load(Ordering::SeqCst), 1);
    // The first process is fenced now, and says so when it buys.
    let fenced = model.call(&request(2)).await;
    assert!(matches!(fenced, Err(CallError::Fatal { kind: Fatal::Fenced, .. })), "{fenced:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_call_fails_all_who_share_it_and_a_cancelled_one_nobody() {
    let root = Store::open("memory://").expect("a store");
    let error = CallError::Record { what: "too long".to_string() };
    let failing = Arc::new(Slow { fail: Some(error.clone()), ..Slow::default() });
    let model = journaled(&root, Arc::clone(&failing)).await;
    let same = request(1);
    let outcomes = futures::future::join_all((0..5).map(|_| model.call(&same))).await;
    assert!(outcomes.iter().all(|o| *o == Err(error.clone())), "{outcomes:?}");
    assert_eq!(failing.calls.load(Ordering::SeqCst), 1);

    let inner = Arc::new(Slow::default());
    let model = journaled(&root, Arc::clone(&inner)).await;
    let env = Env::real();
    let leader = {
        let (model, same) = (Arc::clone(&model), same.clone());
        env.spawn(async move { model.call(&same).await })
    };
    while inner.calls.load(Ordering::SeqCst) == 0 {
        env.sleep(Duration::from_millis(1)).await;
    }
    let waiter = {
        let (model, same) = (Arc::clone(&model), same.clone());
        env.spawn(async move { model.call(&same).await })
    };
    env.sleep(Duration::from_millis(2)).await;
    leader.abort();
    waiter.await.expect("no panic").expect("the waiter made the call itself");
}

#[test]
fn a_store_error_keeps_its_kind_through_the_journal() {
    let full = StoreError::Full { place: "x".to_string() };
    assert_eq!(JournalError::from(full.clone()), JournalError::Store(full));
}
