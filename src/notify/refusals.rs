//! Who does not want to be written to. A recipient or customer says so once, at the door, at the counter or on the
//! telephone, and it holds for their number and their mail address, whatever is brought to them, at every depot.
//!
//! What is kept is a hash of the number or address, so that the list names nobody; whoever knows a number can still try
//! whether it is on it.

use serde::{Deserialize, Serialize};

use super::sms;
use crate::base::clock::Timestamp;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::deliveries::error::DeliveryError;
use crate::deliveries::model::{Delivery, Facts};
use crate::deliveries::service;
use crate::identity::features::EditDeliveries;
use crate::identity::grant::Grant;
use crate::journal::reference::{self, Ref, Reference};
use crate::journal::{Cx, Folded};
use crate::store::{Home, ReadTx, Result, Table, WriteTx, counters};

/// Numbers and addresses of a tenant that are not written to, at the most.
pub const MAX_REFUSALS: i64 = 200_000;
/// The counter of them.
const KEPT: &str = "notify/refusals";

/// A number or address that is not written to, by the hash of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Since when.
    pub since: Timestamp,
}

/// Refusals by the hash of the number or address.
pub static REFUSALS: Table<Id, Folded<Ref<Refusal>>> = Table::new(238, "message_refusals", Home::ById);

impl Reference for Refusal {
    const NAME: &'static str = "message_refusal";
    const KIND: u16 = 0x17e;
    const TABLE: &'static Table<Id, Folded<Ref<Self>>> = &REFUSALS;

    fn follow(tx: &mut dyn WriteTx, _: Id, old: Option<&Self>, new: Option<&Self>) -> Result<()> {
        let by = i64::from(new.is_some()) - i64::from(old.is_some());
        if by == 0 { Ok(()) } else { counters::add(tx, KEPT, by) }
    }
}

/// A way to somebody, as they gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way<'a> {
    /// By telephone.
    Phone(&'a str),
    /// By mail.
    Mail(&'a str),
}

impl Way<'_> {
    /// Under which hash it is kept: a number is the same however people write it, and so is an address. None for what is
    /// neither.
    #[must_use]
    pub fn id(self) -> Option<Id> {
        let hash =
            |kind: &str, text: &str| Id::derived(&[b"message refusal", kind.as_bytes(), text.as_bytes()]);
        match self {
            Self::Phone(written) => {
                let number = sms::number(written)?;
                Some(hash("phone", number.trim_start_matches('+')))
            }
            Self::Mail(written) => {
                let address = written.trim().to_lowercase();
                address.contains('@').then(|| hash("mail", &address))
            }
        }
    }
}

/// Whether `way` is not to be used.
///
/// # Errors
/// Storage failures.
pub fn is_refused(tx: &dyn ReadTx, way: Way<'_>) -> Result<bool> {
    let Some(id) = way.id() else { return Ok(false) };
    Ok(reference::get::<Refusal>(tx, id)?.is_some())
}

/// Of a telephone and a mail address those that may be used.
///
/// # Errors
/// Storage failures.
pub fn admitted<'a>(
    tx: &dyn ReadTx,
    phone: Option<&'a str>,
    email: Option<&'a str>,
) -> Result<(Option<&'a str>, Option<&'a str>)> {
    let no_phone = phone.map_or(Ok(false), |p| is_refused(tx, Way::Phone(p)))?;
    let no_mail = email.map_or(Ok(false), |e| is_refused(tx, Way::Mail(e)))?;
    Ok((phone.filter(|_| !no_phone), email.filter(|_| !no_mail)))
}

/// The ways to whom something is brought.
fn ways(facts: &Facts) -> Vec<Id> {
    let phone = facts.phone.as_deref().map(Way::Phone);
    let mail = facts.email.as_deref().map(Way::Mail);
    phone.into_iter().chain(mail).filter_map(Way::id).collect()
}

/// Whether the recipient of `d` may be written to; none when they left no number and no address.
///
/// # Errors
/// Storage failures.
pub fn wanted(tx: &dyn ReadTx, d: &Delivery) -> Result<Option<bool>> {
    let ways = ways(&d.facts);
    for id in &ways {
        if reference::get::<Refusal>(tx, *id)?.is_some() {
            return Ok(Some(false));
        }
    }
    Ok((!ways.is_empty()).then_some(true))
}

