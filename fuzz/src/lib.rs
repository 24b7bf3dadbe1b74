//! What foreign bytes may do to each reader: one function an entry, called by the fuzz targets and,
//! with arbitrary and with damaged valid bytes, by the ordinary tests (`tests/it/hostile.rs`).
//!
//! The one idea: an entry takes any bytes, calls the reader that meets them in a run, and asserts what
//! must hold of whatever comes back; a panic is the finding. A new reader is a line in `ENTRIES` and a
//! file in `fuzz_targets/`.

mod seeds;

use bytes::Bytes;
use coldstart::call::Output;
use coldstart::call::endpoints::Endpoints;
use coldstart::call::protocol::captured::read_chat;
use coldstart::diag::{Diagnostic, SourceFile, Style, render};
use coldstart::export::grammar::model_turn;
use coldstart::export::tokens::Tokenizer;
use coldstart::export::verify::Look;
use coldstart::media::{Outline, Picture, Verify, take};
use coldstart::pool::{PoolError, PoolItem, SourceOptions, Sources};
use coldstart::record::{Atom, AtomKind, Digest};
use coldstart::rules::Rules;
use coldstart::sample::spec::Vocabulary;
use coldstart::stage::{parse_call, read_judgement};
use coldstart::text::decontam::Fingerprints;
use futures::StreamExt;
use std::sync::{Arc, OnceLock};

/// An entry's name, the function, and bytes from which to start.
pub type Entry = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

/// Every entry; each has a fuzz target of its name.
pub const ENTRIES: &[Entry] = &[
    ("segment", segment, seeds::none),
    ("picture", picture, seeds::pictures),
    ("pool", pool, seeds::pools),
    ("chat_reply", chat_reply, seeds::chat_replies),
    ("turn", turn, seeds::turns),
    ("judgement", judgement, seeds::judgements),
    ("fingerprints", fingerprints, seeds::fingerprints),
    ("config", config, seeds::configs),
    ("tokenizer", tokenizer, seeds::tokenizers),
];

/// A journal segment: damage is always at a place in it.
pub fn segment(bytes: &[u8]) {
    let damage = coldstart::journal::read_segment("fuzzed", bytes, &mut |_| {});
    assert!(damage.iter().all(|d| d.offset <= bytes.len() as u64));
}

/// A picture of a pool, of a server, of a dataset: what one takes all take, with the same size, and
/// what is taken is taken again as it is, whatever follows its end.
pub fn picture(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let _ = Picture::decode(&bytes).map(|picture| picture.thumbnail(64));
    let Ok(taken) = take(&bytes, Verify::Decode) else { return };
    let (image, size) = (taken.image, (taken.image.width, taken.image.height));
    assert_eq!((image.bytes, image.digest), (taken.bytes.len() as u64, Digest::of(&taken.bytes)));
    for verify in [Verify::Header, Verify::Decode] {
        assert_eq!(take(&bytes, verify).expect("taken before").image, image);
        assert_eq!(take(&taken.bytes, verify).expect("taken before").image, image);
    }
    let longer = Bytes::from([&bytes[..], b"\xff\xd9 and more IEND"].concat());
    assert_eq!(take(&longer, Verify::Decode).map(|again| again.image), Ok(image));
    // As an export and its proof, and as a person sees it.
    for shown in [&taken.bytes, &longer] {
        let outline = Outline::read(shown).expect("whole");
        assert!(outline.orientation.is_upright() || shown == &longer);
    }
    assert_eq!(Look::at(&taken.bytes).size, Some(size));
    let shown = Picture::decode(&taken.bytes).expect("decodes");
    assert_eq!((shown.width as u32, shown.height as u32), size);
}

/// The names under which `pool` lays its bytes; the first byte picks one.
pub const POOLS: [&str; 10] = [
    "rows.jsonl",
    "rows.json",
    "rows.csv",
    "rows.tsv",
    "rows.txt",
    "rows.tar",
    "rows.parquet",
    "genref_0.tar",
    "train_anno.jsonl.tgz",
    "text_to_image.json",
];

