//! The order in which findings are shown: the same for people and for programs.

use installer_model::finding::Finding;

/// What stands in the way first, what is waived last; within that the worst first, then by check. Hosts stay in the
/// order of the site file.
pub fn in_order(findings: &mut [Finding]) {
    findings.sort_by(|one, other| {
        one.waived
            .is_some()
            .cmp(&other.waived.is_some())
            .then(other.severity.cmp(&one.severity))
            .then_with(|| one.id.cmp(&other.id))
    });
}
