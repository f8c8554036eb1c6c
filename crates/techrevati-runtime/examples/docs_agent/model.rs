//! The extractive model: it asks for tools, ranks what they return, and quotes it.
//!
//! It is not a language model. Like one, it only knows its conversation, so the agents run
//! unchanged against any other endpoint.

use std::collections::BTreeMap;

use serde_json::json;

use crate::conversation::{Conversation, read_around};
use crate::text::content_words;
use crate::wire::{ChatReply, ChatRequest, Choice, Message, WireUsage};
use crate::{compose, rank};

/// The name of the model in requests and prices.
pub(crate) const NAME: &str = "extractive-1";
/// The number of files that it reads at once when it continues.
const MORE_FILES: usize = 3;

/// Answers a request.
pub(crate) fn reply(request: &ChatRequest) -> ChatReply {
    let message = next_message(&Conversation { request });
    let reason = if message.tool_calls.is_empty() { "stop" } else { "tool_calls" };
    let usage = WireUsage {
        prompt_tokens: request.messages.iter().map(tokens).sum(),
        completion_tokens: tokens(&message),
        prompt_tokens_details: None,
    };
    let choice = Choice { message, finish_reason: Some(reason.into()) };
    ChatReply { model: NAME.into(), choices: vec![choice], usage: Some(usage) }
}

/// The next step follows from the offered tools and their results so far.
fn next_message(talk: &Conversation<'_>) -> Message {
    if talk.request.offers("search") {
        research(talk)
    } else if talk.request.offers("read_file") {
        look_up(talk)
    } else {
        let page = compose::answer(&talk.question(), &talk.notes(), &talk.read());
        Message::assistant(page)
    }
}

/// An editor reads the files in the notes before it writes.
fn look_up(talk: &Conversation<'_>) -> Message {
    let mut places = BTreeMap::new();
    for note in talk.notes() {
        let line = note.line.map_or(1, |line| line as u64);
        let first = places.entry(note.file).or_insert(line);
        *first = line.min(*first);
    }
    if places.is_empty() || !talk.results("read_file").is_empty() {
        return Message::assistant("I am ready.");
    }
    talk.call_each("read_file", places.iter().map(|(file, line)| read_around(file, *line)))
}

/// A researcher lists, searches, reads, tries to save its notes, and hands them in. When told to go
/// on, it searches again with new terms and reads more files.
fn research(talk: &Conversation<'_>) -> Message {
    let question = talk.question();
    if talk.request.offers("list_files") && talk.results("list_files").is_empty() {
        return talk.call("list_files", json!({}));
    }
    let searches = talk.results("search");
    if searches.len() <= talk.encouragements() {
        let read = talk.read();
        let learnt = rank::rank(&question, &read).first().map_or("", |best| &best.passage.heading);
        let query = format!("{question} {learnt}");
        return talk.call("search", json!({ "query": content_words(&query).join(" ") }));
    }
    if talk.last_tool().as_deref() == Some("search") {
        let wanted = if searches.len() == 1 { 1 } else { MORE_FILES };
        let unread = talk.unread(wanted);
        if !unread.is_empty() && !talk.is_foreign() {
            return talk.call_each("read_file", unread);
        }
    }
    let notes = talk.best_notes();
    if talk.request.offers("write_file")
        && talk.results("write_file").is_empty()
        && !notes.is_empty()
    {
        return talk
            .call("write_file", json!({ "path": "notes.md", "content": compose::notes(&notes) }));
    }
    Message::assistant(compose::notes(&notes))
}

