//! What happened, for programs: a feed that is read from any place on, and webhooks that bring it.
//!
//! Both speak CloudEvents, made from the applied log when they are asked for and never stored twice. A webhook's message
//! carries the headers of Standard Webhooks around it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `event` | an entry of the log as a CloudEvent, and who may see it |
//! | `signing` | signatures and their check |
//! | `reach` | which addresses a message may go to: judged when the connection is made |
//! | `model`, `service` | subscriptions, the record of what was sent |
//! | `work` | reads the log, sends, tries again |

pub mod api;
pub mod event;
pub mod model;
pub mod reach;
pub mod service;
pub mod signing;
pub mod work;
