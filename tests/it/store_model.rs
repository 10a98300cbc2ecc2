//! The state machine: random transactions, many under way at once, held against a map.

use std::collections::BTreeMap;

use crossdock::store::{DEPOT, Dir, Expect, Ix, KeyRange, Lane, LogId, Result, Store, StoreError, WriteTx};
use proptest::prelude::*;

use crate::store_suite::{A, BY, LOG, T, fall, give_up, keys, write};

#[derive(Clone, Debug)]
enum Op {
    Put(Vec<u8>, Vec<u8>, Option<Vec<u8>>, Expect),
    Del(Vec<u8>, Expect),
    Append(Vec<u8>),
    Trim(u64, usize),
    Look(KeyRange, bool, bool, usize),
}

#[derive(Clone, Copy, Debug)]
enum End {
    Keep,
    Fail,
    Panic,
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0_u8, 1, 0xff]), 0..4)
}

fn expect() -> impl Strategy<Value = Expect> {
    prop_oneof![6 => Just(Expect::Any), 1 => Just(Expect::Absent), 1 => (1_u64..4).prop_map(Expect::Rev)]
}

fn op() -> impl Strategy<Value = Op> {
    let look =
        (key(), prop::option::of(key()), prop::option::of(key()), any::<bool>(), any::<bool>(), 1_usize..5);
    prop_oneof![
        4 => (key(), key(), prop::option::of(key()), expect()).prop_map(|(k, b, i, e)| Op::Put(k, b, i, e)),
        2 => (key(), expect()).prop_map(|(k, e)| Op::Del(k, e)),
        2 => key().prop_map(Op::Append),
        1 => (0_u64..20, 0_usize..5).prop_map(|(u, l)| Op::Trim(u, l)),
        2 => look.prop_map(|(from, to, after, by, up, n)| {
            let after = if by { None } else { after };
            Op::Look(KeyRange { from, to, after }, by, up, n)
        }),
    ]
}

type Transaction = (u32, Vec<Op>, End);

fn transactions() -> impl Strategy<Value = Vec<Vec<Transaction>>> {
    let end = prop_oneof![8 => Just(End::Keep), 2 => Just(End::Fail), 1 => Just(End::Panic)];
    let one = (T..T + 2, prop::collection::vec(op(), 1..6), end);
    prop::collection::vec(prop::collection::vec(one, 1..8), 1..6)
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    rows: BTreeMap<Vec<u8>, (u64, Vec<u8>, Option<Vec<u8>>)>,
    floor: u64,
    log: Vec<Vec<u8>>,
}

/// What an operation said: numbers, and the keys a look has found.
type Said = (u64, Vec<Vec<u8>>);

impl Model {
    fn meets(&self, k: &[u8], e: Expect) -> bool {
        let rev = self.rows.get(k).map(|r| r.0);
        match e {
            Expect::Any => true,
            Expect::Absent => rev.is_none(),
            Expect::Rev(n) => rev == Some(n),
        }
    }

    fn apply(&mut self, op: &Op) -> Option<Said> {
        match op {
            Op::Put(k, body, ix, e) => self.meets(k, *e).then(|| {
                let rev = self.rows.get(k).map_or(1, |r| r.0 + 1);
                self.rows.insert(k.clone(), (rev, body.clone(), ix.clone()));
                (rev, vec![])
            }),
            Op::Del(k, e) => self.meets(k, *e).then(|| (self.rows.remove(k).is_some().into(), vec![])),
            Op::Append(blob) => {
                self.log.push(blob.clone());
                Some((self.log.len() as u64, vec![]))
            }
            Op::Trim(upto, limit) => {
                let end = (*upto).min(self.log.len() as u64).min(self.floor + *limit as u64);
                let went = end.saturating_sub(self.floor);
                self.floor += went;
                Some((went, vec![]))
            }
            Op::Look(range, by, up, limit) => {
                let mut found: Vec<(Vec<u8>, Vec<u8>)> = self
                    .rows
                    .iter()
                    .filter_map(|(k, r)| {
                        if *by { r.2.clone().map(|i| (i, k.clone())) } else { Some((k.clone(), k.clone())) }
                    })
                    .filter(|(i, _)| *i >= range.from && range.to.as_ref().is_none_or(|to| i < to))
                    .filter(|(i, _)| range.after.as_ref().is_none_or(|a| if *up { i > a } else { i < a }))
                    .collect();
                found.sort();
                if !up {
                    found.reverse();
                }
                let more = found.len() > *limit;
                found.truncate(*limit);
                Some((more.into(), found.into_iter().map(|(_, k)| k).collect()))
            }
        }
    }
}

