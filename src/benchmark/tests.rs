//! Answers of judges as cases of `tests/cases/benchmark/answers.toml`, and totals of made-up rows.

use super::official::wording;
use super::totals::{Scored, totals};
use super::{BENCHMARKS, Counted, Judged, find, rounded};
use crate::record::{Id, Prompt, Region, Size, Spec, SpecObject};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    set: String,
    what: String,
    answer: String,
    official: toml::Value,
    strict: Option<f64>,
}

#[test]
fn odd_answers_are_read_as_the_scripts_do_and_strictly() {
    let text = include_str!("../../tests/cases/benchmark/answers.toml");
    let cases: Cases = toml::from_str(text).unwrap();
    assert!(cases.case.len() > 30);
    for case in cases.case {
        let read = (find(&case.set).unwrap().read)(&case.answer);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let same = match (&read.official, &case.official) {
            (Counted::As(seen), toml::Value::Float(wanted)) => near(*seen, *wanted),
            (Counted::Again, toml::Value::String(word)) => word == "again",
            _ => false,
        };
        assert!(same, "{} ({}): official {:?}", case.what, case.set, read.official);
        let same = match (read.strict, case.strict) {
            (Some(seen), Some(wanted)) => near(seen, wanted),
            (seen, wanted) => seen.is_none() && wanted.is_none(),
        };
        assert!(same, "{} ({}): strict {:?}", case.what, case.set, read.strict);
    }
}

fn prompt(set: &str, number: u64, category: &str) -> Prompt {
    Prompt {
        id: Id::of(set, &number.to_string(), "q"),
        text: "q".into(),
        category: category.into(),
        source: format!("benchmark/{set}"),
        key: Some(format!("rows.jsonl#{number}")),
        reference: None,
        spec: None,
        gloss: Some("meaning".into()),
        licence: None,
    }
}

fn scored(group: usize, score: f64) -> Scored {
    Scored { group, official: Counted::As(score), strict: Some(score), drawn: true }
}

#[test]
fn python_rounds_to_even_on_the_exact_value() {
    assert_eq!(rounded(0.125, 2), 0.12);
    assert_eq!(rounded(2.5, 0), 2.0);
    assert_eq!(rounded(0.48214, 4), 0.4821);
    assert_eq!(rounded(1.0005, 3), 1.0);
}

#[test]
fn overalls_are_the_scripts() {
    // GenEval++: a mean of rounded tags. 1 of 3 and 1 of 1.
    let set = find("geneval_pp").unwrap();
    let rows = [scored(0, 1.0), scored(0, 0.0), scored(0, 0.0), scored(1, 1.0)];
    let made = totals(set, &rows);
    assert_eq!(made.groups[0].official, Some(0.3333));
    assert_eq!(made.official, Some(rounded((0.3333 + 1.0) / 2.0, 4)));
    assert_eq!(made.absent, 276);
    // Imagine: printed without Multi-Object, whose rows the paper counts.
    let set = find("imagine").unwrap();
    let made = totals(set, &[scored(0, 9.0), scored(1, 3.0), scored(2, 3.0), scored(3, 0.0)]);
    assert_eq!(made.official, Some(rounded((27.0 + 6.0 + 6.0) / 7.0, 3)));
    assert!((made.overall.unwrap() - 39.0 / 9.0).abs() < 1e-9);
    // WISE prints nothing until all thousand are there.
    let set = find("wise_legacy").unwrap();
    let row = |n: u64| scored(usize::from(n > 400), 0.5);
    assert_eq!(totals(set, &(1..=999).map(row).collect::<Vec<_>>()).official, None);
    let all: Vec<Scored> = [400, 167, 133, 100, 100, 100]
        .into_iter()
        .enumerate()
        .flat_map(|(group, n)| std::iter::repeat_n(scored(group, 0.5), n))
        .collect();
    assert!((totals(set, &all).official.unwrap() - 0.5).abs() < 1e-9);
    // With all rows there, every overall is the mean over rows.
    for set in BENCHMARKS {
        let weights: f64 = set.groups.iter().map(|g| g.weight).sum();
        let rows: f64 = set.groups.iter().map(|g| g.weight * set.rows as f64 / weights).sum();
        assert!((rows - set.rows as f64).abs() < 1e-6, "{}", set.name);
    }
}

#[test]
fn missing_pictures_and_unread_answers_count_as_the_scripts_count_them() {
    for (name, missing, unread) in [
        ("geneval_pp", Counted::As(0.0), Counted::As(0.0)),
        ("imagine", Counted::LeftOut, Counted::As(0.0)),
        ("wise_legacy", Counted::LeftOut, Counted::LeftOut),
        ("wise_verified", Counted::LeftOut, Counted::LeftOut),
    ] {
        let set = find(name).unwrap();
        assert_eq!((set.missing, set.unread), (missing, unread), "{name}");
        let none = Scored { group: 0, official: set.missing, strict: None, drawn: false };
        let lost = Scored { group: 0, official: set.unread, strict: None, drawn: true };
        let made = totals(set, &[scored(0, 1.0), none, lost]);
        assert_eq!((made.missing, made.unparsed), (1, 1), "{name}");
    }
}

