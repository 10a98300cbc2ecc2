//! Invented air freight: a dozen waybills at every stage, some of them late, held or running up storage.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::Timestamp;
use crate::base::money::Money;
use crate::base::units::Grams;
use crate::freight::accounts;
use crate::freight::bills::{Bill, BillLine};
use crate::freight::error::{FreightError, Result};
use crate::freight::free::{CountsFrom, FreeRule, Tariff, TariffStep};
use crate::freight::model::{BillKind, Facts, HouseFacts, Party, Pickup, Unit};
use crate::freight::service::{self, Advance, Customs, NewMawb, Reported};
use crate::freight::terminals::{Charge, Terminal};
use crate::freight::{desk, fsu, houses, inbox};
use crate::identity::features::Feature;
use crate::identity::grant::{Actor, Grant, Principal};
use crate::journal::{Cx, reference};
use crate::store::{Lane, Store, StoreError, Tenant, WriteTx};

/// Where they go to.
const STATION: &str = "GRU";
const ZONE: &str = "America/Sao_Paulo";

/// One waybill: what is known of it, and what was reported, in hours from now.
struct Story {
    prefix: &'static str,
    serial: u32,
    from: &'static str,
    flight: &'static str,
    pieces: u32,
    kg: u32,
    /// Hours from now; before now when negative.
    eta: i64,
    goods: &'static str,
    consignee: &'static str,
    /// Code, hours from now, pieces where it is a part.
    told: &'static [(&'static str, i64, Option<u32>)],
    more: More,
}

/// What else there is to tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    Nothing,
    Houses,
    Held,
    /// Its charge is billed.
    Billed,
    /// It is paid, free and booked.
    Booked,
    /// A unit went out with it.
    UnitOut,
}

#[rustfmt::skip] // in rows, to be compared
const STORIES: [Story; 12] = [
    Story { prefix: "020", serial: 1_234_567, from: "FRA", flight: "LH8264", pieces: 10, kg: 250, eta: 30, goods: "machine parts", consignee: "Oficina Aurora", told: &[("RCS", -10, None)], more: More::Houses },
    Story { prefix: "176", serial: 7_216_072, from: "DXB", flight: "EK9903", pieces: 4, kg: 820, eta: 14, goods: "electronics", consignee: "Loja Central", told: &[("RCS", -20, None), ("DEP", -4, None)], more: More::Nothing },
    Story { prefix: "047", serial: 4_410_233, from: "LIS", flight: "TP087", pieces: 22, kg: 540, eta: 6, goods: "textiles", consignee: "Tecidos do Porto", told: &[("DEP", -5, None)], more: More::Houses },
    Story { prefix: "057", serial: 9_018_221, from: "CDG", flight: "AF454", pieces: 7, kg: 95, eta: -5, goods: "cosmetics", consignee: "Perfumaria Sol", told: &[("DEP", -17, None)], more: More::Nothing },
    Story { prefix: "020", serial: 2_201_118, from: "FRA", flight: "LH8266", pieces: 10, kg: 400, eta: -9, goods: "pumps", consignee: "Bombas Lima", told: &[("DEP", -22, None), ("ARR", -9, None), ("RCF", -7, Some(6))], more: More::Nothing },
    Story { prefix: "045", serial: 3_300_412, from: "SCL", flight: "LA750", pieces: 3, kg: 61, eta: -20, goods: "fruit samples", consignee: "Horta Viva", told: &[("DEP", -26, None), ("ARR", -20, None), ("RCF", -18, None)], more: More::Billed },
    Story { prefix: "001", serial: 5_512_907, from: "MIA", flight: "AA929", pieces: 15, kg: 1_320, eta: -60, goods: "medical devices", consignee: "Clínica Norte", told: &[("DEP", -72, None), ("ARR", -60, None), ("RCF", -58, None)], more: More::Held },
    Story { prefix: "180", serial: 6_620_315, from: "ICN", flight: "KE273", pieces: 2, kg: 35, eta: -50, goods: "chips", consignee: "Placas Andrade", told: &[("DEP", -75, None), ("ARR", -50, None), ("RCF", -47, None)], more: More::Booked },
    Story { prefix: "074", serial: 7_731_004, from: "AMS", flight: "KL791", pieces: 9, kg: 610, eta: -130, goods: "bulbs", consignee: "Jardins Rio", told: &[("DEP", -142, None), ("ARR", -130, None), ("RCF", -128, None)], more: More::Billed },
    Story { prefix: "125", serial: 8_840_551, from: "LHR", flight: "BA247", pieces: 5, kg: 2_150, eta: -200, goods: "turbine blades", consignee: "Oficina Aurora", told: &[("DEP", -212, None), ("ARR", -200, None), ("RCF", -197, None), ("CCD", -180, None), ("DLV", -170, None)], more: More::UnitOut },
    Story { prefix: "205", serial: 1_050_098, from: "NRT", flight: "NH8410", pieces: 1, kg: 12, eta: -90, goods: "prototypes", consignee: "Placas Andrade", told: &[("DEP", -120, None), ("ARR", -90, None), ("RCF", -88, None), ("CCD", -70, None), ("DLV", -66, None)], more: More::Nothing },
    Story { prefix: "172", serial: 2_160_777, from: "LUX", flight: "CV7304", pieces: 30, kg: 4_800, eta: 52, goods: "wind gear", consignee: "Ventos do Sul", told: &[("BKD", -3, None)], more: More::Houses },
];

