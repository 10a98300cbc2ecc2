//! Crossdock: one binary that runs a logistics depot, online or cut off.
//!
//! # The map
//!
//! Rooms from the ground up; an arrow points at what a room may use, and a test holds the arrows.
//!
//! ```text
//! base ◄── store ◄── identity::grant, jobs::queue, deadlines ◄── journal, audit, cases ◄── areas ◄── notify, reports, sync ◄── web, cli ◄── screens ◄── app, main
//! ```
//!
//! | room | what it is |
//! | --- | --- |
//! | [`base`] | time, ids, money, units, pages, the shape of an error, and its sentence in the reader's language |
//! | [`store`] | the seam to a database: typed tables, write transactions, logs; the embedded engine with group commit and its redo log, and with the feature `pg` one on PostgreSQL |
//! | [`journal`] | what happened: changes as immutable blobs, the clock that stamps them, the fold that turns them into rows |
//! | [`deadlines`] | what is due when: one index, working time, the house rules |
//! | [`cases`] | what needs a person: reason, owner, clock, escalation; one case for many parcels, cost, fault, answers |
//! | [`identity`] | who may: users, roles, features, sessions, tokens; a `Grant` is the proof |
//! | [`jobs`] | what runs by itself: the durable queue, schedules, workers, retention |
//! | [`audit`] | who did what, in a hash chain of its own |
//! | [`parcels`] | exceptional parcels: status, flags, history, status maps, what is overdue |
//! | [`scan`] | one field that takes anything: what a code may be, and what the station does with it |
//! | [`freight`] | air freight: waybills, what is reported of them, their procedure, clocks and bills |
//! | [`eta`] | when something will be there: trees learned from the depot's own legs and parcels, with intervals that keep their word |
//! | [`tracking`] | where vehicles are: positions, fences, who came and left, public links |
//! | [`attachments`] | documents: contents kept once, judged by their bytes |
//! | [`deliveries`] | one attempt or job to bring parcels to an address: assignment, lifecycle, proof, next attempt |
//! | [`outside`] | services outside that the depot leans on, and how each one does |
//! | [`customers`] | an address book that came over from another system |
//! | [`orders`] | products, categories, the ledger of stock, single and bulk orders, delayed orders |
//! | [`imports`] | files from others: found out, read, taken in row by row |
//! | [`manifests`] | what was announced against what came: manifests, unloadings, what is missing or too much |
//! | [`carriers`] | carriers: their records, their news by signed message and by asking, their languages |
//! | [`exports`] | any list as a stream, with its filters and the reader's rights |
//! | [`fleet`] | vehicles and drivers: what a depot drives with, who drives, and when |
//! | [`places`] | where addresses are: put right by hand, remembered, from imported files, each with its accuracy |
//! | [`travel`] | how far it is and how long it takes: a map server in the house, what it last said, an imported road map, the straight line; traffic, weather, closures |
//! | [`routing`] | the route solver: problem in, plan out, with times, reasons and a score; a checker that shares no code with it |
//! | [`routes`] | routes of vehicles: planned by the solver, changed by hand, dispatched, planned anew on the way |
//! | [`labels`] | labels as ZPL, SVG and PDF; printers, a queue for each, and what can be known of a label that was sent |
//! | [`notify`] | who is told: mail by the tenant's own templates, digests, quiet hours, notifications on the screen |
//! | [`reports`] | figures: counted in one pass, traced back to their parcels, saved, scheduled, mailed as CSV and XLSX |
//! | [`events`] | what happened, for programs: a feed that is read from any place on, a stream and a socket that go on by themselves |
//! | [`webhooks`] | events brought to other systems: signed, tried again, kept until they are taken |
//! | [`settings`] | what a tenant sets for itself: name, zone, currency, house rules, working hours |
//! | [`operation`] | what an operator does: backups, the check, tokens for the command line |
//! | [`privacy`] | a person's data: found, handed out, erased everywhere with four eyes, and what of it is left |
//! | [`sync`] | depots and headquarters: what is done without a line to anybody gets to whom it concerns, once |
//! | [`web`] | the HTTP shell: the table of routes, the call, the answer, the problem document |
//! | [`screens`] | what people work with in a browser: one file a screen, in the shell that all share |
//! | [`cli`] | the commands: each a request or two to the control door |
//! | [`app`] | wires it together: start, workers, orderly stop |
//! | [`config`], [`logs`], [`demo`] | the settings of a process, log files, invented data for a first look |
//!
//! Inside an area the file names repeat: `model` nouns, `rules` pure verbs, `repo` tables, `service` use cases, `api`
//! routes, `work` what runs by itself.
//!
//! # One request, walked through
//!
//! `POST /api/v1/parcels/RR123456785NL/events {"status":"in_transit"}`
//!
//! 1. `parcels::api::post_event` asks for a `Call<ScanParcels>`; the extractor lets [`identity::gate`] say who it is and
//!    makes the grant, or answers 401 or 403.
//! 2. [`web::Call::write`] hands one closure to the store's writer. It first looks whether this request was answered
//!    before under its idempotency key.
//! 3. `parcels::service::post_event` finds the parcel within the caller's scope and lets `parcels::rules::decide_move`
//!    decide: an event, or 409 with the steps that are allowed.
//! 4. [`journal::record`] stamps the event, appends it to the logs, folds it into the row, keeps what follows (look-ups,
//!    deadlines, derived cases) and notes it in the audit: all in the same transaction.
//! 5. The writer commits it with whatever else was waiting, one sync for all, and only then is it answered. Readers of
//!    the applied log see it afterwards and send what is to be sent.
//!
//! A file's row and a change from another site (see [`sync`]) take the same way from step 4 on; only the deciding is ours alone.

pub mod app;
pub mod attachments;
pub mod audit;
pub mod base;
pub mod carriers;
pub mod cases;
pub mod cli;
pub mod config;
pub mod customers;
pub mod deadlines;
pub mod deliveries;
pub mod demo;
pub mod eta;
pub mod events;
pub mod exports;
pub mod fleet;
pub mod freight;
pub mod identity;
pub mod imports;
pub mod jobs;
pub mod journal;
pub mod labels;
pub mod logs;
pub mod manifests;
pub mod notify;
pub mod operation;
pub mod orders;
pub mod outside;
pub mod parcels;
pub mod places;
pub mod privacy;
pub mod reports;
pub mod routes;
pub mod routing;
pub mod scan;
pub mod screens;
pub mod settings;
pub mod store;
pub mod sync;
pub mod tracking;
pub mod travel;
pub mod web;
pub mod webhooks;
