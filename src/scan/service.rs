//! What a station does with a code: one transaction a scan, or a batch of them.

use super::commands::{self, Action, Command};
use super::error::ScanError;
use super::inputs::{MAX_BATCH, ScanInput};
use super::lookup::{self, Meant, Row};
use super::model::{Claimed, Did, Last, Outcome, Pending, Resolved, Station};
use super::repo::{self, CLAIMS, STATIONS};
use super::resolve::{self, COMMAND};
use super::steps;
use super::views::{Done, Refused, Told};
use crate::base::clock::Timestamp;
use crate::base::error::{Fault, Invalid, Kind};
use crate::base::text;
use crate::cases::reasons::Reason;
use crate::cases::service as cases;
use crate::identity::features::ScanParcels;
use crate::identity::grant::Grant;
use crate::journal::Cx;
use crate::manifests::model::Difference;
use crate::manifests::unloading::{self, Counted, Scanned};
use crate::parcels::model::{Parcel, ParcelId};
use crate::parcels::service as parcels;
use crate::store::{ReadTx, StoreError, WriteTx};
use std::time::Duration;

type Result<T> = std::result::Result<T, ScanError>;

/// The same code again at the same station within this time is the scanner's stutter.
pub const STUTTER: Duration = Duration::from_secs(2);
/// How long a command waits for its parcel.
pub const PENDING_FOR: Duration = Duration::from_secs(10 * 60);
/// How long a kept command holds after its last use.
pub const KEPT_FOR: Duration = Duration::from_secs(12 * 3_600);
/// How long the last scan can be taken back at the station.
pub const UNDO_WITHIN: Duration = Duration::from_secs(3_600);

/// What a case about a piece nobody announced is about.
const PIECE: &str = "piece";
/// The offer for a code nobody knows.
const OFFER: &str = "piece_without_data";

/// A scan's answer, with the parcel to show.
pub struct Answered {
    /// What became of it.
    pub told: Told,
    /// Whether it was answered before.
    pub repeated: bool,
    /// The parcel and its revision.
    pub parcel: Option<(Parcel, u64)>,
}

/// What a code may be and the parcel it means, without any effect.
///
/// # Errors
/// Storage failures.
pub fn look(tx: &dyn ReadTx, grant: &Grant<ScanParcels>, code: &str) -> Result<(Resolved, Meant)> {
    let resolved = resolve::resolve(code);
    let is_command = resolved.readings.first().is_some_and(|r| r.form == COMMAND);
    let meant = if is_command { Meant::Nothing } else { lookup::meant(tx, grant.scope(), &resolved, None)? };
    Ok((resolved, meant))
}

/// Takes one scan. The same scan id again gets the same answer and changes nothing.
///
/// # Errors
/// Input that makes no sense, a scan id used for another scan, too many stations; storage failures.
pub fn scan(
    tx: &mut dyn WriteTx,
    grant: &Grant<ScanParcels>,
    cx: &Cx,
    input: &ScanInput,
) -> Result<Answered> {
    input.check(cx.now)?;
    let name = station_name(grant, input);
    let claim = input.scan_id.as_deref().map(|id| repo::claim_key(&name, id));
    let request = digest(input)?;
    if let Some(known) = claim.map(|key| CLAIMS.get(tx, &key)).transpose()?.flatten() {
        return again(tx, grant, input, &known, request);
    }
    let known = STATIONS.get(tx, &name)?;
    if known.is_none() && !repo::has_room(tx)? {
        return Err(ScanError::TooManyStations);
    }
    let mut station = known.unwrap_or_default();
    let told = At { grant, cx, input, station: &mut station }.take(tx)?;
    station.used_at = cx.now;
    STATIONS.put(tx, &name, &station)?;
    if let Some(key) = claim {
        let answer = serde_json::to_vec(&told).map_err(codec)?;
        CLAIMS.put(tx, &key, &Claimed { request, at: cx.now, parcel: told.parcel_id, answer })?;
    }
    let parcel = shown(tx, grant, told.parcel_id)?;
    Ok(Answered { told, repeated: false, parcel })
}

/// The verdict on one row of a batch.
pub type RowVerdict = std::result::Result<Answered, Refused>;