fn hours(now: Timestamp, n: i64) -> Timestamp {
    let span = Duration::from_secs(n.unsigned_abs() * 3_600);
    if n < 0 { now.before(span) } else { now.after(span) }
}

fn terminal() -> Terminal {
    let step = |from_day, per_kg_thousandths| TariffStep { from_day, per_kg_thousandths, per_day: 0 };
    let tariff = |steps| Tariff { currency: "BRL".into(), minimum: 8_000, working_days: false, steps };
    let detention = TariffStep { from_day: 1, per_kg_thousandths: 0, per_day: 25_000 };
    Terminal {
        code: STATION.into(),
        name: "Guarulhos".into(),
        free: FreeRule { days: 3, counts_from: CountsFrom::Received, ..FreeRule::default() },
        storage: Some(tariff(vec![step(1, 60_000), step(4, 120_000)])),
        detention_tariff: Some(Tariff { minimum: 0, ..tariff(vec![detention]) }),
        isc: Some(Charge {
            currency: "BRL".into(),
            per_mawb: 9_500,
            per_kg_thousandths: 40_000,
            minimum: 12_000,
        }),
        ..Terminal::usual(ZONE)
    }
}

/// Adds the waybills as they stand at `now`. Nothing of it causes mail.
///
/// # Errors
/// Storage failures.
pub fn fill(store: &Store, tenant: Tenant, now: Timestamp) -> std::result::Result<(), StoreError> {
    let owner = Arc::new(Principal::system(tenant));
    let write = move |tx: &mut dyn WriteTx| -> std::result::Result<(), StoreError> {
        let mut cx = Cx::new(tx, &Actor::system(), now, "demo")?;
        cx.quiet = true;
        let t = terminal();
        reference::set(tx, &cx, desk::terminal_id(&t.code), Some(t))?;
        let told = STORIES.iter().try_for_each(|s| tell(tx, &mut cx, &owner, (s, now)));
        told.and_then(|()| messages(tx, &cx)).map_err(|e| match e {
            FreightError::Store(e) => e,
            other => StoreError::Corrupt(other.to_string()),
        })
    };
    store.write(tenant, Lane::Bulk, write).wait()
}

