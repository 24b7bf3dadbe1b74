//! What is written is read back, under a bound, byte for byte the same each time.

use super::*;
use crate::media::{Outline, Picture};
use crate::record::*;
use bytes::Bytes;

fn png(shade: u8) -> Bytes {
    let side = 16 + usize::from(shade);
    Picture { width: side, height: side, rgb: vec![shade; side * side * 3] }
        .to_png()
        .unwrap()
        .into()
}

fn image(bytes: &Bytes) -> ImageRef {
    let Outline { mime, width, height, .. } = Outline::read(bytes).unwrap();
    ImageRef { digest: Digest::of(bytes), mime, width, height, bytes: bytes.len() as u64 }
}

/// A record with every field in use.
fn full(n: u8) -> (Trajectory, Vec<Bytes>) {
    let (first, second) = (png(n), png(n + 1));
    let check = Check {
        id: "a1".into(),
        source: CheckSource::Atom,
        question: String::new(),
        answer: Answer::Unsure,
        evidence: "four, not five".into(),
    };
    let round = |k: u8, bytes: &Bytes, satisfied| Round {
        thinking: format!("T{k}"),
        refined: format!("P{k}"),
        image: Some(image(bytes)),
        seed: Some(u64::MAX - u64::from(n)),
        judgement: Some(Judgement {
            rationale: format!("J{k}"),
            satisfied,
            score: 0.1 * f32::from(k),
            checks: vec![check.clone()],
            posterior: Some(0.995),
            claims: None,
        }),
    };
    let spec = r#"{"include":[{"class":"clock","count":5}],"text":"noon"}"#;
    let text = format!("five clocks {n}");
    let prompt = Prompt {
        id: Id::of("test", "1", &text),
        text,
        category: "counting".into(),
        source: "test".into(),
        key: Some("1".into()),
        reference: Some(image(&second)),
        spec: serde_json::from_str(spec).ok(),
        gloss: Some("5 clocks".into()),
        licence: Some("cc0-1.0".into()),
    };
    let trajectory = Trajectory {
        prompt,
        atoms: vec![Atom {
            id: "a1".into(),
            kind: AtomKind::Count,
            question: "Are there five?".into(),
            expected: "five".into(),
            parents: vec!["a0".into()],
        }],
        attempts: vec![Attempt { seed: 3, image: image(&first), satisfied: false }],
        rounds: vec![round(1, &first, false), round(2, &second, true)],
        comparisons: vec![Comparison {
            orders: [Preference::Second, Preference::Tie],
            winner: Preference::Tie,
        }],
        improved: true,
        outcome: Some(Outcome::Closed),
        rollouts: Vec::new(),
        rejected: None,
        calls: vec![CallKey([n; 32])],
        models: vec!["m".into()],
        simulated: true,
    };
    (trajectory, vec![first, second])
}

fn bare(n: u8) -> (Trajectory, Vec<Bytes>) {
    let (mut trajectory, _) = full(n);
    trajectory.rounds.truncate(1);
    trajectory.rounds[0].judgement = None;
    trajectory.rounds[0].seed = None;
    trajectory.outcome = Some(Outcome::Open);
    let prompt = Prompt {
        reference: None,
        spec: None,
        gloss: None,
        licence: None,
        key: None,
        ..trajectory.prompt.clone()
    };
    let rounds = trajectory.rounds;
    (Trajectory { rounds, outcome: Some(Outcome::Open), ..Trajectory::new(prompt) }, Vec::new())
}

fn shard(records: &[(Trajectory, Vec<Bytes>)], row_group_bytes: usize) -> Bytes {
    let options = ShardOptions { row_group_bytes, ..ShardOptions::default() };
    let mut writer = ShardWriter::new(options).unwrap();
    let mut out = Vec::new();
    for (trajectory, images) in records {
        writer.push(trajectory, images).unwrap();
        out.extend(writer.take());
    }
    out.extend(writer.finish().unwrap());
    out.concat().into()
}

#[test]
fn records_come_back_whole_and_shards_are_deterministic() {
    let records: Vec<_> = (0..40).flat_map(|n| [full(n), bare(n)]).collect();
    let bytes = shard(&records, 64 << 10);
    assert_eq!(bytes, shard(&records, 64 << 10));
    assert!(is_shard(bytes.clone()));
    let back: Vec<_> =
        read(bytes.clone()).unwrap().map(|item| item.unwrap().into_parts()).collect();
    assert_eq!(back, records);
    let first = read(bytes.clone()).unwrap().next().unwrap().unwrap();
    assert_eq!(first.altered(), Vec::<&str>::new());
    assert_eq!(first.row.messages.len(), 7);
    assert_eq!(light(bytes).unwrap().count(), 80);
}

/// The rows as the dataset's sink writes them: columns first, a batch at a time.
fn columns(options: &ShardOptions, records: &[(Trajectory, Vec<Bytes>)]) -> PreparedRows {
    let prepare = |(trajectory, images): &(Trajectory, Vec<Bytes>)| {
        let hashed: Vec<_> =
            images.iter().map(|bytes| (bytes.clone(), Digest::of(bytes))).collect();
        options.prepare(trajectory, &hashed).unwrap()
    };
    let spare = SpareBatches::default();
    // What an earlier batch left behind is not in the next.
    options.columns(records.iter().map(prepare).rev().collect(), &spare).unwrap();
    options.columns(records.iter().map(prepare).collect(), &spare).unwrap()
}

fn by_columns(options: &ShardOptions, parts: &[&[(Trajectory, Vec<Bytes>)]]) -> Bytes {
    let mut writer = ShardWriter::new(options.clone()).unwrap();
    parts.iter().for_each(|records| writer.write(&columns(options, records)).unwrap());
    assert_eq!(writer.rows() as usize, parts.concat().len());
    writer.finish().unwrap().concat().into()
}

