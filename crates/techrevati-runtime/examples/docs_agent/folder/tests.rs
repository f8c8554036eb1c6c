//! The visible files of a folder.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A temporary folder of one test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(files: &[(&str, &[u8])]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let id = std::process::id();
        let root = std::env::temp_dir().join(format!("docs-agent-{id}-{number}"));
        for (path, content) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self(root)
    }

    fn open(&self) -> Result<Folder, FolderError> {
        Folder::open(&self.0.join("docs"), &[])
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn paths(folder: &Folder) -> Vec<&str> {
    folder.documents.iter().map(|document| document.path.as_str()).collect()
}

#[test]
fn folder_lists_text_without_hidden_and_binary_files() {
    let scratch = Scratch::new(&[
        ("docs/b.md", b"b"),
        ("docs/a/x.txt", b"x"),
        ("docs/.git/config", b"secret"),
        ("docs/logo.png", &[0xff, 0xd8]),
    ]);
    let folder = scratch.open().unwrap();
    assert_eq!(paths(&folder), ["a/x.txt", "b.md"]);
    assert_eq!(folder.unreadable, Vec::<String>::new());
}

#[test]
fn no_path_leads_outside_or_to_hidden_files() {
    let scratch =
        Scratch::new(&[("docs/a.md", b"a"), ("docs/.env", b"secret"), ("secret.md", b"secret")]);
    let folder = scratch.open().unwrap();
    assert_eq!(folder.read("a.md").unwrap(), "a");
    assert_eq!(folder.read("./a.md").unwrap(), "a");
    let outside = scratch.0.join("secret.md").display().to_string();
    for path in ["../secret.md", "a/../../secret.md", &outside, "/etc/hostname", "", ".env", "b.md"]
    {
        folder.read(path).unwrap_err();
    }
}

#[cfg(unix)]
#[test]
fn link_that_leads_outside_is_excluded_even_if_added_later() {
    let scratch = Scratch::new(&[("docs/a.md", b"a"), ("docs/b.md", b"b"), ("secret.md", b"s")]);
    std::os::unix::fs::symlink("../secret.md", scratch.0.join("docs/link.md")).unwrap();
    std::os::unix::fs::symlink("gone.md", scratch.0.join("docs/broken.md")).unwrap();
    let folder = scratch.open().unwrap();
    assert_eq!(paths(&folder), ["a.md", "b.md"]);
    assert_eq!(folder.left_out, ["link.md: leads out of the folder"]);
    assert!(folder.unreadable[0].starts_with("broken.md: "));

    fs::remove_file(scratch.0.join("docs/b.md")).unwrap();
    std::os::unix::fs::symlink("../secret.md", scratch.0.join("docs/b.md")).unwrap();
    assert!(matches!(folder.read("b.md"), Err(FolderError::Outside(_))));
}

#[test]
fn folder_without_readable_text_is_refused_with_the_reason() {
    let broken = Scratch::new(&[("docs/a.md", &[0xff, 0xfe])]).open().unwrap_err().to_string();
    assert!(broken.contains("a.md: "), "{broken}");
    let empty = Scratch::new(&[("docs/logo.png", &[0xff])]).open().unwrap_err();
    assert!(matches!(empty, FolderError::Empty(_)));
    let file = Scratch::new(&[("docs", b"")]).open().unwrap_err();
    assert!(matches!(file, FolderError::NotAFolder(_)));
    Scratch::new(&[]).open().unwrap_err();
}
