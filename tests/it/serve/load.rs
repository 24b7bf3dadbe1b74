//! Many trajectories at once, against a world that stalls and fails: all are scored, none wrong.

use crate::serve::client::{Service, rollout};
use coldstart::call::endpoints::Endpoints;
use coldstart::env::Env;
use coldstart::sim::{Faults, Server, SimOptions, World};
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const COUNT: usize = 120;

/// What each rollout earned, by its id.
async fn scores(run: &Path, faults: Faults) -> BTreeMap<usize, Value> {
    let options = SimOptions { faults, ..SimOptions::default() };
    let (url, _world) = Server::start(Env::real(), World::default(), options).await.unwrap();
    let endpoints = run.with_extension("toml");
    let text = Endpoints::sim_text(&url)
        .replace("first_byte_timeout = \"30s\"", "first_byte_timeout = \"2s\"");
    std::fs::write(&endpoints, text).unwrap();
    let service = Service::start(run, &["--endpoints", endpoints.to_str().unwrap()]).await;
    let colours = ["red", "blue", "green", "yellow", "purple"];
    let one = |n: usize| {
        let service = service.clone_client();
        async move {
            let colour = colours[n % colours.len()];
            let prompt = format!("{} {colour} cubes", ["two", "three", "four"][n % 3]);
            let mut rounds = Vec::new();
            for caption in [format!("{colour} cubes"), format!("{prompt}, seen clearly")] {
                let asked =
                    json!({"caption": caption, "session": format!("u_{n}"), "bytes": false});
                let (status, _, drawn) = service.image(&asked).await;
                assert_eq!(status, 200, "{drawn}");
                rounds.push((caption, drawn["digest"].as_str().unwrap().to_owned()));
            }
            let last = "<judge>\nRight.\n</judge>\n<answer>done</answer>";
            let body = rollout(&format!("u_{n}"), &prompt, &rounds, last, "answer");
            let (status, _, given) = service.reward(&body).await;
            assert_eq!(status, 200, "{given}");
            (n, given["parts"].clone())
        }
    };
    let all = stream::iter((0..COUNT).map(one)).buffer_unordered(COUNT).collect().await;
    service.stop();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn stalls_and_faults_cost_time_and_never_a_score() {
    let folder = tempfile::tempdir().unwrap();
    let calm = scores(&folder.path().join("calm"), Faults::default()).await;
    let faults = Faults { stall: 0.005, internal: 0.05, ..Faults::default() };
    let rough = scores(&folder.path().join("rough"), faults).await;
    assert_eq!(calm.len(), COUNT);
    assert_eq!(calm, rough, "what a server failed to say is asked again, never read as a score");
}
