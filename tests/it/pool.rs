//! Prompt sources through the library: JSON lines and arrays with everything odd that they hold.

use coldstart::pool::{BadKind, Item, OnBad, Options, PoolError, Sources, open, open_all};
use futures::StreamExt;
use std::path::Path;

/// Everything a source yields.
pub fn read(uri: &Path, options: &Options) -> Vec<Result<Item, PoolError>> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(open(uri.to_str().unwrap(), options).collect())
}

/// `key | category | text | image size` of rows, `kind @ place` of what is bad; a fatal error's text.
pub fn show(items: &[Result<Item, PoolError>]) -> Vec<String> {
    items
        .iter()
        .map(|item| match item {
            Ok(Item::Row(row)) => {
                let size = row
                    .reference
                    .as_ref()
                    .map(|r| format!(" | {}x{}", r.image.width, r.image.height));
                format!("{} | {} | {}{}", row.key, row.category, row.text, size.unwrap_or_default())
            }
            Ok(Item::Bad(bad)) => {
                let place = bad.place.rsplit('/').next().unwrap_or_default();
                format!("{} @ {place}", bad.kind.as_str())
            }
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
    let items = read(&path, &Options::default());
    assert_eq!(
        show(&items),
        [
            "rows.jsonl#1 | a | one",
            "no_prompt @ rows.jsonl: rows.jsonl#3",
            "syntax @ rows.jsonl: rows.jsonl#4",
            "grammar_tag @ rows.jsonl: rows.jsonl#5",
            "rows.jsonl#6 | rows | three",
            "field @ rows.jsonl: rows.jsonl#7",
            "rows.jsonl#7 | rows | four",
            "rows.jsonl#8 | rows | a plain string",
            "encoding @ rows.jsonl: rows.jsonl#9",
        ]
    );
    let Ok(Item::Row(row)) = &items[4] else { panic!() };
    assert_eq!(row.spec.as_ref().unwrap().include[0].count, 5);
}

#[test]
fn a_bad_row_can_stop_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, ODD).unwrap();
    let items = read(&path, &Options { on_bad: OnBad::Stop, ..Options::default() });
    assert_eq!(items.len(), 2);
    assert!(
        matches!(&items[1], Err(PoolError::Bad { place, .. }) if place.ends_with("rows.jsonl#3"))
    );
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
    let items = read(&path, &Options { cap: Some(1), max_chars: 50, ..Options::default() });
    assert_eq!(
        show(&items),
        ["prompt_too_long @ rows.json: rows.json#1", "rows.json#2 | rows | b"]
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
        .map(|item| match item {
            Ok(Item::Row(row)) => row.text.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts[..6], ["b0", "a0", "b1", "b2", "a1", "b3"]);
    assert_eq!(texts.len(), 14);
}

#[test]
fn what_is_not_there_or_not_known_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("nothing"), &Options::default());
    assert!(show(&missing)[0].contains("there is no file"), "{missing:?}");
    let path = folder.path().join("x.bin");
    std::fs::write(&path, b"\x00\x01\x02").unwrap();
    assert!(show(&read(&path, &Options::default()))[0].contains("not recognised"));
    let wrong = Options { format: Some("jsnol".into()), ..Options::default() };
    assert!(show(&read(&path, &wrong))[0].contains("did you mean `jsonl`"));
    let kinds = [BadKind::NoPrompt, BadKind::Syntax].map(BadKind::as_str);
    assert_eq!(kinds, ["no_prompt", "syntax"]);
}