/// About four characters are a token, as with many language models.
fn tokens(message: &Message) -> u64 {
    let calls = message.tool_calls.iter().map(|call| call.function.arguments.len() + 16);
    let bytes = message.text().len() + calls.sum::<usize>() + 12;
    bytes.div_ceil(4) as u64
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::notes;
    use crate::wire::Tool;

    fn offered(names: &[&str]) -> Vec<Tool> {
        names.iter().map(|name| Tool::new(name, "", &json!({}), &[])).collect()
    }

    fn next(messages: &[Message], tools: &[&str]) -> Message {
        let request = ChatRequest {
            messages: messages.to_vec(),
            tools: offered(tools),
            ..ChatRequest::default()
        };
        reply(&request).choices.remove(0).message
    }

    /// Plays the agent with these files until the model answers in text. Returns the used tools,
    /// and the text.
    fn play(
        talk: &mut Vec<Message>,
        tools: &[&str],
        files: &BTreeMap<&str, &str>,
    ) -> (Vec<String>, String) {
        let mut used = Vec::new();
        for _ in 0..20 {
            let message = next(talk, tools);
            talk.push(message.clone());
            if message.tool_calls.is_empty() {
                return (used, message.text().into());
            }
            for call in message.tool_calls {
                let arguments = serde_json::from_str::<Value>(&call.function.arguments).unwrap();
                let result = match call.function.name.as_str() {
                    "search" => {
                        let hits = files.keys().map(|file| json!({ "file": file, "line": 3 }));
                        json!({ "passages": hits.collect::<Vec<_>>(), "unknown_words": [] })
                            .to_string()
                    }
                    "read_file" => {
                        let file = arguments["path"].as_str().unwrap();
                        json!({ "file": file, "from_line": 1, "text": files[file] }).to_string()
                    }
                    "write_file" => "error: denied".into(),
                    _ => "{}".into(),
                };
                talk.push(Message::tool(&call.id, result));
                used.push(call.function.name);
            }
        }
        panic!("the model does not come to an end");
    }

    const RESEARCH: &[&str] = &["list_files", "search", "read_file", "write_file"];

    fn files() -> BTreeMap<&'static str, &'static str> {
        [
            ("a.md", "# Breaker\n\nAfter a minute the breaker lets a probe through."),
            ("b.md", "# Budget\n\nThe breaker does not count money.\n\nNothing else."),
        ]
        .into()
    }

    #[test]
    fn model_researches_step_by_step_and_reads_on_when_told() {
        let mut talk =
            vec![Message::system("s"), Message::user("Question: When does the breaker probe?")];
        let (used, text) = play(&mut talk, RESEARCH, &files());
        assert_eq!(used, ["list_files", "search", "read_file", "write_file"]);
        let found = notes::parse(&text);
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!((found[0].file.as_str(), found[0].line), ("a.md", Some(3)));

        talk.push(Message::user("Go on."));
        let (used, text) = play(&mut talk, RESEARCH, &files());
        assert_eq!(used, ["search", "read_file"]);
        assert_eq!(notes::parse(&text)[0], found[0]);
    }

    #[test]
    fn model_reports_that_it_found_nothing() {
        let mut talk = vec![Message::user("Question: banana bread?")];
        let (_, text) = play(&mut talk, RESEARCH, &files());
        assert_eq!(notes::parse(&text), []);
        assert!(text.contains("found nothing"), "{text}");
    }

    #[test]
    fn model_edits_notes_into_quotations_and_admits_gaps() {
        let notes = "- [a.md:3] \"After a minute the breaker lets a probe through.\"";
        let mut talk = vec![Message::user(format!("Question: When?\n\nNotes:\n{notes}"))];
        let (used, _) = play(&mut talk, &["read_file"], &files());
        assert_eq!(used, ["read_file"]);

        talk.push(Message::user("Write the answer now."));
        let page = next(&talk, &[]).text().to_owned();
        assert!(page.starts_with("# When?\n"), "{page}");
        assert!(page.contains("`a.md`, “Breaker”:\n\n> After a minute the breaker lets"), "{page}");
        assert!(page.contains("It is no language model"), "{page}");
    }

    #[test]
    fn model_counts_tokens() {
        let request =
            ChatRequest { messages: vec![Message::user("x".repeat(400))], ..Default::default() };
        let usage = reply(&request).usage.unwrap();
        assert_eq!(usage.prompt_tokens, 103);
        assert!(usage.completion_tokens > 0);
    }
}
