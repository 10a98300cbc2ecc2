//! What happens to the company.

use std::collections::{BTreeMap, BTreeSet};

use super::line::{Line, cutter};
use super::node::{CheapKey, Node, POISON, TENANT, hq_over, put, put_uncut, set_map};
use super::random::Rng;
use super::{air, people, road, shelves};
use crate::base::clock::Timestamp;
use crate::base::ids::{Id, drawn};
use crate::identity::grant::Actor;
use crate::journal::clock::{Origin, UNENROLLED};
use crate::journal::{Cx, record};
use crate::parcels::event::{Described, HandedOver, Moved, Noted, ParcelEvent, Registered};
use crate::parcels::model::{Facts, Parcel, Status};
use crate::parcels::repo::PARCELS;
use crate::store::memory::Memory;
use crate::store::{Dir, Ix, KeyRange, Lane, Store, StoreError};
use crate::sync::depot::{Budget, LinkError, SyncError, relog};
use crate::sync::hq::proposals::{self, Word};
use crate::sync::hq::{Body, Hq, apply, ingest, route, tables};
use crate::sync::keys::Sign;
use crate::sync::sites;
use crate::sync::wire::{self, Call, Code, Enrol, Enrolled, Refusal};

const DEPOTS: usize = 3;
/// Maps that headquarters owns.
pub const MAPS: usize = 3;

/// What has happened, for those who look at a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub rejoins: u64,
    pub resupplies: u64,
    pub snapshots: u64,
    pub clocks: u64,
    pub forks: u64,
    pub restores: u64,
    pub kills: u64,
    /// Waybills, houses and bills that headquarters had in the end.
    pub waybills: u64,
    /// Deliveries that it had.
    pub deliveries: u64,
    /// Orders that it had, and how many of them it gave itself.
    pub orders: u64,
    pub commands: u64,
    /// Depots whose books had to be right to the piece.
    pub books: u64,
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.rejoins += other.rejoins;
        self.resupplies += other.resupplies;
        self.snapshots += other.snapshots;
        self.clocks += other.clocks;
        self.forks += other.forks;
        self.restores += other.restores;
        self.kills += other.kills;
        self.waybills += other.waybills;
        self.deliveries += other.deliveries;
        self.orders += other.orders;
        self.commands += other.commands;
        self.books += other.books;
    }
}

