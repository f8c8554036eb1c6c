//! The program of `README.md`.
#![expect(clippy::print_stdout, reason = "a program shows what there is to see")]
#![expect(dead_code, reason = "its `main` would call OpenAI")]

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::ReqwestService;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequestArgs,
};
use techrevati_runtime::http_layer::Turns;
use techrevati_runtime::prelude::*;

async fn write(config: OpenAIConfig, log: JsonlSink) -> Result<String, BoxError> {
    let prices = PricingTable::new();
    prices.register("gpt-5", ModelPricing::per_million("1.25".parse()?, "10".parse()?))?;
    let orchestrator = Orchestrator::new("writer", "draft")
        .circuit_breaker(CircuitBreaker::new("openai"))
        .pricing(prices)
        .budget(Limit::enforced(Usd::from_dollars(10)))
        .event_sink(log.clone());

    let report = orchestrator
        .run(async |session| {
            // Each call of this client is a turn, and is made again where that helps.
            let service = Turns::of(session).layer(ReqwestService::default());
            let openai = Client::with_config(config).with_http_service(service);
            let request = CreateChatCompletionRequestArgs::default()
                .model("gpt-5")
                .messages([ChatCompletionRequestUserMessage::from("A haiku on breakers").into()])
                .build()?;
            let reply = openai.chat().create(request).await?;
            let draft = reply.choices[0].message.content.as_deref().unwrap_or_default();
            // Your tool goes here.
            let count = async || Ok::<_, BoxError>(draft.split_whitespace().count());
            let words = session.run_tool("count_words", count).await?;
            Ok(format!("{draft} ({words} words)"))
        })
        .await;

    log.flush()?;
    println!("{}", report.summary);
    report.result
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    // The key is in `OPENAI_API_KEY`.
    let answer = write(OpenAIConfig::default(), JsonlSink::open("run.jsonl")?).await?;
    println!("{answer}");
    Ok(())
}

/// Runs it at a provider on this machine.
pub(crate) async fn run() -> Result<(), BoxError> {
    let config = OpenAIConfig::new().with_api_base(crate::clients::provider().await?);
    let path = std::env::temp_dir().join(format!("readme-{}.jsonl", std::process::id()));
    let answer = write(config, JsonlSink::open(&path)?).await?;
    assert_eq!(answer, "Leave it alone. (3 words)");
    assert!(std::fs::read_to_string(&path)?.contains(r#""cost_usd":0.00003125"#));
    Ok(std::fs::remove_file(path)?)
}
