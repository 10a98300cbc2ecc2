//! Many changes in few bytes: what the changes of a batch have in common is said once, and their fields travel as columns,
//! each in as few bits as its values need. What comes out at the other end are the same bytes, one by one: that is what
//! makes their hash an identity, so whatever would not come out so is sent as it is.
//!
//! ```text
//! rows  shapes  [length, bytes]*  shape of each row  [column]*
//! ```
//!
//! A *shape* is a change without its values; each of its open places belongs to the column of all places with the same
//! path of keys. Columns follow in the order in which the shapes, read one after another, first name them, so nothing else has to
//! be said of them. `shape` takes changes apart, `numbers` and `texts` are the two kinds of column.

mod numbers;
mod shape;
#[cfg(test)]
mod tests;
mod texts;

use serde_bytes::ByteBuf;

use super::{MAX_BLOB, MAX_CHANGES, MAX_PLAIN, WireError};
use numbers::Reader;
use shape::{Class, Layout, Place, Value};

/// The form of columns that this release writes and reads, as headquarters announces it.
pub const FORM: u8 = 1;

/// Values in the columns of one batch at the most: what comes out of a few bytes stays within memory.
pub const MAX_VALUES: usize = 1 << 19;

pub(super) fn malformed(what: &str) -> WireError {
    WireError::Malformed(format!("columns: {what}"))
}

/// The changes as columns; none where that form doesn't fit them.
#[must_use]
pub fn encode(changes: &[ByteBuf]) -> Option<Vec<u8>> {
    if changes.is_empty() || changes.len() > MAX_CHANGES {
        return None;
    }
    let (mut shapes, mut rows, mut values) = (Vec::<Vec<u8>>::new(), Vec::new(), Vec::new());
    for change in changes {
        let (shape, theirs) = shape::taken_apart(change);
        let at = shapes.iter().position(|s| *s == shape).unwrap_or_else(|| {
            shapes.push(shape);
            shapes.len() - 1
        });
        rows.push(at as u64);
        values.push(theirs);
    }
    if values.iter().map(Vec::len).sum::<usize>() > MAX_VALUES {
        return None;
    }
    let layout = Layout::of(&shapes).ok()?;
    let mut columns: Vec<Vec<Value<'_>>> = layout.classes.iter().map(|_| Vec::new()).collect();
    for (row, theirs) in rows.iter().zip(values) {
        for (column, value) in layout.columns_of(*row as usize).zip(theirs) {
            columns[column].push(value);
        }
    }
    let mut out = Vec::new();
    numbers::varint(&mut out, changes.len() as u64);
    numbers::varint(&mut out, shapes.len() as u64);
    for shape in &shapes {
        numbers::varint(&mut out, shape.len() as u64);
        out.extend_from_slice(shape);
    }
    numbers::put(&mut out, &rows);
    for (class, column) in layout.classes.iter().zip(&columns) {
        put(&mut out, *class, column);
    }
    // A change that would come out otherwise would be another change.
    decode(&out).is_ok_and(|same| same == changes).then_some(out)
}

