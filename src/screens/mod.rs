//! What people work with in a browser. One file a screen: its handlers call the same services as the API, through the
//! same grants; from what these give, a view model is made, and from that alone the page.
//!
//! A new screen is one file with `screen()` in it and one line in [`SCREENS`]: that serves it, shows it in the
//! navigation to those who may, and puts it before the tests.

use std::sync::LazyLock;

use actix_web::web;

pub mod audit;
pub mod bell;
pub mod cases;
pub mod deliveries;
mod delivery;
pub mod driver;
pub mod entry;
pub mod figures;
pub mod fleet;
pub mod freight;
pub mod imports;
pub mod jobs;
pub mod lists;
pub mod livemap;
pub mod manifests;
pub mod maps;
pub mod orders;
pub mod parcels;
pub mod partner;
pub mod places;
pub mod printers;
pub mod privacy;
pub mod profile;
pub mod reports;
pub mod routes;
pub mod scan;
pub mod settings;
pub mod setup;
pub mod shell;
pub mod stock;
pub mod sync;
pub mod today;
pub mod unloadings;
pub mod users;
pub mod webhooks;

use shell::{Screen, assets, live};

/// Every screen, in the order of the navigation.
pub static SCREENS: LazyLock<Vec<Screen>> = LazyLock::new(|| {
    vec![
        driver::screen(),
        today::screen(),
        scan::screen(),
        cases::screen(),
        parcels::screen(),
        deliveries::screen(),
        orders::screen(),
        stock::screen(),
        partner::screen(),
        lists::screen(),
        freight::waybills::screen(),
        freight::bills::screen(),
        freight::procedure::screen(),
        manifests::screen(),
        routes::screen(),
        livemap::screen(),
        figures::own_screen(),
        imports::screen(),
        reports::screen(),
        maps::screen(),
        fleet::screen(),
        places::screen(),
        figures::screen(),
        printers::screen(),
        users::screen(),
        settings::screen(),
        webhooks::screen(),
        jobs::screen(),
        audit::screen(),
        privacy::screen(),
        sync::screen(),
        profile::screen(),
        bell::screen(),
    ]
});

/// Where they are.
pub fn outside(cfg: &mut web::ServiceConfig) {
    cfg.route("/assets/{name}", web::get().to(assets::serve))
        .route("/screens/live", web::get().to(live::stream));
    entry::serve(cfg);
    setup::serve(cfg);
    driver::serve(cfg);
    Screen::serve(&SCREENS, cfg);
}