/// Takes scans that were kept while a scanner was offline, in their order, each with its own time and verdict.
///
/// # Errors
/// No rows or more than [`MAX_BATCH`]; storage failures, and then nothing is kept.
pub fn batch(
    tx: &mut dyn WriteTx,
    grant: &Grant<ScanParcels>,
    cx: &Cx,
    rows: &[ScanInput],
) -> Result<Vec<RowVerdict>> {
    if rows.is_empty() || rows.len() > MAX_BATCH {
        return Err(Invalid::at("/rows", format!("needs 1 to {MAX_BATCH} rows, got {}", rows.len())).into());
    }
    let mut verdicts = Vec::with_capacity(rows.len());
    for row in rows {
        verdicts.push(match scan(tx, grant, cx, row) {
            Ok(answered) => Ok(answered),
            Err(
                ScanError::Store(e)
                | ScanError::Parcel(crate::parcels::error::ParcelError::Store(e))
                | ScanError::Unloading(crate::manifests::error::ManifestError::Store(e)),
            ) => return Err(e.into()),
            Err(e) => Err(refusal(&e)),
        });
    }
    Ok(verdicts)
}

/// The table's key of a station: its name, or whose it is.
fn station_name(grant: &Grant<ScanParcels>, input: &ScanInput) -> String {
    unloading::station_key(input.station.as_deref(), grant.actor().user)
}

fn codec(e: serde_json::Error) -> ScanError {
    StoreError::Codec { what: "scan", why: e.to_string() }.into()
}

fn digest(input: &ScanInput) -> Result<[u8; 32]> {
    Ok(*blake3::hash(&serde_json::to_vec(input).map_err(codec)?).as_bytes())
}

/// The answer that was given before, with the parcel as it is now.
fn again(
    tx: &dyn ReadTx,
    grant: &Grant<ScanParcels>,
    input: &ScanInput,
    known: &Claimed,
    request: [u8; 32],
) -> Result<Answered> {
    if known.request != request {
        return Err(ScanError::IdReused(input.scan_id.clone().unwrap_or_default()));
    }
    let told: Told = serde_json::from_slice(&known.answer).map_err(codec)?;
    Ok(Answered { parcel: shown(tx, grant, known.parcel)?, told, repeated: true })
}

