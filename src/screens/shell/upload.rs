//! Forms with a file in them: the plain fields come first, the file last, so that it is known who sends it before any of
//! it is taken.

use actix_multipart::{Field as Part, Multipart};
use actix_web::HttpRequest;
use actix_web::web::Payload;
use futures_util::StreamExt;

use super::{Fail, Form};
use crate::base::error::{Invalid, Kind};
use crate::web::error::Refusal;

/// Bytes of a plain field.
const MAX_PART: usize = 1_024;
/// Plain fields before the file.
const MAX_FIELDS: usize = 20;

/// What was sent, up to where the file begins.
pub struct Upload {
    /// The plain fields.
    pub given: Form,
    /// The file.
    pub file: Part,
    /// The file is read through it.
    pub rest: Multipart,
}

fn broken(e: &actix_multipart::MultipartError) -> Refusal {
    Refusal::new(Kind::Malformed, "request.multipart", format!("the form can't be read: {e}"))
}

async fn plain(part: &mut Part) -> Result<String, Fail> {
    let mut text = Vec::new();
    while let Some(chunk) = part.next().await {
        let chunk = chunk.map_err(|e| broken(&e))?;
        if text.len() + chunk.len() > MAX_PART {
            return Err(Invalid::at("/", format!("a field is longer than {MAX_PART} bytes")).into());
        }
        text.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The file as a whole, at most `max` bytes of it.
///
/// # Errors
/// When it can't be read, or is larger.
pub async fn whole(file: &mut Part, max: usize) -> Result<Vec<u8>, Fail> {
    let mut bytes = Vec::new();
    while let Some(chunk) = file.next().await {
        let chunk = chunk.map_err(|e| broken(&e))?;
        if bytes.len() + chunk.len() > max {
            let detail = format!("the file is larger than {max} bytes; send it in parts, or as an import");
            return Err(Refusal::new(Kind::TooLarge, "request.too_large", detail).into());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Reads the plain fields of a form with a file.
///
/// # Errors
/// Why it can't be read, with the fields up to there.
pub async fn read(req: &HttpRequest, body: Payload) -> Result<Upload, (Fail, Form)> {
    let mut given = Form::default();
    let mut rest = Multipart::new(req.headers(), body);
    while let Some(part) = rest.next().await {
        let mut file = match part {
            Ok(part) => part,
            Err(e) => return Err((broken(&e).into(), given)),
        };
        let name = file.name().unwrap_or_default().to_owned();
        if name == "file" {
            return Ok(Upload { given, file, rest });
        }
        if given.0.len() >= MAX_FIELDS {
            return Err((Invalid::at("/", format!("has more than {MAX_FIELDS} fields")).into(), given));
        }
        match plain(&mut file).await {
            Ok(text) => given.0.push((name, text)),
            Err(fail) => return Err((fail, given)),
        }
    }
    Err((Invalid::at("/file", "is needed: choose a file").into(), given))
}
