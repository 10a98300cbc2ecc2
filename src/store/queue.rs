//! Who waits for the writer, and which of them make the next group.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Lane, Result, Tenant, WriteFn};

/// One write that waits for its turn.
pub(super) struct Request {
    pub(super) tenant: Tenant,
    pub(super) lane: Lane,
    pub(super) f: WriteFn,
    pub(super) done: oneshot::Sender<Result<()>>,
}

/// What waits: people before work that has time.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) people: VecDeque<Request>,
    pub(super) bulk: VecDeque<Request>,
    /// Groups that ran out of time before the waiting import chunk had its turn.
    passed: u32,
    pub(super) closing: bool,
    /// When a person last wrote.
    pub(super) people_seen: Option<std::time::Instant>,
}

/// After so many groups the import chunk goes first, however many people wait.
const PASSED_MOST: u32 = 8;

impl Queue {
    /// People first, then at most one import chunk; the chunk first when it was passed over too often.
    pub(super) fn take(&mut self, most: usize) -> Vec<Request> {
        let first = self.passed >= PASSED_MOST;
        let mut group = Vec::from_iter(if first { self.bulk.pop_front() } else { None });
        let n = self.people.len().min(most.saturating_sub(group.len()));
        group.extend(self.people.drain(..n));
        if first {
            self.passed = 0;
        } else if group.len() < most {
            group.extend(self.bulk.pop_front());
        } else if !self.bulk.is_empty() {
            self.passed += 1;
        }
        group
    }

    /// Takes back, in their order, those whose turn did not come.
    pub(super) fn put_back(&mut self, rest: Vec<Request>) {
        for request in rest.into_iter().rev() {
            match request.lane {
                Lane::People => self.people.push_front(request),
                Lane::Bulk => {
                    self.passed += 1;
                    self.bulk.push_front(request);
                }
            }
        }
    }
}

/// Whether to wait a moment for more company. A writer that starts at once gets every second half of a crowd whose
/// answers it has just sent; an eighth of the last group's time brings the rest, and costs nothing where it does not.
#[derive(Default)]
pub(super) struct Gather {
    last: Duration,
    pub(super) crowd: usize,
    waited: bool,
    skip: u32,
}

impl Gather {
    const FROM: Duration = Duration::from_micros(500);

    pub(super) fn worth_waiting(&mut self, here: usize, most: usize) -> Option<Duration> {
        self.waited = false;
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if self.last < Self::FROM || here >= self.crowd || here >= most {
            return None;
        }
        self.waited = true;
        Some(self.last / 8)
    }

    pub(super) fn learn(&mut self, took: Duration, size: usize) {
        if self.waited && size < self.crowd {
            self.skip = 8;
        }
        self.last = took;
        self.crowd = size.max(self.crowd - self.crowd.div_ceil(8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Verdict;

    fn request(tenant: Tenant, lane: Lane) -> Request {
        Request { tenant, lane, f: Box::new(|_| Verdict::Commit), done: oneshot::channel().0 }
    }

    fn queue(people: u32, bulk: u32) -> Queue {
        let of = |range: std::ops::Range<u32>, lane| range.map(|n| request(n, lane)).collect();
        Queue {
            people: of(0..people, Lane::People),
            bulk: of(100..100 + bulk, Lane::Bulk),
            ..Queue::default()
        }
    }

    fn numbers(group: &[Request]) -> Vec<u32> {
        group.iter().map(|r| r.tenant).collect()
    }

    #[test]
    fn a_group_is_people_and_one_import_chunk() {
        let mut q = queue(3, 2);
        assert_eq!(numbers(&q.take(9)), [0, 1, 2, 100]);
        assert_eq!(numbers(&q.take(9)), [101]);
        assert!(q.take(9).is_empty());
    }

    #[test]
    fn those_left_over_go_back_to_the_front_of_their_own_lane() {
        let mut q = queue(3, 2);
        let rest = q.take(9).split_off(1);
        q.people.push_back(request(7, Lane::People));
        q.put_back(rest);
        assert_eq!(numbers(&q.take(9)), [1, 2, 7, 100]);
    }

    #[test]
    fn an_import_chunk_is_not_passed_over_for_ever() {
        let mut q = queue(100, 2);
        let before = (0..).take_while(|_| !numbers(&q.take(2)).contains(&100)).count();
        assert_eq!(before, PASSED_MOST as usize);
        assert!(!numbers(&q.take(2)).contains(&101));
    }

    #[test]
    fn company_is_waited_for_only_where_it_came_before() {
        let mut g = Gather::default();
        assert_eq!(g.worth_waiting(1, 256), None);
        g.learn(Duration::from_millis(8), 16);
        assert_eq!(g.worth_waiting(8, 256), Some(Duration::from_millis(1)));
        assert_eq!(g.worth_waiting(16, 256), None);
        assert_eq!(g.worth_waiting(8, 8), None);
        g.learn(Duration::from_micros(100), 16);
        assert_eq!(g.worth_waiting(8, 256), None);
    }

    #[test]
    fn a_crowd_that_is_gone_is_forgotten() {
        let mut g = Gather::default();
        g.learn(Duration::from_millis(8), 200);
        for _ in 0..100 {
            g.learn(Duration::from_millis(8), 1);
        }
        assert_eq!((g.crowd, g.worth_waiting(1, 256)), (1, None));
    }

    #[test]
    fn waiting_in_vain_is_not_repeated_at_once() {
        let mut g = Gather::default();
        g.learn(Duration::from_millis(8), 64);
        assert!(g.worth_waiting(1, 256).is_some());
        g.learn(Duration::from_millis(8), 1);
        assert!((0..8).all(|_| g.worth_waiting(1, 256).is_none()));
        assert!(g.worth_waiting(1, 256).is_some());
    }
}
