//! The graph's shape, as the engine asks for it: what comes next, which barriers come after.
//!
//! A shard works up to the barriers that end the pipeline and leaves those to the run that
//! assembles, so it must know which they are. See `engine` and `pump` for moving records.

use crate::record::{Id, Trajectory};
use crate::run::engine::{Engine, Node};

impl Engine {
    fn next(&self, from: usize, port: &str) -> Vec<usize> {
        self.edges.iter().filter(|e| e.from == from && e.port == port).map(|e| e.to).collect()
    }

    /// Gates that `from`'s records can come to without passing another gate.
    pub fn gates_after(&self, from: usize) -> Vec<usize> {
        let (mut gates, mut queue, mut seen) = (Vec::new(), vec![from], vec![from]);
        while let Some(at) = queue.pop() {
            for edge in self.edges.iter().filter(|e| e.from == at) {
                if seen.contains(&edge.to) {
                    continue;
                }
                seen.push(edge.to);
                match self.nodes[edge.to] {
                    Node::Gate(_) | Node::Sink(..) => gates.push(edge.to),
                    _ => queue.push(edge.to),
                }
            }
        }
        gates
    }

    /// A gate after which no single-record stage comes: where a shard's work ends.
    pub fn is_terminal(&self, gate: usize) -> bool {
        self.edges.iter().filter(|e| e.from == gate).all(|e| {
            matches!(self.nodes[e.to], Node::Gate(_) | Node::Sink(..)) && self.is_terminal(e.to)
        })
    }

    /// Whether shards share out the records that `producer` sends. Those on their way to an inner
    /// barrier are everybody's: the barrier must see them all.
    pub(super) fn is_parted(&self, producer: usize) -> bool {
        self.gates_after(producer).iter().all(|&gate| self.is_terminal(gate))
    }

    /// Whether a record emitted by `producer` is another shard's.
    pub(super) fn foreign(&self, producer: usize, id: Id) -> bool {
        self.parted[producer] && self.shard.is_some_and(|shard| !shard.holds(id))
    }

    pub(super) fn after(&self, at: usize, port: &str, t: Trajectory) -> Vec<(usize, Trajectory)> {
        let next = self.next(at, port);
        // The last branch takes the record itself; only forks pay for a copy.
        let mut out: Vec<(usize, Trajectory)> =
            next.iter().skip(1).map(|&to| (to, t.clone())).collect();
        out.extend(next.first().map(|&to| (to, t)));
        out
    }
}
