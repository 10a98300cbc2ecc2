//! Letters: what of a mail, or of a plain file, is status messages. Pure.

use mail_parser::{Message, MessageParser, PartType};

use super::fsu::{self, Parsed};

/// Bytes of a file: a letter with what is attached to it.
pub const MAX_FILE: usize = 4 << 20;
/// Letters in a letter that are opened.
const MAX_DEPTH: usize = 4;

/// The messages in a file, be it text or a letter.
///
/// # Errors
/// Why there are none, in words.
pub fn read(bytes: &[u8]) -> Result<Parsed, String> {
    if bytes.len() > MAX_FILE {
        return Err(format!("it is larger than the {MAX_FILE} bytes that are taken"));
    }
    let text = if is_letter(bytes) { of_letter(bytes)? } else { String::from_utf8_lossy(bytes).into_owned() };
    if text.len() > fsu::MAX_TEXT {
        return Err(format!("its text is longer than the {} bytes that are taken", fsu::MAX_TEXT));
    }
    if !fsu::has_message(&text) {
        return Err("no line of it begins a status message, FSU or FSA".into());
    }
    Ok(fsu::parse(&text))
}

/// Whether a file begins as letters do: with a name, a colon and what that is.
fn is_letter(bytes: &[u8]) -> bool {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let name = line.split(|b| *b == b':').next().unwrap_or_default();
    let named = name.len() < line.len() && !name.is_empty();
    line.starts_with(b"From ") || (named && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-'))
}

fn of_letter(bytes: &[u8]) -> Result<String, String> {
    let letter = MessageParser::default().parse(bytes).ok_or("it begins as a letter and is none")?;
    let mut out = String::new();
    gather(&letter, &mut out, MAX_DEPTH);
    if out.is_empty() {
        out.extend(letter.body_text(0));
    }
    Ok(out)
}

/// The texts of a letter and of those in it, without the words before the first message of each.
fn gather(letter: &Message<'_>, out: &mut String, depth: usize) {
    for part in &letter.parts {
        match &part.body {
            PartType::Text(text) => push(text, out),
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                std::str::from_utf8(bytes).into_iter().for_each(|text| push(text, out));
            }
            PartType::Message(inner) if depth > 0 => gather(inner, out, depth - 1),
            PartType::Message(_) | PartType::Html(_) | PartType::Multipart(_) => {}
        }
    }
}

fn push(text: &str, out: &mut String) {
    for line in text.lines().skip_while(|l| !fsu::begins_message(l.trim())) {
        out.push_str(line);
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FSU: &str = "FSU/14\n020-12345675FRALHR/T10K250.0\nRCF/LH900/18NOV0900/LHR/P6K150.0\n";

    fn read_one(file: &str) -> Parsed {
        read(file.as_bytes()).unwrap_or_else(|why| panic!("{why}: {file}"))
    }

    #[test]
    fn messages_are_found_in_text_and_in_letters_of_every_kind() {
        let plain = format!("From: ops@example.com\r\nSubject: FSU\r\n\r\nGood morning,\r\n\r\n{FSU}");
        let quoted = "From: a@example.com\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nFSU/14\n020-12345675FRALHR/T10K2=\n50.0\nRCF/LH900/18NOV0900/LHR/P6K150.0\n";
        let base64 = {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.encode(FSU)
        };
        let attached = format!(
            "Received: by x\nFrom: a@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>See what is attached</p>\n--b\nContent-Type: application/octet-stream; name=fsu.txt\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\n{base64}\n--b--\n"
        );
        let forwarded = format!(
            "From: b@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n{plain}\n--b--\n"
        );
        let page = format!(
            "From: c@example.com\nContent-Type: text/html\n\n<pre>{}</pre>",
            FSU.replace('\n', "<br>")
        );
        for file in [FSU, &plain, quoted, &attached, &forwarded, &page] {
            let parsed = read_one(file);
            assert_eq!(parsed.messages.len(), 1, "{file}: {parsed:?}");
            let message = &parsed.messages[0];
            assert_eq!(
                (message.awb.to_string().as_str(), message.events.len()),
                ("020-12345675", 1),
                "{file}"
            );
            assert_eq!(message.quantity.unwrap().weight_g, Some(250_000), "{file}");
            assert_eq!(parsed.unknown, [], "{file}");
        }
    }

    #[test]
    fn what_holds_no_message_is_told_so_and_large_files_are_refused() {
        for none in ["", "hello", "From: a@example.com\nSubject: lunch\n\nAt noon?\n", "From nobody"] {
            assert!(read(none.as_bytes()).unwrap_err().contains("begins a status message"), "{none}");
        }
        let fill = |n: usize| [FSU.as_bytes(), &vec![b' '; n - FSU.len()]].concat();
        assert!(read(&fill(fsu::MAX_TEXT)).is_ok());
        assert!(read(&fill(fsu::MAX_TEXT + 1)).unwrap_err().contains("longer"));
        assert!(read(&fill(MAX_FILE + 1)).unwrap_err().contains("larger"));
    }
}
