//! What goes wrong in real archives: cut files, hostile members, wrong names. Each is named with its
//! place, counted once, and costs nothing else.

use crate::pool::{read, read_to_end, show};
use crate::pool_formats::{Folder, check, gz, png, tar};
use coldstart::media::Verify;
use coldstart::pool::{Images, OnBad, PoolItem, SourceOptions};
use std::process::Command;

#[test]
fn a_tar_without_its_end_mark_is_said_to_be_cut() {
    let whole = tar(&[("1.txt", b"one"), ("1.png", &png(20))]);
    let folder = Folder::new(&[("a.tar", whole[..whole.len() - 1024].to_vec())]);
    check(
        &folder,
        "a.tar",
        "webdataset",
        &["damaged_archive @ a.tar: a.tar", "a.tar/1 | uncategorised | one | 20x16"],
    );
}

/// Samples `0` to `59`, every third image of them cut short, and what is said of each.
fn many_images() -> (Vec<u8>, Vec<String>) {
    let (mut parts, mut said) = (Vec::new(), Vec::new());
    for n in 0..60 {
        let mut image = png(20 + n);
        if n % 3 == 2 {
            image.truncate(image.len() - 9);
            said.push(format!("damaged_image @ {n:02}"));
            said.push(format!("a.tar/{n:02} | uncategorised | text {n}"));
        } else {
            said.push(format!("a.tar/{n:02} | uncategorised | text {n} | {}x16", 20 + n));
        }
        parts.push((format!("{n:02}.png"), image));
        parts.push((format!("{n:02}.txt"), format!("text {n}").into_bytes()));
    }
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(n, b)| (n.as_str(), &b[..])).collect();
    (tar(&parts), said)
}

#[test]
fn images_are_looked_at_elsewhere_and_the_order_is_the_archives() {
    let (tar, said) = many_images();
    let zstd = zstd::stream::encode_all(&tar[..], 1).unwrap();
    let folder = Folder::new(&[("a.tar", tar.clone()), ("b.tar", gz(&tar)), ("c.tar", zstd)]);
    for (name, verify) in [
        ("a.tar", Verify::Decode),
        ("a.tar", Verify::Header),
        ("b.tar", Verify::Decode),
        ("c.tar", Verify::Decode),
    ] {
        let options = SourceOptions { verify, name: "a".to_owned(), ..SourceOptions::default() };
        let shown = show(&read(&folder.path(name), &options));
        let shown: Vec<String> = shown.iter().map(|line| line.replacen(name, "a.tar", 1)).collect();
        assert_eq!(shown, said, "{name} {verify:?}");
    }
}

#[test]
fn a_cap_counts_good_images_and_nothing_is_said_past_it() {
    let (tar, said) = many_images();
    let folder = Folder::new(&[("a.tar", tar)]);
    let require =
        SourceOptions { cap: Some(7), images: Images::Require, ..SourceOptions::default() };
    let shown = show(&read(&folder.path("a.tar"), &require));
    let cut = |line: &String| line.starts_with("a.tar") && !line.ends_with("x16");
    let good: Vec<String> = said.iter().filter(|line| !cut(line)).take(7 + 3).cloned().collect();
    assert_eq!(shown, good, "seven rows, and the three images before the last that were cut");
    let ending = |options: &SourceOptions| match read_to_end(&folder.path("a.tar"), options).pop() {
        Some(Ok(PoolItem::End(ending))) => ending.fields,
        other => panic!("{other:?}"),
    };
    let fields = ending(&require);
    assert!(fields.contains(&("prompt", "{key}.txt".to_owned(), 10)), "{fields:?}");
}

#[test]
fn a_damaged_image_can_stop_the_source_at_its_place() {
    let (tar, said) = many_images();
    let folder = Folder::new(&[("a.tar", tar)]);
    let stop = SourceOptions { on_bad: OnBad::Stop, ..SourceOptions::default() };
    let shown = show(&read_to_end(&folder.path("a.tar"), &stop));
    assert_eq!(shown[..2], said[..2]);
    assert!(shown[2].starts_with("error: ") && shown[2].contains("a.tar/02"), "{}", shown[2]);
    assert_eq!(shown.len(), 3, "the error is the last: {shown:?}");
}

