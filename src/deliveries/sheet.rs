//! A delivery's proof on paper, as PDF: what was brought to whom and when, each parcel's end, who took it, the signature as
//! it was drawn, and photos where they can be laid in as they are. Each delivery begins on a page of its own.

use pdf_writer::{Chunk, Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, types};

use super::bundle::Bundle;
use super::model::{Delivery, Leg};
use super::picture::{self, Packed, Picture};
use super::proof::Proof;
use super::strokes::{self, Piece};
use crate::base::clock::Timestamp;
use crate::base::ids::Id;
use crate::base::paper::letters;
use crate::base::units::Position;

/// A4 in points, and the blank edge of it.
const PAGE: (f32, f32) = (595.0, 842.0);
const EDGE: f32 = 48.0;
/// Where the second column begins.
const COLUMN: f32 = 150.0;
/// Characters of a line in the second column.
const LINE: usize = 72;
/// A signature's box, and a photo's.
const SIGNATURE: (f32, f32) = (240.0, 80.0);
const PHOTO: (f32, f32) = (240.0, 180.0);
/// Bytes of one photo that is laid in, and of all of them in one document; others are named and lie in the archive.
pub const MAX_PHOTO: u64 = 8 << 20;
/// See [`MAX_PHOTO`].
pub const MAX_PHOTOS: u64 = 64 << 20;
const FONT: Name<'static> = Name(b"F1");
const BOLD: Name<'static> = Name(b"F2");

/// What a delivery's sheet shows beside the delivery itself.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The delivery and its files.
    pub bundle: Bundle,
    /// The numbers of its parcels.
    pub parcels: Vec<(Id, String)>,
}

/// The words on a sheet.
struct Words {
    title: &'static str,
    fields: [&'static str; 9],
    parcels: &'static str,
    delivered: &'static str,
    not_delivered: &'static str,
    proof: &'static str,
    taken_by: &'static str,
    code: &'static str,
    scan: &'static str,
    position: &'static str,
    signature: &'static str,
    photo: &'static str,
    elsewhere: &'static str,
    statuses: [&'static str; 6],
}

const ENGLISH: Words = Words {
    title: "Proof of delivery",
    fields: ["Status", "Since", "For", "To", "From", "Carried by", "Attempt", "Reason", "Requested"],
    parcels: "Parcels",
    delivered: "handed over",
    not_delivered: "not handed over",
    proof: "Proof",
    taken_by: "Taken by",
    code: "Code",
    scan: "Scanned",
    position: "Position",
    signature: "Signature",
    photo: "Photo",
    elsewhere: "not shown here; see the archive",
    statuses: ["created", "assigned", "in transit", "completed", "failed", "cancelled"],
};
const PORTUGUESE: Words = Words {
    title: "Comprovante de entrega",
    fields: [
        "Situação",
        "Desde",
        "Para",
        "Destino",
        "Origem",
        "Levada por",
        "Tentativa",
        "Motivo",
        "Pedida em",
    ],
    parcels: "Encomendas",
    delivered: "entregue",
    not_delivered: "não entregue",
    proof: "Comprovante",
    taken_by: "Recebida por",
    code: "Código",
    scan: "Lida",
    position: "Posição",
    signature: "Assinatura",
    photo: "Foto",
    elsewhere: "não mostrada aqui; veja o arquivo",
    statuses: ["criada", "atribuída", "a caminho", "concluída", "falhou", "cancelada"],
};
const SPANISH: Words = Words {
    title: "Comprobante de entrega",
    fields: ["Estado", "Desde", "Para", "Destino", "Origen", "Llevada por", "Intento", "Motivo", "Pedida el"],
    parcels: "Paquetes",
    delivered: "entregado",
    not_delivered: "no entregado",
    proof: "Comprobante",
    taken_by: "Recibida por",
    code: "Código",
    scan: "Leído",
    position: "Posición",
    signature: "Firma",
    photo: "Foto",
    elsewhere: "no se muestra aquí; vea el archivo",
    statuses: ["creada", "asignada", "en camino", "completada", "fallida", "cancelada"],
};

/// The words in the language nearest to `tag`.
fn words(tag: &str) -> &'static Words {
    match tag.split('-').next().unwrap_or_default() {
        "pt" => &PORTUGUESE,
        "es" => &SPANISH,
        _ => &ENGLISH,
    }
}

/// The document, in the language nearest to `language`. Photos are read from disk.
#[must_use]
pub fn render(sheets: &[Sheet], language: &str) -> Vec<u8> {
    let mut book = Book { pages: Vec::new(), pictures: Chunk::new(), next: 5, photo_bytes: 0 };
    let words = words(language);
    for sheet in sheets {
        book.delivery(sheet, words);
    }
    book.bind()
}

/// A document while it is written: pages with what they show, and pictures.
struct Book {
    pages: Vec<Leaf>,
    pictures: Chunk,
    next: i32,
    photo_bytes: u64,
}

/// A page while it is written.
struct Leaf {
    content: Content,
    pictures: Vec<(String, Ref)>,
    /// Points from the upper edge that are used.
    used: f32,
}

impl Book {
    fn id(&mut self) -> Ref {
        self.next += 1;
        Ref::new(self.next)
    }

