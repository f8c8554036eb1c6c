//! Typed answers: what models write around JSON is no part of it, and the JSON is taken as it is.

use runtime_orchestrator::{Attempt, BoxError, Orchestrator, Turn};
use runtime_tools::{
    Agent, AgentError, Chat, InvalidAnswerError, Said, Tool, ToolResult, Toolbox, schema_of,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::run;

/// A model that says one text.
struct Says<'t>(&'t str);

impl Chat for Says<'_> {
    type Message = ();
    type Reply = String;
    type Error = BoxError;

    fn turn(&self, _: &[()]) -> Turn<String> {
        Turn::model("gpt-5")
    }
    async fn ask(&self, _: &[()], _: &Attempt) -> Result<String, BoxError> {
        Ok(self.0.to_owned())
    }
    fn read(&self, reply: &String) -> Said {
        Said::new(reply, Vec::new())
    }
    fn reply(&self, _: String) {}
    fn results(&self, _: Vec<ToolResult>) -> Vec<()> {
        Vec::new()
    }
    fn correction(&self, _: &InvalidAnswerError) {}
}

fn read<A: DeserializeOwned>(text: &str) -> Result<A, String> {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let toolbox = Toolbox::new();
    let mut agent = Agent::new(&session, &toolbox).corrections(0);
    match run(agent.run_typed(&Says(text), &mut vec![()])) {
        Ok(answer) => Ok(answer),
        Err(AgentError::Answer(invalid)) => Err(invalid.problem),
        Err(error) => panic!("{error}"),
    }
}

#[derive(Debug, Deserialize, PartialEq)]
struct Answer {
    a: u32,
}

const ONE: Answer = Answer { a: 1 };

#[test]
fn wrapping_is_no_part_of_an_answer() {
    let wrapped = [
        r#"{"a":1}"#,
        " \n{\"a\": 1}\n",
        "\u{feff}{\"a\":1}",
        "```json\n{\"a\":1}\n```",
        "```JSON\r\n{\"a\":1}\r\n```\n",
        "```\n{\"a\":1}\n```",
        r#"```json {"a":1} ```"#,
        r#"```json{"a":1}```"#,
        r#"```{"a":1}```"#,
        // The block is cut behind the answer.
        "```json\n{\"a\":1}",
        "Here is the JSON:\n```json\n{\"a\":1}\n```\nLet me know!",
        "I ran:\n```sh\nls {a,b}\n```\nand so:\n```json\n{\"a\":1}\n```",
        r#"Sure! {"a":1}"#,
        r#"{"a":1} I hope that helps."#,
        r#"For {name}, see [1]: {"a":1}. Done"#,
        // The same, twice.
        "{\"a\":1}\n```json\n{ \"a\": 1 }\n```",
        "```json\n{\"a\":1}\n```\nAgain: ```{\"a\": 1}```",
        "<think>Is it {\"a\":2}? No.</think>\n\n{\"a\":1}",
        "<think>\n</think>\n```json\n{\"a\":1}\n```",
        "Perhaps {\"a\":2}?\n</think>\n{\"a\":1}",
        "<thinking>one</thinking>{\"a\":1}",
        "[THINK]one[/THINK]{\"a\":1}",
        // Others are no answers.
        "```json\n{\"b\":2}\n```\n```json\n{\"a\":1}\n```",
    ];
    for text in wrapped {
        assert_eq!(read::<Answer>(text), Ok(ONE), "{text}");
    }
    assert_eq!(read::<Vec<u32>>("```json\n[1, 2]\n```"), Ok(vec![1, 2]));
    assert_eq!(read::<Vec<u32>>("Here: ```json [1, 2] ```"), Ok(vec![1, 2]));
    assert_eq!(read::<bool>("```\ntrue\n```"), Ok(true));
    assert_eq!(read::<String>("```json\n\"yes\"\n```"), Ok("yes".to_owned()));
}

#[test]
fn what_is_not_clear_is_asked_for_again() {
    let unclear = [
        r#"{"a":1} or {"a":2}"#,
        "```json\n{\"a\":1}\n```\nNo, wait:\n```json\n{\"a\":2}\n```",
        // A part of what is cut or broken would be another answer.
        r#"{"b": {"a":1}"#,
        r#"{"b": {"a":1},}"#,
        r#"So: {"b": {"a":1}, "c": "#,
        "```json\n{\"b\": {\"a\":1},}\n```",
        r#"[{"a":1}"#,
        // The model is still thinking.
        r#"<think>Is it {"a":1}"#,
        // A citation, and not the fields of the answer.
        "According to [1], nobody knows.",
        r#"{"a":1,}"#,
        r"{'a':1}",
        "{\"a\":1 // one\n}",
        "I cannot say.",
        "",
    ];
    for text in unclear {
        assert!(read::<Answer>(text).is_err(), "{text}");
    }
    assert!(read::<Vec<u32>>("According to [1], nobody knows.").is_err());
    let several = read::<Answer>(r#"{"a":1} or {"a":2}"#).unwrap_err();
    assert_eq!(several, "the text has several that fit; write one, and nothing else");
    // Each says what is wrong with the answer, and not with its wrapping.
    let missing = "missing field `a` at line 1 column 7";
    for text in [r#"{"b":1}"#, r#"```json {"b":1} ```"#, r#"So: {"b":1}"#] {
        assert_eq!(read::<Answer>(text).unwrap_err(), missing, "{text}");
    }
}

#[test]
fn tags_and_fences_in_the_texts_of_an_answer_are_its_own() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Code {
        code: String,
    }
    let code = "<think>```rust\nfn f() {}\n```</think> }{";
    let json = json!({ "code": code }).to_string();
    let wrapped = [
        json.clone(),
        format!("```json\n{json}\n```"),
        format!("```{json}```"),
        format!("<think>hm</think>{json}"),
        format!("<think>hm</think>So: {json}."),
    ];
    for text in wrapped {
        assert_eq!(read(&text), Ok(Code { code: code.to_owned() }), "{text}");
    }
}

#[derive(Debug, Deserialize, PartialEq, schemars::JsonSchema)]
struct Node {
    name: String,
    #[serde(default)]
    below: Vec<Self>,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Tree {
    #[expect(dead_code, reason = "only its schema is read")]
    root: Node,
}

#[test]
fn type_that_contains_itself_refers_to_itself() {
    let node = schema_of::<Node>();
    assert_eq!(node["type"], "object");
    assert_eq!(node["properties"]["below"]["items"], json!({ "$ref": "#" }));
    let tree = schema_of::<Tree>();
    let node = &tree["$defs"]["Node"];
    assert_eq!(
        tree["properties"]["root"]["properties"]["below"]["items"],
        json!({ "$ref": "#/$defs/Node" })
    );
    assert_eq!(node["properties"]["below"]["items"], json!({ "$ref": "#/$defs/Node" }));

    // Each provider gets a schema of its own as the root, so both lead somewhere.
    let grow = Tool::new("grow", "", async |_: Node| Ok::<_, BoxError>(()));
    let plant = Tool::new("plant", "", async |_: Tree| Ok::<_, BoxError>(()));
    assert!(Toolbox::new().with_all([grow, plant]).is_ok());

    let said = r#"```json {"name":"a","below":[{"name":"b","below":[{"name":"c"}]}]} ```"#;
    let answer = read::<Node>(said).unwrap();
    assert_eq!(answer.below[0].below[0].name, "c");
    let wrong = read::<Node>(r#"{"name":"a","below":[{"name":"b","below":[{"name":3}]}]}"#);
    assert!(wrong.unwrap_err().starts_with("below[0].below[0].name: invalid type: integer `3`"));
}
