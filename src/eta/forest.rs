//! Boosted trees for one quantile: each tree is grown on what the trees before it get wrong, and each of its leaves moves
//! to the quantile of the residuals in it.

use serde::{Deserialize, Serialize};

use super::tree::{Binned, Ground, Node, Shape, Tree, grow};

/// How a forest is grown.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Trees.
    pub trees: usize,
    /// The share of a leaf's residual that its tree takes away.
    pub rate: f32,
    /// The share of the rows that each tree sees.
    pub rows: f32,
    /// The share of the columns that each tree may ask.
    pub columns: f32,
    /// How large a tree may be.
    pub shape: Shape,
}

/// Trees for one quantile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Packed", into = "Packed")]
pub struct Forest {
    base: f32,
    trees: Vec<Tree>,
}

/// Chance that can be repeated: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (((z >> 32) * n as u64) >> 32) as usize
    }

    /// Puts `take` chosen by chance to the front.
    pub fn shuffle<T>(&mut self, items: &mut [T], take: usize) {
        for n in 0..take.min(items.len()) {
            let other = n + self.below(items.len() - n);
            items.swap(n, other);
        }
    }
}

/// The value below which a share `q` of `values` lies, between neighbours in proportion; changes their order. 0 of none.
pub fn quantile(values: &mut [f32], q: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let at = q.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let (_, low, above) = values.select_nth_unstable_by(at as usize, f32::total_cmp);
    let low = *low;
    let next = above.iter().copied().min_by(f32::total_cmp).unwrap_or(low);
    low + (next - low) * at.fract() as f32
}

impl Forest {
    /// A forest for the quantile `q` of `targets`, one for each row.
    #[must_use]
    pub fn fit(rows: Binned<'_>, targets: &[f32], q: f64, growth: &Growth, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let base = quantile(&mut targets.to_vec(), q);
        let mut predicted = vec![base; targets.len()];
        let mut above = vec![false; targets.len()];
        let mut order: Vec<u32> = (0..u32::try_from(targets.len()).unwrap_or(u32::MAX)).collect();
        let mut columns: Vec<usize> = (0..rows.columns).collect();
        let share = |n: usize, of: f32| ((n as f32 * of).ceil() as usize).min(n);
        let (seen, asked) = (share(order.len(), growth.rows), share(columns.len(), growth.columns));
        let (mut trees, mut residuals) = (Vec::with_capacity(growth.trees), Vec::new());
        for _ in 0..growth.trees {
            for (above, (target, predicted)) in above.iter_mut().zip(targets.iter().zip(&predicted)) {
                *above = target > predicted;
            }
            dice.shuffle(&mut order, seen);
            dice.shuffle(&mut columns, asked);
            let ground = Ground { rows, above: &above, quantile: q, columns: &columns[..asked] };
            let (mut tree, members) = grow(&ground, &mut order[..seen], growth.shape);
            for (leaf, members) in tree.leaves.iter_mut().zip(members) {
                residuals.clear();
                let residual = |row: &u32| targets[*row as usize] - predicted[*row as usize];
                residuals.extend(order[members].iter().map(residual));
                *leaf = growth.rate * quantile(&mut residuals, q);
            }
            for (row, predicted) in predicted.iter_mut().enumerate() {
                *predicted += tree.value(rows.row(row));
            }
            trees.push(tree);
        }
        Self { base, trees }
    }

    /// What it says of a row of bins.
    #[must_use]
    pub fn value(&self, bins: &[u8]) -> f32 {
        self.base + self.trees.iter().map(|t| t.value(bins)).sum::<f32>()
    }

    /// Whether it can be asked about rows of so many columns.
    #[must_use]
    pub fn is_sound(&self, columns: usize) -> bool {
        self.trees.iter().all(|t| t.is_sound(columns))
    }
}

/// A forest as it is kept: four bytes a decision and four a leaf.
#[derive(Serialize, Deserialize)]
struct Packed {
    base: f32,
    /// Decisions of each tree; it has one leaf more.
    sizes: serde_bytes::ByteBuf,
    nodes: serde_bytes::ByteBuf,
    leaves: serde_bytes::ByteBuf,
}

impl From<Forest> for Packed {
    fn from(Forest { base, trees }: Forest) -> Self {
        let sizes = trees.iter().map(|t| u8::try_from(t.nodes.len()).unwrap_or(u8::MAX)).collect::<Vec<_>>();
        let nodes = trees.iter().flat_map(|t| &t.nodes).flat_map(|n| [n.column, n.bin, n.left, n.right]);
        let leaves = trees.iter().flat_map(|t| &t.leaves).flat_map(|leaf| leaf.to_le_bytes());
        let (nodes, leaves) = (nodes.collect::<Vec<_>>(), leaves.collect::<Vec<_>>());
        Self { base, sizes: sizes.into(), nodes: nodes.into(), leaves: leaves.into() }
    }
}

impl TryFrom<Packed> for Forest {
    type Error = &'static str;
    fn try_from(packed: Packed) -> Result<Self, Self::Error> {
        let mut nodes =
            packed.nodes.chunks_exact(4).map(|n| Node { column: n[0], bin: n[1], left: n[2], right: n[3] });
        let mut leaves = packed.leaves.chunks_exact(4).map(|l| f32::from_le_bytes([l[0], l[1], l[2], l[3]]));
        let mut trees = Vec::with_capacity(packed.sizes.len());
        for size in packed.sizes.iter().map(|s| usize::from(*s)) {
            let tree = Tree {
                nodes: nodes.by_ref().take(size).collect(),
                leaves: leaves.by_ref().take(size + 1).collect(),
            };
            if tree.leaves.len() != size + 1 || !tree.is_sound(usize::from(u8::MAX) + 1) {
                return Err("the trees are cut off or lead nowhere");
            }
            trees.push(tree);
        }
        Ok(Self { base: packed.base, trees })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_between_its_neighbours() {
        let of = |q| quantile(&mut [4.0, 1.0, 3.0, 2.0, 5.0], q);
        assert_eq!([of(0.0), of(0.5), of(0.9), of(1.0)], [1.0, 3.0, 4.6, 5.0]);
        assert_eq!(quantile(&mut [], 0.5), 0.0);
    }

    #[test]
    fn a_forest_learns_a_step_and_is_the_same_for_the_same_seed_and_after_packing() {
        let bins: Vec<u8> = (0..=199).collect();
        let targets: Vec<f32> = (0..200).map(|n| if n < 100 { 10.0 } else { 50.0 }).collect();
        let growth =
            Growth { trees: 60, rate: 0.1, rows: 0.8, columns: 1.0, shape: Shape { leaves: 4, least: 10 } };
        let rows = Binned { bins: &bins, columns: 1 };
        let forest = Forest::fit(rows, &targets, 0.5, &growth, 7);
        assert!((forest.value(&[10]) - 10.0).abs() < 1.0 && (forest.value(&[190]) - 50.0).abs() < 1.0);
        assert_eq!(forest, Forest::fit(rows, &targets, 0.5, &growth, 7));
        assert_ne!(forest, Forest::fit(rows, &targets, 0.5, &growth, 8));
        let packed = Packed::from(forest.clone());
        assert_eq!(Forest::try_from(packed), Ok(forest.clone()));
        let mut cut = Packed::from(forest);
        cut.leaves.truncate(8);
        assert!(Forest::try_from(cut).is_err());
    }
}
