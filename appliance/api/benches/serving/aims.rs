//! What was aimed at, beside what was found: the last words of a measurement.

use std::fmt::Write;

/// Aims in the order in which they were looked at.
#[derive(Default)]
pub(crate) struct Aims(Vec<Aim>);

struct Aim {
    what: &'static str,
    found: String,
    wanted: String,
    met: bool,
}

impl Aims {
    /// `found` in `unit` is to be no more than `most`.
    pub(crate) fn at_most(&mut self, what: &'static str, found: f64, most: f64, unit: &str) {
        let (found_text, wanted) = (format!("{found:.1} {unit}"), format!("at most {most} {unit}"));
        self.0.push(Aim { what, found: found_text, wanted, met: found <= most });
    }

    /// `found` is to be so many times what it is compared with.
    pub(crate) fn times(&mut self, what: &'static str, found: f64, least: f64) {
        let (found_text, wanted) = (format!("{found:.1} times"), format!("at least {least} times"));
        self.0.push(Aim { what, found: found_text, wanted, met: found >= least });
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for Aim { what, found, wanted, met } in &self.0 {
            let met = if *met { "met" } else { "MISSED" };
            writeln!(text, "  {what:<58} {found:>12}   {wanted:<18} {met}").unwrap();
        }
        text
    }
}
