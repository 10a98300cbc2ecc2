//! One tree, grown best leaf first on histograms of the pinball loss' gradients.
//!
//! That gradient takes two values only, one above the prediction and one below, so a histogram counts rows and rows above,
//! both in one integer.

use std::ops::Range;

/// Leaves of a tree at the most: a child's number must fit beside the bit that tells leaves.
pub const MAX_LEAVES: usize = 127;
const LEAF: u8 = 0x80;
const BINS: usize = 256;

/// A decision: rows whose bin of `column` is at most `bin` go left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The column asked.
    pub column: u8,
    /// The last bin that goes left.
    pub bin: u8,
    /// A later node or, with the highest bit, a leaf.
    pub left: u8,
    /// The same on the other side.
    pub right: u8,
}

/// A tree. Its first node is the root; without nodes it has one leaf.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// Decisions.
    pub nodes: Vec<Node>,
    /// What each leaf adds.
    pub leaves: Vec<f32>,
}

/// How large a tree may be.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Leaves at the most.
    pub leaves: usize,
    /// Rows of a leaf at the least.
    pub least: usize,
}

/// Rows as bins, row after row.
#[derive(Clone, Copy)]
pub struct Binned<'a> {
    /// The bins.
    pub bins: &'a [u8],
    /// Columns of a row.
    pub columns: usize,
}

impl Binned<'_> {
    /// One row.
    #[must_use]
    pub fn row(&self, n: usize) -> &[u8] {
        &self.bins[n * self.columns..(n + 1) * self.columns]
    }
}

/// What a tree is grown on.
pub struct Ground<'a> {
    /// Every row.
    pub rows: Binned<'a>,
    /// Whether each row lies above its prediction.
    pub above: &'a [bool],
    /// The quantile, between 0 and 1.
    pub quantile: f64,
    /// Columns that the tree may ask.
    pub columns: &'a [usize],
}

/// For each column and bin: rows in the lower half, those of them above their prediction in the upper.
type Histogram = Vec<u64>;

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    column: usize,
    bin: u8,
}

struct Growing {
    rows: Range<usize>,
    histogram: Histogram,
    best: Option<Split>,
    /// The node it hangs on, and whether on its right.
    parent: Option<(usize, bool)>,
}

impl Ground<'_> {
    fn histogram(&self, members: &[u32]) -> Histogram {
        let mut counts = vec![0_u64; self.rows.columns * BINS];
        for member in members {
            let member = *member as usize;
            let one = 1 | (u64::from(self.above[member]) << 32);
            for (column, bin) in counts.chunks_exact_mut(BINS).zip(self.rows.row(member)) {
                column[usize::from(*bin)] += one;
            }
        }
        counts
    }

    /// By how much a leaf of these rows lets the loss fall, up to a factor.
    fn score(&self, counted: u64) -> f64 {
        let (n, above) = (rows(counted) as f64, (counted >> 32) as f64);
        let gradient = self.quantile * n - (n - above);
        gradient * gradient / (n + 1.0)
    }

    fn best(&self, counts: &Histogram, least: usize) -> Option<Split> {
        let mut best: Option<Split> = None;
        for column in self.columns.iter().copied() {
            let bins = &counts[column * BINS..(column + 1) * BINS];
            let whole: u64 = bins.iter().sum();
            let alone = self.score(whole);
            let mut left = 0;
            for (bin, counted) in bins.iter().enumerate().filter(|(_, n)| **n > 0) {
                left += counted;
                let right = whole - left;
                if rows(right) < least {
                    break;
                }
                let gain = self.score(left) + self.score(right) - alone;
                if rows(left) >= least && gain > best.map_or(1e-9, |b| b.gain) {
                    best = Some(Split { gain, column, bin: u8::try_from(bin).unwrap_or(u8::MAX) });
                }
            }
        }
        best
    }
}

fn rows(counted: u64) -> usize {
    (counted & u64::from(u32::MAX)) as usize
}

