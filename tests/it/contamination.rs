//! Rewordings of a benchmark's prompts are found, and prompts that are merely like them are not.

use coldstart::text::decontam::{Builder, Fingerprints};

#[test]
fn nine_rewordings_in_ten_are_found_and_hardly_an_innocent() {
    let cases = include_str!("../cases/paraphrases.tsv");
    let rows: Vec<(&str, &str)> = cases
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('\t').expect("two cells"))
        .collect();
    let mut builder = Builder::new("listed", "made for this test", "none", false);
    for (original, _) in rows.iter().filter(|(original, _)| *original != "-") {
        builder.row(original, None);
    }
    let fingerprints = Fingerprints::load(&builder.finish()).expect("as written");
    let (mut missed, mut alarms) = (Vec::new(), Vec::new());
    let (mut reworded, mut innocent) = (0, 0);
    for (original, text) in &rows {
        let hit = fingerprints.check(text, None, None);
        if *original == "-" {
            innocent += 1;
            alarms.extend(hit.map(|hit| format!("{text}: {hit:?}")));
        } else {
            reworded += 1;
            if hit.is_none() {
                missed.push(format!("{original} | {text}"));
            }
        }
    }
    assert_eq!((reworded, innocent), (150, 300));
    assert!(missed.len() <= 15, "{} missed:\n{}", missed.len(), missed.join("\n"));
    assert!(alarms.len() <= 3, "{} false alarms:\n{}", alarms.len(), alarms.join("\n"));
}
