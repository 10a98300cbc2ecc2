//! The words partners head their columns with, in English, Portuguese and Spanish.

use super::mapping::{Column, Iso};

/// What a header means by its words alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// This column.
    Is(Column),
    /// A quantity without its unit; the names it could have.
    NoUnit(&'static str),
    /// Nobody knows.
    Unknown,
}

/// What a header's words without unit and currency mean.
#[derive(Clone, Copy)]
enum Word {
    Is(Column),
    Weight,
    Volume,
}

/// Words as [`folded`] leaves them, by what they mean.
#[rustfmt::skip] // a table of words reads best as one
const WORDS: &[(Word, &[&str])] = &[
    (Word::Is(Column::TrackingNumber), &[
        "tracking", "tracking no", "tracking nr", "tracking code", "tracking id", "trackingnumber",
        "parcel", "parcel number", "parcel id", "shipment number", "consignment number", "waybill",
        "barcode", "codigo de rastreio", "codigo rastreio", "codigo de rastreamento", "rastreio",
        "rastreamento", "numero de rastreio", "objeto", "codigo do objeto", "etiqueta", "encomenda",
        "numero de seguimiento", "numero de rastreo", "codigo de seguimiento", "codigo de rastreo",
        "seguimiento", "guia", "numero de guia", "no de guia",
    ]),
    (Word::Is(Column::OrderId), &[
        "order", "order no", "order nr", "order number", "order ref", "order reference", "orderid",
        "reference", "pedido", "numero do pedido", "no do pedido", "n do pedido", "id do pedido",
        "codigo do pedido", "numero de pedido", "id de pedido", "id pedido", "referencia",
    ]),
    (Word::Is(Column::Distributor), &[
        "distribuidor", "distribuidora", "partner", "parceiro", "seller", "vendedor", "socio",
    ]),
    (Word::Is(Column::Carrier), &["transportadora", "transportista", "courier", "carrier name"]),
    (Word::Is(Column::Service), &["servico", "servicio", "service level", "shipping mode", "modalidade"]),
    (Word::Is(Column::Seq), &["sequence", "sequencia", "secuencia", "no"]),
    (Word::Is(Column::Status), &[
        "raw status", "order status", "parcel status", "shipment status", "delivery status",
        "state of delivery", "situacao", "status do pedido", "status da entrega", "estado del envio",
        "estado del pedido", "estado de entrega", "situacion", "estatus", "event", "evento",
    ]),
    (Word::Is(Column::StatusAt), &[
        "at", "status date", "status time", "last update", "last updated", "updated at", "event time",
        "event date", "timestamp", "ultima atualizacao", "atualizado em", "data do status",
        "data da situacao", "data do evento", "data hora", "ultima actualizacion", "actualizado el",
        "fecha de estado", "fecha del evento", "fecha y hora",
    ]),
    (Word::Is(Column::Location), &[
        "local", "localizacao", "unidade", "ubicacion", "lugar", "place", "event location",
    ]),
    (Word::Is(Column::PurchasedAt), &[
        "order date", "order time", "purchase date", "order purchase timestamp", "ordered at",
        "data da compra", "data do pedido", "comprado em", "fecha de compra", "fecha de pedido",
        "fecha del pedido",
    ]),
    (Word::Is(Column::ApprovedAt), &[
        "order approved at", "approval date", "data de aprovacao", "aprovado em", "fecha de aprobacion",
    ]),
    (Word::Is(Column::CarrierAt), &[
        "order delivered carrier date", "shipped at", "ship date", "shipping date", "dispatched at",
        "posted at", "data de envio", "enviado em", "postado em", "data de postagem", "fecha de envio",
        "fecha de despacho",
    ]),
    (Word::Is(Column::DeliveredAt), &[
        "order delivered customer date", "delivery date", "delivered", "date delivered", "data de entrega",
        "data da entrega", "entregue em", "fecha de entrega", "entregado el",
    ]),
    (Word::Is(Column::PromisedAt), &[
        "order estimated delivery date", "estimated delivery", "estimated delivery date",
        "expected delivery", "expected at", "promised", "due date", "previsao de entrega", "previsao",
        "prazo", "prazo de entrega", "entrega estimada", "fecha estimada de entrega", "fecha prometida",
        "prevision de entrega",
    ]),
    (Word::Is(Column::ShipBy), &[
        "shipping limit date", "ship before", "limite de envio", "prazo de envio", "prazo de postagem",
        "fecha limite de envio",
    ]),
    (Word::Is(Column::RecipientName), &[
        "recipient", "name", "customer", "customer name", "consignee", "destinatario", "nome",
        "nome do destinatario", "cliente", "nombre", "nombre del destinatario",
    ]),
    (Word::Is(Column::RecipientPhone), &[
        "phone", "telephone", "mobile", "telefone", "celular", "telefono", "movil",
    ]),
    (Word::Is(Column::RecipientEmail), &["email", "e mail", "mail", "correo", "correo electronico"]),
    (Word::Is(Column::ToLine), &[
        "address", "street", "delivery address", "endereco", "logradouro", "rua", "direccion", "calle",
    ]),
    (Word::Is(Column::ToZip), &[
        "zip", "zip code", "zipcode", "postcode", "postal code", "cep", "codigo postal", "cp",
    ]),
    (Word::Is(Column::ToCity), &["city", "town", "municipio", "cidade", "ciudad", "localidad", "localidade"]),
    (Word::Is(Column::ToState), &["state", "province", "uf", "estado", "provincia"]),
    (Word::Is(Column::ToCountry), &["country", "pais"]),
    (Word::Is(Column::ToLat), &["lat", "latitude", "latitud"]),
    (Word::Is(Column::ToLon), &["lon", "lng", "longitude", "longitud", "to lng"]),
    (Word::Is(Column::FromZip), &[
        "sender zip", "origin zip", "cep de origem", "cep origem", "codigo postal de origen",
    ]),
    (Word::Is(Column::FromCity), &[
        "sender city", "origin city", "cidade de origem", "municipio de origem", "ciudad de origen",
    ]),
    (Word::Is(Column::FromState), &[
        "sender state", "origin state", "uf de origem", "uf origem", "provincia de origen",
    ]),
    (Word::Is(Column::Items), &[
        "item count", "quantity", "qty", "pieces", "quantidade", "qtd", "itens", "cantidad", "piezas",
        "bultos",
    ]),
    (Word::Is(Column::Category), &["product category", "categoria"]),
    (Word::Weight, &["weight", "peso", "gross weight", "peso bruto"]),
    (Word::Volume, &["volume", "volumen"]),
    (Word::Is(Column::Currency), &["currency code", "moeda", "moneda", "divisa"]),
    (Word::Is(Column::Value(None)), &[
        "value", "amount", "price", "declared value", "valor", "valor declarado", "valor da mercadoria",
        "preco", "importe", "precio", "monto",
    ]),
    (Word::Is(Column::Freight(None)), &[
        "freight", "freight value", "shipping cost", "frete", "valor do frete", "flete", "costo de envio",
        "gastos de envio",
    ]),
    (Word::Is(Column::Note), &[
        "notes", "comment", "comments", "remark", "remarks", "message", "observacao", "observacoes", "obs",
        "comentario", "comentarios", "observacion", "observaciones", "nota", "notas",
    ]),
    (Word::Is(Column::ExternalId), &[
        "id", "external ref", "delivery", "delivery id", "delivery number", "delivery no", "case", "case id",
        "case number", "ticket", "ticket id", "id da entrega", "entrega", "caso", "id do caso", "id de entrega",
        "id del caso",
    ]),
    (Word::Is(Column::CreatedAt), &[
        "created", "creation date", "opened at", "opened", "open since", "requested at", "criado em",
        "data de criacao", "aberto em", "creado el", "fecha de creacion", "abierto el",
    ]),
    (Word::Is(Column::DueAt), &["due", "sla", "deadline", "vencimento", "vencimiento", "vence em", "vence el"]),
    (Word::Is(Column::Priority), &["prioridade", "prioridad", "urgency"]),
    (Word::Is(Column::WindowFrom), &["not before", "time window start", "window start", "from time", "de", "desde"]),
    (Word::Is(Column::WindowTo), &["not after", "time window end", "window end", "to time", "ate", "hasta"]),
    (Word::Is(Column::AssignedTo), &[
        "assignee", "assigned driver", "owner", "responsible", "responsavel", "responsable", "atribuido a",
        "asignado a",
    ]),
    (Word::Is(Column::Reason), &["reason code", "exception", "motivo", "razao", "razon"]),
    (Word::Is(Column::Login), &["user", "username", "user name", "usuario", "user login"]),
    (Word::Is(Column::Role), &["funcao", "perfil", "papel", "rol", "profile"]),
    (Word::Is(Column::Language), &["idioma", "lingua", "locale"]),
    (Word::Is(Column::Active), &["enabled", "available", "ativo", "activo", "disponivel", "disponible"]),
    (Word::Is(Column::Vehicle), &["vehicle name", "van", "truck", "veiculo", "vehiculo"]),
    (Word::Is(Column::Plate), &["licence plate", "license plate", "placa", "matricula"]),
    (Word::Is(Column::CapacityKg), &["payload kg", "max load kg", "capacidade kg", "capacidad kg"]),
    (Word::Is(Column::CapacityPieces), &["max pieces", "capacidade volumes", "capacidad bultos"]),
    (Word::Is(Column::Skills), &["equipment", "habilidades", "equipamento", "equipamiento"]),
    (Word::Is(Column::Licence), &["license", "driving licence", "driver license", "cnh", "licencia", "carnet"]),
    (Word::Is(Column::Attempt), &["attempt number", "tentativa", "intento"]),
    (Word::Is(Column::FromLine), &["pickup address", "pick up address", "endereco de coleta", "direccion de recogida"]),
    (Word::Is(Column::Ignore), &["error", "line"]),
]; // `error` and `line` are our own error file, sent back mended

