//! The part of a conversation that is sent: everything, or less if that was too long.

use serde_json::Value;

use crate::text::cut;
use crate::wire::Message;

/// The first limits for strings and lists in a tool's result. They shrink until the conversation
/// fits.
const STRING_BYTES: usize = 16 << 10;
const LIST_ITEMS: usize = 256;
/// No string is cut below this number of bytes.
const SHORTEST: usize = 120;

/// The length of a conversation in bytes.
pub(crate) fn size(messages: &[Message]) -> usize {
    messages.iter().map(|message| message.text().len()).sum()
}

/// Shortens the results of tools until the conversation has at most `budget` bytes, or no more can
/// be shortened. Messages of users and models are unchanged.
pub(crate) fn fit(messages: &[Message], budget: usize) -> Vec<Message> {
    let mut fitted = messages.to_vec();
    let (mut string, mut items) = (STRING_BYTES, LIST_ITEMS);
    while size(&fitted) > budget && string > SHORTEST {
        (string, items) = (string * 3 / 4, (items * 3 / 4).max(1));
        for message in fitted.iter_mut().filter(|message| message.tool_call_id.is_some()) {
            message.content = message.content.take().map(|text| shorter(text, string, items));
        }
    }
    fitted
}

/// A result that is JSON stays JSON.
fn shorter(text: String, string: usize, items: usize) -> String {
    match serde_json::from_str::<Value>(&text) {
        Ok(mut result) if !result.is_string() => {
            shorten(&mut result, string, items);
            result.to_string()
        }
        _ => shorter_text(text, string),
    }
}

fn shorten(value: &mut Value, string: usize, items: usize) {
    match value {
        Value::String(text) => *text = shorter_text(std::mem::take(text), string),
        Value::Array(list) => {
            list.truncate(items);
            for item in list {
                shorten(item, string, items);
            }
        }
        Value::Object(object) => {
            for (_, value) in object {
                shorten(value, string, items);
            }
        }
        _ => {}
    }
}

/// Cuts at the end of a line if possible, so that the rest can be quoted.
fn shorter_text(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let kept = cut(&text, limit);
    kept.rfind('\n').map_or(kept, |end| &kept[..end]).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn talk() -> Vec<Message> {
        let text = "A line of a document.\n".repeat(200);
        let passages = vec![json!({ "file": "a.md", "text": "x".repeat(400) }); 8];
        vec![
            Message::user("Question: ".repeat(50)),
            Message::tool("1", json!({ "file": "a.md", "text": text }).to_string()),
            Message::tool("2", json!({ "passages": passages }).to_string()),
            Message::tool("3", "error: denied"),
        ]
    }

    #[test]
    fn fitting_context_is_unchanged() {
        assert_eq!(fit(&talk(), size(&talk())), talk());
    }

    #[test]
    fn results_are_shortened_until_the_context_fits() {
        let talk = talk();
        for percent in [90, 75, 56, 42] {
            let budget = size(&talk) * percent / 100;
            let fitted = fit(&talk, budget);
            assert!(size(&fitted) <= budget, "{percent} %: {}", size(&fitted));
            assert_eq!((&fitted[0], &fitted[3]), (&talk[0], &talk[3]));
            let file = serde_json::from_str::<Value>(fitted[1].text()).unwrap();
            assert!(file["text"].as_str().unwrap().ends_with("document."));
            let search = serde_json::from_str::<Value>(fitted[2].text()).unwrap();
            assert!(!search["passages"].as_array().unwrap().is_empty());
        }
    }

    #[test]
    fn context_that_cannot_be_shortened_is_sent() {
        let talk = [Message::user("Question: ".repeat(50))];
        assert_eq!(fit(&talk, 10), talk);
    }
}
