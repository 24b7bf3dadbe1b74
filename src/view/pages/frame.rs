//! What all pages share: the frame, links, text with hidden characters shown, pagination.

use crate::archive::RunDir;
use crate::audit::AuditError;
use crate::audit::show::{count, hidden, line};
use crate::record::ImageRef;
use crate::view::pages::rollout::plays;
use crate::view::query::{Filter, PAGE};
use crate::view::server::Viewer;
use crate::view::snapshot::Snapshot;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use std::sync::Arc;

/// Where a page is made: links start with `base`.
pub struct Here<'a> {
    pub base: &'a str,
    pub snapshot: &'a Snapshot,
}

impl<'a> Here<'a> {
    pub fn of(viewer: &'a Viewer, snapshot: &'a Snapshot) -> Here<'a> {
        Here { base: &viewer.base, snapshot }
    }

    pub fn stage(&self, name: &str, filter: &Filter) -> String {
        format!("{}/stage/{name}{}", self.base, filter.query())
    }

    pub fn thumb(&self, image: &ImageRef) -> String {
        format!("{}/thumb/{}", self.base, image.digest)
    }

    pub fn image(&self, image: &ImageRef) -> String {
        format!("{}/image/{}", self.base, image.digest)
    }

    /// The whole page.
    pub fn page(&self, title: &str, active: &str, body: Markup) -> Response {
        let run = &self.snapshot.run;
        let tab = |name: &str| if name == active { "tab on" } else { "tab" };
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " · coldstart" }
                    link rel="stylesheet" href={ (self.base) "/style.css" };
                    link rel="icon" href={ (self.base) "/icon.svg" };
                    script src={ (self.base) "/app.js" } defer {}
                }
                body data-base=(self.base) data-version=(self.snapshot.version)
                    data-live=(self.snapshot.live) {
                    header {
                        nav {
                            a class=(tab("pipeline")) href={ (self.base) "/" } { "Pipeline" }
                            a class=(tab("search")) href={ (self.base) "/search" } { "Records" }
                            @if plays(self.snapshot) { a class=(tab("tables")) href={ (self.base) "/tables" } { "Tables" } }
                            a class=(tab("work")) href={ (self.base) "/work" } { "Label" }
                        }
                        span.run { (run_name(run)) }
                        @if self.snapshot.live { span.badge title="it is read again every few seconds" { "not complete" } }
                        @if simulated(self.snapshot) { span.badge.warn { "simulated world" } }
                        button #help type="button" title="what the keys do" { kbd { "?" } span { " keys" } }
                    }
                    div #fresh hidden { "The run has gone on. " button type="button" { "show" } }
                    main { (body) }
                    (keys())
                    (lightbox())
                }
            }
        };
        ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.into_string()).into_response()
    }
}

/// Where the script shows a picture large.
fn lightbox() -> Markup {
    html! {
        dialog #light aria-label="a picture" {
            img alt="";
            p { span.what {} " "
                button type="button" data-act="prev" { "←" } button type="button" data-act="next" { "→" }
                button type="button" data-act="flicker" { "flicker" kbd { "f" } }
                button type="button" data-act="zoom" { "zoom" kbd { "z" } }
                button type="button" data-act="close" { "close" kbd { "Esc" } }
            }
        }
    }
}

/// What the script's keys do.
fn keys() -> Markup {
    html! {
        dialog #keys {
            h2 { "Keys" }
            dl {
                dt { kbd { "j" } " " kbd { "k" } } dd { "next, previous row (or record)" }
                dt { kbd { "Enter" } } dd { "open the row" }
                dt { kbd { "n" } " " kbd { "p" } } dd { "next, previous page or record" }
                dt { kbd { "u" } } dd { "up: to the list, to the pipeline" }
                dt { kbd { "g" } " " kbd { "r" } } dd { "the pipeline (graph), all records" }
                dt { kbd { "/" } } dd { "search" }
                dt { kbd { "a" } " " kbd { "d" } } dd { "agree, disagree with the marked decision, once it is in sight" }
                dt { kbd { "l" } } dd { "label the next decision (there: " kbd { "a" } " accept, " kbd { "d" } " reject, " kbd { "s" } " skip, " kbd { "z" } " undo, " kbd { "i" } " note)" }
                dt { kbd { "f" } " " kbd { "z" } " " kbd { "Esc" } } dd { "a picture large: flicker with the next one, zoom, close" }
                dt { kbd { "?" } } dd { "this help" }
            }
            form method="dialog" { button { "close" } }
        }
    }
}

