//! Preflight: what `coldstart check --probe` asks of the real endpoints, and what it concludes.
//!
//! A misconfiguration has a name. A probe makes one small true call of the role's own sort (two for
//! image roles) through the same code as a run, and holds the answer against what each known mistake
//! looks like. See `cli` for printing.

mod ask;
mod finding;
mod text;
mod world;

pub use ask::{Ask, Sort};
pub use finding::{Finding, Gravity};
pub use text::text;
pub use world::{Worlds, worlds};

use crate::call::endpoints::{Endpoint, Endpoints};
use crate::call::probe::ask::{Asking, draw, question, test_images};
use crate::call::probe::finding::{Told, failed, judge_text, refused, same_picture, wrong_sort};
use crate::call::protocol::Serves;
use crate::call::{CallError, Output, Reply, ask_url};
use crate::env::Env;
use crate::record::NanoUsd;
use std::sync::Arc;

/// A role at one URL.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ProbeReport {
    pub role: String,
    pub url: String,
    pub protocol: &'static str,
    /// The name on the wire.
    pub model: String,
    /// As the server named it.
    pub served: String,
    /// Of the small call.
    pub latency_ms: Option<u64>,
    /// `apart` (in a field or a tag), `none`; empty for images.
    pub reasoning: &'static str,
    /// `held` where a schema was sent and the answer has its shape, `ignored` where it has not; empty
    /// where none was sent.
    pub schema: &'static str,
    /// Pixels of the drawn picture.
    pub picture: Option<(u32, u32)>,
    pub cost: NanoUsd,
    pub simulated: bool,
    pub findings: Vec<Finding>,
}

impl ProbeReport {
    /// The worst of its findings.
    pub fn gravity(&self) -> Option<Gravity> {
        self.findings.iter().map(|f| f.gravity).max()
    }
}

/// Probes every URL of every asked role, all at once. Costs one small call a chat role and URL,
/// two pictures an image role and URL.
pub async fn probe(env: &Env, endpoints: &Endpoints, asks: &[Ask]) -> Vec<ProbeReport> {
    let jobs = asks.iter().filter_map(|ask| Some((ask, endpoints.get(&ask.role)?)));
    let jobs = jobs.flat_map(|(ask, e)| (0..e.urls.len()).map(move |at| one(env, e, at, ask)));
    futures::future::join_all(jobs).await
}

async fn one(env: &Env, endpoint: &Arc<Endpoint>, at: usize, ask: &Ask) -> ProbeReport {
    let model = endpoint.model.clone().unwrap_or_else(|| ask.model.clone());
    let mut report = ProbeReport {
        role: ask.role.clone(),
        url: endpoint.urls.get(at).map(crate::call::http::place).unwrap_or_default(),
        protocol: endpoint.protocol.name,
        model,
        served: String::new(),
        latency_ms: None,
        reasoning: "",
        schema: "",
        picture: None,
        cost: NanoUsd(0),
        simulated: false,
        findings: Vec::new(),
    };
    let is_image = matches!(ask.sort, Sort::Image { .. });
    if is_image != (endpoint.protocol.serves == Serves::Image) {
        report.findings.push(wrong_sort(endpoint.protocol.name));
        return report;
    }
    match ask.sort {
        Sort::Chat { .. } => chat(env, endpoint, at, ask, &mut report).await,
        Sort::Image { .. } => image(env, endpoint, at, ask, &mut report).await,
    }
    report
}

async fn chat(env: &Env, endpoint: &Arc<Endpoint>, at: usize, ask: &Ask, report: &mut ProbeReport) {
    let asking = Asking::of(endpoint);
    let request = question(ask, asking);
    let mut outcome = ask_url(env, endpoint, at, &test_images(), &request).await;
    // A run asks again as well before such an answer counts.
    if outcome.as_ref().is_ok_and(|reply| reply.unsettled().is_some()) {
        let second = ask_url(env, endpoint, at, &test_images(), &request).await;
        outcome = second.or(outcome);
    }
    let reply = match taken(outcome, report) {
        Some(reply) => reply,
        None => return,
    };
    let Output::Text { text, reasoning } = &reply.output else {
        report.findings.push(refused(&reply.output));
        return;
    };
    report.reasoning = if reasoning.trim().is_empty() { "none" } else { "apart" };
    if reply.simulated {
        report.findings.push(Finding {
            gravity: Gravity::Note,
            name: "simulated",
            what: "it is the simulated world: what it said was not judged".to_owned(),
            help: "it knows the pipeline's own templates only",
        });
        return;
    }
    let finish = &reply.finish;
    let told = Told { model: &report.model, asking, text, reasoning, finish };
    judge_text(ask, &told, &mut report.findings);
    if asking == Asking::Schema && matches!(ask.sort, Sort::Chat { json: true, .. }) {
        let ignored = report.findings.iter().any(|finding| finding.name == "schema_ignored");
        report.schema = if ignored { "ignored" } else { "held" };
    }
}

async fn image(
    env: &Env,
    endpoint: &Arc<Endpoint>,
    at: usize,
    ask: &Ask,
    report: &mut ProbeReport,
) {
    let images = test_images();
    let (first_ask, second_ask) = (draw(ask, 1), draw(ask, 2));
    let (first, second) = futures::join!(
        ask_url(env, endpoint, at, &images, &first_ask),
        ask_url(env, endpoint, at, &images, &second_ask),
    );
    let Some(first) = taken(first, report) else { return };
    let Output::Image { image, .. } = &first.output else {
        report.findings.push(refused(&first.output));
        return;
    };
    report.picture = Some((image.width, image.height));
    if let Sort::Image { width, height, .. } = ask.sort
        && (image.width, image.height) != (width, height)
    {
        report.findings.push(Finding {
            gravity: Gravity::Warning,
            name: "size_ignored",
            what: format!("{width}x{height} was asked and {}x{} came", image.width, image.height),
            help: "choose the dialect that fits the server, or the size that it draws",
        });
    }
    match second {
        Ok(second) => {
            report.cost += second.cost;
            report.findings.extend(same_picture(&first, &second));
        }
        Err(error) => report.findings.push(failed(&error)),
    }
}

/// Notes what a reply says beside its content; None when there is none, with a finding.
fn taken(outcome: Result<Reply, CallError>, report: &mut ProbeReport) -> Option<Reply> {
    match outcome {
        Ok(reply) => {
            report.served = reply.served.clone();
            report.latency_ms = Some(reply.latency_ms);
            report.simulated = reply.simulated;
            report.cost += reply.cost;
            if reply.served.is_empty()
                && report.picture.is_none()
                && report.protocol != "openai-images"
            {
                report.findings.push(Finding {
                    gravity: Gravity::Note,
                    name: "model_unnamed",
                    what: "the answer does not say which model gave it".to_owned(),
                    help: "a model swapped in silence could not be noticed here",
                });
            }
            Some(reply)
        }
        Err(error) => {
            report.findings.push(failed(&error));
            None
        }
    }
}
