//! Memory that goes back to the system: what glibc's allocator has to be told for that.
//!
//! Each time glibc frees a mapped buffer it raises the size from which it maps, up to 32 MiB. So after a
//! few pictures every picture comes out of an arena, and arenas (eight a core) are hardly ever given
//! back. A fixed threshold keeps a run's peak nearer to what is in use: 220 MB instead of 530 MB in
//! `benches/run.rs memory`, and 694 MB instead of 1,169 MB for a replay of a million calls. Mapping has
//! its price in page faults: an export of large files would be two to four times as slow, so an export
//! asks for few arenas only, which costs it nothing: 32,000 trajectories in 220 MB instead of 350 MB
//! (`benches/export.rs`). What is held is bounded elsewhere.

/// To be called before there are threads, as the next. Does nothing where there is no glibc.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        tell(libc::M_MMAP_THRESHOLD, 128 << 10);
        tell(libc::M_TRIM_THRESHOLD, 1 << 20);
    }
    few_arenas();
}

/// One arena more than cores: with as many as cores, threads wait more often for each other at small allocations (5 %
/// of the CPU of a replay of one-call records, for 7 % less memory).
pub fn few_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let cores = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
        tell(libc::M_ARENA_MAX, libc::c_int::try_from(cores + 1).unwrap_or(3));
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn tell(parameter: libc::c_int, value: libc::c_int) {
    // SAFETY: `mallopt` sets a number inside the allocator and reads no memory of ours. No other
    // thread runs yet. A refused parameter is left as it was, which costs memory only.
    unsafe {
        libc::mallopt(parameter, value);
    }
}
