//! A column of whole numbers: as they are, as the steps between them, or as places in a list of those that occur, each
//! in as many bits as the largest needs once what all have in common is taken away.

use super::super::WireError;
use super::malformed;

/// How the numbers of a column are written.
const AS_THEY_ARE: u8 = 0;
const STEPS: u8 = 1;
const LISTED: u8 = 2;

/// More different numbers than this are not listed.
const MAX_LISTED: usize = 256;

/// Bytes as they are read.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// From their beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or_else(|| malformed("they end too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next number, seven bits a byte.
    pub fn varint(&mut self) -> Result<u64, WireError> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                break;
            }
            n |= part << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(malformed("a number that is too large"))
    }

    /// The next number, which counts or measures something in memory.
    pub fn length(&mut self) -> Result<usize, WireError> {
        usize::try_from(self.varint()?).map_err(|_| malformed("a number that is too large"))
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(malformed("something lies behind their end")) }
    }
}

/// Writes a number, seven bits a byte.
pub fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn bits(n: u64) -> u8 {
    (u64::BITS - n.leading_zeros()) as u8
}

/// Numbers without what they have in common: each is `least + step * n`, and all `n` fit into `width` bits.
struct Common {
    least: u64,
    step: u64,
    width: u8,
}

impl Common {
    fn of(values: &[u64]) -> Self {
        let least = values.iter().copied().min().unwrap_or(0);
        let step = values.iter().fold(0, |g, v| gcd(g, v - least));
        let most = values.iter().map(|v| v - least).max().unwrap_or(0);
        Self { least, step, width: bits(most.checked_div(step).unwrap_or(0)) }
    }

