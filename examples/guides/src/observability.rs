//! The code of `docs/observability.md`.

use techrevati_runtime::prelude::*;
use techrevati_runtime::report::{self, PageConfig, Timeline};
use techrevati_runtime::sinks::{LogEntry, LogReader};

// What the guide does not show.
use std::path::Path;
use techrevati_runtime::BoxError;

async fn a_run(path: &Path) -> Result<(), BoxError> {
    let log = JsonlSink::open(path)?;
    let run = Orchestrator::new("writer", "draft").event_sink(log.clone());
    run.run(async |session| {
        let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(12, 34));
        session.run_turn(turn, async || Ok::<_, BoxError>("a draft")).await?;
        session.run_tool(ToolCall::new("search"), async || Ok::<_, BoxError>("a fact")).await?;
        Ok(())
    })
    .await
    .result?;
    log.flush()?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "that is what the guide shows")]
fn a_report(path: &Path) -> Result<(), BoxError> {
    let page = path.with_extension("html");

    let log = LogReader::open(path)?.collect::<Result<Vec<_>, _>>()?;
    let timeline = Timeline::read(log.iter().filter_map(LogEntry::event));
    std::fs::write(&page, timeline.html(&PageConfig::default().title("run.jsonl")))?;

    for finding in timeline.findings() {
        println!("event {}: {finding}", finding.event);
    }
    assert_eq!(timeline.lost(), 0);

    let stats = timeline.stats();
    for tool in &stats.tools {
        println!("{}: {} calls, {} failed, p95 {:?}", tool.name, tool.calls, tool.failed, tool.p95);
    }
    println!("{}", report::show::usd(stats.spent.cost_nanousd));

    assert_eq!(stats.spent.output_tokens, 34);
    std::fs::remove_file(page)?;
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    let path = std::env::temp_dir().join(format!("guide-{}.jsonl", std::process::id()));
    a_run(&path).await?;
    let done = a_report(&path);
    std::fs::remove_file(&path)?;
    done
}
