//! Stores: one suite that every kind of store runs, and what only some can show.

use bytes::Bytes;
use coldstart::archive::{ArchiveError, decisions, stages};
use coldstart::record::{
    Answer, CallKey, Check, CheckSource, Decision, Digest, Disposition, Evidence, Id, NanoUsd, Vote,
};
use coldstart::store::{
    Blobs, Created, DecisionWriter, Layout, Ledger, Store, StoreError, encode_decisions,
};

fn is_not_found<T: std::fmt::Debug>(got: Result<T, StoreError>) {
    assert!(matches!(got, Err(StoreError::NotFound { .. })), "{got:?}");
}

/// What every store must do; `store` is empty and stays usable.
async fn conformance(store: &Store) {
    objects(store).await;
    creates(store).await;
    names(store).await;
    large(store).await;
    blobs(store).await;
}

async fn objects(store: &Store) {
    is_not_found(store.get("a/b").await);
    is_not_found(store.size("a/b").await);
    is_not_found(store.reader("a/b").await.map(|r| r.size()));
    assert_eq!(store.exists("a/b").await, Ok(false));
    assert_eq!(store.list("a").await, Ok(vec![]));
    store.put("a/b", Bytes::from_static(b"0123456789")).await.expect("put");
    store.put("a/b", Bytes::from_static(b"abcdefghij")).await.expect("replaced");
    store.put("a/ä ö.txt", Bytes::new()).await.expect("an odd name, an empty object");
    store.put("ab", Bytes::from_static(b"not in folder a")).await.expect("put");
    assert_eq!(store.get("a/b").await, Ok(Bytes::from_static(b"abcdefghij")));
    assert_eq!(store.get_range("a/b", 2..5).await, Ok(Bytes::from_static(b"cde")));
    assert_eq!(store.get_range("a/b", 8..50).await, Ok(Bytes::from_static(b"ij")));
    let reader = store.reader("a/b").await.expect("opened");
    assert_eq!(reader.read_at(2, 3).await, Ok(Bytes::from_static(b"cde")));
    assert!(matches!(reader.read_at(8, 3).await, Err(StoreError::Damaged { .. })));
    let listed = vec![("a/b".to_string(), 10), ("a/ä ö.txt".to_string(), 0)];
    assert_eq!(store.list("a").await, Ok(listed.clone()));
    assert_eq!(store.list("a/").await, Ok(listed));
    assert_eq!(store.list("").await.expect("listed").len(), 3);
    let under = store.under("a");
    assert_eq!(under.get("b").await, Ok(Bytes::from_static(b"abcdefghij")));
    assert_eq!(under.list("").await.expect("listed")[0], ("b".to_string(), 10));
    for name in ["a/b", "a/b", "ab", "a/ä ö.txt"] {
        store.delete(name).await.expect("deleted, or not there");
    }
    assert_eq!(store.list("").await, Ok(vec![]));
}

async fn creates(store: &Store) {
    let racers = (0..4).map(|n| store.create("race", Bytes::from(format!("racer {n}"))));
    let outcomes = futures::future::join_all(racers).await;
    let outcomes: Vec<Created> = outcomes.into_iter().map(|o| o.expect("created")).collect();
    let winner = outcomes.iter().position(|o| *o == Created::New).expect("a winner");
    assert_eq!(outcomes.iter().filter(|o| **o == Created::New).count(), 1, "{outcomes:?}");
    assert_eq!(store.get("race").await, Ok(Bytes::from(format!("racer {winner}"))));
    // The same bytes from another writer are not ours.
    let again = store.create("race", Bytes::from(format!("racer {winner}"))).await;
    assert_eq!(again, Ok(Created::AlreadyThere));
    store.delete("race").await.expect("deleted");
}

async fn names(store: &Store) {
    for name in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\b", "a\nb", "a#1"] {
        let refused = store.put(name, Bytes::new()).await;
        assert!(matches!(refused, Err(StoreError::Location { .. })), "{name:?}: {refused:?}");
        assert!(matches!(store.get(name).await, Err(StoreError::Location { .. })), "{name:?}");
    }
}

async fn large(store: &Store) {
    let mut writer = store.writer("big/object").await.expect("a writer");
    let mut whole = blake3::Hasher::new();
    let chunk = |n: u64| Bytes::from(blake3::hash(&n.to_le_bytes()).as_bytes().repeat(12_345));
    for n in 0..50 {
        whole.update(&chunk(n));
        writer.write(chunk(n)).await.expect("written");
    }
    assert_eq!(store.exists("big/object").await, Ok(false), "not before it is finished");
    let written = writer.written();
    writer.finish().await.expect("finished");
    assert_eq!(store.size("big/object").await, Ok(written));
    let got = store.get("big/object").await.expect("read");
    assert_eq!(blake3::hash(&got), whole.finalize());
    let reader = store.reader("big/object").await.expect("opened");
    for at in [0, 262_100, 19_000_000] {
        let piece = reader.read_at(at, 300_000).await.expect("read");
        assert_eq!(piece, got.slice(at as usize..at as usize + 300_000));
    }
    store.writer("small").await.expect("a writer").finish().await.expect("empty");
    assert_eq!(store.size("small").await, Ok(0));
    let mut dropped = store.writer("big/dropped").await.expect("a writer");
    dropped.write(Bytes::from(vec![1; 9 << 20])).await.expect("written");
    drop(dropped);
    assert_eq!(store.exists("big/dropped").await, Ok(false));
    assert_eq!(store.list("").await.expect("listed").len(), 2);
    // Many at once, one of them not there.
    let names = ["big/object", "never/written", "small"].map(str::to_owned);
    store.delete_all(&names).await.expect("deleted, or not there");
    for name in names {
        is_not_found(store.get(&name).await);
    }
    store.delete_all(&[]).await.expect("nothing to delete");
}

