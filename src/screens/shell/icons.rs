//! The pictures: drawn here, a line each, in the colour of the text around them.

use maud::{Markup, PreEscaped, html};

/// A picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Icon {
    Today,
    Scan,
    Cases,
    Parcels,
    AirFreight,
    Bills,
    Manifests,
    Imports,
    Reports,
    Partner,
    Users,
    Printers,
    Settings,
    Jobs,
    Audit,
    Maps,
    Sync,
    Routes,
    Live,
    Fleet,
    Places,
    Figures,
    Search,
    Person,
    Plus,
    Ring,
    Dot,
    Square,
    Triangle,
    Tick,
    Back,
    Cross,
    Clock,
    Van,
    Pin,
    Phone,
    Camera,
    Bell,
    Deliveries,
    Orders,
    Stock,
    Webhooks,
}

impl Icon {
    const fn path(self) -> &'static str {
        match self {
            Self::Today => "M4 13h6V4H4zm0 7h6v-4H4zm10 0h6v-9h-6zm0-16v4h6V4z",
            Self::Scan => "M3 8V4h4M17 4h4v4M21 16v4h-4M7 20H3v-4M7 8v8M10.5 8v8M13.5 8v8M17 8v8",
            Self::Cases => "M12 4 2.8 20h18.4zM12 10v4.5M12 17.2v.3",
            Self::Parcels => "M12 3 4 7v10l8 4 8-4V7zM4 7l8 4 8-4M12 11v10",
            Self::AirFreight => "M3 13.500 21 5l-4.500 15-4.500-6.500zM12 13.500 21 5",
            Self::Bills => "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
            Self::Manifests => {
                "M2.500 16V6H14v10M14 10h4l3.500 3.500V16M6.500 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM17 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8.500 17H15"
            }
            Self::Reports => "M4 4v16h16M8 16v-4M12 16V7M16 16v-6",
            Self::Imports => "M12 4v11m-4.5-4.5L12 15l4.5-4.5M4 20h16",
            Self::Partner => "M4 20V9l8-5 8 5v11zM9 20v-6h6v6",
            Self::Users => {
                "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-4 3-6 6.500-6s6.500 2 6.500 6M16 4.500a3.500 3.500 0 0 1 0 6.500M17.500 14.500c2.500.700 4 2.500 4 5.500"
            }
            Self::Printers => "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z",
            Self::Settings => "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.800v4.400M9 14.800v4.400",
            Self::Jobs => "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.500 2",
            Self::Audit => "M6 3h9l4 4v14H6zM9 11h7M9 14.500h7M9 18h4",
            Self::Maps => {
                "M4 6h6M4 12h6M4 18h6M14 6h6M14 12h6M14 18h6M10.500 6l3 6M10.500 12l3-6M10.500 18h3"
            }
            Self::Sync => {
                "M4 12a8 8 0 0 1 13.500-5.700L20 9M20 4v5h-5M20 12a8 8 0 0 1-13.500 5.700L4 15M4 20v-5h5"
            }
            Self::Routes => {
                "M6 20a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM18 9a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM8.500 17.500H15a3.500 3.500 0 0 0 0-7H9a3.500 3.500 0 0 1 0-7h6.500"
            }
            Self::Live => {
                "M12 13a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7.500 15.500a6 6 0 0 1 0-9M16.500 6.500a6 6 0 0 1 0 9M4.500 18.500a10 10 0 0 1 0-15M19.500 3.500a10 10 0 0 1 0 15"
            }
            Self::Fleet => {
                "M3 16.500V6h11v10.500M14 9.500h4l3 3.500v3.500h-2M9.500 17h5M7 19.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM17 19.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"
            }
            Self::Places => {
                "M12 21c4-5 6.500-8 6.500-11.500a6.500 6.500 0 0 0-13 0C5.500 13 8 16 12 21zM12 12a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z"
            }
            Self::Figures => "M4 20h16M6 20v-6M11 20V9M16 20v-8M20 5l-5 4-4-3-6 5",
            Self::Search => "M10.500 17a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13zM15.500 15.500 20 20",
            Self::Person => "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20.500c0-4 3.500-6 8-6s8 2 8 6",
            Self::Plus => "M12 5v14M5 12h14",
            Self::Ring => "M12 18.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13z",
            Self::Dot => "M12 18a6 6 0 1 0 0-12 6 6 0 0 0 0 12z",
            Self::Square => "M6 6h12v12H6z",
            Self::Triangle => "M12 4.500 21 19.500H3z",
            Self::Tick => "M4.500 12.500l5 5 10-11",
            Self::Back => "M9 6 4 11l5 5M4 11h10a6 6 0 0 1 6 6v1",
            Self::Cross => "M6 6l12 12M18 6 6 18",
            Self::Van => {
                "M2.500 6.500h11v10h-11zM13.500 9.500h4l4 4v3h-8M7 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM17 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"
            }
            Self::Pin => {
                "M12 21s7-6.500 7-11.500a7 7 0 0 0-14 0C5 14.500 12 21 12 21zM12 12a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z"
            }
            Self::Phone => {
                "M6 3h4l1.500 5L9 10a12 12 0 0 0 5 5l2-2.500 5 1.500v4c0 1.500-1 2.500-2.500 2.500C11 20.500 3.500 13 3.500 5.500 3.500 4 4.500 3 6 3z"
            }
            Self::Camera => {
                "M4 8h4l1.500-3h5L16 8h4v11H4zM12 16.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7z"
            }
            Self::Bell => "M6 16V10.500a6 6 0 0 1 12 0V16l1.500 2.500h-15zM10 21h4",
            Self::Deliveries => "M4 5h5v14H4zM10.500 5h5v9h-5zM17 5h4v6h-4z",
            Self::Orders => "M4 5h2l2 10h9l2-7H7M9.500 20h.1M16 20h.1",
            Self::Stock => "M3 21V8l9-5 9 5v13M7 21v-8h10v8M7 17h10",
            Self::Webhooks => "M9 12a3 3 0 1 0-3 4h8M12 9a3 3 0 1 1 4-3l-4 7M15 15a3 3 0 1 0 3-3l-4-7",
            Self::Clock => "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16zM12 8v4l3 2",
        }
    }

    const fn is_filled(self) -> bool {
        matches!(self, Self::Dot | Self::Square | Self::Triangle)
    }
}

impl maud::Render for Icon {
    fn render(&self) -> Markup {
        let class = if self.is_filled() { "i full" } else { "i" };
        html! {
            svg class=(class) viewBox="0 0 24 24" aria-hidden="true" focusable="false" {
                (PreEscaped(format!("<path d=\"{}\"/>", self.path())))
            }
        }
    }
}
