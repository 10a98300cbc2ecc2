use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::jobs::queue::JOBS;
use crate::journal::change::Header;
use crate::journal::log;
use crate::notify::mail::Letter;
use crate::store::redb::Redb;
use crate::store::{Dir, Ix, KeyRange, Store, StoreError};

const ANA: Id = Id([1; 16]);
const BO: Id = Id([2; 16]);

struct People(Vec<Recipient>);

impl Recipients for People {
    fn for_alerts(&self, _: &dyn ReadTx) -> Result<Vec<Recipient>> {
        Ok(self.0.clone())
    }
}

/// Cases of which every tenth is the distributor foo's; looking them up can be made to fail.
#[derive(Clone, Default)]
struct Desk(Arc<AtomicBool>);

impl CaseLines for Desk {
    fn lines(&self, _: &dyn ReadTx, ids: &[Id]) -> Result<Vec<(Id, CaseLine)>> {
        if self.0.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Io("the power is gone".into()));
        }
        let line = |id: &Id| CaseLine {
            reason: "damaged".into(),
            group: Group::Handling,
            role: "clerk".into(),
            owner: None,
            label: format!("P{}", id.0[0]),
            detail: "wet\nand torn".into(),
            distributor: Some(if id.0[0].is_multiple_of(10) { "foo" } else { "bar" }.into()),
        };
        Ok(ids.iter().map(|id| (*id, line(id))).collect())
    }
}

fn at(s: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).after(Duration::from_secs(s))
}

fn recipient(user: Id, scope: Scope) -> Recipient {
    let email = Some(format!("{}@example.com", user.0[0]));
    Recipient { user, role: "clerk".into(), email, language: "pt-BR".into(), scope }
}

fn alerts(people: Vec<Recipient>, desk: &Desk) -> Alerts {
    Alerts {
        recipients: Arc::new(People(people)),
        cases: Arc::new(desk.clone()),
        channels: vec![Arc::new(crate::notify::channel::Email)],
        base: "https://depot.example.com/".into(),
        every: Duration::from_secs(60),
    }
}

fn depot() -> Ctx {
    Ctx { store: Store::new(Redb::memory().unwrap()), tenant: 1 }
}

/// `n` changes of site `o`, each of which opened a case.
fn open(ctx: &Ctx, n: u32, o: u32, quiet: bool) {
    let opened = ctx.store.write(1, Lane::Bulk, move |tx| {
        for i in 0..n {
            let mut id = Id::fresh();
            id.0[0] = u8::try_from(i % 250).unwrap();
            let header = Header { o, e: 1, s: u64::from(i) + 1, t: 1, k: 1, v: 1, id, u: 0 };
            let blob = change::encode(&header, &[0x80])?;
            log::append_applied(
                tx,
                &Applied { prev: 0, audit: 0, adj: 0, quiet, carrier: 0, word: None, opened: vec![id], blob },
            )?;
        }
        Result::Ok(())
    });
    opened.wait().unwrap();
}

/// Lets it work until there is nothing to do.
fn work(alerts: &Alerts, ctx: &Ctx, now: Timestamp) -> Step {
    for _ in 0..1_000 {
        match alerts.step(ctx, now) {
            Ok(Step::Worked) | Err(_) => {}
            Ok(idle) => return idle,
        }
    }
    panic!("it never came to rest");
}

fn letters(ctx: &Ctx) -> Vec<Letter> {
    let rows = ctx.store.read(1, |tx| JOBS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 100)).unwrap();
    rows.items.iter().map(|e| rmp_serde::from_slice(&e.value.payload).unwrap()).collect()
}

