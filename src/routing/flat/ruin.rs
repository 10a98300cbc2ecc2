//! Removal of strings of neighbouring customers (Christiaens and Vanden Berghe, "Slack induction by string
//! removals", Transportation Science 54(2), 2020).

use super::state::State;
use crate::routing::rng::Rng;

/// Longest string.
const LONGEST: f64 = 10.0;
/// Chance (of 65,536) that one more customer stays inside a split string: 0.01.
const STAY_LONGER: u64 = 655;

impl State<'_> {
    /// Removes strings around a random customer.
    pub(crate) fn ruin(&mut self, rng: &mut Rng) {
        self.out.clear();
        self.ruined.clear();
        let n = self.model.n;
        let planned = n - self.absent.len();
        if planned == 0 {
            return;
        }
        let mean = planned as f64 / self.used.max(1) as f64;
        let longest = LONGEST.min(mean).max(1.0);
        let most = 4.0 * self.intensity / (1.0 + longest) - 1.0;
        let strings = (rng.unit() * most + 1.0) as usize;
        let seed = rng.below(n);
        let from = seed * self.model.near_len;
        for at in from..from + self.model.near_len {
            if self.ruined.len() >= strings {
                break;
            }
            let c = self.model.near[at] as usize;
            let lane = self.nodes[c].lane;
            if lane as usize == self.model.lanes || self.ruined.contains(&lane) {
                continue;
            }
            let len = self.lanes[lane as usize].len as usize;
            let length = (rng.unit() * longest.min(len as f64) + 1.0) as usize;
            let length = length.min(len);
            if length < len && length > 1 && rng.next() & 1 == 0 {
                self.cut_split(c, length, len, rng);
            } else {
                let (first, last) = self.string(c, length, rng);
                self.try_cut(first, last);
            }
            self.ruined.push(lane);
        }
    }

    /// A random piece of `length` customers that contains `c`: its first and last customer.
    fn string(&self, c: usize, length: usize, rng: &mut Rng) -> (usize, usize) {
        let n = self.model.n;
        let (mut first, mut ahead) = (c, 0);
        while ahead + 1 < length && (self.nodes[first].pred as usize) < n {
            first = self.nodes[first].pred as usize;
            ahead += 1;
        }
        let (mut last, mut behind) = (c, 0);
        while behind + 1 < length && (self.nodes[last].succ as usize) < n {
            last = self.nodes[last].succ as usize;
            behind += 1;
        }
        let spare = ahead + behind + 1 - length;
        for _ in 0..rng.below(spare + 1) {
            first = self.nodes[first].succ as usize;
        }
        let mut last = first;
        for _ in 1..length {
            last = self.nodes[last].succ as usize;
        }
        (first, last)
    }

    /// Removes `length` customers around `c`, leaving a piece in their midst standing.
    fn cut_split(&mut self, c: usize, length: usize, len: usize, rng: &mut Rng) {
        let mut stay = 1;
        while length + stay < len && rng.chance(STAY_LONGER) {
            stay += 1;
        }
        let (first, last) = self.string(c, length + stay, rng);
        let head = 1 + rng.below(length - 1);
        let mut head_end = first;
        for _ in 1..head {
            head_end = self.nodes[head_end].succ as usize;
        }
        let mut tail = head_end;
        for _ in 0..=stay {
            tail = self.nodes[tail].succ as usize;
        }
        self.try_cut(first, head_end);
        self.try_cut(tail, last);
    }

    fn try_cut(&mut self, first: usize, last: usize) {
        if self.can_cut(first, last) {
            self.cut(first, last);
        }
    }
}
