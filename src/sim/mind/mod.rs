//! The simulated models: one function a role, chosen by the task line of the system message, or by
//! the model's name where a picture is asked for.
//!
//! An answer is a pure function of (world, request), so that the same request always gets the same
//! reply. See `wire` for wire formats, `faults` for faults of servers.

mod agent;
mod caption;
mod chat;
mod checklist;
mod evaluate;
mod generator;
mod intent;
mod judge;
mod prose;
mod riddle;
mod teacher;
mod text;

pub use chat::Chat;
pub use generator::Order;

use crate::sim::World;
use crate::sim::look::{self, Seen};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// What a model says: its thinking, if it thinks, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SimReply {
    pub thought: String,
    pub text: String,
}

/// The simulated models of one world.
pub struct Mind {
    pub world: World,
    /// What pictures hold, by content: the same picture is judged several times.
    readings: Mutex<HashMap<[u8; 32], Arc<Seen>>>,
}

/// Readings kept before the cache starts anew.
const READINGS: usize = 8192;

impl Mind {
    pub fn new(world: World) -> Mind {
        Mind { world, readings: Mutex::new(HashMap::new()) }
    }

    /// The answer to a conversation. A conversation without a known task line gets small talk.
    pub fn answer(&self, chat: &Chat) -> SimReply {
        let world = &self.world;
        let plain = |text: String| SimReply { thought: String::new(), text };
        match chat.task() {
            "riddle" => plain(text::write(world, chat)),
            "solve" => plain(text::solve(world, chat)),
            "checklist" => plain(checklist::checklist(world, chat)),
            "judge" => plain(judge::judge(self, chat, false)),
            "pointwise" => plain(judge::judge(self, chat, true)),
            "tell" => plain(judge::tell(self, chat)),
            "pairwise" => plain(judge::compare(self, chat)),
            "leak" => plain(text::leak(world, chat)),
            "rederive" => plain(text::rederive(world, chat)),
            "intent" => plain(intent::intent(world, chat)),
            "think_and_call" => teacher::think(world, chat),
            "reflect" => teacher::reflect(world, chat),
            "geneval_pp" | "imagine" | "wise_legacy" | "wise_verified" => {
                plain(evaluate::answer(self, chat))
            }
            _ if agent::is_agent(chat) => agent::turn(self, chat),
            _ => plain(small_talk(self, chat)),
        }
    }

    /// The picture that is asked for, as PNG bytes.
    pub fn picture(&self, order: &Order<'_>) -> Vec<u8> {
        generator::picture(&self.world, order)
    }

    /// What the `index`th picture of a conversation holds, and the picture's name (its digest).
    fn look(&self, chat: &Chat, index: usize) -> Option<(Arc<Seen>, String)> {
        let bytes = chat.images.get(index)?;
        let digest = blake3::hash(bytes);
        let name = digest.to_hex()[..32].to_owned();
        let known = self.readings.lock().get(digest.as_bytes()).cloned();
        if let Some(seen) = known {
            return Some((seen, name));
        }
        let seen = Arc::new(look::read(bytes));
        let mut readings = self.readings.lock();
        if readings.len() >= READINGS {
            readings.clear();
        }
        readings.insert(*digest.as_bytes(), seen.clone());
        Some((seen, name))
    }
}

/// For people and probes that just say hello, perhaps with a picture.
fn small_talk(mind: &Mind, chat: &Chat) -> String {
    match mind.look(chat, 0) {
        Some((seen, _)) => format!("{}.", prose::sentence(&look::overview(&seen))),
        None => "This is coldstart's simulated world. It answers the tasks of coldstart's templates and talks of little else.".to_owned(),
    }
}
