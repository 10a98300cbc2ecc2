use std::sync::Arc;

use super::*;
use crate::identity::features::{EditRoles, EditUsers, ManageApiKeys, ScanParcels};
use crate::identity::gate::{Outside, Shown, TRUSTED_FOR};
use crate::identity::grant::{Principal, Scope};
use crate::identity::model::{ApiKey, Role};
use crate::identity::roles::Reach;
use crate::identity::rules::{FREE_FAILURES, Override};
use crate::identity::secret::Keys;
use crate::identity::service::{self, NewSecrets, SetUp};
use crate::identity::{features::Features, setup};
use crate::journal::{clock::Origin, log};
use crate::store::{DEPOT, redb::Redb};

const PASSWORD: &str = "correct horse battery";

struct House {
    store: Store,
    gate: Gate,
    admin: User,
    now: Timestamp,
    _keys: tempfile::TempDir,
}

fn later(at: Timestamp, s: u64) -> Timestamp {
    at.after(Duration::from_secs(s))
}

fn wish(tenant: &str, login: &str) -> SetUp {
    SetUp {
        tenant: tenant.into(),
        depot: "Depot North".into(),
        zone: "Europe/Berlin".into(),
        language: "en".into(),
        login: login.into(),
        name: String::new(),
        password: Secret::new(PASSWORD.into()),
        role: "super_admin".into(),
    }
}

impl House {
    fn new() -> Self {
        let keys = tempfile::tempdir().unwrap();
        let gate = Gate::new(Arc::new(Keys::open(keys.path()).unwrap())).unwrap();
        let store = Store::new(Redb::memory().unwrap());
        let now = Timestamp::from_millis(1_800_000_000_000);
        let (_, admin) = setup::set_up(&store, wish("north", "Admin"), now).unwrap();
        Self { store, gate, admin, now, _keys: keys }
    }

    fn ask(login: &str, password: &str) -> Ask {
        Ask {
            login: login.into(),
            password: Secret::new(password.into()),
            device: None,
            address: Some("10.0.0.9".parse().unwrap()),
            browser: false,
        }
    }

    fn enter(&self, login: &str) -> Entered {
        login_at(self, login, PASSWORD, self.now).unwrap()
    }

    fn admit(&self, bearer: &str, now: Timestamp) -> Result<Arc<Principal>, Outside> {
        self.gate.admit(&self.store, &Shown { bearer: Some(bearer), ..Shown::default() }, now)
    }

    /// The principal of `login`, looked up in full.
    fn principal(&self, login: &str) -> Arc<Principal> {
        self.admit(
            token_for(&self.store, self.gate.tokens(), login, self.now).unwrap().access.as_deref().unwrap(),
            self.now,
        )
        .unwrap()
    }

    fn change<T: Send + 'static>(
        &self,
        f: impl Fn(&mut dyn WriteTx, &Cx) -> Result<T, IdentityError> + Send + 'static,
    ) -> Result<T, IdentityError> {
        let now = self.now;
        let done = self.store.write(1, Lane::People, move |tx| {
            let cx = Cx::new(tx, &Actor::system(), now, "test")?;
            f(tx, &cx)
        });
        let done = done.wait();
        self.gate.changed();
        done
    }

    /// A user with a password, added by the administrator.
    fn user(&self, login: &str, role: &str, scope: Option<Scope>, station: bool) -> User {
        let grant = self.principal("admin").grant::<EditUsers>().unwrap();
        let user = User {
            id: Id::fresh(),
            login: login.into(),
            name: login.to_uppercase(),
            role: role.into(),
            scope,
            is_station: station,
            ..self.admin.clone()
        };
        let hash = password::hash(PASSWORD).unwrap();
        self.change(move |tx, cx| {
            let (user, _) = service::create_user(tx, &grant, cx, user.clone())?;
            service::set_secrets(
                tx,
                &grant,
                cx,
                user.id,
                &NewSecrets { password: Some(hash.clone()), ..NewSecrets::default() },
            )?;
            Ok(user)
        })
        .unwrap()
    }

    fn edit(
        &self,
        by: &str,
        id: Id,
        f: impl Fn(&mut User) + Send + 'static,
    ) -> Result<(User, u64), IdentityError> {
        let grant = self.principal(by).grant::<EditUsers>().unwrap();
        self.change(move |tx, cx| {
            let (_, rev) = service::user(tx, id)?;
            service::change_user(tx, &grant, cx, id, rev, |u| f(u))
        })
    }

    /// The audit log of a tenant as text.
    fn audit(&self, tenant: u32) -> Vec<String> {
        let read = self.store.read::<_, StoreError>(tenant, |tx| {
            let origin = Origin::load(tx)?;
            let rows = tx.tail(DEPOT, log::own(log::AUDIT, &origin), 0, 10_000)?;
            rows.iter().map(|(seq, e)| Ok(format!("{:?}", audit::open(*seq, e)?.body))).collect()
        });
        read.unwrap()
    }
}

