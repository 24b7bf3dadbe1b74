//! Tables, texts, JSON lines and folders of images, as people keep prompts of their own.

use crate::pool::read;
use crate::pool_formats::{Folder, check, format_of, gz, png};
use coldstart::pool::{Images, PoolItem, SourceOptions};

#[test]
fn tables_and_texts() {
    let folder = Folder::new(&[
        ("c/x.csv", b"\xef\xbb\xbfprompt,category\n\"a cup, red\",one\n\"two\nlines\",b\n,c\n\xff,d\n".to_vec()),
        ("p/PartiPrompts.tsv", b"Prompt\tCategory\tChallenge\tNote\na \"quoted sign\tArts\tBasic\tx\nyin-yang\tAbstract\tBasic\t\n".to_vec()),
        ("u/train_prompt.txt", b"Please draw a whale.\n\nA cat.\r\n".to_vec()),
        ("q/list.txt.gz", gz(b"one\ntwo\n")),
    ]);
    check(
        &folder,
        "c/x.csv",
        "csv",
        &[
            "x.csv#2 | one | a cup, red",
            "x.csv#3 | b | two\nlines",
            "no_prompt @ x.csv: x.csv#5",
            "encoding @ x.csv: x.csv#6",
        ],
    );
    check(
        &folder,
        "p",
        "partiprompts",
        &[
            "PartiPrompts.tsv#2 | Arts | a \"quoted sign",
            "PartiPrompts.tsv#3 | Abstract | yin-yang",
        ],
    );
    check(
        &folder,
        "u",
        "unigenbench",
        &[
            "train_prompt.txt#1 | uncategorised | Please draw a whale.",
            "train_prompt.txt#3 | uncategorised | A cat.",
        ],
    );
    check(
        &folder,
        "q",
        "text",
        &["list.txt.gz#1 | uncategorised | one", "list.txt.gz#2 | uncategorised | two"],
    );
}

#[test]
fn an_open_quote_does_not_swallow_a_file_without_bound() {
    let mut text = b"prompt\nfine\n\"open ".to_vec();
    text.extend(std::iter::repeat_n(b"more and more\n".as_slice(), 40_000).flatten());
    let folder = Folder::new(&[("x.csv", text)]);
    let bounded = SourceOptions { max_bytes: 100_000, ..SourceOptions::default() };
    assert_eq!(
        folder.reads("x.csv", &bounded).1,
        ["x.csv#2 | uncategorised | fine", "syntax @ x.csv: x.csv"]
    );
}

#[test]
fn t2i_r1_rows_have_their_specs() {
    let rows = br#"{"prompt": "a photo of a car below a zebra", "nouns": ["car", "zebra"], "spatial_info": {"obj1": "car", "obj2": "zebra", "locality": "below"}, "task_type": "spatial"}
{"prompt": "two harps and a lyre of old", "nouns": ["harp"], "numeracy_info": [{"obj_name": "harp", "num": 2}], "task_type": "numeracy"}
{"prompt": "a metallic car was parked", "nouns": ["car"], "task_type": "non"}
"#;
    let folder = Folder::new(&[("geneval_and_t2i_data_final.json", rows.to_vec())]);
    let path = folder.path("geneval_and_t2i_data_final.json");
    assert_eq!(format_of(&path), "t2i_r1");
    let specs: Vec<Option<(usize, usize)>> = read(&path, &SourceOptions::default())
        .iter()
        .map(|item| match item {
            Ok(PoolItem::Row(row)) => {
                row.prompt.spec.as_ref().map(|s| (s.include.len(), s.relations.len()))
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(specs, [Some((2, 1)), Some((1, 0)), None]);
}

#[test]
fn a_folder_of_images_with_texts() {
    let folder = Folder::new(&[
        ("f/birds/a.png", png(90)),
        ("f/birds/a.txt", b"a wren".to_vec()),
        ("f/b.webp", b"RIFF".to_vec()),
        ("f/b.json", br#"{"prompt": "a rook", "type": "x"}"#.to_vec()),
        ("f/c.png", png(16)),
        ("f/.hidden.png", png(16)),
    ]);
    let (format, shown) = folder.reads("f", &SourceOptions::default());
    assert_eq!(format, "folder");
    assert_eq!(
        shown,
        [
            "damaged_image @ f: b",
            "b | x | a rook",
            "birds/a | birds | a wren | 90x16",
            "no_prompt @ f: c.png"
        ]
    );
}

#[test]
fn json_lines_link_images_beside_them() {
    let rows = b"{\"file_name\": \"img/a.png\", \"text\": \"a\"}\n{\"file_name\": \"../b.png\", \"text\": \"b\"}\n{\"file_name\": \"img/none.png\", \"text\": \"c\"}\n";
    let folder = Folder::new(&[
        ("m/metadata.jsonl", rows.to_vec()),
        ("m/img/a.png", png(33)),
        ("b.png", png(16)),
    ]);
    check(
        &folder,
        "m",
        "jsonl",
        &[
            "metadata.jsonl#1 | uncategorised | a | 33x16",
            "unsafe_path @ b.png` leads out of the source",
            "metadata.jsonl#2 | uncategorised | b",
            "missing_image @ m: metadata.jsonl#3",
            "metadata.jsonl#3 | uncategorised | c",
        ]
        .map(|l| if l.starts_with("unsafe") { "unsafe_path @ m: metadata.jsonl#2" } else { l }),
    );
}

#[test]
fn parquet_with_embedded_and_linked_images() {
    use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, StructArray};
    use arrow_schema::{DataType, Field};
    use std::sync::Arc;
    let bytes: ArrayRef = Arc::new(BinaryArray::from_opt_vec(vec![Some(&png(44)[..]), None, None]));
    let paths: ArrayRef = Arc::new(StringArray::from(vec![Some("0.png"), Some("1.png"), None]));
    let image: ArrayRef = Arc::new(StructArray::from(vec![
        (Arc::new(Field::new("bytes", DataType::Binary, true)), bytes),
        (Arc::new(Field::new("path", DataType::Utf8, true)), paths),
    ]));
    let captions: ArrayRef = Arc::new(StringArray::from(vec![Some("one"), Some("two"), None]));
    let batch = RecordBatch::try_from_iter(vec![("image", image), ("caption", captions)]).unwrap();
    let mut file = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let torn = file[..file.len() - 9].to_vec();
    let folder = Folder::new(&[("d/a.parquet", file), ("d/1.png", png(45)), ("d/b.parquet", torn)]);
    check(
        &folder,
        "d",
        "parquet",
        &[
            "a.parquet#1 | uncategorised | one | 44x16",
            "a.parquet#2 | uncategorised | two | 45x16",
            "no_prompt @ d: a.parquet#3",
            "damaged_archive @ d: b.parquet",
        ],
    );
    let one = SourceOptions { cap: Some(1), images: Images::Skip, ..SourceOptions::default() };
    assert_eq!(folder.reads("d", &one).1, ["a.parquet#1 | uncategorised | one"]);
}
