//! Which kinds of change there are, and for each the fold it goes through, whom it concerns, and what it adds to a digest.

use std::ops::RangeInclusive;

use serde::Serialize;

use crate::attachments::model::{self as attachments, Attachment};
use crate::base::ids::Id;
use crate::cases::model::Case;
use crate::cases::worker;
use crate::customers::model::Customer;
use crate::deadlines::dock::DockRules;
use crate::deadlines::learned::Learning;
use crate::deadlines::policy::HouseRules;
use crate::deliveries::model::Delivery;
use crate::fleet::model::{Driver, Vehicle};
use crate::freight::bills::Bill;
use crate::freight::carriers::Carrier as Airline;
use crate::freight::desk::StoredSop;
use crate::freight::event as freight;
use crate::freight::model::{Hawb, Mawb};
use crate::freight::terminals::Terminal;
use crate::identity::model::{Role, User};
use crate::imports::model::Saved;
use crate::journal::clock::HEADQUARTERS;
use crate::journal::event::{Eid, SiteRef, Stamped};
use crate::journal::fold::Timeline;
use crate::journal::redaction::{self, Redacted};
use crate::journal::reference::{Ref, Reference, Set};
use crate::journal::{self, Aggregate, Arrival, Cx, Event};
use crate::manifests::model::{Manifest, Unloading};
use crate::notify::plan::Plan;
use crate::notify::refusals::Refusal;
use crate::notify::templates::Template;
use crate::orders::catalog::{Category, Product};
use crate::orders::model::Order;
use crate::orders::stock::{self, Page};
use crate::parcels::map_service::OwnMap;
use crate::parcels::map_site::SiteMap;
use crate::parcels::model::Parcel;
use crate::parcels::rules;
use crate::places::model::Place;
use crate::privacy::model::{self as privacy, Erasure, Hold};
use crate::routes::event as routes;
use crate::routes::model::{Optimization, Route};
use crate::settings::model::Settings;
use crate::store::{Dir, Ix, KeyRange, ReadTx, Result, StoreError, WriteTx};
use crate::tracking::model::{Device, Fence};
use crate::travel::conditions::Conditions;

/// Whom changes of a kind concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every depot. Headquarters alone writes them; what a depot writes is a proposal.
    Shared,
    /// Every depot, whoever writes them.
    Everyone,
    /// The depots that have to do with the aggregate.
    Concerned,
}

type Adopt = fn(&mut dyn WriteTx, &Cx, Id, Option<&[u8]>) -> Result<()>;
type Receive = fn(&mut dyn WriteTx, &Cx, &[u8], &Arrival) -> Result<bool>;
type Sum = fn(&dyn ReadTx, Id, Rejected<'_>) -> Result<Option<Summed>>;
type Redact = fn(&mut dyn WriteTx, &Cx, Id, Id) -> Result<Redacted>;
type Shown = fn(&dyn ReadTx, Id) -> Result<Option<serde_json::Value>>;
type Along = fn(&dyn ReadTx, Id) -> Result<Vec<(u16, Id)>>;
/// A page of aggregates behind a position: their ids, and where to go on.
type Paging = fn(&dyn ReadTx, Option<Vec<u8>>, usize) -> Result<(Vec<Id>, Option<Vec<u8>>)>;

/// Tells whether a change was refused by headquarters.
pub type Rejected<'a> = &'a dyn Fn(&Eid) -> Result<bool>;

/// What an aggregate comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summed {
    /// The sites it concerns.
    pub concerned: Vec<SiteRef>,
    /// A hash of its state.
    pub hash: [u8; 16],
}

/// An aggregate that travels.
pub trait Travels: Aggregate + Serialize {
    /// The sites it concerns, as its events name them.
    fn concerned(&self) -> Vec<SiteRef> {
        Vec::new()
    }
}

impl<T: Reference> Travels for Ref<T> {}
impl Travels for Case {}
impl Travels for Erasure {}

impl Travels for Mawb {
    /// The site it was announced at, until its file is closed.
    fn concerned(&self) -> Vec<SiteRef> {
        self.origin.filter(|_| self.closed_at.is_none()).into_iter().collect()
    }
}

impl Travels for Hawb {
    fn concerned(&self) -> Vec<SiteRef> {
        self.origin.into_iter().collect()
    }
}

impl Travels for Manifest {
    /// Who was told of it.
    fn concerned(&self) -> Vec<SiteRef> {
        self.origin.into_iter().collect()
    }
}