fn login_at(house: &House, login: &str, password: &str, now: Timestamp) -> Result<Entered, IdentityError> {
    super::login(&house.store, &house.gate, House::ask(login, password), now)
}

#[test]
fn an_empty_node_is_set_up_by_one_link_once() {
    let store = Store::new(Redb::memory().unwrap());
    let now = Timestamp::from_millis(1_800_000_000_000);
    let first = service::setup_link(&store, now).unwrap();
    let link = service::setup_link(&store, now).unwrap();
    let by = |link: &Opaque, at| setup::set_up_by_link(&store, link.reveal(), wish("north", "admin"), at);
    assert!(
        matches!(by(&first, now), Err(IdentityError::LinkOver)),
        "a newer link takes the place of the one before"
    );
    assert!(matches!(by(&link, later(now, 86_400)), Err(IdentityError::LinkOver)));
    let bad = SetUp { password: Secret::new("short".into()), ..wish("north", "admin") };
    assert!(matches!(setup::set_up_by_link(&store, link.reveal(), bad, now), Err(IdentityError::Invalid(_))));
    let (tenant, admin) = by(&link, now).unwrap();
    assert_eq!((tenant.number, tenant.ready, admin.role.as_str(), admin.number), (1, true, "super_admin", 1));
    assert!(matches!(by(&link, now), Err(IdentityError::LinkOver)));
    assert!(matches!(service::setup_link(&store, now), Err(IdentityError::SetUpAlready)));
    let (settings, _) = store.read(1, |tx| crate::settings::service::settings(tx)).unwrap();
    assert_eq!((settings.depot.as_str(), settings.zone.as_str()), ("Depot North", "Europe/Berlin"));
}

#[test]
fn the_tenant_may_be_left_out_until_there_are_two() {
    let house = House::new();
    assert!(login_at(&house, " ADMIN ", PASSWORD, house.now).is_ok());
    assert_eq!(house.enter("admin@north").tenant, 1);
    setup::set_up(&house.store, wish("south", "admin"), house.now).unwrap();
    assert!(matches!(login_at(&house, "admin", PASSWORD, house.now), Err(IdentityError::Refused)));
    assert_eq!(house.enter("admin@south").tenant, 2);
    assert!(matches!(
        setup::set_up(&house.store, wish("south", "x1"), house.now),
        Err(IdentityError::Taken { .. })
    ));
}

#[test]
fn an_old_refresh_token_ends_its_family() {
    let house = House::new();
    let entered = house.enter("admin");
    let first = entered.secret.unwrap();
    let refresh = |text: &str, s| super::refresh(&house.store, &house.gate, text, None, later(house.now, s));
    let second = refresh(first.reveal(), 1).unwrap();
    assert!(house.admit(second.access.as_deref().unwrap(), later(house.now, 1)).is_ok());
    assert!(matches!(refresh(first.reveal(), 2), Err(IdentityError::RefreshReused)));
    assert!(matches!(refresh(second.secret.unwrap().reveal(), 3), Err(IdentityError::RefreshOver)));
    assert!(
        house.admit(second.access.as_deref().unwrap(), later(house.now, 1)).is_err(),
        "its access token too, at once"
    );
    assert!(house.audit(1).iter().any(|e| e.contains("refresh.reused")));
    assert!(matches!(refresh("1.r.x", 3), Err(IdentityError::RefreshOver)));
}

