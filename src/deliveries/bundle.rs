//! A delivery's proof as one archive: what is known as JSON, signatures as SVG, photos and documents as they are.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::PathBuf;

use serde_json::{Value, json};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::model::Delivery;

/// Deliveries of one archive at the most.
pub const MAX_DELIVERIES: usize = 200;
/// Space around a signature, in its own units.
const MARGIN: f64 = 8.0;

/// A file that goes along.
#[derive(Clone, Debug)]
pub struct Enclosed {
    /// Its hash as text.
    pub hash: String,
    /// How it ends: `jpg`, `pdf`.
    pub ending: &'static str,
    /// Where its content lies.
    pub path: PathBuf,
}

/// One delivery with its files.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The delivery.
    pub delivery: Delivery,
    /// Files whose content is here.
    pub files: Vec<Enclosed>,
}

impl Bundle {
    /// The photos that its proofs name and that have not come, or lie at another site.
    fn missing(&self) -> Vec<&str> {
        let named = self.delivery.proofs.iter().flat_map(|p| &p.photos).map(|p| p.0.as_str());
        named.filter(|hash| !self.files.iter().any(|f| f.hash == *hash)).collect()
    }

    fn document(&self) -> Value {
        let Delivery { id, number, status, since, facts, assignee, attempt, reason, partial, proofs, .. } =
            &self.delivery;
        json!({
            "id": id,
            "number": number,
            "status": status,
            "since": since,
            "attempt": attempt,
            "partial": partial,
            "reason": reason,
            "customer": facts.customer,
            "delivery_address": facts.address,
            "pickup_address": facts.pickup,
            "carried_by": assignee.as_ref().map(|a| &a.name),
            "proofs": proofs,
            "missing": self.missing(),
        })
    }
}

/// Writes an archive with a folder for each delivery, named by its number.
///
/// # Errors
/// When a file can't be read or the archive can't be written.
pub fn write<W: Write + Seek>(out: W, bundles: &[Bundle]) -> io::Result<W> {
    let mut zip = ZipWriter::new(out);
    let plain = SimpleFileOptions::default().large_file(true);
    // Photos are as small as they can be already.
    let stored = plain.compression_method(CompressionMethod::Stored);
    for bundle in bundles {
        let folder = format!("delivery-{}", bundle.delivery.number);
        zip.start_file(format!("{folder}/proof.json"), plain)?;
        zip.write_all(serde_json::to_string_pretty(&bundle.document())?.as_bytes())?;
        let signatures = bundle.delivery.proofs.iter().filter_map(|p| p.signature.as_deref());
        for (n, strokes) in signatures.enumerate() {
            zip.start_file(format!("{folder}/signature-{}.svg", n + 1), plain)?;
            zip.write_all(svg(strokes).as_bytes())?;
        }
        for Enclosed { hash, ending, path } in &bundle.files {
            zip.start_file(format!("{folder}/{hash}.{ending}"), stored)?;
            io::copy(&mut File::open(path)?, &mut zip)?;
        }
    }
    Ok(zip.finish()?)
}

/// A signature as a picture. Its strokes hold nothing but path commands and numbers, so they can stand in a document.
#[must_use]
pub fn svg(strokes: &str) -> String {
    let numbers = strokes.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
    let numbers: Vec<f64> = numbers.filter_map(|n| n.parse().ok()).filter(|n: &f64| n.is_finite()).collect();
    let most = |from: usize| numbers.iter().skip(from).step_by(2).fold(1.0_f64, |most, n| most.max(*n));
    let (w, h) = (most(0) + 2.0 * MARGIN, most(1) + 2.0 * MARGIN);
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="-{MARGIN} -{MARGIN} {w} {h}"><path d="{strokes}" fill="none" stroke="black" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg>"#
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;
    use crate::deliveries::proof::{FileHash, Proof};

    #[test]
    fn an_archive_has_a_folder_for_each_delivery_and_names_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo");
        std::fs::write(&path, b"not really a photo").unwrap();
        let (here, away) = ("a".repeat(64), "b".repeat(64));
        let proof = Proof {
            signature: Some("M10 10L200 90".into()),
            photos: vec![FileHash(here.clone()), FileHash(away.clone())],
            ..Proof::default()
        };
        let of = |number, proofs: Vec<Proof>| Delivery { number, proofs, ..Delivery::default() };
        let files = vec![Enclosed { hash: here.clone(), ending: "jpg", path }];
        let bundles = [
            Bundle { delivery: of(7, vec![proof]), files },
            Bundle { delivery: of(8, Vec::new()), files: Vec::new() },
        ];
        let bytes = write(Cursor::new(Vec::new()), &bundles).unwrap();
        let mut zip = zip::ZipArchive::new(bytes).unwrap();
        let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        let photo = format!("delivery-7/{here}.jpg");
        assert_eq!(
            names,
            ["delivery-7/proof.json", "delivery-7/signature-1.svg", &photo, "delivery-8/proof.json"]
        );
        let mut text = String::new();
        zip.by_name("delivery-7/proof.json").unwrap().read_to_string(&mut text).unwrap();
        let said: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(said["missing"], json!([away]));
        let mut photo_came = Vec::new();
        zip.by_name(&photo).unwrap().read_to_end(&mut photo_came).unwrap();
        assert_eq!(photo_came, b"not really a photo");
        assert!(svg("M10 10L200 90").contains("viewBox=\"-8 -8 216 106\""), "{}", svg("M10 10L200 90"));
    }
}
