//! Reading the ledger of stock: the movements of a product, newest first.

use super::error::OrderError;
use super::stock::{self, PAGES};
use super::views::MoveView;
use crate::base::error::Invalid;
use crate::base::ids::Id;
use crate::journal;
use crate::store::ReadTx;
use crate::store::table::{cursor, position};

/// Movements, and where the next older ones begin.
pub type Listed = (Vec<MoveView>, Option<String>);

/// At most `n` movements of a product, newest first. A page of the ledger at a time: the cursor names the next older one
/// and how many of its movements were shown.
///
/// # Errors
/// When the cursor is wrong; storage failures.
pub fn movements(tx: &dyn ReadTx, product: Id, n: usize, from: Option<&str>) -> Result<Listed, OrderError> {
    let levels = stock::levels(tx, product)?;
    let mut pages = Vec::new();
    for level in &levels {
        pages.extend((1..=level.page).map(|page| (page, stock::page_id(level.site, product, page))));
    }
    pages.sort_by_key(|(page, _)| std::cmp::Reverse(*page));
    let wrong = || Invalid::at("?cursor", "is none of this list's");
    let (mut index, mut skip) = match position(from)?.as_deref() {
        None => (0, 0),
        Some(bytes) => {
            let (a, b) = bytes.split_first_chunk::<4>().ok_or_else(wrong)?;
            let b: [u8; 4] = b.try_into().map_err(|_| wrong())?;
            (u32::from_be_bytes(*a) as usize, u32::from_be_bytes(b) as usize)
        }
    };
    let mut items = Vec::new();
    while let Some((_, id)) = pages.get(index) {
        let Some(row) = PAGES.get(tx, id)? else {
            index += 1;
            continue;
        };
        let events = journal::history::<stock::Page>(tx, &row.line)?;
        let moves: Vec<MoveView> = events
            .into_iter()
            .rev()
            .flat_map(|(_, e)| {
                let at = e.key.at();
                let product = e.event.product;
                e.event.moves.into_iter().rev().map(move |m| MoveView::of(product, at, m))
            })
            .skip(skip)
            .collect();
        let room = n - items.len();
        let rest = moves.len() > room;
        items.extend(moves.into_iter().take(room));
        if rest {
            skip += room;
            break;
        }
        (index, skip) = (index + 1, 0);
        if items.len() == n {
            break;
        }
    }
    let (a, b) = (u32::try_from(index).unwrap_or(u32::MAX), u32::try_from(skip).unwrap_or(u32::MAX));
    let more = index < pages.len();
    let next = more.then(|| cursor(&[a.to_be_bytes(), b.to_be_bytes()].concat())).transpose()?;
    Ok((items, next))
}