#[test]
fn ids_name_the_category_whatever_the_file_says() {
    let row =
        |n: u64| json!({"Prompt": "q", "Explanation": "e", "Category": "Ecology", "prompt_id": n});
    for (name, expected) in [
        (
            "wise_legacy",
            [
                (400, "culture"),
                (401, "time"),
                (567, "time"),
                (568, "space"),
                (701, "biology"),
                (1000, "chemistry"),
            ],
        ),
        (
            "wise_verified",
            [
                (400, "culture"),
                (401, "time"),
                (520, "time"),
                (521, "space"),
                (641, "biology"),
                (1000, "chemistry"),
            ],
        ),
    ] {
        let set = find(name).unwrap();
        for (id, category) in expected {
            assert_eq!((set.row)(&row(id), 1).unwrap().category, category, "{name} {id}");
        }
        assert_eq!((set.row)(&row(1001), 1), None);
        assert_eq!((set.row)(&row(0), 1), None);
    }
}

#[test]
fn the_checklist_is_worded_like_the_scripts() {
    let item = |class: &str, count| SpecObject {
        class: class.into(),
        count,
        color: None,
        region: None,
        size: None,
        material: None,
    };
    let mut prompt = prompt("geneval_pp", 3, "counting");
    prompt.spec = Some(Spec {
        include: vec![
            SpecObject { color: Some("red".into()), size: Some(Size::Larger), ..item("box", 2) },
            SpecObject { region: Some(Region::Left), ..item("skis", 1) },
        ],
        exclude: vec![item("clock", 3)],
        ..Spec::default()
    });
    let asked = (find("geneval_pp").unwrap().asks)(&prompt);
    let found = asked.iter().find(|(name, _)| *name == "explanation").unwrap();
    assert_eq!(
        found.1,
        "This image should contain:\n- red-colored larger 2 boxs present in the image.\n\
         - 1 skis located in the left part of the image.\n- No more than 2 clocks should appear."
    );
}

#[test]
fn official_wording_comes_out_of_a_script() {
    let script = "X = 1\nSYSTEM_PROMPT = \"\"\"Say {\n  \"a\": 1\n}\n\"\"\"\nm = [{\"type\": \"text\", \
                  \"text\": f\"Do:\\n{instruction}\\n\\nList:\\n{explanation}\"}]\n";
    let words = wording(script).unwrap();
    assert_eq!(words.system, "Say {\n  \"a\": 1\n}\n");
    let values = [("instruction", "a {cat}".to_owned()), ("explanation", "- e".to_owned())];
    assert_eq!(words.fill(&values).unwrap(), "Do:\na {cat}\n\nList:\n- e");
    let script = "{\"text\": \"Be \\\"strict\\\".\"}, {\"type\": \"text\", \"text\": f\"\"\"P: \
                  \"{prompt_data['Prompt']}\" {{x}} E: {prompt_data[\"Explanation\"]}\"\"\"}";
    let words = wording(script).unwrap();
    assert_eq!(words.system, "Be \"strict\".");
    let values = [("Prompt", "p".to_owned()), ("Explanation", "e".to_owned())];
    assert_eq!(words.fill(&values).unwrap(), "P: \"p\" {x} E: e");
    assert!(words.fill(&values[..1]).unwrap_err().contains("Explanation"));
    assert!(wording("nothing").is_err());
}

fn file(set: &str, rows: &[Judged<'_>], name: &str) -> String {
    let set = find(set).unwrap();
    let files = (set.files)(set, rows);
    files.into_iter().find(|(n, _)| n == name).unwrap().1
}

#[test]
fn official_files_hold_what_the_scripts_write() {
    let (a, b, c) = (
        prompt("geneval_pp", 1, "color_attr"),
        prompt("geneval_pp", 2, "color_attr"),
        prompt("geneval_pp", 3, "counting"),
    );
    let judged = |prompt, answer, image| Judged { prompt, answer, image };
    let rows = [
        judged(&a, Some("{\"correct\": true}"), Some("1.jpg")),
        judged(&b, Some("no"), Some("2.jpg")),
        judged(&c, None, None),
    ];
    let out: Value = serde_json::from_str(&file("geneval_pp", &rows, "Output.json")).unwrap();
    assert_eq!(out["overall_results"][0]["result"]["correct"], json!(true));
    assert_eq!(out["overall_results"][1]["result"]["correct"], json!(-1));
    assert_eq!(out["overall_results"][2]["result"]["reason"], json!("Image not found"));
    assert_eq!(out["tag_accuracy"], json!({"color_attr": 0.5, "counting": 0.0}));
    assert_eq!(out["overall_score_mean_of_tags"], json!(0.25));
    assert_eq!(out["overall_accuracy_all_samples"], json!(0.3333));
    let a = prompt("wise_legacy", 7, "culture");
    let said = "Consistency: 2\nRealism: 1\nAesthetic Quality: 0";
    let rows = [judged(&a, Some(said), Some("7.png")), judged(&a, Some("?"), Some("7.png"))];
    let scores = file("wise_legacy", &rows, "scores_results.jsonl");
    let line: Value = serde_json::from_str(scores.trim()).unwrap();
    assert_eq!(line["consistency"], json!(2.0));
    assert_eq!(line["prompt_id"], json!(7));
    let a = prompt("imagine", 9, "TIME");
    let rows = [judged(&a, None, Some("9.png")), judged(&a, Some("x"), None)];
    let out: Value = serde_json::from_str(&file("imagine", &rows, "result_scores.json")).unwrap();
    assert_eq!(out.as_array().unwrap().len(), 1);
    assert_eq!(out[0]["Weighted Score"], json!(0));
    assert_eq!(out[0]["type"], json!("Spatiotemporal"));
}
