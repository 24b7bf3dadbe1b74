//! Prompt sources through the library: JSON lines and arrays with everything odd that they hold.

use coldstart::pool::{
    BadKind, OnBad, PoolError, PoolItem, SourceOptions, Sources, open, open_all,
};
use futures::StreamExt;
use std::path::Path;

/// Everything a source yields but its ending.
pub fn read(uri: &Path, options: &SourceOptions) -> Vec<Result<PoolItem, PoolError>> {
    let mut items = read_to_end(uri, options);
    items.retain(|item| !matches!(item, Ok(PoolItem::End(_))));
    items
}

/// Everything a source yields.
pub fn read_to_end(uri: &Path, options: &SourceOptions) -> Vec<Result<PoolItem, PoolError>> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(open(uri.to_str().unwrap(), options).collect())
}

/// `key | category | text | image size` of rows, `kind @ place` of what is bad; a fatal error's text.
pub fn show(items: &[Result<PoolItem, PoolError>]) -> Vec<String> {
    items
        .iter()
        .map(|item| match item {
            Ok(PoolItem::Row(row)) => {
                let q = &row.prompt;
                let size = q.reference.map(|image| format!(" | {}x{}", image.width, image.height));
                let (key, size) = (q.key.as_deref().unwrap_or_default(), size.unwrap_or_default());
                format!("{key} | {} | {}{size}", q.category, q.text)
            }
            Ok(PoolItem::Bad(bad)) => {
                let place = bad.place.rsplit('/').next().unwrap_or_default();
                format!("{} @ {place}", bad.kind.as_str())
            }
            Ok(PoolItem::End(_)) => "end".to_owned(),
            Err(e) => format!("error: {e}"),
        })
        .collect()
}

const ODD: &str = "\u{feff}{\"prompt\": \"one\", \"type\": \"a\"}\r\n\n{\"prompt\": \"  \"}\n{oops\n\
    {\"text\": \"two <image>\"}\n{\"text\": \"three\", \"spec\": {\"include\": [{\"class\": \"clock\", \"count\": 5}]}}\n\
    {\"text\": \"four\", \"spec\": 7}\n\"a plain string\"\n";

#[test]
fn odd_json_lines_are_named_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, [ODD.as_bytes(), b"{\"prompt\": \"\xff\"}\n"].concat()).unwrap();
    let items = read(&path, &SourceOptions::default());
    assert_eq!(
        show(&items),
        [
            "rows.jsonl#1 | a | one",
            "no_prompt @ rows.jsonl: rows.jsonl#3",
            "syntax @ rows.jsonl: rows.jsonl#4",
            "grammar_tag @ rows.jsonl: rows.jsonl#5",
            "rows.jsonl#6 | uncategorised | three",
            "field @ rows.jsonl: rows.jsonl#7",
            "rows.jsonl#7 | uncategorised | four",
            "rows.jsonl#8 | uncategorised | a plain string",
            "encoding @ rows.jsonl: rows.jsonl#9",
        ]
    );
    let Ok(PoolItem::Row(row)) = &items[4] else { panic!() };
    assert_eq!(row.prompt.spec.as_ref().unwrap().include[0].count, 5);
}

#[test]
fn a_bad_row_can_stop_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, ODD).unwrap();
    let items = read(&path, &SourceOptions { on_bad: OnBad::Stop, ..SourceOptions::default() });
    assert_eq!(items.len(), 2);
    assert!(
        matches!(&items[1], Err(PoolError::Bad { place, .. }) if place.ends_with("rows.jsonl#3"))
    );
}

#[test]
fn a_uri_reads_as_its_path_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, ODD).unwrap();
    let uri = format!("file://{}", path.display());
    let options = SourceOptions::default();
    assert_eq!(show(&read(Path::new(&uri), &options)), show(&read(&path, &options)));
}

#[test]
fn caps_and_length_bounds_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.json");
    let long = "x".repeat(100);
    std::fs::write(
        &path,
        format!("[{{\"prompt\": \"{long}\"}},\n {{\"prompt\": \"b\"}}, {{\"prompt\": \"c\"}}]"),
    )
    .unwrap();
    let items =
        read(&path, &SourceOptions { cap: Some(1), max_chars: 50, ..SourceOptions::default() });
    assert_eq!(
        show(&items),
        ["prompt_too_long @ rows.json: rows.json#1", "rows.json#2 | uncategorised | b"]
    );
}

#[test]
fn sources_are_mixed_by_weight() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |name: &str, n: usize| -> String {
        (0..n).map(|i| format!("{{\"prompt\": \"{name}{i}\"}}\n")).collect()
    };
    let path =
        |name: &str| folder.path().join(format!("{name}.jsonl")).to_str().unwrap().to_owned();
    for (name, n) in [("a", 4), ("b", 10)] {
        std::fs::write(path(name), rows(name, n)).unwrap();
    }
    let mut sources = Sources::one(&path("a"));
    sources.list.extend(Sources::one(&path("b")).list);
    sources.list[1].weight = 2.0;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let items: Vec<_> = runtime.block_on(open_all(&sources).collect());
    let texts: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            Ok(PoolItem::Row(row)) => Some(row.prompt.text.clone()),
            Ok(PoolItem::End(_)) => None,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts[..6], ["b0", "a0", "b1", "b2", "a1", "b3"]);
    assert_eq!(texts.len(), 14);
}

