//! Site, release and facts become files and manifests.
