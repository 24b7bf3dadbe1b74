//! Where the stages and edges of a pipeline lie when it is drawn, in pixels.
//!
//! An edge over several ranks passes through a narrow dummy place in each, so that no edge runs under
//! a stage and the picture stays narrow enough for a telephone.

use crate::archive::Shape;
use std::collections::BTreeMap;

pub const NODE_WIDTH: f64 = 184.0;
pub const NODE_HEIGHT: f64 = 52.0;
const DUMMY_WIDTH: f64 = 26.0;
const GAP: f64 = 18.0;
const RANK_HEIGHT: f64 = 92.0;
const MARGIN: f64 = 10.0;

/// A place in a rank: a stage, or where an edge passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Stage(usize),
    Pass { edge: usize, rank: usize },
}

/// Where everything lies.
#[derive(Debug)]
pub struct Layout {
    /// Top left of each stage.
    pub stages: Vec<(f64, f64)>,
    pub edges: Vec<DrawnEdge>,
    pub width: f64,
    pub height: f64,
}

/// An edge between two stages by their numbers.
#[derive(Debug)]
pub struct DrawnEdge {
    pub from: usize,
    pub to: usize,
    pub port: String,
    /// What it runs through, from the source's foot to the target's head.
    pub points: Vec<(f64, f64)>,
}

/// Lays the stages of `shape` out.
pub fn layout(shape: &Shape) -> Layout {
    let number: BTreeMap<&str, usize> =
        shape.stages.iter().enumerate().map(|(i, s)| (s.name.as_str(), i)).collect();
    let mut edges: Vec<(usize, usize, String)> = Vec::new();
    for (to, stage) in shape.stages.iter().enumerate() {
        for edge in &stage.from {
            // Stages stand before their readers; an edge that says otherwise is not drawn.
            if let Some(&from) = number.get(edge.stage.as_str()).filter(|from| **from < to) {
                edges.push((from, to, edge.port.clone()));
            }
        }
    }
    let ranks = ranks(shape.stages.len(), &edges);
    let rows = order(rows(&ranks, &edges), &edges);
    place(rows, edges, shape.stages.len())
}

/// The longest way from a source.
fn ranks(stages: usize, edges: &[(usize, usize, String)]) -> Vec<usize> {
    let mut rank = vec![0; stages];
    for to in 0..stages {
        for (from, _, _) in edges.iter().filter(|e| e.1 == to) {
            rank[to] = rank[to].max(rank[*from] + 1);
        }
    }
    // A source stands right above its first reader rather than at the very top.
    for from in (0..stages).rev() {
        let is_source = edges.iter().all(|e| e.1 != from);
        let first = edges.iter().filter(|e| e.0 == from).map(|e| rank[e.1]).min();
        if let (true, Some(first)) = (is_source, first) {
            rank[from] = first - 1;
        }
    }
    rank
}

fn rows(ranks: &[usize], edges: &[(usize, usize, String)]) -> Vec<Vec<Place>> {
    let count = ranks.iter().copied().max().map_or(0, |r| r + 1);
    let mut rows = vec![Vec::new(); count];
    for (stage, rank) in ranks.iter().enumerate() {
        rows[*rank].push(Place::Stage(stage));
    }
    for (edge, (from, to, _)) in edges.iter().enumerate() {
        for (rank, row) in rows.iter_mut().enumerate().take(ranks[*to]).skip(ranks[*from] + 1) {
            row.push(Place::Pass { edge, rank });
        }
    }
    rows
}

