//! The way of an export's bytes from the thread that renders them to the store.
//!
//! What is on the way is bounded by bytes, not by a count of rows, and is held until the
//! store has taken it.

use crate::deliver::export::ExportError;
use crate::export::formats::Piece;
use crate::store::{Store, StoreWriter};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Batches of pieces that may wait for the store (a row's files, or the pages of a row group), and
/// kilobytes that may, however few batches they are.
const WAITING: usize = 16;
const WAITING_KB: u32 = 40 << 10;

/// Files written at once.
const AT_ONCE: usize = 16;

/// Pieces on their way to the store, and the room they take until they are there.
pub struct Load {
    pieces: Vec<Piece>,
    _room: OwnedSemaphorePermit,
}

/// The rendering thread's end of the way.
pub struct Sender {
    loads: mpsc::Sender<Load>,
    room: Arc<Semaphore>,
}

/// The way, empty.
pub fn channel() -> (Sender, mpsc::Receiver<Load>) {
    let (loads, receiver) = mpsc::channel(WAITING);
    (Sender { loads, room: Arc::new(Semaphore::new(WAITING_KB as usize)) }, receiver)
}

impl Sender {
    /// Waits for room, on the rendering thread. One load of any size always finds room.
    pub fn send(&self, pieces: Vec<Piece>, handle: &Handle) -> Result<(), ExportError> {
        if pieces.is_empty() {
            return Ok(());
        }
        let bytes: usize = pieces.iter().map(Piece::len).sum();
        let kb = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).min(WAITING_KB);
        let room = handle.block_on(self.room.clone().acquire_many_owned(kb));
        let room = room.map_err(|_| ExportError::Stopped)?;
        self.loads.blocking_send(Load { pieces, _room: room }).map_err(|_| ExportError::Stopped)
    }
}

/// Writes what comes, in order per file, several files at once.
pub async fn carry(out: &Store, mut loads: mpsc::Receiver<Load>) -> Result<(), ExportError> {
    let mut open: HashMap<String, StoreWriter> = HashMap::new();
    let batch = out.batch();
    let mut puts = FuturesUnordered::new();
    loop {
        // What is being written goes on while the next rows are waited for.
        let load = tokio::select! {
            load = loads.recv() => load,
            Some(done) = puts.next() => {
                done?;
                continue;
            }
        };
        let Some(load) = load else { break };
        for piece in load.pieces {
            match piece {
                Piece::Whole(name, bytes) => {
                    let batch = &batch;
                    puts.push(async move { batch.put(&name, bytes).await });
                    while puts.len() >= AT_ONCE {
                        puts.next().await.transpose()?;
                    }
                }
                Piece::Next(name, bytes) => {
                    if !open.contains_key(&name) {
                        open.insert(name.clone(), out.writer(&name).await?);
                    }
                    if let Some(writer) = open.get_mut(&name) {
                        writer.write(bytes).await?;
                    }
                }
                Piece::End(name) => {
                    if let Some(writer) = open.remove(&name) {
                        writer.finish().await?;
                    }
                }
            }
        }
    }
    while puts.next().await.transpose()?.is_some() {}
    drop(puts);
    batch.finish().await?;
    Ok(())
}