async fn blobs(store: &Store) {
    let blobs = Blobs::new(store.clone(), 1000);
    let picture = Bytes::from_static(b"a picture");
    let puts = futures::future::join_all((0..20).map(|_| blobs.put(picture.clone()))).await;
    let digest = Digest::of(&picture);
    assert!(puts.into_iter().all(|put| put == Ok(digest)));
    assert_eq!(Blobs::new(store.clone(), 0).get(digest).await, Ok(picture.clone()));
    is_not_found(blobs.get(Digest::of(b"another")).await);
    // A wrong byte is found on reading; a wrong size also on writing, and mended.
    store.put(&Blobs::name(digest), Bytes::from_static(b"A picture")).await.expect("damaged");
    let got = Blobs::new(store.clone(), 0).get(digest).await;
    assert!(matches!(got, Err(StoreError::Damaged { .. })), "{got:?}");
    store.put(&Blobs::name(digest), Bytes::new()).await.expect("damaged");
    Blobs::new(store.clone(), 0).put(picture.clone()).await.expect("mended");
    assert_eq!(Blobs::new(store.clone(), 0).get(digest).await, Ok(picture));
    store.delete(&Blobs::name(digest)).await.expect("deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_directory_conforms() {
    let dir = tempfile::tempdir().expect("a folder");
    // Made when first written, and with a name that a URL would have to escape.
    let path = dir.path().join("not there yet/ä %20#");
    let store = Store::open(path.to_str().expect("a UTF-8 path")).expect("a directory");
    assert_eq!(store.list("").await, Ok(vec![]));
    conformance(&store).await;
    let name = store.local_path("a/b").expect("a path");
    assert!(name.ends_with("a/b"), "{name:?}");
    assert_eq!(store.local_path("../x"), None);
    // What a crash leaves half-written is not listed.
    store.put("a/b", Bytes::new()).await.expect("put");
    std::fs::write(name.with_file_name("c#1"), "half").expect("written");
    assert_eq!(store.list("a").await, Ok(vec![("a/b".to_string(), 0)]));
    assert_eq!(store.clean("", 1), Ok(0), "its writer may be at work");
    assert_eq!(store.clean("", u64::MAX), Ok(1));
    assert_eq!(store.clean("not there", u64::MAX), Ok(0));
    assert!(name.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    conformance(&Store::open("memory://").expect("a store")).await;
    conformance(&Store::open("memory://").expect("a store").under("a/prefix")).await;
}

/// Runs itself as a child process, whose environment holds the server's address: that is how a
/// user would give it.
#[tokio::test(flavor = "multi_thread")]
async fn an_s3_server_conforms() {
    const URI: &str = "COLDSTART_TEST_S3_URI";
    let Ok(uri) = std::env::var(URI) else {
        let Some(s3) = crate::s3::S3::start() else {
            eprintln!("skipped: no S3 server here; tests/s3/setup.sh installs one");
            return;
        };
        let child = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "store::an_s3_server_conforms", "--nocapture"])
            .env(URI, format!("s3://{}/runs/one", crate::s3::BUCKET))
            .env("AWS_ENDPOINT_URL", &s3.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .output()
            .expect("a child");
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{}{said}", String::from_utf8_lossy(&child.stdout));
        return;
    };
    let store = Store::open(&uri).expect("a bucket");
    conformance(&store).await;
    // The reply to this PUT is lost; the client sends it again and meets its own object.
    let created = store.create("lost_reply", Bytes::from_static(b"mine")).await;
    assert_eq!(created, Ok(Created::New));
    assert_eq!(store.get("lost_reply").await, Ok(Bytes::from_static(b"mine")));
    let again = store.create("lost_reply", Bytes::from_static(b"mine")).await;
    assert_eq!(again, Ok(Created::AlreadyThere));
    store.delete("lost_reply").await.expect("deleted");
    crate::journal::two_writers(&store).await;
    let nowhere = Store::open("s3://no-such-bucket/x").expect("opened, not yet asked");
    let refused = nowhere.put("a", Bytes::new()).await.map_err(|e| e.to_string());
    assert!(
        refused.as_ref().is_err_and(|e| e.contains("the bucket does not exist")),
        "{refused:?}"
    );
    let refused = nowhere.list("a").await.map_err(|e| e.to_string());
    assert!(
        refused.as_ref().is_err_and(|e| e.contains("the bucket does not exist")),
        "{refused:?}"
    );
}

#[test]
fn what_cannot_be_opened_says_why() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let file = file.path().to_str().expect("a UTF-8 path");
    for (uri, why) in [
        ("ftp://x/y", "`ftp` is not a scheme"),
        ("", "empty"),
        ("s3://", "bucket's name"),
        (file, "a file"),
    ] {
        let error = Store::open(uri).expect_err(uri).to_string();
        assert!(error.contains(why), "{uri}: {error}");
    }
}

