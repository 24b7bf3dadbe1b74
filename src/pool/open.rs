//! Opens a source as a stream of items, and several as one.

use crate::env::ahead::{Bounds, Receiver, Sender, channel};
use crate::pool::detect::find;
use crate::pool::input::Input;
use crate::pool::out::{Halt, Out, Step};
use crate::pool::{PoolError, PoolItem, SourceOptions, Sources};
use futures::stream::{self, BoxStream, StreamExt};

/// What waits between the reading thread and the consumer; bytes are of images.
const WAITING: Bounds = Bounds { count: 64, bytes: 32 << 20 };

/// The rows of `uri`, in the source's own order, and whatever could not be used. Reading happens on
/// a thread of its own, which stops when the stream is dropped; images are looked at on others. An
/// `Err` is the last item.
pub fn open(uri: &str, options: &SourceOptions) -> BoxStream<'static, Result<PoolItem, PoolError>> {
    let (uri, mut options) = (uri.to_owned(), options.clone());
    if options.name.is_empty() {
        options.name = name_of(&uri);
    }
    let start = async move {
        let (sender, receiver) = channel(WAITING);
        match find(&uri, options.format.as_deref()).await {
            Ok((input, reader)) => spawn(input, reader.read, options, sender),
            Err(error) => {
                // Fails only if nobody listens any more.
                let _ = sender.send(Err(error), 0).await;
            }
        }
        receiver
    };
    stream::once(start).flat_map(|receiver| stream::unfold(receiver, next)).boxed()
}

async fn next(mut receiver: Receiver<Step>) -> Option<(Step, Receiver<Step>)> {
    receiver.recv().await.map(|(step, _room)| (step, receiver))
}

fn spawn(
    input: Input,
    read: crate::pool::readers::Read,
    options: SourceOptions,
    sender: Sender<Step>,
) {
    tokio::task::spawn_blocking(move || {
        let mut out = Out::new(sender, &options, &options.name, &input.uri);
        let walk = std::panic::AssertUnwindSafe(|| read(&input, &mut out));
        match std::panic::catch_unwind(walk) {
            Ok(Ok(())) => out.end(input.unread()),
            // The reader's normal end when the consumer has enough.
            Ok(Err(Halt)) => out.end(Vec::new()),
            // A decoder that panics on hostile bytes must not look like the end of the source.
            Err(_) => {
                out.fail(PoolError::Lost { uri: input.uri.clone() });
            }
        }
    });
}

/// All sources as one stream, mixed by weight: the next row comes from the source that is furthest
/// behind its share (ties: the one listed first), until all are dry. Deterministic.
pub fn open_all(sources: &Sources) -> BoxStream<'static, Result<PoolItem, PoolError>> {
    struct Lane {
        rows: BoxStream<'static, Result<PoolItem, PoolError>>,
        weight: f64,
        taken: f64,
    }
    let lanes: Vec<Lane> = sources
        .list
        .iter()
        .map(|s| Lane { rows: open(&s.path, &s.options), weight: s.weight, taken: 0.0 })
        .collect();
    let step = |mut lanes: Vec<Lane>| async move {
        loop {
            let share = |lane: &Lane| (lane.taken + 1.0) / lane.weight;
            let (first, _) =
                lanes.iter().enumerate().min_by(|(_, a), (_, b)| share(a).total_cmp(&share(b)))?;
            match lanes[first].rows.next().await {
                Some(item) => {
                    if matches!(item, Ok(PoolItem::Row(_))) {
                        lanes[first].taken += 1.0;
                    }
                    return Some((item, lanes));
                }
                None => {
                    lanes.remove(first);
                }
            }
        }
    };
    stream::unfold(lanes, step).boxed()
}

/// `t2i_r1` of `/data/t2i_r1.json.gz`.
pub(super) fn name_of(uri: &str) -> String {
    if uri == "-" {
        return "stdin".to_owned();
    }
    let last = uri.trim_end_matches('/').rsplit('/').next().unwrap_or("pool");
    let stem = last.split('.').find(|part| !part.is_empty()).unwrap_or("pool");
    stem.to_owned()
}