pub struct World {
    pub rng: Rng,
    /// Milliseconds since 1970, by headquarters' clock, which is right.
    pub wall: u64,
    pub hq: Hq,
    pub hq_memory: Memory,
    hq_backup: Memory,
    pub live: Vec<Option<Node>>,
    backups: BTreeMap<u32, (Memory, bool)>,
    /// Pushes that are still under way, to arrive late.
    pub delayed: Vec<(Option<[u8; 32]>, Vec<u8>)>,
    /// What a depot was told is durable.
    pub acked: BTreeSet<[u8; 16]>,
    uid: u64,
    pub seen: Seen,
    /// What the last turn of each site came to.
    pub last: BTreeMap<u32, String>,
    /// Nothing goes wrong any more.
    pub calm: bool,
    pub nested: usize,
    /// Sites that went back to an earlier state or were there twice: what they sold meanwhile they can't have known.
    pub astray: BTreeSet<u32>,
    /// What one request wrote may be known in part: see [`World::restore`].
    pub torn: bool,
    hq_restored: bool,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        drawn::from(Some(seed));
        let memory = Memory::default();
        let hq = hq_over(&memory);
        let origin =
            Origin { site: 0, epoch: 1 + rng.next() / 4, last: 0, first: 0, skew: 0, lives: Vec::new() };
        put(&hq.store, move |tx| origin.save(tx));
        let mut world = Self {
            rng,
            wall: 1_000_000_000_000,
            hq,
            hq_backup: memory.copied(),
            hq_memory: memory,
            live: Vec::new(),
            backups: BTreeMap::new(),
            delayed: Vec::new(),
            acked: BTreeSet::new(),
            uid: 0,
            seen: Seen::default(),
            last: BTreeMap::new(),
            calm: false,
            nested: 0,
            astray: BTreeSet::new(),
            torn: false,
            hq_restored: false,
        };
        let now = world.now();
        people::found(&world.hq.store, now);
        shelves::found(&world.hq.store, now);
        for _ in 0..DEPOTS {
            world.found();
        }
        world.hq_backup = world.hq_memory.copied();
        world
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall as i64)
    }

    /// A depot is founded; some work for a while before they join.
    fn found(&mut self) {
        let now = self.now();
        let name = format!("depot {}", self.live.len());
        let site = put(&self.hq.store, move |tx| {
            sites::add(tx, &name).map_err(|e| StoreError::Corrupt(e.to_string()))
        });
        let old = self.rng.chance(150);
        let node = Node::over(Memory::default(), site.number, 0, old);
        let e0 = self.rng.next() / 4 + 1;
        let origin = Origin { site: UNENROLLED, epoch: e0, last: 0, first: 0, skew: 0, lives: Vec::new() };
        put(&node.depot.store, move |tx| origin.save(tx));
        self.live.push(Some(node));
        let at = self.live.len() - 1;
        if self.rng.chance(500) {
            for _ in 0..1 + self.rng.below(8) {
                self.write(at);
            }
        }
        let code = format!("code {}", site.number);
        sites::give_code(&self.hq.store, TENANT, site.number, &code, now).unwrap();
        let ask = Enrol {
            code,
            key: serde_bytes::ByteArray::new(CheapKey(site.number).public()),
            sw: "0.2".into(),
            name: "d".into(),
            e0,
        };
        let body = wire::encode(&ask).unwrap();
        let said = self.hq.answer(Call::Enrol, None, Body::plain(&body), now).unwrap();
        let said: Enrolled = wire::decode(&said).unwrap();
        let node = self.live[at].as_ref().unwrap();
        put(&node.depot.store, move |tx| relog::joined(tx, &said));
    }

    /// Somebody at a depot does something.
    fn write(&mut self, at: usize) {
        self.uid += 1;
        let uid = self.uid;
        let poison = !self.calm && self.rng.chance(30);
        let note = if poison { format!("{uid} {POISON}") } else { uid.to_string() };
        let desk = self.rng.below(100);
        let Some(node) = self.live[at].as_ref() else { return };
        let now = Timestamp::from_millis(self.wall as i64 + node.off);
        match desk {
            _ if node.old => {}
            0..15 => return air::write(&mut self.rng, node, now, &note),
            15..32 => return road::write(&mut self.rng, node, now, uid),
            32..54 => return shelves::write(&mut self.rng, node, now, uid),
            _ => {}
        }
        let known = node.depot.store.read(TENANT, |tx| {
            Ok::<_, StoreError>(PARCELS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 100)?.items)
        });
        let known = known.unwrap();
        let (id, event) = if known.is_empty() || (known.len() < 12 && self.rng.chance(200)) {
            let number = format!("RR{}", self.rng.below(6));
            let facts = Facts { remark: Some(note), ..Facts::default() };
            (Id(self.rng.id()), ParcelEvent::Registered(Box::new(Registered { number, facts })))
        } else {
            let id = self.rng.of(&known).value.state.id.0;
            let hands_over = !node.old;
            (id, self.something(Some(note), now, hands_over))
        };
        let node = self.live[at].as_ref().unwrap();
        let done: Result<(), StoreError> = node
            .depot
            .store
            .write(TENANT, Lane::People, move |tx| {
                let cx = Cx::new(tx, &Actor::system(), now, "test")?;
                let old = PARCELS.get(tx, &id)?;
                record::<Parcel>(tx, &cx, id, old, vec![event.clone()]).map(drop)
            })
            .wait();
        done.unwrap();
    }

    fn something(&mut self, note: Option<String>, now: Timestamp, hands_over: bool) -> ParcelEvent {
        match self.rng.below(10) {
            0..4 => {
                let to = *self.rng.of(&[
                    Status::Accepted,
                    Status::AtDepot,
                    Status::InTransit,
                    Status::OutForDelivery,
                    Status::Delivered,
                    Status::Lost,
                ]);
                let late = self.rng.chance(150).then(|| now.before(std::time::Duration::from_secs(3600)));
                ParcelEvent::Moved(Moved { to, at: late, note, ..Moved::default() })
            }
            4..6 => {
                let carrier = Some(format!("c{}", self.rng.below(3)));
                ParcelEvent::Described(Box::new(Described {
                    facts: Facts { remark: note, carrier, ..Facts::default() },
                }))
            }
            6..8 if hands_over => {
                ParcelEvent::HandedOver(HandedOver { to: 1 + self.rng.below(DEPOTS) as u32, note })
            }
            _ => ParcelEvent::Noted(Noted { text: note.unwrap_or_default() }),
        }
    }

    /// Lets headquarters do some of its work.
    pub fn work(&mut self, all: bool) {
        let now = self.now();
        let mut dice = Rng::new(self.wall);
        if !self.calm && dice.chance(60) {
            self.hq_memory.cut(Some(cutter(dice.next())));
        }
        loop {
            let mut busy = false;
            for site in 1..=DEPOTS as u32 {
                if all || self.rng.chance(700) {
                    busy |= apply::step(&self.hq, TENANT, site, now).unwrap_or(false);
                }
            }
            if all || self.rng.chance(700) {
                busy |= route::step(&self.hq, TENANT, now).unwrap_or(false);
            }
            if !all || !busy {
                break;
            }
        }
        self.hq_memory.cut(None);
    }

    /// One depot's turn.
    pub fn turn(&mut self, at: usize) {
        let Some(mut node) = self.live[at].take() else { return };
        if !self.calm && self.rng.chance(60) {
            node.memory.cut(Some(cutter(self.rng.next())));
        }
        let clock = Timestamp::from_millis(self.wall as i64 + node.off);
        let budget = if self.calm {
            Budget::default()
        } else {
            Budget { pushes: self.rng.below(4), pulls: self.rng.below(4), bytes: u64::MAX }
        };
        let most = if self.calm { 500 } else { 1 + self.rng.below(7) };
        put_uncut(&node, most);
        let done = node.depot.turn(&mut Line { world: self }, clock, &budget);
        node.memory.cut(None);
        self.last.insert(node.site, format!("{done:?}"));
        match done {
            Err(SyncError::Store(StoreError::Corrupt(e))) => panic!("site {}: {e}", node.site),
            Err(SyncError::Store(_)) => {
                self.seen.kills += 1;
                node = node.restarted();
            }
            Err(SyncError::Link(LinkError::Refused(r))) => self.note(&r),
            Err(SyncError::Link(LinkError::Down(_))) => {}
            Err(e) => panic!("site {}: {e}", node.site),
            Ok(turn) => self.count(turn.verdict),
        }
        if !self.calm && self.rng.chance(20) {
            node = node.restarted();
        }
        if !node.old {
            node.attend(clock);
        }
        self.live[at] = Some(node);
    }

    fn count(&mut self, verdict: Option<wire::State>) {
        match verdict {
            Some(wire::State::Rejoin) => self.seen.rejoins += 1,
            Some(wire::State::Resupply) => self.seen.resupplies += 1,
            Some(wire::State::Snapshot) => self.seen.snapshots += 1,
            Some(wire::State::Clock) => self.seen.clocks += 1,
            _ => {}
        }
    }

    fn note(&mut self, r: &Refusal) {
        match r.e {
            Code::Fork | Code::Stale => self.seen.forks += 1,
            Code::Clock => self.seen.clocks += 1,
            _ => {}
        }
    }

    /// Something happens; returns what the dice said, and of which depot.
    pub fn happen(&mut self) -> (usize, usize) {
        self.wall += 1 + self.rng.next() % 60_000;
        let at = self.rng.below(self.live.len());
        if self.rng.chance(60) {
            self.share(at);
        }
        if self.rng.chance(50) {
            self.command();
        }
        let dice = self.rng.below(1000);
        match dice {
            0..500 => self.write(at),
            500..780 => self.turn(at),
            780..820 => self.work(false),
            820..860 => {
                if let Some(node) = &self.live[at] {
                    self.backups.insert(node.site, (node.memory.copied(), node.old));
                }
            }
            860..890 => self.restore(at),
            890..900 if self.live.len() < DEPOTS + 2 => {
                if let Some(node) = &self.live[at] {
                    self.astray.insert(node.site);
                    let copy = Node::over(node.memory.copied(), node.site, node.off, node.old);
                    self.live.push(Some(copy));
                }
            }
            900..930 => {
                let off = *self.rng.of(&[0, 0, 90_000, -3_600_000, 86_400_000 * 365]);
                if let Some(node) = self.live[at].as_mut() {
                    node.off = off;
                }
            }
            930..950 => self.let_go(at),
            950..970 => self.hq_backup = self.hq_memory.copied(),
            970..978 => self.restore_hq(),
            978..990 => {
                if let Some(node) = self.live[at].as_ref().filter(|n| n.old) {
                    self.live[at] = Some(Node::over(node.memory.clone(), node.site, node.off, false));
                }
            }
            _ => self.deliver_late(),
        }
        (dice, at)
    }

    /// Something of what headquarters owns changes there, or a depot would like to have it otherwise, or it hears what
    /// headquarters thinks of that.
    fn share(&mut self, at: usize) {
        self.uid += 1;
        let (value, now) = (self.uid.to_string(), self.now());
        match self.rng.below(3) {
            0 => {
                let store = self.hq.store.clone();
                self.reword(&store, now, value, false);
            }
            1 => {
                if let Some(node) = self.live[at].as_ref() {
                    let now = Timestamp::from_millis(self.wall as i64 + node.off);
                    let (store, old) = (node.depot.store.clone(), node.old);
                    self.reword(&store, now, value, old);
                }
            }
            _ => {
                self.settle_wishes(1);
            }
        }
    }

    /// Somebody writes one of the records that headquarters owns; a release before this one knows maps alone.
    fn reword(&mut self, store: &Store, now: Timestamp, value: String, only_maps: bool) {
        match self.rng.below(3) {
            0 if !only_maps => people::change(&mut self.rng, store, now, &value),
            1 if !only_maps => shelves::describe(&mut self.rng, store, now, &value),
            _ => set_map(store, now, self.rng.below(MAPS), value),
        }
    }

    /// Headquarters takes an order and commands it to one of its depots.
    fn command(&mut self) {
        self.uid += 1;
        let (uid, now, depot) = (self.uid, self.now(), 1 + self.rng.below(DEPOTS) as u32);
        shelves::command(&mut self.rng, &self.hq.store, now, (uid, depot));
        self.seen.commands += 1;
    }

    /// Headquarters says its word on up to `most` wishes; true when there was one.
    pub fn settle_wishes(&mut self, most: usize) -> bool {
        let now = self.now();
        let (wishes, _) = self.hq.store.read(TENANT, |tx| proposals::list(tx, None, most)).unwrap();
        for wish in &wishes {
            let (eid, registry) = (wish.pk.clone().try_into().unwrap(), self.hq.registry.clone());
            let word = if self.rng.chance(500) { Word::Accept } else { Word::Decline };
            put(&self.hq.store, move |tx| {
                let cx = Cx::new(tx, &Actor::system(), now, "test")?;
                proposals::settle(tx, &cx, &registry, &eid, word).map(drop)
            });
        }
        !wishes.is_empty()
    }

    /// A depot goes back to its backup. When headquarters did as well, what a third depot holds may be all that is left of
    /// a request; and what a depot was about to offer, record by record, may have come in part.
    fn restore(&mut self, at: usize) {
        let Some(node) = &self.live[at] else { return };
        if let Some((memory, old)) = self.backups.get(&node.site) {
            let offered = node.depot.standing().unwrap().offering.is_some();
            self.torn |= offered || self.hq_restored;
            // Nobody goes back to the release before together with a backup.
            let restored = Node::over(memory.copied(), node.site, node.off, *old && node.old);
            self.astray.insert(node.site);
            self.live[at] = Some(restored);
            self.seen.restores += 1;
        }
    }

    fn let_go(&mut self, at: usize) {
        let Some(node) = &self.live[at] else { return };
        let horizon = Timestamp::MAX;
        put(&node.depot.store, move |tx| relog::trim(tx, horizon, 100).map(drop));
        let site = node.site;
        if self.rng.chance(300) {
            put(&self.hq.store, move |tx| ingest::retain(tx, site, Timestamp::MAX, 100).map(drop));
        }
        if self.rng.chance(300) {
            put(&self.hq.store, move |tx| {
                let last = tx.head(crate::store::DEPOT, tables::own_feed(site))?.last;
                route::trim(tx, site, last.saturating_sub(2), 1000).map(drop)
            });
        }
    }

    fn restore_hq(&mut self) {
        self.hq_memory = self.hq_backup.copied();
        self.hq = hq_over(&self.hq_memory);
        tables::renew(&self.hq.store, TENANT).unwrap();
        self.torn |= self.seen.restores > 0 && !self.astray.is_empty();
        self.hq_restored = true;
        self.seen.restores += 1;
        self.acked.clear();
    }

    fn deliver_late(&mut self) {
        if let Some((token, body)) = self.delayed.pop() {
            let _ = self.answer(Call::Push, token, &body);
        }
    }

    pub fn answer(&mut self, call: Call, token: Option<[u8; 32]>, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        if !self.calm && self.rng.chance(15) {
            self.hq_memory.cut(Some(cutter(self.rng.next())));
        }
        let now = self.now();
        let said = self.hq.answer(call, token.as_ref().map(|t| &t[..]), Body::plain(body), now);
        self.hq_memory.cut(None);
        said
    }

    pub fn lose(&mut self) -> bool {
        !self.calm && self.rng.chance(80)
    }
}
