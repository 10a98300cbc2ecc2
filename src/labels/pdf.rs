//! Pages as PDF, for office printers. Letters are those every reader brings along (Helvetica, Windows-1252): what they
//! lack stands as `?`; the SVG and the label printer have all of Unicode that their fonts have.

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};

use super::layout::{Item, Page};
use super::svg::{of, runs};
use crate::base::paper::letters;

/// Points in a millimetre.
const POINTS: f64 = 72.0 / 25.4;
const FONT: Name<'static> = Name(b"F1");

/// The document.
#[must_use]
pub fn render(pages: &[Page]) -> Vec<u8> {
    let (catalog, tree, font) = (Ref::new(1), Ref::new(2), Ref::new(3));
    let refs = |n: i32| (Ref::new(4 + 2 * n), Ref::new(5 + 2 * n));
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    let numbered: Vec<(&Page, (Ref, Ref))> = pages.iter().zip((0..).map(refs)).collect();
    pdf.pages(tree)
        .kids(numbered.iter().map(|(_, (page, _))| *page))
        .count(i32::try_from(numbered.len()).unwrap_or(i32::MAX));
    for (page, (id, content)) in numbered {
        let mut sheet = pdf.page(id);
        sheet.media_box(Rect::new(0.0, 0.0, points(page.w), points(page.h)));
        sheet.parent(tree).contents(content);
        sheet.resources().fonts().pair(FONT, font);
        sheet.finish();
        pdf.stream(content, &drawn(page));
    }
    pdf.type1_font(font).base_font(Name(b"Helvetica")).encoding_predefined(Name(b"WinAnsiEncoding"));
    pdf.finish()
}

#[allow(clippy::cast_possible_truncation)] // PDF knows no more digits
fn points(mm: f64) -> f32 {
    (mm * POINTS) as f32
}

fn drawn(page: &Page) -> Vec<u8> {
    let mut content = Content::new();
    // PDF counts from below.
    let rect = |content: &mut Content, x: f64, y: f64, w: f64, h: f64| {
        content.rect(points(x), points(page.h - y - h), points(w), points(h));
        content.fill_nonzero();
    };
    for item in &page.items {
        match item {
            Item::Text { x, y, size, text, inverted } => {
                content.set_fill_gray(if *inverted { 1.0 } else { 0.0 });
                content.begin_text().set_font(FONT, points(*size));
                content.next_line(points(*x), points(page.h - y - size * 0.8));
                content.show(Str(&letters(text))).end_text();
                content.set_fill_gray(0.0);
            }
            Item::Block { x, y, w, h } => rect(&mut content, *x, *y, *w, *h),
            Item::Barcode { x, y, h, module, data: _, bars } => {
                for (at, width) in bars.bars() {
                    rect(&mut content, x + of(at) * module, *y, of(width) * module, *h);
                }
            }
            Item::Qr { x, y, module, data: _, dark } => {
                for (row, col, width) in runs(dark) {
                    rect(
                        &mut content,
                        x + of(col) * module,
                        y + of(row) * module,
                        of(width) * module,
                        *module,
                    );
                }
            }
        }
    }
    content.finish().into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_its_pages_and_text_can_not_leave_its_string() {
        let page = |text: &str| Page {
            w: 101.6,
            h: 152.4,
            items: vec![Item::Text { x: 1.0, y: 1.0, size: 2.0, text: text.into(), inverted: false }],
        };
        let pdf = String::from_utf8_lossy(&render(&[page("a"), page(") Tj (\\")])).into_owned();
        assert!(pdf.starts_with("%PDF-") && pdf.trim_end().ends_with("%%EOF"));
        assert_eq!(pdf.matches("/Type /Page\n").count(), 2, "{pdf}");
        assert!(pdf.contains("/MediaBox [0 0 288 432]"), "{pdf}");
        assert!(pdf.contains("\\) Tj \\(\\\\") || pdf.contains("<"), "{pdf}");
    }
}
