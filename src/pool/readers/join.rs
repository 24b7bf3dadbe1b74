//! Rows in one file, their images in archives: the rows wait in a scratch file (33 bytes each in
//! memory) while the archives go by once, in their own order.

use super::tars::{Member, is_image};
use crate::pool::BadKind;
use crate::pool::draft::Draft;
use crate::pool::out::{Flow, Halt, Out};
use crate::store::{Spill, SpillRef, StoreError};
use crate::text::hash;

/// Rows that wait for their images.
pub struct Join {
    spill: Spill,
    rows: Vec<SpillRef>,
    /// (hash of the image's name, row), sorted by `seal`.
    index: Vec<(u64, u32)>,
    met: Vec<bool>,
}

impl Join {
    pub fn new(out: &mut Out) -> Result<Join, Halt> {
        let spill = Spill::new();
        let spill = spill.map_err(|e| failed(out, &e))?;
        Ok(Join { spill, rows: Vec::new(), index: Vec::new(), met: Vec::new() })
    }

    /// Adds a row that waits for the image `name`. Without images wanted, it goes on at once.
    pub fn add(&mut self, out: &mut Out, draft: Draft, name: &str) -> Flow {
        if !out.wants_images() {
            return out.row(draft);
        }
        let row = serde_json::to_vec(&(name, &draft)).unwrap_or_default();
        let at = self.spill.push(&row).map_err(|e| failed(out, &e))?;
        self.index.push((hash::text(name), self.rows.len() as u32));
        self.rows.push(at);
        Ok(())
    }

    /// All rows are in.
    pub fn seal(&mut self) {
        self.index.sort_unstable();
        self.met = vec![false; self.rows.len()];
    }

    /// A member of an archive: if it is an image, the rows that wait for `name` go on with it.
    pub fn meet(&mut self, out: &mut Out, place: &str, name: &str, member: &mut Member) -> Flow {
        if !is_image(&member.path) {
            return Ok(());
        }
        let key = hash::text(name);
        let from = self.index.partition_point(|&(k, _)| k < key);
        let waiting: Vec<u32> =
            self.index[from..].iter().take_while(|(k, _)| *k == key).map(|&(_, row)| row).collect();
        if waiting.is_empty() {
            return out.bad(place, BadKind::OrphanImage, "no row names this image", false);
        }
        let bytes = match member.bytes() {
            Ok(bytes) => bytes,
            Err((kind, why)) => return out.bad(place, kind, &why, false),
        };
        for row in waiting {
            let (wanted, mut draft) = self.row(out, row)?;
            if wanted == name && !std::mem::replace(&mut self.met[row as usize], true) {
                draft.image = Some(Ok(bytes.clone()));
                out.row(draft)?;
            }
        }
        Ok(())
    }

    /// Rows whose image never came.
    pub fn finish(self, out: &mut Out) -> Flow {
        for row in 0..self.rows.len() as u32 {
            if !self.met[row as usize] {
                let (wanted, mut draft) = self.row(out, row)?;
                draft.image = Some(Err(wanted));
                out.row(draft)?;
            }
        }
        Ok(())
    }

    fn row(&self, out: &mut Out, row: u32) -> Result<(String, Draft), Halt> {
        let bytes = self.spill.read(self.rows[row as usize]).map_err(|e| failed(out, &e))?;
        serde_json::from_slice(&bytes).map_err(|_| Halt)
    }
}

fn failed(out: &mut Out, error: &StoreError) -> Halt {
    // The scratch disk is full or gone: nothing of this source can go on.
    out.fail(error.clone().into())
}
