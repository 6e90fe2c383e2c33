//! The `nft` that the portmap plugin calls on the host, with its own loader and libraries: it runs on any distribution.

use crate::paths::ARMILLA_LIB;

/// Folder that containerd's unit has first in its `PATH`.
pub fn path_folder() -> String {
    format!("{ARMILLA_LIB}/sbin")
}

/// Starts the bundle's `nft` through the bundle's loader. `loader` is the loader's path below the library folder.
pub fn launcher(loader: &str) -> String {
    format!(
        "#!/bin/sh\nroot={ARMILLA_LIB}/nftables\nexec \"$root/{loader}\" --library-path \"$root/lib\" \"$root/bin/nft\" \"$@\"\n"
    )
}
