//! Values from one thread to another, bounded by a count and by bytes.
//!
//! Sixteen values may be small change or a gigabyte, so each also takes its size of a common room, and
//! gives it back when whoever received it lets go of that.

use crate::env::ahead::Bounds;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The end that values go in by.
pub struct Sender<T> {
    values: mpsc::Sender<(T, Room)>,
    room: Arc<Semaphore>,
    /// In KiB; what is larger waits alone.
    most: u32,
    handle: Handle,
}

/// The end that they come out by. It takes all that waits at once, so that a sender who found no place is
/// called once for as many values and not for each.
pub struct Receiver<T> {
    values: mpsc::Receiver<(T, Room)>,
    /// Taken, and not asked for yet: at most `most`.
    taken: VecDeque<(T, Room)>,
    most: usize,
}

/// The room that a value takes until this is dropped.
#[must_use = "what is dropped at once bounds nothing"]
pub struct Room {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Nobody receives any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// To be called on a thread of a runtime.
pub fn channel<T>(bounds: Bounds) -> (Sender<T>, Receiver<T>) {
    let most = u32::try_from(bounds.bytes >> 10).unwrap_or(u32::MAX >> 3).max(1);
    let count = bounds.count.max(1);
    let (values, receiver) = mpsc::channel(count);
    let receiver = Receiver { values: receiver, taken: VecDeque::new(), most: count };
    let room = Arc::new(Semaphore::new(most as usize));
    (Sender { values, room, most, handle: Handle::current() }, receiver)
}

impl<T> Sender<T> {
    /// Waits until there is room.
    pub async fn send(&self, value: T, bytes: usize) -> Result<(), Closed> {
        let room = self.room(bytes).await?;
        self.values.send((value, room)).await.map_err(|_| Closed)
    }

    /// As `send`, on a thread that may block.
    pub fn send_blocking(&self, value: T, bytes: usize) -> Result<(), Closed> {
        // Small values must not pay for a way into the runtime.
        let room = if bytes < 1 << 10 {
            Room { _permit: None }
        } else {
            self.handle.block_on(self.room(bytes))?
        };
        self.values.blocking_send((value, room)).map_err(|_| Closed)
    }

    async fn room(&self, bytes: usize) -> Result<Room, Closed> {
        let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).min(self.most);
        if kib == 0 {
            return Ok(Room { _permit: None });
        }
        let permit = self.room.clone().acquire_many_owned(kib);
        tokio::select! {
            permit = permit => permit.map(|permit| Room { _permit: Some(permit) }).map_err(|_| Closed),
            // Whoever left without taking what was sent gives no room back.
            () = self.values.closed() => Err(Closed),
        }
    }
}

impl<T> Receiver<T> {
    /// The next value; None once nobody sends any more.
    pub async fn recv(&mut self) -> Option<(T, Room)> {
        if self.taken.is_empty() {
            let mut taken = Vec::from(std::mem::take(&mut self.taken));
            self.values.recv_many(&mut taken, self.most).await;
            self.taken = taken.into();
        }
        self.taken.pop_front()
    }

    /// As `recv`, on a thread that may block.
    pub fn recv_blocking(&mut self) -> Option<(T, Room)> {
        if self.taken.is_empty() {
            let mut taken = Vec::from(std::mem::take(&mut self.taken));
            self.values.blocking_recv_many(&mut taken, self.most);
            self.taken = taken.into();
        }
        self.taken.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::{Closed, channel};
    use crate::env::ahead::Bounds;
    use futures::FutureExt;

    #[tokio::test]
    async fn what_waits_is_bounded_by_bytes_until_it_is_let_go() {
        let (sender, mut receiver) = channel(Bounds { count: 9, bytes: 64 << 10 });
        sender.send('a', 40 << 10).await.unwrap();
        assert!(sender.send('b', 40 << 10).now_or_never().is_none(), "no room for both");
        sender.send('c', 20 << 10).await.unwrap();
        sender.send('d', 3).await.unwrap();
        let (first, room) = receiver.recv().await.unwrap();
        assert!(sender.send('e', 1 << 30).now_or_never().is_none(), "received, and held");
        drop(room);
        let rest: Vec<char> = [receiver.recv().await, receiver.recv().await]
            .into_iter()
            .map(|got| got.unwrap().0)
            .collect();
        assert_eq!((first, rest), ('a', vec!['c', 'd']));
        sender.send('e', 1 << 30).await.unwrap();
        assert!(sender.send('f', 1 << 10).now_or_never().is_none(), "what is too large is alone");
    }

    #[tokio::test]
    async fn what_waits_is_bounded_by_its_count() {
        let (sender, mut receiver) = channel(Bounds { count: 2, bytes: 1 << 20 });
        sender.send(1, 0).await.unwrap();
        sender.send(2, 0).await.unwrap();
        assert!(sender.send(3, 0).now_or_never().is_none());
        assert_eq!(receiver.recv().await.map(|(value, _room)| value), Some(1));
        sender.send(3, 0).await.unwrap();
    }

    #[tokio::test]
    async fn what_was_taken_out_is_neither_lost_nor_keeps_its_room() {
        let (sender, mut receiver) = channel(Bounds { count: 4, bytes: 4 << 10 });
        assert!(receiver.recv().now_or_never().is_none(), "given up while it waits");
        for n in 0..4 {
            sender.send(n, 1 << 10).await.unwrap();
        }
        let (first, room) = receiver.recv().await.unwrap();
        assert!(sender.send(4, 1 << 10).now_or_never().is_none(), "taken out, and still held");
        drop(room);
        sender.send(4, 1 << 10).await.unwrap();
        let mut found = vec![first];
        while let Some(Some((n, _room))) = receiver.recv().now_or_never() {
            found.push(n);
        }
        assert_eq!(found, [0, 1, 2, 3, 4]);
        let room = sender.room.clone();
        sender.send(5, 3 << 10).await.unwrap();
        sender.send(6, 1 << 10).await.unwrap();
        let _ = receiver.recv().await;
        drop(receiver);
        assert_eq!(room.available_permits(), 4, "what nobody will ask for any more");
    }

    #[tokio::test]
    async fn a_sender_hears_that_nobody_receives() {
        let (sender, receiver) = channel(Bounds { count: 9, bytes: 4 << 10 });
        sender.send(1, 4 << 10).await.unwrap();
        let blocked = tokio::task::spawn_blocking(move || sender.send_blocking(2, 4 << 10));
        drop(receiver);
        assert_eq!(blocked.await.unwrap(), Err(Closed));
    }
}
