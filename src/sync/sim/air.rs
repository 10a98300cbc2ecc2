//! Air freight in the company: what depots write of waybills, houses and bills.

use super::node::{Node, POISON, TENANT, all};
use super::random::Rng;
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::deadlines::due::{self, DueKind};
use crate::freight::awb::Awb;
use crate::freight::bills::{Bill, BillLine};
use crate::freight::codes::{Code, Discrepancy};
use crate::freight::desk;
use crate::freight::event::*;
use crate::freight::model::*;
use crate::freight::repo::{BILLS, HAWBS, MAWBS};
use crate::identity::grant::Actor;
use crate::journal::{Aggregate, Cx, Event, Folded, history, record};
use crate::store::{Dir, Ix, KeyRange, Lane, ReadTx, Store, StoreError};

const NUMBERS: [&str; 4] = ["020-12345675", "176-72160723", "157-53806270", "239-12345675"];
/// Waybills of one depot, and of each as many houses and bills.
const MOST: usize = 5;

/// The number of the operation that a change of air freight stands for; none for one that carries none.
pub fn uid_of(kind: u16, schema: u16, body: &[u8]) -> Option<String> {
    let of = |more: &std::collections::BTreeMap<String, String>| more.get("uid").cloned();
    if MASTER_KINDS.contains(&kind) {
        return match MawbEvent::decode(kind, schema, body).ok()? {
            MawbEvent::Announced(e) => of(&e.facts.more),
            MawbEvent::Described(e) => of(&e.facts.more),
            MawbEvent::Reported(mark) => mark.name,
            MawbEvent::Noted(e) => Some(e.text),
            _ => None,
        };
    }
    if HOUSE_KINDS.contains(&kind) {
        return match HawbEvent::decode(kind, schema, body).ok()? {
            HawbEvent::Announced(e) => of(&e.facts.more),
            HawbEvent::Described(e) => of(&e.facts.more),
            HawbEvent::Reported(mark) => mark.name,
            _ => None,
        };
    }
    match BillEvent::decode(kind, schema, body).ok()? {
        BillEvent::Entered(bill) => Some(bill.number),
        _ => None,
    }
}

fn put<A: Aggregate>(node: &Node, now: Timestamp, id: Id, event: A::Event)
where
    A::Event: Send + 'static,
{
    let write = move |tx: &mut dyn crate::store::WriteTx| -> Result<(), StoreError> {
        let cx = Cx::new(tx, &Actor::system(), now, "test")?;
        let old = A::TABLE.get(tx, &id)?;
        record::<A>(tx, &cx, id, old, vec![event.clone()]).map(drop)
    };
    node.depot.store.write(TENANT, Lane::People, write).wait().unwrap();
}

/// Somebody at an import desk does something.
pub fn write(rng: &mut Rng, node: &Node, now: Timestamp, uid: &str) {
    let masters = all::<Mawb>(&node.depot.store);
    if masters.is_empty() || (masters.len() < MOST && rng.chance(250)) {
        let facts = Facts { destination: Some("LHR".into()), pieces: Some(4), ..told(uid) };
        let number = Awb::parse(NUMBERS[rng.below(NUMBERS.len())]).unwrap();
        let event = MawbEvent::Announced(Announced { number, as_written: None, facts });
        return put::<Mawb>(node, now, Id(rng.id()), event);
    }
    let master = rng.of(&masters).clone();
    // Headquarters chokes on masters alone.
    let sound = uid.trim_end_matches(POISON).trim_end();
    match rng.below(10) {
        0..2 => house(rng, node, now, (master.state.id, sound)),
        2 => bill(rng, node, now, (&master.state, sound)),
        _ => {
            let event = something(rng, node, &master, (now, uid));
            put::<Mawb>(node, now, master.state.id, event);
        }
    }
}

fn told(uid: &str) -> Facts {
    Facts { more: [("uid".to_owned(), uid.to_owned())].into(), ..Facts::default() }
}

fn mark(rng: &mut Rng, now: Timestamp, uid: &str) -> Mark {
    let code = *rng.of(&[Code::Dep, Code::Arr, Code::Rcf, Code::Nfd, Code::Ccd, Code::Dlv, Code::Dis]);
    let at = now.before(std::time::Duration::from_secs(3_600 * rng.below(100) as u64));
    let pieces = 1 + rng.below(4) as u32;
    Mark {
        station: Some("LHR".into()),
        flight: code.flies().then(|| format!("LH{}", 900 + rng.below(2))),
        part: Part::Some,
        pieces: Some(pieces),
        reason: (code == Code::Dis).then(|| *rng.of(&[Discrepancy::Msca, Discrepancy::Fdca])),
        name: Some(uid.to_owned()),
        ..Mark::new(code, at)
    }
}

