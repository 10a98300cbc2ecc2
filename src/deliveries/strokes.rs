//! A signature's strokes, read from the SVG path that a glass or a browser drew, for whoever draws it anew.

/// One piece of a stroke, in the path's own units; every point is absolute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Piece {
    /// The pen is set down here.
    Move(f64, f64),
    /// It draws a straight line to here.
    Line(f64, f64),
    /// It draws a curve: two points that pull at it, and its end.
    Curve([f64; 6]),
    /// It goes back to where it was set down.
    Close,
}

/// Pieces of one signature at the most; what comes beyond is left out.
const MAX_PIECES: usize = 20_000;

/// Reads `path`. What can't be read ends it: the strokes before stand.
#[must_use]
pub fn pieces(path: &str) -> Vec<Piece> {
    let mut pen = Pen::default();
    let mut rest = path.trim_start();
    while let Some(command) = rest.chars().next().filter(char::is_ascii_alphabetic) {
        rest = &rest[1..];
        let mut again = false;
        loop {
            let Some(count) = arguments(command) else { return pen.out };
            let Some((values, after)) = numbers(rest, count) else {
                if !again && count > 0 {
                    return pen.out;
                }
                break;
            };
            rest = after;
            // Further points behind a move are lines.
            let shown = match (command, again) {
                ('M', true) => 'L',
                ('m', true) => 'l',
                (command, _) => command,
            };
            pen.draw(shown, &values);
            again = true;
            if pen.out.len() >= MAX_PIECES {
                return pen.out;
            }
            if count == 0 {
                break;
            }
        }
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
    }
    pen.out
}

/// How many numbers a command takes.
const fn arguments(command: char) -> Option<usize> {
    Some(match command.to_ascii_uppercase() {
        'M' | 'L' | 'T' => 2,
        'H' | 'V' => 1,
        'C' => 6,
        'S' | 'Q' => 4,
        'A' => 7,
        'Z' => 0,
        _ => return None,
    })
}

/// The next `count` numbers, and what stands behind them.
fn numbers(mut text: &str, count: usize) -> Option<(Vec<f64>, &str)> {
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        text = text.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        let mut seen_point = false;
        let end = text.char_indices().find(|(at, c)| match c {
            '0'..='9' => false,
            '-' | '+' => *at > 0,
            '.' => std::mem::replace(&mut seen_point, true),
            _ => true,
        });
        let end = end.map_or(text.len(), |(at, _)| at);
        values.push(text.get(..end)?.parse::<f64>().ok().filter(|v| v.is_finite())?);
        text = &text[end..];
    }
    Some((values, text))
}

#[derive(Default)]
struct Pen {
    out: Vec<Piece>,
    at: (f64, f64),
    began: (f64, f64),
    /// The last point that pulled at a curve: smooth ones mirror it.
    pull: Option<(f64, f64)>,
}

impl Pen {
    fn draw(&mut self, command: char, v: &[f64]) {
        let (x, y) = if command.is_ascii_lowercase() { self.at } else { (0.0, 0.0) };
        let mirrored = || {
            let (px, py) = self.pull.unwrap_or(self.at);
            (2.0 * self.at.0 - px, 2.0 * self.at.1 - py)
        };
        match command.to_ascii_uppercase() {
            'M' => {
                self.at = (x + v[0], y + v[1]);
                (self.began, self.pull) = (self.at, None);
                self.out.push(Piece::Move(self.at.0, self.at.1));
            }
            'L' => self.line(x + v[0], y + v[1]),
            'H' => self.line(x + v[0], self.at.1),
            'V' => self.line(self.at.0, y + v[0]),
            'C' => self.curve((x + v[0], y + v[1]), (x + v[2], y + v[3]), (x + v[4], y + v[5])),
            'S' => self.curve(mirrored(), (x + v[0], y + v[1]), (x + v[2], y + v[3])),
            'Q' => self.bend((x + v[0], y + v[1]), (x + v[2], y + v[3])),
            'T' => self.bend(mirrored(), (x + v[0], y + v[1])),
            // Nobody signs in arcs: the chord shows where one went.
            'A' => self.line(x + v[5], y + v[6]),
            _ => {
                (self.at, self.pull) = (self.began, None);
                self.out.push(Piece::Close);
            }
        }
    }

