//! Demo rows as an import hands them on, and a depot filled with them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use crossdock::base::ids::Id;
use crossdock::demo;
use crossdock::identity::grant::Actor;
use crossdock::journal::Cx;
use crossdock::parcels::maps::Compiled;
use crossdock::parcels::report::{self, Report};
use crossdock::store::{Lane, Store, StoreError, WriteTx};

use super::{TENANT, now};

/// Rows of one chunk at the most, and about as many as fit into the time an import may keep the writer.
pub const CHUNKS: [usize; 2] = [5_000, 250];

/// The demo carriers' status maps, ready to use.
pub fn maps() -> Arc<BTreeMap<String, Compiled>> {
    let compiled = |m: crossdock::parcels::maps::Map| (m.source.clone(), Compiled::new(Arc::new(m)));
    Arc::new(demo::seed::maps().into_iter().map(compiled).collect())
}

/// `n` rows of a parcels file in chunks of `size`, made by a thread of their own as an import's parser does.
pub fn chunks(n: u32, size: usize) -> Receiver<Vec<Report>> {
    let (send, chunks) = sync_channel(2);
    std::thread::spawn(move || {
        let mut parcels = demo::parcels(7, n, now());
        loop {
            let chunk: Vec<Report> = parcels.by_ref().take(size).map(row).collect();
            if chunk.is_empty() || send.send(chunk).is_err() {
                return;
            }
        }
    });
    chunks
}

/// A parcel as one row tells it: its last word, and everything that is known.
fn row(p: demo::DemoParcel) -> Report {
    let digest = Id::derived(&[p.number.as_bytes()]).0;
    let last = p.events.into_iter().next_back();
    let (raw, at) = last.map(|e| (e.raw, e.at)).unzip();
    Report { number: Some(p.number), raw, at, facts: p.facts, digest, ..Report::default() }
}

/// Takes in one chunk in one transaction.
pub fn take(store: &Store, maps: &Arc<BTreeMap<String, Compiled>>, chunk: Vec<Report>) {
    let maps = Arc::clone(maps);
    let write = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
        let cx = Cx::new(tx, &Actor::system(), now(), "import:bench")?;
        for r in &chunk {
            let source = r.facts.carrier.as_deref().unwrap_or_default();
            let Some(map) = maps.get(source) else { continue };
            report::take(tx, &cx, source, map, u64::MAX, r)
                .map_err(|e| StoreError::Corrupt(e.to_string()))?;
        }
        Ok(())
    };
    store.write(TENANT, Lane::Bulk, write).wait().unwrap();
}

/// Fills a depot with `n` demo parcels.
pub fn fill(store: &Store, n: u32) {
    let maps = maps();
    chunks(n, CHUNKS[0]).into_iter().for_each(|chunk| take(store, &maps, chunk));
}
