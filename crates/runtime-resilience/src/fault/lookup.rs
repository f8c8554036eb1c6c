//! Words that are looked for together, each in any case, in one look at a text.
//!
//! A few letters stand for a word. What is found may be another one; no word that is there is missed. The rows
//! that are marked are matched anyway.

use super::rows;

/// Several times the number of words, so that most slots have none.
const SLOTS: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 13;

/// Names that are a whole field. Their first and last four letters and their length tell them apart.
pub(super) struct Names(Table);

impl Names {
    /// Whether each of them has four letters.
    pub(super) fn can_have(names: &[&str]) -> bool {
        names.iter().all(|name| name.len() >= 4)
    }

    pub(super) fn new(wanted: Vec<Wanted>) -> Self {
        let mut table = Table::default();
        for (_, ends, rows) in gathered(wanted) {
            table.put(ends.key(), (ends, 0), rows);
        }
        Self(table)
    }

    /// Marks the rows that ask for this text.
    pub(super) fn mark(&self, text: &[u8], marks: &mut Marks) {
        let Some(ends) = Ends::of(text) else { return };
        if let Some(first) = self.0.first(ends.key()) {
            self.0.mark(first, ends.key(), marks, |name| name.ends == ends);
        }
    }
}

/// Words that are a part of a text.
///
/// Each word is known by four of its letters in a row, which few other words have. The pass looks up four
/// letters at every second place of a text. A word may begin at an odd place, so each has four letters for
/// either case.
pub(super) struct Words(Table);

impl Words {
    /// Whether each of them has four letters twice.
    pub(super) fn can_have(words: &[&str]) -> bool {
        words.iter().all(|word| word.len() >= 5)
    }

    pub(super) fn new(wanted: Vec<Wanted>) -> Self {
        let mut crowd = [0_u16; SLOTS];
        for key in wanted.iter().flat_map(|(word, _)| fours(word)) {
            crowd[slot(key)] += 1;
        }
        let mut table = Table::default();
        for (text, ends, rows) in gathered(wanted) {
            for odd in [0, 1] {
                let places = fours(text).enumerate().skip(odd).step_by(2);
                let Some((at, key)) = places.min_by_key(|(_, key)| crowd[slot(*key)]) else {
                    continue;
                };
                table.put(key, (ends, at), rows);
            }
        }
        Self(table)
    }

    /// Marks the rows that ask for a word of this text.
    pub(super) fn mark(&self, text: &[u8], marks: &mut Marks) {
        let mut rest = text;
        while let Some(letters) = rest.first_chunk() {
            let key = four(*letters);
            if let Some(first) = self.0.first(key) {
                let place = text.len() - rest.len();
                self.0.mark(first, key, marks, |word| word.is_in(text, place));
            }
            rest = &rest[2..];
        }
    }
}

/// A word, and the place of a row that asks for it.
pub(super) type Wanted = (&'static [u8], usize);

/// What stands for a word: its first and last four letters, and its length.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ends {
    first: u32,
    last: u32,
    length: usize,
}

impl Ends {
    #[inline]
    fn of(text: &[u8]) -> Option<Self> {
        let [first, last] = [four(*text.first_chunk()?), four(*text.last_chunk()?)];
        Some(Self { first, last, length: text.len() })
    }

    #[inline]
    const fn key(self) -> u32 {
        self.first ^ self.last.rotate_left(16)
    }
}

/// Words by slots.
struct Table {
    words: Vec<Word>,
    slots: Box<[Slot; SLOTS]>,
}

/// The words with the same beginning of their hash.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// The first of them, as its place in `words`, from 1.
    first: u16,
    /// A bit for each, by what follows in their hash: of the letters of a text that come upon a word of other letters
    /// in a slot, hardly any come upon its bit as well.
    bits: u16,
}

struct Word {
    key: u32,
    /// Where the letters of the key begin.
    at: usize,
    ends: Ends,
    /// The next word of the slot.
    next: u16,
    rows: Marks,
}

impl Default for Table {
    #[expect(clippy::large_stack_arrays, reason = "32 kB, once, and an index of it needs no check")]
    fn default() -> Self {
        Self { words: Vec::new(), slots: Box::new([Slot::default(); SLOTS]) }
    }
}

impl Table {
    /// Puts in a word whose key is `at` this place of it.
    fn put(&mut self, key: u32, (ends, at): (Ends, usize), rows: Marks) {
        let slot = &mut self.slots[slot(key)];
        self.words.push(Word { key, at, ends, next: slot.first, rows });
        slot.first = u16::try_from(self.words.len()).unwrap_or_default();
        slot.bits |= bit(key);
    }

    #[inline]
    fn first(&self, key: u32) -> Option<u16> {
        let Slot { first, bits } = self.slots[slot(key)];
        (bits & bit(key) != 0).then_some(first)
    }

    /// Marks the rows of the words of a slot that are there. Apart, so that the loop around it is short.
    #[inline(never)]
    fn mark(&self, mut next: u16, key: u32, marks: &mut Marks, is_there: impl Fn(&Word) -> bool) {
        while let Some(word) = usize::from(next).checked_sub(1).map(|place| &self.words[place]) {
            if word.key == key && is_there(word) {
                marks.add(&word.rows);
            }
            next = word.next;
        }
    }
}

impl Word {
    /// Whether it is in the text, with the letters of its key at `place`.
    fn is_in(&self, text: &[u8], place: usize) -> bool {
        let Some(start) = place.checked_sub(self.at) else { return false };
        let there = text.get(start..).and_then(|text| text.get(..self.ends.length));
        there.and_then(Ends::of) == Some(self.ends)
    }
}

/// Each word once, with the rows that ask for it.
fn gathered(mut wanted: Vec<Wanted>) -> impl Iterator<Item = (&'static [u8], Ends, Marks)> {
    wanted.sort_unstable();
    let mut words: Vec<(&[u8], Marks)> = Vec::new();
    for (word, row) in wanted {
        if words.last().is_none_or(|(last, _)| *last != word) {
            words.push((word, Marks::default()));
        }
        if let Some((_, rows)) = words.last_mut() {
            rows.set(row);
        }
    }
    words.into_iter().filter_map(|(word, rows)| Some((word, Ends::of(word)?, rows)))
}

/// Four letters, whatever their case. Other characters that differ by this bit alone are told apart when the
/// word is compared.
#[inline]
const fn four(letters: [u8; 4]) -> u32 {
    u32::from_le_bytes(letters) | 0x2020_2020
}

fn fours(word: &[u8]) -> impl Iterator<Item = u32> {
    word.windows(4).filter_map(|letters| letters.first_chunk().map(|letters| four(*letters)))
}

#[inline]
const fn hash(key: u32) -> u32 {
    key.wrapping_mul(0x9E37_79B1)
}

#[inline]
const fn slot(key: u32) -> usize {
    (hash(key) >> (u32::BITS - SLOT_BITS)) as usize
}

#[inline]
const fn bit(key: u32) -> u16 {
    1 << (hash(key) >> (u32::BITS - SLOT_BITS - 4) & 15)
}

/// A set of places of rows. It has room for all of them.
#[derive(Clone, Copy, Default)]
pub(super) struct Marks([u64; rows::MOST.div_ceil(64)]);

impl Marks {
    pub(super) fn set(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (mine, other) in self.0.iter_mut().zip(other.0) {
            *mine |= other;
        }
    }

    /// From the lowest.
    pub(super) fn places(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(at, mut bits)| {
            std::iter::from_fn(move || {
                let place = bits.trailing_zeros() as usize;
                bits &= bits.checked_sub(1)?;
                Some(64 * at + place)
            })
        })
    }
}