/// The parcel to show, while the caller still may see it.
fn shown(tx: &dyn ReadTx, grant: &Grant<ScanParcels>, id: Option<ParcelId>) -> Result<Option<(Parcel, u64)>> {
    let Some(id) = id else { return Ok(None) };
    match parcels::find(tx, grant.scope(), &id.to_string()) {
        Ok((row, _)) => Ok(Some((row.value.state, row.rev))),
        Err(crate::parcels::error::ParcelError::Unknown(_)) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// A refusal as a verdict.
pub(super) fn refusal(e: &impl Fault) -> Refused {
    Refused { code: e.code().to_owned(), detail: e.to_string() }
}

/// A scan at a station.
struct At<'a> {
    grant: &'a Grant<ScanParcels>,
    cx: &'a Cx,
    input: &'a ScanInput,
    station: &'a mut Station,
}

impl At<'_> {
    fn moment(&self) -> Timestamp {
        self.input.at.unwrap_or(self.cx.now)
    }

    /// Does what the code asks for and remembers it as the station's last scan.
    fn take(mut self, tx: &mut dyn WriteTx) -> Result<Told> {
        let at = self.moment();
        let mut resolved = resolve::resolve(&self.input.code);
        self.accept(&mut resolved);
        if let Some(chosen) = self.input.reading.as_deref().or(self.station.choice.as_deref()) {
            resolve::prefer(&mut resolved, chosen);
        }
        self.choose(&resolved)?;
        let mut told = Told::begin(resolved, at);
        if self.stutters(&told.code) {
            return Ok(self.closed(told.says(Outcome::Duplicate, "scanned a moment ago")));
        }
        self.forget_old_commands();
        let is_command = told.readings.first().is_some_and(|r| r.form == COMMAND);
        let did;
        let plain = self.station.pending.is_none();
        (told, did) = if is_command { self.command(tx, told)? } else { self.parcel(tx, told)? };
        let mut counted = None;
        if !is_command {
            (told, counted) = self.count(tx, told, &did, plain)?;
        }
        self.station.last = Some(Last { code: told.code.clone(), at, did, counted });
        Ok(self.closed(told))
    }

    /// Counts what was scanned into the unloading at this station, if there is one. A parcel counts whatever became of its
    /// step: it is here. A number that may mean several counts once somebody has said which.
    fn count(
        &self,
        tx: &mut dyn WriteTx,
        told: Told,
        did: &Did,
        plain: bool,
    ) -> Result<(Told, Option<Counted>)> {
        let station = station_name(self.grant, self.input);
        if !unloading::counts_at(tx, &station)? {
            return Ok((told, None));
        }
        let parcel = match told.parcel_id {
            Some(id) => parcels::load(tx, id)?,
            None if matches!(did, Did::Unknown(_) | Did::Case(_)) || told.done == Done::CaseOpened => None,
            None => return Ok((told, None)),
        };
        let number = parcel.as_ref().map_or_else(|| piece(&told), |p| p.number.clone());
        let (at, now) = (self.moment(), self.cx.now);
        let late = now.since(at) > crate::parcels::rules::LATE_AFTER;
        let scanned = Scanned { parcel: parcel.as_ref(), number: &number, plain, at, late };
        let Some((count, counted)) = unloading::count(tx, &station, scanned)? else {
            return Ok((told, None));
        };
        let pieces = format!("piece {} of {}", count.scanned, count.announced);
        let mut told = told;
        match count.difference {
            Some(difference) => {
                let wrong = match difference {
                    Difference::OverReceived => {
                        format!("{pieces}: one too many; CMD:UNDO if it is the same piece again")
                    }
                    Difference::Misrouted | Difference::WrongVehicle => {
                        format!("it is for depot {}", site(parcel.as_ref()))
                    }
                    Difference::Surplus | Difference::Unknown => format!("not announced on {}", count.label),
                    Difference::Missing | Difference::Short => pieces,
                };
                let outcome =
                    if told.outcome == Outcome::Unknown { Outcome::Unknown } else { Outcome::Exception };
                let said = format!("{}; {wrong}", told.message);
                told = told.says(outcome, said);
            }
            // The next piece under the same number is no repetition.
            None if told.outcome == Outcome::Duplicate && counted.is_some() => {
                told = told.says(Outcome::Ok, pieces);
            }
            None => {}
        }
        Ok((Told { unloading: Some(count), ..told }, counted))
    }

    /// What the station will do next, for the answer.
    fn closed(&self, mut told: Told) -> Told {
        told.pending.clone_from(&self.station.pending);
        told.place.clone_from(&self.station.place);
        told
    }

    /// Takes a number as it is written although its check digit is wrong, where somebody says why.
    fn accept(&self, resolved: &mut Resolved) {
        let (Some(why), Some(form)) = (&self.input.accept, &self.input.reading) else { return };
        let broken = |r: &&mut crate::scan::model::Reading| r.form == *form && r.holds == Some(false);
        if let Some(reading) = resolved.readings.iter_mut().find(broken) {
            reading.holds = None;
            reading.reasons.push(accepted(why));
        }
    }

    /// Remembers which of several readings is meant here.
    fn choose(&mut self, resolved: &Resolved) -> Result<()> {
        let Some(chosen) = &self.input.reading else { return Ok(()) };
        if !resolved.readings.iter().any(|r| r.form == *chosen && r.is_plausible()) {
            let forms: Vec<&str> =
                resolved.readings.iter().filter(|r| r.is_plausible()).map(|r| r.form.as_str()).collect();
            let detail =
                format!("\"{chosen}\" is no reading of this code; name one of: {}", forms.join(", "));
            return Err(Invalid::at("/reading", detail).into());
        }
        if self.input.accept.is_none() {
            self.station.choice = Some(chosen.clone()); // an exception is no habit
        }
        Ok(())
    }

    /// Whether the scanner read the same code twice. Who asks for more with it means it.
    fn stutters(&self, code: &str) -> bool {
        let at = self.moment();
        let same =
            |last: &Last| last.code == code && at.since(last.at) < STUTTER && last.at.since(at) < STUTTER;
        !self.input.open_case && self.input.reading.is_none() && self.station.last.as_ref().is_some_and(same)
    }

    fn forget_old_commands(&mut self) {
        let at = self.moment();
        let old = |p: &Pending| at.since(p.at) > if p.kept { KEPT_FOR } else { PENDING_FOR };
        if self.station.pending.as_ref().is_some_and(old) {
            self.station.pending = None;
        }
    }

    /// A code of ours: what to do with the parcels that follow, or with the scan before.
    fn command(&mut self, tx: &mut dyn WriteTx, told: Told) -> Result<(Told, Did)> {
        let number = told.readings.first().map(|r| r.number.clone()).unwrap_or_default();
        let command = match commands::parse(&number) {
            Some(Ok(command)) => command,
            Some(Err(why)) => return Ok((told.says(Outcome::Exception, why), Did::Nothing)),
            None => return Ok((told.says(Outcome::Exception, "no command"), Did::Nothing)),
        };
        let before = Did::Set { pending: self.station.pending.clone(), place: self.station.place.clone() };
        match command {
            Command::Undo => self.undo(tx, told),
            Command::Piece => self.piece(tx, told),
            Command::Next(action) => {
                let (action, at) = (action.name(), self.moment());
                let said = format!("{action} with the next parcel");
                self.station.pending = Some(Pending { action, kept: false, at });
                Ok((Told { done: Done::Pending, ..told.says(Outcome::Ok, said) }, before))
            }
            Command::Keep => match &mut self.station.pending {
                None => {
                    let said = "nothing to keep: scan a command first, then CMD:KEEP";
                    Ok((told.says(Outcome::Exception, said), Did::Nothing))
                }
                Some(pending) => {
                    pending.kept = true;
                    let said = format!("{} with every parcel until CMD:DONE", pending.action);
                    Ok((Told { done: Done::Pending, ..told.says(Outcome::Ok, said) }, before))
                }
            },
            Command::Done => {
                (self.station.pending, self.station.place) = (None, None);
                Ok((Told { done: Done::Cleared, ..told.says(Outcome::Ok, "parcels arrive again") }, before))
            }
            Command::Place(place) => {
                let said = format!("parcels are put at {place}");
                self.station.place = Some(place);
                Ok((Told { done: Done::Placed, ..told.says(Outcome::Ok, said) }, before))
            }
        }
    }

    /// Takes back the station's last scan.
    fn undo(&mut self, tx: &mut dyn WriteTx, told: Told) -> Result<(Told, Did)> {
        let at = self.moment();
        let last = self.station.last.clone().filter(|l| at.since(l.at) <= UNDO_WITHIN);
        let Some(Last { code, did, counted, .. }) = last else {
            return Ok((told.says(Outcome::Exception, NOTHING_TO_UNDO), Did::Nothing));
        };
        let told = match did {
            // Nothing but the count can be taken back.
            Did::Nothing | Did::Unknown(_) if counted.is_some() => told,
            Did::Nothing | Did::Unknown(_) => {
                return Ok((told.says(Outcome::Exception, NOTHING_TO_UNDO), Did::Nothing));
            }
            Did::Set { pending, place } => {
                (self.station.pending, self.station.place) = (pending, place);
                told
            }
            Did::Case(number) => {
                cases::resolve_operational(tx, self.cx, Reason::PieceWithoutData, &number)?;
                told
            }
            Did::Event { parcel, event, pending } => {
                let why = "taken back by CMD:UNDO at the station";
                match parcels::take_back(tx, self.grant, self.cx, parcel, event, why) {
                    Ok(written) => {
                        self.station.pending = pending;
                        let event = written.eids.first().map(|e| crate::base::ids::Id(*e));
                        Told { event, ..steps::of_parcel(told, &written.state) }
                    }
                    Err(e) => return steps::refused(told, e).map(|told| (told, Did::Nothing)),
                }
            }
        };
        let stays = match &counted {
            Some(counted) => !unloading::uncount(tx, counted)?,
            None => false,
        };
        let said = if stays {
            format!("{code} is taken back; the unloading is closed and keeps its count")
        } else {
            format!("{code} is taken back")
        };
        Ok((Told { done: Done::Undone, ..told.says(Outcome::Ok, said) }, Did::Nothing))
    }

    /// Opens a case for the code before, which nobody knew.
    fn piece(&mut self, tx: &mut dyn WriteTx, told: Told) -> Result<(Told, Did)> {
        match self.station.last.clone() {
            Some(Last { did: Did::Unknown(number), .. }) => self.open_case(tx, told, number),
            _ => Ok((
                told.says(Outcome::Exception, "scan the unknown code first, then CMD:PIECE"),
                Did::Nothing,
            )),
        }
    }

    fn open_case(&self, tx: &mut dyn WriteTx, told: Told, number: String) -> Result<(Told, Did)> {
        let station = self.input.station.as_deref().map(|s| format!(" at {}", s.trim())).unwrap_or_default();
        let detail = format!("{number} was scanned{station} and nobody announced it");
        let (case, opened) = cases::raise(tx, self.cx, Reason::PieceWithoutData, PIECE, &number, &detail)?;
        let said = if opened { "a case is open for it" } else { "its case is open already" };
        let did = if opened { Did::Case(number) } else { Did::Nothing };
        let told = Told { case: Some(case), done: Done::CaseOpened, ..told };
        Ok((told.says(Outcome::Exception, format!("piece without data: {said}")), did))
    }

    /// A parcel, or what might be one.
    fn parcel(&mut self, tx: &mut dyn WriteTx, told: Told) -> Result<(Told, Did)> {
        let resolved = Resolved { readings: told.readings.clone(), ..Resolved::default() };
        match lookup::meant(tx, self.grant.scope(), &resolved, self.input.reading.as_deref())? {
            Meant::Nothing if self.input.open_case => {
                let number = piece(&told);
                self.open_case(tx, told, number)
            }
            Meant::Nothing => {
                let broken = told.readings.iter().find(|r| !r.is_plausible());
                let said = match broken {
                    Some(r) => {
                        format!("nobody knows it; as {} its check digit is wrong: scan it again", r.name)
                    }
                    None => "nobody knows it".to_owned(),
                };
                let (number, offer) = (piece(&told), Some(OFFER.to_owned()));
                Ok((Told { offer, ..told }.says(Outcome::Unknown, said), Did::Unknown(number)))
            }
            Meant::Several(choices) => {
                let said = format!("{} parcels carry it: scan the label of one", choices.len());
                Ok((Told { choices, ..told }.says(Outcome::Exception, said), Did::Nothing))
            }
            Meant::One(row) => {
                cases::resolve_operational(tx, self.cx, Reason::PieceWithoutData, &piece(&told))?;
                self.act(tx, told, *row)
            }
        }
    }

    /// Does with the parcel what the station was told to do.
    fn act(&mut self, tx: &mut dyn WriteTx, told: Told, row: Row) -> Result<(Told, Did)> {
        let at = self.moment();
        let pending = self.station.pending.clone();
        let action = pending.as_ref().and_then(|p| Action::named(&p.action));
        let late = (self.cx.now.since(at) > crate::parcels::rules::LATE_AFTER).then_some(at);
        let step = steps::Step {
            action,
            late,
            place: self.station.place.clone(),
            note: self.input.accept.as_deref().map(accepted),
            id: row.value.state.id,
            then: parcels::state_then(tx, &row.value, late)?,
        };
        match &mut self.station.pending {
            Some(p) if p.kept => p.at = at,
            used => *used = None,
        }
        let told = steps::of_parcel(told, &row.value.state);
        let (told, event) = step.take(tx, self.grant, self.cx, told)?;
        let did = match event {
            Some(event) => Did::Event { parcel: row.value.state.id, event, pending },
            None => Did::Nothing,
        };
        Ok((told, did))
    }
}

/// What is noted of a number that was taken as it is written.
fn accepted(why: &str) -> String {
    format!("accepted as written: {}", why.trim())
}

/// The depot a parcel is for, in words.
fn site(parcel: Option<&Parcel>) -> String {
    parcel.and_then(|p| p.next).map_or_else(|| "elsewhere".to_owned(), |site| site.to_string())
}

/// The number a piece without data is known by: the likeliest, however it was printed or sent.
fn piece(told: &Told) -> String {
    let number = told.readings.iter().find(|r| r.is_plausible()).map(|r| r.number.clone());
    text::clipped(number.unwrap_or_else(|| told.code.clone()), text::SHORT)
}

const NOTHING_TO_UNDO: &str = "there is nothing to take back at this station";

/// Whether a failure is the store's and not a verdict on the scan. A timeline that is full is one.
pub(super) fn is_storage(e: &crate::parcels::error::ParcelError) -> bool {
    use crate::parcels::error::ParcelError;
    matches!(e, ParcelError::Store(e) if e.kind() != Kind::TooLarge)
}
