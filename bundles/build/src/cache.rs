//! What was made once is not made again: entries under the hash of their recipe, outside the checkout.
//!
//! ```text
//! <root>/<64 hex digits>/           whole: it is renamed into its place when it is done
//! <root>/<64 hex digits>.part-PID/  in the making by that process, or left by one that was killed
//! <root>/<64 hex digits>.lock       held by whoever makes it
//! ```

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use bundles_format::Digest;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Part of every recipe: raised when the same recipe gives other bytes, as a new compression level does.
const RECIPES: u32 = 1;

#[derive(Debug, thiserror::Error)]
#[error("use the cache at {path}")]
pub struct CacheError {
    pub path: PathBuf,
    pub source: io::Error,
}

#[derive(Debug, Clone)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn open(root: &Path) -> Result<Cache, CacheError> {
        fs::create_dir_all(root).map_err(at(root))?;
        Ok(Cache { root: root.canonicalize().map_err(at(root))? })
    }

    /// A place for what is named by something else than a recipe: durations, package files, apt's state.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn has(&self, recipe: &Digest) -> bool {
        self.root.join(recipe.hex()).exists()
    }

    /// The entry of this recipe, made by `make` in an empty directory unless it is there. Says whether it was.
    ///
    /// Two who want the same entry wait for one another, in one process or in several.
    pub(crate) fn entry<E: From<CacheError>>(
        &self,
        recipe: &Digest,
        make: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<(PathBuf, Hit), E> {
        let whole = self.root.join(recipe.hex());
        if whole.exists() {
            return Ok((whole, Hit::Cached));
        }
        let lock = self.root.join(format!("{}.lock", recipe.hex()));
        let _held = File::create(&lock).and_then(|file| file.lock().map(|()| file)).map_err(at(&lock))?;
        if whole.exists() {
            return Ok((whole, Hit::Cached));
        }
        // A killed build may have left a compiler behind that still writes: never share a directory with it. One that
        // cannot be removed for that is litter until the next time.
        let stem = format!("{}.part-", recipe.hex());
        for left in fs::read_dir(&self.root).map_err(at(&self.root))? {
            let left = left.map_err(at(&self.root))?;
            if left.file_name().to_string_lossy().starts_with(&stem) {
                let _ = fs::remove_dir_all(left.path());
            }
        }
        let part = self.root.join(format!("{stem}{}", std::process::id()));
        fs::create_dir(&part).map_err(at(&part))?;
        make(&part)?;
        fs::rename(&part, &whole).map_err(at(&whole))?;
        Ok((whole, Hit::Made))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hit {
    Cached,
    Made,
}

/// The name of a recipe: equal values have equal names, in every process.
pub(crate) fn recipe(kind: &str, value: &impl Serialize) -> Digest {
    let text = serde_json::to_string(&(RECIPES, kind, value)).expect("recipes are plain data");
    Digest::from_sha256(Sha256::digest(text).into())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(directory: &Path, text: &str) -> Result<(), CacheError> {
        fs::write(directory.join("x"), text).map_err(at(directory))
    }

    #[test]
    fn an_entry_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let name = recipe("test", &1);
        let (path, hit) = cache.entry(&name, |dir| put(dir, "first")).unwrap();
        assert_eq!(hit, Hit::Made);
        let (again, hit) = cache.entry(&name, |dir| put(dir, "second")).unwrap();
        assert_eq!((again, hit), (path.clone(), Hit::Cached));
        assert_eq!(fs::read_to_string(path.join("x")).unwrap(), "first");
    }

    #[test]
    fn an_entry_that_failed_half_way_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let name = recipe("test", &2);
        let failed = cache.entry(&name, |dir| {
            put(dir, "half")?;
            Err(at(dir)(io::Error::other("the power went")))
        });
        assert!(failed.is_err());
        let (path, hit) = cache.entry(&name, |dir| put(dir, "whole")).unwrap();
        assert_eq!(hit, Hit::Made);
        assert_eq!(fs::read_to_string(path.join("x")).unwrap(), "whole");
    }

    #[test]
    fn two_who_want_the_same_entry_get_one() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let name = recipe("test", &3);
        let want = || {
            cache.entry(&name, |dir| {
                std::thread::sleep(std::time::Duration::from_millis(20));
                put(dir, "once")
            })
        };
        let hits: Vec<Hit> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(want)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap().1).collect()
        });
        assert_eq!(hits.iter().filter(|hit| **hit == Hit::Made).count(), 1);
    }
}
