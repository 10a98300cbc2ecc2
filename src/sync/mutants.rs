//! The safeguards of the protocol, each of which a test can take away to see that its absence is noticed. In a release
//! all of them are in place.

/// One safeguard taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Logs are not held against their chains.
    NoChain,
    /// A change that is issued again becomes another change.
    IdByPosition,
    /// Markers of own changes are passed over.
    FeedWithoutOwn,
    /// Wrong stamps are not shifted.
    NoShift,
    /// What can't be folded holds up what stands behind it.
    BlockOnPoison,
    /// A restored headquarters is not refilled.
    NoResupply,
    /// Headquarters acknowledges all it has and not only what the sender has shown.
    AckBeyondShown,
    /// A depot believes that it has whatever carries its epoch.
    Presume,
    /// Of two shifts the smaller counts, not the first that was accepted.
    LeastShift,
    /// A batch may end in the middle of what one request wrote.
    TornRequest,
}

#[cfg(test)]
thread_local! {
    static TAKEN: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Whether the safeguard is taken away.
#[cfg(test)]
pub fn lacks(m: Mutant) -> bool {
    TAKEN.get() == Some(m)
}

/// Whether the safeguard is taken away: never, outside tests.
#[cfg(not(test))]
#[must_use]
pub const fn lacks(_: Mutant) -> bool {
    false
}

/// Takes a safeguard away on this thread, or puts all back.
#[cfg(test)]
pub fn take_away(m: Option<Mutant>) {
    TAKEN.set(m);
}
