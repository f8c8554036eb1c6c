//! Whole lines into a writer that may fail half-way.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

/// Collects lines of JSON and writes them out, each byte exactly once and in order.
///
/// A write that fails may have taken any part of what it was given. The rest is kept, and the next
/// write goes on at that very byte, so that no line is torn and none is glued to another. While
/// the writer goes on failing, lines are kept up to a limit; beyond it they are refused whole.
#[derive(Debug)]
pub(crate) struct LineWriter<W: Write> {
    inner: W,
    /// What `inner` has not taken yet. Ends with a line break, unless it is empty.
    pending: Vec<u8>,
    /// Written out once this much is pending.
    threshold: usize,
}

/// How much may be pending while the writer fails, beyond the threshold.
const BACKLOG: usize = 1 << 20;

impl<W: Write> LineWriter<W> {
    pub(crate) const fn new(inner: W, threshold: usize) -> Self {
        Self { inner, pending: Vec::new(), threshold }
    }

    pub(crate) const fn set_threshold(&mut self, threshold: usize) {
        self.threshold = threshold;
    }

    /// Begins on a new line, whatever was written by others before.
    pub(crate) fn break_line(&mut self) {
        self.pending.push(b'\n');
    }

    /// Takes one line, and writes out if enough is pending.
    ///
    /// An error means that the line was refused, or that it is kept but could not be written yet.
    pub(crate) fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        if self.pending.len() > self.threshold.saturating_add(BACKLOG) {
            self.write_out()?;
        }
        let begin = self.pending.len();
        if let Err(error) = serde_json::to_writer(&mut self.pending, value) {
            self.pending.truncate(begin);
            return Err(error.into());
        }
        self.pending.push(b'\n');
        if self.pending.len() > self.threshold { self.write_out() } else { Ok(()) }
    }

    /// Writes out all that is pending.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.inner.flush()
    }

    fn write_out(&mut self) -> io::Result<()> {
        let mut taken = 0;
        let result = loop {
            if taken == self.pending.len() {
                break Ok(());
            }
            match self.inner.write(&self.pending[taken..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(more) => taken += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.pending.drain(..taken);
        result
    }
}

impl<W: Write> Drop for LineWriter<W> {
    fn drop(&mut self) {
        // Nobody is left to tell. Who wants to know flushes before.
        let _ = self.flush();
    }
}

#[cfg(test)]
mod properties {
    use std::collections::VecDeque;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Does with each write what it is told, and takes everything once it is told no more.
    #[derive(Debug)]
    struct Moody<'a> {
        taken: &'a mut Vec<u8>,
        moods: VecDeque<Mood>,
    }

    #[derive(Clone, Copy, Debug)]
    enum Mood {
        Take(usize),
        Fail,
        Interrupt,
    }

    impl Write for Moody<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let take = match self.moods.pop_front() {
                Some(Mood::Fail) => return Err(ErrorKind::StorageFull.into()),
                Some(Mood::Interrupt) => return Err(ErrorKind::Interrupted.into()),
                Some(Mood::Take(most)) => bytes.len().min(most),
                None => bytes.len(),
            };
            self.taken.extend(&bytes[..take]);
            Ok(take)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn mood() -> impl Strategy<Value = Mood> {
        prop_oneof![
            3 => (0..12_usize).prop_map(Mood::Take),
            2 => Just(Mood::Fail),
            1 => Just(Mood::Interrupt),
        ]
    }

    proptest! {
        #[test]
        fn a_writer_that_fails_half_way_tears_no_line(
            moods in vec(mood(), 0..40),
            threshold in 0..64_usize,
            lines in vec("[a-z]{0,20}", 1..20),
        ) {
            let mut taken = Vec::new();
            let mut writer =
                LineWriter::new(Moody { taken: &mut taken, moods: moods.into() }, threshold);
            for line in &lines {
                // Below the limit of the backlog an error only says that the line waits.
                let _ = writer.line(line);
            }
            writer.inner.moods.clear();
            prop_assert!(writer.flush().is_ok());
            drop(writer);
            let written = String::from_utf8(taken).unwrap();
            let expected: Vec<String> = lines.iter().map(|line| format!("\"{line}\"")).collect();
            prop_assert!(written.ends_with('\n'));
            prop_assert_eq!(written.lines().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn beyond_the_backlog_lines_are_refused_whole_and_later_ones_taken_again() {
        let long = "x".repeat(BACKLOG / 4);
        let mut taken = Vec::new();
        let moods = vec![Mood::Fail; 6].into();
        let mut writer = LineWriter::new(Moody { taken: &mut taken, moods }, 0);
        let kept: Vec<usize> = (0..6)
            .map(|_| {
                assert!(writer.line(&long).is_err());
                writer.pending.len()
            })
            .collect();
        assert_eq!(kept[3], kept[4], "the fifth line was refused");
        assert_eq!(kept[4], kept[5], "the sixth line was refused");
        assert!(writer.line(&"after").is_ok());
        drop(writer);
        let text = String::from_utf8(taken).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[..4].iter().all(|line| line.len() == long.len() + 2));
        assert_eq!(lines[4], "\"after\"");
    }
}
