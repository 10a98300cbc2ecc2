//! Rows per second of an import, with fold, deadlines, look-ups and audit, beside raw redb taking in the same bytes;
//! what the file weighs afterwards and how much memory it took.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod harness;

use std::path::Path;
use std::time::Instant;

use crossdock::store::{Area, Store};
use harness::rows::{self, CHUNKS};
use harness::{Args, Lap, Rival, compare, depot, forget_peak, peak_mib, weigh};
use redb::{Database, Durability, TableDefinition};

const CACHE_MIB: usize = 64;

/// What the depot keeps for a row: so many records, index entries and log entries, of so many bytes on average.
#[derive(Debug)]
struct Kept {
    rows: u64,
    bytes: u64,
}

fn kept(store: &Store, n: u32) -> Vec<Kept> {
    let per = |(_, rows, bytes): (Area, u64, u64)| Kept {
        rows: rows.div_ceil(u64::from(n)),
        bytes: bytes / rows.max(1),
    };
    weigh(store).into_iter().map(per).collect()
}

fn file_mib(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |m| m.len() >> 20)
}

/// The depot takes in `n` rows.
fn ours(folder: &Path, n: u32, size: usize) -> Lap {
    let store = depot(folder, CACHE_MIB);
    let maps = rows::maps();
    forget_peak();
    let begun = Instant::now();
    let mut latencies = Vec::new();
    for chunk in rows::chunks(n, size) {
        let since = Instant::now();
        rows::take(&store, &maps, chunk);
        latencies.push(since.elapsed().as_nanos() as u64);
    }
    Lap { ops: n.into(), took: begun.elapsed(), latencies }
}

/// redb takes in as many rows of the same weight in as many commits. Half of a depot's records and index entries come in
/// order; so do these.
fn raw(file: &Path, n: u32, size: usize, kept: &[Kept]) -> Lap {
    const TABLES: [TableDefinition<'_, &[u8], &[u8]>; 3] =
        [TableDefinition::new("rec"), TableDefinition::new("ix"), TableDefinition::new("log")];
    let db: Database = redb::Builder::new().set_cache_size(CACHE_MIB << 20).create(file).unwrap();
    let begun = Instant::now();
    let mut dice = harness::Dice::new(5);
    let (mut done, mut latencies) = (0, Vec::new());
    while done < n {
        let since = Instant::now();
        let mut tx = db.begin_write().unwrap();
        tx.set_durability(Durability::Immediate).unwrap();
        tx.set_quick_repair(true);
        let end = n.min(done + size as u32);
        for (table, kept) in TABLES.into_iter().zip(kept) {
            let mut table = tx.open_table(table).unwrap();
            for row in done..end {
                for i in 0..kept.rows {
                    let random = (dice.below(1 << 40) as u64).to_be_bytes();
                    let order = if i % 2 == 0 { u64::from(row).to_be_bytes() } else { random };
                    let key = [&[i as u8][..], &order, &random, &[0; 14]].concat();
                    let value = vec![7; (kept.bytes as usize).saturating_sub(key.len())];
                    table.insert(&key[..], &value[..]).unwrap();
                }
            }
        }
        tx.commit().unwrap();
        done = end;
        latencies.push(since.elapsed().as_nanos() as u64);
    }
    Lap { ops: n.into(), took: begun.elapsed(), latencies }
}

fn main() {
    let args = Args::read();
    for n in [20_000, args.pick(100_000, 1_000_000)] {
        let title = format!("import of {n} rows");
        if !args.wants(&title) {
            continue;
        }
        let sample = tempfile::tempdir().unwrap();
        ours(sample.path(), 10_000, CHUNKS[0]);
        let kept = kept(&depot(sample.path(), CACHE_MIB), 10_000);
        println!("\na row leaves {kept:?}");
        for size in CHUNKS {
            let (mut peak, mut weight, mut raw_weight) = (0, 0, 0);
            let mut all = [
                Rival::new("raw redb, same bytes", || {
                    let folder = tempfile::tempdir().unwrap();
                    let file = folder.path().join("raw.redb");
                    let lap = raw(&file, n, size, &kept);
                    raw_weight = file_mib(&file);
                    lap
                }),
                Rival::new("depot", || {
                    let folder = tempfile::tempdir().unwrap();
                    let lap = ours(folder.path(), n, size);
                    (peak, weight) = (peak_mib(), file_mib(&folder.path().join("depot.redb")));
                    lap
                }),
            ];
            compare(&args, &format!("{title}, {size} a commit"), args.pick(1, 3), &mut all);
            drop(all);
            println!(
                "latencies are those of commits; peak memory {peak} MiB with a cache of {CACHE_MIB} MiB"
            );
            println!("the file has {weight} MiB, raw redb's {raw_weight}");
        }
    }
}