    fn line(&mut self, x: f64, y: f64) {
        (self.at, self.pull) = ((x, y), None);
        self.out.push(Piece::Line(x, y));
    }

    fn curve(&mut self, a: (f64, f64), b: (f64, f64), end: (f64, f64)) {
        (self.at, self.pull) = (end, Some(b));
        self.out.push(Piece::Curve([a.0, a.1, b.0, b.1, end.0, end.1]));
    }

    /// A curve with one point that pulls, as one with two.
    fn bend(&mut self, by: (f64, f64), end: (f64, f64)) {
        let near =
            |from: (f64, f64)| (from.0 + 2.0 / 3.0 * (by.0 - from.0), from.1 + 2.0 / 3.0 * (by.1 - from.1));
        let (a, b) = (near(self.at), near(end));
        self.curve(a, b, end);
        self.pull = Some(by);
    }
}

/// The box around all points: left, top, width and height, each side at least 1.
#[must_use]
pub fn bounds(pieces: &[Piece]) -> (f64, f64, f64, f64) {
    let points = pieces.iter().flat_map(|p| match p {
        Piece::Move(x, y) | Piece::Line(x, y) => vec![(*x, *y)],
        Piece::Curve([a, b, c, d, e, f]) => vec![(*a, *b), (*c, *d), (*e, *f)],
        Piece::Close => Vec::new(),
    });
    let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    for (x, y) in points {
        low = (low.0.min(x), low.1.min(y));
        high = (high.0.max(x), high.1.max(y));
    }
    if high.0 < low.0 {
        return (0.0, 0.0, 1.0, 1.0);
    }
    (low.0, low.1, (high.0 - low.0).max(1.0), (high.1 - low.1).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::Piece::{Close, Curve, Line, Move};
    use super::*;

    #[test]
    fn strokes_are_read_as_browsers_write_them() {
        assert_eq!(pieces("M10 10L20 20"), [Move(10.0, 10.0), Line(20.0, 20.0)]);
        assert_eq!(pieces("M1,2 3,4 5 6"), [Move(1.0, 2.0), Line(3.0, 4.0), Line(5.0, 6.0)]);
        assert_eq!(
            pieces("m10-5l.5.5h2v-3z"),
            [Move(10.0, -5.0), Line(10.5, -4.5), Line(12.5, -4.5), Line(12.5, -7.5), Close]
        );
        assert_eq!(
            pieces("M0 0C1 2 3 4 5 6S9 10 11 12"),
            [Move(0.0, 0.0), Curve([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), Curve([7.0, 8.0, 9.0, 10.0, 11.0, 12.0])]
        );
        assert_eq!(pieces("M0 0Q3 3 6 0"), [Move(0.0, 0.0), Curve([2.0, 2.0, 4.0, 2.0, 6.0, 0.0])]);
        assert_eq!(bounds(&pieces("M10 10L20 40")), (10.0, 10.0, 10.0, 30.0));
    }

    #[test]
    fn what_can_not_be_read_ends_it_and_never_hangs() {
        assert_eq!(pieces(""), []);
        assert_eq!(pieces("M1"), []);
        assert_eq!(pieces("M1 1L--"), [Move(1.0, 1.0)]);
        assert_eq!(pieces("M1 1ZZZ").len(), 4);
        assert_eq!(pieces("M1 1 X 5"), [Move(1.0, 1.0)]);
        assert!(pieces(&format!("M0 0{}", "L1 1".repeat(30_000))).len() <= MAX_PIECES + 1);
        assert_eq!(bounds(&[]), (0.0, 0.0, 1.0, 1.0));
    }
}
