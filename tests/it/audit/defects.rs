//! Ten kinds of damage planted in a sound RUN, each found by the check that is for it.

use super::made::{Plan, make};
use coldstart::archive::{RunDir, decisions};
use coldstart::audit::AuditReport;
use coldstart::audit::findings::Severity;
use coldstart::audit::gather::{Depth, gather};
use coldstart::call::{Output, Reply, Usage};
use coldstart::env::Env;
use coldstart::export::dataset;
use coldstart::journal::{Entry, Journal, ReadJournal};
use coldstart::record::{Decision, Disposition, NanoUsd, Report};
use coldstart::store::{DecisionWriter, Layout, Store};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A RUN to damage.
struct Victim {
    dir: tempfile::TempDir,
    store: Store,
}

impl Victim {
    async fn new() -> Victim {
        let dir = tempfile::tempdir().unwrap();
        let uri = dir.path().to_str().unwrap();
        make(uri, Plan { prompts: 60, ..Plan::default() }).await;
        let store = Store::open(uri).unwrap();
        Victim { dir, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Rewrites a stage's table, and the report where the planted defect is not in its counts.
    async fn rewrite(&self, stage: &str, change: impl FnOnce(&mut Vec<Decision>)) {
        let mut rows = decisions(&self.store, stage).await.unwrap();
        change(&mut rows);
        let mut writer = DecisionWriter::new(self.store.clone(), stage);
        for row in rows {
            writer.push(row).await.unwrap();
        }
        writer.finish().await.unwrap();
    }

    async fn run(&self) -> RunDir {
        RunDir::open(self.dir.path().to_str().unwrap()).await.unwrap()
    }

    /// Errors, as `check stage`. Whatever is found, the message says how to go on.
    async fn errors(&self) -> Vec<String> {
        let facts = gather(&self.run().await, Depth::Full).await.unwrap();
        let report = AuditReport::of("victim", &facts);
        let errors = report.findings.iter().filter(|f| f.severity == Severity::Error);
        errors
            .map(|f| {
                assert!(f.count > 0 && !f.help.is_empty(), "{f:?} does not help");
                format!("{} {}", f.check, f.stage).trim().to_owned()
            })
            .collect()
    }

    async fn finds(&self, wanted: &str) {
        let errors = self.errors().await;
        assert!(errors.iter().any(|e| e == wanted), "wanted `{wanted}`, found {errors:?}");
    }
}

fn files(under: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { out.extend(files(&path)) } else { out.push(path) }
    }
    out.sort();
    out
}

#[tokio::test]
async fn a_missing_blob() {
    let victim = Victim::new().await;
    std::fs::remove_file(&files(&victim.path(Layout::BLOBS))[3]).unwrap();
    victim.finds("blob_missing").await;
}

#[tokio::test]
async fn a_corrupt_blob() {
    let victim = Victim::new().await;
    let path = &files(&victim.path(Layout::BLOBS))[3];
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
    victim.finds("blob_corrupt").await;
}

#[tokio::test]
async fn a_cut_segment() {
    let victim = Victim::new().await;
    let path = files(&victim.path(Layout::JOURNAL)).pop().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
    victim.finds("segment").await;
    let errors = victim.errors().await;
    assert!(errors.iter().any(|e| e.starts_with("call_missing")), "{errors:?}");
    assert!(errors.iter().any(|e| e == "dataset_calls"), "{errors:?}");
}

#[tokio::test]
async fn an_altered_row() {
    let victim = Victim::new().await;
    victim.rewrite("judged", |rows| rows[2].category = "other".to_owned()).await;
    victim.finds("altered_row judged").await;
}

#[tokio::test]
async fn a_row_with_another_price() {
    let victim = Victim::new().await;
    victim.rewrite("first_round", |rows| rows[1].cost = NanoUsd(1)).await;
    victim.finds("row_cost first_round").await;
}

#[tokio::test]
async fn an_orphan_row() {
    let victim = Victim::new().await;
    let dropped = decisions(&victim.store, "hard").await.unwrap();
    let dropped = dropped.into_iter().find(|r| r.disposition == Disposition::Dropped).unwrap();
    victim
        .rewrite("first_round", |rows| {
            let like = rows[0].clone();
            rows.push(Decision {
                stage: like.stage,
                port: like.port,
                disposition: like.disposition,
                reason: String::new(),
                ..dropped
            });
        })
        .await;
    victim.finds("orphan_row first_round").await;
}

#[tokio::test]
async fn a_lost_row() {
    let victim = Victim::new().await;
    victim.rewrite("first_image", |rows| drop(rows.remove(4))).await;
    victim.finds("lost_record first_image").await;
    victim.finds("report first_image").await;
}

#[tokio::test]
async fn a_wrong_count() {
    let victim = Victim::new().await;
    let bytes = victim.store.get(Layout::REPORT).await.unwrap();
    let mut report: Report = serde_json::from_slice(&bytes).unwrap();
    report.stages[3].dropped += 1;
    let json = serde_json::to_vec(&report).unwrap();
    victim.store.put(Layout::REPORT, json.into()).await.unwrap();
    victim.finds("report hard").await;
}

#[tokio::test]
async fn a_duplicate_row() {
    let victim = Victim::new().await;
    victim.rewrite("unique", |rows| rows.insert(5, rows[5].clone())).await;
    victim.finds("repeated_row unique").await;
}

#[tokio::test]
async fn a_table_of_garbage() {
    let victim = Victim::new().await;
    std::fs::write(victim.path(&Layout::stage_part("better", 0)), b"PAR1 no more").unwrap();
    // And is all that is found: what cannot be read is not also lost, orphaned and miscounted.
    assert_eq!(victim.errors().await, ["unreadable"]);
}

#[tokio::test]
async fn a_lost_manifest() {
    let victim = Victim::new().await;
    let kept = AuditReport::of("whole", &gather(&victim.run().await, Depth::Full).await.unwrap());
    std::fs::remove_file(victim.path(Layout::MANIFEST)).unwrap();
    let report = AuditReport::of("lost", &gather(&victim.run().await, Depth::Full).await.unwrap());
    assert!(report.findings.iter().any(|f| f.check == "no_manifest" && !f.help.is_empty()));
    assert!(!report.broken(), "{:?}", report.findings);
    assert_eq!(report.funnel.kept, kept.funnel.kept, "the report tells the order of stages");
}

#[tokio::test]
async fn a_shard_with_a_row_twice() {
    let victim = Victim::new().await;
    let name = Layout::dataset_shard("train", 0);
    let bytes = victim.store.get(&name).await.unwrap();
    let mut shard = dataset::ShardWriter::new(dataset::ShardOptions::default()).unwrap();
    for (n, item) in dataset::read(bytes).unwrap().enumerate() {
        let (trajectory, images) = item.unwrap().into_parts();
        for _ in 0..1 + usize::from(n == 0) {
            shard.push(&trajectory, &images).unwrap();
        }
    }
    victim.store.put(&name, shard.finish().unwrap().concat().into()).await.unwrap();
    victim.finds("dataset_twice").await;
    victim.finds("dataset_digest").await;
}

#[tokio::test]
async fn a_passed_row_turned_into_a_drop_without_reason() {
    let victim = Victim::new().await;
    victim
        .rewrite("coherent", |rows| {
            rows[0].disposition = Disposition::Dropped;
            rows[0].reason.clear();
        })
        .await;
    victim.finds("law coherent").await;
}

#[tokio::test]
async fn an_edited_reply_under_another_key() {
    let victim = Victim::new().await;
    let journal = ReadJournal::open(&victim.store).await.unwrap();
    let mut first: Option<Entry> = None;
    journal.scan(&mut |entry, _| first = first.take().or(Some(entry))).await.unwrap();
    let mut entry = first.unwrap();
    // The key of a call nobody made, on a request that was.
    entry.key.0[0] ^= 1;
    entry.reply = Reply {
        output: Output::Text { text: "edited".to_owned(), reasoning: String::new() },
        usage: Usage::default(),
        ..entry.reply
    };
    let wait = Duration::from_millis(1);
    let journal = Journal::open(Env::real(), &victim.store, Layout::JOURNAL, wait).await.unwrap();
    journal.append(entry).await.unwrap();
    journal.close().await.unwrap();
    victim.finds("call_key").await;
}

/// The journal is asked by the dataset's own rows: a RUN of which only the shards are left.
#[tokio::test]
async fn a_dataset_without_its_journal() {
    let victim = Victim::new().await;
    for folder in [Layout::JOURNAL, Layout::STAGES] {
        std::fs::remove_dir_all(victim.path(folder)).unwrap();
    }
    victim.finds("dataset_calls").await;
}

#[tokio::test]
async fn a_shard_cut_short() {
    let victim = Victim::new().await;
    let path = victim.path(&Layout::dataset_shard("train", 0));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    victim.finds("unreadable").await;
    victim.finds("dataset_digest").await;
}