#[test]
fn a_refresh_token_is_exchanged_so_often_and_no_more() {
    let house = House::new();
    for (rotations, good) in [(MAX_ROTATIONS - 1, true), (MAX_ROTATIONS, false)] {
        let entered = house.enter("admin");
        let session = Session { rotations, ..entered.session };
        house.change(move |tx, _| Ok(SESSIONS.put(tx, &session.id, &session)?)).unwrap();
        let next =
            super::refresh(&house.store, &house.gate, entered.secret.unwrap().reveal(), None, house.now);
        assert_eq!(next.is_ok(), good);
    }
}

#[test]
fn a_revoked_session_is_refused_at_once_although_its_token_is_known() {
    let house = House::new();
    let (here, there) = (house.enter("admin"), house.enter("admin"));
    let token = here.access.unwrap();
    assert!(house.admit(&token, house.now).is_ok());
    let (id, actor) = (here.session.id, Actor::system());
    let now = house.now;
    house.change(move |tx, _| logout(tx, &actor, id, now)).unwrap();
    assert!(matches!(house.admit(&token, house.now), Err(Outside::Unknown)));
    // A change that nobody told the gate of counts within a second.
    let token = there.access.unwrap();
    assert!(house.admit(&token, house.now).is_ok());
    let id = there.session.id;
    house.store.write(1, Lane::People, move |tx| repo::end_session(tx, id)).wait().unwrap();
    assert!(house.admit(&token, house.now).is_ok());
    assert!(house.admit(&token, house.now.after(TRUSTED_FOR)).is_err());
}

#[test]
fn one_session_too_many_ends_the_one_longest_unseen() {
    let house = House::new();
    let user = house.admin.id;
    let session = |n: u64| Session {
        id: Id::derived(&[&n.to_be_bytes()]),
        user,
        acting: None,
        kind: SessionKind::Token,
        device: None,
        address: None,
        created_at: house.now,
        seen_at: later(house.now, n),
        expires: Timestamp::MAX,
        cookie: None,
        rotations: 0,
    };
    let all: Vec<_> = (0..=MAX_SESSIONS as u64).map(session).collect();
    let first = all[0].id;
    let left = house.change(move |tx, _| {
        for s in &all {
            begin(tx, s)?;
        }
        Ok(repo::sessions(tx, Some(user), 1000)?)
    });
    let left = left.unwrap();
    assert!(left.len() == MAX_SESSIONS && left.iter().all(|s| s.id != first));
}

#[test]
fn an_override_ends_on_time_for_somebody_who_is_known() {
    let house = House::new();
    let ana = house.user("ana", "clerk", None, false);
    let until = house.now.after(Duration::from_millis(400));
    let force = Override {
        feature: "parcels.force".into(),
        grant: true,
        reason: "night shift".into(),
        until: Some(until),
    };
    house.edit("admin", ana.id, move |u| u.overrides = vec![force.clone()]).unwrap();
    let token = house.enter("ana").access.unwrap();
    let may = |at| house.admit(&token, at).unwrap().features.contains_name("parcels.force");
    assert!(may(house.now) && may(until.before(Duration::from_millis(1))) && !may(until));
}

#[test]
fn a_partner_sees_the_distributors_named_for_it_and_none_without() {
    let house = House::new();
    house.user("bar", "partner", Some(Scope::Distributors(vec!["bar".into()])), false);
    house.user("foo", "partner", None, false);
    let bar = house.principal("bar");
    assert!(bar.scope.admits_distributor(Some("bar")) && !bar.scope.admits_distributor(Some("foo")));
    assert!(!house.principal("foo").scope.admits_distributor(Some("foo")));
    assert_eq!(house.principal("admin").scope, Scope::Tenant);
}

