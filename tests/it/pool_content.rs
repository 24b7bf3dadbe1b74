//! What is not a prompt does not become one, and no row is changed in silence: files whose content is
//! not what their names say, cells and types that do not fit, and the formats that people have.

use crate::pool::{read, show};
use crate::pool_formats::{Folder, check, png, tar};
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use coldstart::pool::{PoolItem, SourceOptions};
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

fn inspect(args: &[&str], input: Option<&[u8]>) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coldstart"));
    command.args(["pool", "inspect"]).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.unwrap_or_default()).unwrap();
    drop(stdin);
    let out = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

fn utf16(text: &str, mark: bool) -> Vec<u8> {
    let mark = if mark { "\u{feff}" } else { "" };
    format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn utf16_is_decoded_in_every_format_of_text() {
    let folder = Folder::new(&[
        ("a.txt", utf16("a red fox 🦊\r\nun café\r\n", true)),
        ("b.txt", utf16("a red fox\nunder a bridge\n", false)),
        ("c.jsonl", utf16("{\"prompt\": \"a red fox\"}\n", true)),
        ("d.csv", utf16("prompt,category\na red fox,x\n", true)),
        ("e.json", utf16("[{\"prompt\": \"a red fox\"}]", true)),
        ("p/1.png", png(20)),
        ("p/1.txt", utf16("a red fox", true)),
    ]);
    check(
        &folder,
        "a.txt",
        "text",
        &["a.txt#1 | uncategorised | a red fox 🦊", "a.txt#2 | uncategorised | un café"],
    );
    check(
        &folder,
        "b.txt",
        "text",
        &["b.txt#1 | uncategorised | a red fox", "b.txt#2 | uncategorised | under a bridge"],
    );
    for (name, key, category) in [
        ("c.jsonl", "c.jsonl#1", "uncategorised"),
        ("d.csv", "d.csv#2", "x"),
        ("e.json", "e.json#1", "uncategorised"),
    ] {
        let shown = show(&read(&folder.path(name), &SourceOptions::default()));
        assert_eq!(shown, [format!("{key} | {category} | a red fox")]);
    }
    check(&folder, "p", "folder", &["1 | uncategorised | a red fox | 20x16"]);
}

#[test]
fn what_is_no_set_of_prompts_is_refused_by_name_with_the_way_on() {
    let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n".to_vec();
    let folder = Folder::new(&[
        ("a.txt", lfs.clone()),
        ("b.parquet", lfs.clone()),
        ("c.jsonl", b"<!DOCTYPE html>\n<html><title>404</title></html>\n".to_vec()),
        ("d.txt", b"%PDF-1.7\n%\xe2\xe3".to_vec()),
        ("e.csv", b"PK\x03\x04\x14\x00\x00\x00".to_vec()),
        ("f.txt", [0, 1, 2, 3, 250, 0, 7, 0, 0, 9].repeat(50)),
        ("g.txt", b"https://a.example/1.png\nhttps://a.example/2.png\n".to_vec()),
        ("h.txt", vec![b'x'; 50_000]),
        ("l.txt", b"{\"prompt\": \"a red fox\"}\n{\"prompt\": \"a hen\"}\n".to_vec()),
        ("m.txt", b"prompt,category\na red fox,animals\n".to_vec()),
        ("n.txt", b"1. a red fox\n2. a hen\n".to_vec()),
        ("LICENSE.txt", b"MIT License\n\nPermission is hereby granted, free\n".to_vec()),
        ("i.h5", b"\x89HDF\r\n\x1a\n".to_vec()),
        ("j/good.jsonl", b"{\"prompt\": \"one\"}\n".to_vec()),
        ("j/more.jsonl", lfs),
        ("k/x.xyz", b"what".to_vec()),
    ]);
    for (name, part) in [
        ("a.txt", "git lfs pull"),
        ("b.parquet", "git lfs pull"),
        ("c.jsonl", "web page"),
        ("d.txt", "PDF"),
        ("e.csv", "zip"),
        ("f.txt", "binary"),
        ("g.txt", "addresses"),
        ("h.txt", "one line"),
        ("l.txt", "--read-as jsonl"),
        ("m.txt", "--read-as csv"),
        ("n.txt", "items of a list"),
        ("LICENSE.txt", "--read-as text"),
        ("i.h5", "HDF5"),
        ("j", "`more.jsonl`"),
        ("k", ".xyz"),
    ] {
        let (code, out, said) = inspect(&[folder.path(name).to_str().unwrap()], None);
        assert_eq!(code, 1, "{name}: {out}{said}");
        assert!(said.contains(part), "{name}: {said}");
    }
    // With the word, a text is what its reader says.
    let (code, out, said) =
        inspect(&[folder.path("g.txt").to_str().unwrap(), "--read-as", "text"], None);
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("2 rows"), "{out}");
}

