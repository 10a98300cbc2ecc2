//! Numbers as bins, at most 255 of a column, so that a histogram is small and a row of bins is one cache line.

use serde::{Deserialize, Serialize};

/// Edges of a column at the most: with one bin more than edges, and bin 0 for what is missing, a bin fits a byte.
pub const MAX_EDGES: usize = 253;

/// The edges of the bins of each column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    /// Rising, for each column: a value belongs to the first bin whose upper edge it does not exceed.
    edges: Vec<Vec<f32>>,
}

impl Bins {
    /// Bins for the `columns` columns of `rows` (row after row), each holding about as many rows as the others.
    #[must_use]
    pub fn fit(rows: &[f32], columns: usize) -> Self {
        let column = |c: usize| rows.iter().skip(c).step_by(columns.max(1)).copied();
        Self { edges: (0..columns).map(|c| edges(column(c))).collect() }
    }

    /// How many columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.edges.len()
    }

    /// Puts the bins of `row` into `out`: 0 for what is missing (not a number).
    pub fn row(&self, row: &[f32], out: &mut [u8]) {
        for ((edges, value), bin) in self.edges.iter().zip(row).zip(out) {
            *bin = if value.is_nan() {
                0
            } else {
                let below = edges.partition_point(|edge| edge < value);
                u8::try_from(below + 1).unwrap_or(u8::MAX)
            };
        }
    }
}

/// Edges half way between neighbouring values.
fn edges(values: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut values: Vec<f32> = values.filter(|v| v.is_finite()).collect();
    values.sort_unstable_by(f32::total_cmp);
    let mut distinct = values.clone();
    distinct.dedup();
    let between = |a: f32, b: f32| a + (b - a) / 2.0;
    if distinct.len() <= MAX_EDGES {
        return distinct.windows(2).map(|w| between(w[0], w[1])).collect();
    }
    let mut edges: Vec<f32> = Vec::with_capacity(MAX_EDGES);
    for n in 1..=MAX_EDGES {
        let at = values[n * (values.len() - 1) / (MAX_EDGES + 1)];
        let above = distinct.partition_point(|v| *v <= at);
        let Some(above) = distinct.get(above) else { break };
        let edge = between(at, *above);
        if edges.last().is_none_or(|last| *last < edge) {
            edges.push(edge);
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_get_a_bin_each_and_what_is_missing_its_own() {
        let bins = Bins::fit(&[3.0, f32::NAN, 1.0, f32::NAN, 2.0, 5.0], 2);
        let of = |row: [f32; 2]| {
            let mut out = [9; 2];
            bins.row(&row, &mut out);
            out
        };
        assert_eq!([of([1.0, 5.0]), of([2.0, 0.0]), of([3.0, 9.0])], [[1, 1], [2, 1], [3, 1]]);
        assert_eq!([of([f32::NAN, f32::NAN]), of([-9.0, 1.0]), of([99.0, 1.0])], [[0, 0], [1, 1], [3, 1]]);
    }

    #[test]
    fn many_values_share_bins_evenly_and_the_last_fits_a_byte() {
        let values: Vec<f32> = (0..10_000).map(|n| n as f32).collect();
        let bins = Bins::fit(&values, 1);
        let mut counts = [0_usize; 256];
        for v in &values {
            let mut bin = [0];
            bins.row(&[*v], &mut bin);
            counts[usize::from(bin[0])] += 1;
        }
        assert_eq!((counts[0], counts[255]), (0, 0));
        assert!(counts[1..=254].iter().all(|n| (20..=60).contains(n)), "{counts:?}");
    }
}
