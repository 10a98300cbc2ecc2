//! Greedy insertion with blinks: now and then the best place is overlooked.

use super::model::{NOT_ALONE, Neighbour};
use super::state::State;
use crate::routing::rng::Rng;

/// Chance (of 65,536) to overlook a place: 0.01.
const BLINK: u64 = 655;
/// Chances of the insertion orders: random, demand, far, close, then narrow, early, late windows.
const ORDER_CHANCES: [usize; 7] = [4, 4, 2, 1, 2, 2, 2];

impl State<'_> {
    /// Puts the removed and the absent customers back where they cost least.
    pub(crate) fn recreate(&mut self, rng: &mut Rng) {
        let mut out = std::mem::take(&mut self.out);
        for &c in &out {
            self.cost += self.model.skip[c as usize];
        }
        out.append(&mut self.absent);
        self.sort(&mut out, rng);
        for &c in &out {
            let c = c as usize;
            let spot = if self.model.timed {
                self.best_spot::<true>(c, rng)
            } else {
                self.best_spot::<false>(c, rng)
            };
            match spot {
                Some((after, delta)) if self.worth(c, after, delta) => {
                    self.insert(c, after, delta);
                    self.cost -= self.model.skip[c];
                }
                _ => self.absent.push(c as u32),
            }
        }
        out.clear();
        self.out = out;
    }

    fn worth(&self, c: usize, after: usize, delta: i32) -> bool {
        let opened = if after >= self.model.n && self.lanes[self.nodes[after].lane as usize].len == 0 {
            self.model.fixed
        } else {
            0
        };
        self.model.weight[c] > 0 || i64::from(delta) + opened < self.model.skip[c]
    }

    fn sort(&self, out: &mut [u32], rng: &mut Rng) {
        let orders = &self.model.orders;
        let sum: usize = ORDER_CHANCES[..=orders.len()].iter().sum();
        let mut drawn = rng.below(sum);
        let mut order = 0;
        while drawn >= ORDER_CHANCES[order] {
            drawn -= ORDER_CHANCES[order];
            order += 1;
        }
        rng.shuffle(out);
        if order > 0 {
            let rank = &orders[order - 1];
            out.sort_unstable_by_key(|&c| rank[c as usize]);
        }
    }

    /// Change of arc costs when `c` stands behind `after`, if load and times allow it.
    pub(crate) fn fits(&self, c: usize, after: usize) -> Option<i32> {
        let node = &self.nodes[after];
        let facts = self.model.facts[c];
        if self.lanes[node.lane as usize].room < facts.demand {
            return None;
        }
        let (from, to) = (self.place(after), node.succ_place as usize);
        if self.model.timed {
            let at = (node.leave + self.model.time(from, c)).max(facts.open);
            let on = at + facts.service + self.model.time(c, to);
            if at > facts.close || on > self.nodes[node.succ as usize].late {
                return None;
            }
        }
        Some(self.model.cost(from, c) + self.model.cost(c, to) - node.gap)
    }

    /// The cheapest feasible place for `c`: the node before it and the change of cost.
    fn best_spot<const TIMED: bool>(&mut self, c: usize, rng: &mut Rng) -> Option<(usize, i32)> {
        let mut best = i32::MAX;
        let mut spot = usize::MAX;
        self.scan_after::<TIMED>(c, &mut best, &mut spot, rng);
        self.scan_before::<TIMED>(c, &mut best, &mut spot, rng);
        let fixed = self.model.fixed.min(i64::from(i32::MAX / 2)) as i32;
        let alone = self.model.alone[c];
        let lane = if alone == NOT_ALONE { None } else { self.empty_lane() };
        // A lane of its own that costs nothing more is as good as a place far from all neighbours.
        if spot == usize::MAX && self.model.pruned && (lane.is_none() || fixed > 0) {
            self.scan_all(c, &mut best, &mut spot);
        }
        if let Some(lane) = lane
            && alone.saturating_add(fixed) < best
        {
            return Some((self.model.n + 2 * lane, alone));
        }
        (spot != usize::MAX).then_some((spot, best))
    }

    /// The longest arc to a neighbour beside which a place can be cheaper than `best`: by the triangle inequality a
    /// place costs at least twice that arc less the one it replaces. Replaced arcs are taken to be at most half the
    /// slack: that passes over a few places and most of the work.
    #[inline]
    fn reach(&self, best: i32) -> i32 {
        best.saturating_add(self.slack) / 2
    }

    fn scan_after<const TIMED: bool>(&self, c: usize, best: &mut i32, spot: &mut usize, rng: &mut Rng) {
        let model = self.model;
        let facts = model.facts[c];
        let least = model.least_out[c];
        let out = model.row(0, c);
        let (time_in, time_out) = (model.row(model.time_to, c), model.row(model.time_from, c));
        let mut reach = i32::MAX;
        for &Neighbour { node: j, arc } in model.after.of(c) {
            if arc > reach {
                break;
            }
            let node = &self.nodes[j as usize];
            let detour = arc - node.gap;
            if detour + least.max(if model.symmetric { detour } else { 0 }) >= *best {
                continue;
            }
            if self.lanes[node.lane as usize].room < facts.demand {
                continue;
            }
            let to = node.succ_place as usize;
            let delta = arc + out[to] - node.gap;
            if delta >= *best {
                continue;
            }
            if TIMED {
                let at = (node.leave + time_in[j as usize]).max(facts.open);
                let on = at + facts.service + time_out[to];
                if at > facts.close || on > self.nodes[node.succ as usize].late {
                    continue;
                }
            }
            if rng.chance(BLINK) {
                continue;
            }
            *best = delta;
            *spot = j as usize;
            reach = self.reach(delta);
        }
    }

    fn scan_before<const TIMED: bool>(&self, c: usize, best: &mut i32, spot: &mut usize, rng: &mut Rng) {
        let model = self.model;
        let facts = model.facts[c];
        let inward = model.row(model.cost_to, c);
        let (time_in, time_out) = (model.row(model.time_to, c), model.row(model.time_from, c));
        let mut reach = self.reach(*best);
        for &Neighbour { node: j, arc } in model.before.of(c) {
            if arc > reach {
                break;
            }
            let node = &self.nodes[j as usize];
            if self.lanes[node.lane as usize].room < facts.demand {
                continue;
            }
            let p = node.pred as usize;
            let ahead = &self.nodes[p];
            let from = self.place(p);
            let delta = arc + inward[from] - ahead.gap;
            if delta >= *best {
                continue;
            }
            if TIMED {
                let at = (ahead.leave + time_in[from]).max(facts.open);
                let on = at + facts.service + time_out[j as usize];
                if at > facts.close || on > node.late {
                    continue;
                }
            }
            if rng.chance(BLINK) {
                continue;
            }
            *best = delta;
            *spot = p;
            reach = self.reach(delta);
        }
    }

    /// Every place of every lane, for a customer whose neighbourhood has none.
    fn scan_all(&self, c: usize, best: &mut i32, spot: &mut usize) {
        let demand = self.model.facts[c].demand;
        for lane in 0..self.model.lanes {
            let state = self.lanes[lane];
            if state.len == 0 || state.room < demand {
                continue;
            }
            let mut at = self.model.n + 2 * lane;
            for _ in 0..=state.len {
                if let Some(delta) = self.fits(c, at)
                    && delta < *best
                {
                    *best = delta;
                    *spot = at;
                }
                at = self.nodes[at].succ as usize;
            }
        }
    }
}
