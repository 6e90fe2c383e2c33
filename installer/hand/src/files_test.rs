use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn a_write_makes_parents_sets_the_mode_and_leaves_no_temporary_file() {
    let folder = Folder::new();
    let path = folder.path("a/b/file");
    write(&path, 0o640, b"one").unwrap();
    write(&path, 0o600, b"two").unwrap();
    let stat = stat(&path, true).unwrap().unwrap();
    assert_eq!((stat.kind, stat.mode, stat.size), (FileKind::File, 0o600, 3));
    assert_eq!(stat.digest, Some(digest_of(&b"two"[..]).unwrap()));
    assert_eq!(fs::read_dir(folder.path("a/b")).unwrap().count(), 1);
    assert_eq!(fs::metadata(folder.path("a")).unwrap().mode() & 0o777, 0o755);
}

#[test]
fn a_link_at_the_target_is_replaced_and_never_followed() {
    let folder = Folder::new();
    fs::write(folder.path("secret"), "untouched").unwrap();
    symlink(folder.path("secret"), folder.path("link")).unwrap();
    write(&folder.path("link"), 0o644, b"new").unwrap();
    assert_eq!(fs::read_to_string(folder.path("secret")).unwrap(), "untouched");
    assert_eq!(stat(&folder.path("link"), false).unwrap().unwrap().kind, FileKind::File);
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let folder = Folder::new();
    fs::create_dir(folder.path("folder")).unwrap();
    assert_eq!(write(&folder.path("folder"), 0o644, b"x").unwrap_err().kind, FailureKind::Invalid);
    let unfinished = NewFile::beside(&folder.path("file")).unwrap();
    assert_eq!(folder.names().len(), 2);
    drop(unfinished);
    assert_eq!(folder.names(), ["folder"]);
}

#[test]
fn what_is_not_there_is_nothing_and_not_an_error() {
    let folder = Folder::new();
    fs::write(folder.path("file"), "").unwrap();
    assert_eq!(stat(&folder.path("nowhere"), true), Ok(None));
    assert_eq!(stat(&folder.path("file/below"), true), Ok(None));
    remove(&[folder.path("nowhere"), folder.path("file/below")]).unwrap();
}

#[test]
fn paths_that_are_relative_or_climb_are_refused() {
    for path in ["etc/hosts", "/etc/../root", "", "."] {
        assert_eq!(stat(path, false).unwrap_err().kind, FailureKind::Invalid, "{path:?}");
    }
    assert_eq!(remove(&["/".to_owned()]).unwrap_err().kind, FailureKind::Invalid);
}

#[test]
fn a_link_is_made_replaced_and_shown_with_its_target() {
    let folder = Folder::new();
    make_link(&folder.path("link"), "one").unwrap();
    make_link(&folder.path("link"), "two").unwrap();
    let stat = stat(&folder.path("link"), true).unwrap().unwrap();
    assert_eq!((stat.kind, stat.target.as_deref(), stat.digest), (FileKind::Link, Some("two"), None));
    assert_eq!(folder.names(), ["link"]);
}

#[test]
fn a_removed_folder_takes_links_and_not_what_they_point_to() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("gone/below")).unwrap();
    fs::write(folder.path("kept"), "kept").unwrap();
    symlink(folder.path("kept"), folder.path("gone/below/link")).unwrap();
    remove(&[folder.path("gone")]).unwrap();
    assert_eq!(folder.names(), ["kept"]);
}

#[test]
fn a_long_file_gives_its_beginning_and_its_size() {
    let folder = Folder::new();
    fs::write(folder.path("file"), "0123456789").unwrap();
    assert_eq!(read(&folder.path("file"), 4).unwrap(), (10, b"0123".to_vec()));
    let (size, content) = read("/proc/self/stat", 4096).unwrap();
    assert_eq!(size, content.len() as u64);
    assert!(size > 0);
}
