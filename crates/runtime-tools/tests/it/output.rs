//! Results that are more than a text.

use runtime_orchestrator::{BoxError, Orchestrator};
use runtime_tools::{Dialect, Media, Tool, ToolOutput, ToolResult, ToolRunner, ToolUse, Toolbox};
use serde_json::{Value, json};

use crate::run;

/// A tool with everything, beside a text alone.
pub(crate) fn plot() -> Tool {
    Tool::new("plot", "Draws.", async |()| {
        let mut file = Media::link("file:///week.pdf");
        (file.mime_type, file.base64) = (Some("application/pdf".into()), Some("JVBERg==".into()));
        let output = ToolOutput::text("seven days")
            .structured(json!({ "days": 7 }))
            .media(Media::base64("Image/PNG; q=1", "aGk="))
            .media(Media::base64("image/gif", "R0k="))
            .media(Media::base64("audio/wav", "aG8="))
            .media(file)
            .media(Media::link("https://example.com/a.png"));
        Ok::<_, BoxError>(output)
    })
}

fn results(tools: impl IntoIterator<Item = Tool>) -> Vec<ToolResult> {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let toolbox = Toolbox::new().with_all(tools).unwrap();
    let uses = toolbox.tools().iter().map(|tool| ToolUse::new("call_1", tool.name(), json!({})));
    run(ToolRunner::new(&session, &toolbox).run(uses.collect())).unwrap()
}

#[test]
fn program_gets_all_of_an_output() {
    let result = results([plot()]).remove(0);
    assert_eq!((&*result.content, result.structured), ("seven days", Some(json!({ "days": 7 }))));
    assert_eq!(result.media.len(), 5);
    assert_eq!(result.media[3].uri.as_deref(), Some("file:///week.pdf"));
    let shown = format!("{:?}", result.media[0]);
    assert!(shown.contains("Some(4)") && !shown.contains("aGk="), "{shown}");
}

#[test]
fn value_and_text_are_given_as_they_were_returned() {
    let value = |name: &'static str, value: Value| {
        Tool::dynamic(name, "", json!({ "type": "object" }), move |_| {
            let value = value.clone();
            async move { Ok::<_, BoxError>(value) }
        })
    };
    // The last two only look like an output.
    let values = [
        json!("a text"),
        json!({ "days": 7 }),
        json!({ "$tool_output": { "text": 3 } }),
        json!({ "$tool_output": { "text": "a", "media": [] }, "more": 1 }),
    ];
    let names = ["a", "b", "c", "d"];
    let tools = names.into_iter().zip(&values).map(|(name, it)| value(name, it.clone()));
    for (result, value) in results(tools).into_iter().zip(values) {
        match value.as_str() {
            Some(text) => assert_eq!((&*result.content, result.structured), (text, None)),
            None => {
                assert_eq!((result.content, result.structured), (value.to_string(), Some(value)));
            }
        }
        assert!(result.media.is_empty());
    }
    // A text alone is the same to guardrails and journals, however it is returned.
    assert_eq!(serde_json::to_value(ToolOutput::text("a text")).unwrap(), json!("a text"));
}

#[test]
fn model_gets_the_media_that_its_provider_takes() {
    let results = results([plot()]);
    let text = json!({ "role": "tool", "tool_call_id": "call_1", "content": "seven days" });
    assert_eq!(Dialect::OpenAi.results(&results), [text]);
    assert_eq!(
        Dialect::Responses.results(&results)[0]["output"],
        json!([
            { "type": "input_text", "text": "seven days" },
            { "type": "input_image", "image_url": "data:image/png;base64,aGk=" },
            { "type": "input_image", "image_url": "data:image/gif;base64,R0k=" },
            { "type": "input_file", "filename": "call-1-4.pdf",
              "file_data": "data:application/pdf;base64,JVBERg==" },
        ])
    );
    let source =
        |kind: &str, data: &str| json!({ "type": "base64", "media_type": kind, "data": data });
    assert_eq!(
        Dialect::Anthropic.results(&results)[0]["content"][0]["content"],
        json!([
            { "type": "text", "text": "seven days" },
            { "type": "image", "source": source("image/png", "aGk=") },
            { "type": "image", "source": source("image/gif", "R0k=") },
            { "type": "document", "source": source("application/pdf", "JVBERg==") },
        ])
    );
    let gemini = &Dialect::Gemini.results(&results)[0]["parts"][0]["functionResponse"];
    assert_eq!(gemini["response"], json!({ "result": "seven days" }));
    assert_eq!(
        gemini["parts"],
        json!([
            { "inlineData": { "mimeType": "image/png", "data": "aGk=" } },
            { "inlineData": { "mimeType": "application/pdf", "data": "JVBERg==" } },
        ])
    );
    assert_eq!(
        Dialect::Converse.results(&results)[0]["content"][0]["toolResult"]["content"],
        json!([
            { "text": "seven days" },
            { "image": { "format": "png", "source": { "bytes": "aGk=" } } },
            { "image": { "format": "gif", "source": { "bytes": "R0k=" } } },
            { "document": { "format": "pdf", "name": "call-1-4", "source": { "bytes": "JVBERg==" } } },
        ])
    );
}
