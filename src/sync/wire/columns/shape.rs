//! A change without its values, and how many of them are laid out in columns.

use std::collections::BTreeMap;

use super::super::{MAX_DEPTH, WireError};
use super::malformed;

// Open places of a shape, named by the widest marker of their kind.
const UNSIGNED: u8 = 0xcf;
const NEGATIVE: u8 = 0xd3;
const SINGLE: u8 = 0xca;
const DOUBLE: u8 = 0xcb;
const TEXT: u8 = 0xdb;
const BINARY: u8 = 0xc4;

/// What kind of value belongs into a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A whole number from 0 on.
    Unsigned,
    /// A whole number below 0, as its distance from -1.
    Negative,
    /// A floating number of 32 bits, as these.
    Single,
    /// A floating number of 64 bits, as these.
    Double,
    /// A text.
    Text,
    /// So many bytes.
    Binary(u8),
    /// A whole change that could not be taken apart.
    Whole,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Number(u64),
    /// A text or bytes.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The number it is; else 0.
    pub fn number(&self) -> u64 {
        if let Self::Number(n) = self { *n } else { 0 }
    }

    /// The bytes it is; else none.
    pub fn bytes(&self) -> &'a [u8] {
        if let Self::Bytes(bytes) = self { bytes } else { &[] }
    }
}

/// A part of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Bytes that all changes of the shape have.
    Fixed(Vec<u8>),
    /// A value of this column.
    Open(usize),
}

/// The shape of a change and its values in order. One that is not written the one shortest way, or holds what no change
/// of ours does, has an empty shape and itself as its value.
pub fn taken_apart(change: &[u8]) -> (Vec<u8>, Vec<Value<'_>>) {
    let mut take = Taking { rest: change, shape: Vec::with_capacity(128), values: Vec::with_capacity(40) };
    match take.value(0) {
        Some(()) if take.rest.is_empty() => (take.shape, take.values),
        _ => (Vec::new(), vec![Value::Bytes(change)]),
    }
}

struct Taking<'a> {
    rest: &'a [u8],
    shape: Vec<u8>,
    values: Vec<Value<'a>>,
}

