//! The service for trainers, driven as one does: the binary, HTTP, a world or a scripted judge behind
//! it, and its RUN read afterwards.

pub mod client;
mod load;

use crate::scripted::{Answer, Scripted};
use client::{Service, call_turn, coldstart, rollout};
use coldstart::call::endpoints::Endpoints;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const ACCEPT: &str = "<judge>\nIt shows what was asked.\n</judge>\n<answer>done</answer>";

fn sql(run: &Path, query: &str) -> Vec<Value> {
    let output = coldstart(&["audit", run.to_str().unwrap(), "--sql", query, "--format", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_rollout_is_drawn_rewarded_and_read_by_who_reads_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("service");
    let service = Service::start(&run, &[]).await;
    let prompt = "two red cubes left of a blue ball";
    let mut digests = Vec::new();
    for caption in ["two red cubes", "two red cubes to the left of one blue ball"] {
        let (status, _, drawn) =
            service.image(&json!({"caption": caption, "session": "u_0"})).await;
        assert_eq!(status, 200, "{drawn}");
        assert!(
            drawn["simulated"].as_bool().unwrap() && drawn["image"].as_str().unwrap().len() > 100
        );
        assert_eq!((&drawn["width"], &drawn["height"]), (&json!(512), &json!(512)));
        let again = service.image(&json!({"caption": caption, "session": "u_0"})).await.2;
        assert_eq!(again, drawn, "the same question is drawn once");
        digests.push((caption.to_owned(), drawn["digest"].as_str().unwrap().to_owned()));
    }
    let body = rollout("u_0", prompt, &digests, ACCEPT, "answer");
    let (status, _, given) = service.reward(&body).await;
    assert_eq!(status, 200, "{given}");
    let parts = &given["parts"];
    let sum = ["point", "format"].iter().map(|p| parts[*p].as_f64().unwrap()).sum::<f64>()
        + parts["lambda"].as_f64().unwrap() * parts["pair"].as_f64().unwrap();
    assert!((given["score"].as_f64().unwrap() - sum).abs() < 1e-9, "{given}");
    assert_eq!(parts["format"], json!(0.0));
    assert_eq!(given["rounds"], json!(2));
    assert!(given["answers"].as_array().unwrap().len() > 3, "rules and checklist");
    assert_eq!(given["pairs"][0]["votes"].as_array().unwrap().len(), 1, "one order");
    assert_eq!(service.reward(&body).await.2, given, "the same rollout is scored once");
    let mut other = body.clone();
    other["prompt"] = json!("three cubes");
    let (status, _, refused) = service.reward(&other).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("id_reused")));
    let made = service.metric("coldstart_calls_total{role=\"judge\",outcome=\"done\"}").await;
    assert_eq!(made, 1.0, "the last picture is judged once");
    service.stop();

    let query = "select stage, count(*) as n from stages group by 1 order by 1";
    let rows: Vec<(String, i64)> = sql(&run, query)
        .iter()
        .map(|row| (row["stage"].as_str().unwrap().to_owned(), row["n"].as_i64().unwrap()))
        .collect();
    let expected = [("captions", 2), ("drawn", 2), ("rewarded", 1), ("rollouts", 1)];
    assert_eq!(rows, expected.map(|(stage, n)| (stage.to_owned(), n)));
    let votes = sql(&run, "select ask, answer from votes where stage = 'rewarded'");
    let said = |ask: &str| {
        let vote = votes.iter().find(|vote| vote["ask"] == ask).unwrap_or_else(|| panic!("{ask}"));
        vote["answer"].as_str().unwrap().to_owned()
    };
    assert_eq!(said("reward"), given["score"].as_f64().unwrap().to_string());
    assert_eq!(
        (said("pictures"), said("copies"), said("step")),
        ("2".into(), "0".into(), "7".into())
    );
    let audit = coldstart(&["audit", run.to_str().unwrap(), "--format", "json"]);
    let audit: Value = serde_json::from_slice(&audit.stdout).expect("an audit");
    assert!(audit.to_string().contains("rewarded"));

    let table = coldstart(&["table", run.to_str().unwrap(), "--format", "json"]);
    assert!(table.status.success(), "{}", String::from_utf8_lossy(&table.stderr));
    let table: Value = serde_json::from_slice(&table.stdout).unwrap();
    let row = &table["sheets"][0]["rows"][0];
    assert_eq!((&table["sheets"][0]["name"], &row["name"]), (&json!("Figure 6"), &json!("step 7")));
    assert_eq!(row["cells"][1]["value"], given["score"], "the mean reward of its one rollout");
    assert_eq!(table["plots"][1]["series"][2]["points"][0]["y"], json!(1.0), "two pictures each");

    // Another process goes on: nothing is bought again, and no row is written twice.
    let service = Service::start(&run, &[]).await;
    assert_eq!(service.reward(&body).await.2, given);
    assert_eq!(service.metric("coldstart_calls_total{role=\"judge\",outcome=\"done\"}").await, 0.0);
    service.stop();
    assert_eq!(sql(&run, "select id from stages where stage = 'rewarded'").len(), 1);
}

