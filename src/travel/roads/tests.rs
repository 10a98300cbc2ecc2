//! A map of the test's own, read, prepared and asked; and the hierarchy against the plain search, on graphs by chance.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::build::{self, lists};
use super::contract::contract;
use super::file::{self, FILE, Origin};
use super::graph::{Arc, Graph, NONE, Segment};
use super::pbf_writer::{self as writer, blob, heading, town};
use super::query::{many, many_without, way};
use super::shelf::{Roads, Shelf};
use super::snap::On;
use super::{LIMITS, Limits, MapError};
use crate::base::clock::Timestamp;
use crate::base::units::Position;
use crate::travel::conditions::Area;
use crate::travel::sources::NO_WAY;
use crate::travel::straight::Straight;

fn at(lat: f64, lon: f64) -> Position {
    Position::from_degrees(lat, lon).unwrap()
}

fn kept(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("town.osm.pbf");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn built(bytes: &[u8]) -> Result<Graph, MapError> {
    let (_folder, path) = kept(bytes);
    build::graph(&path, LIMITS)
}

fn roads(bytes: &[u8]) -> Roads {
    let origin = Origin { name: "town.osm.pbf".into(), imported_at: Timestamp::ZERO };
    Roads::new(origin, built(bytes).unwrap())
}

fn metres(roads: &Roads, a: Position, b: Position, closed: &[Area]) -> (i32, i32) {
    let said = roads.grid(&[a, b], closed, &Straight::default()).unwrap();
    (said.grid.metres[1], said.grid.metres[2])
}

/// What the plain search says from one node to all.
fn plain(graph: &Graph, from: u32) -> Vec<u32> {
    let arcs = &graph.arcs[..graph.plain as usize];
    let out = lists(graph.nodes.len(), arcs, |a| a.from);
    let mut best = vec![u32::MAX; graph.nodes.len()];
    let mut queue = BinaryHeap::from([Reverse((0, from))]);
    best[from as usize] = 0;
    while let Some(Reverse((time, node))) = queue.pop() {
        if time > best[node as usize] {
            continue;
        }
        for id in out.of_node(node) {
            let arc = &arcs[*id as usize];
            let then = time + arc.time;
            if then < best[arc.to as usize] {
                best[arc.to as usize] = then;
                queue.push(Reverse((then, arc.to)));
            }
        }
    }
    best
}

/// A graph of one-way roads of any length between `n` nodes. A road to oneself stands at each node, to be asked from.
fn wild(n: u32, edges: &[(u32, u32, u32)]) -> Graph {
    let mut graph = Graph { nodes: vec![Position::default(); n as usize], ..Graph::default() };
    let (own, all) = ((0..n).map(|v| (v, v, 1)), edges.iter().map(|(a, b, t)| (a % n, b % n, *t)));
    for (from, to, time) in own.chain(all.filter(|(a, b, _)| a != b)) {
        let shape = u32::try_from(graph.shape.len()).unwrap();
        graph.shape.extend([Position::default(); 2]);
        graph.segments.push(Segment { from, to, shape, metres: time, time, ways: 1, class: 0 });
    }
    let arc = |(n, s): (usize, &Segment)| {
        let first = u32::try_from(n).unwrap();
        (s.from != s.to).then_some(Arc {
            from: s.from,
            to: s.to,
            time: s.time,
            metres: s.metres,
            first,
            second: NONE,
        })
    };
    graph.arcs = graph.segments.iter().enumerate().filter_map(arc).collect();
    graph.plain = u32::try_from(graph.arcs.len()).unwrap();
    graph.is_main = vec![true; n as usize];
    contract(&mut graph);
    graph
}

/// The node `v`: at the end of its own road.
fn node(v: u32) -> On {
    On { segment: v, piece: 0, part: 1.0, at: Position::default(), off: 0.0 }
}

/// The same as where one comes to: at its beginning.
fn door(v: u32) -> On {
    On { part: 0.0, ..node(v) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_hierarchy_finds_what_the_plain_search_finds(
        n in 2_u32..40,
        edges in prop::collection::vec((0_u32..40, 0_u32..40, 1_u32..50), 0..160),
    ) {
        let graph = wild(n, &edges);
        let from: Vec<On> = (0..n).map(node).collect();
        let to: Vec<On> = (0..n).map(door).collect();
        let both: Vec<On> = from.iter().chain(&to).copied().collect();
        let (found, open) = (many(&graph, &both), many_without(&graph, &both, &|_| true));
        for a in 0..n {
            let best = plain(&graph, a);
            for b in (0..n).filter(|b| *b != a) {
                let cell = (a * 2 * n + n + b) as usize;
                let expected = Some(best[b as usize]).filter(|t| *t != u32::MAX);
                prop_assert_eq!(found[cell].map(|c| c.0), expected, "from {} to {}", a, b);
                prop_assert_eq!(open[cell].map(|c| c.0), expected, "without it, from {} to {}", a, b);
            }
        }
    }
}

#[test]
fn a_town_is_read_with_its_one_way_streets() {
    let roads = roads(&town(6, 52.5, 13.4));
    assert_eq!((roads.graph.nodes.len(), roads.graph.segments.len()), (36, 60));
    assert!(roads.graph.is_main.iter().filter(|m| **m).count() >= 34, "{:?}", roads.graph.is_main);
    // Along the first street, which only leads east; back is round the block.
    let (there, back) = metres(&roads, at(52.5, 13.4001), at(52.5, 13.4039), &[]);
    assert!((250..=265).contains(&there), "{there}");
    assert!((690..=760).contains(&back), "{back}");
    let line = roads.way(at(52.5, 13.4039), at(52.5, 13.4001)).unwrap();
    assert!(line.iter().any(|p| p.lat == 52_502_000), "{line:?}");
    let far = roads.way(at(52.5101, 13.4099), at(52.5001, 13.4001)).unwrap();
    assert!(far.len() > 5 && far[0] == at(52.5101, 13.4099), "{far:?}");
    assert_eq!(roads.between(at(52.5, 13.4), at(52.51, 13.41), 7).len(), 7);
}

#[test]
fn every_pair_of_a_town_is_as_far_as_the_plain_search_says() {
    let graph = built(&town(7, -23.5, -46.6)).unwrap();
    // From the middle of each street to the middle of each.
    let middle = |segment| On { segment, piece: 0, part: 0.5, at: Position::default(), off: 0.0 };
    let places: Vec<On> = (0..u32::try_from(graph.segments.len()).unwrap()).map(middle).collect();
    let (found, open) = (many(&graph, &places), many_without(&graph, &places, &|_| true));
    assert_eq!(
        found.iter().map(|c| c.map(|c| c.0)).collect::<Vec<_>>(),
        open.iter().map(|c| c.map(|c| c.0)).collect::<Vec<_>>()
    );
    assert!(found.iter().filter(|c| c.is_some()).count() > places.len());
    for (a, b) in [(0, 9), (30, 2), (80, 41)] {
        let line = way(&graph, &places[a], &places[b]).is_some();
        assert_eq!(line, found[a * places.len() + b].is_some());
    }
}

#[test]
fn what_is_closed_is_driven_round_and_an_island_is_not_reached() {
    let roads = roads(&town(6, 52.5, 13.4));
    let (a, b) = (at(52.5005, 13.406), at(52.5095, 13.406));
    let (free, _) = metres(&roads, a, b, &[]);
    let closed = Area { latitude: 52.505, longitude: 13.406, radius_m: 30 };
    let (round, _) = metres(&roads, a, b, &[closed]);
    assert!(round >= free + 250, "{free} m, and {round} m round what is closed");
    let said = roads.grid(&[a, b], &[closed], &Straight::default()).unwrap();
    assert!(said.is_round && said.off == 0);
    // Two towns with nothing between them.
    let nodes = [(1, 0.0, 0.001), (2, 0.0, 0.003), (3, 0.0, 0.101), (4, 0.0, 0.103)];
    let street: &[(&str, &str)] = &[("highway", "residential")];
    let islands = super::tests::roads(&writer::file(&nodes, &[(&[1, 2], street), (&[3, 4], street)]));
    let points = [at(0.0, 0.002), at(0.0, 0.102), at(0.0, 0.0025)];
    let grid = islands.grid(&points, &[], &Straight::default()).unwrap().grid;
    assert_eq!((grid.metres[1], grid.seconds[1]), (NO_WAY, NO_WAY));
    assert!((50..=60).contains(&grid.metres[2]), "{}", grid.metres[2]);
}

#[test]
fn places_off_the_map_are_measured_by_the_straight_line_and_most_of_them_not_at_all() {
    let roads = roads(&town(4, 52.5, 13.4));
    let (on, other, off) = (at(52.501, 13.401), at(52.504, 13.404), at(52.6, 13.4));
    let straight = Straight::default();
    let said = roads.grid(&[on, other, off], &[], &straight).unwrap();
    assert_eq!(said.off, 1);
    assert_eq!(said.grid.metres[2], straight.grid(&[on, off]).metres[1]);
    assert_ne!(said.grid.metres[1], straight.grid(&[on, other]).metres[1]);
    assert!(roads.grid(&[on, off, at(52.7, 13.4)], &[], &straight).is_none());
}

#[test]
fn a_way_cut_off_at_the_edge_of_the_extract_is_used_as_far_as_it_goes() {
    let street: &[(&str, &str)] = &[("highway", "primary")];
    let nodes = [(1, 10.0, 10.0), (2, 10.0, 10.001), (4, 10.0, 10.003), (5, 10.0, 10.004)];
    let graph = built(&writer::file(&nodes, &[(&[1, 2, 3, 4, 5], street)])).unwrap();
    assert_eq!(graph.segments.len(), 2, "node 3 was cut away");
}

#[test]
fn a_damaged_file_is_refused_and_the_map_in_use_stays() {
    let good = town(4, 52.5, 13.4);
    let (folder, path) = kept(&good);
    let shelf = Shelf::open(folder.path());
    assert!(shelf.current().is_none());
    let now = Timestamp::from_millis(5);
    let roads = shelf.import(&path, now, LIMITS).unwrap();
    assert_eq!((roads.origin.name.as_str(), roads.graph.nodes.len()), ("town.osm.pbf", 16));
    let stored = std::fs::read(folder.path().join(FILE)).unwrap();
    let mut turned = good.clone();
    let middle = good.len() - 40;
    turned[middle] ^= 0x40;
    let bad: [(&str, Vec<u8>); 7] = [
        ("middle of a block", good[..good.len() - 9].to_vec()),
        ("unpack", turned),
        ("heading", blob("OSMData", b"")),
        ("bytes", b"not a map, but some text that is long enough".to_vec()),
        ("it is empty", Vec::new()),
        ("HistoricalInformation", heading(&["OsmSchema-V0.6", "HistoricalInformation"])),
        ("no road", writer::file(&[(1, 1.0, 1.0)], &[])),
    ];
    for (why, bytes) in bad {
        std::fs::write(&path, bytes).unwrap();
        let refused = shelf.import(&path, now, LIMITS).unwrap_err();
        assert!(refused.to_string().contains(why), "{why}: {refused}");
        assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), stored, "{why}");
    }
    assert_eq!(shelf.current().unwrap().graph, roads.graph);
    assert!(matches!(shelf.import(&folder.path().join("none"), now, LIMITS), Err(MapError::Io { .. })));
    // A start finds it again, and does without a file that is not sound.
    assert_eq!(Shelf::open(folder.path()).current().unwrap().graph, roads.graph);
    let mut torn = stored;
    let end = torn.len() - 1;
    torn[end] ^= 1;
    std::fs::write(folder.path().join(FILE), torn).unwrap();
    assert!(
        file::read(&folder.path().join(FILE)).is_err_and(|e| e.to_string().contains("import the map again"))
    );
    assert!(Shelf::open(folder.path()).current().is_none());
}

#[test]
fn one_point_and_one_byte_too_many_are_refused() {
    let bytes = town(4, 52.5, 13.4);
    let (_folder, path) = kept(&bytes);
    let size = bytes.len() as u64;
    let limits = Limits { bytes: size, points: 32 };
    build::graph(&path, limits).unwrap();
    let less = build::graph(&path, Limits { points: 31, ..limits }).unwrap_err();
    assert!(matches!(less, MapError::TooLarge { found: 32, most: 31, .. }), "{less}");
    let less = build::graph(&path, Limits { bytes: size - 1, ..limits }).unwrap_err();
    assert!(matches!(less, MapError::TooLarge { what: "bytes", .. }), "{less}");
}

#[test]
fn a_block_that_unpacks_to_more_than_the_format_allows_is_not_unpacked() {
    let mut file = heading(&[]);
    file.extend(blob("OSMData", &vec![0; (32 << 20) + 1]));
    let refused = built(&file).unwrap_err();
    assert!(refused.to_string().contains("claims 33554433 bytes unpacked"), "{refused}");
}
