//! Frames, openings and footers: what is written is read, and what is damaged is named.

use super::*;
use crate::journal::bytes::Short;
use proptest::prelude::*;

fn segment(bodies: &[Vec<u8>]) -> (Vec<u8>, Vec<Place>) {
    let mut bytes = unsealed(0);
    let mut places = Vec::new();
    for (n, body) in bodies.iter().enumerate() {
        let key = CallKey(*blake3::hash(&n.to_le_bytes()).as_bytes());
        let frame = frame(&key, body).unwrap_or_default();
        let (offset, len) = (bytes.len() as u32, frame.len() as u32);
        places.push(Place { key: short(&key), offset, len });
        bytes.extend_from_slice(&frame);
    }
    seal(&mut bytes, [7; 16]);
    (bytes, places)
}

fn frames(bytes: &[u8]) -> Vec<Place> {
    let frame = |item| if let Walked::Frame(place) = item { Some(place) } else { None };
    walk(bytes).into_iter().filter_map(frame).collect()
}

fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..12)
}

proptest! {
    #[test]
    fn a_segment_gives_back_its_frames(bodies in bodies(), merged: bool) {
        let (mut bytes, places) = segment(&bodies);
        if merged {
            bytes.extend_from_slice(&footer::of(&places));
            seal(&mut bytes, [7; 16]);
            let listed = |wanted: fn(&Short) -> bool| footer::find(&bytes, wanted).map(|(_, listed)| listed);
            prop_assert_eq!(listed(|_| true), Some(places.clone()));
            prop_assert_eq!(listed(|_| false), Some(Vec::new()));
        }
        prop_assert_eq!(nonce(&bytes), Some([7; 16]));
        let items: Vec<Walked> = places.into_iter().map(Walked::Frame).collect();
        prop_assert_eq!(walk(&bytes), items);
    }

    #[test]
    fn damage_costs_only_the_frames_it_touches(
        bodies in bodies(), at: prop::sample::Index, noise: Vec<u8>, cut: prop::sample::Index,
    ) {
        let (whole, places) = segment(&bodies);
        let mut bytes = whole.clone();
        let from = at.index(bytes.len());
        let upto = (from + noise.len()).min(bytes.len());
        bytes[from..upto].copy_from_slice(&noise[..upto - from]);
        bytes.truncate(cut.index(bytes.len() + 1));
        let expected: Vec<Place> = places
            .into_iter()
            .filter(|p| {
                let range = p.offset as usize..(p.offset + p.len) as usize;
                bytes.get(range.clone()) == Some(&whole[range])
            })
            .collect();
        prop_assert_eq!(frames(&bytes), expected);
        if bytes != whole {
            let damaged = walk(&bytes).iter().any(|i| matches!(i, Walked::Damage { .. }));
            prop_assert!(damaged, "changed and not named");
        }
    }

    #[test]
    fn any_bytes_are_walked(bytes: Vec<u8>, tail: Vec<u8>) {
        walk(&bytes);
        let mut marked = bytes.clone();
        marked.extend_from_slice(&MAGIC);
        marked.extend_from_slice(&tail);
        marked.extend_from_slice(b"CSe1");
        walk(&marked);
        footer::find(&marked, |_| true);
        newer(&marked);
    }
}

#[test]
fn a_later_format_is_told_from_damage() {
    let (mut bytes, _) = segment(&[vec![1; 40]]);
    assert_eq!(newer(&bytes), None);
    bytes[11] = b'2';
    assert_eq!(newer(&bytes), None, "a flipped bit, not a version");
    // A later opening may be longer.
    let mut later = Vec::from(MAGIC);
    later.extend_from_slice(&60u32.to_le_bytes());
    later.extend_from_slice(b"CSs2");
    later.resize(60, 9);
    let check: [u8; 8] = sum(&[&later]);
    later.extend_from_slice(&check);
    assert_eq!(newer(&later), Some(2));
}
