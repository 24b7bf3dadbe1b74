//! The one recipe that every trainer's configuration states: what the paper says of supervised
//! fine-tuning, and, where it says nothing, one choice for all.
//!
//! Global batch 256, learning rate 1e-5, 3 epochs, AdamW (paper, section 4.1); ours: cosine with 3 % of
//! warm-up, vision tower and projector frozen, ZeRO-3 (verl: FSDP, its like), bf16, and an evaluation a
//! epoch where a validation split was written. verl 0.9.1 has no option to freeze a part of the model,
//! and its file says so.

/// Rows of a step, over all GPUs (paper).
pub const BATCH: u32 = 256;
/// Rows of a forward pass on one GPU.
pub const PER_DEVICE: u32 = 2;

/// Steps of accumulation by which `gpus` come nearest to `BATCH`. The start scripts compute the same from
/// `GPUS`.
pub fn accumulation(gpus: u32) -> u32 {
    let gpus = gpus.max(1);
    ((BATCH + gpus) / (PER_DEVICE * gpus)).max(1)
}

/// The slots of the configurations.
pub fn slots(gpus: u32) -> [(&'static str, String); 3] {
    let accumulation = accumulation(gpus);
    let batch = gpus.max(1) * PER_DEVICE * accumulation;
    [
        ("gpus", gpus.max(1).to_string()),
        ("accumulation", accumulation.to_string()),
        ("batch", batch.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_is_kept_whatever_the_number_of_gpus() {
        for (gpus, steps) in [(1, 128), (2, 64), (4, 32), (8, 16), (16, 8), (32, 4), (128, 1)] {
            assert_eq!(accumulation(gpus), steps, "{gpus} GPUs");
        }
        for gpus in [3, 5, 6, 7, 12, 24] {
            let batch = gpus * PER_DEVICE * accumulation(gpus);
            assert!(batch.abs_diff(BATCH) <= gpus, "{gpus} GPUs: {batch}");
        }
        assert_eq!(accumulation(500), 1);
    }
}
