//! Locks that a child has a copy of, from its fork until it runs its own program. A cloned file is the
//! same to the system.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use runtime_events::ManualClock;

use super::super::disk::Disk;
use super::{Rotation, Tail};

fn place(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("runtime-sinks-{}-{name}", std::process::id()))
}

#[test]
fn child_process_does_not_hold_the_lock_of_a_file() {
    let path = place("held");
    let (disk, opened) = Disk::file(&path, false, false).unwrap();
    let child = opened.segment.try_clone().unwrap();
    (&*opened.segment).write_all(b"{\"event\":\"torn").unwrap();
    drop((disk, opened));
    let again = Disk::file(&path, false, false).map(|(_, opened)| opened.tail);
    fs::remove_file(&path).unwrap();
    assert!(matches!(again, Ok(Tail::Cut(_))), "{again:?}");
    drop(child);
}

#[test]
fn child_process_does_not_hold_the_lock_of_a_folder() {
    let path = place("held-folder");
    let open = || Disk::folder(&path, Rotation::size(1_000), false, &ManualClock::new());
    let (disk, _) = open().unwrap();
    let Disk::Folder { _lock: lock, .. } = &disk else { unreachable!("it is a folder") };
    let child = lock.0.try_clone().unwrap();
    assert!(open().is_err(), "another sink writes to it");
    drop(disk);
    let again = open().map(drop);
    fs::remove_dir_all(&path).unwrap();
    again.unwrap();
    drop(child);
}
