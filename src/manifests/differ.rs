//! What was announced held against what was scanned, and what people are told of it.

use super::model::{Difference, Item, Tally, Totals, Unloading};
use crate::base::text;
use crate::parcels::model::{ParcelId, Status};

/// Up to so many parcels of one difference get a case each, about the parcel; more of them are one case about the
/// unloading, so that a truck without its load is one thing on the desk and not three hundred.
pub const EACH_UP_TO: usize = 5;
/// Numbers the detail of such a case names; the rest is in the unloading.
const NAMED: usize = 10;

/// Whether a parcel in `status` is past the dock: it was seen since it was announced, here or elsewhere, or nobody waits
/// for it any more.
#[must_use]
pub const fn is_past(status: Status) -> bool {
    use Status as S;
    matches!(
        status,
        S::AtDepot
            | S::OutForDelivery
            | S::ReadyForPickup
            | S::Attempted
            | S::Delivered
            | S::Returning
            | S::Returned
            | S::Disposed
            | S::Cancelled
    )
}

/// In what one number differs. A parcel for another depot is told of even when its count is right, and only as such when
/// it was not announced. `past` says whether it is past the dock though nobody scanned it here.
#[must_use]
pub fn of(t: &Tally, past: bool) -> Vec<Difference> {
    let mut found = Vec::new();
    match (t.announced, t.scanned) {
        (0, 0) => return found,
        (0, _) if t.to_site.is_some() => return vec![Difference::WrongVehicle],
        (0, _) if t.parcel.is_some() => return vec![Difference::Surplus],
        (0, _) => return vec![Difference::Unknown],
        (_, 0) if past => return found,
        (_, 0) => return vec![Difference::Missing],
        (a, s) if s < a => found.push(Difference::Short),
        (a, s) if s > a => found.push(Difference::OverReceived),
        _ => {}
    }
    if t.to_site.is_some() {
        found.push(Difference::Misrouted);
    }
    found
}

/// Everything that differs, in the order of the tallies.
#[must_use]
pub fn compare(tallies: &[Tally], past: impl Fn(ParcelId) -> bool) -> Vec<Item> {
    let item = |t: &Tally, kind| Item {
        kind,
        parcel: t.parcel,
        number: t.number.clone(),
        distributor: t.distributor.clone(),
        announced: t.announced,
        scanned: t.scanned,
        to_site: t.to_site,
        found: false,
    };
    let of_one = |t: &Tally| {
        let past = t.scanned == 0 && t.parcel.is_some_and(&past);
        of(t, past).into_iter().map(|kind| item(t, kind)).collect::<Vec<_>>()
    };
    tallies.iter().flat_map(of_one).collect()
}

/// What `tallies` come to.
#[must_use]
pub fn totals(tallies: &[Tally]) -> Totals {
    let mut sum = Totals::default();
    for t in tallies {
        sum.scanned_pieces = sum.scanned_pieces.saturating_add(t.scanned);
        if t.announced > 0 {
            sum.announced += 1;
            sum.announced_pieces = sum.announced_pieces.saturating_add(t.announced);
            sum.scanned += u32::from(t.scanned > 0);
        } else {
            sum.unannounced += u32::from(t.scanned > 0);
        }
    }
    sum
}

/// One thing on the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// What it is about: one parcel, or with none the unloading.
    pub parcel: Option<&'a Item>,
    /// What differs.
    pub kind: Difference,
    /// In words.
    pub detail: String,
}

/// What people are told of an unloading that is closed. Which differences are told one by one depends on how many there
/// were, found ones included, so that a big case does not fall apart while its parcels turn up.
#[must_use]
pub fn told(u: &Unloading) -> Vec<Told<'_>> {
    let mut out = Vec::new();
    if u.is_open() {
        return out;
    }
    for kind in Difference::ALL {
        let of_kind: Vec<&Item> = u.items.iter().filter(|i| i.kind == kind).collect();
        let left: Vec<&Item> = of_kind.iter().copied().filter(|i| !i.found).collect();
        if of_kind.len() <= EACH_UP_TO {
            out.extend(left.into_iter().map(|i| one(u, i)));
        } else if !left.is_empty() {
            out.push(Told { parcel: None, kind, detail: all(u, kind, &left, of_kind.len()) });
        }
    }
    out
}

fn one<'a>(u: &Unloading, i: &'a Item) -> Told<'a> {
    let name = i.kind.as_str();
    let detail = match i.kind {
        Difference::Missing => format!("{name}: announced on {}, and not unloaded", u.label),
        Difference::Short | Difference::OverReceived => {
            format!("{name}: {} of {} pieces announced on {} were unloaded", i.scanned, i.announced, u.label)
        }
        Difference::Surplus => format!("{name}: unloaded with {}, and not announced there", u.label),
        // Several of them are about one thing, the unloading: the number tells their cases apart.
        Difference::Unknown => format!("{name} {}: unloaded with {}, and nobody knows it", i.number, u.label),
        Difference::Misrouted | Difference::WrongVehicle => {
            let depot = i.to_site.unwrap_or_default();
            format!("{name}: unloaded with {}, and it is for depot {depot}", u.label)
        }
    };
    Told { parcel: Some(i), kind: i.kind, detail }
}

