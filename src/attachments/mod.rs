//! Documents: files that belong to a record of any area, each content kept once a tenant in a folder beside the store.
//!
//! A file goes to disk as it comes and is hashed on the way, so that memory stays flat whatever its size. Then its type is
//! found by its bytes, never by its name, and what is dressed up as something else is refused. Only then is it known: its
//! row travels to other sites, its content does not.
//!
//! `intake` takes a file in, `sniff` judges contents, `vault` keeps them, `model` is what is known of them, `service` the
//! use cases, `api` the routes, `work` removes what nobody refers to any more.

pub mod api;
pub mod intake;
pub mod model;
pub mod service;
pub mod sniff;
pub mod vault;
pub mod work;
