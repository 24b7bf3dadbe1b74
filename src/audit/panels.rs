//! Parts of pages that the viewer and the report share: figures, the funnel, strata, splits, and a
//! stage's distributions.
//!
//! They are drawn from figures and an address for each name; whether a page stands alone or is served
//! is its own business. All text goes through maud, which escapes it.

use crate::audit::deep::{OrderAudit, StageAudit};
use crate::audit::funnel::{Funnel, Split};
use crate::audit::plot::{bars, histogram, meter};
use crate::audit::show::{count, hidden, line, money};
use crate::audit::stats::{Distribution, Share};
use crate::export::purity;
use crate::record::{Acceptance, Purity, Stratum};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Untrusted text: escaped by maud, hidden characters shown as marks.
pub fn said(text: &str) -> Markup {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for c in text.chars() {
        let shown = if hidden(c) { format!("{:x}", c as u32) } else { c.to_string() };
        match parts.last_mut() {
            Some((false, last)) if !hidden(c) => last.push_str(&shown),
            _ => parts.push((hidden(c), shown)),
        }
    }
    html! {
        @for (hidden, text) in &parts {
            @if *hidden { span.hidden-char title="a hidden character" { "\\u{" (text) "}" } }
            @else { (text) }
        }
    }
}

/// Where names lead to.
pub struct Links<'a> {
    pub href: &'a dyn Fn(&str) -> Option<String>,
    /// Whole rows can be clicked (by the viewer's script).
    pub rows: bool,
}

impl Links<'_> {
    fn row(&self, name: &str) -> Option<String> {
        (self.href)(name).filter(|_| self.rows)
    }

    fn name(&self, name: &str) -> Markup {
        html! {
            @match (self.href)(name) {
                Some(href) => a href=(href) { (line(name, 60)) },
                None => (line(name, 60)),
            }
        }
    }
}

pub fn figures(funnel: &Funnel, journaled: u64) -> Markup {
    let figure = |value: String, what: &str| html! { div { b { (value) } span { (what) } } };
    html! {
        section.figures {
            (figure(count(funnel.records), "records"))
            (figure(count(funnel.kept), "kept"))
            (figure(count(journaled), "calls journaled"))
            (figure(money(funnel.cost_usd), "spent"))
            @if let Some(usd) = funnel.cost_per_kept_usd { (figure(money(usd), "a kept record")) }
            @if let Some(calls) = funnel.calls_per_kept { (figure(format!("{calls:.1}"), "calls a kept record")) }
        }
    }
}

pub fn funnel_table(funnel: &Funnel, links: &Links) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "stage" } th.n { "in" } th.m {} th.n { "passed" } th.n { "dropped" } th.n { "failed" } th.n { "calls" } th.n { "cost" } } }
            tbody { @for s in &funnel.stages { tr data-href=[links.row(&s.stage)] {
                td { (links.name(&s.stage)) }
                td.n { (count(s.entered)) }
                td.m { (meter(s.kept_share())) }
                td.n { (count(s.passed)) }
                td.n { (count(s.dropped)) }
                td.n.bad[s.failed > 0] { (count(s.failed)) }
                td.n { (count(s.calls)) }
                td.n { (money(s.cost_usd)) }
            } } }
        } }
    }
}

/// Nothing where there are none.
pub fn strata_table(strata: &BTreeMap<String, Stratum>) -> Markup {
    html! {
        @if !strata.is_empty() { section { h2 { "Strata" }
            div.scroll { table {
                thead { tr { th { "stratum" } th.n { "there" } th.n { "wanted" } th.n { "got" } th {} } }
                tbody { @for (name, s) in strata { tr {
                    td { (line(name, 60)) } td.n { (count(s.available)) } td.n { (count(s.quota)) }
                    td.n.bad[s.taken < s.quota] { (count(s.taken)) }
                    td { (meter(s.taken as f64 / s.quota.max(1) as f64)) }
                } } }
            } }
        } }
    }
}

/// Nothing where there is no dataset.
pub fn acceptance_table(acceptance: &Acceptance) -> Markup {
    html! {
        @if !acceptance.0.is_empty() { section { h2 { "Acceptance by round" }
            div.scroll { table {
                thead { tr { th { "judgement" } th.n { "accepts" } th.n { "rejects" } th {} } }
                tbody { @for (name, judged) in acceptance.rounds() { tr {
                    td { (name) } td.n { (count(judged.accepts)) } td.n { (count(judged.rejects)) }
                    td { (meter(judged.share().unwrap_or(0.0))) }
                } } }
            } }
        } }
    }
}

