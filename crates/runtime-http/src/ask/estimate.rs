//! The estimated tokens of a request's input.

use memchr::{memchr, memmem};

/// `OpenAI`'s rule of thumb for English text.
const BYTES_PER_TOKEN: u64 = 4;
/// About an image of a megapixel, or a page.
const TOKENS_PER_FILE: u64 = 1_000;
/// A shorter body holds no file that is worth finding.
const SHORTEST: usize = 16 * 1024;
/// What stands before the data of a file: a data URL, or the name of the field.
const MARKS: [&[u8]; 3] = [b";base64,", b"\"data\":", b"\"bytes\":"];

/// One token for four bytes. A file in base64 is not text: it counts as a file.
pub(super) fn tokens(body: &[u8]) -> u64 {
    if body.len() < SHORTEST {
        return len(body).div_ceil(BYTES_PER_TOKEN);
    }
    let (mut bytes, mut files) = (len(body), 0);
    for mark in MARKS {
        for at in memmem::find_iter(body, mark) {
            let data = &body[at + mark.len()..];
            let data = data.trim_ascii_start();
            let data = data.strip_prefix(b"\"").unwrap_or(data);
            let end = memchr(b'"', data).unwrap_or(data.len());
            if end > 1_024 && data[..1_024].iter().all(|byte| is_base64(*byte)) {
                bytes -= len(&data[..end]).min(bytes);
                files += 1;
            }
        }
    }
    bytes.div_ceil(BYTES_PER_TOKEN) + files * TOKENS_PER_FILE
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
