//! Where and why reading an input stops.

use super::meter::Meter;
use super::target::Stop;
use crate::kind::Kind;
use std::io;

/// What it says is wrong there.
pub fn by_text(at: String, what: String) -> Stop {
    Stop { at, what, kind: Kind::Failed, blames_input: true }
}

/// The input could not be read on.
pub fn by_system(error: &io::Error, meter: &Meter) -> Stop {
    let blames_input = error.kind() == io::ErrorKind::InvalidData;
    let at = format!("byte {}", meter.read());
    Stop { at, what: error.to_string(), kind: Kind::of_io(error), blames_input }
}

/// The message of a JSON error, without the place it ends with.
pub fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&place).unwrap_or(&message).to_owned()
}
