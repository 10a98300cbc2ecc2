//! The nearest of many, in order.

/// Keeps the `keep` smallest, in order.
pub(crate) fn nearest<T, K: Ord>(list: &mut Vec<T>, keep: usize, mut key: impl FnMut(&T) -> K) {
    if list.len() > keep && keep > 0 {
        list.select_nth_unstable_by_key(keep - 1, &mut key);
        list.truncate(keep);
    }
    list.sort_by_key(key);
}
