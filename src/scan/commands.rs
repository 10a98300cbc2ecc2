//! Barcodes of our own that say what to do: printed once, hung on the wall, scanned like a parcel.

use std::fmt;

use crate::cases::reasons::{Group, Reason};
use crate::parcels::model::Status;

/// The longest place a `LOC:` code may name, in characters.
pub const MAX_PLACE: usize = 64;

/// What is to be done with the next parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes to this status.
    Move(Status),
    /// Something is wrong with it.
    Report(Reason),
}

/// What a code of ours asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `CMD:<name>`: do this with the next parcel.
    Next(Action),
    /// `CMD:KEEP`: do it with every parcel from now on.
    Keep,
    /// `CMD:DONE`: back to arriving parcels, at no place.
    Done,
    /// `CMD:UNDO`: take back this station's last scan.
    Undo,
    /// `CMD:PIECE`: open a case for the last code, which nobody knew.
    Piece,
    /// `LOC:<place>`: parcels are put here from now on.
    Place(String),
}

/// Statuses by the words on the wall, beside their own names.
const STATUS_WORDS: [(&str, Status); 8] = [
    ("ARRIVED", Status::AtDepot),
    ("DEPART", Status::InTransit),
    ("LOAD", Status::OutForDelivery),
    ("READY", Status::ReadyForPickup),
    ("HOLD", Status::OnHold),
    ("RETURN", Status::Returning),
    ("DISPOSE", Status::Disposed),
    ("CANCEL", Status::Cancelled),
];

impl Action {
    /// The action `name` stands for: a word of the wall, a status or a reason, in capitals. Where a status and a reason
    /// have one name (`LOST`) the status is meant.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let word = STATUS_WORDS.iter().find(|(w, _)| *w == name).map(|(_, s)| *s);
        let lower = name.to_lowercase();
        let status = || Status::ALL.into_iter().find(|s| *s != Status::Unknown && s.as_str() == lower);
        let reason = || {
            let reason = lower.parse::<Reason>().ok()?;
            is_reported(reason).then_some(Self::Report(reason))
        };
        word.or_else(status).map(Self::Move).or_else(reason)
    }

    /// Its name on a barcode.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Move(status) => status.as_str().to_uppercase(),
            Self::Report(reason) => reason.code().to_uppercase(),
        }
    }
}

/// Whether people report it: what the depot finds by itself is nobody's to scan.
fn is_reported(reason: Reason) -> bool {
    use Reason::{DataWithoutPiece, PieceWithoutData, StatusConflict, StatusStale, UnmappedCode};
    let found = [PieceWithoutData, DataWithoutPiece, StatusConflict, StatusStale, UnmappedCode];
    reason.rule().group != Group::Operation && !found.contains(&reason)
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Next(action) => write!(f, "CMD:{}", action.name()),
            Self::Keep => f.write_str("CMD:KEEP"),
            Self::Done => f.write_str("CMD:DONE"),
            Self::Undo => f.write_str("CMD:UNDO"),
            Self::Piece => f.write_str("CMD:PIECE"),
            Self::Place(place) => write!(f, "LOC:{place}"),
        }
    }
}

/// The command in `code`; none when it is no code of ours.
///
/// # Errors
/// When it begins like one and names nothing that can be done.
pub fn parse(code: &str) -> Option<Result<Command, String>> {
    let (kind, name) = code.split_once(':')?;
    let name = name.trim();
    match kind.trim().to_uppercase().as_str() {
        "LOC" => Some(place(name)),
        "CMD" => Some(command(&name.to_uppercase())),
        _ => None,
    }
}

fn place(name: &str) -> Result<Command, String> {
    let odd = name.chars().any(char::is_control);
    if name.is_empty() || name.chars().count() > MAX_PLACE || odd {
        return Err(format!("LOC: needs a place of 1 to {MAX_PLACE} characters, such as LOC:A-03"));
    }
    Ok(Command::Place(name.to_owned()))
}

fn command(name: &str) -> Result<Command, String> {
    match name {
        "KEEP" => Ok(Command::Keep),
        "DONE" => Ok(Command::Done),
        "UNDO" => Ok(Command::Undo),
        "PIECE" | "PIECE_WITHOUT_DATA" => Ok(Command::Piece),
        _ => Action::named(name).map(Command::Next).ok_or_else(|| {
            let name: String = name.chars().take(MAX_PLACE).collect();
            format!(
                "CMD:{name} is no command; write KEEP, DONE, UNDO, PIECE, a status such as OUT_FOR_DELIVERY, or a reason such as DAMAGED"
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    #[test]
    fn the_codes_on_the_wall_are_understood() {
        let cases = [
            ("CMD:DAMAGED", Command::Next(Action::Report(Reason::Damaged))),
            ("cmd:missorted", Command::Next(Action::Report(Reason::Missorted))),
            ("CMD:OUT_FOR_DELIVERY", Command::Next(Action::Move(Status::OutForDelivery))),
            ("CMD:LOAD", Command::Next(Action::Move(Status::OutForDelivery))),
            ("CMD:LOST", Command::Next(Action::Move(Status::Lost))),
            ("CMD: UNDO", Command::Undo),
            ("CMD:KEEP", Command::Keep),
            ("CMD:DONE", Command::Done),
            ("CMD:PIECE_WITHOUT_DATA", Command::Piece),
            ("LOC:A-03", Command::Place("A-03".into())),
            ("loc:Halle 3", Command::Place("Halle 3".into())),
        ];
        for (code, command) in cases {
            assert_eq!(parse(code), Some(Ok(command)), "{code}");
        }
        for other in ["RB123456785GB", "HTTP://x", "CMD", "", ":"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_command_that_names_nothing_says_what_can_be_named() {
        for wrong in ["CMD:", "CMD:DANCE", "CMD:UNKNOWN", "CMD:JOB_DEAD", "LOC:", "LOC: "] {
            assert!(parse(wrong).unwrap().unwrap_err().contains("such as"), "{wrong}");
        }
        assert!(parse(&format!("LOC:{}", "A".repeat(MAX_PLACE))).unwrap().is_ok());
        assert!(parse(&format!("LOC:{}", "A".repeat(MAX_PLACE + 1))).unwrap().is_err());
    }

    #[test]
    fn every_action_has_a_code_that_is_read_back() {
        let moves = Status::ALL.into_iter().filter(|s| *s != Status::Unknown).map(Action::Move);
        let reports = Reason::ALL.iter().filter(|r| is_reported(**r)).map(|r| Action::Report(*r));
        for action in moves.chain(reports) {
            let read = parse(&Command::Next(action).to_string()).unwrap().unwrap();
            let same_name = matches!(action, Action::Report(Reason::Lost));
            assert!(same_name || read == Command::Next(action), "{action:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in any::<String>(), name in any::<String>()) {
            let _ = (parse(&text), parse(&format!("CMD:{name}")), parse(&format!("LOC:{name}")));
        }
    }
}
