//! Counting tests: what test programs print about themselves, added up.

use std::fmt;
use std::ops::{Add, AddAssign};

/// How many passed, failed, and were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Counts {
    /// One thing that was checked as a whole.
    pub fn one(passed: bool) -> Self {
        Self { passed: passed.into(), failed: (!passed).into(), skipped: 0 }
    }

    /// What a line of a test program says: libtest's "test result: ok. 3 passed; 0 failed; 1 ignored; ...", the
    /// closing line "3 passed, 0 failed" of a C or C++ program, or a line of googletest's summary. `None` for every
    /// other line.
    pub fn of_line(line: &str) -> Option<Self> {
        if let Some((mark, rest)) = line.split_once(" ] ") {
            let (number, rest) = rest.split_once(" test")?;
            let count =
                number.parse().ok().filter(|_| ["s.", ".", "s, listed below:", ", listed below:"].contains(&rest))?;
            return match mark.trim_start_matches('[').trim() {
                "PASSED" => Some(Self { passed: count, ..Self::default() }),
                "FAILED" => Some(Self { failed: count, ..Self::default() }),
                "SKIPPED" => Some(Self { skipped: count, ..Self::default() }),
                _ => None,
            };
        }
        let counts = match line.strip_prefix("test result: ") {
            Some(result) => result.split_once(". ")?.1,
            None => line,
        };
        let mut parts = counts.trim().split([';', ',']).map(str::trim);
        let mut count = |what: &str| parts.next()?.strip_suffix(what)?.trim().parse().ok();
        let (passed, failed) = (count("passed")?, count("failed")?);
        Some(Self { passed, failed, skipped: count("ignored").unwrap_or(0) })
    }

    /// The same, for a program that ended so: a program that fails without saying which test, or that ran none, is a
    /// failure by itself.
    pub fn ended(mut self, success: bool) -> Self {
        if self.failed == 0 && (!success || self.passed == 0) {
            self.failed = 1;
        }
        self
    }
}

impl Add for Counts {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn result_lines_are_counted_and_others_are_not() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(Counts::of_line(line), Some(Counts { passed: 12, failed: 3, skipped: 1 }));
        assert_eq!(Counts::of_line("7 passed, 0 failed"), Some(Counts { passed: 7, failed: 0, skipped: 0 }));
        let google = |line| Counts::of_line(line).map(|it| (it.passed, it.failed, it.skipped));
        assert_eq!(google("[  PASSED  ] 38 tests."), Some((38, 0, 0)));
        assert_eq!(google("[  PASSED  ] 1 test."), Some((1, 0, 0)));
        assert_eq!(google("[  FAILED  ] 2 tests, listed below:"), Some((0, 2, 0)));
        assert_eq!(google("[  SKIPPED ] 1 test, listed below:"), Some((0, 0, 1)));
        assert_eq!(google("[  FAILED  ] Calls.One"), None);
        assert_eq!(google("[==========] 38 tests from 3 test suites ran. (12 ms total)"), None);
        for other in
            ["", "running 3 tests", "test a ... ok", "7 passed", "x passed, 0 failed", "all 7 passed, 0 failed"]
        {
            assert_eq!(Counts::of_line(other), None, "{other}");
        }
    }

    #[test]
    fn what_ends_badly_or_ran_nothing_has_failed() {
        let nothing = Counts::default();
        assert_eq!(nothing.ended(true).failed, 1);
        assert_eq!(Counts::one(true).ended(false).failed, 1);
        assert_eq!(Counts::one(true).ended(true), Counts::one(true));
        assert_eq!(Counts { passed: 1, failed: 2, skipped: 0 }.ended(false).failed, 2);
    }
}