/// Nothing where no looks were added up.
pub fn purity_table(purity: &BTreeMap<String, Purity>) -> Markup {
    html! {
        @if !purity.is_empty() { section { h2 { "Expected purity" }
            p.note { "by the posteriors of the rows' verdicts; as right as what the judges were taken for" }
            div.scroll { table {
                thead { tr { th { "rows of" } th.n { "rows" } th.n { "every verdict right" } th.n { "every J true" } } }
                tbody { @for (name, p) in purity { tr {
                    td { (line(name, 60)) } td.n { (count(p.rows)) }
                    td.n { (purity::line(p)) } td.n { (format!("{:.1} %", p.claims * 100.0)) }
                } } }
            } }
        } }
    }
}

/// Nothing where all is of one category or source.
pub fn split_table(title: &str, field: &str, splits: &[Split], links: &Links) -> Markup {
    html! {
        @if splits.len() > 1 { section { h2 { (title) }
            div.scroll { table {
                thead { tr { th { (field) } th.n { "records" } th.n { "kept" } th {} } }
                tbody { @for s in splits { tr data-href=[links.row(&s.name)] {
                    td { (links.name(&s.name)) }
                    td.n { (count(s.records)) } td.n { (count(s.kept)) }
                    td { (meter(s.kept as f64 / s.records.max(1) as f64)) }
                } } }
            } }
        } }
    }
}

/// Scores, lengths, agreement, checks and categories of a stage, a card each.
pub fn stage_cards(deep: &StageAudit) -> Markup {
    html! {
        div.cards {
            @if let Some(scores) = &deep.scores { (distribution("Scores", scores, 2, "")) }
            @if let Some(orders) = &deep.orders { section.card { h3 { "Both orders" } (order_list(orders)) } }
            @if let Some(votes) = &deep.votes { section.card { h3 { "Answers" }
                @if votes.unanimous.of > 0 { dl { (share("votes all agree", &votes.unanimous)) } }
                @for (ask, answers) in votes.answers.iter().take(6) {
                    p.note { (ask) }
                    (bars(&answers.iter().map(|(a, n)| (a.clone(), *n)).collect::<Vec<_>>()))
                }
            } }
            @let failed: Vec<_> = deep.checks.iter().filter(|c| c.no + c.unsure > 0).take(14).map(|c| (c.id.clone(), c.no + c.unsure)).collect();
            @if !failed.is_empty() { section.card { h3 { "Checks that failed" } (bars(&failed)) } }
            @if deep.by_category.len() > 1 { section.card { h3 { "Accepted by category" }
                div.scroll { table { tbody { @for (category, share) in &deep.by_category {
                    tr { td { (line(category, 40)) } td.n { (count(share.hits)) " of " (count(share.of)) } td { (meter(share.share)) } }
                } } } }
            } }
            @for length in &deep.lengths {
                (distribution(&format!("{}: {}, characters", length.role, length.text), &length.chars, 0, ""))
            }
            @if let Some(chars) = &deep.prompt_chars { (distribution("Prompt, characters", chars, 0, "")) }
        }
    }
}

fn distribution(title: &str, of: &Distribution, digits: usize, remark: &str) -> Markup {
    let s = &of.spread;
    html! {
        section.card { h3 { (title) }
            (histogram(&of.histogram))
            p.note { "median " (format!("{:.digits$}", s.p50)) " · 95 % up to " (format!("{:.digits$}", s.p95)) " · of " (count(s.count)) (remark) }
        }
    }
}

fn share(title: &str, share: &Share) -> Markup {
    html! { dt { (title) } dd { (share.to_string()) } }
}

fn order_list(orders: &OrderAudit) -> Markup {
    html! {
        dl {
            (share("both orders agree", &orders.agree))
            (share("the later picture wins both", &orders.later_wins))
            (share("a tie in one order at least", &orders.any_tie))
            (share("of pairs decided by place: the first place", &orders.prefers_a))
        }
        @if orders.biased() { p.alert { "The judge prefers a place: the interval does not hold 50 %." } }
        @else { p.note { "No preference for a place shows." } }
    }
}
