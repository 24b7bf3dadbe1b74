//! The one recipe that every trainer's configuration states: what the paper says of supervised
//! fine-tuning, and, where it says nothing, one choice for all.
//!
//! Global batch 256, learning rate 1e-5, 3 epochs, AdamW (paper, section 4.1); ours: cosine with 3 % of
//! warm-up, vision tower and projector frozen, ZeRO-3 (verl: FSDP, its like), bf16, and an evaluation a
//! epoch where a validation split was written. verl 0.9.1 has no option to freeze a part of the model,
//! and its file says so.

/// What makes a step of training.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// Rows of a step, over all GPUs.
    rows: u32,
    /// Rows of a forward pass on one GPU.
    per_device: u32,
}

/// Supervised fine-tuning (paper).
pub const SFT: Batch = Batch { rows: 256, per_device: 2 };
/// Reinforcement: 240 prompts (paper) of 8 rollouts, a group on one GPU.
pub const ROLLOUTS: Batch = Batch { rows: 240 * 8, per_device: 8 };
/// Preference pairs (ours).
pub const PAIRS: Batch = Batch { rows: 64, per_device: 1 };

impl Batch {
    /// Steps of accumulation by which `gpus` come nearest to the batch. The start scripts compute the
    /// same from `GPUS`.
    pub fn accumulation(self, gpus: u32) -> u32 {
        let once = self.per_device * gpus.max(1);
        ((self.rows + once / 2) / once).max(1)
    }

    /// The slots of the configurations.
    pub fn slots(self, gpus: u32) -> [(&'static str, String); 3] {
        let accumulation = self.accumulation(gpus);
        let batch = gpus.max(1) * self.per_device * accumulation;
        [
            ("gpus", gpus.max(1).to_string()),
            ("accumulation", accumulation.to_string()),
            ("batch", batch.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_is_kept_whatever_the_number_of_gpus() {
        for (gpus, steps) in [(1, 128), (2, 64), (4, 32), (8, 16), (16, 8), (32, 4), (128, 1)] {
            assert_eq!(SFT.accumulation(gpus), steps, "{gpus} GPUs");
        }
        for gpus in [3, 5, 6, 7, 12, 24] {
            let batch = gpus * SFT.per_device * SFT.accumulation(gpus);
            assert!(batch.abs_diff(SFT.rows) <= gpus, "{gpus} GPUs: {batch}");
        }
        assert_eq!(SFT.accumulation(500), 1);
    }
}