fn all(u: &Unloading, kind: Difference, left: &[&Item], of: usize) -> String {
    let numbers: Vec<&str> = left.iter().take(NAMED).map(|i| i.number.as_str()).collect();
    let more = left.len() - numbers.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let turned_up = of - left.len();
    let turned_up = if turned_up > 0 { format!(", {turned_up} turned up since") } else { String::new() };
    let said = format!(
        "{}: {} parcels of {}{turned_up}: {}{more}",
        kind.as_str(),
        left.len(),
        u.label,
        numbers.join(", ")
    );
    text::clipped(said, text::LONG)
}

#[cfg(test)]
mod tests {
    use super::super::model::Closing;
    use super::*;
    use crate::base::clock::Timestamp;
    use proptest::prelude::*;

    fn tally(announced: u32, scanned: u32) -> Tally {
        let parcel = Some(ParcelId::fresh());
        Tally {
            parcel,
            number: "A".into(),
            distributor: None,
            announced,
            scanned,
            to_site: None,
            at: Timestamp::ZERO,
        }
    }

    #[test]
    fn each_difference_is_seen() {
        use Difference as D;
        assert_eq!(of(&tally(1, 1), false), []);
        assert_eq!(of(&tally(1, 0), false), [D::Missing]);
        assert_eq!(of(&tally(1, 0), true), []);
        assert_eq!(of(&tally(3, 2), false), [D::Short]);
        assert_eq!(of(&tally(3, 4), false), [D::OverReceived]);
        assert_eq!(of(&tally(0, 1), false), [D::Surplus]);
        assert_eq!(of(&tally(0, 0), false), []);
        assert_eq!(of(&Tally { parcel: None, ..tally(0, 1) }, false), [D::Unknown]);
        assert_eq!(of(&Tally { to_site: Some(7), ..tally(1, 1) }, false), [D::Misrouted]);
        assert_eq!(of(&Tally { to_site: Some(7), ..tally(0, 1) }, false), [D::WrongVehicle]);
        assert_eq!(of(&Tally { to_site: Some(7), ..tally(2, 1) }, false), [D::Short, D::Misrouted]);
        assert_eq!(of(&Tally { to_site: Some(7), ..tally(2, 0) }, false), [D::Missing]);
    }

    fn closed(tallies: &[Tally]) -> Unloading {
        let closing = Closing { eid: [1; 16], at: Timestamp::ZERO, totals: totals(tallies) };
        let items = compare(tallies, |_| false);
        Unloading { closing: Some(closing), items, label: "M1".into(), ..Unloading::default() }
    }

    #[test]
    fn five_are_told_one_by_one_and_six_together_until_the_last_is_found() {
        let of = |n: usize| closed(&vec![tally(1, 0); n]);
        assert_eq!(told(&of(EACH_UP_TO)).len(), EACH_UP_TO);
        let mut many = of(300);
        assert_eq!(told(&many).len(), 1);
        assert!(told(&many)[0].detail.starts_with("missing: 300 parcels of M1: A, A"), "{:?}", told(&many));
        many.items.iter_mut().skip(1).for_each(|i| i.found = true);
        let left = told(&many);
        assert_eq!(left.len(), 1);
        assert!(left[0].parcel.is_none() && left[0].detail.contains("299 turned up since"));
        many.items[0].found = true;
        assert!(told(&many).is_empty());
        many.closing = None;
        many.items[0].found = false;
        assert!(told(&many).is_empty(), "nothing is told of what is still being unloaded");
    }

    proptest! {
        #[test]
        fn what_is_right_is_not_told_and_pieces_add_up(counts in proptest::collection::vec((0_u32..4, 0_u32..5), 0..60)) {
            let tallies: Vec<Tally> = counts.iter().map(|(a, s)| tally(*a, *s)).collect();
            let (items, sum) = (compare(&tallies, |_| false), totals(&tallies));
            prop_assert_eq!(items.len(), counts.iter().filter(|(a, s)| a != s).count());
            let missing: u32 = items.iter().map(|i| i.announced.saturating_sub(i.scanned)).sum();
            let over: u32 = items.iter().map(|i| i.scanned.saturating_sub(i.announced)).sum();
            prop_assert_eq!(sum.announced_pieces + over, sum.scanned_pieces + missing);
        }
    }
}
