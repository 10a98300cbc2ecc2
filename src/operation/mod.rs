//! What an operator does with a running depot: backups, the check of the store, a token for the command line.

pub mod api;
pub mod backups;