#[test]
fn a_member_that_claims_any_size_is_named_and_not_held() {
    for claimed in [1 << 20, 60 << 20, 1 << 40, (1 << 62) + 5] {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        builder.append_data(&mut header, "1.txt", &b"one"[..]).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_path("2.png").unwrap();
        header.set_size(claimed);
        header.set_cksum();
        let mut bytes = builder.into_inner().unwrap();
        bytes.truncate(1024);
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&png(20));
        let folder = Folder::new(&[("a.tar", bytes)]);
        let shown = show(&read(&folder.path("a.tar"), &SourceOptions::default()));
        assert!(
            shown.iter().any(|line| line == "a.tar/1 | uncategorised | one"),
            "{claimed}: {shown:?}"
        );
        let named = |line: &String| line.ends_with(" @ 2.png") || line.ends_with("a.tar: a.tar");
        assert!(shown.iter().any(named), "{claimed}: {shown:?}");
    }
}

#[test]
fn links_second_parts_and_parts_of_no_use_are_told_apart() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    builder.append_link(&mut link, "1.png", "/etc/passwd").unwrap();
    for (name, bytes) in [
        ("1.txt", &b"one"[..]),
        ("1.txt", b"another one"),
        ("1.npy", &[0; 3000]),
        ("d.1/2.txt", b"a dot in the folder"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).unwrap();
    }
    let folder = Folder::new(&[("a.tar", builder.into_inner().unwrap())]);
    check(
        &folder,
        "a.tar",
        "webdataset",
        &[
            "not_a_file @ 1.png",
            "syntax @ 1.txt",
            "missing_image @ 1",
            "a.tar/1 | uncategorised | one",
            "missing_image @ 2",
            "a.tar/d.1/2 | uncategorised | a dot in the folder",
        ],
    );
}

#[test]
fn long_names_are_read_and_names_without_end_are_not_held() {
    let long = format!("{}/1.txt", "deep".repeat(60));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    builder.append_data(&mut header, &long, &b"one"[..]).unwrap();
    // A name of 40 MB, as a bomb would give one of 40 GB.
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(40 << 20);
    header.set_cksum();
    builder.append(&header, &vec![b'x'; 40 << 20][..]).unwrap();
    let folder = Folder::new(&[("a.tar.gz", gz(&builder.into_inner().unwrap()))]);
    let shown = folder.reads("a.tar.gz", &SourceOptions::default()).1;
    assert_eq!(shown[0], "damaged_archive @ a.tar.gz: a.tar.gz");
    assert!(shown.iter().any(|line| line.ends_with(" | uncategorised | one")), "{shown:?}");
}

#[test]
fn an_array_that_is_called_lines_is_read_as_one() {
    let array = "\u{feff}[\r\n {\"prompt\": \"one\"},\r\n {\"prompt\": \"two\"}\r\n]\r\n";
    let folder = Folder::new(&[
        ("a.jsonl", array.as_bytes().to_vec()),
        ("b.jsonl.gz", gz(b"[{\"prompt\": \"one\"}, {\"prompt\": \"two\"}]")),
    ]);
    check(
        &folder,
        "a.jsonl",
        "jsonl",
        &["a.jsonl#1 | uncategorised | one", "a.jsonl#2 | uncategorised | two"],
    );
    check(
        &folder,
        "b.jsonl.gz",
        "jsonl",
        &["b.jsonl.gz#1 | uncategorised | one", "b.jsonl.gz#2 | uncategorised | two"],
    );
}

#[test]
fn a_line_of_any_length_is_skipped_without_being_held() {
    let huge = format!("{{\"prompt\": \"{}\"}}\n", "x".repeat(3 << 20));
    let rows = format!("{{\"prompt\": \"one\"}}\n{huge}{{\"prompt\": \"two\"}}\n");
    let folder = Folder::new(&[("a.jsonl", rows.into_bytes())]);
    let bounded = SourceOptions { max_bytes: 1000, ..SourceOptions::default() };
    let shown = folder.reads("a.jsonl", &bounded).1;
    assert_eq!(
        shown,
        [
            "a.jsonl#1 | uncategorised | one",
            "too_large @ a.jsonl: a.jsonl#2",
            "a.jsonl#3 | uncategorised | two"
        ]
    );
}

