//! The journal at work: what was acknowledged is there again, also when taken over, merged, shared.

use bytes::Bytes;
use coldstart::call::{
    CallError, ChatRequest, Fatal, KeyedRequest, Model, Output, Reply, Request, Sampling, Usage,
};
use coldstart::env::Env;
use coldstart::journal::{Entry, Journal, JournalError, Journaled, ReadJournal};
use coldstart::record::{Message, NanoUsd, Part, Speaker};
use coldstart::store::{Blobs, Store, StoreError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const WAIT: Duration = Duration::from_millis(5);

fn request(n: u64) -> Request {
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

pub fn entry(n: u64) -> Entry {
    let request = request(n);
    // Hard to compress, so that a frame has a body worth cutting.
    let noise = blake3::hash(&n.to_le_bytes()).to_hex().to_string();
    Entry { key: request.key(), at_ms: n, request, reply: reply(&noise) }
}

pub async fn open(root: &Store) -> Result<Journal, JournalError> {
    Journal::open(Env::real(), root, "journal", WAIT).await
}

/// Segments that hold frames, oldest first.
pub fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let found = std::fs::read_dir(dir.join("journal")).expect("a journal folder");
    let mut found: Vec<_> = found
        .map(|file| file.expect("a readable folder").path())
        .filter(|path| path.metadata().expect("a file").len() > 44)
        .collect();
    found.sort();
    found
}

pub async fn written(dir: &Path, entries: u64) -> Store {
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
    let keys: Vec<_> = [7, 31, 99].map(|n| entry(n).key).into();
    let few = ReadJournal::open_for(&root, &keys).await.expect("read");
    let mut found = Vec::new();
    few.scan(&mut |entry, _| found.push(entry.at_ms)).await.expect("scanned");
    assert_eq!((found, few.len()), (vec![7, 31], 2), "as if nothing else had been called");
    assert_eq!(read.damage(), []);
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
    async fn call(&self, _request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        let nth = self.calls.fetch_add(1, Ordering::SeqCst);
        Env::real().sleep(Duration::from_millis(20)).await;
        if let Some(error) = &self.fail {
            return Err(error.clone());
        }
        let mut reply = reply("answer");
        if self.image {
            let bytes = Bytes::from(format!("picture {nth}"));
            let image = coldstart::record::ImageRef {
                digest: coldstart::record::Digest::of(&bytes),
                mime: coldstart::record::Mime::Png,
                width: 1,
                height: 1,
                bytes: bytes.len() as u64,
            };
            reply.output = Output::Image { image, blank: false, bytes: Some(bytes) };
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
    let replies = futures::future::join_all((0..10).map(|_| model.call(same.keyed()))).await;
    for reply in replies {
        let Output::Image { image, bytes, .. } = reply.expect("a reply").output else {
            panic!("an image was asked")
        };
        assert_eq!(bytes, None, "bytes stay below the journal");
        let blob = Blobs::new(root.clone(), 0).get(image.digest).await.expect("a blob");
        assert_eq!(&blob[..], b"picture 0");
    }
    assert_eq!(inner.calls.load(Ordering::SeqCst), 1);
    model.call(same.keyed()).await.expect("replayed");
    let (role, counts) = model.counts().remove(0);
    assert_eq!((role.as_str(), counts.made, counts.replayed, counts.shared), ("teacher", 1, 1, 9));

    let again = journaled(&root, Arc::clone(&inner)).await;
    again.call(same.keyed()).await.expect("replayed by another process");
    assert_eq!(inner.calls.load(Ordering::SeqCst), 1);
    // The first process is fenced now, and says so when it buys.
    let fenced = model.call(request(2).keyed()).await;
    assert!(matches!(fenced, Err(CallError::Fatal { kind: Fatal::Fenced, .. })), "{fenced:?}");
}

/// Over another RUN's journal nothing is written, and each call counts once.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_journal_answers_is_counted_and_not_journaled_again() {
    let root = Store::open("memory://").expect("a store");
    let journal = Arc::new(open(&root).await.expect("a journal"));
    let blobs = Blobs::new(root.clone(), 0);
    let inner = Arc::new(Slow::default());
    let model = Journaled::new(Env::real(), Arc::clone(&journal), blobs, inner).passing();
    for n in [1, 2, 1, 1] {
        model.call(request(n).keyed()).await.expect("a reply");
    }
    let (_, counts) = model.counts().remove(0);
    assert_eq!((counts.made, counts.replayed), (2, 2));
    assert!(journal.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_picture_is_bought_again_and_the_new_one_counts() {
    let root = Store::open("memory://").expect("a store");
    let inner = Arc::new(Slow { image: true, ..Slow::default() });
    let same = request(1);
    let digest = |reply: Reply| match reply.output {
        Output::Image { image, .. } => image.digest,
        other => panic!("an image was asked: {other:?}"),
    };
    let first = journaled(&root, Arc::clone(&inner)).await.call(same.keyed()).await.map(digest);
    root.delete(&Blobs::name(first.expect("a picture"))).await.expect("lost");
    for n in 0..3 {
        let model = journaled(&root, Arc::clone(&inner)).await;
        let again = model.call(same.keyed()).await.map(digest).expect("drawn anew, then replayed");
        assert!(Blobs::new(root.clone(), 0).get(again).await.is_ok());
        assert_eq!(inner.calls.load(Ordering::SeqCst), 2, "bought again once only (run {n})");
        if n == 1 {
            open(&root).await.expect("opened").close().await.expect("merged");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_call_fails_all_who_share_it_and_a_cancelled_one_nobody() {
    let root = Store::open("memory://").expect("a store");
    let error = CallError::Record { what: "too long".to_string() };
    let failing = Arc::new(Slow { fail: Some(error.clone()), ..Slow::default() });
    let model = journaled(&root, Arc::clone(&failing)).await;
    let same = request(1);
    let outcomes = futures::future::join_all((0..5).map(|_| model.call(same.keyed()))).await;
    assert!(outcomes.iter().all(|o| *o == Err(error.clone())), "{outcomes:?}");
    assert_eq!(failing.calls.load(Ordering::SeqCst), 1);

    let inner = Arc::new(Slow::default());
    let model = journaled(&root, Arc::clone(&inner)).await;
    let env = Env::real();
    let leader = {
        let (model, same) = (Arc::clone(&model), same.clone());
        env.spawn(async move { model.call(same.keyed()).await })
    };
    while inner.calls.load(Ordering::SeqCst) == 0 {
        env.sleep(Duration::from_millis(1)).await;
    }
    let waiter = {
        let (model, same) = (Arc::clone(&model), same.clone());
        env.spawn(async move { model.call(same.keyed()).await })
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