impl Travels for Unloading {
    /// Where it takes place.
    fn concerned(&self) -> Vec<SiteRef> {
        self.site.into_iter().collect()
    }
}

impl Travels for Bill {
    fn concerned(&self) -> Vec<SiteRef> {
        self.origin.into_iter().collect()
    }
}

impl Travels for Attachment {
    fn concerned(&self) -> Vec<SiteRef> {
        self.origin.into_iter().collect()
    }
}

impl Travels for Route {
    fn concerned(&self) -> Vec<SiteRef> {
        self.origin.into_iter().collect()
    }
}

impl Travels for Optimization {
    fn concerned(&self) -> Vec<SiteRef> {
        self.origin.into_iter().collect()
    }
}

impl Travels for Parcel {
    /// Who has it, who expects it, and until it is at its end who first told of it.
    fn concerned(&self) -> Vec<SiteRef> {
        let origin = self.origin.filter(|_| !rules::is_final(self.status));
        let next = self.next.map(|site| SiteRef { site, epoch: 0 });
        let mut all: Vec<_> = [self.custody, next, origin].into_iter().flatten().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Travels for Order {
    /// Who fulfils it and who took it.
    fn concerned(&self) -> Vec<SiteRef> {
        pair(self.depot, self.origin)
    }
}

impl Travels for Delivery {
    /// Who carries it out and who asked for it.
    fn concerned(&self) -> Vec<SiteRef> {
        pair(self.depot, self.origin)
    }
}

impl Travels for Page {
    /// Whose shelf it is.
    fn concerned(&self) -> Vec<SiteRef> {
        self.site.into_iter().collect()
    }
}

fn pair(a: Option<SiteRef>, b: Option<SiteRef>) -> Vec<SiteRef> {
    let mut all: Vec<_> = a.into_iter().chain(b).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// One aggregate type as sync sees it.
#[derive(Clone)]
pub struct Folder {
    /// Its name.
    pub name: &'static str,
    /// Its kinds of change.
    pub kinds: RangeInclusive<u16>,
    /// Further kinds of it, with numbers of their own.
    pub more: &'static [u16],
    /// Whom they concern.
    pub reach: Reach,
    /// Takes in a change; true when it is new here.
    pub receive: Receive,
    /// Folds anew after stamps were shifted.
    pub refold: fn(&mut dyn WriteTx, &Cx, Id) -> Result<()>,
    /// Where the timeline of an aggregate stands.
    pub line: fn(&dyn ReadTx, Id) -> Result<Option<Timeline>>,
    /// The sites an aggregate concerns, as its events name them.
    pub concerned: fn(&dyn ReadTx, Id) -> Result<Vec<SiteRef>>,
    /// The first sites of an aggregate's life, which may always write to it.
    pub origin: fn(&dyn ReadTx, Id) -> Result<Option<SiteRef>>,
    /// What it adds to a digest, refused changes left out. None when there is nothing to compare.
    pub sum: Sum,
    /// For what headquarters owns: makes the content of a proposal its own, or with none says its own word once more.
    pub adopt: Option<Adopt>,
    /// Leaves out of its changes what marks say; the second id is the erasure's.
    pub redact: Redact,
    /// Its state as a document.
    pub shown: Shown,
    /// Goes through all aggregates.
    pub page: Paging,
    /// What goes where an aggregate goes, though it is one of its own: a kind of its changes, and which.
    pub along: Along,
}

impl Folder {
    /// For aggregates of type `A`.
    #[must_use]
    pub fn of<A: Travels>(kinds: RangeInclusive<u16>, reach: Reach) -> Self {
        Self {
            name: A::NAME,
            kinds,
            more: &[],
            reach,
            receive: |tx, cx, blob, way| Ok(journal::receive::<A>(tx, cx, blob, way)?.is_some()),
            refold: |tx, cx, id| journal::refold::<A>(tx, cx, id),
            line: |tx, id| Ok(journal::load::<A>(tx, id)?.map(|row| row.line)),
            concerned: |tx, id| {
                Ok(journal::load::<A>(tx, id)?.map_or_else(Vec::new, |row| row.state.concerned()))
            },
            origin: |_, _| Ok(None),
            sum: sum::<A>,
            adopt: None,
            redact: |tx, cx, id, by| redaction::redact::<A>(tx, cx, id, by),
            shown: shown::<A>,
            page: page::<A>,
            along: |_, _| Ok(Vec::new()),
        }
    }

    /// For records that headquarters owns.
    #[must_use]
    pub fn shared<T: Reference>() -> Self {
        Self {
            adopt: Some(adopt::<T>),
            sum: told::<Ref<T>>,
            ..Self::of::<Ref<T>>(T::KIND..=T::KIND, Reach::Shared)
        }
    }
}

fn adopt<T: Reference>(tx: &mut dyn WriteTx, cx: &Cx, id: Id, proposed: Option<&[u8]>) -> Result<()> {
    let row = journal::load::<Ref<T>>(tx, id)?;
    let value = match proposed {
        Some(body) => <Set<T> as Event>::decode(T::KIND, 1, body)?.value,
        None => row.as_ref().and_then(|row| row.state.value.clone()),
    };
    // Said again even when nothing changes: the later word is the one that counts, at the depot too.
    journal::record(tx, cx, id, row, vec![Set { value }]).map(drop)
}

fn shown<A: Travels>(tx: &dyn ReadTx, id: Id) -> Result<Option<serde_json::Value>> {
    let row = journal::load::<A>(tx, id)?.map(|row| serde_json::to_value(row.state));
    row.transpose().map_err(|e| StoreError::Codec { what: A::NAME, why: e.to_string() })
}

fn page<A: Aggregate>(
    tx: &dyn ReadTx,
    after: Option<Vec<u8>>,
    limit: usize,
) -> Result<(Vec<Id>, Option<Vec<u8>>)> {
    let rows = A::TABLE.scan(tx, Ix::Primary, &KeyRange::all().resume(after), Dir::Up, limit)?;
    Ok((rows.items.iter().filter_map(|e| Id::from_slice(&e.pk)).collect(), rows.next))
}

fn sum<A: Travels>(tx: &dyn ReadTx, id: Id, rejected: Rejected<'_>) -> Result<Option<Summed>> {
    summed::<A>(tx, id, &|e| Ok(!rejected(&e.key.eid)?))
}

/// Of what headquarters owns, its own words: a depot's wishes are no difference.
fn told<A: Travels>(tx: &dyn ReadTx, id: Id, _: Rejected<'_>) -> Result<Option<Summed>> {
    summed::<A>(tx, id, &|e| Ok(e.site == HEADQUARTERS))
}

type Counts<'a, E> = &'a dyn Fn(&Stamped<E>) -> Result<bool>;

fn summed<A: Travels>(tx: &dyn ReadTx, id: Id, counts: Counts<'_, A::Event>) -> Result<Option<Summed>> {
    let Some(row) = journal::load::<A>(tx, id)? else { return Ok(None) };
    let all: Vec<_> = journal::history::<A>(tx, &row.line)?.into_iter().map(|(_, e)| e).collect();
    let (n, mut events) = (all.len(), Vec::with_capacity(all.len()));
    for e in all {
        if counts(&e)? {
            events.push(e);
        }
    }
    if events.is_empty() {
        return Ok(None);
    }
    let state =
        if events.len() == n { row.state } else { A::fold_all(A::base(id, Some(&row.state)), &events) };
    let bytes = rmp_serde::to_vec_named(&state)
        .map_err(|e| StoreError::Codec { what: A::NAME, why: e.to_string() })?;
    let hash = Id::derived(&[A::NAME.as_bytes(), id.as_ref(), &bytes]).0;
    Ok(Some(Summed { concerned: state.concerned(), hash }))
}

/// All aggregate types that travel.
#[derive(Clone)]
pub struct Registry {
    folders: Vec<Folder>,
}

impl Registry {
    /// Of these types.
    #[must_use]
    pub fn new(folders: Vec<Folder>) -> Self {
        Self { folders }
    }

    /// The types of this release.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(vec![
            // First, so that whoever offers all he holds has said what was erased before he comes to what is left of it.
            Folder::of::<Erasure>(privacy::KINDS, Reach::Everyone),
            Folder::of::<Ref<Hold>>(Hold::KIND..=Hold::KIND, Reach::Everyone),
            Folder::of::<Ref<Refusal>>(Refusal::KIND..=Refusal::KIND, Reach::Everyone),
            parcels(),
            cases(),
            manifests(),
            unloadings(),
            Folder::shared::<User>(),
            Folder::shared::<Role>(),
            Folder::shared::<HouseRules>(),
            Folder::shared::<Learning>(),
            Folder::shared::<DockRules>(),
            Folder::shared::<Settings>(),
            Folder::shared::<OwnMap>(),
            Folder::shared::<Saved>(),
            Folder::shared::<crate::carriers::model::Carrier>(),
            Folder::shared::<Template>(),
            Folder::shared::<Plan>(),
            Folder::shared::<StoredSop>(),
            Folder::shared::<Airline>(),
            Folder::shared::<Terminal>(),
            Folder::shared::<Place>(),
            own_record::<SiteMap>(),
            own_record::<Vehicle>(),
            own_record::<Driver>(),
            own_record::<Customer>(),
            own_record::<Conditions>(),
            own_record::<Device>(),
            own_record::<Fence>(),
            Folder {
                origin: |tx, id| Ok(journal::load::<Route>(tx, id)?.and_then(|row| row.state.origin)),
                ..Folder::of::<Route>(routes::ROUTE_KINDS, Reach::Concerned)
            },
            Folder {
                origin: |tx, id| Ok(journal::load::<Optimization>(tx, id)?.and_then(|row| row.state.origin)),
                ..Folder::of::<Optimization>(routes::OPTIMIZATION_KINDS, Reach::Concerned)
            },
            masters(),
            houses(),
            bills(),
            Folder {
                origin: |tx, id| Ok(journal::load::<Attachment>(tx, id)?.and_then(|row| row.state.origin)),
                ..Folder::of::<Attachment>(attachments::KINDS, Reach::Concerned)
            },
            Folder::shared::<Category>(),
            Folder::shared::<Product>(),
            orders(),
            ledger(),
            deliveries(),
        ])
    }

