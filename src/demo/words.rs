//! The made-up world of the demo data. Cities are real, so that maps and distances work; streets, people, firms and
//! carriers are not, and codes are nobody's.

use crate::cases::reasons::Reason;
use crate::parcels::model::Status;

/// A town parcels go to or come from.
pub struct City {
    pub name: &'static str,
    pub state: &'static str,
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// `#` is any digit, `@` any letter.
    pub zip: &'static str,
    /// Degrees north and east.
    pub at: (f64, f64),
}

const fn city(
    name: &'static str,
    state: &'static str,
    country: &'static str,
    zip: &'static str,
    at: (f64, f64),
) -> City {
    City { name, state, country, zip, at }
}

/// Where parcels go. Towns of one country stand together.
pub const CITIES: [City; 14] = [
    city("São Paulo", "SP", "BR", "0####-###", (-23.5505, -46.6333)),
    city("Curitiba", "PR", "BR", "80###-###", (-25.4284, -49.2733)),
    city("Belo Horizonte", "MG", "BR", "30###-###", (-19.9167, -43.9345)),
    city("Recife", "PE", "BR", "50###-###", (-8.0476, -34.8770)),
    city("Hamburg", "HH", "DE", "20###", (53.5511, 9.9937)),
    city("Leipzig", "SN", "DE", "04###", (51.3397, 12.3731)),
    city("Utrecht", "UT", "NL", "35## @@", (52.0907, 5.1214)),
    city("Poznań", "WP", "PL", "60-###", (52.4064, 16.9252)),
    city("Sevilla", "AN", "ES", "410##", (37.3891, -5.9845)),
    city("Columbus", "OH", "US", "432##", (39.9612, -82.9988)),
    city("Portland", "OR", "US", "972##", (45.5152, -122.6784)),
    city("Leeds", "ENG", "GB", "LS# #@@", (53.8008, -1.5491)),
    city("Pune", "MH", "IN", "4110##", (18.5204, 73.8567)),
    city("Nagoya", "Aichi", "JP", "460-00##", (35.1815, 136.9066)),
];

/// Who sends parcels, and the town (by its place in [`CITIES`]) they are sent from.
pub const DISTRIBUTORS: [(&str, usize); 6] = [
    ("Casa Tamarindo", 0),
    ("Papagaio Livros", 1),
    ("Kräuterkontor Nord", 4),
    ("De Blauwe Fietsbel", 6),
    ("Tin Lantern Supply", 9),
    ("Moorhen & Thistle", 11),
];

/// Who carries them.
pub const CARRIERS: [&str; 4] = ["kestrel", "tatu", "nordlicht", "plover"];

pub const SERVICES: [&str; 4] = ["standard", "express", "economy", "pickup_point"];

pub const CATEGORIES: [&str; 8] =
    ["books", "garden", "housewares", "electronics", "toys", "music", "health", "spare_parts"];

