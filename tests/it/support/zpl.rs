//! A strict reader of ZPL: knows the commands our labels are made of and refuses every other, so that a command somebody
//! smuggled in can't pass for text.

/// What a field is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, with the height of its letters.
    Text(u32),
    /// Code 128, with the width of a module and its height.
    Code128(u32, u32),
    /// GS1-128.
    Gs1(u32, u32),
    /// QR code, with its magnification.
    Qr(u32),
    /// A box: width, height, thickness.
    Block(u32, u32, u32),
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub x: u32,
    pub y: u32,
    pub kind: Kind,
    pub data: String,
    pub reverse: bool,
}

/// A label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub width: u32,
    pub length: u32,
    pub copies: u32,
    pub fields: Vec<Field>,
}

impl Label {
    /// The texts, from first to last.
    pub fn texts(&self) -> Vec<&str> {
        self.fields.iter().filter(|f| matches!(f.kind, Kind::Text(_))).map(|f| f.data.as_str()).collect()
    }
}

/// Commands with their parameters: a `^` or `~` begins one wherever it stands.
fn commands(zpl: &str) -> Result<Vec<(String, String)>, String> {
    let begin = |c: char| c == '^' || c == '~';
    let mut out = Vec::new();
    let mut rest = zpl.trim();
    while !rest.is_empty() {
        if !rest.starts_with(begin) {
            return Err(format!("text outside of a command: {rest:.40}"));
        }
        let name: String = rest.chars().take(3).collect();
        let rest_of = &rest[name.len()..];
        let end = rest_of.find(begin).unwrap_or(rest_of.len());
        let params = &rest_of[..end];
        // Only between commands may there be line breaks; inside of data one would be a character less.
        let params = params.strip_suffix('\n').unwrap_or(params);
        if params.chars().any(char::is_control) {
            return Err(format!("{name} holds a control character: {params:?}"));
        }
        out.push((name, params.to_owned()));
        rest = &rest_of[end..];
    }
    Ok(out)
}

fn numbers(params: &str, n: usize) -> Result<Vec<u32>, String> {
    let all: Result<Vec<u32>, _> = params.split(',').map(str::parse).collect();
    all.ok().filter(|a| a.len() == n).ok_or_else(|| format!("\"{params}\" is not {n} numbers"))
}

fn unescaped(data: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = data.as_bytes();
    while let Some((&b, more)) = rest.split_first() {
        rest = more;
        if b == b'_' {
            let hex = more.get(..2).and_then(|h| std::str::from_utf8(h).ok());
            let hex = hex.and_then(|h| u8::from_str_radix(h, 16).ok()).ok_or("an escape that is no hex")?;
            bytes.push(hex);
            rest = &more[2..];
        } else {
            bytes.push(b);
        }
    }
    String::from_utf8(bytes).map_err(|e| e.to_string())
}

/// Reads one label.
pub fn read(zpl: &str) -> Result<Label, String> {
    let all = commands(zpl)?;
    let names: Vec<&str> = all.iter().take(5).map(|c| c.0.as_str()).collect();
    if names != ["^XA", "^CI", "^PW", "^LL", "^LH"]
        || !all[0].1.is_empty()
        || all[1].1 != "28"
        || all[4].1 != "0,0"
    {
        return Err(format!("begins with {names:?}"));
    }
    let (width, length) = (numbers(&all[2].1, 1)?[0], numbers(&all[3].1, 1)?[0]);
    let [body @ .., (quantity, copies), (end, nothing)] = &all[5..] else { return Err("has no end".into()) };
    if (quantity.as_str(), end.as_str(), nothing.as_str()) != ("^PQ", "^XZ", "") {
        return Err(format!("ends with {quantity} {end}{nothing}"));
    }
    let mut fields = Vec::new();
    for field in body.split_inclusive(|c| c.0 == "^FS") {
        fields.push(read_field(field)?);
    }
    for f in &fields {
        let wide = if let Kind::Block(w, _, _) = f.kind { w } else { 0 };
        if f.x + wide > width || f.y >= length {
            return Err(format!("{f:?} lies outside of the label"));
        }
    }
    Ok(Label { width, length, copies: numbers(copies, 1)?[0], fields })
}

fn read_field(commands: &[(String, String)]) -> Result<Field, String> {
    let bad = || format!("is no field: {commands:?}");
    let [(origin, at), middle @ .., (end, nothing)] = commands else { return Err(bad()) };
    if (origin.as_str(), end.as_str(), nothing.as_str()) != ("^FO", "^FS", "") {
        return Err(bad());
    }
    let at = numbers(at, 2)?;
    let (reverse, middle) = match middle {
        [(r, p), rest @ ..] if r == "^FR" && p.is_empty() => (true, rest),
        all => (false, all),
    };
    let middle: Vec<(&str, &str)> = middle.iter().map(|(n, p)| (n.as_str(), p.as_str())).collect();
    let (kind, data) = match middle[..] {
        [("^GB", p)] => {
            let n = numbers(p, 3)?;
            (Kind::Block(n[0], n[1], n[2]), String::new())
        }
        [("^A0", p), ("^FH", "_"), ("^FD", data)] => {
            let n = numbers(p.strip_prefix("N,").ok_or_else(bad)?, 2)?;
            (Kind::Text(n[0]), unescaped(data)?)
        }
        [("^BY", by), ("^BC", how), ("^FH", "_"), ("^FD", data)] => {
            let n = numbers(by, 3)?;
            if how != format!("N,{},N,N,N,A", n[2]) {
                return Err(bad());
            }
            (Kind::Code128(n[0], n[2]), unescaped(data)?)
        }
        [("^BY", by), ("^BC", how), ("^FD", data)] => {
            let n = numbers(by, 3)?;
            let digits = data.strip_prefix(">;>8").filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
            if how != format!("N,{},N,N,N,N", n[2]) {
                return Err(bad());
            }
            (Kind::Gs1(n[0], n[2]), digits.ok_or_else(bad)?.to_owned())
        }
        [("^BQ", how), ("^FH", "_"), ("^FD", data)] => {
            let n = numbers(how.strip_prefix("N,").ok_or_else(bad)?, 2)?;
            let data = unescaped(data)?;
            (Kind::Qr(n[1]), data.strip_prefix("MA,").ok_or_else(bad)?.to_owned())
        }
        _ => return Err(bad()),
    };
    Ok(Field { x: at[0], y: at[1], kind, data, reverse })
}
