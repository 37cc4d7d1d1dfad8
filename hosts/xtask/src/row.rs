//! The line by which a check tells `cargo xtask reliability` what it found: the row of `tests/reliability`, as JSON.

use serde_json::json;

/// Marks the line.
const MARK: &str = "reliability: ";

/// One kind of fault, and what it did.
#[derive(Default)]
pub struct Row {
    /// As the table names it.
    pub fault: String,
    /// Times it was tried.
    pub cases: u64,
    /// Crashes of the engine.
    pub signals: u64,
    /// What somebody else noticed and the engine did not.
    pub undetected: u64,
    /// Why it could not be tried here.
    pub skipped: Option<String>,
}

impl Row {
    /// A row of what cannot be tried here.
    pub fn skipped(fault: impl Into<String>, why: impl Into<String>) -> Self {
        Self { fault: fault.into(), skipped: Some(why.into()), ..Self::default() }
    }

    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.signals + self.undetected == 0
    }

    /// Prints it, and a word for people if it was left out.
    pub fn print(&self) {
        let Self { fault, cases, signals, undetected, skipped } = self;
        let mut row = json!({
            "fault": fault, "cases": cases, "lost": 0, "torn": 0, "signals": signals, "undetected": undetected
        });
        if let Some(why) = skipped {
            println!("SKIPPED: {fault}: {why}");
            row["skipped"] = json!(why);
        }
        println!("{MARK}{row}");
    }
}