/// Grows a tree over `members`, whose order it changes, with leaves of 0; and which of them each leaf has.
#[must_use]
pub fn grow(ground: &Ground<'_>, members: &mut [u32], shape: Shape) -> (Tree, Vec<Range<usize>>) {
    let mut nodes: Vec<Node> = Vec::new();
    let histogram = ground.histogram(members);
    let best = ground.best(&histogram, shape.least);
    let mut leaves = vec![Growing { rows: 0..members.len(), histogram, best, parent: None }];
    while leaves.len() < shape.leaves.min(MAX_LEAVES) {
        let gains = leaves.iter().enumerate().filter_map(|(n, l)| l.best.map(|b| (n, b)));
        let Some((n, split)) = gains.max_by(|a, b| a.1.gain.total_cmp(&b.1.gain)) else { break };
        let rows = leaves[n].rows.clone();
        let is_left = |row: &u32| ground.rows.row(*row as usize)[split.column] <= split.bin;
        let middle = rows.start + partition(&mut members[rows.clone()], is_left);
        let node = nodes.len();
        nodes.push(Node { column: byte(split.column), bin: split.bin, left: 0, right: 0 });
        hang(&mut nodes, leaves[n].parent, byte(node));
        // Only the smaller half is counted; the other is what it leaves of the whole.
        let (left, right) = (rows.start..middle, middle..rows.end);
        let is_smaller = left.len() <= right.len();
        let smaller = ground.histogram(&members[if is_smaller { left.clone() } else { right.clone() }]);
        let mut larger = std::mem::take(&mut leaves[n].histogram);
        larger.iter_mut().zip(&smaller).for_each(|(whole, part)| *whole -= part);
        let (on_left, on_right) = if is_smaller { (smaller, larger) } else { (larger, smaller) };
        let grown = |rows, histogram, side| {
            let best = ground.best(&histogram, shape.least);
            Growing { rows, histogram, best, parent: Some((node, side)) }
        };
        leaves[n] = grown(left, on_left, false);
        leaves.push(grown(right, on_right, true));
    }
    for (n, leaf) in leaves.iter().enumerate() {
        hang(&mut nodes, leaf.parent, LEAF | byte(n));
    }
    let empty = vec![0.0; leaves.len()];
    (Tree { nodes, leaves: empty }, leaves.into_iter().map(|l| l.rows).collect())
}

fn byte(n: usize) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

fn hang(nodes: &mut [Node], parent: Option<(usize, bool)>, child: u8) {
    if let Some((parent, right)) = parent {
        let node = &mut nodes[parent];
        *(if right { &mut node.right } else { &mut node.left }) = child;
    }
}

/// Puts those that `is_left` first; returns how many they are.
fn partition(members: &mut [u32], is_left: impl Fn(&u32) -> bool) -> usize {
    let mut left = 0;
    for n in 0..members.len() {
        if is_left(&members[n]) {
            members.swap(n, left);
            left += 1;
        }
    }
    left
}

impl Tree {
    /// What the tree adds for a row of bins.
    #[must_use]
    pub fn value(&self, bins: &[u8]) -> f32 {
        let mut at = if self.nodes.is_empty() { LEAF } else { 0 };
        while at & LEAF == 0 {
            let node = self.nodes[usize::from(at)];
            at = if bins[usize::from(node.column)] <= node.bin { node.left } else { node.right };
        }
        self.leaves[usize::from(at & !LEAF)]
    }

    /// Whether every way through it ends at a leaf it has, asking only columns that are there.
    #[must_use]
    pub fn is_sound(&self, columns: usize) -> bool {
        let leads = |from: usize, to: u8| match to & LEAF {
            0 => usize::from(to) > from && usize::from(to) < self.nodes.len(),
            _ => usize::from(to & !LEAF) < self.leaves.len(),
        };
        let sound = |(n, node): (usize, &Node)| {
            usize::from(node.column) < columns && leads(n, node.left) && leads(n, node.right)
        };
        !self.leaves.is_empty() && self.nodes.iter().enumerate().all(sound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_split_that_tells_above_from_below_is_found() {
        // Column 0 says nothing; column 1 tells: up to 4 below, from 5 on above.
        let bins: Vec<u8> = (0..20_u8).flat_map(|n| [n % 3, n / 2]).collect();
        let above: Vec<bool> = (0..20).map(|n| n / 2 >= 5).collect();
        let rows = Binned { bins: &bins, columns: 2 };
        let ground = Ground { rows, above: &above, quantile: 0.5, columns: &[0, 1] };
        let mut members: Vec<u32> = (0..20).collect();
        let (mut tree, leaves) = grow(&ground, &mut members, Shape { leaves: 2, least: 2 });
        assert_eq!(tree.nodes, [Node { column: 1, bin: 4, left: LEAF, right: LEAF | 1 }]);
        assert_eq!(leaves, [0..10, 10..20]);
        assert!(members[..10].iter().all(|m| *m < 10));
        tree.leaves = vec![-1.0, 1.0];
        assert_eq!((tree.value(&[2, 4]), tree.value(&[0, 5])), (-1.0, 1.0));
        assert!(tree.is_sound(2) && !tree.is_sound(1));
        let few = grow(&ground, &mut members, Shape { leaves: 31, least: 11 });
        assert_eq!((few.0.nodes.len(), few.1.len()), (0, 1));
    }

    #[test]
    fn a_tree_that_leads_in_a_circle_or_out_of_itself_is_not_sound() {
        let tree =
            |left, right| Tree { nodes: vec![Node { column: 0, bin: 0, left, right }], leaves: vec![0.0; 2] };
        assert!(tree(LEAF, LEAF | 1).is_sound(1));
        for (left, right) in [(0, LEAF), (LEAF, LEAF | 2), (1, LEAF)] {
            assert!(!tree(left, right).is_sound(1));
        }
        assert!(!Tree::default().is_sound(1));
    }
}
