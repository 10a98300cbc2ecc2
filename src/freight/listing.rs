//! Lists of masters: one filter, whoever asks.

use super::error::Result;
use super::model::{Mawb, State};
use super::repo::{self, MAWBS};
use super::views::{self, MawbCard};
use super::{clocks, desk};
use crate::base::clock::Timestamp;
use crate::base::page::Page;
use crate::journal::Folded;
use crate::store::table::{Entry, cursor, position};
use crate::store::{Dir, Ix, KeyRange, ReadTx, key};

/// Rows a page looks at when its filters have no index of their own; it then ends early, with a cursor.
pub const SCAN_BUDGET: usize = 2_000;

/// Which masters are meant.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<State>,
    /// Whether their goods are still under way.
    pub open: Option<bool>,
    /// To this airport.
    pub destination: Option<String>,
    /// Of the airline with these three digits.
    pub airline: Option<String>,
    /// Whose number begins so.
    pub number: Option<String>,
    /// Behind: the flight should have been here, or storage is charged.
    pub late: bool,
    /// Whose last free day is at most so many days away, or over.
    pub lfd_within: Option<u16>,
}

/// The moment a list is for, and the zone of terminals nobody has set rules for.
pub type When<'a> = (&'a str, Timestamp);

impl Filter {
    fn plain(&self, m: &Mawb) -> bool {
        self.state.is_none_or(|s| s == m.state)
            && self.open.is_none_or(|open| open == m.state.is_open())
            && self.destination.as_ref().is_none_or(|d| m.facts.destination.as_ref() == Some(d))
            && self.airline.as_deref().is_none_or(|a| a == m.number.prefix())
            && !m.number.digits().is_empty()
    }

    fn admits(&self, tx: &dyn ReadTx, (zone, now): When<'_>, m: &Mawb) -> Result<bool> {
        if !self.plain(m) {
            return Ok(false);
        }
        if !self.late && self.lfd_within.is_none() {
            return Ok(true);
        }
        let (c, _) = desk::clocks_of(tx, zone, m)?;
        let near = |most: u16| {
            m.state.is_open() && clocks::days_left(&c, now).is_some_and(|left| left <= i32::from(most))
        };
        Ok((!self.late || clocks::is_late(m, &c, now)) && self.lfd_within.is_none_or(near))
    }

    fn index(&self) -> (Ix, Vec<u8>) {
        match (&self.destination, &self.airline, self.state) {
            (Some(there), _, _) => (repo::BY_DESTINATION, key::text_then(there, &[])),
            (_, _, Some(state)) => (repo::BY_STATE, repo::state_key(state)),
            (_, Some(airline), _) => (repo::BY_PREFIX, key::text_then(airline, &[])),
            _ => (Ix::Primary, Vec::new()),
        }
    }
}

/// A page of the masters that `filter` means, newest first; those whose number begins so in the order of numbers.
///
/// # Errors
/// When the cursor is none of ours; storage failures.
pub fn list(
    tx: &dyn ReadTx,
    when: When<'_>,
    filter: &Filter,
    (most, at): (usize, Option<&str>),
) -> Result<Page<MawbCard>> {
    let card = |e: &Entry<Folded<Mawb>>| views::card(tx, when, e);
    let mut items = Vec::new();
    if let Some(text) = &filter.number {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        for id in repo::beginning_with(tx, &digits)?.into_iter().take(most) {
            let Some(e) = MAWBS.entry(tx, &id)? else { continue };
            if filter.admits(tx, when, &e.value.state)? {
                items.push(card(&e)?);
            }
        }
        return Ok(Page { items, next: None });
    }
    let (ix, prefix) = filter.index();
    let (mut looked, mut at) = (0, position(at)?);
    loop {
        let room = (most - items.len()).min(SCAN_BUDGET - looked);
        let rows = MAWBS.scan(tx, ix, &KeyRange::prefix(&prefix).resume(at), Dir::Down, room)?;
        looked += rows.items.len();
        for e in &rows.items {
            if filter.admits(tx, when, &e.value.state)? {
                items.push(card(e)?);
            }
        }
        at = rows.next;
        if at.is_none() || items.len() >= most || looked >= SCAN_BUDGET {
            let next = at.as_ref().map(cursor).transpose()?;
            return Ok(Page { items, next });
        }
    }
}
