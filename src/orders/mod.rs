//! Orders and stock: products and categories, a ledger of stock per depot, and orders from the moment they are taken to
//! the moment they are delivered.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `catalog` | categories and products: reference records that headquarters owns |
//! | `stock` | the ledger: movements in pages, their sums per depot and product, and a booking that never goes below zero |
//! | `ledger` | reading it: the movements of a product |
//! | `model`, `event`, `fold` | the order, what happens to it, and what it comes to |
//! | `rules` | which step may follow which |
//! | `service`, `bulk` | the use cases; many orders in one call |
//! | `told` | orders that others tell of: the rows of a file |
//! | `queries`, `stats` | lists, delayed orders at any moment, figures |
//! | `work` | what runs by itself: commands of headquarters, delays, parcels that move orders, steps by timer |

mod aggregate;
pub mod api;
pub mod bulk;
pub mod catalog;
pub mod catalog_api;
pub mod catalog_service;
pub mod error;
pub mod event;
mod fold;
pub mod inputs;
pub mod ledger;
pub mod model;
pub mod queries;
pub mod repo;
pub mod rules;
pub mod service;
pub mod stats;
pub mod stock;
pub mod stock_api;
#[cfg(test)]
mod tests;
pub mod told;
pub mod views;
pub mod work;
