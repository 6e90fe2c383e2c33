//! What `make binary` left: the programs that a bundle is built with and from.

use crate::demo::{DemoError, Folder, absolute, finish};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The static programs of this machine's own architecture; the catalogue is part of `armilla`.
#[derive(Debug, Clone)]
pub struct Product {
    armilla: PathBuf,
    pause: PathBuf,
}

impl Product {
    /// From a checkout in which `make binary` has run.
    pub fn of_checkout(checkout: &Path) -> Result<Product, DemoError> {
        let checkout = absolute(checkout)?;
        let programs = checkout.join("dist").join(std::env::consts::ARCH);
        let (armilla, pause) = (programs.join("armilla"), programs.join("pause"));
        for program in [&armilla, &pause] {
            if !program.is_file() {
                return Err(DemoError::NoProduct(program.clone()));
            }
        }
        Ok(Product { armilla, pause })
    }

    /// Puts `armilla` into the folder.
    pub fn put_into(&self, folder: &Folder) -> Result<(), DemoError> {
        Ok(folder.keep_program(&self.armilla, "armilla")?)
    }

    /// Builds the folder's bundle, sealed with the folder's key, which is made if it is not there. What was built
    /// before comes from the cache: 3 s instead of 10 minutes.
    pub fn build_bundle(&self, folder: &Folder) -> Result<(), DemoError> {
        let armilla = |words: &[&str]| {
            let mut command = Command::new(folder.program());
            command.args(words);
            command
        };
        if !folder.key().exists() {
            finish(armilla(&["bundle", "keygen"]).arg(folder.key()))?;
        }
        let mut build = armilla(&["bundle", "build"]);
        build.arg(folder.bundle()).arg("--key").arg(folder.key());
        for (name, program) in [("armilla", &self.armilla), ("pause", &self.pause)] {
            build.arg("--file").arg(format!("{name}:{}={}", architecture()?, program.display()));
        }
        finish(&mut build)
    }
}

/// This machine's architecture as bundles name it.
fn architecture() -> Result<&'static str, DemoError> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => Err(DemoError::Architecture(other)),
    }
}
