//! The registry at three sizes, from a small process to a crowded one.

use std::hint::black_box;
use std::sync::{Arc, OnceLock};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use runtime_events::CountingIds;
use runtime_lifecycle::registry::Config;
use runtime_lifecycle::{AgentRegistry, AgentStatus, AgentWorker};

/// Roles per phase: `size / PHASES` roles, so that every worker has a pair of its own.
const PHASES: usize = 100;

fn sizes() -> &'static [usize] {
    let testing = std::env::args().any(|argument| argument == "--test");
    if testing { &[1_000] } else { &[1_000, 100_000, 1_000_000] }
}

/// A registry whose workers all differ in role or phase, and their ids.
struct Crowd {
    registry: AgentRegistry,
    ids: Vec<Arc<str>>,
}

/// The crowd of this size, gathered when it is first asked for: a million take seconds.
fn crowd(size: usize) -> &'static Crowd {
    static CROWDS: [OnceLock<Crowd>; 3] = [const { OnceLock::new() }; 3];
    let place = sizes().iter().position(|&each| each == size).unwrap_or_default();
    CROWDS[place].get_or_init(|| {
        let config = Config::default().ids(Arc::new(CountingIds::default()));
        let registry = AgentRegistry::with_config(config);
        let create = |n: usize| {
            let (role, phase) = pair(n);
            let worker = registry.create(role, phase, i64::try_from(n / 10).ok());
            worker.expect("the ids are counted").id().clone()
        };
        let ids = (0..size).map(create).collect();
        Crowd { registry, ids }
    })
}

fn pair(n: usize) -> (String, String) {
    (format!("role-{}", n / PHASES), format!("phase-{}", n % PHASES))
}

/// Numbers below `size` in an order that no cache foresees: a full-period congruential walk.
fn scattered(size: usize) -> impl Iterator<Item = usize> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % size
    })
}

fn create(c: &mut Criterion) {
    for &size in sizes() {
        c.bench_function(&format!("registry/create/{size}"), |b| {
            let Crowd { registry, .. } = crowd(size);
            let (role, phase): (Arc<str>, Arc<str>) = ("writer".into(), "draft".into());
            // Removed again outside the measurement, so that the crowd keeps its size.
            b.iter_batched(
                || (),
                |()| Leaving(registry, registry.create(role.clone(), phase.clone(), Some(7)).ok()),
                BatchSize::SmallInput,
            );
        });
    }
}

/// Takes its worker out when it is dropped, which criterion does not measure.
struct Leaving<'a>(&'a AgentRegistry, Option<AgentWorker>);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if let Some(worker) = &self.1 {
            self.0.remove(worker.id());
        }
    }
}

fn get(c: &mut Criterion) {
    for &size in sizes() {
        c.bench_function(&format!("registry/get/{size}"), |b| {
            let Crowd { registry, ids } = crowd(size);
            let mut places = scattered(size);
            b.iter_batched_ref(
                || places.next().map(|place| ids[place].to_string()).unwrap_or_default(),
                |id| registry.get(id),
                BatchSize::SmallInput,
            );
        });
    }
}

fn by_role_phase(c: &mut Criterion) {
    for &size in sizes() {
        c.bench_function(&format!("registry/by_role_phase_same/{size}"), |b| {
            let Crowd { registry, .. } = crowd(size);
            let (role, phase) = pair(size / 2);
            b.iter(|| registry.get_by_role_phase(black_box(&role), black_box(&phase)));
        });
    }

    for &size in sizes() {
        c.bench_function(&format!("registry/by_role_phase_random/{size}"), |b| {
            let Crowd { registry, .. } = crowd(size);
            let mut places = scattered(size);
            b.iter_batched_ref(
                || places.next().map(pair).unwrap_or_default(),
                |(role, phase)| registry.get_by_role_phase(role, phase),
                BatchSize::SmallInput,
            );
        });
    }
}

fn turnover(c: &mut Criterion) {
    for &size in sizes() {
        c.bench_function(&format!("registry/create_to_completed/{size}"), |b| {
            let Crowd { registry, .. } = crowd(size);
            let (role, phase): (Arc<str>, Arc<str>) = ("writer".into(), "draft".into());
            b.iter(|| {
                let worker = registry.create(role.clone(), phase.clone(), Some(7)).ok()?;
                for to in [AgentStatus::Initializing, AgentStatus::Running, AgentStatus::Completed]
                {
                    registry.transition(worker.id(), to, None).ok()?;
                }
                Some(worker)
            });
        });
    }
}

criterion_group!(benches, create, get, by_role_phase, turnover);
criterion_main!(benches);