    fn put(&self, out: &mut Vec<u8>, values: &[u64]) {
        varint(out, self.least);
        out.push(self.width);
        if self.width > 0 {
            varint(out, self.step);
            let places: Vec<_> = values.iter().map(|v| (v - self.least) / self.step).collect();
            pack(out, &places, self.width);
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn pack(out: &mut Vec<u8>, values: &[u64], width: u8) {
    let (mut held, mut n) = (0_u128, 0);
    for v in values {
        held |= u128::from(*v) << n;
        n += u32::from(width);
        while n >= 8 {
            out.push(held as u8);
            held >>= 8;
            n -= 8;
        }
    }
    if n > 0 {
        out.push(held as u8);
    }
}

/// Writes a column; how long it is the reader knows.
pub fn put(out: &mut Vec<u8>, values: &[u64]) {
    if values.is_empty() {
        return;
    }
    let mut ways = vec![plain(values), steps(values)];
    ways.extend(listed(values));
    if let Some(shortest) = ways.into_iter().min_by_key(Vec::len) {
        out.extend(shortest);
    }
}

fn plain(values: &[u64]) -> Vec<u8> {
    let mut out = vec![AS_THEY_ARE];
    Common::of(values).put(&mut out, values);
    out
}

/// The sign moves to the lowest bit, so that small steps in both directions are small numbers.
fn folded(step: i64) -> u64 {
    (step << 1 ^ step >> 63) as u64
}

fn unfolded(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn steps(values: &[u64]) -> Vec<u8> {
    let mut out = vec![STEPS];
    varint(&mut out, values[0]);
    let steps: Vec<i64> = values.windows(2).map(|w| w[1].wrapping_sub(w[0]) as i64).collect();
    let least = steps.iter().copied().min().unwrap_or(0);
    varint(&mut out, folded(least));
    let over: Vec<u64> = steps.iter().map(|s| (*s as u64).wrapping_sub(least as u64)).collect();
    Common::of(&over).put(&mut out, &over);
    out
}

fn listed(values: &[u64]) -> Option<Vec<u8>> {
    let mut all = values.to_vec();
    all.sort_unstable();
    all.dedup();
    if all.len() > MAX_LISTED {
        return None;
    }
    let mut out = vec![LISTED];
    varint(&mut out, all.len() as u64);
    let mut before = 0;
    for v in &all {
        varint(&mut out, v - before);
        before = *v;
    }
    let places: Vec<_> = values.iter().map(|v| all.binary_search(v).unwrap_or(0) as u64).collect();
    pack(&mut out, &places, bits(all.len() as u64 - 1));
    Some(out)
}

fn unpack(from: &mut Reader<'_>, n: usize, width: u8) -> Result<Vec<u64>, WireError> {
    if width > 64 {
        return Err(malformed("a number of more than 64 bits"));
    }
    let bytes = from.take((n * usize::from(width)).div_ceil(8))?;
    let (mut held, mut have, mut bytes) = (0_u128, 0, bytes.iter());
    let (width, mask) = (u32::from(width), (1_u128 << width) - 1);
    let next = |_| {
        while have < width {
            held |= u128::from(bytes.next().copied().unwrap_or(0)) << have;
            have += 8;
        }
        let v = (held & mask) as u64;
        held >>= width;
        have -= width;
        v
    };
    Ok((0..n).map(next).collect())
}

fn common(from: &mut Reader<'_>, n: usize) -> Result<Vec<u64>, WireError> {
    let least = from.varint()?;
    let width = from.take(1)?[0];
    if width == 0 {
        return Ok(vec![least; n]);
    }
    let step = from.varint()?;
    let places = unpack(from, n, width)?;
    Ok(places.into_iter().map(|p| least.wrapping_add(p.wrapping_mul(step))).collect())
}

/// Reads a column of `n` numbers; the caller has seen to it that memory suffices for them.
pub fn get(from: &mut Reader<'_>, n: usize) -> Result<Vec<u64>, WireError> {
    if n == 0 {
        return Ok(Vec::new());
    }
    match from.take(1)?[0] {
        AS_THEY_ARE => common(from, n),
        STEPS => {
            let (mut at, least) = (from.varint()?, unfolded(from.varint()?));
            let mut all = vec![at];
            for over in common(from, n - 1)? {
                at = at.wrapping_add(least as u64).wrapping_add(over);
                all.push(at);
            }
            Ok(all)
        }
        LISTED => {
            let count = from.length()?;
            if count == 0 || count > MAX_LISTED {
                return Err(malformed("a list of a wrong length"));
            }
            let (mut list, mut before) = (Vec::with_capacity(count), 0_u64);
            for _ in 0..count {
                before = before.wrapping_add(from.varint()?);
                list.push(before);
            }
            let places = unpack(from, n, bits(count as u64 - 1))?;
            let found = places.into_iter().map(|p| list.get(p as usize).copied());
            found.collect::<Option<_>>().ok_or_else(|| malformed("a place behind the end of its list"))
        }
        _ => Err(malformed("a way of writing numbers that is not known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(values: &[u64]) -> usize {
        let mut out = Vec::new();
        put(&mut out, values);
        let mut from = Reader::new(&out);
        assert_eq!(get(&mut from, values.len()).unwrap(), values);
        from.end().unwrap();
        out.len()
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(values in proptest::collection::vec(any::<u64>(), 0..200), few in proptest::collection::vec(0_u64..5, 0..200), base in any::<u64>()) {
            there_and_back(&values);
            there_and_back(&few);
            there_and_back(&few.iter().map(|v| base.wrapping_add(v << 40)).collect::<Vec<_>>());
            let mut sum = base;
            there_and_back(&few.iter().map(|v| { sum = sum.wrapping_add(*v); sum }).collect::<Vec<_>>());
        }

        #[test]
        fn rubbish_is_refused_or_read_but_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..100), n in 0_usize..1_000) {
            if let Ok(all) = get(&mut Reader::new(&bytes), n) {
                prop_assert_eq!(all.len(), n);
            }
        }
    }

    #[test]
    fn a_column_costs_what_its_values_differ() {
        assert!(there_and_back(&[u64::MAX; 500]) < 16, "always the same");
        let even: Vec<u64> = (0..500).map(|n| 1 << 60 | (700 * n) << 16).collect();
        assert!(there_and_back(&even) < 32, "always one step further");
        let six: Vec<u64> = (0..500).map(|n| (n * n % 6) << 50).collect();
        assert!(there_and_back(&six) < 500 * 3 / 8 + 64, "one of six");
    }
}