#[test]
fn a_thousand_new_cases_make_one_mail() {
    let (ctx, desk) = (depot(), Desk::default());
    let alerts = alerts(vec![recipient(ANA, Scope::Tenant)], &desk);
    open(&ctx, 1_000, UNENROLLED, false);
    assert_eq!(work(&alerts, &ctx, at(0)), Step::IDLE);
    let [letter] = &letters(&ctx)[..] else { panic!("one mail") };
    assert_eq!((letter.to.as_str(), letter.subject.as_str()), ("1@example.com", "1000 casos novos"));
    assert!(
        letter.text.contains("\nP19  damaged  wet\ne mais 980\n") && !letter.text.contains("P20"),
        "{}",
        letter.text
    );
    assert!(letter.text.ends_with("https://depot.example.com/cases\n"), "{}", letter.text);
    let shown = ctx.store.read(1, |tx| inbox::list(tx, ANA, None, 10)).unwrap();
    assert_eq!(shown.items.len(), 1);
}

#[test]
fn more_cases_wait_for_the_interval_and_none_is_lost() {
    let (ctx, desk) = (depot(), Desk::default());
    let alerts = alerts(vec![recipient(ANA, Scope::Tenant)], &desk);
    open(&ctx, 1, UNENROLLED, false);
    work(&alerts, &ctx, at(0));
    for s in [10, 20, 30] {
        open(&ctx, 600, UNENROLLED, false);
        assert_eq!(work(&alerts, &ctx, at(s)), Step::IdleUntil(at(60)));
    }
    assert_eq!(work(&alerts, &ctx, at(60)), Step::IDLE);
    let subjects: Vec<_> = letters(&ctx).into_iter().map(|l| l.subject).collect();
    assert_eq!(subjects, ["1 caso novo", "1800 casos novos"]);
    open(&ctx, u32::try_from(MAX_GATHERED).unwrap(), UNENROLLED, false);
    work(&alerts, &ctx, at(61));
    assert_eq!(letters(&ctx).len(), 3, "a full basket does not wait");
}

#[test]
fn a_failure_before_the_mails_are_noted_repeats_nothing_and_loses_nothing() {
    let (ctx, desk) = (depot(), Desk::default());
    let alerts = alerts(vec![recipient(ANA, Scope::Tenant)], &desk);
    open(&ctx, 40, UNENROLLED, false);
    desk.0.store(true, Ordering::SeqCst);
    assert!(alerts.step(&ctx, at(0)).is_err());
    assert!(letters(&ctx).is_empty());
    let crashing = alerts.clone();
    let crashed: Result<()> = ctx
        .store
        .write(1, Lane::Bulk, move |tx| {
            crashing.digest(tx, at(0))?;
            Err(StoreError::Io("the power is gone".into()))
        })
        .wait();
    assert!(crashed.is_err() && letters(&ctx).is_empty());
    work(&alerts, &ctx, at(1));
    work(&alerts, &ctx, at(100));
    let subjects: Vec<_> = letters(&ctx).into_iter().map(|l| l.subject).collect();
    assert_eq!(subjects, ["40 casos novos"]);
}

#[test]
fn nobody_is_told_of_a_quiet_past_or_of_another_site() {
    let (ctx, desk) = (depot(), Desk::default());
    let alerts = alerts(vec![recipient(ANA, Scope::Tenant)], &desk);
    open(&ctx, 5, UNENROLLED, true);
    open(&ctx, 5, 7, false);
    assert_eq!(work(&alerts, &ctx, at(0)), Step::IDLE);
    assert!(letters(&ctx).is_empty());
}

