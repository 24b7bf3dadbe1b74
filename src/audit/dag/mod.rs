//! The pipeline drawn as an SVG: stages by rank from top to bottom, counts on the edges.

mod layout;

use crate::archive::Shape;
use crate::audit::dag::layout::{DrawnEdge, Layout, NODE_HEIGHT, NODE_WIDTH, layout};
use crate::audit::funnel::{Funnel, StageFunnel};
use crate::audit::show::{count, line};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// A smooth path through the points: vertical at every point.
fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    for (i, (x, y)) in points.iter().enumerate() {
        if i == 0 {
            out.push_str(&format!("M{x:.1} {y:.1}"));
            continue;
        }
        let (px, py) = points[i - 1];
        let half = (py + y) / 2.0;
        out.push_str(&format!(" C{px:.1} {half:.1} {x:.1} {half:.1} {x:.1} {y:.1}"));
    }
    out
}

/// The drawing. `link` gives the address of a stage's page, if it has one.
pub fn svg(shape: &Shape, funnel: &Funnel, link: impl Fn(&str) -> Option<String>) -> Markup {
    let layout = layout(shape);
    let counts: BTreeMap<&str, &StageFunnel> =
        funnel.stages.iter().map(|s| (s.stage.as_str(), s)).collect();
    let flow = |edge: &DrawnEdge| {
        let stage = counts.get(shape.stages[edge.from].name.as_str());
        stage.and_then(|s| s.ports.get(&edge.port)).copied().unwrap_or(0)
    };
    let ports = |from: usize| layout.edges.iter().filter(|e| e.from == from).count();
    html! {
        svg.dag viewBox={ "0 0 " (format!("{:.0} {:.0}", layout.width, layout.height)) }
            width=(format!("{:.0}", layout.width)) role="img" aria-label="the pipeline" {
            @for edge in &layout.edges {
                path.edge d=(path(&edge.points)) {}
            }
            @for edge in &layout.edges {
                @let (x, y, left) = label(&layout, edge);
                text.flow x=(format!("{x:.1}")) y=(format!("{y:.1}")) text-anchor=(if left { "end" } else { "start" }) {
                    (count(flow(edge)))
                    @if ports(edge.from) > 1 { " " tspan.port { (line(&edge.port, 16)) } }
                    title { (shape.stages[edge.from].name) " → " (shape.stages[edge.to].name) }
                }
            }
            @for (stage, (x, y)) in shape.stages.iter().zip(&layout.stages) {
                @let node = node(&stage.name, &stage.kind, counts.get(stage.name.as_str()), *x, *y);
                @match link(&stage.name) {
                    Some(href) => a.node href=(href) { (node) },
                    None => g.node { (node) },
                }
            }
        }
    }
}

/// Where an edge's figure stands, and whether it ends there: near the edge's beginning, outside of
/// where it bends to. Of two edges that leave a stage, the left one's stands to its left.
fn label(layout: &Layout, edge: &DrawnEdge) -> (f64, f64, bool) {
    /// From the stage's foot to the text's base line.
    const DOWN: f64 = 14.0;
    let ((x, y), (to_x, to_y)) = (edge.points[0], edge.points[1]);
    let beside = |e: &&DrawnEdge| e.from == edge.from && e.points[0].0 > x;
    let left = layout.edges.iter().any(|e| beside(&e));
    // Of `path`'s curve: how far it has bent at the base line.
    let t = DOWN / (to_y - y).max(DOWN);
    let bent = (to_x - x) * t * t * (3.0 - 2.0 * t);
    let clear = if left { bent.min(0.0) - 6.0 } else { bent.max(0.0) + 6.0 };
    (x + clear, y + DOWN, left)
}

fn node(name: &str, kind: &str, counts: Option<&&StageFunnel>, x: f64, y: f64) -> Markup {
    let at = |dx: f64, dy: f64| (format!("{:.1}", x + dx), format!("{:.1}", y + dy));
    let (name_at, kind_at, bar_at) = (at(10.0, 19.0), at(10.0, 35.0), at(10.0, 41.0));
    let width = NODE_WIDTH - 20.0;
    html! {
        rect.box x=(format!("{x:.1}")) y=(format!("{y:.1}")) width=(NODE_WIDTH) height=(NODE_HEIGHT) rx="7" {}
        text.name x=(name_at.0) y=(name_at.1) { (line(name, 22)) }
        @match counts {
            Some(c) => {
                text.kind x=(kind_at.0) y=(kind_at.1) {
                    (count(c.entered)) " in"
                    @if c.dropped > 0 { " · " (count(c.dropped)) " dropped" }
                    @if c.failed > 0 { " · " tspan.failed { (count(c.failed)) " failed" } }
                }
                rect.track x=(bar_at.0) y=(bar_at.1) width=(width) height="5" rx="2" {}
                rect.bar x=(bar_at.0) y=(bar_at.1) width=(format!("{:.1}", width * c.kept_share())) height="5" rx="2" {}
            },
            None => text.kind x=(kind_at.0) y=(kind_at.1) { "no rows yet" },
        }
        title { (name) " (" (kind) ")" }
    }
}
