//! Whether headquarters holds the same: sums of buckets are compared, and what differs is named one by one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::digest;
use super::super::wire::{Call, DigestAnswer, DigestAsk, Each, MAX_NAMED};
use super::{Budget, Depot, Link, SyncError};
use crate::base::clock::Clock;
use crate::base::ids::Id;

/// How often headquarters is asked again while it is still taking in what it got.
const TRIES: u32 = 300;
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(200);
/// Differences that are named.
pub const MAX_DIFFERENCES: usize = 100;

/// One aggregate that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its type.
    pub record: &'static str,
    /// Which.
    pub id: Id,
    /// Whether this depot holds it.
    pub here: bool,
    /// Whether headquarters does.
    pub there: bool,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Aggregates held here within the depot's scope.
    pub held: u64,
    /// Buckets that differ.
    pub buckets: usize,
    /// What differs in them, at most [`MAX_DIFFERENCES`].
    pub differences: Vec<Difference>,
    /// What headquarters had not yet taken in when it was asked last.
    pub behind: u64,
}

impl Depot {
    /// Exchanges everything, then compares. Whoever writes meanwhile makes a difference that is none.
    ///
    /// # Errors
    /// As a turn's.
    pub fn verify(&mut self, link: &mut dyn Link, clock: &Clock) -> Result<Compared, SyncError> {
        let (mut before, mut tries) = (None, 0);
        loop {
            while self.exchange(link, clock.now(), &Budget::default())?.more {}
            let ours = digest::of_depot(&self.store, self.tenant, &self.registry, &DigestAsk::default())?;
            let theirs: DigestAnswer = self.ask(link, Call::Digest, &DigestAsk::default())?;
            let differing = digest::differing(&ours, &theirs);
            tries += 1;
            // What differs twice in the same way, with headquarters at rest, does differ.
            let settled = theirs.behind == 0 && before.as_ref() == Some(&differing);
            if differing.is_empty() || settled || tries == TRIES {
                let mut found = Compared {
                    held: ours.d.iter().map(|b| b.1).sum(),
                    buckets: differing.len(),
                    behind: theirs.behind,
                    differences: Vec::new(),
                };
                for some in differing.chunks(MAX_NAMED) {
                    self.name(link, some, &mut found.differences)?;
                    if found.differences.len() >= MAX_DIFFERENCES {
                        break;
                    }
                }
                found.differences.truncate(MAX_DIFFERENCES);
                return Ok(found);
            }
            before = (theirs.behind == 0).then_some(differing);
            std::thread::sleep(PAUSE);
        }
    }

    fn name(
        &mut self,
        link: &mut dyn Link,
        buckets: &[u32],
        out: &mut Vec<Difference>,
    ) -> Result<(), SyncError> {
        let ask = DigestAsk { b: buckets.to_vec(), each: true };
        let ours = digest::of_depot(&self.store, self.tenant, &self.registry, &ask)?;
        let theirs: DigestAnswer = self.ask(link, Call::Digest, &ask)?;
        let map = |d: DigestAnswer| d.each.into_iter().map(|Each(k, id, h)| ((k, id), h)).collect();
        let (ours, theirs): (BTreeMap<_, _>, BTreeMap<_, _>) = (map(ours), map(theirs));
        let mut keys: Vec<_> = ours.keys().chain(theirs.keys()).copied().collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys.into_iter().filter(|k| ours.get(k) != theirs.get(k)) {
            let (kind, id) = key;
            out.push(Difference {
                record: self.registry.of(kind).map_or("record", |f| f.name),
                id: Id(*id),
                here: ours.contains_key(&key),
                there: theirs.contains_key(&key),
            });
        }
        Ok(())
    }
}