fn decision(n: u64) -> Decision {
    let call = CallKey(*blake3::hash(&n.to_le_bytes()).as_bytes());
    let odd = n % 2 == 1;
    Decision {
        stage: "judged".to_string(),
        id: Id::of("pool", &n.to_string(), "q"),
        category: ["counting", "colour", "size"][n as usize % 3].to_string(),
        source: "pool".to_string(),
        disposition: match n % 5 {
            0 => Disposition::Dropped,
            1 => Disposition::Failed,
            _ => Disposition::Passed,
        },
        port: if n % 5 > 1 { "satisfied".to_string() } else { String::new() },
        reason: if n % 5 > 1 { String::new() } else { "bad_format".to_string() },
        evidence: Evidence {
            note: format!("saw {n} \"things\"\n\u{1F600}"),
            score: odd.then_some(n as f32 / 1e6),
            votes: vec![
                Vote { ask: "vote_1".to_string(), answer: "tie".to_string(), call: Some(call) },
                Vote { ask: "vote_2".to_string(), answer: "first".to_string(), call: None },
            ],
            checks: if odd {
                vec![check("a1", Answer::Void), check("r2", Answer::Yes)]
            } else {
                vec![]
            },
            peer: odd.then(|| Id::of("pool", "peer", "q")),
        },
        calls: vec![call; n as usize % 3],
        cost: NanoUsd(n * 1000),
        prompt: format!("{n} red cubes"),
        prompt_chars: 0,
    }
}

fn check(id: &str, answer: Answer) -> Check {
    Check {
        id: id.to_string(),
        source: if id.starts_with('a') { CheckSource::Atom } else { CheckSource::Rule },
        question: "are there three?".to_string(),
        answer,
        evidence: "two of three".to_string(),
    }
}

#[tokio::test]
async fn a_stage_table_gives_back_its_rows_and_equal_rows_give_equal_bytes() {
    let rows: Vec<Decision> = (0..3000).map(decision).collect();
    assert_eq!(encode_decisions(&rows).expect("encoded"), encode_decisions(&rows).expect("again"));
    let store = Store::open("memory://").expect("a store");
    store.put(&Layout::stage_part("judged", 7), Bytes::new()).await.expect("a stale part");
    for _ in 0..2 {
        let mut table = DecisionWriter::new(store.clone(), "judged");
        for row in &rows {
            table.push(row.clone()).await.expect("pushed");
        }
        assert_eq!(table.finish().await, Ok(3000));
        DecisionWriter::new(store.clone(), "empty").finish().await.expect("an empty table");
    }
    let names = store.list("stages").await.expect("listed");
    assert_eq!(names.len(), 2, "{names:?}");
    let part = store.get(&names[1].0).await.expect("a part");
    assert_eq!(part, encode_decisions(&rows).expect("encoded"), "streamed or not, the same bytes");
    assert_eq!(decisions(&store, "judged").await.unwrap(), rows);
    assert_eq!(decisions(&store, "empty").await.unwrap(), vec![]);
    assert_eq!(stages(&store).await.unwrap(), ["empty", "judged"]);
    store.put(&names[1].0, part.slice(..part.len() / 2)).await.expect("cut");
    let cut = decisions(&store, "judged").await;
    assert!(matches!(cut, Err(ArchiveError::Damaged(_))), "{cut:?}");
}

#[tokio::test]
async fn a_live_run_is_read_from_its_ledger_and_later_rows_win() {
    let store = Store::open("memory://").expect("a store");
    for shard in ["shards/0000-of-0002", "shards/0001-of-0002"] {
        let first = shard.contains("0000");
        for (attempt, rows) in [(0, 0..30), (1, 10..20)] {
            let ledger = Ledger::open(&store.under(shard)).await.expect("a ledger");
            for n in rows {
                let mut row = decision(if first { n } else { n + 1000 });
                row.port = format!("attempt {attempt}");
                ledger.push(&row);
                ledger.push(&Decision { stage: "judged_late".to_string(), ..row });
            }
            ledger.flush().await.expect("flushed");
            ledger.flush().await.expect("nothing left to flush");
        }
    }
    let rows = decisions(&store, "judged").await.expect("read");
    assert_eq!(rows.len(), 60);
    assert_eq!(rows.iter().filter(|row| row.port == "attempt 1").count(), 20);
    assert_eq!(stages(&store).await.expect("listed"), ["judged", "judged_late"]);
    // Tables at the root are of all shards.
    let mut table = DecisionWriter::new(store.clone(), "judged");
    table.push(decision(5)).await.expect("pushed");
    table.finish().await.expect("written");
    assert_eq!(decisions(&store, "judged").await.unwrap(), vec![decision(5)]);
}