    fn turn(&mut self) {
        self.pages.push(Leaf { content: Content::new(), pictures: Vec::new(), used: EDGE });
    }

    /// Makes room for `height` points, on the next page where this one has none; says how far from below its top is.
    fn room(&mut self, height: f32) -> f32 {
        if self.pages.last().is_none_or(|p| p.used + height > PAGE.1 - EDGE) {
            self.turn();
        }
        let Some(page) = self.pages.last_mut() else { return PAGE.1 };
        let top = PAGE.1 - page.used;
        page.used += height;
        top
    }

    fn content(&mut self) -> Option<&mut Content> {
        self.pages.last_mut().map(|p| &mut p.content)
    }

    fn say(&mut self, (font, size): (Name<'_>, f32), x: f32, y: f32, text: &str) {
        if let Some(content) = self.content() {
            content.begin_text().set_font(font, size).next_line(x, y).show(Str(&letters(text))).end_text();
        }
    }

    fn heading(&mut self, text: &str) {
        let top = self.room(30.0);
        self.say((BOLD, 12.0), EDGE, top - 22.0, text);
    }

    /// A name and what it is; long texts go on in further lines.
    fn field(&mut self, name: &str, value: &str) {
        for (n, line) in wrapped(value, LINE).into_iter().enumerate() {
            let top = self.room(15.0);
            if n == 0 {
                self.say((BOLD, 9.0), EDGE, top - 11.0, name);
            }
            self.say((FONT, 10.0), COLUMN, top - 11.0, &line);
        }
    }

    fn delivery(&mut self, sheet: &Sheet, w: &Words) {
        let Delivery {
            number,
            status,
            since,
            created_at,
            facts,
            assignee,
            legs,
            attempt,
            reason,
            proofs,
            ..
        } = &sheet.bundle.delivery;
        self.turn();
        let top = self.room(40.0);
        self.say((BOLD, 18.0), EDGE, top - 20.0, &format!("{} {number}", w.title));
        let state = w.statuses.get(*status as usize).copied().unwrap_or_default();
        let carried = assignee.as_ref().map(|a| a.name.clone());
        let [status_is, since_is, for_is, to_is, from_is, by_is, attempt_is, reason_is, asked_is] = w.fields;
        for (name, value) in [
            (status_is, Some(state.to_owned())),
            (since_is, Some(at(*since))),
            (for_is, Some(facts.customer.clone())),
            (to_is, Some(facts.address.clone())),
            (from_is, Some(facts.pickup.clone())),
            (by_is, carried),
            (attempt_is, Some(attempt.to_string())),
            (reason_is, reason.clone()),
            (asked_is, Some(at(*created_at))),
        ] {
            if let Some(value) = value.filter(|v| !v.trim().is_empty()) {
                self.field(name, &value);
            }
        }
        if !legs.is_empty() {
            self.heading(w.parcels);
        }
        for leg in legs {
            self.parcel(sheet, leg, w);
        }
        for (n, proof) in proofs.iter().enumerate() {
            self.heading(&format!("{} {}", w.proof, n + 1));
            self.proof(sheet, proof, w);
        }
    }

    fn parcel(&mut self, sheet: &Sheet, Leg { parcel, outcome }: &Leg, w: &Words) {
        let number = sheet.parcels.iter().find(|(id, _)| id == parcel).map(|(_, number)| number.clone());
        let number = number.unwrap_or_else(|| parcel.to_string());
        let end = match outcome {
            None => String::new(),
            Some(o) if o.delivered => w.delivered.to_owned(),
            Some(o) => match &o.reason {
                Some(reason) => format!("{}: {reason}", w.not_delivered),
                None => w.not_delivered.to_owned(),
            },
        };
        self.field(&number, if end.is_empty() { " " } else { &end });
    }

    fn proof(&mut self, sheet: &Sheet, proof: &Proof, w: &Words) {
        let Proof { name, signature, photos, code, scan, position, accuracy_m, at: when } = proof;
        let place = position.map(|p| placed(p, *accuracy_m));
        for (label, value) in [
            (w.taken_by, name),
            (w.code, code),
            (w.scan, scan),
            (w.position, &place),
            (w.fields[1], &when.map(at)),
        ] {
            if let Some(value) = value {
                self.field(label, value);
            }
        }
        if let Some(strokes) = signature {
            self.signature(w.signature, strokes);
        }
        for photo in photos {
            let file = sheet.bundle.files.iter().find(|f| f.hash == photo.0);
            let picture = file.and_then(|f| self.read(&f.path));
            match picture {
                Some(picture) => self.photo(w.photo, &picture),
                None => self.field(w.photo, &format!("{} ({})", photo.0, w.elsewhere)),
            }
        }
    }

    /// The picture in a file, where it is small enough and can be taken as it is.
    fn read(&mut self, path: &std::path::Path) -> Option<Picture> {
        let size = std::fs::metadata(path).ok()?.len();
        if size > MAX_PHOTO || self.photo_bytes + size > MAX_PHOTOS {
            return None;
        }
        let picture = picture::of(std::fs::read(path).ok()?)?;
        self.photo_bytes += size;
        Some(picture)
    }

    fn signature(&mut self, name: &str, path: &str) {
        let (w, h) = SIGNATURE;
        let top = self.room(h + 12.0);
        self.say((BOLD, 9.0), EDGE, top - 11.0, name);
        let pieces = strokes::pieces(path);
        let (left, above, width, height) = strokes::bounds(&pieces);
        let scale = f64::min(f64::from(w) / width, f64::from(h) / height).min(1.5);
        let lay = |x: f64, y: f64| {
            // PDF counts from below.
            (COLUMN + narrowed((x - left) * scale), top - 4.0 - narrowed((y - above) * scale))
        };
        let Some(content) = self.content() else { return };
        content.save_state().set_line_width(1.2);
        content.set_line_cap(types::LineCapStyle::RoundCap).set_line_join(types::LineJoinStyle::RoundJoin);
        let mut is_down = false;
        for piece in pieces {
            match piece {
                Piece::Move(x, y) => {
                    let (x, y) = lay(x, y);
                    content.move_to(x, y);
                    is_down = true;
                }
                Piece::Line(x, y) if is_down => {
                    let (x, y) = lay(x, y);
                    content.line_to(x, y);
                }
                Piece::Curve([a, b, c, d, e, f]) if is_down => {
                    let ((a, b), (c, d), (e, f)) = (lay(a, b), lay(c, d), lay(e, f));
                    content.cubic_to(a, b, c, d, e, f);
                }
                Piece::Close if is_down => {
                    content.close_path();
                }
                _ => {}
            }
        }
        if is_down {
            content.stroke();
        }
        content.restore_state();
    }

    fn photo(&mut self, name: &str, picture: &Picture) {
        let (most_w, most_h) = PHOTO;
        let (w, h) = (f64::from(picture.width), f64::from(picture.height));
        let scale = f64::min(f64::from(most_w) / w, f64::from(most_h) / h);
        let (w, h) = (narrowed(w * scale), narrowed(h * scale));
        let top = self.room(h + 12.0);
        self.say((BOLD, 9.0), EDGE, top - 11.0, name);
        let id = self.id();
        self.lay_in(id, picture);
        let label = format!("P{}", id.get());
        if let Some(page) = self.pages.last_mut() {
            page.content.save_state().transform([w, 0.0, 0.0, h, COLUMN, top - 4.0 - h]);
            page.content.x_object(Name(label.as_bytes())).restore_state();
            page.pictures.push((label, id));
        }
    }

    fn lay_in(&mut self, id: Ref, picture: &Picture) {
        let Picture { width, height, colours, packed, bytes } = picture;
        let whole = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let mut image = self.pictures.image_xobject(id, bytes);
        match packed {
            Packed::Jpeg => {
                image.filter(Filter::DctDecode);
            }
            Packed::Png => {
                image.filter(Filter::FlateDecode);
                let mut how = image.decode_parms();
                how.predictor(types::Predictor::PngOptimum);
                how.colors(i32::from(*colours)).bits_per_component(8).columns(whole(*width));
            }
        }
        image.width(whole(*width)).height(whole(*height)).bits_per_component(8);
        match colours {
            1 => image.color_space().device_gray(),
            4 => image.color_space().device_cmyk(),
            _ => image.color_space().device_rgb(),
        }
        if *colours == 4 {
            // Cameras with four inks write them the other way round.
            image.decode([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
        }
    }

    fn bind(mut self) -> Vec<u8> {
        let (catalog, tree, font, bold) = (Ref::new(1), Ref::new(2), Ref::new(3), Ref::new(4));
        if self.pages.is_empty() {
            self.turn();
        }
        let pages = std::mem::take(&mut self.pages);
        let numbered: Vec<(Leaf, Ref, Ref)> = pages.into_iter().map(|p| (p, self.id(), self.id())).collect();
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(tree);
        let count = i32::try_from(numbered.len()).unwrap_or(i32::MAX);
        pdf.pages(tree).kids(numbered.iter().map(|(_, page, _)| *page)).count(count);
        for (leaf, page, content) in numbered {
            let mut sheet = pdf.page(page);
            sheet.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(tree).contents(content);
            let mut resources = sheet.resources();
            resources.fonts().pair(FONT, font).pair(BOLD, bold);
            let mut pictures = resources.x_objects();
            for (label, id) in &leaf.pictures {
                pictures.pair(Name(label.as_bytes()), *id);
            }
            pictures.finish();
            resources.finish();
            sheet.finish();
            pdf.stream(content, &leaf.content.finish().into_vec());
        }
        for (id, name) in [(font, &b"Helvetica"[..]), (bold, b"Helvetica-Bold")] {
            pdf.type1_font(id).base_font(Name(name)).encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        pdf.extend(&self.pictures);
        pdf.finish()
    }
}

#[allow(clippy::cast_possible_truncation)] // PDF knows no more digits
fn narrowed(v: f64) -> f32 {
    v as f32
}

fn at(moment: Timestamp) -> String {
    let text = moment.to_string();
    let text = text.split('.').next().unwrap_or_default().trim_end_matches('Z').replace('T', " ");
    format!("{text} UTC")
}

fn placed(p: Position, accuracy_m: Option<u32>) -> String {
    let degrees = |v: i32| f64::from(v) / 1e6;
    let near = accuracy_m.map(|m| format!(" (±{m} m)")).unwrap_or_default();
    format!("{:.6}, {:.6}{near}", degrees(p.lat), degrees(p.lon))
}

/// `text` in lines of at most `most` characters, cut between words where there are any.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let chars: Vec<char> = word.chars().collect();
        for (n, piece) in chars.chunks(most).enumerate() {
            let piece: String = piece.iter().collect();
            let last = lines.len() - 1;
            let used = lines[last].chars().count();
            if used > 0 && used + 1 + piece.chars().count() > most {
                lines.push(piece);
            } else {
                if used > 0 && n == 0 {
                    lines[last].push(' ');
                }
                lines[last].push_str(&piece);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliveries::bundle::Enclosed;
    use crate::deliveries::model::{Outcome, Status};
    use crate::deliveries::proof::FileHash;

    fn sheet(proofs: Vec<Proof>, files: Vec<Enclosed>) -> Sheet {
        let (there, left) = (Id([1; 16]), Id([2; 16]));
        let leg = |parcel, delivered| Leg { parcel, outcome: Some(Outcome { delivered, reason: None }) };
        let delivery = Delivery {
            number: 12,
            status: Status::Completed,
            attempt: 1,
            legs: vec![leg(there, true), leg(left, false)],
            proofs,
            ..Delivery::default()
        };
        let parcels = vec![(there, "RR1".to_owned()), (left, "RR2".to_owned())];
        Sheet { bundle: Bundle { delivery, files }, parcels }
    }

    #[test]
    fn a_sheet_shows_parcels_who_took_them_the_strokes_and_photos_that_can_be_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo");
        std::fs::write(&path, [0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0, 40, 0, 60, 3, 1, 2, 3]).unwrap();
        let (here, away) = ("a".repeat(64), "b".repeat(64));
        let proof = Proof {
            name: Some("Zo\u{eb} (\\".into()),
            signature: Some("M10 10L20 20C1 2 3 4 5 6Z".into()),
            photos: vec![FileHash(here.clone()), FileHash(away.clone())],
            position: Some(Position { lat: 40_712_800, lon: -74_006_000 }),
            ..Proof::default()
        };
        let files = vec![Enclosed { hash: here, ending: "jpg", path }];
        let pdf = String::from_utf8_lossy(&render(&[sheet(vec![proof], files)], "en")).into_owned();
        for part in [
            "Proof of delivery 12",
            "RR1",
            "handed over",
            "RR2",
            "not handed over",
            "Taken by",
            "40.712800, -74.006000",
            " c\n",
            "DCTDecode",
            "/Width 60",
            &away,
        ] {
            assert!(pdf.contains(part), "{part}: {pdf}");
        }
        assert_eq!(pdf.matches("/Type /Page\n").count(), 1);
        assert!(pdf.starts_with("%PDF-") && pdf.trim_end().ends_with("%%EOF"));
        let spanish = render(&[sheet(Vec::new(), Vec::new()), sheet(Vec::new(), Vec::new())], "es");
        let spanish = String::from_utf8_lossy(&spanish);
        assert!(spanish.contains("Comprobante de entrega 12"));
        assert_eq!(spanish.matches("/Type /Page\n").count(), 2, "each on a page of its own");
    }

    #[test]
    fn long_texts_go_on_in_further_lines_and_pages() {
        assert_eq!(wrapped("aaa bb c", 6), ["aaa bb", "c"]);
        assert_eq!(wrapped("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrapped("", 3), [""]);
        let proof =
            Proof { name: Some("x".into()), signature: Some("M0 0L90 90".into()), ..Proof::default() };
        let many = sheet(vec![proof; 20], Vec::new());
        assert!(String::from_utf8_lossy(&render(&[many], "en")).matches("/Type /Page\n").count() > 1);
    }
}