/// What airlines wrote of some of them; a line of it is in nobody's words.
fn messages(tx: &mut dyn WriteTx, cx: &Cx) -> Result<()> {
    let day = |n: i64| {
        let at = hours(cx.now, n).civil(&jiff::tz::TimeZone::UTC);
        at.strftime("%d%b%H%M").to_string().to_uppercase()
    };
    let lufthansa =
        format!("FSU/14\n020-12345675FRAGRU/T10K250.0\nFOH/{}/FRA/T10K250.0\nXPS/READY SOON\n", day(-11));
    let emirates = format!("FSU/14\n176-72160723DXBGRU/T4K820.0\nMAN/EK9903/{}/DXBGRU/T4K820.0\n", day(-6));
    for (by, text) in [("Lufthansa Cargo", lufthansa), ("fsu-emirates.eml", emirates)] {
        inbox::take_in(tx, cx, (by, cx.now), &fsu::parse(&text))?;
    }
    Ok(())
}

fn grant<F: Feature>(owner: &Arc<Principal>) -> Result<Grant<F>> {
    Ok(owner.grant::<F>()?)
}

fn tell(
    tx: &mut dyn WriteTx,
    cx: &mut Cx,
    owner: &Arc<Principal>,
    (s, now): (&Story, Timestamp),
) -> Result<()> {
    // Written down when it was announced, so that its clocks run as they would have.
    let first = s.told.first().map_or(0, |t| t.1).min(s.eta - 30).min(-1);
    cx.now = hours(now, first);
    let number = format!("{}-{:07}{}", s.prefix, s.serial, s.serial % 7);
    let mailbox = format!("{}@example.com", s.consignee.split(' ').next().unwrap_or("import").to_lowercase());
    let mailbox: String = mailbox.chars().filter(char::is_ascii).collect();
    let facts = Facts {
        origin: Some(s.from.into()),
        destination: Some(STATION.into()),
        pieces: Some(s.pieces),
        weight: Some(Grams(u64::from(s.kg) * 1_000)),
        flight: Some(s.flight.into()),
        eta: Some(hours(now, s.eta)),
        goods: Some(s.goods.into()),
        consignee: Some(Party { name: s.consignee.into(), email: Some(mailbox), ..Party::default() }),
        ..Facts::default()
    };
    let new = NewMawb { number: number.clone(), as_written: None, facts };
    let id = service::create(tx, &grant(owner)?, cx, new)?.value.state.id.to_string();
    for (code, at, part) in s.told {
        cx.now = hours(now, *at);
        let from = ["RCS", "DEP", "BKD"].contains(code);
        let news = Reported {
            code: (*code).into(),
            station: Some(if from { s.from } else { STATION }.into()),
            to: from.then(|| STATION.into()),
            flight: Some(s.flight.into()),
            pieces: *part,
            total_pieces: part.map(|_| s.pieces),
            weight_kg: None,
            occurred_at: Some(cx.now),
            reason: None,
            note: None,
        };
        service::report(tx, &grant(owner)?, cx, &id, &news)?;
    }
    more(tx, cx, owner, (s, &id, now))?;
    cx.now = now;
    Ok(())
}

fn bill(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    owner: &Arc<Principal>,
    (id, kind): (&str, BillKind),
) -> Result<String> {
    let mawb = service::find(tx, id)?.value.state;
    let due = terminal().isc.map(|c| c.of(mawb.facts.weight.map_or(0, |w| w.0)));
    let Money { minor, currency } = due.unwrap_or(Money { minor: 12_000, currency: "BRL".into() });
    let bill = Bill {
        number: format!("GRU-{}", &mawb.number.digits()[5..]),
        from: "Terminal Cargas".into(),
        kind,
        mawb: Some(mawb.id),
        currency,
        lines: vec![BillLine { text: "import service".into(), minor }],
        due: Some(cx.now.after(Duration::from_secs(3 * 86_400)).day(&terminal().time_zone())),
        ..Bill::default()
    };
    Ok(accounts::enter(tx, &grant(owner)?, cx, bill)?.value.state.id.to_string())
}

