//! Lists of the viewer: sorted, as pictures, as files, as a queue to label.

use crate::audit::made::{Plan, make};
use crate::view::{Viewer, field, status};

#[tokio::test]
async fn lists_are_sorted_shown_as_pictures_and_given_as_lines() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    make(uri, Plan { prompts: 60, ..Plan::default() }).await;
    let viewer = Viewer::start(uri);
    let (head, rows) = viewer.get("stage/judged/rows.jsonl?port=unsatisfied&sort=-score");
    assert_eq!(status(&head), "200");
    let scores: Vec<f64> = rows
        .lines()
        .filter_map(|line| line.strip_prefix('{').map(|_| line))
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["score"].as_f64().unwrap()
        })
        .collect();
    assert!(scores.len() > 3 && scores.windows(2).all(|pair| pair[0] >= pair[1]), "{scores:?}");
    let (_, grid) = viewer.get("stage/judged?view=grid&port=unsatisfied");
    assert!(grid.contains("rows grid") && grid.contains("/thumb/"), "no pictures");
    assert!(grid.contains("view=grid") && grid.contains("as lines"));
    assert!(viewer.get("search?view=grid&sort=prompt").1.contains("/thumb/"));
}

#[tokio::test]
async fn a_filtered_set_goes_out_as_parquet_and_as_a_queue() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    make(uri, Plan { prompts: 60, ..Plan::default() }).await;
    let viewer = Viewer::start(uri);
    let query = "port=unsatisfied&sort=-score";
    let (_, lines) = viewer.get(&format!("stage/judged/rows.jsonl?{query}"));
    let rows: Vec<serde_json::Value> =
        lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();

    let bytes = viewer.bytes(&format!("stage/judged/rows.parquet?{query}"));
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes, 1024);
    let batch = reader.unwrap().next().unwrap().unwrap();
    let ids = batch.column_by_name("id").unwrap();
    let ids = ids.as_any().downcast_ref::<arrow_array::StringArray>().unwrap();
    let ids: Vec<&str> = ids.iter().flatten().collect();
    let wanted: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, wanted);

    let (_, to_label) = viewer.get(&format!("stage/judged/labels.jsonl?{query}"));
    assert_eq!(to_label.matches("\"truth\":null").count(), rows.len());
    let (_, page) = viewer.get("stage/judged?port=unsatisfied&sort=-score");
    let link = page.split("href=\"").find(|rest| rest.contains("label this set")).unwrap();
    assert!(link.contains("of=judged&amp;port=unsatisfied&amp;sort=-score"), "{link}");
    let (_, work) = viewer.get(&format!("work?of=judged&{query}"));
    assert!(work.contains(&format!("{}</span>", rows.len())) || work.contains("left"), "{work}");
    assert_eq!(
        (field(&work, "id").as_str(), field(&work, "stage").as_str()),
        (wanted[0], "judged")
    );
    assert!(work.contains("its filter tells"), "{work}");
    // The label leads on in the same set.
    let back = "work%3Fof%3Djudged%26port%3Dunsatisfied%26sort%3D-score";
    let body = format!("id={}&stage=judged&truth=accept&back={back}", wanted[0]);
    let head = viewer.post("label", &body);
    assert!(status(&head) == "303" && head.contains("of=judged&port=unsatisfied"), "{head}");
    let (_, next) = viewer.get(&format!("work?of=judged&{query}"));
    assert_eq!(field(&next, "id"), wanted[1]);
    assert_eq!(status(&viewer.get("stage/judged/rows.exe").0), "404");
}

/// What a judge, a comparison or a checklist had said stands nowhere on a page that asks for a label.
#[tokio::test]
async fn a_queue_tells_no_verdict_of_any_stage() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    make(uri, Plan { prompts: 60, ..Plan::default() }).await;
    for stage in ["judged", "better", "good", "coherent"] {
        let viewer = Viewer::with(uri, &["--as", "ann", "--stage", stage, "--queue", "200"]);
        for skip in 0..4 {
            let (_, page) = viewer.get(&format!("work?skip={skip}"));
            let main = page.split("<main>").nth(1).unwrap().split("</main>").next().unwrap();
            for word in ["satisfied", "class=\"word", "checks", "score", "order_ab", "weight"] {
                assert!(!main.contains(word), "{stage}: `{word}` in {main}");
            }
            let judged = main.contains("<h3>judgement");
            assert!(!judged || stage == "coherent", "{stage}: a judgement's text is shown");
        }
    }
}
