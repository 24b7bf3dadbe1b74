//! Values by groups: what is handed to another thread together.

use crate::env::ahead::Bounds;
use futures::{Stream, StreamExt};

/// `values`, in their order, by groups of at most `most.count`; a group is closed by the value that
/// brings it to `most.bytes`. Handing small values over one by one costs more than the work on them.
pub fn groups<S: Stream>(
    values: S,
    most: Bounds,
    weight: impl Fn(&S::Item) -> usize,
) -> impl Stream<Item = Vec<S::Item>> {
    let values = Box::pin(values.fuse());
    futures::stream::unfold((values, weight), move |(mut values, weight)| async move {
        let (mut group, mut bytes) = (Vec::new(), 0);
        while group.len() < most.count && bytes < most.bytes {
            let Some(value) = values.next().await else { break };
            bytes += weight(&value);
            group.push(value);
        }
        (!group.is_empty()).then_some((group, (values, weight)))
    })
}

#[cfg(test)]
mod tests {
    use super::groups;
    use crate::env::ahead::Bounds;
    use futures::{FutureExt, StreamExt};
    use proptest::prelude::*;

    fn of(values: &[usize], count: usize, bytes: usize) -> Vec<Vec<usize>> {
        let values = futures::stream::iter(values.to_vec());
        let groups = groups(values, Bounds { count, bytes }, |n| *n).collect::<Vec<_>>();
        // Every value is there already.
        groups.now_or_never().expect("nothing to wait for")
    }

    #[test]
    fn a_group_ends_by_its_count_or_its_bytes() {
        assert_eq!(
            of(&[1, 1, 1, 9, 1, 20, 1], 3, 10),
            [vec![1, 1, 1], vec![9, 1], vec![20], vec![1]]
        );
        assert_eq!(of(&[], 3, 10), Vec::<Vec<usize>>::new());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_moved(values in prop::collection::vec(0..9_usize, 0..40), count in 1..5_usize, bytes in 1..12_usize) {
            let groups = of(&values, count, bytes);
            prop_assert!(groups.iter().all(|group| !group.is_empty() && group.len() <= count));
            prop_assert_eq!(groups.concat(), values);
        }
    }
}