#[test]
fn a_named_format_reads_files_of_any_name() {
    let folder = Folder::new(&[
        ("rows.dat", b"{\"prompt\": \"one\"}\n".to_vec()),
        ("shard.bin", tar(&[("1.txt", b"one"), ("1.png", &png(20))])),
    ]);
    for (name, format, row) in [
        ("rows.dat", "jsonl", "rows.dat#1 | uncategorised | one"),
        ("shard.bin", "webdataset", "shard.bin/1 | uncategorised | one | 20x16"),
    ] {
        let options = SourceOptions { format: Some(format.to_owned()), ..SourceOptions::default() };
        assert_eq!(show(&read(&folder.path(name), &options)), [row]);
    }
    let options = SourceOptions { format: Some("parquet".to_owned()), ..SourceOptions::default() };
    let shown = show(&read(&folder.path("rows.dat"), &options));
    assert_eq!(shown, ["damaged_archive @ rows.dat: rows.dat"]);
}

#[test]
fn a_split_is_told_by_the_folder_and_not_by_the_path() {
    let rows = |name: &str| format!("{{\"img_path\": \"./000/a.jpg\", \"prompt\": \"{name}\"}}\n");
    let folder = Folder::new(&[
        (
            "train/j/data/train/train_anno_realease_repath.jsonl.tgz",
            gz(&tar(&[("a.jsonl", rows("t").as_bytes())])),
        ),
        ("train/j/data/train/imgs/000.tgz", gz(&tar(&[("000/a.jpg", &png(80))]))),
        (
            "train/j/data/valid/valid_anno_repath.jsonl.tgz",
            gz(&tar(&[("a.jsonl", rows("v").as_bytes())])),
        ),
        ("train/j/data/valid/imgs/000.tgz", gz(&tar(&[("000/a.jpg", &png(81))]))),
    ]);
    let shown = folder.reads("train/j", &SourceOptions::default()).1;
    let short: Vec<&str> =
        shown.iter().map(|l| l.split_once('#').map_or(&l[..], |l| l.1)).collect();
    assert_eq!(short, ["1 | uncategorised | t | 80x16", "1 | uncategorised | v | 81x16"]);
}

#[test]
fn a_split_archive_of_many_parts_is_put_together_in_order_and_its_damage_counts_once() {
    let rows = b"[{\"input_prompt\": \"a map\", \"output_image\": \"gen/0.png\"}]";
    let whole = gz(&tar(&[
        ("OpenGPT-4o-Image/imagen/0.png", &png(16)),
        ("OpenGPT-4o-Image/gen/0.png", &png(50)),
        ("OpenGPT-4o-Image/gen.json", rows),
        ("../evil.png", &png(16)),
    ]));
    let step = whole.len() / 11;
    let part = |n: usize| {
        if n == 11 { whole[11 * step..].to_vec() } else { whole[n * step..(n + 1) * step].to_vec() }
    };
    let names: Vec<String> = (0..=11).map(|n| format!("o/gen.tar.gz.{n}")).collect();
    let files: Vec<(&str, Vec<u8>)> =
        names.iter().enumerate().map(|(n, name)| (name.as_str(), part(n))).collect();
    let folder = Folder::new(&files);
    let shown = folder.reads("o", &SourceOptions::default()).1;
    assert_eq!(
        shown,
        ["OpenGPT-4o-Image/gen.json#1 | uncategorised | a map | 50x16", "unsafe_path @ evil.png"]
    );
    let none = Folder::new(&[("o/gen.tar.gz.aa", gz(&tar(&[("gen/0.png", &png(16))])))]);
    let shown = none.reads("o", &SourceOptions::default()).1;
    assert_eq!(shown[0], "no_prompt @ o: gen.json");
}

