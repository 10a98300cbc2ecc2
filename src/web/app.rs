//! What every handler has at hand.

use std::path::PathBuf;
use std::sync::Arc;

use crate::audit::sightings::Sightings;
use crate::base::clock::Clock;
use crate::config::Config;
use crate::eta::service::Predictors;
use crate::identity::gate::Gate;
use crate::jobs::alarm::ServerErrors;
use crate::jobs::retention::Retained;
use crate::jobs::runner::Wake;
use crate::parcels::cards::Cards;
use crate::parcels::pulse::Pulses;
use crate::routes::desk::Desk;
use crate::store::Store;
use crate::store::table::Checked;
use crate::sync::node::Node;
use crate::tracking::tracker::Tracker;
use crate::travel::sources::Sources;

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
    /// Who looked at whose data, until it is written down.
    pub sightings: Sightings,
    /// Parcels as lists show them.
    pub cards: Cards,
    /// How the depot's parcels stand, as screens show it.
    pub pulses: Pulses,
    /// Where travel times come from.
    pub travel: Arc<Sources>,
    /// Searches for routes that are under way.
    pub desk: Arc<Desk>,
    /// Counts the answers that were our own failure.
    pub errors: ServerErrors,
    /// This process's part in the exchange between depots and headquarters.
    pub sync: Arc<Node>,
    /// Positions that were told.
    pub tracker: Tracker,
    /// Who foretells arrivals.
    pub predictors: Predictors,
    /// Every table there is, for `check`.
    pub tables: fn() -> Vec<&'static dyn Checked>,
    /// Everything that is let go of by age.
    pub retained: fn() -> Vec<Retained>,
}
