//! Room for replies: how many bytes of bodies lie in memory at once.
//!
//! Hundreds of pictures may come at the same moment, and only as many are decoded at once as there
//! are cores. The others wait on their servers' side of the socket, not here.

use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bodies of one endpoint, KB.
const ROOM: u32 = 48 << 10;

/// Bodies up to this, bytes, need no room: a chat's answer.
pub const SMALL: usize = 64 << 10;

/// A body that does not say how long it is, KB.
const UNSAID: u32 = 4 << 10;

/// Shared by the calls to one endpoint. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Room {
        Room(Arc::new(Semaphore::new(ROOM as usize)))
    }
}

impl Room {
    /// What one call holds of it.
    pub fn of_call(&self) -> Held {
        Held { room: self.clone(), held: Mutex::default() }
    }
}

/// One call's part, given back when dropped.
#[derive(Debug)]
pub struct Held {
    room: Room,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Held {
    /// Waits until there is room for a body of `bytes`, where that is known. Once in a call: two
    /// calls that each hold a part and wait for more would wait for ever.
    pub async fn claim(&self, bytes: Option<u64>) {
        if self.held.lock().is_some() {
            return;
        }
        let kb = bytes.map_or(UNSAID, |bytes| u32::try_from(bytes.div_ceil(1024)).unwrap_or(ROOM));
        // Never closed; a closed one would only mean no bound.
        let permit = self.room.0.clone().acquire_many_owned(kb.min(ROOM)).await.ok();
        *self.held.lock() = permit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn a_body_waits_for_room_and_a_call_holds_it_to_its_end() {
        let room = Room::default();
        let (all, more) = (room.of_call(), room.of_call());
        assert!(all.claim(Some(u64::MAX)).now_or_never().is_some(), "one larger than all fits");
        assert!(all.claim(Some(1)).now_or_never().is_some(), "a call never waits for itself");
        assert!(more.claim(None).now_or_never().is_none());
        drop(all);
        assert!(more.claim(None).now_or_never().is_some());
    }
}
