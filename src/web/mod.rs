//! The HTTP shell: what every request goes through, whichever area answers it.
//!
//! `routes` holds the one table of routes (served, documented and tested from it), `call` proves who calls and runs
//! the use case, `answer` is what comes back and what a repeated request is given again, `error` turns a failure into a
//! problem document, `shell` wraps limits, headers, tracing and metrics around all of it, `server` listens.

pub mod answer;
pub mod app;
pub mod call;
pub mod control;
pub mod error;
pub mod follow;
pub mod health;
pub mod idempotency;
pub mod limit;
pub mod machines;
pub mod meter;
pub mod openapi;
pub mod pages;
pub mod routes;
pub mod server;
pub mod shell;
pub mod tls;

pub use answer::Answer;
pub use app::App;
pub use call::{Body, Call, Query};
pub use error::ApiError;
pub use routes::Routes;
