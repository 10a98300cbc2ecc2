//! Pages as one SVG drawing in millimetres, one below the other: black rectangles and text, no scripts, no links.

use std::fmt::Write;

use super::layout::{Item, Page};

/// The drawing.
#[must_use]
pub fn render(pages: &[Page]) -> String {
    let w = pages.iter().map(|p| p.w).fold(0.0, f64::max);
    let h: f64 = pages.iter().map(|p| p.h).sum();
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}mm\" height=\"{h}mm\" viewBox=\"0 0 {w} {h}\">\n\
         <rect width=\"{w}\" height=\"{h}\" fill=\"#fff\"/>\n"
    );
    let mut top = 0.0;
    for page in pages {
        for item in &page.items {
            // Writing into a string can't fail.
            let _ = draw(&mut out, item, top);
        }
        top += page.h;
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, item: &Item, top: f64) -> std::fmt::Result {
    match item {
        Item::Text { x, y, size, text, inverted } => {
            let fill = if *inverted { "#fff" } else { "#000" };
            // SVG names the base line; letters reach about four fifths of their size above it.
            let y = top + y + size * 0.8;
            writeln!(
                out,
                "<text x=\"{x:.3}\" y=\"{y:.3}\" font-family=\"Helvetica,Arial,sans-serif\" font-size=\"{size:.3}\" fill=\"{fill}\">{}</text>",
                escaped(text)
            )
        }
        Item::Block { x, y, w, h } => rect(out, *x, top + y, *w, *h),
        Item::Barcode { x, y, h, module, data: _, bars } => {
            for (at, width) in bars.bars() {
                rect(out, x + of(at) * module, top + y, of(width) * module, *h)?;
            }
            Ok(())
        }
        Item::Qr { x, y, module, data: _, dark } => {
            for (row, col, width) in runs(dark) {
                rect(out, x + of(col) * module, top + y + of(row) * module, of(width) * module, *module)?;
            }
            Ok(())
        }
    }
}

fn rect(out: &mut String, x: f64, y: f64, w: f64, h: f64) -> std::fmt::Result {
    writeln!(
        out,
        "<rect x=\"{x:.4}\" y=\"{y:.4}\" width=\"{w:.4}\" height=\"{h:.4}\" shape-rendering=\"crispEdges\"/>"
    )
}

pub(super) fn of(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}

/// The black runs of a square: row, column, how many modules.
pub(super) fn runs(dark: &[bool]) -> Vec<(usize, usize, usize)> {
    let side = dark.len().isqrt().max(1);
    let mut runs = Vec::new();
    for (row, modules) in dark.chunks(side).enumerate() {
        let mut col = 0;
        for run in modules.chunk_by(|a, b| a == b) {
            if run.first() == Some(&true) {
                runs.push((row, col, run.len()));
            }
            col += run.len();
        }
    }
    runs
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_and_runs_join_modules() {
        assert_eq!(escaped("<script>&\"\u{1b}"), "&lt;script&gt;&amp;&quot;");
        assert_eq!(runs(&[true, true, false, true]), [(0, 0, 2), (1, 1, 1)]);
        let page = |text: &str| Page {
            w: 10.0,
            h: 5.0,
            items: vec![Item::Text { x: 1.0, y: 1.0, size: 2.0, text: text.into(), inverted: false }],
        };
        let svg = render(&[page("a"), page("<b>")]);
        assert!(
            svg.contains("viewBox=\"0 0 10 10\"") && svg.contains("y=\"7.600\"") && svg.contains("&lt;b&gt;")
        );
    }
}
