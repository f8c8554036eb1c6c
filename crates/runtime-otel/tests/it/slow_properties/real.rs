//! Real sessions that do random things, and a replay of their log.

use std::collections::HashMap;
use std::future::pending;

use futures_util::FutureExt;
use futures_util::future::join_all;
use opentelemetry::trace::SpanId as OtelSpanId;
use proptest::prelude::*;
use runtime_orchestrator::{BoxError, OrchestrationSession, Turn};
use runtime_otel::OtelConfig;
use runtime_usage::UsageSnapshot;

use crate::live::{block_on, logged, orchestrator};
use crate::replay::{replayed, whole};

#[derive(Clone, Copy, Debug)]
enum Call {
    Turn,
    Recovering,
    Tool,
    Child,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Answer,
    Error,
    /// Polled so often, and then dropped.
    Drop(u8),
}

fn calls() -> impl Strategy<Value = Vec<Vec<(Call, End, u8)>>> {
    let call = prop::sample::select(vec![Call::Turn, Call::Recovering, Call::Tool, Call::Child]);
    let end = prop_oneof![Just(End::Answer), Just(End::Error), (0..3_u8).prop_map(End::Drop)];
    // Those of one list run in parallel.
    let parallel = prop::collection::vec((call, end, 0..3_u8), 1..5);
    prop::collection::vec(parallel, 1..6)
}

async fn body(end: End, yields: u8) -> Result<(), BoxError> {
    for _ in 0..yields {
        tokio::task::yield_now().await;
    }
    match end {
        End::Answer => Ok(()),
        End::Error => Err("status 503: overloaded".into()),
        End::Drop(_) => pending().await,
    }
}

async fn run(session: &OrchestrationSession, call: Call, end: End, yields: u8) {
    let turn = || Turn::model("gpt-5").usage(UsageSnapshot::new(10, 2));
    let work = async {
        match call {
            Call::Turn => {
                let _ = session.run_turn(turn(), || body(end, yields)).await;
            }
            Call::Recovering => {
                let _ = session.run_turn_recovering(turn(), |_| body(end, yields)).await;
            }
            Call::Tool => {
                let _ = session.run_tool("search", || body(end, yields)).await;
            }
            Call::Child => {
                let Ok(child) = session.child("helper") else { return };
                let _ = child.run_tool("search", || body(end, yields)).await;
                let _ = child.finish(body(End::Answer, yields).await);
            }
        }
    };
    match end {
        End::Drop(polls) => {
            let mut work = Box::pin(work);
            for _ in 0..polls {
                if work.as_mut().now_or_never().is_some() {
                    return;
                }
            }
        }
        End::Answer | End::Error => work.await,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn spans_of_real_sessions_are_a_tree_live_and_replayed(lists in calls()) {
        let (rig, log, orchestrator) = orchestrator();
        block_on(async {
            let session = orchestrator.session().unwrap();
            for list in &lists {
                let calls = list.iter().map(|(call, end, yields)| {
                    run(&session, *call, *end, *yields)
                });
                join_all(calls).await;
            }
            drop(session);
        });

        let (spans, stats) = (rig.spans(), rig.sink.stats());
        prop_assert_eq!((stats.open, stats.abandoned, stats.unmatched, stats.refused), (0, 0, 0, 0));
        prop_assert_eq!(stats.begun, spans.len() as u64);
        let by_id: HashMap<_, _> = spans.iter().map(|it| (it.span_context.span_id(), it)).collect();
        prop_assert_eq!(by_id.len(), spans.len());
        let mut roots = 0;
        for span in &spans {
            if span.parent_span_id == OtelSpanId::INVALID {
                roots += 1;
                continue;
            }
            let around = by_id[&span.parent_span_id];
            prop_assert!(around.start_time <= span.start_time);
            prop_assert!(span.end_time <= around.end_time);
        }
        prop_assert_eq!(roots, 1);
        prop_assert_eq!(whole(&replayed(&OtelConfig::default(), &logged(&log))), whole(&spans));
    }
}