#[test]
fn somebody_stays_who_manages_users() {
    let house = House::new();
    let id = house.admin.id;
    let last = |r: Result<(User, u64), IdentityError>| matches!(r, Err(IdentityError::LastAdmin));
    assert!(last(house.edit("admin", id, |u| u.active = false)));
    assert!(last(house.edit("admin", id, |u| u.role = "clerk".into())));
    assert!(last(house.edit("admin", id, |u| u.overrides =
        vec![Override { feature: "users.edit".into(), grant: false, reason: "x".into(), until: None }])));
    let grant = house.principal("admin").grant::<EditRoles>().unwrap();
    let emptied = house.change(move |tx, cx| {
        let (_, rev) = repo::role(tx, "super_admin")?.unwrap();
        let role = Role { name: "super_admin".into(), features: Features::NONE, reach: Reach::Tenant };
        service::put_role(tx, &grant, cx, role, Some(rev))
    });
    assert!(matches!(emptied, Err(IdentityError::LastAdmin)));
    assert!(house.principal("admin").features.contains::<EditUsers>(), "a refused change leaves no trace");
    house.user("second", "admin", None, false);
    assert!(house.edit("admin", id, |u| u.active = false).is_ok());
    assert!(matches!(login_at(&house, "admin", PASSWORD, house.now), Err(IdentityError::Refused)));
}

#[test]
fn nobody_gives_or_changes_what_is_above_them() {
    let house = House::new();
    let chief = house.user("chief", "admin", None, false);
    let ana = house.user("ana", "clerk", None, false);
    let above = |r: Result<(User, u64), IdentityError>| matches!(r, Err(IdentityError::Above(_)));
    assert!(above(house.edit("chief", ana.id, |u| u.role = "super_admin".into())));
    assert!(above(house.edit("chief", house.admin.id, |u| u.active = false)));
    let own = Override { feature: "tenants.manage".into(), grant: true, reason: "x".into(), until: None };
    assert!(above(house.edit("chief", chief.id, move |u| u.overrides = vec![own.clone()])));
    let grant = house.principal("chief").grant::<EditUsers>().unwrap();
    let (target, hash) = (house.admin.id, password::hash(PASSWORD).unwrap());
    let taken = house.change(move |tx, cx| {
        service::set_secrets(
            tx,
            &grant,
            cx,
            target,
            &NewSecrets { password: Some(hash.clone()), ..NewSecrets::default() },
        )
    });
    assert!(matches!(taken, Err(IdentityError::Above(_))));
    let grant = house.principal("chief").grant::<EditRoles>().unwrap();
    let role = Role { name: "king".into(), features: Features::all(), reach: Reach::Tenant };
    assert!(matches!(
        house.change(move |tx, cx| service::put_role(tx, &grant, cx, role.clone(), None)),
        Err(IdentityError::Above(_))
    ));
    assert!(house.edit("chief", ana.id, |u| u.role = "supervisor".into()).is_ok());
}

