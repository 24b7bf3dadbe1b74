//! Idempotency: an id is answered once, whoever asks for it and however often.

use crate::record::{Digest, Id};
use crate::serve::refusal::Refusal;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

pub type Answer = Result<Arc<Value>, Refusal>;
type Flight = Shared<BoxFuture<'static, Answer>>;

/// Answers that are kept in memory; older ones are asked of the journal again, which costs nothing.
const KEPT: usize = 16_384;

/// Answers given and answers under way, by id.
#[derive(Default)]
pub struct Known {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Id, Entry>,
    /// Ids of given answers, oldest first.
    given: VecDeque<Id>,
}

struct Entry {
    /// What was asked.
    question: Digest,
    state: State,
}

enum State {
    UnderWay(Flight),
    Given(Arc<Value>),
}

/// How a question stands.
pub enum Lookup {
    /// Somebody asked it before.
    Answered(Answer),
    /// Somebody is asking it now, or we have begun to.
    Wait(Flight),
}

impl Known {
    /// The answer to `question` under `id`; `begin` is called if nobody has asked.
    pub fn look_up(
        &self,
        id: Id,
        question: Digest,
        begin: impl FnOnce() -> BoxFuture<'static, Answer>,
    ) -> Option<Lookup> {
        let mut inner = self.inner.lock();
        match inner.entries.get(&id) {
            Some(entry) if entry.question != question => None,
            Some(Entry { state: State::Given(answer), .. }) => {
                Some(Lookup::Answered(Ok(answer.clone())))
            }
            Some(Entry { state: State::UnderWay(flight), .. }) => {
                Some(Lookup::Wait(flight.clone()))
            }
            None => {
                let flight = begin().shared();
                let state = State::UnderWay(flight.clone());
                inner.entries.insert(id, Entry { question, state });
                Some(Lookup::Wait(flight))
            }
        }
    }

    /// Notes how the question under `id` ended. One that failed may be asked again.
    pub fn ended(&self, id: Id, answer: &Answer) {
        let mut inner = self.inner.lock();
        match (answer, inner.entries.get_mut(&id)) {
            (Ok(value), Some(entry)) => {
                entry.state = State::Given(value.clone());
                inner.given.push_back(id);
                if inner.given.len() > KEPT
                    && let Some(oldest) = inner.given.pop_front()
                {
                    inner.entries.remove(&oldest);
                }
            }
            (Err(_), _) => {
                inner.entries.remove(&id);
            }
            (Ok(_), None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, Lookup};
    use crate::record::{Digest, Id};
    use crate::serve::refusal::Refusal;
    use futures::FutureExt;
    use serde_json::json;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_question_is_begun_once_and_again_after_a_failure() {
        let known = Known::default();
        let (id, question) = (Id::of("t", "1", ""), Digest::of(b"q"));
        let failed = || async { Err(Refusal::no_answer("call_failed", "down")) }.boxed();
        let Some(Lookup::Wait(flight)) = known.look_up(id, question, failed) else {
            panic!("begun")
        };
        let again = known.look_up(id, question, || unreachable!("it is under way"));
        assert!(matches!(again, Some(Lookup::Wait(_))));
        let answer = flight.await;
        known.ended(id, &answer);
        let good = || async { Ok(Arc::new(json!(1))) }.boxed();
        let Some(Lookup::Wait(flight)) = known.look_up(id, question, good) else { panic!("again") };
        known.ended(id, &flight.await);
        let given = known.look_up(id, question, || unreachable!("it was answered"));
        assert!(matches!(given, Some(Lookup::Answered(Ok(_)))));
        assert!(known.look_up(id, Digest::of(b"other"), || unreachable!("a conflict")).is_none());
    }
}