/// A prompt source of any format: rows that hold what they promise, and never a lost reader.
pub fn pool(bytes: &[u8]) {
    let Some((pick, bytes)) = bytes.split_first() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(POOLS[*pick as usize % POOLS.len()]);
    std::fs::write(&path, bytes).expect("written");
    let options = SourceOptions { max_chars: 200, max_bytes: 1 << 16, ..SourceOptions::default() };
    let items: Vec<_> = runtime()
        .block_on(coldstart::pool::open(path.to_str().expect("UTF-8"), &options).collect());
    for item in items {
        match item {
            Ok(PoolItem::Row(row)) => {
                assert!(
                    !row.prompt.text.trim().is_empty() && row.prompt.text.chars().count() <= 200
                );
                assert!(!row.prompt.text.contains("<tool_call>"));
            }
            Ok(PoolItem::Bad(bad)) => assert!(!bad.place.contains(char::is_control)),
            Ok(PoolItem::End(_)) | Err(PoolError::Unknown { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| tokio::runtime::Runtime::new().expect("a runtime"))
}

/// A chat server's body, whole and as events, of both protocols: text that is not larger than what
/// came, give or take the tags of a tool call.
pub fn chat_reply(bytes: &[u8]) {
    for protocol in ["openai-chat", "gemini"] {
        for streamed in [false, true] {
            if let Ok(Output::Text { text, reasoning }) = read_chat(protocol, bytes, streamed) {
                assert!(text.len() + reasoning.len() <= bytes.len() * 3 + 1024);
            }
        }
    }
}

/// An agent's turn: what is taken as a call or as a trained turn can be written as one again.
pub fn turn(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, reasoning) = text.split_once('\0').unwrap_or((&text, ""));
    if let Ok(call) = parse_call(text, reasoning) {
        assert!(!call.thinking.is_empty() && !call.refined.is_empty());
        assert!(!call.refined.contains("</tool_call>") && !call.thinking.contains("<image>"));
    }
    for first in [true, false] {
        if let Ok(turn) = model_turn(text, first) {
            assert_eq!(turn.judgement.is_some(), !first);
            assert!(turn.answer != turn.caption.is_some());
        }
    }
}

/// A judge's reply: a verdict on exactly the rules and atoms that were asked.
pub fn judgement(bytes: &[u8]) {
    static RULES: OnceLock<Arc<Rules>> = OnceLock::new();
    let rules = RULES.get_or_init(|| {
        let text = include_str!("../../data/judge_rules.toml");
        Arc::new(Rules::parse(&source(text)).expect("the shipped rules"))
    });
    let atom = |id: &str, parents: &[&str]| Atom {
        id: id.to_owned(),
        kind: AtomKind::Count,
        question: "How many?".to_owned(),
        expected: "five".to_owned(),
        parents: parents.iter().map(|p| (*p).to_owned()).collect(),
    };
    let atoms = [atom("a1", &[]), atom("a2", &["a1"])];
    if let Ok((verdict, _)) = read_judgement(rules, &atoms, &String::from_utf8_lossy(bytes)) {
        assert_eq!(verdict.checks.len(), rules.rules.len() + atoms.len());
        assert!((0.0..=1.0).contains(&verdict.score));
    }
}

/// A fingerprint file: what loads can be asked.
pub fn fingerprints(bytes: &[u8]) {
    if let Ok(found) = Fingerprints::load(bytes) {
        let mut all = Fingerprints::default();
        all.merge(found);
        let text = "a photo of five clocks on a wall above a long table with two red chairs";
        all.check_all(text, None, None);
        assert_eq!(all.benchmarks().len(), 1);
    }
}

/// A configuration of a user's (endpoints, sources, vocabulary, rules): faults that can be shown.
pub fn config(bytes: &[u8]) {
    let source = source(&String::from_utf8_lossy(bytes));
    let faults: [Vec<Diagnostic>; 4] = [
        Endpoints::parse(source.clone()).err().unwrap_or_default(),
        Sources::parse(&source).err().unwrap_or_default(),
        Vocabulary::parse(&source).err().unwrap_or_default(),
        Rules::parse(&source).err().unwrap_or_default(),
    ];
    for faults in faults {
        render(&faults, Style::Plain);
    }
}

/// A `tokenizer.json`: what loads counts.
pub fn tokenizer(bytes: &[u8]) {
    if let Ok(tokenizer) = Tokenizer::from_json(bytes) {
        assert!(tokenizer.count("two red chairs") > 0);
    }
}

fn source(text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile { path: "fuzzed.toml".to_owned(), text: text.to_owned() })
}
