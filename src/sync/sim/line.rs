//! The line between a depot and headquarters.

use std::sync::Mutex;

use super::node::is_shared;
use super::random::Rng;
use super::world::World;
use crate::journal::change;
use crate::store::memory::{Cut, Cutter};
use crate::sync::depot::{Link, LinkError};
use crate::sync::wire::{self, Call, Push};

/// Cuts one of the next writes off.
pub fn cutter(seed: u64) -> Cutter {
    let rng = Mutex::new(Rng::new(seed));
    Box::new(move || {
        let mut rng = rng.lock().unwrap();
        rng.chance(250).then(|| if rng.chance(500) { Cut::Before } else { Cut::After })
    })
}

/// The line to headquarters, as bad as lines are.
pub struct Line<'a> {
    pub world: &'a mut World,
}

impl Link for Line<'_> {
    fn ask(&mut self, call: Call, token: Option<&[u8; 32]>, body: &[u8]) -> Result<Vec<u8>, LinkError> {
        let w = &mut *self.world;
        let down = || LinkError::Down("lost".into());
        if w.lose() {
            if call == Call::Push && w.rng.chance(500) && w.delayed.len() < 8 {
                w.delayed.push((token.copied(), body.to_vec()));
            }
            return Err(down());
        }
        if !w.calm && w.rng.chance(10) {
            // Cut in the middle: what arrives is no message.
            let cut = w.rng.below(body.len().max(1));
            let said = w.answer(call, token.copied(), &body[..cut]);
            assert!(said.is_err(), "half a {} was taken for a whole one", call.name());
            return Err(down());
        }
        let said = w.answer(call, token.copied(), body);
        if !w.calm && call == Call::Push && w.rng.chance(100) {
            let _ = w.answer(call, token.copied(), body);
        }
        if !w.calm && w.rng.chance(150) {
            w.work(false);
        }
        // Another depot, or a copy of this one, gets in between.
        if !w.calm && call == Call::Session && w.rng.chance(80) && w.nested < 2 {
            let other = w.rng.below(w.live.len());
            w.nested += 1;
            w.turn(other);
            w.nested -= 1;
        }
        if w.lose() {
            return Err(down());
        }
        if call == Call::Push && said.is_ok() {
            let push: Push = wire::decode(body).unwrap();
            // A wish is settled and then gone.
            let kept = push.ch.iter().filter(|b| !is_shared(change::decode(b).unwrap().0.k));
            w.acked.extend(kept.map(|blob| change::eid(blob)));
        }
        Ok(said?)
    }
}
