//! The way of an export's bytes from the thread that renders them to the store. What is on the way is
//! bounded by bytes, not only by a count of rows, and is held until the store has taken it.

use crate::deliver::export::ExportError;
use crate::env::ahead::{self, Bounds, Receiver};
use crate::export::formats::Piece;
use crate::store::{Store, StoreWriter};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::HashMap;

/// Batches of pieces that may wait for the store (a row's files, or the pages of a row group), and
/// bytes that may, however few batches they are.
const WAITING: Bounds = Bounds { count: 16, bytes: 40 << 20 };

/// Files written at once.
const AT_ONCE: usize = 16;

/// The rendering thread's end of the way.
pub struct Sender(ahead::Sender<Vec<Piece>>);

/// The way, empty.
pub fn channel() -> (Sender, Receiver<Vec<Piece>>) {
    let (sender, receiver) = ahead::channel(WAITING);
    (Sender(sender), receiver)
}

impl Sender {
    /// Waits for room, on the rendering thread.
    pub fn send(&self, pieces: Vec<Piece>) -> Result<(), ExportError> {
        if pieces.is_empty() {
            return Ok(());
        }
        let bytes = pieces.iter().map(Piece::len).sum();
        self.0.send_blocking(pieces, bytes).map_err(|_| ExportError::Stopped)
    }
}

/// Writes what comes, in order per file, several files at once.
pub async fn carry(out: &Store, mut loads: Receiver<Vec<Piece>>) -> Result<(), ExportError> {
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
        let Some((pieces, _room)) = load else { break };
        for piece in pieces {
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
