//! The one task that writes segments: group commit, and the fence that keeps writers apart.
//!
//! A segment is created put-if-absent under the number after the last; whoever finds that number
//! taken by another has been replaced. See `compact` for merging what it wrote.

use crate::env::Env;
use crate::journal::JournalError;
use crate::journal::bytes::{Place, Short};
use crate::journal::catalog::Catalog;
use crate::journal::compact;
use crate::journal::company::{Company, patience};
use crate::journal::frame::{self, Walked};
use crate::journal::segment::Segment;
use crate::store::{Created, Store, StoreError};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Appends that may wait for the writer; more wait in `append` (back-pressure).
const QUEUE: usize = 1024;
/// A group this large is written without waiting for more company.
const GROUP: usize = 256;
/// No group is larger, in bytes: it is held in memory.
const GROUP_BYTES: usize = 4 << 20;
/// As much of a segment as any version's opening takes.
const HEAD: u64 = 256;
/// Small segments that make a merge in the background worth its while.
const SMALL: usize = 128;

/// Where a writer begins: its fence is in place.
pub(super) struct Fence {
    dir: String,
    nonce: [u8; 16],
    /// Of the next segment.
    next: u64,
}

/// Takes the RUN over: creates the segment after the last, so that an earlier writer's next
/// commit fails.
pub(super) async fn fence(env: &Env, store: &Store, dir: &str) -> Result<Fence, JournalError> {
    let mut nonce = [0; 16];
    nonce[..8].copy_from_slice(&env.entropy().to_le_bytes());
    nonce[8..].copy_from_slice(&env.entropy().to_le_bytes());
    let listed = store.list(dir).await?;
    let last = listed
        .iter()
        .filter_map(|(name, size)| Segment::parse(name, *size))
        .filter(|segment| segment.dir == dir)
        .max_by_key(|segment| segment.last);
    if let Some(last) = last.as_ref().filter(|last| last.size > 0) {
        // A RUN that a later version writes to is not ours to take over.
        match store.get_range(&last.name(), 0..HEAD).await {
            Ok(head) => last.refuse_newer(store, &head)?,
            // Merged away meanwhile, by a writer that is about to meet our fence.
            Err(StoreError::NotFound { .. }) => {}
            Err(e) => return Err(e.into()),
        }
    }
    let mut free = 1 + last.map_or(0, |segment| segment.last);
    let create = async |number: u64| {
        let bytes = Bytes::from(frame::fence(nonce));
        store.create(&single(dir, number, 0).name(), bytes).await
    };
    // The earlier writer may take numbers faster than we can try them, so we leap ahead of it ever
    // farther, and then plug what lies between: it stops at whichever plug it meets.
    let mut leap = 0;
    let number = loop {
        let number = free + leap;
        if create(number).await? == Created::New {
            break number;
        }
        free = number + 1;
        leap = leap * 2 + 1;
    };
    for gap in (free..number).rev() {
        create(gap).await?;
    }
    Ok(Fence { dir: dir.to_string(), nonce, next: number + 1 })
}

fn single(dir: &str, number: u64, size: u64) -> Segment {
    Segment { dir: dir.to_string(), first: number, last: number, size }
}

enum Command {
    Append(Append),
    Close(oneshot::Sender<Result<(), JournalError>>),
}

struct Append {
    key: Short,
    frame: Vec<u8>,
    done: oneshot::Sender<Result<(), JournalError>>,
}

/// The handle on the writing task.
pub(super) struct Writer {
    queue: mpsc::Sender<Command>,
    place: String,
}

impl Writer {
    /// `wait`: see `Journal::open`; `company`: the calls in flight.
    pub fn start(
        env: Env,
        catalog: Arc<Catalog>,
        fence: Fence,
        wait: Duration,
        company: Company,
    ) -> Writer {
        let (queue, commands) = mpsc::channel(QUEUE);
        let place = catalog.store().under(&fence.dir).uri();
        let task = Task {
            env: env.clone(),
            catalog,
            fence,
            wait,
            company,
            place: place.clone(),
            fenced: false,
            last_commit: None,
            small: 0,
            merging: None,
        };
        env.spawn(task.run(commands));
        Writer { queue, place }
    }

    /// Where it writes, as the user would type it.
    pub fn place(&self) -> &str {
        &self.place
    }

    pub async fn append(&self, key: Short, frame: Vec<u8>) -> Result<(), JournalError> {
        let (done, answer) = oneshot::channel();
        self.ask(Command::Append(Append { key, frame, done }), answer).await
    }

    pub async fn close(&self) -> Result<(), JournalError> {
        let (done, answer) = oneshot::channel();
        self.ask(Command::Close(done), answer).await
    }

