//! Events brought to other systems: a message to each subscriber that wants one, signed, tried again until it is taken.
//!
//! Each subscription keeps its place in the log and goes on from there, so one whose other side is away loses nothing and
//! keeps nobody waiting. A message's body is a CloudEvent, made anew from the log for each attempt; around it are the
//! headers of Standard Webhooks.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `reach` | which addresses a message may go to: judged when the connection is made |
//! | `model` | subscriptions, where each stands, and the record of what was sent |
//! | `service` | the use cases |
//! | `deal` | reads the log and writes messages |
//! | `send` | makes attempts |

pub mod api;
pub mod deal;
pub mod model;
pub mod reach;
pub mod send;
pub mod service;
