//! The audit as one self-contained HTML page: to send to a colleague.
//!
//! Nothing is fetched and nothing runs. Plots are inline SVG, pictures are data URLs, the style is
//! inline, there is no script, and a content security policy in the page holds it to that. All text
//! goes through maud, which escapes it.

use crate::archive::Shape;
use crate::audit::dag;
use crate::audit::deep::StageAudit;
use crate::audit::findings::{Finding, Severity};
use crate::audit::lineage::Life;
use crate::audit::panels::{
    Links, acceptance_table, figures, funnel_table, purity_table, said, split_table, stage_cards,
    strata_table,
};
use crate::audit::plot::bars;
use crate::audit::report::AuditReport;
use crate::audit::rollouts::Play;
use crate::audit::show::{count, line, money, visible, way};
use crate::audit::site::{cells, embedded};
use crate::audit::table::{Tables, html as html_of};
use crate::audit::talk::conversations;
use crate::record::{Digest, ImageRef};
use bytes::Bytes;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::HashMap;

/// A trajectory to show, with its pictures as small PNGs.
pub struct Sample {
    pub life: Life,
    /// What each picture is, and its PNG bytes.
    pub pictures: Vec<(String, Vec<u8>)>,
    /// What an agent did with the prompt, and the best score of a picture.
    pub plays: Vec<Play>,
    pub most: f64,
    /// The pictures of `plays` as small PNGs; of a published one, all that its life shows.
    pub thumbs: HashMap<Digest, Vec<u8>>,
    /// Pictures of its rounds as they are, where it is published.
    pub whole: HashMap<Digest, Bytes>,
}

/// What a page is made of.
pub struct Page<'a> {
    pub report: &'a AuditReport,
    pub shape: &'a Shape,
    pub stages: &'a [StageAudit],
    pub samples: &'a [Sample],
    /// Of a run of an agent.
    pub tables: Option<&'a Tables>,
    /// Each sample has a page of its own beside this one.
    pub published: bool,
}

impl Page<'_> {
    /// The RUN's own name, without its place.
    pub fn name(&self) -> &str {
        self.report.run.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
    }
}

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The page's text.
pub fn page(made: &Page<'_>) -> String {
    let Page { report, shape, stages, samples, tables: figures_of, published } = made;
    let body = html! {
        (figures(&report.funnel, report.calls_journaled))
        section { h2 { "Findings" } (findings(&report.findings)) }
        div.split {
            section.graph { (dag::svg(shape, &report.funnel, |stage| Some(format!("#{stage}")))) }
            div { (tables(report)) }
        }
        @if let Some(made) = figures_of { (html_of(made)) }
        h2 { "Stages" }
        @for stage in *stages { (one_stage(stage, shape)) }
        @if !samples.is_empty() { h2 { "Trajectories" } }
        @if *published { (cells(samples)) } @else { @for sample in *samples { (trajectory(sample)) } }
    };
    framed(made, &format!("Audit of {}", made.name()), &body)
}

/// What every page of an audit stands in.
pub fn framed(made: &Page<'_>, title: &str, body: &Markup) -> String {
    let report = made.report;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(include_str!("../view/assets/style.css"))) }
            }
            body {
                header { b { "coldstart audit" } span.run { (said(made.name())) }
                    @if report.simulated { span.badge.warn { "simulated world" } }
                    @if !report.complete { span.badge { "not complete" } }
                }
                main { (body) }
            }
        }
    };
    page.into_string()
}

fn findings(findings: &[Finding]) -> Markup {
    html! {
        @if findings.is_empty() { p { "None." } }
        div.scroll { table { tbody { @for f in findings { tr {
            td { b.bad[f.severity == Severity::Error] { (f.severity.as_str()) } }
            td { code { (f.check) } @if !f.stage.is_empty() { " at " (f.stage) } }
            td { (visible(&f.what)) @if f.count > 1 { " (" (count(f.count)) ")" }
                @for example in &f.examples { p.note { (line(example, 200)) } }
                @if !f.help.is_empty() { p.note { (f.help) } }
            }
        } } } } }
    }
}

