//! Air freight, the import desk's day: master and house waybills, what is reported of them, their procedure, their clocks
//! and their bills.
//!
//! Pure first: `awb` numbers, `codes` and `fsu` messages, `counts` what reports come to, `free` time and storage, `clocks`
//! and `reminders`, `sop` the procedure and `template` the shipped one, `intake` rows of files, `letters` mail that comes,
//! `notices` mail that goes. Then what is stored
//! (`model`, `event`, `aggregate`, `bills`, `carriers`, `terminals`, `desk`, `repo`) and what is done with it (`service`,
//! `undo`, `houses`, `accounts`, `inbox`, `take`, `stats`, `listing`,
//! `board` the clocks that run), what runs by itself (`work`, `mail_in`), and the routes (`api`).
//!
//! Reports are a set: a waybill stands where all of them together say, in whatever order and however often they come.
//! Steps, reminders and last free days follow from it; nothing of them is planned as a job, so nothing has to be
//! cancelled: a waybill has one row among the deadlines, the next moment anything is due, and that moves with its dates.

pub mod accounts;
pub mod aggregate;
pub mod airlines;
pub mod api;
pub mod awb;
pub mod bills;
pub mod board;
pub mod carriers;
pub mod clocks;
pub mod codes;
pub mod counts;
pub mod desk;
pub mod error;
pub mod event;
pub mod free;
pub mod fsu;
pub mod houses;
pub mod inbox;
pub mod intake;
pub mod letters;
pub mod listing;
pub mod mail_in;
pub mod model;
pub mod notices;
pub mod reminders;
pub mod repo;
pub mod service;
pub mod sop;
pub mod stats;
pub mod take;
pub mod template;
pub mod terminals;
pub mod undo;
pub mod views;
pub mod work;

#[cfg(test)]
mod tests;