/// What `header` means by its words, with its unit or currency in brackets or at the end.
pub(super) fn meaning(header: &str) -> Meaning {
    let (words, bracket) = match header.split_once(['(', '[']) {
        Some((words, rest)) => {
            (folded(words), rest.trim().trim_end_matches([')', ']']).trim().to_lowercase())
        }
        None => (folded(header), String::new()),
    };
    if let Some(word) = find(&words) {
        return apply(word, &bracket);
    }
    // "peso kg", "valor brl": the last word is the unit
    match words.rsplit_once(' ').and_then(|(stem, unit)| Some((find(stem)?, unit))) {
        Some((
            word @ (Word::Weight | Word::Volume | Word::Is(Column::Value(_) | Column::Freight(_))),
            unit,
        )) => match apply(word, unit) {
            Meaning::Is(Column::Value(None) | Column::Freight(None)) | Meaning::NoUnit(_) => Meaning::Unknown,
            found => found,
        },
        _ => Meaning::Unknown,
    }
}

/// Our own names count as words too, so that `weight (kg)` and `value (BRL)` are understood.
fn find(words: &str) -> Option<Word> {
    let alias = WORDS.iter().find(|(_, words_of)| words_of.contains(&words)).map(|(word, _)| *word);
    alias.or_else(|| words.replace(' ', "_").parse().ok().map(Word::Is))
}

