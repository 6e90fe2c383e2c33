//! Lines that are kept and shown alike wherever a waiver counts.

use installer_model::view::WaivedView;
use installer_model::waiver::KeptWaiver;

/// What the run goes on in spite of.
pub fn waived_line(waived: &WaivedView) -> String {
    let WaivedView { host, observed, waiver } = waived;
    let host = host.as_deref().unwrap_or("site");
    format!("waived: {host}: {} ({observed}), {}", waiver.waiver.check, who_when_why(waiver))
}

/// `by anna@jump1 on 2026-11-21 (command line): lab hosts swap`.
pub fn who_when_why(kept: &KeptWaiver) -> String {
    format!("by {} on {} ({}): {}", kept.by, day(kept.at), kept.said, kept.waiver.reason)
}

/// The date of a Unix time in milliseconds, in UTC. The days since 1970 become year, month and day by Howard Hinnant's
/// `civil_from_days` (<https://howardhinnant.github.io/date_algorithms.html>).
pub fn day(at: u64) -> String {
    let days = at / 86_400_000 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
