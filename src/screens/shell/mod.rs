//! What every screen is made of: who looks and in which words, the frame around a page, the pieces pages are put
//! together from, the style sheet and the modules, and the stream by which screens learn that something changed.

pub mod assets;
pub mod charts;
pub mod form;
pub mod icons;
pub mod layout;
pub mod live;
pub mod parts;
pub mod screen;
pub mod upload;
pub mod viewer;
pub mod visit;
pub mod words;

pub use form::Form;
pub use screen::{Group, Screen};
pub use viewer::Viewer;
pub use visit::{Anyone, Fail, Out, Reply, Visit};