fn more(
    tx: &mut dyn WriteTx,
    cx: &Cx,
    owner: &Arc<Principal>,
    (s, id, now): (&Story, &str, Timestamp),
) -> Result<()> {
    let customs = |entry: &str, hold: Option<&str>, release: bool| Customs {
        entry_number: Some(entry.into()),
        hold: hold.map(str::to_owned),
        release,
    };
    match s.more {
        More::Nothing => {}
        More::Houses => {
            for n in 0..3_u32 {
                let part = if n == 2 { s.pieces - 2 * (s.pieces / 3) } else { s.pieces / 3 };
                let facts =
                    HouseFacts { pieces: Some(part), goods: Some(s.goods.into()), ..HouseFacts::default() };
                let number = format!("HX{}{n}", s.serial % 100_000);
                houses::create(tx, &grant(owner)?, cx, (&number, Some(id), facts))?;
            }
        }
        More::Held => {
            let said = customs("26BR004711", Some("physical check"), false);
            service::customs(tx, &grant(owner)?, cx, id, &said)?;
            bill(tx, cx, owner, (id, BillKind::Isc))?;
        }
        More::Billed => {
            bill(tx, cx, owner, (id, BillKind::Isc))?;
        }
        More::Booked => {
            let bill = bill(tx, cx, owner, (id, BillKind::Isc))?;
            let by_hand = Advance {
                step: Some("pre_alert".into()),
                force: true,
                reason: Some("the papers came by courier".into()),
            };
            service::advance(tx, &grant(owner)?, cx, id, &by_hand)?;
            service::customs(tx, &grant(owner)?, cx, id, &customs("26BR004802", None, true))?;
            accounts::pay(tx, &grant(owner)?, cx, &bill, (None, None))?;
            let pickup = Pickup { driver: "Rui".into(), vehicle: "van 3".into(), slot: hours(now, 5) };
            let seen = service::find(tx, id)?.rev;
            let facts = Facts { pickup: Some(pickup), ..Facts::default() };
            service::change(tx, &grant(owner)?, cx, id, (seen, facts))?;
        }
        More::UnitOut => {
            let unit = Unit { number: "PMC72534BA".into(), out_at: Some(cx.now), ..Unit::default() };
            service::unit(tx, &grant(owner)?, cx, id, &unit)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::freight::board::{self, Kind, Order};
    use crate::freight::listing::{self, Filter};
    use crate::store::redb::Redb;

    #[test]
    fn a_demo_desk_has_waybills_at_every_stage_and_clocks_that_cost_money() {
        let store = Store::new(Redb::memory().unwrap());
        let now = Timestamp::from_millis(1_790_000_000_000);
        fill(&store, 1, now).unwrap();
        let read = |filter: &Filter| {
            store.read(1, |tx| listing::list(tx, (ZONE, now), filter, (100, None))).unwrap().items
        };
        let all = read(&Filter::default());
        assert_eq!(all.len(), STORIES.len());
        let states: std::collections::BTreeSet<_> = all.iter().map(|m| m.state).collect();
        assert!(states.len() >= 5, "{states:?}");
        let late = read(&Filter { late: true, ..Filter::default() });
        assert!((2..8).contains(&late.len()), "{late:?}");
        assert!(late.iter().all(|m| m.is_late) && all.iter().filter(|m| m.is_late).count() == late.len());
        let soon = read(&Filter { lfd_within: Some(3), ..Filter::default() });
        assert!(soon.iter().all(|m| m.days_left.is_some_and(|d| d <= 3)) && soon.len() >= 4, "{soon:?}");
        let of = |order| store.read(1, |tx| board::board(tx, (ZONE, now), (None, order))).unwrap();
        let due = of(Order::Due);
        assert!(due.clocks.is_sorted_by_key(|c| c.due));
        assert!(of(Order::Money).clocks.is_sorted_by_key(|c| std::cmp::Reverse(c.risk())));
        for kind in Kind::ALL {
            assert!(due.count.contains_key(kind.as_str()), "no {kind:?} runs: {:?}", due.count);
        }
        assert!(due.today.iter().any(|m| m.minor > 0) && due.a_day_more.iter().any(|m| m.minor > 0));
        let storage =
            store.read(1, |tx| board::board(tx, (ZONE, now), (Some(Kind::Storage), Order::Due))).unwrap();
        assert!(storage.clocks.iter().all(|c| c.kind == Kind::Storage) && !storage.clocks.is_empty());
        assert_eq!(storage.count, due.count, "the figures of the others stay");
    }
}
