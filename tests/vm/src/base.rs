//! The hosts' base image: made once per recipe, kept outside the checkout, only ever read afterwards.

use crate::command::{self, CommandError};
use crate::file::{self, FileError};
use crate::place;
use crate::recipe::{Recipe, RecipeError};
use crate::state::Lock;
use std::path::{Path, PathBuf};

/// Why there is no base image.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    #[error("read the machine's apt settings")]
    Settings(#[source] CommandError),
    #[error("choose the base image")]
    Recipe(#[source] RecipeError),
    #[error("make the base image")]
    Make(#[source] CommandError),
    #[error("keep the base image")]
    Keep(#[from] FileError),
}

/// The tree of the base image, made now if it is not there (20 to 70 s). Of several callers one makes it and the others
/// wait for that one; what a killed one left half made is thrown away.
pub(crate) fn tree(tell: &dyn Fn(&str)) -> Result<PathBuf, BaseError> {
    tree_of(&recipe_of_this_machine()?, tell)
}

/// As [`tree`], with a kernel: for a machine.
pub(crate) fn machine_tree(tell: &dyn Fn(&str)) -> Result<PathBuf, BaseError> {
    tree_of(&recipe_of_this_machine()?.with_kernel(), tell)
}

fn tree_of(recipe: &Recipe, tell: &dyn Fn(&str)) -> Result<PathBuf, BaseError> {
    let directory = place::cache().join("base").join(recipe.hash());
    let tree = directory.join("tree");
    file::make_directory(&directory)?;
    let _one_at_a_time = Lock::take(&directory.join("lock"))?;
    if tree.exists() {
        return Ok(tree);
    }
    tell(&format!("making the hosts' base image from {} packages, once", recipe.suite));
    let unfinished = directory.join("unfinished");
    file::remove_tree(&unfinished)?;
    make(recipe, &unfinished)?;
    std::fs::rename(&unfinished, &tree).map_err(FileError::new("finish", &tree))?;
    Ok(tree)
}

fn recipe_of_this_machine() -> Result<Recipe, BaseError> {
    let os_release = file::read(Path::new("/etc/os-release"))?;
    let format = "$(SITE) $(RELEASE) $(COMPONENT) $(SIGNED_BY)";
    let targets = command::run("apt-get", ["indextargets", "--format", format, "Created-By: Packages"])
        .map_err(BaseError::Settings)?;
    let settings = command::run("apt-config", ["dump"]).map_err(BaseError::Settings)?;
    Recipe::from_machine(&os_release, &targets, &settings).map_err(BaseError::Recipe)
}

/// In namespaces of its own: what mmdebstrap mounts in the tree and whatever it starts end with it, so that the tree can
/// always be removed. And it ends with this process, or the next one would make the tree while this one still does.
fn make(recipe: &Recipe, target: &Path) -> Result<(), BaseError> {
    let words = [
        "--pdeathsig=KILL",
        "unshare",
        "--mount",
        "--propagation=private",
        "--pid",
        "--fork",
        "--kill-child",
    ];
    let words = words.into_iter().chain(["--mount-proc", "mmdebstrap", "--quiet"]).map(String::from);
    let all = words.chain(recipe.arguments(&target.to_string_lossy()));
    let sources = recipe.sources.join("\n") + "\n";
    command::run_with_input("setpriv", all, &sources).map_err(BaseError::Make)?;
    Ok(())
}
