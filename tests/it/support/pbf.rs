//! A small writer of .osm.pbf files, for maps of the tests' own.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A way: its nodes and its tags.
pub type Way<'a> = (&'a [i64], &'a [(&'a str, &'a str)]);

fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n as u8 & 0x7f) | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, content.len() as u64);
    out.extend(content);
}

fn number(out: &mut Vec<u8>, field: u64, n: u64) {
    varint(out, field << 3);
    varint(out, n);
}

fn packed(values: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let mut out = Vec::new();
    values.into_iter().for_each(|n| varint(&mut out, n));
    out
}

fn steps(values: impl IntoIterator<Item = i64>) -> Vec<u8> {
    let mut last = 0;
    packed(values.into_iter().map(|n| zigzag(n - std::mem::replace(&mut last, n))))
}

/// A blob of the file.
pub fn blob(kind: &str, content: &[u8]) -> Vec<u8> {
    let mut zip = ZlibEncoder::new(Vec::new(), Compression::fast());
    zip.write_all(content).unwrap();
    let mut blob = Vec::new();
    number(&mut blob, 2, content.len() as u64);
    bytes(&mut blob, 3, &zip.finish().unwrap());
    let mut header = Vec::new();
    bytes(&mut header, 1, kind.as_bytes());
    number(&mut header, 3, blob.len() as u64);
    let mut out = (header.len() as u32).to_be_bytes().to_vec();
    out.extend(header);
    out.extend(blob);
    out
}

/// A heading that asks for `features`.
pub fn heading(features: &[&str]) -> Vec<u8> {
    let mut heading = Vec::new();
    features.iter().for_each(|f| bytes(&mut heading, 4, f.as_bytes()));
    blob("OSMHeader", &heading)
}

/// A file of these nodes (id, degrees north, degrees east) and ways.
pub fn file(nodes: &[(i64, f64, f64)], ways: &[Way<'_>]) -> Vec<u8> {
    let mut strings: Vec<&str> = vec![""];
    let mut text = |s| match strings.iter().position(|known| *known == s) {
        Some(at) => at as u64,
        None => {
            strings.push(s);
            strings.len() as u64 - 1
        }
    };
    let mut group = Vec::new();
    let micro = |degrees: f64| (degrees * 1e7).round() as i64;
    let mut dense = Vec::new();
    bytes(&mut dense, 1, &steps(nodes.iter().map(|n| n.0)));
    bytes(&mut dense, 8, &steps(nodes.iter().map(|n| micro(n.1))));
    bytes(&mut dense, 9, &steps(nodes.iter().map(|n| micro(n.2))));
    bytes(&mut group, 2, &dense);
    for (n, (refs, tags)) in ways.iter().enumerate() {
        let mut way = Vec::new();
        number(&mut way, 1, n as u64 + 1);
        bytes(&mut way, 2, &packed(tags.iter().map(|(k, _)| text(k)).collect::<Vec<_>>()));
        bytes(&mut way, 3, &packed(tags.iter().map(|(_, v)| text(v)).collect::<Vec<_>>()));
        bytes(&mut way, 8, &steps(refs.iter().copied()));
        bytes(&mut group, 3, &way);
    }
    let mut table = Vec::new();
    strings.iter().for_each(|s| bytes(&mut table, 1, s.as_bytes()));
    let mut block = Vec::new();
    bytes(&mut block, 1, &table);
    bytes(&mut block, 2, &group);
    let mut out = heading(&["OsmSchema-V0.6", "DenseNodes"]);
    out.extend(blob("OSMData", &block));
    out
}

/// A town of streets in squares, `side` crossings each way, 0.002 degrees apart, the first at `north`, `east`. Streets to
/// the north run both ways, the others one way each, by turns.
pub fn town(side: i64, north: f64, east: f64) -> Vec<u8> {
    let id = |row: i64, column: i64| row * side + column + 1;
    let mut nodes = Vec::new();
    for row in 0..side {
        for column in 0..side {
            nodes.push((id(row, column), north + 0.002 * row as f64, east + 0.002 * column as f64));
        }
    }
    let mut streets: Vec<(Vec<i64>, Vec<(&str, &str)>)> = Vec::new();
    for n in 0..side {
        streets.push(((0..side).map(|row| id(row, n)).collect(), vec![("highway", "secondary")]));
        let way = if n % 2 == 0 { "yes" } else { "-1" };
        let tags = vec![("highway", "residential"), ("oneway", way)];
        streets.push(((0..side).map(|column| id(n, column)).collect(), tags));
    }
    let ways: Vec<Way<'_>> = streets.iter().map(|(refs, tags)| (refs.as_slice(), tags.as_slice())).collect();
    file(&nodes, &ways)
}
