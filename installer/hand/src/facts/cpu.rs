//! Processors and memory.

use installer_model::survey::{Cpu, Memory};

/// From `/proc/cpuinfo`, whose keys differ between architectures; the count comes from the scheduler, since a
/// container may be given fewer than the machine has.
pub(super) fn cpu(cpuinfo: &str, online: Option<u32>) -> Cpu {
    let value = |keys: &[&str]| {
        let pairs = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        let mut found = pairs.filter(|(key, _)| keys.contains(&key.trim()));
        found.next().map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let flags = value(&["flags", "Features"]).unwrap_or_default();
    Cpu {
        count: online,
        model: value(&["model name", "Model Name", "Hardware"]).or_else(|| arm_model(cpuinfo)),
        flags: flags.split_whitespace().map(str::to_owned).collect(),
    }
}

/// Arm kernels print numbers instead of a name; the commonest servers' are worth a name.
fn arm_model(cpuinfo: &str) -> Option<String> {
    let hex = |key: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(key))?;
        let value = line.split_once(':')?.1.trim();
        u32::from_str_radix(value.strip_prefix("0x")?, 16).ok()
    };
    let (implementer, part) = (hex("CPU implementer")?, hex("CPU part")?);
    Some(match (implementer, part) {
        (0x48, 0xd01) => "Kunpeng 920".to_owned(),
        (0x48, 0xd02) => "Kunpeng 920B".to_owned(),
        (0x41, 0xd0c) => "Neoverse N1".to_owned(),
        (0x41, 0xd40) => "Neoverse V1".to_owned(),
        (0x41, 0xd49) => "Neoverse N2".to_owned(),
        (0x70, 0x662 | 0x663) => "Phytium".to_owned(),
        _ => format!("implementer {implementer:#x} part {part:#x}"),
    })
}

/// From `/proc/meminfo`, which counts in KiB.
pub(super) fn memory(meminfo: &str) -> Option<Memory> {
    let kib = |key: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    };
    let bytes = |key| kib(key).map(|kib| kib.saturating_mul(1024));
    Some(Memory {
        total: bytes("MemTotal")?,
        available: bytes("MemAvailable"),
        swap_total: bytes("SwapTotal").unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_processor_is_named_by_its_numbers() {
        let text = "processor\t: 0\nBogoMIPS\t: 200.00\nFeatures\t: fp asimd atomics\nCPU implementer\t: 0x48\nCPU architecture: 8\nCPU part\t: 0xd01\n";
        let cpu = cpu(text, Some(8));
        assert_eq!(cpu.model.as_deref(), Some("Kunpeng 920"));
        assert!(cpu.flags.contains("atomics"));
        assert_eq!(super::cpu("", None), Cpu::default());
    }

    #[test]
    fn memory_is_in_bytes_and_swap_may_be_absent() {
        let read = memory("MemTotal:       2048 kB\nMemAvailable:   1024 kB\nSwapTotal: 512 kB\n").unwrap();
        assert_eq!((read.total, read.available, read.swap_total), (2 << 20, Some(1 << 20), 512 << 10));
        assert_eq!(memory("MemTotal: 1 kB\n").unwrap().swap_total, 0);
        assert_eq!(memory("MemTotalX: 1 kB\n"), None);
    }
}
