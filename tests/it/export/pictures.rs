//! Which pictures an export takes: those that a RUN may hold, whatever rides on them.

use super::data::{good, image, record};
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use coldstart::call::endpoints::Endpoints;
use coldstart::env::Env;
use coldstart::export::dataset::{ShardOptions, ShardWriter};
use coldstart::sim;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
fn exported(pictures: &[Vec<u8>]) -> (u64, Value) {
    let temp = tempfile::tempdir().unwrap();
    let data = temp.path().join("dataset");
    dataset_of(&data, pictures);
    exported_from(&data)
}

/// The same of a RUN, or a folder of shards.
fn exported_from(source: &Path) -> (u64, Value) {
    let temp = tempfile::tempdir().unwrap();
    let out = temp.path().join("out");
    let (from, to) = (source.to_str().unwrap(), out.to_str().unwrap());
    let args = ["export", from, "--format", "llamafactory", "--out", to, "--report", "json"];
    let report: Value = serde_json::from_str(&good(&args)).unwrap();
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

/// The simulated world at `.0`, whose pictures come with bytes after their end; some half of them are WebPs.
/// `.1` counts them.
type Front = Arc<(String, AtomicUsize)>;

async fn forward(State(front): State<Front>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let (method, path) = (head.method.as_str(), head.uri.path());
    let body = String::from_utf8(body.to_vec()).unwrap();
    let (status, head, body) = crate::sim::send(&front.0, method, path, &body).await;
    let mut answer = Response::builder().status(status);
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        if !["content-length", "connection"].contains(&name) {
            answer = answer.header(name, value);
        }
    }
    let body = match serde_json::from_slice::<Value>(&body) {
        Ok(mut reply) if reply["data"][0]["b64_json"].is_string() => {
            let text = reply["data"][0]["b64_json"].as_str().unwrap();
            let png = base64_simd::STANDARD.decode_to_vec(text).unwrap();
            front.1.fetch_add(1, Ordering::Relaxed);
            // By the picture, not by when it was asked for: a run's outcome is the same each time.
            let picture = match blake3::hash(&png).as_bytes()[0] % 2 {
                0 => png,
                _ => webp_of(&png),
            };
            let longer = base64_simd::STANDARD.encode_to_string(followed(&picture, 5_000));
            reply["data"][0]["b64_json"] = longer.into();
            reply.to_string().into_bytes()
        }
        _ => body,
    };
    answer.body(Body::from(body)).unwrap()
}

/// The same pixels.
fn webp_of(png: &[u8]) -> Vec<u8> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let colour = match info.color_type {
        png::ColorType::Rgba => image_webp::ColorType::Rgba8,
        _ => image_webp::ColorType::Rgb8,
    };
    let mut out = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut out);
    encoder.encode(&pixels[..info.buffer_size()], info.width, info.height, colour).unwrap();
    out
}

/// The whole way: what was paid for is in the dataset and in the export.
#[tokio::test(flavor = "multi_thread")]
async fn a_picture_with_bytes_after_its_end_is_bought_kept_and_exported() {
    let (world, options) = (sim::World::default(), sim::SimOptions::default());
    let (url, _world) = sim::Server::start(Env::real(), world, options).await.unwrap();
    let front: Front = Arc::new((url.clone(), AtomicUsize::new(0)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(forward).with_state(front.clone());
    Env::real().spawn(async move { axum::serve(listener, app).await.unwrap() });
    let role = |url: &str| {
        format!("[role.generator]\nprotocol = \"openai-images\"\nurls = [\"{url}/v1\"]\n")
    };
    let text = Endpoints::sim_text(&url).replace(&role(&url), &role(&base));
    assert!(text.contains(&base), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let (file, run) = (folder.path().join("e.toml"), folder.path().join("run"));
    std::fs::write(&file, text).unwrap();
    let (made, (rows, report)) = tokio::task::block_in_place(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
        command.args(["run", "paper", "-q", "--limit", "8", "--format", "json"]);
        command.arg("--endpoints").arg(&file).arg("--out").arg(&run);
        let said = command.output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let made: Value = serde_json::from_slice(&said.stdout).unwrap();
        (made["dataset"]["rows"].as_u64().unwrap(), exported_from(&run))
    });
    let pictures = front.1.load(Ordering::Relaxed);
    assert!(pictures > 16 && made > 2, "{pictures} drawn, {made} rows");
    assert_eq!(rows, made, "{report}");
}