impl<'a> Taking<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self, n: usize) -> Option<u64> {
        Some(self.bytes(n)?.iter().fold(0, |v, b| v << 8 | u64::from(*b)))
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let marker = self.bytes(1)?[0];
        match marker {
            0x80..=0x8f => self.map(&[marker], (marker & 0x0f).into(), depth),
            0x90..=0x9f => self.list(&[marker], (marker & 0x0f).into(), depth),
            0xde | 0xdc => {
                let length = self.bytes(2)?;
                let n = u16::from_be_bytes([length[0], length[1]]).into();
                let head = [marker, length[0], length[1]];
                if marker == 0xde { self.map(&head, n, depth) } else { self.list(&head, n, depth) }
            }
            0xc0 | 0xc2 | 0xc3 => {
                self.shape.push(marker);
                Some(())
            }
            0xca | 0xcb => {
                let bits = self.number(if marker == SINGLE { 4 } else { 8 })?;
                self.open(marker, Value::Number(bits))
            }
            0xc4 => {
                let n = self.bytes(1)?[0];
                let bytes = self.bytes(n.into())?;
                self.shape.extend([BINARY, n]);
                self.values.push(Value::Bytes(bytes));
                Some(())
            }
            0xa0..=0xbf | 0xd9 | 0xda => {
                let text = self.text(marker)?;
                self.open(TEXT, Value::Bytes(text))
            }
            _ => self.whole_number(marker),
        }
    }

    fn open(&mut self, marker: u8, value: Value<'a>) -> Option<()> {
        self.shape.push(marker);
        self.values.push(value);
        Some(())
    }

    fn map(&mut self, head: &[u8], n: usize, depth: usize) -> Option<()> {
        self.shape.extend_from_slice(head);
        for _ in 0..n {
            let before = self.rest;
            let marker = self.bytes(1)?[0];
            self.text(marker)?;
            self.shape.extend_from_slice(&before[..before.len() - self.rest.len()]);
            self.value(depth + 1)?;
        }
        Some(())
    }

    fn list(&mut self, head: &[u8], n: usize, depth: usize) -> Option<()> {
        self.shape.extend_from_slice(head);
        (0..n).try_for_each(|_| self.value(depth + 1))
    }

    /// The text behind `marker`, when its length is written the shortest way.
    fn text(&mut self, marker: u8) -> Option<&'a [u8]> {
        let (n, least) = match marker {
            0xa0..=0xbf => (u64::from(marker & 0x1f), 0),
            0xd9 => (self.number(1)?, 32),
            0xda => (self.number(2)?, 256),
            _ => return None,
        };
        if n < least { None } else { self.bytes(usize::try_from(n).ok()?) }
    }

    /// A whole number, when it is written the shortest way.
    fn whole_number(&mut self, marker: u8) -> Option<()> {
        let (n, least) = match marker {
            0x00..=0x7f => (u64::from(marker), 0),
            0xcc => (self.number(1)?, 0x80),
            0xcd => (self.number(2)?, 0x100),
            0xce => (self.number(4)?, 0x1_0000),
            0xcf => (self.number(8)?, 0x1_0000_0000),
            _ => return self.negative(marker),
        };
        if n < least { None } else { self.open(UNSIGNED, Value::Number(n)) }
    }

    fn negative(&mut self, marker: u8) -> Option<()> {
        let (n, least) = match marker {
            0xe0..=0xff => (i64::from(marker as i8), 0),
            0xd0 => (i64::from(self.number(1)? as i8), 32),
            0xd1 => (i64::from(self.number(2)? as i16), 0x80),
            0xd2 => (i64::from(self.number(4)? as i32), 0x8000),
            0xd3 => (self.number(8)? as i64, 0x8000_0000),
            _ => return None,
        };
        let below = u64::try_from(-1 - i128::from(n)).ok()?;
        if below < least { None } else { self.open(NEGATIVE, Value::Number(below)) }
    }
}

/// Writes a number as the kind of value that it is.
pub fn write_number(out: &mut Vec<u8>, class: Class, n: u64) -> Result<(), WireError> {
    let (marker, length) = match class {
        Class::Single => (SINGLE, 4),
        Class::Double => (DOUBLE, 8),
        Class::Negative => match n {
            0..32 => {
                out.push(!(n as u8));
                return Ok(());
            }
            32..0x80 => (0xd0, 1),
            0x80..0x8000 => (0xd1, 2),
            0x8000..0x8000_0000 => (0xd2, 4),
            0x8000_0000..0x8000_0000_0000_0000 => (0xd3, 8),
            _ => return Err(malformed("a number that is too small")),
        },
        _ => match n {
            0..0x80 => {
                out.push(n as u8);
                return Ok(());
            }
            0x80..0x100 => (0xcc, 1),
            0x100..0x1_0000 => (0xcd, 2),
            0x1_0000..0x1_0000_0000 => (0xce, 4),
            _ => (0xcf, 8),
        },
    };
    let bits = if class == Class::Negative { !n } else { n };
    out.push(marker);
    out.extend_from_slice(&bits.to_be_bytes()[8 - length..]);
    Ok(())
}

/// Writes a text, bytes or a whole change.
pub fn write_bytes(out: &mut Vec<u8>, class: Class, bytes: &[u8]) {
    match class {
        Class::Binary(n) => out.extend([BINARY, n]),
        Class::Text => match bytes.len() {
            n @ 0..32 => out.push(0xa0 | n as u8),
            n @ 32..256 => out.extend([0xd9, n as u8]),
            n @ 256..0x1_0000 => {
                out.push(0xda);
                out.extend((n as u16).to_be_bytes());
            }
            n => {
                out.push(0xdb);
                out.extend((n as u32).to_be_bytes());
            }
        },
        _ => {}
    }
    out.extend_from_slice(bytes);
}

