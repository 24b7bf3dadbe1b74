//! What is asked side by side within one visit is counted in the stage's order, whatever came back first.

use crate::run::{Go, memory, outcome};
use coldstart::call::{CallError, KeyedRequest, Model, Output, Reply, Request};
use coldstart::env::Env;
use coldstart::record::Speaker;
use std::sync::Arc;
use std::time::Duration;

/// Judges that cannot be read at first. Where they are asked for the same thing more than once at a time,
/// one draw in two comes late: the even ones, or the odd ones.
#[derive(Debug)]
struct Mumbles<const LATE: u32>(Arc<dyn Model>);

#[async_trait::async_trait]
impl<const LATE: u32> Model for Mumbles<LATE> {
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        let mut reply = self.0.call(request).await?;
        let Request::Chat(chat) = request.request() else { return Ok(reply) };
        if !["judge", "comparator"].contains(&chat.role.as_str()) {
            return Ok(reply);
        }
        if chat.draw % 2 == LATE {
            Env::real().sleep(Duration::from_millis(30)).await;
        }
        if chat.messages.iter().all(|message| message.speaker != Speaker::Assistant) {
            reply.output = Output::Text { text: "Hm.".into(), reasoning: String::new() };
        }
        Ok(reply)
    }
}

fn mumbling<const LATE: u32>(model: Arc<dyn Model>) -> Arc<dyn Model> {
    Arc::new(Mumbles::<LATE>(model))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_second_ask_comes_first_does_not_show_in_the_bytes() {
    let mut seen = Vec::new();
    for late in [0, 1] {
        let store = memory();
        let set = vec![("judged", "votes", "3")];
        let model = if late == 0 { mumbling::<0> } else { mumbling::<1> };
        let go = Go { limit: 40, pipeline: "paper", set, model, ..Go::default() };
        let report = go.run(&Env::test(1), &store).await.expect("runs");
        let better = report.stages.iter().find(|s| s.stage == "better").expect("there");
        assert!(better.passed > 0, "{report:?}");
        seen.push(outcome(&store).await);
    }
    assert_eq!(seen[0], seen[1]);
}
