//! What every handler has at hand.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::clock::Clock;
use crate::config::Config;
use crate::identity::gate::Gate;
use crate::jobs::runner::Wake;
use crate::store::Store;

/// The running depot: its store, clock, settings and the gate that knows who is who. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The store.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
    /// The settings.
    pub config: Arc<Config>,
    /// Who may come in.
    pub gate: Arc<Gate>,
    /// The data folder.
    pub folder: Arc<PathBuf>,
    /// Wakes the workers when there is something for them.
    pub wake: Wake,
}
