//! The fuzz entries under arbitrary bytes, and under valid ones that were cut, flipped and spliced, so
//! that every `cargo test` covers what cargo-fuzz covers longer.

#[path = "../../fuzz/src/lib.rs"]
mod entries;

use entries::ENTRIES;
use proptest::prelude::*;
use std::path::Path;

/// A change to some bytes; places are taken modulo the length.
#[derive(Debug, Clone)]
enum Harm {
    Cut(usize),
    Flip(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        any::<usize>().prop_map(Harm::Cut),
        (any::<usize>(), any::<u8>()).prop_map(|(at, to)| Harm::Flip(at, to)),
        (any::<usize>(), prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, bytes)| Harm::Insert(at, bytes)),
        (any::<usize>(), 1usize..64).prop_map(|(at, n)| Harm::Remove(at, n)),
        (any::<usize>(), 1usize..600).prop_map(|(at, n)| Harm::Repeat(at, n)),
    ]
}

fn harmed(mut bytes: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
    for harm in harms {
        let place = |at: &usize| at % bytes.len().max(1);
        match harm {
            Harm::Cut(at) => bytes.truncate(place(at)),
            Harm::Flip(at, to) => {
                let at = place(at);
                bytes.get_mut(at).into_iter().for_each(|byte| *byte = *to);
            }
            Harm::Insert(at, more) => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Harm::Remove(at, n) => {
                let at = place(at);
                bytes.drain(at..(at + n).min(bytes.len()));
            }
            Harm::Repeat(at, n) => {
                let at = place(at);
                let again = bytes[at..(at + n).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}

#[test]
fn seeds_are_taken_as_they_are() {
    for (_, entry, seeds) in ENTRIES {
        seeds().iter().for_each(|bytes| entry(bytes));
    }
}

#[test]
fn each_entry_is_a_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _, _) in ENTRIES {
        assert!(folder.join(format!("fuzz_targets/{name}.rs")).is_file(), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
    assert_eq!(std::fs::read_dir(folder.join("fuzz_targets")).unwrap().count(), ENTRIES.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn arbitrary_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        ENTRIES.iter().for_each(|(_, entry, _)| entry(&bytes));
    }

    #[test]
    fn damaged_bytes_are_survived(
        pick: prop::sample::Index,
        harms in prop::collection::vec(harm(), 1..5),
    ) {
        for (_, entry, seeds) in ENTRIES {
            let seeds = seeds();
            if !seeds.is_empty() {
                entry(&harmed(pick.get(&seeds).clone(), &harms));
            }
        }
    }
}
