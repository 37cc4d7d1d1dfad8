//! What everything here gives back.

/// Any error of any contestant.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// Result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;
