//! What people work with in a browser. One file a screen: its handlers call the same services as the API, through the
//! same grants; from what these give, a view model is made, and from that alone the page.
//!
//! A new screen is one file with `screen()` in it and one line in [`SCREENS`]: that serves it, shows it in the
//! navigation to those who may, and puts it before the tests.

use std::sync::LazyLock;

use actix_web::web;

pub mod audit;
pub mod cases;
pub mod entry;
pub mod figures;
pub mod fleet;
pub mod imports;
pub mod jobs;
pub mod livemap;
pub mod maps;
pub mod parcels;
pub mod partner;
pub mod places;
pub mod printers;
pub mod profile;
pub mod routes;
pub mod scan;
pub mod settings;
pub mod setup;
pub mod shell;
pub mod sync;
pub mod today;
pub mod users;

use shell::{Screen, assets, live};

/// Every screen, in the order of the navigation.
pub static SCREENS: LazyLock<Vec<Screen>> = LazyLock::new(|| {
    vec![
        today::screen(),
        scan::screen(),
        cases::screen(),
        parcels::screen(),
        partner::screen(),
        routes::screen(),
        livemap::screen(),
        figures::own_screen(),
        imports::screen(),
        maps::screen(),
        fleet::screen(),
        places::screen(),
        figures::screen(),
        printers::screen(),
        users::screen(),
        settings::screen(),
        jobs::screen(),
        audit::screen(),
        sync::screen(),
        profile::screen(),
    ]
});

/// Where they are.
pub fn outside(cfg: &mut web::ServiceConfig) {
    cfg.route("/assets/{name}", web::get().to(assets::serve))
        .route("/screens/live", web::get().to(live::stream));
    entry::serve(cfg);
    setup::serve(cfg);
    Screen::serve(&SCREENS, cfg);
}