/// Notes whether the recipient of the delivery `name` wants to be written to: what was not handed over yet is not written
/// about any more either. Returns the delivery.
///
/// # Errors
/// When there is no such delivery, its recipient left no number and no address, or too many are kept.
pub fn set(
    tx: &mut dyn WriteTx,
    grant: &Grant<EditDeliveries>,
    cx: &Cx,
    name: &str,
    is_wanted: bool,
) -> std::result::Result<Delivery, DeliveryError> {
    let d = service::find(tx, grant.principal(), name)?.value.state;
    let ways = ways(&d.facts);
    if ways.is_empty() {
        return Err(DeliveryError::NoAddress(d.number));
    }
    for id in ways {
        let is_refused = reference::get::<Refusal>(tx, id)?.is_some();
        if is_refused != is_wanted {
            continue;
        }
        if !is_wanted && counters::get(tx, KEPT)? >= MAX_REFUSALS {
            let said =
                format!("{MAX_REFUSALS} numbers and addresses are not written to, and no more are kept");
            return Err(Invalid::at("/wanted", said).into());
        }
        reference::set(tx, cx, id, (!is_wanted).then_some(Refusal { since: cx.now }))?;
    }
    Ok(d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::grant::Actor;
    use crate::store::redb::Redb;
    use crate::store::{Lane, Store};

    #[test]
    fn a_number_and_an_address_are_the_same_however_they_are_written() {
        let phone = |text| Way::Phone(text).id();
        assert_eq!(phone("+55 (11) 9000-0000"), phone("551190000000"));
        assert_ne!(phone("+55 (11) 9000-0000"), phone("551190000001"));
        let mail = |text| Way::Mail(text).id();
        assert_eq!(mail(" Ann@Example.com"), mail("ann@example.com"));
        assert_ne!(mail("ann@example.com"), mail("bob@example.com"));
        assert_eq!((phone("call me"), mail("none")), (None, None));
        assert_ne!(phone("123456"), mail("123456@"));
    }

    #[test]
    fn a_refused_way_is_left_out_and_one_more_than_are_kept_is_refused() {
        let store = Store::new(Redb::memory().unwrap());
        let now = Timestamp::from_millis(1_700_000_000_000);
        let id = Way::Phone("123456").id().unwrap();
        let put = |value: Option<Refusal>| {
            let write = move |tx: &mut dyn WriteTx| {
                let cx = Cx::new(tx, &Actor::system(), now, "test")?;
                reference::set(tx, &cx, id, value.clone()).map(drop)
            };
            store.write(1, Lane::People, write).wait().unwrap();
        };
        let both = || {
            store.read(1, |tx| {
                Ok::<_, crate::store::StoreError>(admitted(tx, Some("12 34 56"), Some("a@b"))?.0.is_some())
            })
        };
        let kept = || store.read(1, |tx| counters::get(tx, KEPT)).unwrap();
        assert!(both().unwrap());
        put(Some(Refusal { since: now }));
        assert!(!both().unwrap());
        assert_eq!(kept(), 1);
        put(None);
        assert!(both().unwrap());
        assert_eq!(kept(), 0);
        // A delivery whose recipient left a number, and a list that is full.
        let done = store.write(1, Lane::People, move |tx| -> std::result::Result<_, DeliveryError> {
            use crate::deliveries::inputs::NewDelivery;
            use crate::deliveries::service::{Asked, request};
            use crate::identity::features::CreateDeliveries;
            use crate::identity::grant::Principal;
            let who = std::sync::Arc::new(Principal::system(1));
            let cx = Cx::new(tx, &Actor::system(), now, "test")?;
            let new = NewDelivery {
                pickup_address: "here".into(),
                delivery_address: "there".into(),
                customer_name: "Ann".into(),
                customer_phone: Some("123456".into()),
                ..NewDelivery::default()
            };
            let grant = who.grant::<CreateDeliveries>()?;
            let Asked::Made(made) = request(tx, &grant, &cx, &new, None, 0)? else { panic!("it is new") };
            let name = made.state.id.to_string();
            counters::add(tx, KEPT, MAX_REFUSALS)?;
            let edits = who.grant::<EditDeliveries>()?;
            let full = set(tx, &edits, &cx, &name, false).is_err();
            counters::add(tx, KEPT, -1)?;
            let d = set(tx, &edits, &cx, &name, false)?;
            Ok((full, wanted(tx, &d)?))
        });
        assert_eq!(done.wait().unwrap(), (true, Some(false)));
    }
}
