//! The grammar against prompts of other people's making, where they are at hand: the path of a
//! T2I-R1 prompt file in `COLDSTART_T2I_R1`.

use coldstart::record::Region;
use coldstart::sim::scene::{Meaning, lexicon, parse};
use serde_json::Value;

fn class(word: &str) -> Option<&'static str> {
    lexicon::noun(word).map(|n| n.class)
}

/// Does the reading of a row hold what the row says of itself?
fn understood(row: &Value) -> bool {
    let Some(prompt) = row["prompt"].as_str() else { return false };
    let meaning = parse(prompt);
    let group = |word: &str| {
        let class = class(word)?;
        meaning.groups.iter().position(|g| g.class == class)
    };
    let nouns = row["nouns"].as_array().cloned().unwrap_or_default();
    if !nouns.iter().filter_map(Value::as_str).all(|n| group(n).is_some()) {
        return false;
    }
    let counts = row["numeracy_info"].as_array().cloned().unwrap_or_default();
    let counted = counts.iter().all(|c| {
        let index = c["obj_name"].as_str().and_then(group);
        index.is_some_and(|i| meaning.groups[i].count.map(u64::from) == c["num"].as_u64())
    });
    let colored = row["attr_nouns"].as_array().cloned().unwrap_or_default();
    let colors = colored.iter().filter_map(Value::as_str).all(|phrase| {
        let (first, rest) = phrase.split_once(' ').unwrap_or(("", phrase));
        let color = lexicon::color(first);
        color.is_none() || group(rest).is_some_and(|i| meaning.groups[i].color == color)
    });
    counted && colors && placed(row, &meaning, group)
}

fn placed(row: &Value, meaning: &Meaning, group: impl Fn(&str) -> Option<usize>) -> bool {
    let info = &row["spatial_info"];
    let region = match info["locality"].as_str() {
        Some(l) if l.contains("left") => Region::Left,
        Some(l) if l.contains("right") => Region::Right,
        Some(l) if l.contains("top") || l == "above" => Region::Above,
        Some(l) if l.contains("bottom") || l == "below" => Region::Below,
        _ => return true,
    };
    let index = |name: &str| info[name].as_str().and_then(&group);
    meaning.relations.iter().any(|r| {
        r.region == region && Some(r.subject) == index("obj1") && Some(r.object) == index("obj2")
    })
}

#[test]
fn most_rows_of_t2i_r1_are_understood() {
    let Some(path) = std::env::var_os("COLDSTART_T2I_R1") else {
        eprintln!("skipped: COLDSTART_T2I_R1 names no file");
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (mut all, mut good) = (0, 0);
    for task in ["color", "numeracy", "spatial"] {
        let rows: Vec<&Value> = rows.iter().filter(|r| r["task_type"] == task).collect();
        let hits = rows.iter().filter(|r| understood(r)).count();
        eprintln!("{task}: {hits} of {}", rows.len());
        for row in rows.iter().filter(|r| !understood(r)).step_by(25) {
            eprintln!("  not: {}", row["prompt"]);
        }
        all += rows.len();
        good += hits;
    }
    assert!(good * 10 >= all * 6, "{good} of {all}");
}