/// Sorts each row by the mean position of what is above it, then below it, a few times.
fn order(mut rows: Vec<Vec<Place>>, edges: &[(usize, usize, String)]) -> Vec<Vec<Place>> {
    for round in 0..6 {
        let down = round % 2 == 0;
        let count = rows.len();
        for step in 1..count {
            let at = if down { step } else { count - 1 - step };
            let beside = if down { at - 1 } else { at + 1 };
            let near: BTreeMap<Place, usize> =
                rows[beside].iter().enumerate().map(|(i, p)| (*p, i)).collect();
            let centre = rows[beside].len() as f64 / 2.0;
            let weight = |place: &Place| {
                let next = neighbours(*place, beside, down, edges);
                let found: Vec<f64> =
                    next.iter().filter_map(|p| near.get(p)).map(|i| *i as f64).collect();
                if found.is_empty() {
                    centre
                } else {
                    found.iter().sum::<f64>() / found.len() as f64
                }
            };
            let mut keyed: Vec<(f64, Place)> = rows[at].iter().map(|p| (weight(p), *p)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            rows[at] = keyed.into_iter().map(|(_, p)| p).collect();
        }
    }
    rows
}

/// What `place` is joined to in the row `beside` (above when `down`).
fn neighbours(
    place: Place,
    beside: usize,
    down: bool,
    edges: &[(usize, usize, String)],
) -> Vec<Place> {
    let end = |edge: usize| Place::Stage(if down { edges[edge].0 } else { edges[edge].1 });
    let ends = |edge: usize| vec![Place::Pass { edge, rank: beside }, end(edge)];
    match place {
        Place::Pass { edge, .. } => ends(edge),
        Place::Stage(stage) => edges
            .iter()
            .enumerate()
            .filter(|(_, e)| if down { e.1 == stage } else { e.0 == stage })
            .flat_map(|(edge, _)| ends(edge))
            .collect(),
    }
}

fn width_of(place: &Place) -> f64 {
    match place {
        Place::Stage(_) => NODE_WIDTH,
        Place::Pass { .. } => DUMMY_WIDTH,
    }
}

fn place(rows: Vec<Vec<Place>>, edges: Vec<(usize, usize, String)>, stages: usize) -> Layout {
    let row_width = |row: &[Place]| {
        row.iter().map(width_of).sum::<f64>() + GAP * row.len().saturating_sub(1) as f64
    };
    let width = rows.iter().map(|r| row_width(r)).fold(NODE_WIDTH, f64::max) + 2.0 * MARGIN;
    let mut corner = vec![(0.0, 0.0); stages];
    let mut passes: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (rank, row) in rows.iter().enumerate() {
        let mut x = (width - row_width(row)) / 2.0;
        for place in row {
            match place {
                Place::Stage(stage) => corner[*stage] = (x, rank as f64 * RANK_HEIGHT + MARGIN),
                Place::Pass { edge, rank } => {
                    passes.insert((*edge, *rank), x + DUMMY_WIDTH / 2.0);
                }
            }
            x += width_of(place) + GAP;
        }
    }
    let edges = drawn(edges, &corner, &passes);
    let height = rows.len() as f64 * RANK_HEIGHT - (RANK_HEIGHT - NODE_HEIGHT) + 2.0 * MARGIN;
    Layout { stages: corner, edges, width, height }
}

fn drawn(
    edges: Vec<(usize, usize, String)>,
    corner: &[(f64, f64)],
    passes: &BTreeMap<(usize, usize), f64>,
) -> Vec<DrawnEdge> {
    // Edges that leave or reach one stage are spread over its foot and head.
    let spread = |all: Vec<usize>, me: usize| {
        let at = all.iter().position(|e| *e == me).unwrap_or(0) as f64 + 1.0;
        NODE_WIDTH * at / (all.len() as f64 + 1.0)
    };
    let x_after = |edge: usize| {
        let first = passes.range((edge, 0)..(edge, usize::MAX)).next().map(|(_, x)| *x);
        first.unwrap_or(corner[edges[edge].1].0 + NODE_WIDTH / 2.0)
    };
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); corner.len()];
    let mut reaching: Vec<Vec<usize>> = vec![Vec::new(); corner.len()];
    for (edge, (from, to, _)) in edges.iter().enumerate() {
        leaving[*from].push(edge);
        reaching[*to].push(edge);
    }
    for list in &mut leaving {
        list.sort_by(|a, b| x_after(*a).total_cmp(&x_after(*b)));
    }
    for list in &mut reaching {
        let x_before = |edge: usize| {
            let last = passes.range((edge, 0)..(edge, usize::MAX)).next_back().map(|(_, x)| *x);
            last.unwrap_or(corner[edges[edge].0].0 + NODE_WIDTH / 2.0)
        };
        list.sort_by(|a, b| x_before(*a).total_cmp(&x_before(*b)));
    }
    let points = |edge: usize, from: usize, to: usize| {
        let (fx, fy) = corner[from];
        let (tx, ty) = corner[to];
        let mut points = vec![(fx + spread(leaving[from].clone(), edge), fy + NODE_HEIGHT)];
        for ((_, rank), x) in passes.range((edge, 0)..(edge, usize::MAX)) {
            let y = *rank as f64 * RANK_HEIGHT + MARGIN;
            points.extend([(*x, y), (*x, y + NODE_HEIGHT)]);
        }
        points.push((tx + spread(reaching[to].clone(), edge), ty));
        points
    };
    let all: Vec<Vec<(f64, f64)>> =
        edges.iter().enumerate().map(|(e, (from, to, _))| points(e, *from, *to)).collect();
    edges
        .into_iter()
        .zip(all)
        .map(|((from, to, port), points)| DrawnEdge { from, to, port, points })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Edge, ShapeStage};

    fn shape(stages: &[(&str, &[(&str, &str)])]) -> Shape {
        let stage = |(name, from): &(&str, &[(&str, &str)])| ShapeStage {
            name: name.to_string(),
            from: from
                .iter()
                .map(|(s, p)| Edge { stage: s.to_string(), port: p.to_string() })
                .collect(),
            ..ShapeStage::default()
        };
        Shape { stages: stages.iter().map(stage).collect(), ..Shape::default() }
    }

    #[test]
    fn a_long_edge_keeps_clear_of_the_stages_between() {
        let shape = shape(&[
            ("a", &[]),
            ("b", &[("a", "no")]),
            ("c", &[("b", "out")]),
            ("d", &[("a", "yes"), ("c", "out")]),
        ]);
        let layout = layout(&shape);
        let long = layout.edges.iter().find(|e| e.port == "yes").unwrap();
        assert_eq!(long.points.len(), 6, "two ranks are passed");
        for stage in [1, 2] {
            let (x, y) = layout.stages[stage];
            let inside = |p: &(f64, f64)| {
                (x..=x + NODE_WIDTH).contains(&p.0) && (y..=y + NODE_HEIGHT).contains(&p.1)
            };
            assert!(!long.points.iter().any(inside));
        }
    }

    #[test]
    fn no_two_stages_overlap_and_all_are_inside() {
        let shape = shape(&[
            ("a", &[]),
            ("b", &[]),
            ("c", &[("a", "out"), ("b", "out")]),
            ("d", &[("c", "x")]),
            ("e", &[("c", "y")]),
        ]);
        let layout = layout(&shape);
        for (i, a) in layout.stages.iter().enumerate() {
            assert!(a.0 >= 0.0 && a.0 + NODE_WIDTH <= layout.width);
            assert!(a.1 + NODE_HEIGHT <= layout.height);
            for b in &layout.stages[i + 1..] {
                let apart = (a.0 - b.0).abs() >= NODE_WIDTH || (a.1 - b.1).abs() >= NODE_HEIGHT;
                assert!(apart, "{a:?} {b:?}");
            }
        }
    }
}
