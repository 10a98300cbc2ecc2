//! The demo's day on the road and in the shop: drivers with stops of today, orders under way and some that are late.
//! Through the same use cases that people and programs come in by.

use std::sync::Arc;
use std::time::Duration;

use super::random::Random;
use super::words::{CITIES, manner};
use crate::base::clock::Timestamp;
use crate::base::error::Fault;
use crate::base::ids::Id;
use crate::deliveries::inputs::{NewDelivery, StatusInput};
use crate::deliveries::model::Window;
use crate::deliveries::outcome::{self, House};
use crate::deliveries::proof::{Kind, Later, Proof};
use crate::deliveries::service::{self as deliveries, Asked};
use crate::identity::features::Feature;
use crate::identity::grant::{Actor, Grant, Principal};
use crate::identity::model::User;
use crate::identity::service::{self as people, NewSecrets};
use crate::journal::Cx;
use crate::orders::catalog_service::create_product;
use crate::orders::inputs::{Amount, Decimal, ItemInput, Named, NewOrder, ProductInput, StatusChange};
use crate::orders::model::Status as Order;
use crate::orders::service::{self as orders, Placing};
use crate::store::{Lane, Store, StoreError, Tenant, WriteTx};

/// The demo's drivers: login and name. They log in with the administrator's password.
pub const DRIVERS: [(&str, &str); 3] =
    [("jandira", "Jandira Valquente"), ("tobias", "Tobias Sabugosa"), ("kaethe", "Käthe Quintamar")];

/// Deliveries of today.
const DELIVERIES: u32 = 36;
/// Minutes of one window.
const WINDOW_MIN: u64 = 120;

/// Beside the reference products, which stay as they are: name, price, pieces, code.
const GOODS: [(&str, &str, u32, &str); 6] = [
    ("Copper kettle", "48.90", 60, "KET-1"),
    ("Reading lamp", "35.00", 40, "LMP-2"),
    ("Bicycle bell", "12.50", 120, "BEL-3"),
    ("Tea tin", "9.80", 200, "TIN-4"),
    ("Garden shears", "27.40", 3, "SHR-5"),
    ("Woollen blanket", "79.00", 25, "BLK-6"),
];

fn failed(e: &impl Fault) -> StoreError {
    StoreError::Corrupt(format!("demo: {e}"))
}