/// Streets and names in the manner of a country: streets (`%` is the house number), given names, family names.
pub fn manner(country: &str) -> ([&'static str; 4], [&'static str; 5], [&'static str; 5]) {
    match country {
        "BR" => (
            [
                "Rua das Mangueiras Azuis, %",
                "Travessa do Tatu-Bola, %",
                "Avenida Vento Parado, % ap 4",
                "Largo da Chaleira, %",
            ],
            ["Jandira", "Tobias", "Aurélia", "Ubiratã", "Noêmia"],
            ["Valquente", "Sabugosa", "Peregrim", "d'Alfazema", "Quintamar"],
        ),
        "DE" => (
            ["Wolkenschieberweg %", "Am Krummen Kessel %", "Brummkreiselstraße %", "Siebenquastengasse % b"],
            ["Fridolin", "Käthe", "Jörge", "Ottilie", "Malwine"],
            ["Wolkenstein-Kater", "Bimmelbach", "Süßmilcher", "Knurrhahn", "Zwirnsfaden"],
        ),
        "NL" | "PL" => (
            [
                "Kromme Theepotsteeg %",
                "Zevenslapersgracht %-II",
                "ul. Kwaśnej Gruszki %",
                "Plac Trzech Żółwi % m. 7",
            ],
            ["Joost-Jan", "Wilhelmijntje", "Zdzisława", "Bożydar", "Fenne"],
            ["van der Kruimel", "Pannenkoeck", "Żółwiński", "Gruszkowiecka", "'t Veertje"],
        ),
        "ES" => (
            [
                "Calle del Botijo Alegre, %",
                "Plaza de la Lechuza, % 2.º B",
                "Camino del Almirez, %",
                "Pasaje Ñandú, %",
            ],
            ["Eulogio", "Begoña", "Íñigo", "Casilda", "Saturnino"],
            ["Cascabel Ñoño", "Tragaluz", "de la Hojalata", "Remolino", "Pestiño"],
        ),
        "IN" | "JP" => (
            ["%, Teak Kettle Lane", "Flat %, Parijat Kite Society", "Kasa-machi %-3", "%, Tanuki-zaka"],
            ["Chandrika", "Omprabhu", "Harukaze", "Mitsunosuke", "Leelavani"],
            ["Patangwala", "Dabbakar", "Yukigumo", "Tanukihara", "Jharokhe"],
        ),
        _ => (
            [
                "% Crooked Teapot Lane",
                "% Upper Marmot Street",
                "% Quillfeather Row, Flat 2",
                "% Old Bellows Road",
            ],
            ["Marlo", "Philippa-Jo", "Thaddeus", "Winnow", "Ezra"],
            ["Quisby", "O'Thimble", "Applegarth-Finch", "Umbershaw", "Pennywhistle"],
        ),
    }
}

/// What shippers write on it.
pub const REMARKS: [&str; 5] = [
    "Ring twice, the bell is shy.",
    "Deixar com o porteiro, por favor.",
    "Bitte nicht knicken; Inhalt ist stolz darauf, gerade zu sein.",
    "Leave behind the blue door, not the \"other\" blue door.",
    "Call first.\nThe gate is locked after six.",
];

/// Each meaning in the words of [`CARRIERS`], in their order.
pub const CODES: [(Status, Option<Reason>, [&str; 4]); 18] = [
    (Status::Announced, None, ["AN", "CRIADO", "VORAB", "100"]),
    (Status::Accepted, None, ["PU", "COLETADO", "ABGEHOLT", "110"]),
    (Status::InTransit, None, ["DP", "EM TRANSITO", "UNTERWEGS", "200"]),
    (Status::Customs, None, ["CU", "ALFANDEGA", "ZOLL", "250"]),
    (Status::AtDepot, None, ["AR", "NA UNIDADE", "DEPOT", "300"]),
    (Status::OutForDelivery, None, ["OD", "SAIU PARA ENTREGA", "ZUSTELLUNG", "400"]),
    (Status::ReadyForPickup, None, ["RP", "AGUARDA RETIRADA", "ABHOLBEREIT", "420"]),
    (Status::Attempted, Some(Reason::RecipientAbsent), ["NH", "AUSENTE", "NICHT DA", "440"]),
    (Status::Attempted, Some(Reason::Refused), ["RF", "RECUSADO", "VERWEIGERT", "441"]),
    (Status::OnHold, Some(Reason::AddressIncomplete), ["AI", "ENDERECO INCOMPLETO", "ADRESSE UNKLAR", "610"]),
    (Status::OnHold, Some(Reason::CustomsDocuments), ["CD", "FALTA DOCUMENTO", "PAPIERE FEHLEN", "650"]),
    (Status::OnHold, Some(Reason::Weather), ["WX", "CHUVA FORTE", "UNWETTER", "690"]),
    (Status::OnHold, Some(Reason::Damaged), ["DM", "AVARIA", "BESCHÄDIGT", "660"]),
    (Status::Returning, None, ["RT", "DEVOLUCAO", "RÜCKWEG", "700"]),
    (Status::Returned, None, ["RS", "DEVOLVIDO", "ZURÜCK", "710"]),
    (Status::Lost, Some(Reason::Lost), ["LS", "EXTRAVIADO", "VERLUST", "800"]),
    (Status::Cancelled, Some(Reason::ShipperCancelled), ["XX", "CANCELADO", "STORNO", "900"]),
    (Status::Delivered, None, ["OK", "ENTREGUE", "ZUGESTELLT", "500"]),
];

/// A word of each carrier that nobody ever explained.
pub const UNEXPLAINED: [&str; 4] = ["Z9", "OCORRENCIA 77", "SONSTIGES", "999"];
