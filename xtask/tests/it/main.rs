//! The command, run as a process.

use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).output().expect("xtask starts")
}

#[test]
fn without_a_task_the_tasks_are_listed() {
    let output = xtask(&[]);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    for task in ["ci", "test", "proptest", "bench", "demo", "tidy", "sizes", "tools"] {
        let lines = text.lines().filter(|line| line.trim_start().starts_with(&format!("{task} ")));
        assert_eq!(lines.count(), 1, "{task} in:\n{text}");
    }
    assert_eq!(xtask(&["help"]).stdout, output.stdout);
    assert_eq!(xtask(&["ci", "--help"]).stdout, output.stdout);
}

#[test]
fn wrong_arguments_are_named_and_exit_with_2() {
    for (arguments, name) in [
        (&["dance"][..], "`dance`"),
        (&["--fast"], "`--fast`"),
        (&["ci", "--fast"], "`--fast`"),
        (&["ci", "dance"], "`dance`"),
        (&["test", "--fast"], "`--fast`"),
        (&["proptest", "--cases", "none"], "`none`"),
        (&["bench", "--fast"], "`--fast`"),
        (&["bench", "ring", "turn"], "`turn`"),
        (&["bench", "--peers", "--fast"], "`--fast`"),
        (&["demo", "--fast"], "`--fast`"),
        (&["tidy", "up"], "`up`"),
        (&["tools", "dance"], "`dance`"),
        (&["help", "me"], "`me`"),
    ] {
        let output = xtask(arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(name), "{arguments:?}: {text}");
    }
}