fn apply(word: Word, unit: &str) -> Meaning {
    match word {
        Word::Weight => match unit {
            "g" | "gr" | "gram" | "grams" | "gramas" | "gramos" => Meaning::Is(Column::WeightG),
            "kg" | "kgs" | "quilos" | "kilos" => Meaning::Is(Column::WeightKg),
            _ => Meaning::NoUnit("weight_g or weight_kg"),
        },
        Word::Volume => match unit {
            "cm3" | "cm³" | "ccm" => Meaning::Is(Column::VolumeCm3),
            _ => Meaning::NoUnit("volume_cm3"),
        },
        Word::Is(Column::Value(None)) => Meaning::Is(Column::Value(currency(unit))),
        Word::Is(Column::Freight(None)) => Meaning::Is(Column::Freight(currency(unit))),
        Word::Is(column) => Meaning::Is(column),
    }
}

/// The currency a sign stands for. `$` alone is one of twenty and says nothing.
fn currency(sign: &str) -> Option<Iso> {
    Iso::parse(match sign {
        "r$" => "BRL",
        "us$" => "USD",
        "€" => "EUR",
        "£" => "GBP",
        code => code,
    })
}

/// Lower case without accents, everything that is no letter or digit as a single space, none around.
pub(super) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        let plain = match c {
            'á' | 'à' | 'â' | 'ã' | 'ä' | 'ª' => 'a',
            'é' | 'è' | 'ê' | 'ë' => 'e',
            'í' | 'ì' | 'î' | 'ï' => 'i',
            'ó' | 'ò' | 'ô' | 'õ' | 'ö' | 'º' => 'o',
            'ú' | 'ù' | 'û' | 'ü' => 'u',
            'ç' => 'c',
            'ñ' => 'n',
            '³' => '3',
            '\u{300}'..='\u{36F}' => continue, // an accent written apart from its letter
            c if c.is_alphanumeric() => c,
            _ => ' ',
        };
        if plain != ' ' || !(out.is_empty() || out.ends_with(' ')) {
            out.push(plain);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_written_the_way_headers_are_folded_and_stands_once() {
        let all: Vec<&str> = WORDS.iter().flat_map(|(_, words)| words.iter().copied()).collect();
        for word in &all {
            assert_eq!(folded(word), *word);
            assert_eq!(all.iter().filter(|w| w == &word).count(), 1, "{word}");
        }
    }

    #[test]
    fn units_and_currencies_are_found_in_brackets_and_at_the_end() {
        let value = |iso: &str| Meaning::Is(Column::Value(Iso::parse(iso)));
        for (header, want) in [
            ("Peso (kg)", Meaning::Is(Column::WeightKg)),
            ("peso_g", Meaning::Is(Column::WeightG)),
            ("Weight", Meaning::NoUnit("weight_g or weight_kg")),
            ("Volume [cm³]", Meaning::Is(Column::VolumeCm3)),
            ("Valor (R$)", value("BRL")),
            ("valor_usd", value("USD")),
            ("Price ($)", Meaning::Is(Column::Value(None))),
            ("price of fish", Meaning::Unknown),
            ("N\u{2019}importe", Meaning::Unknown),
            ("Situac\u{327}a\u{303}o", Meaning::Is(Column::Status)),
        ] {
            assert_eq!(meaning(header), want, "{header}");
        }
    }
}
