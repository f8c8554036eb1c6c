//! The rows of a provider that a reply may match, found in one pass over its texts.
//!
//! A row that asks for words can match only if one of them is in the reply. Each word is known by four of its
//! letters in a row, which few other words have. The pass looks up every four letters of a text, compares the
//! few words behind them, and marks their rows; only these are then matched, in their order.

use std::sync::OnceLock;

use super::field::Reply;
use super::headers::Headers;
use super::provider::Provider;
use super::rows;
use super::rule::FaultRule;
use super::search::beginning;

/// The built-in rows of a provider, with their index.
pub(super) struct Index {
    rows: Vec<&'static FaultRule>,
    /// Rows that match without a word: by status, or because a field is there.
    wordless: Marks,
    words: Vec<Word>,
    /// The first word of each slot, as its place in `words`, from 1.
    slots: Box<[u16; SLOTS]>,
}

/// Several times the number of words, so that most slots have none.
const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 12;

/// Which rows are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    All,
    /// Those that read more than the status.
    ByFields,
    /// Those that read nothing else.
    ByStatus,
}

impl Ask {
    pub(super) const fn takes(self, row: &FaultRule) -> bool {
        match self {
            Self::All => true,
            Self::ByFields => row.has_conditions(),
            Self::ByStatus => !row.has_conditions(),
        }
    }
}

/// A word that rows ask for.
struct Word {
    text: &'static [u8],
    /// Four of its letters.
    four: u32,
    /// Where they end in the word.
    end: usize,
    /// The next word of the slot.
    next: u16,
    rows: Marks,
}

impl Index {
    pub(super) fn of(provider: Provider) -> &'static Self {
        static ALL: [OnceLock<Index>; Provider::ALL.len()] =
            [const { OnceLock::new() }; Provider::ALL.len()];
        ALL[provider as usize].get_or_init(|| Self::new(rows::of(provider).collect()))
    }

    fn new(rows: Vec<&'static FaultRule>) -> Self {
        let mut wordless = Marks::default();
        let mut wanted: Vec<(&'static [u8], usize)> = Vec::new();
        for (place, row) in rows.iter().enumerate() {
            match row.words() {
                // A shorter word has no four letters.
                Some(words) if words.iter().all(|word| word.len() >= 4) => {
                    wanted.extend(words.iter().map(|word| (word.as_bytes(), place)));
                }
                _ => wordless.set(place),
            }
        }
        wanted.sort_unstable();
        let mut crowd = [0_u16; SLOTS];
        for four in wanted.iter().flat_map(|(word, _)| fours(word)) {
            crowd[slot(four)] += 1;
        }
        let mut index = Self { rows, wordless, words: Vec::new(), slots: Box::new([0; SLOTS]) };
        for same in wanted.chunk_by(|(one, _), (other, _)| one == other) {
            let text = same[0].0;
            let rarest = fours(text).enumerate().min_by_key(|(_, four)| crowd[slot(*four)]);
            let Some((at, four)) = rarest else { continue };
            let mut rows = Marks::default();
            for (_, place) in same {
                rows.set(*place);
            }
            let first = &mut index.slots[slot(four)];
            index.words.push(Word { text, four, end: at + 4, next: *first, rows });
            *first = u16::try_from(index.words.len()).unwrap_or_default();
        }
        index
    }

    /// The first row that matches.
    pub(super) fn find<H: Headers + ?Sized>(
        &self,
        reply: &Reply<'_, H>,
        ask: Ask,
    ) -> Option<&'static FaultRule> {
        let mut marks = self.wordless;
        if ask != Ask::ByStatus {
            for text in reply.texts() {
                self.mark(beginning(text), &mut marks);
            }
        }
        let mut rows = marks.places().map(|place| self.rows[place]);
        rows.find(|row| ask.takes(row) && row.matches(reply))
    }

    /// Marks the rows that ask for a word of this text.
    fn mark(&self, text: &[u8], marks: &mut Marks) {
        let mut four = 0;
        for (at, byte) in text.iter().enumerate() {
            four = push(four, *byte);
            let first = self.slots[slot(four)];
            if first != 0 {
                self.mark_ending(text, at + 1, (four, first), marks);
            }
        }
    }

    /// Marks the rows of the words whose four letters end here. Apart, so that the loop around it is short.
    #[inline(never)]
    fn mark_ending(
        &self,
        text: &[u8],
        end: usize,
        (four, mut next): (u32, u16),
        marks: &mut Marks,
    ) {
        while let Some(word) = usize::from(next).checked_sub(1).map(|place| &self.words[place]) {
            if word.four == four && word.ends(text, end) {
                marks.add(&word.rows);
            }
            next = word.next;
        }
    }
}