/// The last part of the RUN's address: a page may be shown to others, who need not see the rest.
pub fn run_name(run: &RunDir) -> String {
    run.name().trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

fn simulated(snapshot: &Snapshot) -> bool {
    let run = &snapshot.run;
    run.shape.simulated || run.report.as_ref().is_some_and(|r| r.simulated)
}

impl Here<'_> {
    /// An error as a page.
    pub fn fault(&self, err: &AuditError) -> Response {
        let status = match err.is_not_there() {
            true => StatusCode::NOT_FOUND,
            false => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let page = self.page(
            "Not found",
            "",
            html! {
                h1 { @if status == StatusCode::NOT_FOUND { "Not here" } @else { "It cannot be read" } }
                p { (said(&err.to_string())) }
                p { a #up href={ (self.base) "/" } { "Back to the pipeline" } }
            },
        );
        (status, page).into_response()
    }
}

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

/// `1–50 of 1,234` with links to the pages beside; `link` gives a page's address.
pub fn pages(total: usize, filter: &Filter, link: impl Fn(&Filter) -> String) -> Markup {
    let first = filter.first().min(total);
    let last = (first + PAGE).min(total);
    html! {
        div.pages {
            @if filter.page > 0 { a rel="prev" href=(link(&filter.at(filter.page - 1))) { "← previous" } }
            span {
                @if total == 0 { "nothing here: loosen the filter" }
                @else if first == last { "nothing here" }
                @else { (count(first as u64 + 1)) "–" (count(last as u64)) " of " (count(total as u64)) }
            }
            @if last < total { a rel="next" href=(link(&filter.at(filter.page + 1))) { "next →" } }
        }
    }
}

/// Fields of a filter as a form that reads and makes addresses.
pub fn filter_form(action: &str, filter: &Filter, fields: &[(&str, &str, Vec<String>)]) -> Markup {
    html! {
        form.filter method="get" action=(action) {
            @if filter.is_grid() { input type="hidden" name="view" value="grid"; }
            input type="search" name="q" value=(filter.q) placeholder="words of the prompt or note, id" aria-label="search";
            @for (name, chosen, values) in fields {
                select name=(name) aria-label=(name) {
                    option value="" { (name) ": any" }
                    @for value in values {
                        option value=(value) selected[value == chosen] { (line(value, 60)) }
                    }
                }
            }
            button { "filter" }
            @if *filter != Filter::default() { a.clear href=(action) { "clear" } }
        }
    }
}

/// The same list as lines, as pictures, or as rows for another tool.
pub fn views(filter: &Filter, link: impl Fn(&Filter) -> String, rows: &str) -> Markup {
    html! {
        div.views {
            @if filter.is_grid() { a href=(link(&filter.shown_as(""))) { "as lines" } b { "pictures" } }
            @else { b { "lines" } a href=(link(&filter.shown_as("grid"))) { "as pictures" } }
            a href=(rows) download="rows.jsonl" { "this set as JSON lines" }
        }
    }
}

/// For addresses that lead to no page.
pub async fn nowhere(State(viewer): State<Arc<Viewer>>) -> Response {
    let snapshot = viewer.snapshot();
    let what = "This address leads nowhere in the viewer.".to_owned();
    Here::of(&viewer, &snapshot).fault(&AuditError::Input { what })
}