#[test]
fn what_is_not_there_or_not_known_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("nothing"), &SourceOptions::default());
    assert!(show(&missing)[0].contains("there is no file"), "{missing:?}");
    let path = folder.path().join("x.bin");
    std::fs::write(&path, b"\x00\x01\x02").unwrap();
    assert!(show(&read(&path, &SourceOptions::default()))[0].contains("it is binary, not text"));
    let wrong = SourceOptions { format: Some("jsnol".into()), ..SourceOptions::default() };
    assert!(show(&read(&path, &wrong))[0].contains("did you mean `jsonl`"));
    let kinds = [BadKind::NoPrompt, BadKind::Syntax].map(BadKind::as_str);
    assert_eq!(kinds, ["no_prompt", "syntax"]);
}

/// Precision and recall of near-duplicates on pairs of our own making, a third of them hard: one
/// number, colour, relation, size, negation or object changed is another prompt.
#[test]
fn near_duplicates_on_the_labelled_pairs() {
    use coldstart::record::Id;
    use coldstart::text::dedup::{Dedup, Ruling, THRESHOLD};
    use std::collections::BTreeMap;
    let cases = include_str!("../cases/pool/duplicates.tsv");
    let mut by_change: BTreeMap<(&str, &str), (u32, u32)> = BTreeMap::new();
    for line in cases.lines().filter(|l| !l.starts_with('#')) {
        let [label, change, a, b] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let mut dedup = Dedup::new(THRESHOLD, 1);
        dedup.offer(Id::of("a", "", a), a);
        dedup.offer(Id::of("b", "", b), b);
        let found = dedup.finish().iter().any(|(_, ruling)| *ruling != Ruling::Keep);
        let cell = by_change.entry((label, change)).or_default();
        cell.0 += 1;
        cell.1 += u32::from(found);
    }
    let sum = |label: &str| {
        by_change
            .iter()
            .filter(|(k, _)| k.0 == label)
            .fold((0, 0), |s, (_, c)| (s.0 + c.0, s.1 + c.1))
    };
    let ((dups, found), (others, wrong)) = (sum("dup"), sum("other"));
    let precision = f64::from(found) / f64::from(found + wrong);
    let recall = f64::from(found) / f64::from(dups);
    println!(
        "precision {precision:.3} recall {recall:.3} of {dups} + {others} pairs: {by_change:?}"
    );
    assert!(precision >= 0.99 && recall >= 0.95, "{precision} {recall} {by_change:?}");
}

#[test]
fn a_pool_is_inspected_and_reported_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let rows = "{\"prompt\": \"a photo of five clocks\", \"category\": \"counting\"}\n{\"prompt\": \"A photo of 5 clocks.\"}\n{\"prompt\": \"<b>a moth</b> in a jar of ink\"}\n{}\n";
    std::fs::write(&path, rows).unwrap();
    let run = |args: &[&str]| {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_coldstart"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .arg("pool")
            .args(args)
            .output()
            .unwrap();
        (
            out.status.code(),
            String::from_utf8(out.stdout).unwrap(),
            String::from_utf8(out.stderr).unwrap(),
        )
    };
    let pool = path.to_str().unwrap();
    let (code, said, _) = run(&["inspect", pool]);
    assert_eq!(code, Some(0));
    assert!(
        said.contains("3 rows") && said.contains("no_prompt") && said.contains("rows.jsonl#4"),
        "{said}"
    );
    let html = folder.path().join("report.html");
    let (code, said, _) =
        run(&["report", pool, "--format", "json", "--html", html.to_str().unwrap()]);
    assert_eq!(code, Some(0));
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["duplicates"]["near"], 1);
    assert_eq!(report["contamination"]["dropped"], 2);
    assert_eq!(report["bad"]["no_prompt"]["count"], 1);
    let page = std::fs::read_to_string(html).unwrap();
    assert!(page.contains("geneval_pp") && !page.contains("<b>a moth"));
    let (code, said, _) = run(&["report", pool]);
    assert!(code == Some(0) && said.contains("would be dropped"), "{said}");
    let (code, _, said) = run(&["inspect", "nowhere/at/all"]);
    assert!(code == Some(1) && said.contains("there is no file"), "{said}");
    let out = folder.path().join("fp");
    let (code, _, said) =
        run(&["fingerprint", "--add", pool, "--name", "mine", "--out", out.to_str().unwrap()]);
    assert!(code == Some(0) && out.join("mine.fp").exists() && said.contains("1 rows"), "{said}");
    let (_, said, _) = run(&["inspect", "--formats"]);
    for name in [
        "blip3o_60k",
        "sharegpt_4o",
        "echo_4o",
        "opengpt_4o",
        "text_to_image_2m",
        "genref",
        "journeydb",
        "t2i_r1",
        "unigenbench",
        "partiprompts",
        "webdataset",
        "parquet",
        "jsonl",
        "json",
        "csv",
        "folder",
        "text",
    ] {
        assert!(said.lines().any(|l| l.starts_with(name)), "{name}");
    }
}