#[test]
fn an_api_key_does_no_more_than_itself_and_its_user() {
    let house = House::new();
    let ana = house.user("ana", "clerk", None, false);
    let made = Opaque::fresh(1, Purpose::ApiKey).unwrap();
    let key = |features: Features| ApiKey {
        id: Id::fresh(),
        name: "shop".into(),
        digest: made.digest(),
        features,
        scope: None,
        expires: later(house.now, 3600),
        user: ana.id,
        created_at: house.now,
    };
    let add = |by: &str, key: ApiKey| {
        let grant = house.principal(by).grant::<ManageApiKeys>().unwrap();
        house.change(move |tx, cx| service::add_api_key(tx, &grant, cx, &key))
    };
    house.user("chief", "admin", None, false);
    assert!(matches!(add("chief", key(Features::all())), Err(IdentityError::Above(_))));
    add("chief", key(Features::from_names(["parcels.scan", "users.edit"]))).unwrap();
    let shown = house.admit(made.reveal(), house.now).unwrap();
    assert_eq!(shown.features, Features::from_names(["parcels.scan"]));
    assert_eq!((shown.session, shown.actor.device.as_deref()), (None, Some("key: shop")));
    assert!(house.admit(made.reveal(), later(house.now, 3600)).is_err());
    house.edit("admin", ana.id, |u| u.active = false).unwrap();
    assert!(house.admit(made.reveal(), house.now).is_err());
}

#[test]
fn failures_throttle_the_account_and_the_address_and_success_forgives() {
    let house = House::new();
    house.user("ana", "clerk", None, false);
    let from = |login: &str, password: &str, host: u8| {
        let ask = Ask { address: Some([10, 0, 0, host].into()), ..House::ask(login, password) };
        super::login(&house.store, &house.gate, ask, house.now)
    };
    for n in 0..FREE_FAILURES {
        assert!(matches!(from("ana", "wrong", n as u8), Err(IdentityError::Refused)), "{n}");
    }
    assert!(
        matches!(from("ana", PASSWORD, 200), Err(IdentityError::Throttled(_))),
        "the account, from anywhere"
    );
    for n in 0..FREE_FAILURES {
        assert!(matches!(from(&format!("nobody{n}"), "wrong", 77), Err(IdentityError::Refused)));
    }
    assert!(
        matches!(from("admin", PASSWORD, 77), Err(IdentityError::Throttled(_))),
        "the address, whoever it is"
    );
    for _ in 0..FREE_FAILURES * 2 {
        assert!(
            from("admin", PASSWORD, 88).is_ok(),
            "those who know their password are never in the way of others"
        );
    }
}

#[test]
fn a_station_acts_for_a_person_within_what_both_may() {
    let house = House::new();
    house.user("dock1", "station", None, true);
    let ana = house.user("ana", "supervisor", None, false);
    let (pin, print) = (password::hash("2580").unwrap(), house.gate.badge(1, "B-0042"));
    let grant = house.principal("admin").grant::<EditUsers>().unwrap();
    house
        .change(move |tx, cx| {
            service::set_secrets(
                tx,
                &grant,
                cx,
                ana.id,
                &NewSecrets { password: None, pin: Some(Some(pin.clone())), badge: Some(Some(print)) },
            )
        })
        .unwrap();
    let token = house.enter("dock1").access.unwrap();
    let me = || house.admit(&token, house.now).unwrap();
    let switch = |how| super::switch(&house.store, &house.gate, &me(), how, house.now);
    let secret = |s: &str| Secret::new(s.to_owned());
    assert_eq!(&*me().actor.name, "DOCK1");
    assert_eq!(switch(Switch::Pin("Ana".into(), secret("2580"))).unwrap().unwrap().id, ana.id);
    assert_eq!((&*me().actor.name, me().actor.device.as_deref()), ("ANA", Some("DOCK1")));
    assert!(me().features.contains::<ScanParcels>() && !me().features.contains_name("parcels.force"));
    assert!(switch(Switch::Leave).unwrap().is_none() && &*me().actor.name == "DOCK1");
    assert!(switch(Switch::Badge(secret("B-0042"))).unwrap().is_some());
    for _ in 0..FREE_FAILURES {
        assert!(matches!(switch(Switch::Pin("ana".into(), secret("9999"))), Err(IdentityError::Refused)));
    }
    assert!(matches!(switch(Switch::Pin("ana".into(), secret("2580"))), Err(IdentityError::Throttled(_))));
    let person = house.principal("ana");
    assert!(matches!(
        super::switch(&house.store, &house.gate, &person, Switch::Leave, house.now),
        Err(IdentityError::NotStation)
    ));
}

