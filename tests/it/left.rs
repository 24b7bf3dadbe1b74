//! What finished shards leave: the run that assembles takes their walks and reads no call of theirs,
//! and comes to the same bytes as by replaying the journals, which it does where a leave is of no use.

use crate::run::{Go, conserved, memory, outcome};
use coldstart::env::Env;
use coldstart::journal::{Journal, ReadJournal};
use coldstart::record::Report;
use coldstart::run::Shard;
use coldstart::store::{Layout, Store};
use std::time::Duration;

const OF: u32 = 3;

/// A few records of the default pipeline.
fn small() -> Go<'static> {
    Go { limit: 6, ..Go::default() }
}

/// A RUN of which all shards are finished, and how many calls they made.
async fn sharded(go: &Go<'_>, shards: std::ops::Range<u32>) -> (Store, u64) {
    let store = memory();
    let mut made = 0;
    for index in shards {
        let shard = Some(Shard { index, of: OF });
        let part = Go { shard, pipeline: go.pipeline, ..small() };
        let report = part.run(&Env::test(1), &store).await.expect("runs");
        conserved(&report);
        assert_eq!(report.calls.taken, 0, "a shard takes nothing");
        made += report.calls.made;
    }
    (store, made)
}

async fn assemble(go: &Go<'_>, store: &Store) -> Report {
    let report = go.run(&Env::test(1), store).await.expect("assembles");
    conserved(&report);
    report
}

/// The names of what all shards left.
async fn parts(store: &Store) -> Vec<String> {
    let listed = store.list(Layout::SHARDS).await.expect("lists");
    let parts = listed.into_iter().map(|(name, _)| name);
    parts.filter(|name| name.split('/').nth(2) == Some(Layout::SHARD_LEFT)).collect()
}

/// The same command again, with nothing left to take.
async fn assemble_by_journals(go: &Go<'_>, store: &Store) -> Report {
    for part in parts(store).await {
        store.delete(&part).await.expect("deletes");
    }
    assemble(go, store).await
}

/// The same as another report, but for which calls this process made, replayed and took.
fn alike(a: &Report, b: &Report) {
    let plain = |report: &Report| {
        let mut report = report.clone();
        let calls = &mut report.calls;
        (calls.made, calls.replayed, calls.taken) = (0, 0, 0);
        for role in calls.by_role.values_mut() {
            (role.made, role.replayed) = (0, 0);
        }
        report
    };
    assert_eq!(plain(a), plain(b));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_assembly_takes_what_shards_left_and_replays_nothing() {
    let go = Go { pipeline: "paper", ..small() };
    let whole = memory();
    let alone = go.run(&Env::test(1), &whole).await.expect("runs");
    let (store, made) = sharded(&go, 0..OF).await;
    let taken = assemble(&go, &store).await;
    assert_eq!((taken.calls.made, taken.calls.replayed, taken.calls.taken), (0, 0, made));
    alike(&taken, &alone);
    let bytes = outcome(&store).await;
    assert_eq!(bytes, outcome(&whole).await);
    let replayed = assemble_by_journals(&go, &store).await;
    assert_eq!((replayed.calls.made, replayed.calls.taken), (0, 0));
    assert!(replayed.calls.replayed >= made);
    alike(&replayed, &taken);
    assert_eq!(outcome(&store).await, bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leave_that_is_damaged_or_of_another_version_is_replayed() {
    let go = small();
    let (store, made) = sharded(&go, 0..OF).await;
    let whole = assemble(&go, &store).await;
    let bytes = outcome(&store).await;
    let mut names = parts(&store).await;
    assert_eq!(names.len(), OF as usize, "a part each: {names:?}");

    let part = names.remove(0);
    let good = store.get(&part).await.expect("reads");
    let mut bad = good.to_vec();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    store.put(&part, bad.into()).await.expect("writes");
    let marker = format!("{}/{}", Layout::shard(1, OF), Layout::SHARD_DONE);
    let text = String::from_utf8(store.get(&marker).await.expect("reads").to_vec()).expect("UTF-8");
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.contains(version), "{text}");
    store.put(&marker, text.replace(version, "0.0.0").into()).await.expect("writes");

    let report = assemble(&go, &store).await;
    let calls = &report.calls;
    assert!(calls.taken > 0 && calls.replayed > 0 && calls.taken < made, "{calls:?}");
    assert_eq!(calls.made, 0);
    alike(&report, &whole);
    assert_eq!(outcome(&store).await, bytes);
}

/// Two shards that bought the same call heard two replies, and the journal answers with one of them:
/// what was decided by the other is not taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_is_not_taken_when_a_call_of_it_was_bought_twice() {
    let go = small();
    let (store, made) = sharded(&go, 0..OF).await;
    let journal = ReadJournal::open(&store).await.expect("opens");
    let mut calls = Vec::new();
    journal.scan(&mut |entry, _| calls.push(entry)).await.expect("scans");
    let mut teachers = calls.into_iter().filter(|entry| entry.request.role() == "teacher");
    let mut again = teachers.next().expect("a teacher's");
    again.reply = teachers.next().expect("another").reply;
    // The first folder in the catalog's order: its reply is the one that counts.
    let other = Journal::open(Env::test(2), &store, Layout::JOURNAL, Duration::from_millis(1));
    let other = other.await.expect("opens");
    let (key, heard) = (again.key, again.reply.clone());
    other.append(again).await.expect("appends");
    other.close().await.expect("closes");
    let journal = ReadJournal::open(&store).await.expect("opens");
    let answer = journal.get(&key).await.expect("reads").expect("is there");
    assert_eq!(answer.reply, heard, "the journal answers with the other reply");
    let report = assemble(&go, &store).await;
    let calls = &report.calls;
    assert!(calls.replayed > 0 && calls.taken > 0 && calls.taken < made, "{calls:?}");
    let bytes = outcome(&store).await;
    alike(&assemble_by_journals(&go, &store).await, &report);
    assert_eq!(outcome(&store).await, bytes);
}

/// A picture that was lost is drawn again, as a replay would have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_is_not_taken_when_its_picture_is_lost() {
    let go = small();
    let (store, _) = sharded(&go, 0..OF).await;
    let whole = assemble(&go, &store).await;
    let bytes = outcome(&store).await;
    for (name, _) in store.list(Layout::BLOBS).await.expect("lists") {
        store.delete(&name).await.expect("deletes");
    }
    let report = assemble(&go, &store).await;
    assert!(report.calls.made > 0 && report.calls.taken > 0, "{:?}", report.calls);
    assert_eq!(report.dataset, whole.dataset);
    assert_eq!(outcome(&store).await, bytes);
}

/// Of missing shards nothing is there to be taken: their work is done here, when that is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finished_shards_are_taken_beside_the_work_of_missing_ones() {
    let go = Go { buy_missing: true, ..small() };
    let whole = memory();
    let alone = go.run(&Env::test(1), &whole).await.expect("runs");
    let (store, made) = sharded(&go, 0..2).await;
    let report = assemble(&go, &store).await;
    let calls = &report.calls;
    assert_eq!((calls.taken, calls.made), (made, alone.calls.made - made));
    assert_eq!(outcome(&store).await, outcome(&whole).await);
}
