//! Valid bytes to start from: a fuzzer and the tests damage these, since random bytes seldom get past
//! a first magic number.

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
use coldstart::text::decontam::Builder;
use parquet::arrow::ArrowWriter;
use std::io::Write;
use std::sync::Arc;

/// Where arbitrary bytes are enough, or the format has tests of its own.
pub fn none() -> Vec<Vec<u8>> {
    Vec::new()
}

fn png() -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 16, 16);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&[7; 16 * 16 * 3]).expect("pixels");
    writer.finish().expect("an end");
    out
}

/// An EXIF block that says how a picture lies.
fn lying(orientation: u8) -> Vec<u8> {
    let head = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
    [&head[..], &[orientation, 0, 0, 0, 0, 0, 0, 0]].concat()
}

pub fn pictures() -> Vec<Vec<u8>> {
    let mut webp = Vec::new();
    let encoder = image_webp::WebPEncoder::new(&mut webp);
    encoder.encode(&[7; 16 * 16], 16, 16, image_webp::ColorType::L8).expect("pixels");
    let mut noted = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut noted);
    encoder.set_exif_metadata(lying(6));
    encoder.set_icc_profile(b"not quite a profile".to_vec());
    encoder.encode(&[7; 16 * 18 * 4], 16, 18, image_webp::ColorType::Rgba8).expect("pixels");
    let grey = include_bytes!("grey.jpg");
    let note = [b"Exif\0\0".to_vec(), lying(3)].concat();
    let length = (note.len() as u16 + 2).to_be_bytes();
    let turned = [&grey[..2], b"\xff\xe1", &length[..], &note[..], &grey[2..]].concat();
    vec![png(), grey.to_vec(), webp, noted, turned]
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).expect("appended");
    }
    builder.into_inner().expect("an archive")
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

fn parquet() -> Vec<u8> {
    let images: ArrayRef = Arc::new(BinaryArray::from_opt_vec(vec![Some(&png()), None]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("one"), None]));
    let rows = RecordBatch::try_from_iter(vec![("image", images), ("caption", texts)]);
    let rows = rows.expect("columns of one length");
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, rows.schema(), None).expect("a schema");
    writer.write(&rows).expect("rows");
    writer.close().expect("an end");
    file
}

/// In the order of `POOLS`, each with its picking byte before it.
pub fn pools() -> Vec<Vec<u8>> {
    let lines: &[u8] =
        b"{\"prompt\": \"a red cup\", \"type\": \"x\", \"spec\": {\"include\": []}}\n\"two\"\n";
    let array: &[u8] =
        b"[{\"input_prompt\": \"a\", \"output_image\": \"image/0.png\"}, {\"prompt\": \"b\"}]";
    let long = "a/".repeat(80) + "0.jpg";
    let all: Vec<Vec<u8>> = vec![
        lines.to_vec(),
        array.to_vec(),
        b"\xef\xbb\xbfprompt,category\r\n\"a, \"\"b\"\"\",x\r\n".to_vec(),
        b"Prompt\tCategory\na \"b\tArts\n".to_vec(),
        b"one\r\ntwo\n".to_vec(),
        tar(&[("0.jpg", &png()), ("0.txt", b"a cup"), (&long, b"x"), ("1.json", lines)]),
        parquet(),
        tar(&[("0.good_image.jpg", &png()), ("0.prompt.txt", b"a"), ("0.subset.txt", b"rule")]),
        gz(&tar(&[("train_anno.jsonl", b"{\"prompt\": \"a\", \"img_path\": \"./000/x.jpg\"}\n")])),
        array.to_vec(),
    ];
    let picked = |(pick, bytes): (usize, Vec<u8>)| [vec![pick as u8], bytes].concat();
    all.into_iter().enumerate().map(picked).collect()
}

pub fn chat_replies() -> Vec<Vec<u8>> {
    let texts: [&str; 5] = [
        r#"{"model": "m", "choices": [{"index": 0, "message": {"content": "<think>a</think>b", "reasoning_content": "c", "tool_calls": [{"function": {"name": "t", "arguments": {"caption": "d"}}}]}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 9}}}"#,
        "data: {\"choices\": [{\"delta\": {\"content\": \"a\"}}]}\n\ndata: {\"choices\": [{\"delta\": {\"tool_calls\": [{\"index\": 7, \"function\": {\"name\": \"t\", \"arguments\": \"{\"}}]}, \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n",
        r#"{"candidates": [{"content": {"parts": [{"text": "a", "thought": true}, {"text": "b"}]}, "finishReason": "STOP"}], "modelVersion": "g", "usageMetadata": {"promptTokenCount": 1}}"#,
        r#"{"promptFeedback": {"blockReason": "SAFETY"}}"#,
        r#"[{"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}}]"#,
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub fn turns() -> Vec<Vec<u8>> {
    let call = "{\"name\": \"image_generation_tool\", \"arguments\": {\"caption\": \"a cup\"}}";
    let texts = [
        format!("<think>T</think> <tool_call>\n{call}\n</tool_call>"),
        format!("<judge>\nJ\n</judge>\n<think>\nT\n</think>\n<tool_call>\n{call}\n</tool_call>"),
        "<judge>\nJ\n</judge>\n<answer>done</answer>".to_owned(),
        format!("<tool_call>{call}\0from the server"),
    ];
    texts.into_iter().map(String::into_bytes).collect()
}

pub fn judgements() -> Vec<Vec<u8>> {
    let text = "<think>…</think>```json\n{\"checks\": [{\"id\": \"a1\", \"evidence\": \"five\", \
                \"answer\": \"yes\"}, {\"id\": \"a2\", \"answer\": true}], \"rationale\": \"r\", \
                \"score\": 1e9}\n```";
    vec![text.as_bytes().to_vec()]
}

pub fn fingerprints() -> Vec<Vec<u8>> {
    let mut builder = Builder::new("seed", "ours", "none", true);
    builder.row("a photo of five clocks", None);
    builder.row("a long prompt of more than eight words so that it has runs of them", None);
    vec![builder.finish()]
}

pub fn configs() -> Vec<Vec<u8>> {
    let texts = [
        include_str!("../../data/vocabulary.toml"),
        include_str!("../../data/judge_rules.toml"),
        "[[source]]\npath = \"ä/x.jsonl\"\nweight = 0x10\ncap = 5\nfields = { prompt = \"q\" }\n",
        "[role.judge]\nprotocol = \"openai-chat\"\nurls = [\"http://127.0.0.1:1/v1\"]\nrpm = -1\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// All single bytes, one merge and one added token, as the Qwen2 family's files have them.
pub fn tokenizers() -> Vec<Vec<u8>> {
    let byte = |b: u8| match b {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(b),
        0..=0x20 => char::from_u32(0x100 + u32::from(b)).expect("a letter"),
        0x7f..=0xa0 => char::from_u32(0x121 + u32::from(b) - 0x7f).expect("a letter"),
        0xad => '\u{143}',
    };
    let mut vocab: serde_json::Map<String, serde_json::Value> =
        (0..=255u8).map(|b| (byte(b).to_string(), b.into())).collect();
    vocab.insert("ab".to_owned(), 256.into());
    let file = serde_json::json!({
        "pre_tokenizer": {"pattern": {"Regex": coldstart::export::tokens::PATTERN}},
        "model": {"vocab": vocab, "merges": [["a", "b"]]},
        "added_tokens": [{"content": "<|im_end|>"}],
    });
    vec![file.to_string().into_bytes()]
}