#[test]
fn a_browser_shows_its_token_with_every_change_and_lives_by_being_seen() {
    let house = House::new();
    let entered = super::login(
        &house.store,
        &house.gate,
        Ask { browser: true, ..House::ask("admin", PASSWORD) },
        house.now,
    )
    .unwrap();
    let cookie = entered.secret.unwrap().reveal().to_owned();
    let csrf = csrf_of(&cookie);
    let admit = |shown: Shown<'_>, at| house.gate.admit(&house.store, &shown, at);
    let look = Shown { session: Some(&cookie), same_origin: true, ..Shown::default() };
    let change = Shown { changes: true, ..look };
    assert!(entered.access.is_none() && admit(look, house.now).is_ok());
    assert!(matches!(admit(change, house.now), Err(Outside::Forged)));
    assert!(matches!(
        admit(Shown { csrf: Some(&csrf), same_origin: false, ..change }, house.now),
        Err(Outside::Forged)
    ));
    assert!(admit(Shown { csrf: Some(&csrf), ..change }, house.now).is_ok());
    assert!(house.admit(&cookie, house.now).is_err(), "a cookie is no bearer token");
    let half = house.now.after(BROWSER_LIFETIME / 2);
    assert!(admit(look, half).is_ok());
    house.change(|_, _| Ok(())).unwrap(); // the note that it was seen is written before this
    assert!(admit(look, house.now.after(BROWSER_LIFETIME)).is_ok());
    assert!(admit(look, house.now.after(BROWSER_LIFETIME * 3)).is_err());
}

#[test]
fn somebody_who_registers_waits_for_approval() {
    let house = House::new();
    let wish = |login: &str| Register {
        login: login.into(),
        name: "Bar".into(),
        email: None,
        language: "en".into(),
        password: Secret::new(PASSWORD.into()),
    };
    let bar = register(&house.store, &wish("bar"), None, house.now).unwrap();
    assert!(matches!(
        register(&house.store, &wish("BAR"), None, house.now),
        Err(IdentityError::Taken { .. })
    ));
    assert!(matches!(login_at(&house, "bar", PASSWORD, house.now), Err(IdentityError::AwaitsApproval)));
    house.edit("admin", bar.id, |u| u.approved = true).unwrap();
    assert!(house.enter("bar").access.is_some());
}

#[test]
fn no_secret_reaches_the_audit_log() {
    let house = House::new();
    let ana = house.user("ana", "clerk", None, false);
    let planted = ["planted-wrong-pass", "planted-new-password", "258046", "B-PLANTED-7"];
    assert!(login_at(&house, "ana", planted[0], house.now).is_err());
    assert!(login_at(&house, planted[0], "x", house.now).is_err());
    let me = house.principal("ana");
    let secret = |s: &str| Secret::new(s.to_owned());
    super::change_password(&house.store, &house.gate, &me, &secret(PASSWORD), &secret(planted[1]), house.now)
        .unwrap();
    let (pin, print) = (password::hash(planted[2]).unwrap(), house.gate.badge(1, planted[3]));
    let grant = house.principal("admin").grant::<EditUsers>().unwrap();
    let hash = pin.clone();
    house
        .change(move |tx, cx| {
            service::set_secrets(
                tx,
                &grant,
                cx,
                ana.id,
                &NewSecrets { password: None, pin: Some(Some(hash.clone())), badge: Some(Some(print)) },
            )
        })
        .unwrap();
    let said = [house.audit(0), house.audit(1)].concat().join("\n");
    for action in
        ["login.failed", "password.changed", "credentials.set", "record.set", "tenant.added", "token.issued"]
    {
        assert!(said.contains(action), "{action}");
    }
    for secret in planted.iter().copied().chain([PASSWORD, &pin, "argon2"]) {
        assert!(!said.contains(secret), "{secret}");
    }
    assert!(login_at(&house, "ana", planted[1], later(house.now, 60)).is_ok());
}

