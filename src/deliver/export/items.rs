//! A shard's rows, read and hashed on a thread of their own while those before them are rendered.
//!
//! A row's images are read once and hashed once, and neither keeps the encoder from
//! its work; what waits between the two threads is bounded by a count of rows.

use crate::deliver::export::ExportError;
use crate::export::dataset::{self, DatasetError, Item};
use crate::record::Digest;
use crate::store::Ranges;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Rows that wait to be rendered.
const WAITING: usize = 8;

/// A row with what each of its images hashes to; a damaged shard's last is its error.
type Hashed = Result<(Item, Vec<Digest>), DatasetError>;

/// See the module's header.
pub struct Items {
    rows: mpsc::Receiver<Hashed>,
    reader: Option<JoinHandle<()>>,
    handle: Handle,
}

impl Items {
    /// To be called, and asked, on a blocking thread.
    pub fn of(shard: Ranges, handle: &Handle) -> Result<Items, DatasetError> {
        let items = dataset::read(shard)?;
        let (sender, rows) = mpsc::channel(WAITING);
        let reader = handle.spawn_blocking(move || {
            for item in items {
                let hashed = item.map(|item| {
                    let digests = item.images.iter().map(|(bytes, _)| Digest::of(bytes)).collect();
                    (item, digests)
                });
                // Nobody asks any more: the export has failed elsewhere.
                if sender.blocking_send(hashed).is_err() {
                    return;
                }
            }
        });
        Ok(Items { rows, reader: Some(reader), handle: handle.clone() })
    }

    /// The next row. A reader that broke off is an error, never the end.
    pub fn next(&mut self) -> Result<Option<Hashed>, ExportError> {
        let row = self.rows.blocking_recv();
        if row.is_none()
            && let Some(reader) = self.reader.take()
        {
            self.handle.block_on(reader)?;
        }
        Ok(row)
    }
}
