//! The journal under harm: cut, flipped and zeroed segments, kills, a full disk. Only what was hit
//! is lost, and it is named.

use crate::journal::{entry, open, segments, written};
use bytes::Bytes;
use coldstart::env::Env;
use coldstart::journal::{Journal, JournalError, ReadJournal};
use coldstart::store::{Blobs, Store, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_cut_anywhere_loses_only_what_was_cut() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = written(dir.path(), 6).await;
    open(&root).await.expect("reopened").close().await.expect("merged");
    let path = segments(dir.path()).remove(0);
    let whole = std::fs::read(&path).expect("a segment");
    // Every byte: after each frame, inside headers, bodies, opening and index.
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).expect("cut");
        let read = ReadJournal::open(&root).await.expect("opens all the same");
        let kept = read.len();
        for n in 0..6 {
            let got = read.get(&entry(n).key).await.expect("no error");
            let want = (n < kept as u64).then(|| entry(n));
            assert_eq!(got, want, "cut at {cut}: the first {kept} are whole");
        }
        // Also between two frames, where nothing broken is left behind.
        let named = read.damage().first().is_some_and(|d| d.segment.starts_with("journal/00"));
        assert!(named, "cut at {cut}: {:?}", read.damage());
    }
    std::fs::write(&path, &whole).expect("restored");
    assert_eq!(ReadJournal::open(&root).await.expect("opens").len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_is_gone_on_with_and_its_damage_stays_as_evidence() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = written(dir.path(), 10).await;
    let torn = segments(dir.path()).pop().expect("the last segment");
    let bytes = std::fs::read(&torn).expect("a segment");
    std::fs::write(&torn, &bytes[..bytes.len() - 5]).expect("torn");
    let journal = open(&root).await.expect("reopened");
    assert_eq!(journal.len(), 9);
    assert_eq!(journal.damage().len(), 1);
    assert!(torn.ends_with(&journal.damage()[0].segment), "{:?}", journal.damage());
    journal.append(entry(9)).await.expect("bought again");
    journal.append(entry(10)).await.expect("and on");
    journal.close().await.expect("closed");
    assert!(torn.exists(), "not merged, not deleted");
    let read = ReadJournal::open(&root).await.expect("read");
    assert_eq!((read.len(), read.damage().len()), (11, 1));
    assert_eq!(read.get(&entry(9).key).await, Ok(Some(entry(9))));
}

/// A frame inside a merged segment, whose footer is whole: opening does not meet the damage.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_bought_again_counts_in_place_of_what_was_damaged() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = written(dir.path(), 5).await;
    open(&root).await.expect("reopened").close().await.expect("merged");
    let path = segments(dir.path()).remove(0);
    let mut bytes = std::fs::read(&path).expect("a segment");
    bytes[44 + 72 + 20] ^= 1;
    std::fs::write(&path, &bytes).expect("the first frame's body is damaged");
    let journal = open(&root).await.expect("reopened");
    assert_eq!(journal.get(&entry(0).key).await, Ok(None));
    assert_eq!(journal.damage().len(), 1);
    journal.append(entry(0)).await.expect("bought again");
    assert_eq!(journal.get(&entry(0).key).await, Ok(Some(entry(0))));
    for _ in 0..2 {
        let journal = open(&root).await.expect("a later run");
        assert_eq!(journal.get(&entry(0).key).await, Ok(Some(entry(0))), "not a third time");
        assert_eq!((journal.len(), journal.damage().len()), (5, 1));
        journal.close().await.expect("merged, the damaged one left as evidence");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_of_a_later_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = written(dir.path(), 3).await;
    let mut later = 0x184D_2A5C_u32.to_le_bytes().to_vec();
    later.extend_from_slice(&[12, 0, 0, 0]);
    later.extend_from_slice(b"CSs2");
    let check = blake3::hash(&later);
    later.extend_from_slice(&check.as_bytes()[..8]);
    let name = "journal/0000000009.jsonl.zst";
    root.create(name, Bytes::from(later.clone())).await.expect("written by another version");
    let read = ReadJournal::open(&root).await.map(|read| read.len());
    let want = |e: &StoreError| matches!(e, StoreError::Newer { format: 2, known: 1, .. });
    assert!(read.as_ref().is_err_and(want), "{read:?}");
    let opened = open(&root).await.map(|journal| journal.len()).map_err(|e| e.to_string());
    let said = opened.expect_err("refused");
    assert!(said.contains(name) && said.contains("use that version"), "{said}");
    assert_eq!(root.get(name).await, Ok(Bytes::from(later)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_was_cut_short_is_finished_and_no_call_counts_twice() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = written(dir.path(), 10).await;
    let kept: Vec<_> = segments(dir.path())
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).expect("a segment")))
        .collect();
    open(&root).await.expect("reopened").close().await.expect("merged");
    // As if the process had died after writing the merged segment, before deleting the others.
    for (path, bytes) in &kept {
        std::fs::write(path, bytes).expect("written back");
    }
    let read = ReadJournal::open(&root).await.expect("read");
    let (mut once, mut twice) = (0, 0);
    read.scan(&mut |_, again| if again { twice += 1 } else { once += 1 }).await.expect("scanned");
    assert_eq!((read.len(), once, twice), (10, 10, 0));
    open(&root).await.expect("reopened");
    assert_eq!(segments(dir.path()).len(), 1, "the rest is deleted when a writer opens");
    // A damaged merged segment does not hide those it was made of.
    let merged = segments(dir.path()).remove(0);
    for (path, bytes) in &kept {
        std::fs::write(path, bytes).expect("written back");
    }
    let whole = std::fs::read(&merged).expect("a segment");
    std::fs::write(&merged, &whole[..whole.len() / 2]).expect("cut");
    let read = ReadJournal::open(&root).await.expect("read");
    assert_eq!(read.len(), 10);
    for n in 0..10 {
        assert_eq!(read.get(&entry(n).key).await, Ok(Some(entry(n))));
    }
}