fn grant<F: Feature>(owner: &Arc<Principal>) -> Result<Grant<F>, StoreError> {
    owner.grant().map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// Adds the drivers, who prove themselves with the password that `hash` is of.
///
/// # Errors
/// Storage failures.
pub fn staff(store: &Store, tenant: Tenant, hash: &str, now: Timestamp) -> Result<Vec<Id>, StoreError> {
    let hash = hash.to_owned();
    let hire = move |tx: &mut dyn WriteTx| -> Result<Vec<Id>, StoreError> {
        let (cx, owner) = (Cx::new(tx, &Actor::system(), now, "demo")?, Arc::new(Principal::system(tenant)));
        let mut all = Vec::new();
        for (login, name) in DRIVERS {
            let user = User {
                id: Id::derived(&[b"demo", login.as_bytes()]),
                number: 0,
                login: login.into(),
                name: name.into(),
                email: None,
                role: "driver".into(),
                overrides: Vec::new(),
                scope: None,
                language: "en".into(),
                active: true,
                approved: true,
                is_station: false,
                created_at: now,
            };
            let grant = grant(&owner)?;
            let id = people::create_user(tx, &grant, &cx, user).map_err(|e| failed(&e))?.0.id;
            let secrets = NewSecrets { password: Some(hash.clone()), pin: None, badge: None };
            people::set_secrets(tx, &grant, &cx, id, &secrets).map_err(|e| failed(&e))?;
            all.push(id);
        }
        Ok(all)
    };
    store.write(tenant, Lane::Bulk, hire).wait()
}

/// Gives `drivers` their stops of today and the shop its orders.
///
/// # Errors
/// Storage failures.
pub fn fill(store: &Store, tenant: Tenant, drivers: &[Id], now: Timestamp) -> Result<(), StoreError> {
    let drivers = drivers.to_vec();
    let write = move |tx: &mut dyn WriteTx| -> Result<(), StoreError> {
        let owner = Arc::new(Principal::system(tenant));
        let mut cx = Cx::new(tx, &Actor::system(), now, "demo")?;
        for n in 0..DELIVERIES {
            stop(tx, &mut cx, &owner, &drivers, n)?;
        }
        shop(tx, &mut cx, &owner)
    };
    store.write(tenant, Lane::Bulk, write).wait()
}

/// One delivery, and how far it is: some nobody has yet, most with a driver, some done or in vain.
fn stop(
    tx: &mut dyn WriteTx,
    cx: &mut Cx,
    owner: &Arc<Principal>,
    drivers: &[Id],
    n: u32,
) -> Result<(), StoreError> {
    let present = cx.now;
    let mut random = Random::new(77, n);
    let city = &CITIES[usize::from(random.digit(4))];
    let (streets, given, family) = manner(city.country);
    let line = random.pick(&streets).replace('%', &random.between(1, 180).to_string());
    let from =
        present.before(Duration::from_secs(3_600)).after(Duration::from_secs(u64::from(n / 3) * 1_800));
    let window = Window { from, to: from.after(Duration::from_secs(WINDOW_MIN * 60)) };
    let driver = drivers.get(n as usize % drivers.len().max(1)).filter(|_| n % 6 != 5);
    let new = NewDelivery {
        pickup_address: "Depot, gate 2".into(),
        delivery_address: format!("{line}, {}", city.name),
        customer_name: format!("{} {}", random.pick(&given), random.pick(&family)),
        customer_phone: Some(format!("+1 555 01{:02}", n % 100)),
        package_weight: Some(f64::from(u32::try_from(random.between(2, 90)).unwrap_or(2)) / 4.0),
        priority: Some(if n % 9 == 4 { "high" } else { "normal" }.into()),
        time_window: Some(window),
        note: (n % 7 == 2).then(|| "Ring twice, the dog is friendly.".to_owned()),
        proof_required: if n.is_multiple_of(4) { vec![Kind::Signature] } else { Vec::new() },
        assigned_to: driver.map(ToString::to_string),
        ..NewDelivery::default()
    };
    cx.now = present.before(Duration::from_secs(4 * 3_600));
    let made = deliveries::request(tx, &grant(owner)?, cx, &new, None, 0).map_err(|e| failed(&e))?;
    cx.now = present;
    let Asked::Made(made) = made else { return Ok(()) };
    let ways: &[&str] = match n {
        0..=5 => &["in_transit", "completed"],
        6 | 7 => &["in_transit", "failed"],
        8..=11 => &["in_transit"],
        _ => &[],
    };
    let id = made.state.id.to_string();
    for (step, status) in ways.iter().filter(|_| driver.is_some()).enumerate() {
        let minutes = 90 - 5 * u64::from(n.min(12)) - 3 * step as u64;
        cx.now = present.before(Duration::from_secs(minutes * 60));
        let proof = Proof {
            name: Some(new.customer_name.clone()),
            signature: Some(SIGNATURE.into()),
            ..Proof::default()
        };
        let input = StatusInput {
            status: (*status).to_owned(),
            reason: (*status == "failed").then(|| "recipient_absent".to_owned()),
            proof: (*status == "completed").then_some(proof),
            ..StatusInput::default()
        };
        let house = House { attempts: 3, files: &Later };
        outcome::change_status(tx, &grant(owner)?, cx, &id, &input, house).map_err(|e| failed(&e))?;
    }
    cx.now = present;
    Ok(())
}

/// Somebody's hand.
const SIGNATURE: &str = "M60 150L90 70L120 160L150 90L170 150L200 120L220 150L250 110L270 150L300 60L320 150L360 130L400 150L470 120L540 140";

/// Goods, and orders at every step of their way.
fn shop(tx: &mut dyn WriteTx, cx: &mut Cx, owner: &Arc<Principal>) -> Result<(), StoreError> {
    let present = cx.now;
    for (name, price, stock, sku) in GOODS {
        let new = ProductInput {
            name: name.into(),
            description: String::new(),
            price: Some(Amount::Decimal(Decimal(price.into()))),
            stock: Some(stock),
            category: Some(Named::Text("Housewares".into())),
            sku: Some(sku.into()),
            weight_g: None,
            retired: false,
            version: None,
        };
        create_product(tx, &grant(owner)?, cx, &new).map_err(|e| failed(&e))?;
    }
    for n in 0..18_u32 {
        let mut random = Random::new(78, n);
        let (_, given, family) = manner(CITIES[usize::from(random.digit(4))].country);
        let new = NewOrder {
            customer_name: format!("{} {}", random.pick(&given), random.pick(&family)),
            customer_email: None,
            customer_phone: None,
            delivery_address: format!("Market Square {}", n + 1),
            items: vec![ItemInput {
                product_id: Named::Text(GOODS[n as usize % 4].3.into()),
                quantity: 1 + n % 3,
            }],
            reference: Some(format!("WEB-{}", 7_001 + n)),
            promised_at: None,
            note: None,
            backorder: false,
            depot: None,
        };
        cx.now = present.before(Duration::from_secs(u64::from(20 - n) * 900));
        let placed = orders::place(tx, &grant(owner)?, cx, &new).map_err(|e| failed(&e))?;
        let Placing::Taken(placed) = placed else { continue };
        let way: &[Order] = match n % 6 {
            0 | 1 => &[Order::Packed, Order::Shipped, Order::Delivered],
            2 => &[Order::Packed, Order::Shipped],
            3 => &[Order::Packed],
            _ => &[],
        };
        for to in way {
            cx.now = cx.now.after(Duration::from_secs(300));
            let change = StatusChange {
                status: to.to_string(),
                reason: None,
                parcels: Vec::new(),
                restock: false,
                version: None,
            };
            let id = placed.state.id.to_string();
            orders::change_status(tx, &grant(owner)?, cx, &id, None, &change).map_err(|e| failed(&e))?;
        }
    }
    cx.now = present;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliveries::model::Status;
    use crate::deliveries::repo::DELIVERIES as ROWS;
    use crate::identity::secret::Secret;
    use crate::identity::setup::{SetUp, set_up};
    use crate::orders::repo::ORDERS;
    use crate::store::redb::Redb;
    use crate::store::{Dir, Ix, KeyRange};

    #[test]
    fn drivers_have_stops_and_orders_are_under_way() {
        let store = Store::new(Redb::memory().unwrap());
        let now = Timestamp::from_millis(1_795_255_200_000);
        let new = SetUp {
            tenant: "demo".into(),
            depot: "Demonstration".into(),
            zone: "UTC".into(),
            language: "en".into(),
            login: "admin".into(),
            name: "Admin".into(),
            password: Secret::new("correct horse battery".into()),
            role: "super_admin".into(),
        };
        let tenant = set_up(&store, new, now).unwrap().0.number;
        let drivers = staff(&store, tenant, "no hash of anything", now).unwrap();
        fill(&store, tenant, &drivers, now).unwrap();
        let all = |tx: &dyn crate::store::ReadTx| {
            let rows = ROWS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 500)?;
            let orders = ORDERS.scan(tx, Ix::Primary, &KeyRange::all(), Dir::Up, 500)?;
            Ok::<_, StoreError>((rows.items, orders.items))
        };
        let (rows, orders) = store.read(tenant, all).unwrap();
        let count = |s: Status| rows.iter().filter(|e| e.value.state.status == s).count();
        assert!(
            [Status::Created, Status::Assigned, Status::InTransit, Status::Completed, Status::Failed]
                .iter()
                .all(|s| count(*s) > 0)
        );
        for id in &drivers {
            let open = rows
                .iter()
                .map(|e| &e.value.state)
                .filter(|d| d.assignee.as_ref().is_some_and(|a| a.id == *id));
            assert!(open.filter(|d| d.status == Status::Assigned).count() > 3);
        }
        assert_eq!(orders.len(), 18);
        assert!(
            [Order::Processing, Order::Packed, Order::Shipped, Order::Delivered]
                .iter()
                .all(|s| orders.iter().any(|e| e.value.state.status == *s))
        );
    }
}
