//! Accelerators on the PCI bus.

use installer_model::survey::PciDevice;

use super::Root;

/// Vendors of accelerators. Several of them sell network cards, bridges and storage too, so the class decides as well.
const VENDORS: &[u16] =
    &[0x10de, 0x19e5, 0x1d94, 0xcabc, 0x1e3e, 0x1ed5, 0x9999, 0x1d22, 0x1e36, 0x1002, 0x8086, 0x1ee0];

/// VGA, 3D and other display controllers, processing accelerators, co-processors (PCI ID repository, base and
/// sub-class).
const CLASSES: &[u16] = &[0x0300, 0x0302, 0x0380, 0x1200, 0x0b40];

const DEVICES: &str = "/sys/bus/pci/devices";

pub(super) fn accelerators(root: &Root) -> Vec<PciDevice> {
    root.names(DEVICES)
        .into_iter()
        .filter_map(|address| device(root, address))
        .filter(is_accelerator)
        .collect()
}

fn device(root: &Root, address: String) -> Option<PciDevice> {
    let hex = |file: &str| {
        let text = root.line(&format!("{DEVICES}/{address}/{file}"))?;
        u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
    };
    let driver = root.link(&format!("{DEVICES}/{address}/driver"));
    Some(PciDevice {
        vendor: u16::try_from(hex("vendor")?).ok()?,
        device: u16::try_from(hex("device")?).ok()?,
        // The third byte is the programming interface.
        class: u16::try_from(hex("class")? >> 8).ok()?,
        virtual_function: root.exists(&format!("{DEVICES}/{address}/physfn")),
        driver: driver.and_then(|link| link.rsplit('/').next().map(str::to_owned)),
        address,
    })
}

fn is_accelerator(device: &PciDevice) -> bool {
    VENDORS.contains(&device.vendor) && CLASSES.contains(&device.class)
}
