//! Customers: who things are brought to again and again, as another system's address book knew them.

pub mod api;
pub mod model;
pub mod service;
