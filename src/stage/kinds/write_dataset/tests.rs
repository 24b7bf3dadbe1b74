//! The sink as a run uses it, with pictures in a store in memory.

use super::*;
use crate::export::dataset::read;
use crate::media::{Outline, Picture};
use crate::record::{Id, ImageRef, Judgement, Outcome, Report};
use crate::store::{Blobs, Store};
use serde_json::json;

/// A picture of some 75 KB that compresses not at all.
fn picture(n: u64) -> Bytes {
    let mut rgb = vec![0; 160 * 160 * 3];
    blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut rgb);
    Picture { width: 160, height: 160, rgb }.to_png().expect("encodes").into()
}

async fn record(n: u64, blobs: &Blobs) -> Trajectory {
    let bytes = picture(n);
    let Outline { mime, width, height, .. } = Outline::read(&bytes).expect("a picture");
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    // The picture of every seventh is lost.
    if n % 7 != 6 {
        blobs.put(bytes).await.expect("puts");
    }
    let text = format!("prompt {n}");
    let id = Id::of("test", &n.to_string(), &text);
    let prompt = json!({"id": id, "text": text, "category": "c", "source": "test"});
    let prompt = serde_json::from_value(prompt).expect("a prompt");
    let round = Round {
        thinking: "T".into(),
        refined: "P".into(),
        image: Some(ImageRef { digest, mime, width, height, bytes: size }),
        seed: None,
        judgement: Some(Judgement {
            rationale: "J".into(),
            satisfied: true,
            score: 1.0,
            checks: Vec::new(),
            posterior: None,
            claims: None,
        }),
    };
    Trajectory { rounds: vec![round], outcome: Some(Outcome::OneRound), ..Trajectory::new(prompt) }
}

async fn sealed(shard_bytes: u64, records: u64) -> (Sealed, Vec<(String, Bytes)>) {
    let store = Store::open("memory://").expect("opens");
    let cx = SinkCx {
        store: store.clone(),
        blobs: Blobs::new(store.clone(), 0),
        about: Report::default(),
        pipeline: "p".into(),
        pipeline_digest: "d".into(),
        models: Vec::new(),
    };
    let mut all = Vec::new();
    for n in 0..records {
        all.push(Ok(record(n, &cx.blobs).await));
    }
    let sink = WriteDataset { shard_bytes, split: "train".into(), licence: None };
    let records = futures::stream::iter(all).boxed();
    let sealed = sink.write(records, &cx).await.expect("writes");
    let mut shards = Vec::new();
    for (name, _) in store.list(Layout::DATASET).await.expect("lists") {
        if name.ends_with(".parquet") {
            shards.push((name.clone(), store.get(&name).await.expect("reads")));
        }
    }
    (sealed, shards)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_are_closed_at_their_size_and_hold_every_row_in_order() {
    let rows = |shards: &[(String, Bytes)]| -> Vec<String> {
        let rows = shards.iter().flat_map(|(_, bytes)| read(bytes.clone()).expect("a shard"));
        rows.map(|row| row.expect("whole").row.prompt).collect()
    };
    let (one, whole) = sealed(u64::MAX, 30).await;
    let expected: Vec<String> =
        (0..30).filter(|n| n % 7 != 6).map(|n| format!("prompt {n}")).collect();
    assert_eq!((whole.len(), rows(&whole)), (1, expected.clone()));
    let (cut, shards) = sealed(400_000, 30).await;
    assert_eq!((cut.rows, one.rows, rows(&shards)), (26, 26, expected));
    let sizes: Vec<usize> = shards.iter().map(|(_, bytes)| bytes.len()).collect();
    let (last, full) = sizes.split_last().expect("shards");
    assert!(full.len() > 1 && *last < 800_000, "{sizes:?}");
    assert!(full.iter().all(|size| (400_000..800_000).contains(size)), "{sizes:?}");
    let lost: Vec<Id> = cut.failed.iter().map(|(id, _)| *id).collect();
    let lost_at = |n: u64| Id::of("test", &n.to_string(), &format!("prompt {n}"));
    assert_eq!(lost, [6, 13, 20, 27].map(lost_at));
    assert_eq!((sealed(400_000, 0).await.0.rows, sealed(400_000, 0).await.1.len()), (0, 0));
    let (again, _) = sealed(400_000, 30).await;
    assert!(again.digest == cut.digest && one.digest != cut.digest);
}