    async fn ask(
        &self,
        command: Command,
        answer: oneshot::Receiver<Result<(), JournalError>>,
    ) -> Result<(), JournalError> {
        let gone = || StoreError::other(&self.place, "the journal's writer has ended");
        self.queue.send(command).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

struct Task {
    env: Env,
    catalog: Arc<Catalog>,
    fence: Fence,
    wait: Duration,
    company: Company,
    place: String,
    fenced: bool,
    last_commit: Option<Instant>,
    /// Segments written since the last merge.
    small: usize,
    merging: Option<tokio::task::JoinHandle<()>>,
}

impl Task {
    /// Until every handle is gone; what was queued then is still written.
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.recv().await {
            match command {
                Command::Append(first) => {
                    let (group, close) = self.gather(first, &mut commands).await;
                    self.commit(group).await;
                    if let Some(done) = close {
                        let _ = done.send(self.close().await);
                    }
                }
                Command::Close(done) => {
                    let _ = done.send(self.close().await);
                }
            }
        }
        self.merged().await;
    }

    /// Company for `first`: all that comes until `wait` after the last commit, or some times as long
    /// (`company`). After a quiet time that is at once: a lone caller does not wait.
    async fn gather(
        &mut self,
        first: Append,
        commands: &mut mpsc::Receiver<Command>,
    ) -> (Vec<Append>, Option<oneshot::Sender<Result<(), JournalError>>>) {
        let mut bytes = first.frame.len();
        let mut group = vec![first];
        let left = self.left(group.len());
        let pause = self.env.sleep(left);
        tokio::pin!(pause);
        let mut waiting = !left.is_zero();
        while bytes < GROUP_BYTES && group.len() < QUEUE {
            let command = match commands.try_recv() {
                Ok(command) => command,
                Err(_) if !waiting || group.len() >= GROUP => break,
                Err(_) => tokio::select! {
                    command = commands.recv() => match command {
                        Some(command) => command,
                        None => break,
                    },
                    () = &mut pause => {
                        let left = self.left(group.len());
                        waiting = !left.is_zero();
                        pause.set(self.env.sleep(left));
                        continue;
                    }
                },
            };
            match command {
                Command::Append(append) => {
                    bytes += append.frame.len();
                    group.push(append);
                }
                Command::Close(done) => return (group, Some(done)),
            }
        }
        (group, None)
    }

    /// How long a group of this size is still to wait.
    fn left(&self, group: usize) -> Duration {
        let Some(at) = self.last_commit else { return Duration::ZERO };
        let since = self.env.now().saturating_duration_since(at);
        let most = patience(self.catalog.store(), &self.fence.dir);
        self.company.due(group, since, self.wait, most).saturating_sub(since)
    }

    async fn commit(&mut self, group: Vec<Append>) {
        self.last_commit = Some(self.env.now());
        let written = match self.fenced {
            true => Err(self.fenced()),
            false => self.write(&group).await,
        };
        if matches!(written, Err(JournalError::Fenced { .. })) {
            self.fenced = true;
        }
        for append in group {
            // Who does not listen any more was cancelled; the entry is durable all the same.
            let _ = append.done.send(written.clone());
        }
        if written.is_ok() {
            self.small += 1;
            self.merge_when_due();
        }
    }

    /// One segment, durable and in the index.
    async fn write(&mut self, group: &[Append]) -> Result<(), JournalError> {
        let mut bytes = frame::unsealed(group.iter().map(|append| append.frame.len()).sum());
        let mut items = Vec::with_capacity(group.len());
        for append in group {
            let (offset, len) = (bytes.len() as u32, append.frame.len() as u32);
            items.push(Walked::Frame(Place { key: append.key, offset, len }));
            bytes.extend_from_slice(&append.frame);
        }
        frame::seal(&mut bytes, self.fence.nonce);
        let bytes = Bytes::from(bytes);
        loop {
            let segment = single(&self.fence.dir, self.fence.next, bytes.len() as u64);
            match self.catalog.store().create(&segment.name(), bytes.clone()).await? {
                Created::New => {
                    self.catalog.wrote(&segment, bytes);
                    self.catalog.adopt(segment, &items);
                    self.fence.next += 1;
                    return Ok(());
                }
                Created::AlreadyThere => self.taken(&segment).await?,
            }
        }
    }

    /// Our next number is taken: by another writer, or by a group of ours whose write was
    /// reported failed and was not. The latter is kept, and the number after tried.
    async fn taken(&mut self, segment: &Segment) -> Result<(), JournalError> {
        let there = self.catalog.store().get(&segment.name()).await?;
        if frame::nonce(&there) != Some(self.fence.nonce) {
            return Err(self.fenced());
        }
        let found = single(&segment.dir, segment.first, there.len() as u64);
        self.catalog.adopt(found, &frame::walk(&there));
        self.fence.next += 1;
        Ok(())
    }

    fn fenced(&self) -> JournalError {
        JournalError::Fenced { place: self.place.clone() }
    }

    /// Starts a merge beside the writing, one at a time.
    fn merge_when_due(&mut self) {
        let idle = self.merging.as_ref().is_none_or(tokio::task::JoinHandle::is_finished);
        if self.small < SMALL || !idle {
            return;
        }
        self.small = 0;
        let catalog = Arc::clone(&self.catalog);
        let (dir, nonce) = (self.fence.dir.clone(), self.fence.nonce);
        self.merging = Some(self.env.spawn(async move {
            // What failed is tried again at the next merge; nothing is lost by not merging.
            let _ = compact::merge(&catalog, &dir, nonce).await;
        }));
    }

    async fn merged(&mut self) {
        if let Some(merging) = self.merging.take() {
            let _ = merging.await;
        }
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        self.merged().await;
        if self.fenced {
            return Err(self.fenced());
        }
        match compact::merge(&self.catalog, &self.fence.dir, self.fence.nonce).await {
            // Another process has merged the same segments: ours to see, not to do.
            Err(StoreError::NotFound { .. }) => self.catalog.refresh().await?,
            merged => merged?,
        }
        self.small = 0;
        Ok(())
    }
}
