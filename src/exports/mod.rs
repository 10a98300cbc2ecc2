//! Any list as a file: a page at a time, each with a snapshot of its own, so that neither memory nor the store is held
//! however long the list is. What the reader may not see in the list is not in the file either.

pub mod api;
pub mod table;
