//! The HTTP shell: what every request goes through, whichever area answers it.
//!
//! `routes` holds the one table of routes (served, documented and tested from it), `call` proves who calls and runs
//! the use case, `answer` is what comes back and what a repeated request is given again, `error` turns a failure into a
//! problem document, `shell` wraps limits, headers, tracing and metrics around all of it.

pub mod answer;
pub mod app;
pub mod call;
pub mod error;
pub mod idempotency;
pub mod machines;
pub mod openapi;
pub mod routes;
pub mod tls;

pub use answer::Answer;
pub use app::App;
pub use call::{Body, Call, Query};
pub use error::ApiError;
pub use routes::Routes;