fn perform(tx: &mut dyn WriteTx, log: LogId, op: &Op) -> Result<Said> {
    Ok(match op {
        Op::Put(k, body, ix, e) => (tx.put(A, k, body, std::slice::from_ref(ix), *e)?, vec![]),
        Op::Del(k, e) => (tx.del(A, k, *e)?.into(), vec![]),
        Op::Append(blob) => (tx.append(DEPOT, log, blob, [0; 16])?, vec![]),
        Op::Trim(upto, limit) => (tx.trim(DEPOT, log, *upto, *limit)?, vec![]),
        Op::Look(range, by, up, limit) => {
            let page = tx.scan(
                A,
                if *by { BY } else { Ix::Primary },
                range,
                if *up { Dir::Up } else { Dir::Down },
                *limit,
            )?;
            (page.next.is_some().into(), page.recs.into_iter().map(|r| r.pk).collect())
        }
    })
}

/// Runs random transactions on `s` and on the model, and compares.
pub fn the_same_as_a_map(s: &Store) {
    let epoch = std::cell::Cell::new(1);
    let run = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
    .run(&transactions(), |batches| {
        clear(s);
        let log = LogId { epoch: epoch.replace(epoch.get() + 1), ..LOG };
        let mut models = BTreeMap::from([(T, Model::default()), (T + 1, Model::default())]);
        for batch in batches {
            let pending: Vec<_> = batch.iter().cloned().map(|t| submit(s, log, t)).collect();
            for ((tenant, ops, end), p) in batch.into_iter().zip(pending) {
                let model = models.get_mut(&tenant).unwrap();
                let mut trial = model.clone();
                let said: Option<Vec<Said>> = ops.iter().map(|o| trial.apply(o)).collect();
                let expected = said.filter(|_| matches!(end, End::Keep));
                prop_assert_eq!(&p.wait().ok(), &expected);
                if expected.is_some() {
                    *model = trial;
                }
            }
        }
        for (tenant, model) in models {
            compare(s, tenant, log, &model)?;
        }
        Ok(())
    });
    run.unwrap();
}

fn submit(
    s: &Store,
    log: LogId,
    (tenant, ops, end): Transaction,
) -> crossdock::store::Pending<Vec<Said>, StoreError> {
    s.write(tenant, Lane::People, move |tx| {
        let said = ops.iter().map(|o| perform(tx, log, o)).collect::<Result<Vec<_>>>()?;
        match end {
            End::Keep => Ok(said),
            End::Fail => give_up(),
            End::Panic => fall(),
        }
    })
}

/// Removes every record; each case has a log of its own.
fn clear(s: &Store) {
    for tenant in [T, T + 1] {
        let done = write(s, tenant, |tx| {
            let all = keys(tx, A, Ix::Primary, &KeyRange::all(), Dir::Up, 100);
            all.iter().try_for_each(|k| tx.del(A, k, Expect::Any).map(drop))
        });
        done.unwrap();
    }
}

fn compare(s: &Store, tenant: u32, log: LogId, model: &Model) -> std::result::Result<(), TestCaseError> {
    let rows = s.read(tenant, |tx| tx.scan(A, Ix::Primary, &KeyRange::all(), Dir::Up, 1000)).unwrap().recs;
    let rows: Vec<_> = rows.into_iter().map(|r| (r.pk, r.rev, r.body)).collect();
    let expected: Vec<_> = model.rows.iter().map(|(k, r)| (k.clone(), r.0, r.1.clone())).collect();
    prop_assert_eq!(rows, expected);
    let head = s.read(tenant, |tx| tx.head(DEPOT, log)).unwrap();
    prop_assert_eq!((head.last, head.floor), (model.log.len() as u64, model.floor + 1));
    let held = s.read(tenant, |tx| tx.tail(DEPOT, log, 0, 1000)).unwrap();
    let kept: Vec<_> =
        (model.floor + 1..).zip(model.log.iter().skip(model.floor as usize).cloned()).collect();
    prop_assert_eq!(held, kept);
    Ok(())
}
