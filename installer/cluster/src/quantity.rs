//! Kubernetes' amounts, such as `250m` and `16Gi`, as numbers.
//!
//! Source: the quantity grammar in apimachinery's `pkg/api/resource/quantity.go`.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// An amount in thousandths of its unit, rounded up as Kubernetes does: millicores, of CPUs.
/// What is no quantity, is negative, or does not fit, is none.
pub(crate) fn thousandths(quantity: &Quantity) -> Option<u64> {
    of_a_billionth(quantity, 1_000_000)
}

/// An amount in whole units, rounded up: bytes, pods, devices.
pub(crate) fn whole(quantity: &Quantity) -> Option<u64> {
    of_a_billionth(quantity, 1_000_000_000)
}

/// An amount in units of so many billionths.
fn of_a_billionth(quantity: &Quantity, unit: u128) -> Option<u64> {
    let text = quantity.0.trim().trim_start_matches('+');
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (digits, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = &fraction[..fraction.len().min(9)];
    let billionths = format!("{digits}{fraction:0<9}").parse::<u128>().ok()?;
    if !number.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (times, parts) = match suffix {
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1_000),
        "" => (1, 1),
        "k" => (1_000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        exponent => (10u128.checked_pow(exponent.strip_prefix(['e', 'E'])?.parse().ok()?)?, 1),
    };
    u64::try_from(billionths.checked_mul(times)?.div_ceil(unit * parts)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_means_them() {
        for (text, expected) in [
            ("4", 4_000),
            ("250m", 250),
            ("1.5", 1_500),
            ("+0.5m", 1),
            ("123456789n", 124),
            ("1500u", 2),
            ("2k", 2_000_000),
            ("1Ki", 1_024_000),
            ("1e3", 1_000_000),
        ] {
            assert_eq!(thousandths(&Quantity(text.to_owned())), Some(expected), "{text}");
        }
        let endless = "9".repeat(60);
        for text in ["", ".", "x", "1Zi", "-1", "1.2.3", "1e", "1e99", &endless] {
            assert_eq!(thousandths(&Quantity(text.to_owned())), None, "{text}");
        }
    }

    #[test]
    fn bytes_go_as_far_as_clusters_do() {
        assert_eq!(whole(&Quantity("16Gi".to_owned())), Some(16 << 30));
        assert_eq!(whole(&Quantity("20Pi".to_owned())), Some(20 << 50));
        assert_eq!(whole(&Quantity("16Ei".to_owned())), None, "2^64 bytes");
    }
}