#[test]
fn files_about_a_repository_are_left_alone_beside_prompts() {
    let folder = Folder::new(&[
        ("m/prompts.txt", b"a red fox\na blue bird\n".to_vec()),
        ("m/LICENSE.txt", b"MIT License\n".to_vec()),
        ("m/requirements.txt", b"numpy>=1\n".to_vec()),
    ]);
    let (code, out, _) = inspect(&[folder.path("m").to_str().unwrap()], None);
    assert_eq!(code, 0);
    assert!(out.contains("2 rows") && out.contains("LICENSE.txt, requirements.txt"), "{out}");
}

#[test]
fn a_name_that_is_no_text_does_not_refuse_its_folder() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new(&[("d/good.jsonl", b"{\"prompt\": \"one\"}\n".to_vec())]);
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9.jsonl");
    std::fs::write(folder.path("d").join(odd), b"{\"prompt\": \"two\"}\n").unwrap();
    let (code, out, said) = inspect(&[folder.path("d").to_str().unwrap()], None);
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("1 rows") || out.contains("1 row"), "{out}");
    assert!(out.contains("caf\u{fffd}.jsonl"), "{out}");
}

#[test]
fn a_row_of_more_cells_than_the_header_is_not_cut_to_fit() {
    let folder = Folder::new(&[
        (
            "a.csv",
            b"prompt,category\na fox, red, in snow,animal\na bird,animal\na cat,x,\n".to_vec(),
        ),
        ("b.csv", b"prompt;category\na fox, red;animal\n".to_vec()),
        ("c.csv", b"sep=;\r\nprompt;category\r\na fox, red;animal\r\n".to_vec()),
        ("d.txt", b"a red fox\ra blue bird\r".to_vec()),
    ]);
    check(
        &folder,
        "a.csv",
        "csv",
        &["syntax @ a.csv: a.csv#2", "a.csv#3 | animal | a bird", "a.csv#4 | x | a cat"],
    );
    check(&folder, "b.csv", "csv", &["b.csv#2 | animal | a fox, red"]);
    let shown = show(&read(&folder.path("c.csv"), &SourceOptions::default()));
    assert!(shown[0].ends_with("| animal | a fox, red"), "{shown:?}");
    check(
        &folder,
        "d.txt",
        "text",
        &["d.txt#1 | uncategorised | a red fox", "d.txt#2 | uncategorised | a blue bird"],
    );
}

#[test]
fn prompts_of_unseen_characters_are_no_prompts() {
    let rows = "{\"prompt\": \"a \\u0000 b\"}\n{\"prompt\": \"\\u200b\\u200d\\ufeff\"}\n{\"prompt\": \"👩\u{200d}🚀 waves\\nhigh\"}\n";
    let folder = Folder::new(&[("a.jsonl", rows.as_bytes().to_vec())]);
    check(
        &folder,
        "a.jsonl",
        "jsonl",
        &[
            "encoding @ a.jsonl: a.jsonl#1",
            "no_prompt @ a.jsonl: a.jsonl#2",
            "a.jsonl#3 | uncategorised | 👩\u{200d}🚀 waves\nhigh",
        ],
    );
}