    /// The type that changes of `kind` belong to.
    #[must_use]
    pub fn of(&self, kind: u16) -> Option<&Folder> {
        self.folders.iter().find(|f| f.kinds.contains(&kind) || f.more.contains(&kind))
    }

    /// The `n`-th type, for those who go through all of them a page at a time.
    #[must_use]
    pub fn nth(&self, n: usize) -> Option<&Folder> {
        self.folders.get(n)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Folder> {
        self.folders.iter()
    }
}

/// The first kind of change of a case.
const CASE_KIND: u16 = 0x200;
/// Cases of one parcel that go along with it; those that follow from its facts are found anew wherever it is.
const MAX_ALONG: usize = 1_000;

/// Manifests concern the depot that was told of them.
#[must_use]
pub fn manifests() -> Folder {
    Folder {
        origin: |tx, id| Ok(journal::load::<Manifest>(tx, id)?.and_then(|row| row.state.origin)),
        ..Folder::of::<Manifest>(0x300..=0x31f, Reach::Concerned)
    }
}

/// A record that belongs to the depot that first wrote it down.
fn own_record<T: Reference>() -> Folder {
    fn first<T: Reference>(tx: &dyn ReadTx, id: Id) -> Result<Option<SiteRef>> {
        journal::load::<Ref<T>>(tx, id)?.map_or(Ok(None), |row| worker::opener(tx, &row.line))
    }
    Folder {
        concerned: |tx, id| Ok(first::<T>(tx, id)?.into_iter().collect()),
        origin: first::<T>,
        sum: |tx, id, rejected| {
            let Some(summed) = sum::<Ref<T>>(tx, id, rejected)? else { return Ok(None) };
            Ok(Some(Summed { concerned: first::<T>(tx, id)?.into_iter().collect(), ..summed }))
        },
        ..Folder::of::<Ref<T>>(T::KIND..=T::KIND, Reach::Concerned)
    }
}

/// Master waybills concern the depot they were announced at, until their file is closed.
#[must_use]
pub fn masters() -> Folder {
    Folder {
        origin: |tx, id| Ok(journal::load::<Mawb>(tx, id)?.and_then(|row| row.state.origin)),
        ..Folder::of::<Mawb>(freight::MASTER_KINDS, Reach::Concerned)
    }
}

/// House waybills concern the depot they were announced at.
#[must_use]
pub fn houses() -> Folder {
    Folder {
        origin: |tx, id| Ok(journal::load::<Hawb>(tx, id)?.and_then(|row| row.state.origin)),
        ..Folder::of::<Hawb>(freight::HOUSE_KINDS, Reach::Concerned)
    }
}

/// Bills concern the depot they were entered at.
#[must_use]
pub fn bills() -> Folder {
    Folder {
        origin: |tx, id| Ok(journal::load::<Bill>(tx, id)?.and_then(|row| row.state.origin)),
        ..Folder::of::<Bill>(freight::BILL_KINDS, Reach::Concerned)
    }
}

/// Unloadings concern the depot they take place at.
#[must_use]
pub fn unloadings() -> Folder {
    Folder {
        origin: |tx, id| Ok(journal::load::<Unloading>(tx, id)?.and_then(|row| row.state.site)),
        ..Folder::of::<Unloading>(0x320..=0x33f, Reach::Concerned)
    }
}

/// Parcels.
#[must_use]
pub fn parcels() -> Folder {
    Folder {
        origin: |tx, id| Ok(parcel(tx, id)?.and_then(|p| p.origin)),
        along: |tx, id| {
            let cases = crate::cases::repo::about(tx, id, MAX_ALONG)?;
            let stepped = cases.into_iter().filter(|row| row.line.n > 0);
            Ok(stepped.map(|row| (CASE_KIND, row.state.id.0)).collect())
        },
        more: &[crate::parcels::event::REMAPPED],
        ..Folder::of::<Parcel>(1..=99, Reach::Concerned)
    }
}

/// Orders.
#[must_use]
pub fn orders() -> Folder {
    Folder {
        origin: |tx, id| Ok(journal::load::<Order>(tx, id)?.and_then(|row| row.state.origin)),
        ..Folder::of::<Order>(0x440..=0x44f, Reach::Concerned)
    }
}

/// The ledger of stock, page by page: whose shelf it is.
#[must_use]
pub fn ledger() -> Folder {
    Folder::of::<Page>(stock::KIND..=0x45f, Reach::Concerned)
}

/// Deliveries.
#[must_use]
pub fn deliveries() -> Folder {
    Folder {
        origin: |tx, id| Ok(journal::load::<Delivery>(tx, id)?.and_then(|row| row.state.origin)),
        ..Folder::of::<Delivery>(0x400..=0x43f, Reach::Concerned)
    }
}

fn parcel(tx: &dyn ReadTx, id: Id) -> Result<Option<Parcel>> {
    Ok(journal::load::<Parcel>(tx, id)?.map(|row| row.state))
}

/// Cases concern whom their parcel concerns, and one about anything else the site that opened it. Of a digest they are no
/// part: what a node derives by itself shows only as far as its parcels do.
fn cases() -> Folder {
    fn subject(tx: &dyn ReadTx, id: Id) -> Result<Option<Parcel>> {
        let case = journal::load::<Case>(tx, id)?.filter(|row| row.state.subject.kind == Parcel::NAME);
        case.map_or(Ok(None), |row| parcel(tx, row.state.subject.id))
    }
    /// Where the dock is that a case is about: what is told of a manifest or an unloading is worked on there.
    fn dock(tx: &dyn ReadTx, id: Id) -> Result<Option<SiteRef>> {
        let Some(about) = journal::load::<Case>(tx, id)?.map(|row| row.state.subject) else {
            return Ok(None);
        };
        match about.kind.as_str() {
            Manifest::NAME => Ok(journal::load::<Manifest>(tx, about.id)?.and_then(|row| row.state.origin)),
            Unloading::NAME => Ok(journal::load::<Unloading>(tx, about.id)?.and_then(|row| row.state.site)),
            _ => Ok(None),
        }
    }
    fn opener(tx: &dyn ReadTx, id: Id) -> Result<Option<SiteRef>> {
        journal::load::<Case>(tx, id)?.map_or(Ok(None), |row| worker::opener(tx, &row.line))
    }
    /// Where a case is worked on that is about no parcel.
    fn place(tx: &dyn ReadTx, id: Id) -> Result<Option<SiteRef>> {
        dock(tx, id)?.map_or_else(|| opener(tx, id), |site| Ok(Some(site)))
    }
    /// A bulk case concerns whom any of its parcels concerns.
    fn concerned(tx: &dyn ReadTx, id: Id) -> Result<Vec<SiteRef>> {
        let Some(row) = journal::load::<Case>(tx, id)? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for id in row.state.about_parcels() {
            all.extend(parcel(tx, *id)?.map_or_else(Vec::new, |p| p.concerned()));
        }
        if all.is_empty() {
            all.extend(place(tx, id)?);
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }
    Folder {
        concerned,
        origin: |tx, id| match subject(tx, id)? {
            Some(parcel) => Ok(parcel.origin),
            None => place(tx, id),
        },
        sum: |_, _, _| Ok(None),
        ..Folder::of::<Case>(CASE_KIND..=0x2ff, Reach::Concerned)
    }
}
