//! The same rows wherever they lie and however they are packed: files of one name, a bucket, archives
//! that are cut.

use crate::pool::read;
use crate::pool_formats::{Folder, gz, png, tar};
use coldstart::pool::{Images, PoolItem, SourceOptions};
use proptest::prelude::*;
use std::io::{Read, Write};
use std::process::Command;

#[test]
fn files_of_one_name_are_two_sources_of_a_report() {
    let folder = Folder::new(&[
        ("a/x.jsonl", b"{\"prompt\": \"a heron in the reeds\"}\n".to_vec()),
        ("b/x.jsonl", b"{\"prompt\": \"a heron in the reeds\"}\n".to_vec()),
    ]);
    let out = Command::new(env!("CARGO_BIN_EXE_coldstart"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["pool", "report", "--format", "json"])
        .args([folder.path("a/x.jsonl"), folder.path("b/x.jsonl")])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&report["rows"], &report["duplicates"]["exact"]), (&2.into(), &1.into()));
    assert_eq!(report["by_source"]["x_2"], 1);
}

/// An object in the test server's bucket, which asks for no signature.
fn put(endpoint: &str, name: &str, bytes: &[u8]) {
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut connection = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "PUT /{}/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        crate::s3::BUCKET,
        bytes.len()
    );
    connection.write_all(&[head.as_bytes(), bytes].concat()).unwrap();
    let mut reply = String::new();
    connection.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
}

#[test]
fn a_bucket_reads_as_a_folder_does() {
    let Some(s3) = crate::s3::S3::start() else {
        eprintln!("skipped: no S3 server (tests/s3/setup.sh installs one)");
        return;
    };
    let rows = b"{\"file_name\": \"img/a.png\", \"text\": \"a\"}\n{\"file_name\": \"img/none.png\", \"text\": \"c\"}\n";
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("lines/metadata.jsonl.gz", gz(rows)),
        ("lines/img/a.png", png(33)),
        ("tars/0.tar", tar(&[("1.png", &png(20)), ("1.txt", b"one")])),
        ("tars/1.tar.gz", gz(&tar(&[("2.png", &png(21)), ("2.txt", b"two")]))),
    ];
    let folder = Folder::new(&files);
    files.iter().for_each(|(name, bytes)| put(&s3.endpoint, name, bytes));
    let inspect = |path: String| {
        let out = Command::new(env!("CARGO_BIN_EXE_coldstart"))
            .args(["pool", "inspect", "--format", "json", &path])
            .env("AWS_ENDPOINT_URL", &s3.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap().replace(&path, "PATH");
        assert!(text.contains("\"rows\": 2"), "{text} {}", String::from_utf8_lossy(&out.stderr));
        text
    };
    for name in ["lines", "lines/metadata.jsonl.gz", "tars"] {
        let local = inspect(folder.path(name).to_str().unwrap().to_owned());
        assert_eq!(inspect(format!("s3://{}/{name}", crate::s3::BUCKET)), local);
    }
}

/// Prompts that every format can hold on one line.
fn prompts() -> impl Strategy<Value = Vec<String>> {
    let prompt = "[a-zA-Z0-9äß,;:'\"\\\\一✓(){}\\[\\] .!?-]{1,40}";
    let usable = |text: &String| !text.trim().is_empty();
    prop::collection::vec(prompt.prop_filter("not empty", usable), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_same_rows_come_out_of_every_format(prompts in prompts()) {
        let json = |text: &String| serde_json::json!({ "prompt": text }).to_string();
        let rows: Vec<String> = prompts.iter().map(json).collect();
        let quoted = |text: &String| format!("\"{}\"", text.replace('"', "\"\""));
        let csv: Vec<String> = prompts.iter().map(quoted).collect();
        let lines = rows.join("\n");
        let members: Vec<(String, &String)> =
            prompts.iter().enumerate().map(|(n, text)| (format!("{n:03}.txt"), text)).collect();
        let members: Vec<(&str, &[u8])> =
            members.iter().map(|(name, text)| (&name[..], text.as_bytes())).collect();
        let tar = tar(&members);
        let folder = Folder::new(&[
            ("a.jsonl", lines.clone().into_bytes()),
            ("b.jsonl.gz", gz(lines.as_bytes())),
            ("c.jsonl.zst", zstd::stream::encode_all(lines.as_bytes(), 1).unwrap()),
            ("d.json", format!("[{}]", rows.join(",\n")).into_bytes()),
            ("e.csv", format!("\u{feff}prompt\r\n{}\r\n", csv.join("\r\n")).into_bytes()),
            ("f.tsv", format!("prompt\n{}\n", prompts.join("\n")).into_bytes()),
            ("g.txt", prompts.join("\r\n").into_bytes()),
            ("h.tar", tar.clone()),
            ("i.tar.gz", gz(&tar)),
        ]);
        let wanted: Vec<&str> = prompts.iter().map(|text| text.trim()).collect();
        let skip = SourceOptions { images: Images::Skip, ..SourceOptions::default() };
        for name in ["a.jsonl", "b.jsonl.gz", "c.jsonl.zst", "d.json", "e.csv", "f.tsv", "g.txt", "h.tar", "i.tar.gz"] {
            let items = read(&folder.path(name), &skip);
            let texts: Vec<&str> = items
                .iter()
                .map(|item| match item {
                    Ok(PoolItem::Row(row)) => &row.prompt.text[..],
                    other => panic!("{name}: {other:?}"),
                })
                .collect();
            prop_assert_eq!(&texts, &wanted, "{}", name);
        }
    }

    #[test]
    fn a_cut_archive_gives_its_beginning_and_says_so(cut in 1usize..6000, pack: bool) {
        let (one, two) = (png(20), png(21));
        let whole = tar(&[("1.png", &one), ("1.txt", b"one"), ("2.png", &two), ("2.txt", b"two")]);
        let whole = if pack { gz(&whole) } else { whole };
        let cut = cut % whole.len();
        let folder = Folder::new(&[("a.tar", whole[..cut].to_vec())]);
        let items = read(&folder.path("a.tar"), &SourceOptions::default());
        let bad = items.iter().filter(|i| matches!(i, Ok(PoolItem::Bad(_)))).count();
        let rows = items.iter().filter_map(|item| match item {
            Ok(PoolItem::Row(row)) => Some(row.prompt.text.clone()),
            _ => None,
        });
        let rows: Vec<String> = rows.collect();
        // What is cut off past the end mark held no member.
        prop_assert!(bad > 0 || rows.len() == 2, "{}: {:?}", cut, items);
        for (row, wanted) in rows.iter().zip(["one", "two"]) {
            prop_assert_eq!(row, wanted);
        }
    }
}
