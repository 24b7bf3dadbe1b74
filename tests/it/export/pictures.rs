//! Which pictures an export takes: those that a RUN may hold, whatever rides on them.

use super::data::{good, image, record};
use bytes::Bytes;
use coldstart::export::dataset::{ShardOptions, ShardWriter};
use std::path::Path;

/// 16 x 16, grey, baseline.
const JPEG: &[u8] = include_bytes!("../../../fuzz/src/grey.jpg");

/// A dataset of one-round records, each with one of `pictures`.
fn dataset_of(dir: &Path, pictures: &[Vec<u8>]) {
    let mut writer = ShardWriter::new(ShardOptions::default()).unwrap();
    let mut bytes = Vec::new();
    for (n, picture) in pictures.iter().enumerate() {
        // Of the records, each third has one round, and each tenth is like the one after it.
        let (mut trajectory, _) = record(30 * n + 3);
        let picture = Bytes::copy_from_slice(picture);
        trajectory.rounds[0].image = Some(image(&picture));
        writer.push(&trajectory, &[picture]).unwrap();
        bytes.extend(writer.take());
    }
    bytes.extend(writer.finish().unwrap());
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("train-00000.parquet"), bytes.concat()).unwrap();
}

/// Rows of an export of `pictures`, proved; and its report.
fn exported(pictures: &[Vec<u8>]) -> (u64, serde_json::Value) {
    let temp = tempfile::tempdir().unwrap();
    let (data, out) = (temp.path().join("dataset"), temp.path().join("out"));
    dataset_of(&data, pictures);
    let (from, to) = (data.to_str().unwrap(), out.to_str().unwrap());
    let args = ["export", from, "--format", "llamafactory", "--out", to, "--report", "json"];
    let report: serde_json::Value = serde_json::from_str(&good(&args)).unwrap();
    let proof = good(&["export", "--verify", to]);
    assert!(proof.contains("all holds"), "{proof}");
    (report["splits"]["train"]["rows"].as_u64().unwrap(), report)
}

fn followed(picture: &[u8], by: usize) -> Vec<u8> {
    [picture, &vec![b'x'; by]].concat()
}

/// A second picture behind the first (phones), a note of an editor: bought, journaled, in the dataset.
#[test]
fn a_picture_with_bytes_after_its_end_is_exported() {
    let png = super::data::png(7, (64, 64));
    let mut pictures = vec![[JPEG, JPEG].concat()];
    for extra in [0, 1, 900, 5_000, 70_000] {
        pictures.extend([followed(JPEG, extra), followed(&png, extra)]);
    }
    let (rows, report) = exported(&pictures);
    assert_eq!(rows, pictures.len() as u64, "{report}");
}

/// Readers disagree on what such a picture shows; only RUNs from before it was set upright have one.
#[test]
fn a_picture_that_lies_is_left_out_by_name() {
    let block = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let length = (block.len() as u16 + 2).to_be_bytes();
    let lying = [&JPEG[..2], b"\xff\xe1", &length, block, &JPEG[2..]].concat();
    let (rows, report) = exported(&[JPEG.to_vec(), lying]);
    assert_eq!(rows, 1);
    assert!(report.to_string().contains("image_turned"), "{report}");
}
