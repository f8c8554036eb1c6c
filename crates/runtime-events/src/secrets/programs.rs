//! Whether a word is said to a program.

use super::bytes::is_of_token;
use super::shapes::FAR;

/// Programs, the command that they are given, their option, and whether a blank may stand behind it.
pub(super) type Row = (&'static str, &'static str, &'static [u8], bool);

/// Whether what stands here is said to one of these programs, in the same command.
pub(super) fn is_of(text: &[u8], start: usize, (programs, command, ..): &Row) -> bool {
    let before = &text[start.saturating_sub(FAR)..start];
    let from = before.iter().rposition(|byte| b"\n|;&".contains(byte)).map_or(0, |at| at + 1);
    let has = |words: &str| {
        let mut said = before[from..].split(|&byte| !is_of_token(byte));
        said.any(|word| words.split_ascii_whitespace().any(|known| known.as_bytes() == word))
    };
    // A message of IRC begins with a colon.
    let before_word = before.strip_suffix(b":").unwrap_or(before);
    before_word.last().is_some_and(u8::is_ascii_whitespace)
        && (programs.is_empty() || has(programs))
        && (command.is_empty() || has(command))
}