#[test]
fn a_geneval_row_brings_its_spec() {
    let row = b"{\"tag\": \"counting\", \"include\": [{\"class\": \"bell\", \"count\": 4}], \"exclude\": [{\"class\": \"bell\", \"count\": 5}], \"prompt\": \"a photo of four bells\"}\n";
    let folder = Folder::new(&[("g.jsonl", row.to_vec())]);
    let items = read(&folder.path("g.jsonl"), &SourceOptions::default());
    let Ok(PoolItem::Row(row)) = &items[0] else { panic!("{items:?}") };
    let spec = row.prompt.spec.as_ref().unwrap();
    assert_eq!(
        (spec.include[0].count, spec.exclude[0].count, &row.prompt.category[..]),
        (4, 5, "counting")
    );
}

#[test]
fn what_a_row_lost_stays_with_it() {
    let rows = b"{\"prompt\": \"one\", \"image\": \"no.png\", \"spec\": 7}\n{\"prompt\": \"two\", \"image\": \"https://x.example/a.png\"}\n";
    let folder = Folder::new(&[("a.jsonl", rows.to_vec())]);
    let losses: Vec<Vec<String>> = read(&folder.path("a.jsonl"), &SourceOptions::default())
        .into_iter()
        .filter_map(|item| match item {
            Ok(PoolItem::Row(row)) => Some(row.losses),
            _ => None,
        })
        .collect();
    assert_eq!(losses[0].len(), 2, "{losses:?}");
    assert!(losses[0][0].starts_with("field: ") && losses[0][1].contains("`no.png` is not there"));
    assert!(losses[1][0].contains("web addresses are not fetched"), "{losses:?}");
}

#[test]
fn images_are_told_by_content_and_cut_ones_by_their_ends() {
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 30].to_vec();
    let folder = Folder::new(&[(
        "a.tar",
        tar(&[
            ("1.jpg", &png(20)),
            ("1.txt", b"a PNG that is called a JPEG"),
            ("2.png", &cut(png(21))),
            ("2.txt", b"cut"),
            ("3.png", b"RIFF\xff\xff\0\0WEBPVP8 "),
            ("3.txt", b"a WebP that is not all there"),
            ("4.png", &png(8)),
            ("4.txt", b"under the floor"),
        ]),
    )]);
    for verify in [Verify::Decode, Verify::Header] {
        let shown = folder.reads("a.tar", &SourceOptions { verify, ..SourceOptions::default() }).1;
        let damaged = shown.iter().filter(|line| line.starts_with("damaged_image")).count();
        assert_eq!(
            (damaged, &shown[0][..]),
            (3, "a.tar/1 | uncategorised | a PNG that is called a JPEG | 20x16")
        );
    }
    let require = SourceOptions { images: Images::Require, ..SourceOptions::default() };
    let rows = folder.reads("a.tar", &require).1;
    assert_eq!(rows.iter().filter(|line| line.contains(" | ")).count(), 1, "{rows:?}");
}

#[test]
fn inspect_says_which_fields_it_maps_and_what_it_leaves_alone() {
    let rows = b"{\"caption\": \"one\", \"tag\": \"x\"}\n{\"prompt\": \"two\", \"file_name\": \"no.png\"}\n";
    let folder = Folder::new(&[
        ("p/a.jsonl", rows.to_vec()),
        ("p/b.csv", b"prompt\nlost\n".to_vec()),
        ("p/README.md", b"# a pool".to_vec()),
    ]);
    let run = |more: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_coldstart"))
            .args(["pool", "inspect", folder.path("p").to_str().unwrap()])
            .args(more)
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let found: serde_json::Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    let fields: Vec<String> = found["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| format!("{} {} {}", f["ours"], f["theirs"], f["rows"]).replace('"', ""))
        .collect();
    assert_eq!(
        fields,
        ["prompt caption 1", "prompt prompt 1", "category tag 1", "image file_name 1"]
    );
    assert_eq!(found["unread_files"], 2);
    assert_eq!(found["images"]["missing"], 1);
    let text = run(&[]);
    for part in ["2 files not read: README.md, b.csv", "prompt    from caption", "1 missing"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    // A cap ends the walk before it is known what is left.
    let some: serde_json::Value =
        serde_json::from_str(&run(&["--format", "json", "--limit", "1"])).unwrap();
    assert_eq!((&some["unread_files"], &some["fields"][0]["rows"]), (&0.into(), &1.into()));
}
