//! What the blocks of an extract say: ways with their tags, nodes with their positions.

use super::pbf::{Value, fields, numbers, signed};
use crate::base::units::Position;

/// What a file may ask of its readers that this one can do.
const KNOWN: [&str; 2] = ["OsmSchema-V0.6", "DenseNodes"];

/// Refuses a heading that asks for more than is known here.
///
/// # Errors
/// Names what it asks for.
pub fn heading(bytes: &[u8]) -> Result<(), String> {
    fields(bytes, |field, value| {
        let asked = String::from_utf8_lossy(value.bytes());
        if field == 4 && !KNOWN.contains(&asked.as_ref()) {
            return Err(format!("it asks for {asked}, which is not known here"));
        }
        Ok(())
    })
}

/// A way: its tags and its nodes.
#[derive(Debug, Default)]
pub struct Way<'a> {
    /// Key and value.
    pub tags: Vec<(&'a str, &'a str)>,
    /// The nodes' ids, in order.
    pub nodes: Vec<i64>,
}

impl Way<'_> {
    /// The value of `key`.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(k, _)| *k == key).map(|(_, v)| *v)
    }
}

/// What the frame of a block says.
struct Frame<'a> {
    strings: Vec<&'a [u8]>,
    groups: Vec<&'a [u8]>,
    granularity: i64,
    north: i64,
    east: i64,
}

fn frame(bytes: &[u8]) -> Result<Frame<'_>, String> {
    let mut frame = Frame { strings: Vec::new(), groups: Vec::new(), granularity: 100, north: 0, east: 0 };
    fields(bytes, |field, value| {
        match field {
            1 => fields(value.bytes(), |field, value| {
                if field == 1 {
                    frame.strings.push(value.bytes());
                }
                Ok(())
            })?,
            2 => frame.groups.push(value.bytes()),
            17 => frame.granularity = i64::from(i32::try_from(value.number()).unwrap_or(100)),
            19 => frame.north = value.number().cast_signed(),
            20 => frame.east = value.number().cast_signed(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(frame)
}

impl<'a> Frame<'a> {
    fn text(&self, n: u64) -> Result<&'a str, String> {
        let bytes = usize::try_from(n).ok().and_then(|n| self.strings.get(n));
        let bytes = bytes.ok_or("a tag names a text that is not there")?;
        Ok(std::str::from_utf8(bytes).unwrap_or_default())
    }

    /// A position from its steps of the block's granularity; none beyond this planet.
    fn position(&self, lat: i64, lon: i64) -> Option<Position> {
        let degrees = |offset: i64, steps: i64| {
            let nano = i128::from(offset) + i128::from(self.granularity) * i128::from(steps);
            i64::try_from(nano).map_or(f64::NAN, |n| n as f64 * 1e-9)
        };
        Position::from_degrees(degrees(self.north, lat), degrees(self.east, lon)).ok()
    }
}

/// Goes through the ways of a block.
///
/// # Errors
/// When the block is damaged, and what `f` refuses.
pub fn ways(bytes: &[u8], mut f: impl FnMut(&Way<'_>) -> Result<(), String>) -> Result<(), String> {
    let frame = frame(bytes)?;
    for group in &frame.groups {
        fields(group, |field, value| if field == 3 { f(&way(&frame, value)?) } else { Ok(()) })?;
    }
    Ok(())
}

fn way<'a>(frame: &Frame<'a>, value: Value<'a>) -> Result<Way<'a>, String> {
    let (mut keys, mut values, mut way) = (Vec::new(), Vec::new(), Way::default());
    fields(value.bytes(), |field, value| {
        match field {
            2 => keys = numbers(value.bytes()).collect::<Result<_, _>>()?,
            3 => values = numbers(value.bytes()).collect::<Result<_, _>>()?,
            8 => {
                let mut id = 0_i64;
                for step in numbers(value.bytes()) {
                    id = id.wrapping_add(signed(step?));
                    way.nodes.push(id);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    if keys.len() != values.len() {
        return Err("a way has a key without a value".into());
    }
    for (k, v) in keys.into_iter().zip(values) {
        way.tags.push((frame.text(k)?, frame.text(v)?));
    }
    Ok(way)
}

/// Goes through the nodes of a block: each one's id and position.
///
/// # Errors
/// When the block is damaged, and what `f` refuses.
pub fn nodes(bytes: &[u8], mut f: impl FnMut(i64, Position) -> Result<(), String>) -> Result<(), String> {
    let frame = frame(bytes)?;
    for group in &frame.groups {
        fields(group, |field, value| match field {
            1 => single(&frame, value.bytes(), &mut f),
            2 => dense(&frame, value.bytes(), &mut f),
            _ => Ok(()),
        })?;
    }
    Ok(())
}

type Told<'a> = &'a mut dyn FnMut(i64, Position) -> Result<(), String>;

fn single(frame: &Frame<'_>, bytes: &[u8], f: Told<'_>) -> Result<(), String> {
    let (mut id, mut lat, mut lon) = (0, 0, 0);
    fields(bytes, |field, value| {
        match field {
            1 => id = signed(value.number()),
            8 => lat = signed(value.number()),
            9 => lon = signed(value.number()),
            _ => {}
        }
        Ok(())
    })?;
    let position = frame.position(lat, lon).ok_or("a node lies beyond this planet")?;
    f(id, position)
}

fn dense(frame: &Frame<'_>, bytes: &[u8], f: Told<'_>) -> Result<(), String> {
    let (mut ids, mut lats, mut lons): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    fields(bytes, |field, value| {
        match field {
            1 => ids = value.bytes(),
            8 => lats = value.bytes(),
            9 => lons = value.bytes(),
            _ => {}
        }
        Ok(())
    })?;
    let (mut id, mut lat, mut lon) = (0_i64, 0_i64, 0_i64);
    let (mut lats, mut lons) = (numbers(lats), numbers(lons));
    for step in numbers(ids) {
        let (Some(north), Some(east)) = (lats.next(), lons.next()) else {
            return Err("a node has no position".into());
        };
        id = id.wrapping_add(signed(step?));
        lat = lat.wrapping_add(signed(north?));
        lon = lon.wrapping_add(signed(east?));
        f(id, frame.position(lat, lon).ok_or("a node lies beyond this planet")?)?;
    }
    Ok(())
}