fn something(rng: &mut Rng, node: &Node, m: &Folded<Mawb>, (now, uid): (Timestamp, &str)) -> MawbEvent {
    let step = |rng: &mut Rng| ["created", "pre_alert", "received", "isc"][rng.below(4)].to_owned();
    match rng.below(14) {
        0..4 => MawbEvent::Reported(mark(rng, now, uid)),
        4 => MawbEvent::Described(Described { facts: Facts { eta: Some(now), ..told(uid) } }),
        5 => MawbEvent::Begun(Begun { version: 1 }),
        6 => MawbEvent::Stepped(Stepped { step: step(rng), forced: None }),
        7 => {
            let seen = vec![(format!("{}/0", step(rng)), now)];
            MawbEvent::Reminded(Reminded { seen, said: Vec::new(), alarms: Vec::new() })
        }
        8 => {
            let day = now.day(&jiff::tz::TimeZone::UTC);
            let lfd = rng.chance(700).then(|| LfdSet { day, reason: uid.to_owned() });
            MawbEvent::LfdGiven(LfdGiven { lfd })
        }
        9 => {
            let hold = rng.chance(500).then(|| Hold { since: now, reason: uid.to_owned() });
            MawbEvent::Held(Held { hold })
        }
        10 => MawbEvent::UnitTold(Unit { number: "PMC1".into(), out_at: Some(now), ..Unit::default() }),
        11 => {
            let read = |tx: &dyn ReadTx| history::<Mawb>(tx, &m.line);
            let past = node.depot.store.read(TENANT, read).unwrap();
            let changes = vec![Id(rng.of(&past).1.key.eid)];
            MawbEvent::TakenBack(TakenBack { changes, reason: uid.to_owned() })
        }
        12 if rng.chance(300) => MawbEvent::Closed(Plain {}),
        _ => MawbEvent::Noted(Said { text: uid.to_owned() }),
    }
}

fn house(rng: &mut Rng, node: &Node, now: Timestamp, (mawb, uid): (Id, &str)) {
    let there = all::<Hawb>(&node.depot.store);
    let facts = HouseFacts {
        pieces: Some(1 + rng.below(3) as u32),
        more: [("uid".to_owned(), uid.to_owned())].into(),
        ..HouseFacts::default()
    };
    if there.is_empty() || (there.len() < MOST && rng.chance(300)) {
        let number = format!("H{}", rng.below(4));
        let event = HawbEvent::Announced(HouseAnnounced { number, mawb: Some(mawb), facts });
        return put::<Hawb>(node, now, Id(rng.id()), event);
    }
    let id = rng.of(&there).state.id;
    let event = match rng.below(3) {
        0 => HawbEvent::Reported(mark(rng, now, uid)),
        1 => HawbEvent::Deconsolidated(Plain {}),
        _ => HawbEvent::Described(HouseDescribed { mawb: None, facts }),
    };
    put::<Hawb>(node, now, id, event);
}

fn bill(rng: &mut Rng, node: &Node, now: Timestamp, (m, uid): (&Mawb, &str)) {
    let there = all::<Bill>(&node.depot.store);
    if there.is_empty() || (there.len() < MOST && rng.chance(400)) {
        let id = Id(rng.id());
        let lines = vec![BillLine { text: "service".into(), minor: 100 }];
        let bill = Bill {
            id,
            number: uid.to_owned(),
            mawb: Some(m.id),
            currency: "EUR".into(),
            lines,
            ..Bill::default()
        };
        put::<Mawb>(node, now, m.id, MawbEvent::Billed(bill.mark()));
        return put::<Bill>(node, now, id, BillEvent::Entered(bill));
    }
    let id = rng.of(&there).state.id;
    let event = match rng.below(3) {
        0 => BillEvent::Paid(Paid { at: now, receipt: None }),
        1 => BillEvent::Matched(Matched { matched: true }),
        _ => BillEvent::Voided(Plain {}),
    };
    put::<Bill>(node, now, id, event);
}

/// The deadlines of waybills are those that follow from what is known of them.
pub fn clocks(store: &Store, now: Timestamp) -> Result<(), String> {
    let wrong = store.read(TENANT, |tx| {
        let cx = Cx::new(tx, &Actor::system(), now, "test")?;
        let mut kept: Vec<_> = Vec::new();
        let (mut after, mut wrong) = (None, Vec::new());
        loop {
            let (some, next) = due::passed(tx, DueKind::Freight, Timestamp::MAX, after, 100)?;
            kept.extend(some.into_iter().map(|d| (d.subject, d.at)));
            after = next;
            if after.is_none() {
                break;
            }
        }
        for row in MAWBS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 10_000)?.items {
            let due = desk::next_call(tx, &cx, &row.value.state)?;
            let stored = kept.iter().find(|(id, _)| *id == row.value.state.id).map(|(_, at)| *at);
            if due != row.value.due || due != stored {
                wrong.push(format!(
                    "{}: due {due:?}, row {:?}, kept {stored:?}",
                    row.value.state.id, row.value.due
                ));
            }
        }
        Ok::<_, StoreError>(wrong)
    });
    let wrong = wrong.unwrap();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("a waybill's deadline is wrong: {}", wrong.join("; ")))
    }
}

/// How many waybills, houses and bills a store has.
pub fn count(store: &Store) -> u64 {
    let read = |tx: &dyn ReadTx| -> Result<u64, StoreError> {
        let all = KeyRange::all();
        let n = MAWBS.scan(tx, Ix::Primary, &all, Dir::Up, 10_000)?.items.len()
            + HAWBS.scan(tx, Ix::Primary, &all, Dir::Up, 10_000)?.items.len()
            + BILLS.scan(tx, Ix::Primary, &all, Dir::Up, 10_000)?.items.len();
        Ok(n as u64)
    };
    store.read(TENANT, read).unwrap()
}
