//! A whole company in one thread: several depots and a headquarters, the real code over stores in memory, and chance that
//! loses requests and answers, repeats and delays them, cuts them short, kills whoever writes, restores and copies depots,
//! restores headquarters, sets clocks wrong, lets go of logs, and writes what headquarters can't fold. The same seed is
//! the same run. Afterwards it is quiet, everything comes to rest, and then all must be as `check` says.
//!
//! People work in it as they do: at docks and on the road (`world`, `road`), at import desks (`air`), at shelves (`shelves`),
//! and headquarters keeps maps, people and products (`world`, `people`, `shelves`) and commands orders to depots.

mod air;
mod check;
mod ledger;
mod line;
mod node;
mod people;
mod random;
mod road;
mod shelves;
mod tests;
mod world;