#[test]
fn chats_are_read_and_rows_without_a_prompt_say_what_they_have() {
    let folder = Folder::new(&[
        (
            "a.jsonl",
            b"{\"messages\": [{\"role\": \"system\", \"content\": \"be\"}, {\"role\": \"user\", \"content\": \"a fox\"}]}\n".to_vec(),
        ),
        ("b.json", b"[{\"id\": 7, \"conversations\": [{\"from\": \"human\", \"value\": \"a bird\"}]}]".to_vec()),
        ("c.jsonl", b"{\"wish\": \"a cat\", \"nr\": 1}\n{\"prompt\": [\"a\", \"b\"]}\n".to_vec()),
    ]);
    check(&folder, "a.jsonl", "jsonl", &["a.jsonl#1 | uncategorised | a fox"]);
    check(&folder, "b.json", "json", &["b.json#1 | uncategorised | a bird"]);
    let path = folder.path("b.json");
    let (code, out, _) = inspect(
        &[
            path.to_str().unwrap(),
            "--field",
            "prompt=conversations.0.value",
            "--field",
            "category=id",
        ],
        None,
    );
    assert!(code == 0 && out.contains("a bird"), "{out}");
    let reasons: Vec<String> = read(&folder.path("c.jsonl"), &SourceOptions::default())
        .into_iter()
        .map(|item| match item {
            Ok(PoolItem::Bad(bad)) => bad.detail,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(reasons[0].contains("its fields are `nr`, `wish`"), "{reasons:?}");
    assert!(reasons[1].contains("a list of 2"), "{reasons:?}");
}

fn columns(category: ArrayRef) -> RecordBatch {
    let prompt: ArrayRef = Arc::new(StringArray::from(vec!["one", "two"]));
    RecordBatch::try_from_iter(vec![("prompt", prompt), ("category", category)]).unwrap()
}

fn parquet(batch: &RecordBatch, codec: parquet::basic::Compression) -> Vec<u8> {
    let mut file = Vec::new();
    let properties =
        parquet::file::properties::WriterProperties::builder().set_compression(codec).build();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    file
}

#[test]
fn categories_of_any_type_and_files_of_any_codec_are_read() {
    use arrow_array as a;
    use parquet::basic::Compression;
    let types: Vec<(ArrayRef, [&str; 2])> = vec![
        (Arc::new(a::UInt8Array::from(vec![0, 1])), ["0", "1"]),
        (Arc::new(a::Int16Array::from(vec![-1, 1])), ["-1", "1"]),
        (Arc::new(a::UInt64Array::from(vec![0, u64::MAX])), ["0", "18446744073709551615"]),
        (Arc::new(a::Float32Array::from(vec![0.1, 2.5])), ["0.1", "2.5"]),
        (Arc::new(a::BooleanArray::from(vec![false, true])), ["false", "true"]),
        (Arc::new(a::BinaryArray::from(vec![&b"x"[..], b"y"])), ["x", "y"]),
        (Arc::new(a::LargeStringArray::from(vec!["x", "y"])), ["x", "y"]),
    ];
    for (category, expect) in types {
        let kind = category.data_type().clone();
        let file = parquet(&columns(category), Compression::UNCOMPRESSED);
        let folder = Folder::new(&[("a.parquet", file)]);
        let shown = show(&read(&folder.path("a.parquet"), &SourceOptions::default()));
        let expect: Vec<String> = ["one", "two"]
            .iter()
            .zip(expect)
            .enumerate()
            .map(|(n, (text, category))| format!("a.parquet#{} | {category} | {text}", n + 1))
            .collect();
        assert_eq!(shown, expect, "{kind}");
    }
    let category: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
    for codec in [
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4_RAW,
        Compression::LZ4,
        Compression::ZSTD(Default::default()),
    ] {
        let folder = Folder::new(&[("a.parquet", parquet(&columns(category.clone()), codec))]);
        let shown = show(&read(&folder.path("a.parquet"), &SourceOptions::default()));
        assert_eq!(shown, ["a.parquet#1 | x | one", "a.parquet#2 | y | two"], "{codec}");
    }
}

#[test]
fn folders_of_save_to_disk_are_read_as_their_rows() {
    let category: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
    let batch = columns(category);
    let mut stream = Vec::new();
    let mut writer =
        arrow_ipc::writer::StreamWriter::try_new(&mut stream, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let folder = Folder::new(&[
        ("d/data-00000-of-00001.arrow", stream.clone()),
        ("d/dataset_info.json", b"{\"features\": {}}".to_vec()),
        ("d/state.json", b"{\"_data_files\": []}".to_vec()),
        ("torn.arrow", stream[..stream.len() / 2].to_vec()),
    ]);
    check(
        &folder,
        "d",
        "arrow",
        &["data-00000-of-00001.arrow#1 | x | one", "data-00000-of-00001.arrow#2 | y | two"],
    );
    check(&folder, "torn.arrow", "arrow", &["damaged_archive @ torn.arrow: torn.arrow"]);
}

#[test]
fn pictures_and_texts_of_a_tar_that_stand_apart_are_joined() {
    let (one, two) = (png(20), png(21));
    let folder = Folder::new(&[
        (
            "a.tar",
            tar(&[("s0.png", &one), ("s1.png", &two), ("s0.txt", b"a fox"), ("s1.txt", b"a bird")]),
        ),
        (
            "b.tar",
            tar(&[
                ("clip_0.05.png", &one),
                ("clip_0.05.txt", b"a fox"),
                ("clip_0.10.png", &two),
                ("clip_0.10.txt", b"a bird"),
            ]),
        ),
        ("c.tar", tar(&[("a.b.png", &one), ("a.b.txt", b"a fox")])),
    ]);
    check(
        &folder,
        "a.tar",
        "webdataset",
        &["a.tar/s0 | uncategorised | a fox | 20x16", "a.tar/s1 | uncategorised | a bird | 21x16"],
    );
    check(
        &folder,
        "b.tar",
        "webdataset",
        &[
            "b.tar/clip_0.05 | uncategorised | a fox | 20x16",
            "b.tar/clip_0.10 | uncategorised | a bird | 21x16",
        ],
    );
    let items = read(&folder.path("c.tar"), &SourceOptions::default());
    let said = format!("{items:?}");
    assert!(said.contains("a key ends at the first dot") && said.contains("a.b."), "{said}");
}

#[test]
fn standard_input_is_a_source() {
    for (path, input, expect) in [
        ("-", &b"{\"prompt\": \"a fox\"}\n{\"prompt\": \"a bird\"}\n"[..], "jsonl"),
        ("/dev/stdin", b"a fox\na bird\n", "text"),
        ("-", b"prompt,category\na fox,x\na bird,y\n", "csv"),
    ] {
        let (code, out, said) = inspect(&[path, "--format", "json"], Some(input));
        assert_eq!(code, 0, "{said}");
        let found: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&found["format"], &found["rows"]), (&expect.into(), &2.into()), "{out}");
    }
}
