//! Selecting a route.

use std::hint::black_box;

use criterion::Criterion;
use runtime_resilience::{Demand, FaultScope, Route, Routes, TriedRoutes};

fn four() -> [Route; 4] {
    ["openai", "azure", "anthropic", "gemini"].map(|provider| Route::new(provider, "model"))
}

pub(crate) fn select(c: &mut Criterion) {
    let kinds = [
        ("ordered", Routes::ordered(four())),
        ("weighted", Routes::weighted(four())),
        ("round_robin", Routes::round_robin(four())),
        ("least_loaded", Routes::least_loaded(four())),
    ];
    let none = TriedRoutes::default();
    for (name, routes) in kinds {
        c.bench_function(&format!("route/select_{name}"), |b| {
            b.iter(|| routes.select(black_box(&none), Demand::default()).is_ok());
        });
    }

    let routes = Routes::ordered(four());
    let mut tried = TriedRoutes::default();
    routes.iter().take(2).for_each(|route| tried.add(route));
    routes.rest(&four()[2], FaultScope::Model, std::time::Duration::from_secs(86_400));
    c.bench_function("route/select_the_last_of_four", |b| {
        b.iter(|| routes.select(black_box(&tried), Demand::default()).is_ok());
    });
    tried.add(&four()[3]);
    c.bench_function("route/select_none", |b| {
        b.iter(|| routes.select(black_box(&tried), Demand::default()).is_err());
    });
}