/// Unmounts when dropped.
struct Mounted(tempfile::TempDir);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_journal_cleanly_and_room_lets_it_go_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(dir.path())
        .output();
    if !mount.is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: a small file system can be mounted by root only");
        return;
    }
    let disk = Mounted(dir);
    let root = Store::open(disk.0.path().to_str().expect("a UTF-8 path")).expect("a directory");
    let filler = disk.0.path().join("filler");
    std::fs::write(&filler, vec![1; 128 << 10]).expect("written");
    let journal = open(&root).await.expect("a journal");
    let mut kept = 0;
    let stopped = loop {
        match journal.append(entry(kept)).await {
            Ok(()) => kept += 1,
            Err(stopped) => break stopped,
        }
    };
    assert!(matches!(stopped, JournalError::Store(StoreError::Full { .. })), "{stopped:?}");
    let blob = Blobs::new(root.clone(), 0).put(Bytes::from(vec![1; 64 << 10])).await;
    assert!(matches!(blob, Err(StoreError::Full { .. })), "{blob:?}");
    std::fs::remove_file(filler).expect("room is made");
    journal.append(entry(kept)).await.expect("the same journal goes on");
    drop(journal);
    let journal = open(&root).await.expect("a later run goes on");
    assert_eq!((journal.len() as u64, journal.damage()), (kept + 1, vec![]));
    journal.append(entry(kept + 1)).await.expect("appended");
    for n in 0..kept + 2 {
        assert_eq!(journal.get(&entry(n).key).await, Ok(Some(entry(n))), "entry {n}");
    }
}

/// The parent runs this test again as a child that appends until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    const DIR: &str = "COLDSTART_TEST_KILLED_DIR";
    if let Ok(dir) = std::env::var(DIR) {
        append_for_ever(&dir).await;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let mut acknowledged = BTreeSet::new();
    let mut rng = coldstart::env::Rng::keyed(7, &["kills"]);
    for _ in 0..6 {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "journal_damage::killed_at_any_moment_nothing_acknowledged_is_lost"])
            .arg("--nocapture")
            .env(DIR, dir.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a child");
        let lines = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
        let kill_after = 1 + rng.below(600);
        let mut seen = 0;
        for line in std::io::BufRead::lines(lines).map_while(Result::ok) {
            // Lines of the test harness are no numbers.
            let Ok(n) = line.parse::<u64>() else { continue };
            acknowledged.insert(n);
            seen += 1;
            if seen == kill_after {
                child.kill().expect("killed");
            }
        }
        child.wait().expect("ended");
    }
    let root = Store::open(dir.path().to_str().expect("a UTF-8 path")).expect("a directory");
    let read = ReadJournal::open(&root).await.expect("read");
    for n in &acknowledged {
        assert_eq!(read.get(&entry(*n).key).await, Ok(Some(entry(*n))), "entry {n}");
    }
    assert!(acknowledged.len() >= 6);
    assert_eq!(read.damage(), []);
}

/// Prints the number of each entry once it is durable.
async fn append_for_ever(dir: &str) -> ! {
    use std::io::Write;
    let env = Env::real();
    let root = Store::open(dir).expect("a directory");
    let journal = Journal::open(env.clone(), &root, "journal", Duration::ZERO).await;
    let journal = Arc::new(journal.expect("a journal"));
    let start = journal.len() as u64 * 1000;
    let task = |task| {
        let journal = Arc::clone(&journal);
        env.spawn(async move {
            for n in 0.. {
                let n = start + task + n * 8;
                journal.append(entry(n)).await.expect("appended");
                let mut out = std::io::stdout().lock();
                writeln!(out, "{n}").expect("printed");
                out.flush().expect("printed");
            }
        })
    };
    futures::future::join_all((0..8).map(task).collect::<Vec<_>>()).await;
    unreachable!("killed before")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_or_zeroed_part_loses_one_frame_and_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = written(dir.path(), 5).await;
    open(&root).await.expect("reopened").close().await.expect("merged");
    let path = segments(dir.path()).remove(0);
    let whole = std::fs::read(&path).expect("a segment");
    for at in (44..whole.len()).step_by(7) {
        for zero in [false, true] {
            let mut bytes = whole.clone();
            match zero {
                true => bytes[at..(at + 40).min(whole.len())].fill(0),
                false => bytes[at] ^= 0x10,
            }
            std::fs::write(&path, &bytes).expect("damaged");
            let read = ReadJournal::open(&root).await.expect("opens all the same");
            let mut whole_ones = BTreeSet::new();
            read.scan(&mut |found, _| {
                assert!((0..5).any(|n| entry(n) == found), "never a wrong entry");
                whole_ones.insert(found.key);
            })
            .await
            .expect("scanned");
            assert!(whole_ones.len() >= if zero { 3 } else { 4 }, "at {at}");
            if whole_ones.len() < 5 {
                assert!(!read.damage().is_empty(), "at {at}: lost and not named");
            }
            let mut got = 0;
            for n in 0..5 {
                got += usize::from(read.get(&entry(n).key).await.expect("no error").is_some());
            }
            assert!(got >= whole_ones.len(), "at {at}: {got} of {whole_ones:?}");
        }
    }
}
