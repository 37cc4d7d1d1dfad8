//! What a campaign found: one row of the reliability table, printed for people and as JSON for `cargo xtask reliability`.

use serde::{Deserialize, Serialize};

/// Marks the line of standard output that carries rows as JSON.
pub const MARK: &str = "reliability: ";

/// One fault, and what it did to the engine. The last four figures are zero where the engine keeps its promises.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row {
    /// The fault, as the table names it.
    pub fault: String,
    /// Times it was brought about and the outcome checked.
    pub cases: u64,
    /// Acknowledged operations that were gone.
    pub lost: u64,
    /// Operations that were there in part, or that nobody made.
    pub torn: u64,
    /// Times the engine's process died of a signal or a panic that nobody sent.
    pub signals: u64,
    /// Faults served as right data, or acknowledged as success.
    pub undetected: u64,
    /// Why the campaign could not run here; the figures are zero then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

impl Row {
    /// A row without cases yet.
    pub fn new(fault: impl Into<String>) -> Self {
        Self { fault: fault.into(), ..Self::default() }
    }

    /// A row of a campaign that cannot run here.
    pub fn skipped(fault: impl Into<String>, why: impl Into<String>) -> Self {
        Self { fault: fault.into(), skipped: Some(why.into()), ..Self::default() }
    }

    /// Whether every promise held.
    pub fn is_clean(&self) -> bool {
        self.lost + self.torn + self.signals + self.undetected == 0
    }

    /// Prints the row for `cargo xtask reliability`.
    pub fn print(&self) {
        println!("{MARK}{}", serde_json::to_string(self).expect("a row is plain data"));
    }
}
