//! Looking for words in a message, in any case.

/// The rest of a long text is a quotation.
pub(super) fn beginning(text: &str) -> &[u8] {
    const LONGEST: usize = 1024;
    &text.as_bytes()[..text.len().min(LONGEST)]
}

/// Whether the beginning of `text` contains `part`, in any case.
pub(super) fn contains(text: &str, part: &str) -> bool {
    let (text, part) = (beginning(text), part.as_bytes());
    let (Some(first), Some(last)) = (part.first(), part.last()) else { return true };
    // Only letters have a second form. The comparison separates the other characters of the bit.
    let alike = |a: u8, b: u8| a | 0x20 == b | 0x20;
    text.windows(part.len()).any(|here| {
        alike(here[0], *first)
            && alike(here[part.len() - 1], *last)
            && here.eq_ignore_ascii_case(part)
    })
}
