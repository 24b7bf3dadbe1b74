//! Where the things of a meaning stand: regions and relations become a coarse grid of cells, and
//! the instances of a group a finer grid in its cell.

use crate::env::Rng;
use crate::record::{Region, Size};
use crate::sim::scene::{Group, Meaning};

/// One thing on the canvas: centre and half-size in pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    pub group: usize,
    pub x: f32,
    pub y: f32,
    pub r: f32,
}

struct Cell {
    x: f32,
    y: f32,
    w: f32,
    h: f32,
}

/// Places every instance in the upper `share` of a `width` x `height` canvas; none overlap.
pub fn place(meaning: &Meaning, width: f32, height: f32, rng: &mut Rng) -> Vec<Placed> {
    let groups = &meaning.groups;
    let cells = cells(meaning, width, height);
    let grids: Vec<(usize, usize)> =
        groups.iter().zip(&cells).map(|(g, c)| grid(instances(g), c.w, c.h)).collect();
    let fit = |((columns, rows), cell): (&(usize, usize), &Cell)| {
        (cell.w / *columns as f32).min(cell.h / *rows as f32) * 0.5
    };
    let unit = grids.iter().zip(&cells).map(fit).fold(f32::MAX, f32::min);
    let sized = groups.iter().any(|g| g.size.is_some());
    let mut out = Vec::new();
    for (index, ((group, cell), (columns, rows))) in
        groups.iter().zip(&cells).zip(&grids).enumerate()
    {
        let factor = match group.size {
            Some(Size::Larger) => 0.84,
            Some(Size::Smaller) => 0.42,
            None if sized => 0.62,
            None => 0.76,
        };
        let r = unit * factor;
        let (dx, dy) = (cell.w / *columns as f32, cell.h / *rows as f32);
        for i in 0..instances(group) {
            let (column, row) = (i % columns, i / columns);
            let slack = (dx.min(dy) * 0.5 - r * 1.08).max(0.0) * 0.6;
            let jitter = |u: f64| (u as f32 * 2.0 - 1.0) * slack;
            out.push(Placed {
                group: index,
                x: cell.x + dx * (column as f32 + 0.5) + jitter(rng.unit()),
                y: cell.y + dy * (row as f32 + 0.5) + jitter(rng.unit()),
                r,
            });
        }
    }
    out
}

/// How many of a group are drawn.
pub fn instances(group: &Group) -> usize {
    group.count.unwrap_or(3).min(24) as usize
}

/// Columns and rows that give `n` things the most room.
fn grid(n: usize, w: f32, h: f32) -> (usize, usize) {
    let room = |columns: &usize| {
        let rows = n.div_ceil(*columns).max(1);
        (w / *columns as f32).min(h / rows as f32)
    };
    let best = (1..=n.max(1)).max_by(|a, b| room(a).total_cmp(&room(b))).unwrap_or(1);
    (best, n.div_ceil(best).max(1))
}

/// A rectangle for each group such that regions and relations hold.
fn cells(meaning: &Meaning, width: f32, height: f32) -> Vec<Cell> {
    let (xs, ys) = (ranks(meaning, true), ranks(meaning, false));
    let lone = meaning.groups.len() == 1;
    let (columns, rows) = match (lone, meaning.groups.first().and_then(|g| g.region)) {
        (true, Some(Region::Left | Region::Right)) => (2, 1),
        (true, Some(Region::Above | Region::Below)) => (1, 2),
        _ => (count(&xs), count(&ys)),
    };
    let weigh = |ranks: &[usize], n: usize| -> Vec<f32> {
        let mut weights = vec![1f32; n];
        for (rank, group) in ranks.iter().zip(&meaning.groups) {
            let need = (instances(group) as f32).sqrt();
            weights[*rank] = weights[*rank].max(need.min(2.0));
        }
        weights
    };
    let (across, down) = (weigh(&xs, columns), weigh(&ys, rows));
    let span = |weights: &[f32], rank: usize, total: f32| {
        let sum: f32 = weights.iter().sum();
        let before: f32 = weights[..rank].iter().sum();
        (total * before / sum, total * weights[rank] / sum)
    };
    (0..meaning.groups.len())
        .map(|i| {
            let ((x, w), (y, h)) = (span(&across, xs[i], width), span(&down, ys[i], height));
            let mates: Vec<usize> =
                (0..xs.len()).filter(|j| (xs[*j], ys[*j]) == (xs[i], ys[i])).collect();
            share(Cell { x, y, w, h }, &mates, i)
        })
        .collect()
}

/// The part of a cell that group `i` has among `mates`.
fn share(cell: Cell, mates: &[usize], i: usize) -> Cell {
    let at = mates.iter().position(|m| *m == i).unwrap_or(0);
    let (columns, rows) = grid(mates.len(), cell.w, cell.h);
    let (w, h) = (cell.w / columns as f32, cell.h / rows as f32);
    let (column, row) = (at % columns, at / columns);
    Cell { x: cell.x + w * column as f32, y: cell.y + h * row as f32, w, h }
}

fn count(ranks: &[usize]) -> usize {
    ranks.iter().max().map_or(1, |m| m + 1)
}

/// Each group's column (or row), from 0, such that regions and relations along that axis hold.
fn ranks(meaning: &Meaning, horizontal: bool) -> Vec<usize> {
    let sign = |region: Region| match (region, horizontal) {
        (Region::Left, true) | (Region::Above, false) => -1i32,
        (Region::Right, true) | (Region::Below, false) => 1,
        _ => 0,
    };
    let lone = meaning.groups.len() == 1;
    let mut at: Vec<i32> = meaning
        .groups
        .iter()
        .map(|g| g.region.map_or(0, sign))
        .map(|s| if lone { s.max(0) } else { s * 2 })
        .collect();
    // Relations push their subject past their object; contradictory ones stop after n rounds.
    for _ in 0..=meaning.relations.len() {
        for r in &meaning.relations {
            let s = sign(r.region);
            let (Some(a), Some(b)) = (at.get(r.subject).copied(), at.get(r.object).copied()) else {
                continue;
            };
            if s != 0 && (a - b) * s <= 0 {
                at[r.subject] = b + s;
            }
        }
    }
    if lone {
        return at.into_iter().map(|a| a.max(0) as usize).collect();
    }
    let mut distinct = at.clone();
    distinct.sort_unstable();
    distinct.dedup();
    at.iter().map(|a| distinct.iter().position(|d| d == a).unwrap_or(0)).collect()
}
