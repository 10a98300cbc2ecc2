//! What happened, for programs: a feed that is read from any place on, a stream that goes on by itself, and a socket on
//! which deliveries are followed.
//!
//! All speak of the applied log; its position is the `seq` from which anybody goes on. Events are CloudEvents made when
//! they are asked for and never stored twice.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `event` | an entry of the log as a CloudEvent, and who may see it |
//! | `epcis` | what happened to parcels, in GS1's words |
//! | `feed` | events behind a place, as one reader may see them |
//! | `talk` | what is said on the socket, both ways |
//! | `api`, `stream_api`, `socket_api` | the routes |

pub mod api;
pub mod epcis;
pub mod event;
pub mod feed;
pub mod socket_api;
pub mod stream_api;
pub mod talk;
