//! Runs programs: prints the command, passes its output through, and counts its tests.

use std::env;
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::Error;
use crate::counts::Counts;
use crate::tools;
use crate::workspace;

/// A command line, which prints as a shell reads it.
#[derive(Clone, Debug)]
pub(crate) struct Cmd {
    /// Another program than cargo.
    program: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

impl Cmd {
    /// `cargo` with these arguments, split at blanks.
    pub(crate) fn cargo(words: &str) -> Self {
        let args = words.split_whitespace().map(str::to_owned).collect();
        Self { program: None, args, env: Vec::new() }
    }

    /// Another program.
    pub(crate) fn program(name: impl Into<String>) -> Self {
        Self { program: Some(name.into()), args: Vec::new(), env: Vec::new() }
    }

    /// Adds one argument, unsplit.
    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments, unsplit.
    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn env(mut self, key: &str, value: impl Into<String>) -> Self {
        self.env.push((key.to_owned(), value.into()));
        self
    }

    /// Runs the command and passes its output through.
    pub(crate) fn run(&self) -> Result<(), Error> {
        self.announce();
        let status = self.command().status().map_err(|error| self.unstartable(&error))?;
        if status.success() { Ok(()) } else { Err(self.failed(&status)) }
    }

    /// Runs the command, passes its output through and calls `look` with every line.
    pub(crate) fn stream(&self, mut look: impl FnMut(&str)) -> Result<(), Error> {
        self.announce();
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| self.unstartable(&error))?;
        if let Some(output) = child.stdout.take() {
            let copied = copy_lines(BufReader::new(output), io::stdout(), &mut look);
            copied.map_err(|error| self.unreadable(&error))?;
        }
        let status = child.wait().map_err(|error| self.unreadable(&error))?;
        if status.success() { Ok(()) } else { Err(self.failed(&status)) }
    }

    /// Runs tests and adds up their summaries, also after a failure.
    pub(crate) fn count(&self, counts: &mut Counts) -> Result<(), Error> {
        self.stream(|line| *counts += Counts::from_line(line).unwrap_or_default())
    }

    /// Runs the command silently and returns its output.
    pub(crate) fn read(&self) -> Result<String, Error> {
        let output = self
            .command()
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| self.unstartable(&error))?;
        if !output.status.success() {
            return Err(self.failed(&output.status));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether the command can be started and succeeds.
    pub(crate) fn works(&self) -> bool {
        let silent = self.command().stdout(Stdio::null()).stderr(Stdio::null()).status();
        silent.is_ok_and(|status| status.success())
    }

    fn command(&self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(self.program.as_ref().map_or(cargo, Into::into));
        command.args(&self.args).envs(self.env.iter().cloned()).current_dir(workspace::root());
        // `cargo run` sets variables about xtask that some build scripts watch. Passed on, they would
        // invalidate builds.
        for (key, _value) in env::vars_os() {
            let own = key.to_str().is_some_and(|key| {
                key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_")
            });
            if own {
                command.env_remove(key);
            }
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let installed = [tools::home().join("bin")];
        if let Ok(path) = env::join_paths(installed.into_iter().chain(env::split_paths(&path))) {
            command.env("PATH", path);
        }
        command
    }

    fn announce(&self) {
        println!("$ {self}");
    }

    fn failed(&self, status: &impl Display) -> Error {
        Error::Command { command: self.to_string(), why: status.to_string() }
    }

    fn unstartable(&self, error: &io::Error) -> Error {
        self.failed(&format_args!("cannot be started: {error}"))
    }

    fn unreadable(&self, error: &io::Error) -> Error {
        self.failed(&format_args!("its output cannot be read: {error}"))
    }
}

impl Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in &self.env {
            write!(f, "{key}={} ", quoted(value))?;
        }
        f.write_str(self.program.as_deref().unwrap_or("cargo"))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// A word, quoted for a shell.
fn quoted(word: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || "-_./:=,@%+".contains(char);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Copies line by line, so that the output of a test is seen while it runs.
fn copy_lines(
    mut from: impl BufRead,
    mut to: impl Write,
    look: &mut impl FnMut(&str),
) -> io::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        look(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_shell_reads_it() {
        let cmd =
            Cmd::cargo("bench  --bench").arg("*").arg("it's").env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            cmd.to_string(),
            r"RUSTDOCFLAGS='-D warnings' cargo bench --bench '*' 'it'\''s'"
        );
    }

    #[test]
    fn every_line_is_read_even_if_it_is_not_utf_8() {
        let mut lines = Vec::new();
        let text: &[u8] = b"one\n\xff\nlast";
        let mut copy = Vec::new();
        copy_lines(text, &mut copy, &mut |line: &str| lines.push(line.to_owned())).unwrap();
        assert_eq!(copy, text);
        assert_eq!(lines, ["one", "\u{fffd}", "last"]);
    }
}
