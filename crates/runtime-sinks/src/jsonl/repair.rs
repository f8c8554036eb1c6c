//! [`repair`]: the end of a file that stops in the middle of a line.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use serde::de::IgnoredAny;

use super::medium::{Tail, Torn};

/// How many bytes are searched for the last line break at a time.
const STEP: u64 = 64 * 1024;

/// A longer torn line is cut off without being parsed.
const LONGEST: u64 = 16 << 20;

/// How much of a torn line is quoted.
const QUOTED: u64 = 1024;

/// Makes a file end with a whole line. No other process may be writing to it.
///
/// A last line that lacks only its line break is completed. Any other incomplete line is cut off.
pub(crate) fn repair(file: &mut File) -> io::Result<Tail> {
    let length = file.metadata()?.len();
    let begin = last_line(file, length)?;
    let bytes = length - begin;
    if bytes == 0 {
        return Ok(Tail::Whole);
    }
    if bytes <= LONGEST && is_whole(&read(file, begin, bytes)?) {
        file.seek(SeekFrom::End(0))?;
        file.write_all(b"\n")?;
        return Ok(Tail::Whole);
    }
    let text = String::from_utf8_lossy(&read(file, begin, bytes.min(QUOTED))?).into_owned();
    file.set_len(begin)?;
    Ok(Tail::Cut(Torn { bytes, text }))
}

/// Whether a line is a whole object. An object ends with its last brace.
fn is_whole(line: &[u8]) -> bool {
    line.first() == Some(&b'{') && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// The start of the last line, which is the end of the file if that is a line break.
pub(crate) fn last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let begin = end.saturating_sub(STEP);
        let block = read(file, begin, end - begin)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

fn read(file: &mut File, begin: u64, bytes: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(begin))?;
    let mut block = Vec::new();
    file.take(bytes).read_to_end(&mut block)?;
    Ok(block)
}
