//! The grammar of the price keys of genai-prices, such as `cache_text_write_1h_mtok`.

use crate::kind::TokenKind;

/// The meaning of a price key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) kind: TokenKind,
    /// The number of words that narrow the meaning down. The more words, the more specific the key.
    pub(super) qualifiers: usize,
}

impl Field {
    /// Returns `None` if the key is not the price of a [`TokenKind`]. There is no kind for images, video,
    /// tools, citations and cached audio.
    pub(super) fn parse(key: &str) -> Option<Self> {
        let words = key.strip_suffix("_mtok")?;
        let (first, rest) = words.split_once('_').unwrap_or((words, ""));
        let kept = rest.split('_').filter(|word| !word.is_empty() && *word != "text");
        let kind = match (first, &*kept.collect::<Vec<_>>()) {
            ("input", []) => TokenKind::Input,
            ("input", ["audio"]) => TokenKind::InputAudio,
            ("output", []) => TokenKind::Output,
            ("output", ["audio"]) => TokenKind::OutputAudio,
            ("output", ["reasoning"]) => TokenKind::Reasoning,
            ("cache", ["read"]) => TokenKind::CacheRead,
            ("cache", ["write"] | ["write", "5m"]) => TokenKind::CacheWrite,
            ("cache", ["write", "1h"]) => TokenKind::CacheWrite1h,
            _ => return None,
        };
        Some(Self { kind, qualifiers: rest.split('_').count() - usize::from(rest.is_empty()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn price_key_is_parsed_into_kind_and_qualifiers() {
        let field = |kind, qualifiers| Some(Field { kind, qualifiers });
        for (key, expected) in [
            ("input_mtok", field(TokenKind::Input, 0)),
            ("input_text_mtok", field(TokenKind::Input, 1)),
            ("input_audio_mtok", field(TokenKind::InputAudio, 1)),
            ("output_mtok", field(TokenKind::Output, 0)),
            ("output_text_reasoning_mtok", field(TokenKind::Reasoning, 2)),
            ("cache_read_mtok", field(TokenKind::CacheRead, 1)),
            ("cache_write_5m_mtok", field(TokenKind::CacheWrite, 2)),
            ("cache_text_write_1h_mtok", field(TokenKind::CacheWrite1h, 3)),
            ("cache_audio_read_mtok", None),
            ("input_image_mtok", None),
            ("input_tool_mtok", None),
            ("web_searches_kcount", None),
            ("_mtok", None),
            ("mtok", None),
        ] {
            assert_eq!(Field::parse(key), expected, "{key}");
        }
    }
}
