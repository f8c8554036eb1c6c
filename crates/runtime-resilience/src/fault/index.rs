//! The rows of a provider that a reply may match, without asking each of them.
//!
//! A row that asks for words can match only if one of them is in the reply: as a whole field, or
//! [in the message](super::lookup). Their rows are marked, and only these are then matched, in their order.

use std::sync::OnceLock;

use super::condition::Wanted;
use super::field::{Reply, ReplyField};
use super::json::Json;
use super::lookup::{Marks, Names, Words};
use super::provider::Provider;
use super::rows;
use super::rule::FaultRule;
use super::search::beginning;

/// The built-in rows of a provider, with their index.
pub(super) struct Index {
    rows: Vec<&'static FaultRule>,
    /// Rows that match without a word: by status, or because a field is there.
    wordless: Marks,
    /// Of rows that ask for a whole field.
    names: Names,
    /// Of rows that ask for a part of the message.
    words: Words,
    /// Of rows that ask for a part of a name, and the place of the first of them.
    parts: (Words, usize),
}

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

impl Index {
    pub(super) fn of(provider: Provider) -> &'static Self {
        static ALL: [OnceLock<Index>; Provider::ALL.len()] =
            [const { OnceLock::new() }; Provider::ALL.len()];
        ALL[provider as usize].get_or_init(|| Self::new(rows::of(provider).collect()))
    }

    fn new(rows: Vec<&'static FaultRule>) -> Self {
        let mut wordless = Marks::default();
        let (mut names, mut words, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for (place, row) in rows.iter().enumerate() {
            let (list, wanted) = match row.wanted() {
                Some(Wanted::Whole(wanted)) if Names::can_have(wanted) => (&mut names, wanted),
                Some(Wanted::Part(wanted)) if Words::can_have(wanted) => (&mut words, wanted),
                Some(Wanted::PartOfName(wanted)) if Words::can_have(wanted) => (&mut parts, wanted),
                _ => {
                    wordless.set(place);
                    continue;
                }
            };
            list.extend(wanted.iter().map(|word| (word.as_bytes(), place)));
        }
        let first = parts.first().map_or(usize::MAX, |(_, place)| *place);
        let parts = (Words::new(parts), first);
        Self { rows, wordless, names: Names::new(names), words: Words::new(words), parts }
    }

    /// The first row that matches, and its place.
    pub(super) fn find<'a, N: Json<'a>>(
        &self,
        reply: &Reply<'a, N>,
        ask: Ask,
    ) -> Option<(usize, &'static FaultRule)> {
        let mut marks = self.wordless;
        if ask != Ask::ByStatus {
            for text in reply.texts() {
                self.names.mark(text.as_bytes(), &mut marks);
            }
            self.words.mark(reply.message.map_or(&[], beginning), &mut marks);
            if let Some(more) = reply.more {
                self.words.mark(beginning(more), &mut marks);
            }
        }
        let found = self.first(marks, reply, ask);
        let (parts, first) = &self.parts;
        // Hardly any reply needs this look at its names.
        if ask == Ask::ByStatus || found.is_some_and(|(place, _)| place < *first) {
            return found;
        }
        let mut marks = Marks::default();
        for name in
            [ReplyField::Code, ReplyField::Type].into_iter().filter_map(|name| name.of(reply))
        {
            parts.mark(name.as_bytes(), &mut marks);
        }
        let named = self.first(marks, reply, ask);
        named.into_iter().chain(found).min_by_key(|(place, _)| *place)
    }

    /// The first of the marked rows that matches, and its place.
    fn first<'a, N: Json<'a>>(
        &self,
        marks: Marks,
        reply: &Reply<'a, N>,
        ask: Ask,
    ) -> Option<(usize, &'static FaultRule)> {
        let mut rows = marks.places().map(|place| (place, self.rows[place]));
        rows.find(|(_, row)| ask.takes(row) && row.matches(reply))
    }
}

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::fault::json::Parsed;

    /// All words that any row asks for.
    fn words() -> Vec<&'static str> {
        let rows = Provider::ALL.iter().flat_map(|provider| rows::of(*provider));
        let mut words: Vec<_> = rows
            .filter_map(FaultRule::wanted)
            .flat_map(|(Wanted::Whole(words) | Wanted::Part(words) | Wanted::PartOfName(words))| {
                words
            })
            .copied()
            .collect();
        words.sort_unstable();
        words.dedup();
        words
    }

    /// The row that the index finds, and that a search through all rows finds.
    fn both(provider: Provider, status: u16, body: &Value) -> [Option<&'static FaultRule>; 2] {
        let reply = Reply::new(provider, status, &(), Parsed::of(body));
        let index = Index::of(provider);
        let found = index.find(&reply, Ask::All).map(|(_, row)| row);
        [found, index.rows.iter().copied().find(|row| row.matches(&reply))]
    }

    #[test]
    fn each_word_finds_the_row_that_a_search_through_all_finds() {
        for &provider in Provider::ALL {
            for word in words() {
                // The pass over a message looks at every second place of it.
                for message in [word.to_owned(), format!("-{word}"), format!("--{word}-")] {
                    let error =
                        json!({"message": message, "code": word, "type": word, "status": word});
                    for body in [json!({"error": {"message": message}}), json!({"error": error})] {
                        let [found, first] = both(provider, 0, &body);
                        assert_eq!(found, first, "{provider}: {body}");
                    }
                }
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
