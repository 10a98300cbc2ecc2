//! Labels and printers: one description of a label, drawn as ZPL, SVG and PDF, and a queue for each printer.
//!
//! # What can be known of a label that was sent
//!
//! A raw socket acknowledges nothing. So a label is sent in three steps, and each has an outcome that is certain:
//!
//! 1. Connect and ask the printer how it is (`~HS`). Whatever goes wrong here, nothing was sent: the label waits.
//! 2. It is noted durably that the label is being sent. Then its bytes go out; a label prints only at its end (`^XZ`), so
//!    one of which not every byte was taken is not printed, and the next transmission cancels what lies half in the
//!    printer (`~JX`): the label waits.
//! 3. The printer is asked again on the same connection. It reads in order, so its answer proves that it has the whole
//!    label: printed, as far as anybody but the eye can tell. If the paper ended meanwhile, the printer prints it itself
//!    when it has paper.
//!
//! What is left is a label that went out whole and got no answer, or was under way when the depot went down. That outcome
//! is *unknown*, and nothing is done about it by itself: sent again it might be there twice, let go it might be missing.
//! Somebody looks at the printer and says which. The labels behind it go on as soon as the printer answers.
//!
//! A printer that never answers `~HS` (many emulations) is set to `answers: false`; then step 3 is left out and a label
//! counts as printed once the printer's side has taken all of its bytes.

pub mod api;
pub mod code128;
pub mod error;
pub mod layout;
pub mod model;
pub mod pdf;
pub mod printers;
pub mod queue;
pub mod repo;
pub mod service;
pub mod svg;
pub mod wall;
pub mod wire;
pub mod words;
pub mod work;
pub mod zpl;