fn tables(report: &AuditReport) -> Markup {
    let funnel = &report.funnel;
    let to_stage = Links { href: &|stage| Some(format!("#{stage}")), rows: false };
    let nowhere = Links { href: &|_| None, rows: false };
    html! {
        section { h2 { "Funnel" } (funnel_table(funnel, &to_stage)) }
        (purity_table(&report.purity))
        (strata_table(&report.strata))
        (acceptance_table(&report.acceptance))
        (split_table("Categories", "category", &funnel.by_category, &nowhere))
        (split_table("Sources", "source", &funnel.by_source, &nowhere))
        @if !report.roles.is_empty() { section { h2 { "Roles" }
            @if report.calls_read < report.calls_journaled { p.note { "of a uniform sample of " (count(report.calls_read)) " calls" } }
            div.scroll { table {
                thead { tr { th { "role" } th.n { "calls" } th.n { "cost" } th.n { "ms p50" } th.n { "p95" } th.n { "retried" } th.n { "refused" } } }
                tbody { @for r in &report.roles { tr {
                    td { (r.role) } td.n { (count(r.calls)) } td.n { (money(r.cost_usd)) }
                    @match &r.latency_ms {
                        Some(s) => { td.n { (format!("{:.0}", s.p50)) } td.n { (format!("{:.0}", s.p95)) } },
                        None => { td {} td {} },
                    }
                    td.n { (format!("{:.1} %", r.retried as f64 * 100.0 / r.calls.max(1) as f64)) }
                    td.n { (count(r.refused)) }
                } } }
            } }
        } }
    }
}

fn one_stage(stage: &StageAudit, shape: &Shape) -> Markup {
    let reasons: Vec<(String, u64)> = stage
        .reasons
        .iter()
        .map(|r| (way(r.disposition, &r.port, &r.reason), r.share.hits))
        .collect();
    html! {
        section.stage id=(stage.stage) {
            h3 { (stage.stage) " " span.kind { (shape.kind(&stage.stage)) } }
            @if let Some(s) = shape.stage(&stage.stage) { p.about { (s.about) } }
            (bars(&reasons))
            (stage_cards(stage))
            @let dropped: Vec<_> = stage.reasons.iter().filter(|r| !r.reason.is_empty()).take(6).collect();
            @if !dropped.is_empty() { details { summary { "examples" }
                @for r in dropped { @for e in r.examples.iter().take(2) {
                    p.note { b { (line(&r.reason, 60)) } " · " (line(&e.category, 40)) " · " (visible(&e.prompt)) @if !e.note.is_empty() { " — " (visible(&e.note)) } }
                } }
            } }
        }
    }
}

/// What an agent did with the prompt.
pub fn rollouts(sample: &Sample) -> Markup {
    let draw = |image: &ImageRef, name: &str, word: &str| {
        html! { @if let Some(png) = sample.thumbs.get(&image.digest) { (picture(name, word, png)) } }
    };
    conversations(&sample.plays, sample.most, &draw)
}

fn picture(name: &str, word: &str, png: &[u8]) -> Markup {
    html! {
        figure {
            img alt=(name) src=(embedded("image/png", png));
            figcaption { (name) @if !word.is_empty() { span class={ "word " (word) } { (word) } } }
        }
    }
}

fn trajectory(sample: &Sample) -> Markup {
    let life = &sample.life;
    html! {
        section.card {
            p.text { b { (visible(&life.prompt)) } }
            div.meta { span { (line(&life.category, 40)) } span { (money(life.cost_usd)) } span.id { (life.id) } }
            (rollouts(sample))
            div.pictures.thumbs { @for (what, png) in &sample.pictures {
                (picture(what, "", png))
            } }
            @for (n, round) in life.story.rounds.iter().enumerate() {
                p.tag { "round " (n + 1) ", refined prompt" }
                p.text.refined { (visible(&round.refined)) }
                @if let Some(j) = &round.judgement {
                    p.note { span class={ "word " @if j.satisfied { "satisfied" } @else { "unsatisfied" } } { @if j.satisfied { "satisfied" } @else { "unsatisfied" } } " " (visible(&j.rationale)) }
                }
            }
        }
    }
}
