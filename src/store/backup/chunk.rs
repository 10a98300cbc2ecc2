//! How rows become chunks: framed one behind the other, cut where the content says so. A row that comes or goes moves
//! the cuts around it and no others, so the next backup finds all other chunks kept already.

use super::super::Area;

/// No chunk but the last is smaller.
pub(super) const MIN: usize = 64 << 10;
/// About this size.
pub(super) const TARGET: usize = 256 << 10;
/// A chunk is closed before a row would take it beyond this; only a row that is larger by itself does.
pub(super) const MAX: usize = 1 << 20;
/// No chunk is larger than this: [`MAX`], or the largest row there is.
pub(super) const MAX_PLAIN: usize = 2 << 20;

/// Gathers rows and cuts them into chunks.
#[derive(Default)]
pub(super) struct Cutter {
    open: Vec<u8>,
}

impl Cutter {
    /// Adds a row; calls `full` with each chunk that is complete by it.
    pub(super) fn add<E>(
        &mut self,
        area: Area,
        k: &[u8],
        v: &[u8],
        mut full: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let size = k.len() + v.len() + 9;
        if !self.open.is_empty() && self.open.len() + size > MAX {
            full(&std::mem::take(&mut self.open))?;
        }
        self.open.push(letter(area));
        self.open.extend(len(k));
        self.open.extend(len(v));
        self.open.extend_from_slice(k);
        self.open.extend_from_slice(v);
        if self.open.len() >= MIN && ends_here(k, size) {
            full(&std::mem::take(&mut self.open))?;
        }
        Ok(())
    }

    /// The last chunk, if anything is left.
    pub(super) fn rest(self) -> Option<Vec<u8>> {
        (!self.open.is_empty()).then_some(self.open)
    }
}

/// Whether a chunk ends behind the row at `k`: so likely that the bytes between two ends average the target.
fn ends_here(k: &[u8], size: usize) -> bool {
    let h = blake3::hash(k);
    let draw = u32::from_le_bytes([h.as_bytes()[0], h.as_bytes()[1], h.as_bytes()[2], h.as_bytes()[3]]);
    u128::from(draw) * ((TARGET - MIN) as u128) < (size as u128) << 32
}

fn len(b: &[u8]) -> [u8; 4] {
    u32::try_from(b.len()).unwrap_or(u32::MAX).to_be_bytes()
}

fn letter(area: Area) -> u8 {
    match area {
        Area::Records => b'r',
        Area::Index => b'i',
        Area::Log => b'l',
        Area::Heads => b'h',
    }
}

/// The rows of a chunk; none when it is not made of rows.
pub(super) fn rows(chunk: &[u8]) -> Option<Vec<(Area, Vec<u8>, Vec<u8>)>> {
    let mut rest = chunk;
    let mut out = Vec::new();
    while let Some((&area, tail)) = rest.split_first() {
        let area = match area {
            b'r' => Area::Records,
            b'l' => Area::Log,
            b'h' => Area::Heads,
            _ => return None,
        };
        let (k, tail) = tail.split_first_chunk::<4>()?;
        let (v, tail) = tail.split_first_chunk::<4>()?;
        let (k, tail) = tail.split_at_checked(u32::from_be_bytes(*k) as usize)?;
        let (v, tail) = tail.split_at_checked(u32::from_be_bytes(*v) as usize)?;
        out.push((area, k.to_vec(), v.to_vec()));
        rest = tail;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(n: impl Iterator<Item = u32>) -> Vec<Vec<u8>> {
        let (mut cutter, mut chunks) = (Cutter::default(), Vec::new());
        for i in n {
            let done: Result<(), ()> = cutter.add(Area::Records, &i.to_be_bytes(), &[i as u8; 400], |c| {
                chunks.push(c.to_vec());
                Ok(())
            });
            done.unwrap();
        }
        chunks.extend(cutter.rest());
        chunks
    }

    #[test]
    fn one_more_row_changes_one_chunk_or_two() {
        let before = cut((0..20_000).filter(|i| *i != 7_777));
        let after = cut(0..20_000);
        assert!(
            before.len() > 15 && before[..before.len() - 1].iter().all(|c| c.len() >= MIN && c.len() <= MAX)
        );
        assert!(after.iter().filter(|c| !before.contains(c)).count() <= 2);
        assert_eq!(after.iter().flat_map(|c| rows(c).unwrap()).count(), 20_000);
    }

    #[test]
    fn a_row_of_the_greatest_size_is_a_chunk_that_can_be_read() {
        let (mut cutter, body) = (Cutter::default(), vec![1; crate::store::MAX_BODY + 32 * 1024]);
        cutter.add(Area::Log, b"k", b"v", |_| Err("too early")).unwrap();
        let mut seen = Vec::new();
        let add = |c: &[u8]| -> Result<(), ()> {
            seen.push(c.len());
            Ok(())
        };
        cutter.add(Area::Records, b"large", &body, add).unwrap();
        seen.extend(cutter.rest().map(|c| c.len()));
        assert!(seen.len() == 2 && seen.iter().all(|n| *n <= MAX_PLAIN));
    }

    #[test]
    fn bytes_that_are_no_rows_are_not_taken_for_some() {
        assert!(rows(b"x").is_none() && rows(b"r\0\0\0\x05\0\0\0\0ab").is_none());
    }
}
