//! The desk against a store: what is written follows from what is told.
