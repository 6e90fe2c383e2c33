//! What was found, for people.
#![expect(clippy::print_stderr, reason = "tells the operator what stands in the way")]

use appliance_control::Ready;
use installer_model::finding::{Finding, Severity};

use crate::cli::CliError;
use crate::findings;

/// Shows what somebody should look at, and what was waived.
pub(crate) fn report_warnings(ready: &Ready) {
    let worth = |finding: &&Finding| finding.severity >= Severity::Warn || finding.waived.is_some();
    let warnings: Vec<Finding> = ready.findings.iter().filter(worth).cloned().collect();
    if !warnings.is_empty() {
        eprint!("{}", findings::text(&warnings, findings::language()));
    }
    eprint!("{}", findings::unused_text(&ready.unused_waivers));
}

/// Shows what was found; refusals end the command.
pub(crate) fn report_findings(ready: &Ready) -> Result<(), CliError> {
    let refused = ready.findings.iter().filter(|finding| finding.stops()).count();
    if refused == 0 {
        report_warnings(ready);
        return Ok(());
    }
    eprint!(
        "{}{}",
        findings::text(&ready.findings, findings::language()),
        findings::unused_text(&ready.unused_waivers)
    );
    let stand = if refused == 1 { "finding stands" } else { "findings stand" };
    Err(CliError::new(5, format!("start: {refused} {stand} in the way"))
        .hint("nothing was changed; mend them and run again"))
}