#[tokio::test]
async fn a_mistake_of_the_callers_is_told_by_its_field() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("service"), &[]).await;
    let nowhere = "0".repeat(64);
    let body = rollout("a", "two cats", &[("two cats".into(), nowhere)], ACCEPT, "answer");
    let (status, _, refused) = service.reward(&body).await;
    assert_eq!((status, &refused["error"]["field"]), (400, &json!("rounds[0].digest")));
    let mut ruled = rollout("b", "two cats", &[], ACCEPT, "answer");
    ruled["truth"] = json!({"rules": [{"id": "no_such_rule", "text": "x"}]});
    let (status, _, refused) = service.reward(&ruled).await;
    assert_eq!((status, &refused["error"]["field"]), (400, &json!("truth.rules[0].id")));
    let (status, _, refused) = service.image(&json!({"caption": "a cat"})).await;
    assert_eq!((status, &refused["error"]["field"]), (400, &json!("seed")));
    let (status, _, refused) = service.post("/image", "text/plain", "{}").await;
    assert_eq!((status, &refused["error"]["code"]), (415, &json!("not_json")));
    assert_eq!(service.post("/image", "application/json", "{").await.0, 400);
    assert_eq!(service.post("/rewards", "application/json", "{}").await.0, 404);
    assert_eq!(service.get("/health").await.0, 200);
    service.stop();
}

#[tokio::test]
async fn beyond_this_machine_it_asks_for_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("service");
    let open = coldstart(&["serve", "--listen", "0.0.0.0:0", "--out", out.to_str().unwrap()]);
    assert_eq!(open.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&open.stderr).contains("COLDSTART_SERVE_TOKEN"));
    assert!(!out.exists());
    let service = Service::with_token(&out, "0123456789abcdef").await;
    let asked = json!({"caption": "a cat", "seed": 1});
    assert_eq!(service.image(&asked).await.0, 401);
    assert_eq!(service.get("/metrics").await.0, 401);
    assert_eq!(service.get("/health").await.0, 200);
    let service = service.bearing("0123456789abcdef");
    assert_eq!(service.image(&asked).await.0, 200);
    service.stop();
    let kept = std::fs::read_to_string(out.join("manifest.json")).unwrap();
    assert!(!kept.contains("0123456789abcdef"));
}

/// Endpoints whose judge is the server at `base`, the rest of the world's.
fn judged_by(folder: &Path, world: &str, base: &str, attempts: u32) -> String {
    let text = Endpoints::sim_text(world);
    let judge = format!(
        "[role.judge]\nprotocol = \"openai-chat\"\nurls = [\"{base}/v1\"]\nattempts = {attempts}\n"
    );
    let (before, after) = text.split_once("[role.judge]").unwrap();
    let after = after.split_once("\n[role.").map_or("", |(_, rest)| rest);
    let path = folder.join("endpoints.toml");
    std::fs::write(&path, format!("{before}{judge}\n[role.{after}")).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_judge_that_is_down_gives_an_error_and_no_row_never_a_zero() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("service");
    let (world, _world) = client::world().await;
    let down = Scripted::start(Vec::new()).await;
    let endpoints = judged_by(folder.path(), &world, &down.base, 2);
    let service = Service::start(&run, &["--endpoints", &endpoints, "--mix-simulated"]).await;
    let drawn = service.image(&json!({"caption": "a red cube", "seed": 5})).await.2;
    let round = ("a red cube".to_owned(), drawn["digest"].as_str().unwrap().to_owned());
    let body = rollout("u", "a red cube", &[round], ACCEPT, "answer");
    let (status, _, refused) = service.reward(&body).await;
    assert_eq!((status, &refused["error"]["code"]), (502, &json!("call_failed")), "{refused}");
    assert!(refused["score"].is_null());
    assert!(down.seen().len() >= 2, "its tries were made");
    service.stop();
    assert!(sql(&run, "select id from stages where stage = 'rewarded'").is_empty());
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_again_and_a_stop_lets_answers_come_home() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("service");
    let (world, _world) = client::world().await;
    // Who looks which world it is asks as well.
    let slow = Scripted::start(vec![Answer { mute: true, ..Answer::default() }; 8]).await;
    let endpoints = judged_by(folder.path(), &world, &slow.base, 1);
    let more = ["--endpoints", endpoints.as_str(), "--mix-simulated", "--queue", "1"];
    let service = Service::start(&run, &more).await;
    let drawn = service.image(&json!({"caption": "a red cube", "seed": 5})).await.2;
    let round = ("a red cube".to_owned(), drawn["digest"].as_str().unwrap().to_owned());
    let body = rollout("u", "a red cube", &[round], ACCEPT, "answer");
    let waits = service.clone_client();
    let asked = coldstart::env::Env::real().spawn(async move { waits.reward(&body).await });
    while !slow.seen().iter().any(|seen| seen.line.starts_with("POST")) {
        coldstart::env::Env::real().sleep(Duration::from_millis(20)).await;
    }
    let (status, headers, refused) = service.image(&json!({"caption": "b", "seed": 5})).await;
    assert_eq!((status, &refused["error"]["code"]), (429, &json!("queue_full")));
    let after: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&after));
    service.signal();
    coldstart::env::Env::real().sleep(Duration::from_millis(200)).await;
    assert!(!asked.is_finished(), "what was admitted is not thrown away");
    // The second signal does.
    service.signal();
    let ended = asked.await.unwrap();
    assert_ne!(ended.0, 200);
    service.wait();
}

#[test]
fn a_pipeline_that_serves_nothing_is_refused_by_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("service");
    let output = coldstart(&["serve", "agent", "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("nothing receives captions"), "{told}");
}

#[test]
fn turns_are_written_as_the_grammar_has_them() {
    assert!(call_turn(0, "a cat").starts_with("<think>"));
    assert!(call_turn(1, "a cat").starts_with("<judge>"));
}