/// How the values of some shapes lie in columns.
pub struct Layout {
    /// The shapes, taken apart.
    pub shapes: Vec<Vec<Place>>,
    /// What each column holds.
    pub classes: Vec<Class>,
}

impl Layout {
    /// Of these shapes.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn of(shapes: &[Vec<u8>]) -> Result<Self, WireError> {
        let (mut all, mut classes, mut known) = (Vec::new(), Vec::new(), BTreeMap::new());
        for shape in shapes {
            let mut laying = Laying {
                rest: shape,
                path: Vec::new(),
                places: Vec::new(),
                fixed: Vec::new(),
                known: &mut known,
                classes: &mut classes,
            };
            if shape.is_empty() {
                laying.open(Class::Whole);
            } else {
                laying
                    .value(0)
                    .filter(|()| laying.rest.is_empty())
                    .ok_or_else(|| malformed("a shape that is none"))?;
            }
            laying.close();
            all.push(laying.places);
        }
        Ok(Self { shapes: all, classes })
    }

    /// The columns of a shape's open places, in order.
    pub fn columns_of(&self, shape: usize) -> impl Iterator<Item = usize> {
        self.shapes[shape]
            .iter()
            .filter_map(|p| if let Place::Open(column) = p { Some(*column) } else { None })
    }
}

/// Columns by the path of keys that leads to their places.
type Known = BTreeMap<(Vec<u8>, Class), usize>;

struct Laying<'a> {
    rest: &'a [u8],
    path: Vec<u8>,
    places: Vec<Place>,
    fixed: Vec<u8>,
    known: &'a mut Known,
    classes: &'a mut Vec<Class>,
}

impl<'a> Laying<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    fn close(&mut self) {
        if !self.fixed.is_empty() {
            self.places.push(Place::Fixed(std::mem::take(&mut self.fixed)));
        }
    }

    fn open(&mut self, class: Class) {
        self.close();
        let next = self.classes.len();
        let column = *self.known.entry((self.path.clone(), class)).or_insert(next);
        if column == next {
            self.classes.push(class);
        }
        self.places.push(Place::Open(column));
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let marker = self.bytes(1)?[0];
        let class = match marker {
            UNSIGNED => Class::Unsigned,
            NEGATIVE => Class::Negative,
            SINGLE => Class::Single,
            DOUBLE => Class::Double,
            TEXT => Class::Text,
            BINARY => Class::Binary(self.bytes(1)?[0]),
            0xc0 | 0xc2 | 0xc3 => {
                self.fixed.push(marker);
                return Some(());
            }
            _ => return self.many(marker, depth),
        };
        self.open(class);
        Some(())
    }

    fn many(&mut self, marker: u8, depth: usize) -> Option<()> {
        self.fixed.push(marker);
        let (map, n) = match marker {
            0x80..=0x8f => (true, usize::from(marker & 0x0f)),
            0x90..=0x9f => (false, usize::from(marker & 0x0f)),
            0xdc | 0xde => {
                let length = self.bytes(2)?;
                self.fixed.extend_from_slice(length);
                (marker == 0xde, usize::from(u16::from_be_bytes([length[0], length[1]])))
            }
            _ => return None,
        };
        let outer = self.path.len();
        for _ in 0..n {
            if map {
                self.key()?;
            } else {
                self.path.push(0x90);
            }
            self.value(depth + 1)?;
            self.path.truncate(outer);
        }
        Some(())
    }

    fn key(&mut self) -> Option<()> {
        let before = self.rest;
        let n = match self.bytes(1)?[0] {
            marker @ 0xa0..=0xbf => usize::from(marker & 0x1f),
            0xd9 => usize::from(self.bytes(1)?[0]),
            0xda => {
                let length = self.bytes(2)?;
                usize::from(u16::from_be_bytes([length[0], length[1]]))
            }
            _ => return None,
        };
        self.bytes(n)?;
        let key = &before[..before.len() - self.rest.len()];
        self.fixed.extend_from_slice(key);
        self.path.extend_from_slice(key);
        Some(())
    }
}