#[test]
fn what_means_nothing_any_more_is_swept_up() {
    let house = House::new();
    house.enter("admin");
    assert!(login_at(&house, "nobody", "x", house.now).is_err());
    let at = house.now.after(REFRESH_LIFETIME * 2);
    let gone = house
        .change(move |tx, _| Ok((repo::tidy(tx, at, 100)?, repo::sessions(tx, None, 10)?.len())))
        .unwrap();
    assert!(gone.0 >= 3 && gone.1 == 0, "{gone:?}");
    let report = crate::store::check::run(&house.store, &tables()).unwrap();
    let ours = report.faults.iter().filter(|f| !f.contains("unknown collection")).collect::<Vec<_>>();
    assert!(ours.is_empty(), "{ours:?}");
}

fn tables() -> Vec<&'static dyn crate::store::table::Checked> {
    [repo::tables(), crate::settings::tables(), crate::deadlines::policy::tables()].concat()
}

#[test]
fn every_list_has_an_end() {
    let house = House::new();
    let full = |r: Result<(), IdentityError>, most: usize| matches!(r, Err(IdentityError::Full { most: m, .. }) if m == most);
    let (users, roles) = (
        house.principal("admin").grant::<EditUsers>().unwrap(),
        house.principal("admin").grant::<EditRoles>().unwrap(),
    );
    let keys = house.principal("admin").grant::<ManageApiKeys>().unwrap();
    let admin = house.admin.clone();
    let one_more = |n: i64| {
        let (users, admin) = (users.clone(), admin.clone());
        house.change(move |tx, cx| {
            let have = crate::store::counters::get(tx, "identity/users")?;
            crate::store::counters::add(tx, "identity/users", n - have)?;
            let user = User { id: Id::fresh(), login: format!("u{n}"), ..admin.clone() };
            service::create_user(tx, &users, cx, user).map(drop)
        })
    };
    let most = service::MAX_USERS as i64;
    assert!(one_more(most - 1).is_ok() && full(one_more(most), service::MAX_USERS));

    let role = |n: usize| Role { name: format!("role{n}"), features: Features::NONE, reach: Reach::Own };
    let added = house.change(move |tx, cx| {
        let present = crate::identity::roles::NAMES.len();
        for n in present..service::MAX_ROLES {
            service::put_role(tx, &roles, cx, role(n), None)?;
        }
        Ok(service::put_role(tx, &roles, cx, role(service::MAX_ROLES), None).map(drop))
    });
    assert!(full(added.unwrap(), service::MAX_ROLES));

    let (user, now) = (house.admin.id, house.now);
    let added = house.change(move |tx, cx| {
        let key = || {
            Ok::<_, IdentityError>(ApiKey {
                id: Id::fresh(),
                name: "k".into(),
                digest: Opaque::fresh(1, Purpose::ApiKey)?.digest(),
                features: Features::NONE,
                scope: None,
                expires: later(now, 60),
                user,
                created_at: now,
            })
        };
        for _ in 0..service::MAX_API_KEYS {
            let key = key()?;
            repo::API_KEYS.put(tx, &key.id, &key)?;
        }
        Ok(service::add_api_key(tx, &keys, cx, &key()?))
    });
    assert!(full(added.unwrap(), service::MAX_API_KEYS));

    let written = house.store.write(NODE, Lane::People, |tx| -> Result<(), StoreError> {
        for number in 2..=u32::try_from(setup::MAX_TENANTS).unwrap() {
            let tenant = Tenant {
                number,
                name: format!("t{number}"),
                depot: "d".into(),
                zone: "UTC".into(),
                ready: true,
            };
            repo::TENANTS.put(tx, &number.to_be_bytes()[..], &tenant)?;
        }
        Ok(())
    });
    written.wait().unwrap();
    assert!(full(
        setup::set_up(&house.store, wish("one-more", "admin"), house.now).map(drop),
        setup::MAX_TENANTS
    ));
}