impl Word {
    /// Whether it is in the text, with its four letters up to `end`.
    #[inline]
    fn ends(&self, text: &[u8], end: usize) -> bool {
        let Some(start) = end.checked_sub(self.end) else { return false };
        let there = text.get(start..start + self.text.len());
        there.is_some_and(|there| there.eq_ignore_ascii_case(self.text))
    }
}

/// The last four letters, whatever their case. Other characters that differ by this bit alone are told apart
/// when the word is compared.
#[inline]
const fn push(four: u32, byte: u8) -> u32 {
    four << 8 | (byte | 0x20) as u32
}

fn fours(word: &[u8]) -> impl Iterator<Item = u32> {
    word.windows(4).map(|four| four.iter().fold(0, |four, byte| push(four, *byte)))
}

#[inline]
const fn slot(four: u32) -> usize {
    (four.wrapping_mul(0x9E37_79B1) >> (u32::BITS - SLOT_BITS)) as usize
}

/// A set of places of rows.
#[derive(Clone, Copy, Default)]
struct Marks([u64; 4]);

impl Marks {
    fn set(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }

    fn add(&mut self, other: &Self) {
        for (mine, other) in self.0.iter_mut().zip(other.0) {
            *mine |= other;
        }
    }

    /// From the lowest.
    fn places(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(at, mut bits)| {
            std::iter::from_fn(move || {
                let place = bits.trailing_zeros() as usize;
                bits &= bits.checked_sub(1)?;
                Some(64 * at + place)
            })
        })
    }
}

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// All words that any row asks for.
    fn words() -> Vec<&'static str> {
        let rows = Provider::ALL.iter().flat_map(|provider| rows::of(*provider));
        let mut words: Vec<_> =
            rows.flat_map(|row| row.words().unwrap_or_default()).copied().collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    /// The row that the index finds, and that a search through all rows finds.
    fn both(provider: Provider, status: u16, body: &Value) -> [Option<&'static FaultRule>; 2] {
        let reply = Reply::new(provider, status, &(), body);
        let index = Index::of(provider);
        [index.find(&reply, Ask::All), index.rows.iter().copied().find(|row| row.matches(&reply))]
    }

    #[test]
    fn each_word_finds_the_row_that_a_search_through_all_finds() {
        for &provider in Provider::ALL {
            for word in words() {
                let body =
                    json!({"error": {"message": word, "code": word, "type": word, "status": word}});
                let [found, first] = both(provider, 0, &body);
                assert_eq!(found, first, "{provider}: {word}");
            }
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let word = prop::sample::select(words()).prop_map(str::to_owned);
        let word = prop_oneof![word.clone(), word.prop_map(|word| word.to_uppercase())];
        let piece = prop_oneof![3 => word, 1 => "[ -~]{0,12}", 1 => any::<String>()];
        prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.join(" "))
    }

    proptest! {
        #[test]
        fn the_index_and_a_search_through_all_rows_agree(
            provider in prop::sample::select(Provider::ALL),
            status in prop::sample::select(vec![0, 200, 400, 403, 404, 429, 500, 503]),
            (message, code, kind, name) in (text(), text(), text(), text()),
        ) {
            let body = json!({
                "error": {"message": message, "code": code, "type": kind, "status": name},
                "choices": [{"finish_reason": kind}],
            });
            let [found, first] = both(provider, status, &body);
            prop_assert_eq!(found, first);
        }
    }
}