#[test]
fn rows_by_columns_are_the_rows_one_by_one_wherever_a_batch_ends() {
    let records: Vec<_> = (0..20).flat_map(|n| [full(n), bare(n)]).collect();
    let options = ShardOptions::default();
    assert_eq!(by_columns(&options, &[&records]), shard(&records, options.row_group_bytes));
    for at in [0, 1, 17, 40] {
        let (head, tail) = records.split_at(at);
        let rows = read(by_columns(&options, &[head, tail])).unwrap();
        let back: Vec<_> = rows.map(|item| item.unwrap().into_parts()).collect();
        assert_eq!(back, records);
    }
}

#[test]
fn a_pair_is_written_with_other_rows_only_where_there_is_a_column_for_it() {
    let mut pair = full(1);
    pair.0.rejected = Some(Rejected { turn: "worse".into(), reward: 0.25, chosen_reward: 0.75 });
    let records = [pair, full(2)];
    let pairs = ShardOptions { pairs: true, ..ShardOptions::default() };
    let back: Vec<_> = read(by_columns(&pairs, &[&records[..1], &records[1..]]))
        .unwrap()
        .map(|item| item.unwrap().into_parts())
        .collect();
    assert_eq!(back, records);
    // A batch that was made for another kind of shard.
    let mut plain = ShardWriter::new(ShardOptions::default()).unwrap();
    let error = plain.write(&columns(&pairs, &records)).unwrap_err();
    assert!(matches!(error, DatasetError::Column(_)), "{error}");
    let error = plain.push(&records[0].0, &records[0].1).unwrap_err();
    assert_eq!(error.to_string(), "column `rejected`: is not in the schema");
}

#[test]
fn wrong_or_missing_images_are_refused_and_leave_the_shard_alone() {
    let (trajectory, images) = full(1);
    let mut writer = ShardWriter::new(ShardOptions::default()).unwrap();
    let error = writer.push(&trajectory, &images[..1]).unwrap_err();
    assert!(matches!(error, DatasetError::Images { wanted: 2, given: 1, .. }));
    let swapped = [images[1].clone(), images[0].clone()];
    let error = writer.push(&trajectory, &swapped).unwrap_err();
    assert!(matches!(error, DatasetError::Altered { .. }));
    assert_eq!(writer.rows(), 0);
}

#[test]
fn a_damaged_shard_is_an_error_not_a_panic() {
    let bytes = shard(&[full(1)], 1 << 20);
    assert!(read(bytes.slice(..bytes.len() - 9)).is_err());
    assert!(read(Bytes::from_static(b"PAR1")).is_err());
    let mut holed = bytes.to_vec();
    holed[8..200].fill(0xee);
    let outcome = read(Bytes::from(holed)).map(|rows| rows.filter(Result::is_ok).count());
    assert!(outcome.map_or(true, |good| good <= 1));
}

#[test]
fn the_schema_is_what_datasets_recognises() {
    let schema = schema();
    let images = schema.field_with_name("images").unwrap();
    assert_eq!(*images.data_type(), crate::export::columns::images());
    assert!(images.is_nullable());
    let meta: serde_json::Value = serde_json::from_str(&schema.metadata()["huggingface"]).unwrap();
    assert_eq!(meta["info"]["features"]["images"]["_type"], "List");
}

/// A record whose pictures are as large as real ones of 256 pixels, and alike nowhere.
fn noisy(n: u64) -> (Trajectory, Vec<Bytes>) {
    let mut state = n + 1;
    let mut noise = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let mut picture = || -> Bytes {
        let rgb = (0..160 * 160 * 3).map(|_| noise()).collect();
        Picture { width: 160, height: 160, rgb }.to_png().unwrap().into()
    };
    let images = vec![picture(), picture()];
    let (mut trajectory, _) = full(1);
    let text = format!("noise {n}");
    trajectory.prompt.id = Id::of("test", "noise", &text);
    trajectory.prompt.text = text;
    for (round, bytes) in trajectory.rounds.iter_mut().zip(&images) {
        round.image = Some(image(bytes));
    }
    (trajectory, images)
}

/// The pages of every column, by the file's own index.
fn pages(bytes: &Bytes) -> Vec<Bytes> {
    use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    let metadata = reader.parse_and_finish(bytes).unwrap();
    let told = metadata.file_metadata().key_value_metadata().unwrap();
    assert!(told.iter().any(|pair| pair.key == "content_defined_chunking"));
    let mut out = Vec::new();
    for (group, row_group) in metadata.row_groups().iter().enumerate() {
        let index = metadata.page_index_for_row_group(group);
        for column in 0..row_group.num_columns() {
            for page in index.page_locations(column).expect("an index of every column") {
                let (from, len) = (page.offset as usize, page.compressed_page_size as usize);
                out.push(bytes.slice(from..from + len));
            }
        }
    }
    out
}

#[test]
fn a_row_more_leaves_nearly_all_pages_as_they_were_and_each_is_found_by_the_index() {
    let records: Vec<_> = (0..100).map(noisy).collect();
    let before: std::collections::HashSet<Bytes> =
        pages(&shard(&records, 32 << 20)).into_iter().collect();
    let mut more = records;
    more.insert(7, noisy(200));
    let after = pages(&shard(&more, 32 << 20));
    let size = |pages: &mut dyn Iterator<Item = &Bytes>| pages.map(Bytes::len).sum::<usize>();
    let whole = size(&mut after.iter());
    let new = size(&mut after.iter().filter(|page| !before.contains(*page)));
    assert!(after.len() > 10 && new * 4 < whole, "{new} of {whole} bytes are new");
}