#[test]
fn a_partner_is_told_of_its_own_cases_and_who_has_no_mail_on_the_screen() {
    let (ctx, desk) = (depot(), Desk::default());
    let partner = recipient(BO, Scope::Distributors(vec!["foo".into()]));
    let ana = Recipient { email: None, ..recipient(ANA, Scope::Tenant) };
    let nobody = recipient(Id([3; 16]), Scope::Distributors(vec!["qux".into()]));
    let alerts = alerts(vec![partner, ana, nobody], &desk);
    open(&ctx, 30, UNENROLLED, false);
    work(&alerts, &ctx, at(0));
    let sent: Vec<_> = letters(&ctx).into_iter().map(|l| (l.to, l.subject)).collect();
    assert_eq!(sent, [("2@example.com".to_owned(), "3 casos novos".to_owned())]);
    let title = |user| {
        let rows = ctx.store.read(1, |tx| inbox::list(tx, user, None, 10)).unwrap();
        rows.items.into_iter().map(|e| e.value.title).collect::<Vec<_>>()
    };
    assert_eq!(title(ANA), ["30 casos novos"]);
    assert!(title(Id([3; 16])).is_empty());
}

/// What users want and the house plans, kept.
fn wanted(ctx: &Ctx, user: Id, wishes: plan::Wishes, quiet: Option<plan::Quiet>) {
    let kept = ctx.store.write(1, Lane::People, move |tx| {
        let cx = crate::journal::Cx::new(tx, &crate::identity::grant::Actor::system(), at(0), "test")?;
        let plan = Plan { quiet, ..Plan::default() };
        crate::journal::reference::set(tx, &cx, plan::plan_id(), Some(plan))?;
        plan::want(tx, user, &wishes)
    });
    kept.wait().unwrap();
}

#[test]
fn what_comes_in_quiet_hours_is_one_mail_when_they_end_and_none_is_lost() {
    let (ctx, desk) = (depot(), Desk::default());
    let alerts = alerts(vec![recipient(ANA, Scope::Tenant)], &desk);
    // at(0) is 22:13:20 UTC
    wanted(&ctx, ANA, plan::Wishes::default(), Some(plan::Quiet { from: 22 * 60, to: 6 * 60 }));
    let morning = at(0).after(Duration::from_secs(7 * 3_600 + 46 * 60 + 40));
    for s in [0, 100, 200] {
        open(&ctx, 10, UNENROLLED, false);
        assert_eq!(work(&alerts, &ctx, at(s)), Step::IdleUntil(morning));
    }
    assert!(letters(&ctx).is_empty(), "nobody is written to at night");
    let shown = ctx.store.read(1, |tx| inbox::list(tx, ANA, None, 10)).unwrap();
    assert_eq!(shown.items.len(), 3, "on the screen it is told at once");
    work(&alerts, &ctx, morning);
    let sent: Vec<_> = letters(&ctx).into_iter().map(|l| l.subject).collect();
    assert_eq!(sent, ["30 casos novos"]);
    open(&ctx, 1, UNENROLLED, false);
    work(&alerts, &ctx, morning.after(Duration::from_secs(60)));
    assert_eq!(letters(&ctx).len(), 2);
}

#[test]
fn who_opts_out_is_told_on_the_screen_alone_and_who_wants_a_digest_gets_one() {
    let (ctx, desk) = (depot(), Desk::default());
    let alerts = alerts(vec![recipient(ANA, Scope::Tenant), recipient(BO, Scope::Tenant)], &desk);
    wanted(&ctx, ANA, plan::Wishes { off: vec![Topic::NewCases], ..plan::Wishes::default() }, None);
    wanted(&ctx, BO, plan::Wishes { digest_minutes: Some(60), ..plan::Wishes::default() }, None);
    let hour = at(0).after(Duration::from_secs(46 * 60 + 40));
    for s in [0, 100] {
        open(&ctx, 25, UNENROLLED, false);
        assert_eq!(work(&alerts, &ctx, at(s)), Step::IdleUntil(hour));
    }
    work(&alerts, &ctx, hour);
    let sent: Vec<_> = letters(&ctx).into_iter().map(|l| (l.to, l.subject)).collect();
    assert_eq!(sent, [("2@example.com".to_owned(), "50 casos novos".to_owned())]);
    let shown = ctx.store.read(1, |tx| inbox::list(tx, ANA, None, 10)).unwrap();
    assert_eq!(shown.items.len(), 2);
}
