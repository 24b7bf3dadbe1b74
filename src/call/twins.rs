//! Two draws that are one picture: what a server that ignores seeds gives.
//!
//! Three failed draws mean pass@3 = 0 only if they are three pictures. That is looked at before a
//! picture is journaled, so that, when the server is mended, the run goes on and buys what was
//! missing; a twin in the journal would be replayed for ever.

use crate::call::{CallError, Fatal, ImageRequest, Request};
use crate::record::{CallKey, Digest};
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};

/// Prompts that are remembered: a prompt's draws come soon after one another.
const REMEMBERED: usize = 4_096;
/// So many twins, and never two different pictures: the server ignores seeds. Fewer may be a filter's
/// blanks, which come in any order.
const MOST: u32 = 8;

/// The last picture of each of the last prompts of one role.
#[derive(Default)]
pub struct Twins {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: HashMap<CallKey, (u64, Digest)>,
    order: VecDeque<CallKey>,
    /// Two seeds have given two pictures: the server knows seeds.
    differed: bool,
    /// Pictures refused so far.
    twins: u32,
}

impl Twins {
    /// An error when `picture` is what another seed drew for the same request: the record's (a
    /// safety filter draws the same blank for every seed), or the run's, once there are many and
    /// the server has never shown that it knows seeds.
    pub fn look(&self, request: &ImageRequest, picture: Digest) -> Result<(), CallError> {
        let any_seed = Request::Image(ImageRequest { seed: 0, draw: 0, ..request.clone() }).key();
        let mut state = self.state.lock();
        let Some((seed, before)) = state.last.insert(any_seed, (request.seed, picture)) else {
            state.order.push_back(any_seed);
            if state.order.len() > REMEMBERED
                && let Some(oldest) = state.order.pop_front()
            {
                state.last.remove(&oldest);
            }
            return Ok(());
        };
        if seed == request.seed {
            return Ok(());
        }
        if before != picture {
            state.differed = true;
            return Ok(());
        }
        let role = &request.role;
        let what = format!("role `{role}` drew one picture for seeds {seed} and {}", request.seed);
        state.twins += 1;
        if state.differed || state.twins < MOST {
            return Err(CallError::Record {
                what: format!("{what}: a filter's blank, or a server that ignores seeds"),
            });
        }
        Err(CallError::Fatal {
            kind: Fatal::Model,
            what: format!(
                "{what}: its server ignores seeds, so that several draws are one and none may be \
                 called pass@3; choose a server or a `dialect` that takes the seed"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Twins;
    use crate::call::{CallError, Fatal, ImageRequest};
    use crate::record::Digest;

    fn request(prompt: &str, seed: u64) -> ImageRequest {
        ImageRequest {
            role: "generator".into(),
            model: "m".into(),
            prompt: prompt.into(),
            negative_prompt: None,
            width: 8,
            height: 8,
            steps: None,
            guidance: None,
            seed,
            draw: seed as u32,
            edits: None,
        }
    }

    #[test]
    fn one_picture_for_two_seeds_stops_the_run_unless_seeds_were_seen_to_count() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let twins = Twins::default();
        assert_eq!(twins.look(&request("cat", 1), a), Ok(()));
        assert_eq!(twins.look(&request("cat", 1), a), Ok(()), "the same call again");
        assert_eq!(twins.look(&request("dog", 2), a), Ok(()), "another prompt");
        let refused =
            |seed| matches!(twins.look(&request("cat", seed), a), Err(CallError::Record { .. }));
        assert!((2..u64::from(super::MOST) + 1).all(refused));
        let stopped = twins.look(&request("cat", 99), a);
        assert!(matches!(stopped, Err(CallError::Fatal { kind: Fatal::Model, .. })));
        assert_eq!(twins.look(&request("cat", 100), b), Ok(()));
        assert!(matches!(twins.look(&request("cat", 101), b), Err(CallError::Record { .. })));
    }

    #[test]
    fn memory_is_bounded() {
        let twins = Twins::default();
        for n in 0..10_000 {
            assert_eq!(twins.look(&request(&n.to_string(), 1), Digest::of(b"a")), Ok(()));
        }
        let state = twins.state.lock();
        assert!(state.last.len() == state.order.len() && state.last.len() <= super::REMEMBERED);
    }
}
