//! The second RUN of a comparison: held beside the first, refreshed like it, and what of the two differs.

use crate::archive::RunDir;
use crate::audit::gather::costs;
use crate::audit::pairing::{Pairs, pairs};
use crate::audit::{AuditError, Diff, Side, diff_of};
use crate::journal::ReadJournal;
use crate::view::snapshot::{Snapshot, changed};
use parking_lot::RwLock;
use std::sync::Arc;

/// What the first RUN is held against.
pub struct Second {
    pub run: RunDir,
    /// It was made from the first one's journal: its calls and pictures lie there.
    pub replayed: bool,
    /// What pages call it; empty: as its folder is called.
    pub name: String,
}

/// The second RUN as the viewer holds it.
pub struct Against {
    pub second: Second,
    pub journal: ReadJournal,
    snapshot: RwLock<Arc<Snapshot>>,
    /// What differs, of two states of the RUNs.
    held: RwLock<Option<(String, Arc<Held>)>>,
}

/// What of two RUNs differs.
pub struct Held {
    pub diff: Diff,
    pub pairs: Pairs,
}

impl Against {
    pub async fn open(second: Second, first: &RunDir) -> Result<Against, AuditError> {
        let of = if second.replayed { first } else { &second.run };
        let journal = of.journal().await?;
        let snapshot = Snapshot::take(&second.run, &costs(&journal).await?).await?;
        let snapshot = RwLock::new(Arc::new(snapshot));
        Ok(Against { second, journal, snapshot, held: RwLock::default() })
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().clone()
    }

    /// Reads the RUN again where its files have changed.
    pub async fn look_again(&self) -> Result<(), AuditError> {
        if changed(&self.snapshot()).await {
            self.journal.refresh().await?;
            let costs = costs(&self.journal).await?;
            let fresh = Arc::new(Snapshot::take(&self.second.run, &costs).await?);
            *self.snapshot.write() = fresh;
        }
        Ok(())
    }

    /// What differs between `first` and this one's `second`; made once for each state of the two.
    pub fn held(&self, first: &Snapshot, second: &Snapshot) -> Arc<Held> {
        let version = format!("{} {}", first.version, second.version);
        if let Some((of, held)) = self.held.read().as_ref()
            && *of == version
        {
            return held.clone();
        }
        let (a, b) = self.sides(first, second);
        let pairs = pairs(&a, &b);
        let held = Arc::new(Held { diff: diff_of(&pairs, &a, &b), pairs });
        *self.held.write() = Some((version, held.clone()));
        held
    }

    /// The two as they are compared.
    pub fn sides<'a>(&self, first: &'a Snapshot, second: &'a Snapshot) -> (Side<'a>, Side<'a>) {
        let side = |name: String, snapshot: &'a Snapshot, replayed| Side {
            name,
            shape: &snapshot.run.shape,
            index: &snapshot.index,
            replayed,
        };
        let name = first.run.short_name();
        (side(name, first, false), side(self.name(), second, self.second.replayed))
    }

    pub fn name(&self) -> String {
        match self.second.name.as_str() {
            "" => self.second.run.short_name(),
            name => name.to_owned(),
        }
    }
}