fn put(out: &mut Vec<u8>, class: Class, column: &[Value<'_>]) {
    match class {
        Class::Unsigned | Class::Negative | Class::Single | Class::Double => {
            numbers::put(out, &column.iter().map(Value::number).collect::<Vec<_>>());
        }
        Class::Text | Class::Whole => texts::put(out, &column.iter().map(Value::bytes).collect::<Vec<_>>()),
        // The parts of an id that carries its time, or of anything else that long.
        Class::Binary(16) => {
            for (from, to) in ID_PARTS {
                let part =
                    |v: &Value<'_>| v.bytes()[from..to].iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
                numbers::put(out, &column.iter().map(part).collect::<Vec<_>>());
            }
        }
        Class::Binary(_) => column.iter().for_each(|v| out.extend_from_slice(v.bytes())),
    }
}

/// Milliseconds, version and the first random bits, the rest.
const ID_PARTS: [(usize, usize); 3] = [(0, 6), (6, 8), (8, 16)];

/// A column as it was read.
enum Column {
    Numbers(Vec<u64>),
    Bytes(Vec<Vec<u8>>),
}

/// The changes in `bytes`, byte for byte as they were.
///
/// # Errors
/// When they are no columns, or more than a batch may be.
pub fn decode(bytes: &[u8]) -> Result<Vec<ByteBuf>, WireError> {
    let mut from = Reader::new(bytes);
    let n = from.length()?;
    if n > MAX_CHANGES {
        return Err(malformed("more changes than one push may hold"));
    }
    let shapes = from.length()?;
    if shapes > n {
        return Err(malformed("more shapes than changes"));
    }
    let shapes: Vec<Vec<u8>> = (0..shapes)
        .map(|_| {
            let length = from.length()?;
            Ok(from.take(length)?.to_vec())
        })
        .collect::<Result<_, WireError>>()?;
    let layout = Layout::of(&shapes)?;
    let rows = numbers::get(&mut from, n)?;
    let mut counts = vec![0_usize; layout.classes.len()];
    let mut values = 0_usize;
    for row in &rows {
        let row = usize::try_from(*row).ok().filter(|r| *r < shapes.len());
        for column in layout.columns_of(row.ok_or_else(|| malformed("a shape that isn't there"))?) {
            counts[column] += 1;
            values += 1;
            if values > MAX_VALUES {
                return Err(malformed("more values than one push may hold"));
            }
        }
    }
    let mut left = MAX_PLAIN;
    let columns = layout.classes.iter().zip(counts).map(|(class, n)| get(&mut from, *class, n, &mut left));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    from.end()?;
    let (mut next, mut all, mut left) = (vec![0_usize; columns.len()], Vec::with_capacity(n), MAX_PLAIN);
    for row in rows {
        let change = written(&layout, row as usize, &columns, &mut next)?;
        left = left.checked_sub(change.len()).ok_or(WireError::TooBig { limit: MAX_PLAIN })?;
        all.push(ByteBuf::from(change));
    }
    Ok(all)
}

fn get(from: &mut Reader<'_>, class: Class, n: usize, left: &mut usize) -> Result<Column, WireError> {
    Ok(match class {
        Class::Unsigned | Class::Negative | Class::Single | Class::Double => {
            Column::Numbers(numbers::get(from, n)?)
        }
        Class::Text | Class::Whole => Column::Bytes(texts::get(from, n, left)?),
        Class::Binary(16) => {
            let mut all = vec![Vec::with_capacity(16); n];
            for (begin, end) in ID_PARTS {
                for (value, part) in all.iter_mut().zip(numbers::get(from, n)?) {
                    value.extend_from_slice(&part.to_be_bytes()[8 - (end - begin)..]);
                }
            }
            Column::Bytes(all)
        }
        Class::Binary(length) => {
            let length = usize::from(length);
            Column::Bytes((0..n).map(|_| from.take(length).map(<[u8]>::to_vec)).collect::<Result<_, _>>()?)
        }
    })
}

/// One change, its values taken from the columns.
fn written(
    layout: &Layout,
    row: usize,
    columns: &[Column],
    next: &mut [usize],
) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::with_capacity(256);
    for place in &layout.shapes[row] {
        match place {
            Place::Fixed(bytes) => out.extend_from_slice(bytes),
            Place::Open(column) => {
                let at = next[*column];
                next[*column] += 1;
                let lacking = || malformed("a column that is too short");
                match &columns[*column] {
                    Column::Numbers(all) => {
                        let n = *all.get(at).ok_or_else(lacking)?;
                        shape::write_number(&mut out, layout.classes[*column], n)?;
                    }
                    Column::Bytes(all) => {
                        let bytes = all.get(at).ok_or_else(lacking)?;
                        shape::write_bytes(&mut out, layout.classes[*column], bytes);
                    }
                }
            }
        }
        if out.len() > MAX_BLOB {
            return Err(malformed("a change that is larger than one may be"));
        }
    }
    Ok(out)
}
