//! The progress bar: on standard error, and only if that is a terminal.

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::{self, IsTerminal};

/// A bar, or nothing.
pub struct Progress(ProgressBar);

impl Progress {
    /// Of bytes read, out of `total` if that is known.
    pub fn of_bytes(total: Option<u64>, shown: bool) -> Self {
        let template = match total {
            Some(_) => "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            None => "{msg} {bytes} {bytes_per_sec}",
        };
        Self::new(total, template, shown)
    }

    /// Of vectors written, out of a total that [`more`](Self::more) raises.
    pub fn of_vectors(shown: bool) -> Self {
        Self::new(Some(0), "{msg} {wide_bar} {human_pos}/{human_len} vectors {rate} {eta}", shown)
    }

    fn new(total: Option<u64>, template: &str, shown: bool) -> Self {
        if !shown || !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        // The templates above are constants; one that did not parse would cost the looks of the bar, nothing else.
        Self(match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style.with_key("rate", write_rate)),
            Err(_) => bar,
        })
    }

    /// Names what is being worked on.
    pub fn name(&self, name: &str) {
        self.0.set_message(name.to_owned());
    }

    /// Raises the total.
    pub fn more(&self, total: u64) {
        self.0.inc_length(total);
    }

    /// One more is done.
    pub fn step(&self) {
        self.0.inc(1);
    }

    /// So much is done.
    pub fn at(&self, position: u64) {
        self.0.set_position(position);
    }
}

/// The key `rate` of a template.
fn write_rate(state: &ProgressState, out: &mut dyn Write) {
    // The bar is drawn without it then.
    let _ = out.write_str(&rate(state.per_sec()));
}

/// Vectors in a second, as people read them: without decimals, unless there are few.
fn rate(per_second: f64) -> String {
    match per_second {
        few if few < 10.0 => format!("{few:.1}/s"),
        many => format!("{}/s", HumanCount(many.round() as u64)),
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_has_as_many_digits_as_people_read() {
        for (per_second, expected) in
            [(66_834.625, "66,835/s"), (1_234_567.8, "1,234,568/s"), (12.6, "13/s"), (9.44, "9.4/s"), (0.0, "0.0/s")]
        {
            assert_eq!(rate(per_second), expected);
        }
    }
}
