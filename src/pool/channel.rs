//! From the reading thread to the consumer: bounded in items and in bytes of images.
//!
//! The one idea: sixteen rows may be small change or a gigabyte, so an image also takes its size of a
//! common room, and gives it back when its row is received.

use crate::pool::{Item, PoolError};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Items that wait between the reading thread and the consumer.
const WAITING: usize = 16;
/// KiB of images that wait; one that is larger waits alone.
const ROOM: u32 = 32 << 10;

/// What a source yields.
pub type Step = Result<Item, PoolError>;

/// The reading thread's end.
pub struct Sender {
    steps: mpsc::Sender<(Step, Option<OwnedSemaphorePermit>)>,
    room: Arc<Semaphore>,
    handle: Handle,
}

/// The consumer's end.
pub struct Receiver(mpsc::Receiver<(Step, Option<OwnedSemaphorePermit>)>);

/// Nobody listens any more.
#[derive(Debug)]
pub struct Gone;

/// To be called on a thread of a runtime.
pub fn channel() -> (Sender, Receiver) {
    let (steps, receiver) = mpsc::channel(WAITING);
    let room = Arc::new(Semaphore::new(ROOM as usize));
    (Sender { steps, room, handle: Handle::current() }, Receiver(receiver))
}

impl Sender {
    /// Waits for room; not for asynchronous code.
    pub fn send(&self, step: Step) -> Result<(), Gone> {
        let bytes = match &step {
            Ok(Item::Row(row)) => row.reference.as_ref().map_or(0, |r| r.bytes.len()),
            _ => 0,
        };
        let kib = (bytes >> 10).min(ROOM as usize) as u32;
        let permit = if kib == 0 {
            None
        } else {
            let room = self.room.clone().acquire_many_owned(kib);
            Some(self.handle.block_on(room).map_err(|_| Gone)?)
        };
        self.steps.blocking_send((step, permit)).map_err(|_| Gone)
    }

    /// As `send`, for the error that is all there is.
    pub async fn send_only(self, step: Step) {
        // Fails only if nobody listens any more.
        let _ = self.steps.send((step, None)).await;
    }
}

impl Receiver {
    pub async fn receive(&mut self) -> Option<Step> {
        self.0.recv().await.map(|(step, _)| step)
    }
}
