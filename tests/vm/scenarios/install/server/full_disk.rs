//! A disk of its own for a server's state, small enough to be filled while runs go on.

use super::misuse;
use super::served::Served;
use crate::installation::{Installation, done};
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// What is held is tried again each minute.
const GOES_ON: Duration = Duration::from_secs(150);

/// Mounted over the state folder, and unmounted with this value.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Before the server begins.
    pub(crate) fn under(site: &Installation) -> SmallDisk {
        let state = site.folder.state();
        std::fs::create_dir_all(&state).unwrap();
        let words = ["-t", "tmpfs", "-o", "size=96m,mode=0700", "tmpfs"];
        let mounted = Command::new("mount").args(words).arg(&state).status().unwrap();
        assert!(mounted.success());
        SmallDisk(state)
    }

    /// To the last byte.
    fn fill(&self) {
        let mut filler = File::create(self.0.join("filler")).unwrap();
        while filler.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still reads there ends with the lab.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Nothing can be written down while runs go on: they are held and say why, to those who follow as well; what there is can be read,
/// and with room they go on by themselves.
pub(crate) fn runs_are_held_while_it_is_full(server: &mut Served<'_>, disk: &SmallDisk, runs: &[String; 2]) {
    let begun = Instant::now();
    disk.fill();
    for run in runs {
        let why = server.wait_for_hold(run, GOES_ON, true);
        assert!(why.to_string().contains("disk is full"), "{why}");
        assert_eq!(server.get(&format!("runs/{run}"))["state"], "open");
    }
    let refused = server.post("sites/left/waivers", &json!({"check": "swap", "reason": "a test"}));
    assert_eq!(
        (refused.status, &refused.body["type"]),
        (507, &json!("urn:armilla:problem:storage-full")),
        "{}",
        refused.text
    );
    let ready = server.ask("\"${U%/api/v1}/readyz\"");
    assert!(ready.status == 200 && ready.text.contains("is full"), "{ready:?}");
    disk.make_room();
    for run in runs {
        misuse::wait_until(server, &format!("runs/{run}"), |run| {
            run["live"] == true && run["held"].is_null()
        });
        server.wait_for_hold(run, GOES_ON, false);
    }
    assert_eq!(server.ask("\"${U%/api/v1}/readyz\"").text.trim(), "ok");
    done("two runs held by a full disk, and going on", begun);
}
