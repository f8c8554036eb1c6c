//! Looking for words in a message, in any case.

/// The pairs of neighbours in a text, whatever their case, as bits by their hash: hundreds of parts are looked
/// for in each message, and nearly all have a pair that it lacks.
pub(super) struct Pairs([u64; Self::WORDS]);

impl Pairs {
    const WORDS: usize = 16;

    pub(super) fn of(text: &str) -> Self {
        let mut pairs = Self::default();
        for pair in beginning(text).windows(2) {
            let (word, bit) = Self::place(pair);
            pairs.0[word] |= bit;
        }
        pairs
    }

    /// Whether a text with these pairs may contain `part`.
    #[inline]
    pub(super) fn may_have(&self, part: &str) -> bool {
        part.as_bytes().windows(2).all(|pair| {
            let (word, bit) = Self::place(pair);
            self.0[word] & bit != 0
        })
    }

    #[inline]
    fn place(pair: &[u8]) -> (usize, u64) {
        // Letters differ in case by this bit. Other characters that share a place are told apart later.
        let [a, b] = [pair[0] | 0x20, pair[1] | 0x20].map(usize::from);
        let place = a.wrapping_mul(37) ^ b;
        (place / 64 % Self::WORDS, 1 << (place % 64))
    }
}

impl Default for Pairs {
    fn default() -> Self {
        Self([0; Self::WORDS])
    }
}

/// The rest of a long text is a quotation.
fn beginning(text: &str) -> &[u8] {
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
