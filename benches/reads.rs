//! What a read costs with few parcels and with many: a page must cost what it returns, not what lies beside it.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod harness;

use std::time::{Duration, Instant};

use crossdock::base::ids::Id;
use crossdock::deadlines::policy::Policy;
use crossdock::identity::grant::Scope;
use crossdock::parcels::cards::Cards;
use crossdock::parcels::inputs::StatusInput;
use crossdock::parcels::model::Status;
use crossdock::parcels::queries::{self, By, Filter, Overdue};
use crossdock::parcels::repo::PARCELS;
use crossdock::store::{Dir, Ix, KeyRange, ReadTx, Store};
use harness::{Args, Dice, Rival, TENANT, closed_loop, compare, depot, now, rows};

/// A depot with `n` parcels, and some of them by name.
struct Depot {
    n: u32,
    store: Store,
    cards: Cards,
    known: Vec<(String, String)>,
}

impl Depot {
    fn filled(folder: &std::path::Path, n: u32) -> Self {
        let folder = folder.join(n.to_string());
        std::fs::create_dir(&folder).unwrap();
        let store = depot(&folder, 512);
        let begun = Instant::now();
        rows::fill(&store, n);
        println!("{n} parcels made in {:.1} s", begun.elapsed().as_secs_f64());
        let mut known = Vec::new();
        let mut dice = Dice::new(1);
        let some = |tx: &dyn ReadTx| -> crossdock::store::Result<()> {
            let first = PARCELS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 1)?.items.remove(0).pk;
            let last = PARCELS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Down, 1)?.items.remove(0).pk;
            // Ids rise with time: a random moment between the first and the last finds a random parcel.
            let (low, high) = (number(&first), number(&last));
            while known.len() < 5_000 {
                let at = low + (high - low) / 1_000_000 * dice.below(1_000_000) as u128;
                let range = KeyRange { from: at.to_be_bytes().to_vec(), ..KeyRange::all() };
                for e in PARCELS.scan(tx, Ix::Primary, &range, Dir::Up, 1)?.items {
                    let id = Id::from_slice(&e.pk).unwrap_or(Id::NIL);
                    known.push((id.to_string(), e.value.state.number));
                }
            }
            Ok(())
        };
        store.read(TENANT, some).unwrap();
        Self { n, store, cards: Cards::new(16 << 20), known }
    }

    fn lap<'a>(&'a self, time: Duration, op: impl Fn(&Self, usize) + Sync + 'a) -> Rival<'a> {
        Rival::new(format!("{} parcels", self.n), move || {
            closed_loop(1, time, |_| {
                let mut dice = Dice::new(3);
                let op = &op;
                move || op(self, dice.below(self.known.len()))
            })
        })
    }

    fn find(&self, name: &str) {
        let found =
            self.store.read(TENANT, |tx| queries::find(tx, &Scope::Tenant, &self.cards, name).map(drop));
        found.unwrap();
    }

    fn list(&self) {
        let status = Some(StatusInput(Status::InTransit));
        let filter = Filter { status, limit: Some(50), ..Filter::default() };
        let page = self.store.read(TENANT, |tx| queries::list(tx, &Scope::Tenant, &self.cards, &filter));
        assert_eq!(page.unwrap().items.len(), 50);
    }

    fn overdue(&self) {
        let page = self.store.read(TENANT, |tx| {
            let policy = Policy::current(tx)?;
            let which = Overdue { at: now(), by: By::Clock, now: now(), limit: Some(50), cursor: None };
            queries::overdue(tx, &Scope::Tenant, &self.cards, &policy, &which)
        });
        assert!(!page.unwrap().items.is_empty());
    }
}

fn number(pk: &[u8]) -> u128 {
    pk.try_into().map(u128::from_be_bytes).unwrap_or_default()
}

fn main() {
    let args = Args::read();
    let (time, rounds) = (Duration::from_millis(args.pick(300, 1_000)), args.pick(3, 5));
    let folder = tempfile::tempdir().unwrap();
    let sizes = [10_000, args.pick(100_000, 1_000_000)];
    let depots = sizes.map(|n| Depot::filled(folder.path(), n));
    let run = |title: &str, op: &(dyn Fn(&Depot, usize) + Sync)| {
        let mut all: Vec<Rival<'_>> = depots.iter().map(|d| d.lap(time, op)).collect();
        compare(&args, title, rounds, &mut all);
    };
    run("one parcel by id", &|d, i| d.find(&d.known[i].0));
    run("one parcel by number", &|d, i| d.find(&d.known[i].1));
    run("50 parcels in transit", &|d, _| d.list());
    run("50 overdue parcels", &|d, _| d.overdue());
}
