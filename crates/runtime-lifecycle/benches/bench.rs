//! The registry at three sizes, from a small process to a crowded one.

use std::hint::black_box;
use std::sync::{Arc, OnceLock};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use runtime_events::CountingIds;
use runtime_lifecycle::RegistryConfig;
use runtime_lifecycle::{AgentRegistry, AgentStatus, AgentWorker};

/// How many workers of a crowd share a role and phase.
const USUAL: usize = 100;
/// Every worker has a role and phase to itself: as many keys as workers.
const LONE: usize = 1;

/// Few enough inputs to stay in the cache beside what is measured.
const BATCH: BatchSize = BatchSize::NumIterations(500);

fn sizes() -> &'static [usize] {
    let testing = std::env::args().any(|argument| argument == "--test");
    if testing { &[1_000] } else { &[1_000, 100_000, 1_000_000] }
}

struct Crowd {
    registry: AgentRegistry,
    ids: Vec<Arc<str>>,
}

/// A registry of this size, filled when it is first asked for: a million take seconds.
fn crowd(size: usize, sharing: usize) -> &'static Crowd {
    static CROWDS: [[OnceLock<Crowd>; 3]; 2] = [const { [const { OnceLock::new() }; 3] }; 2];
    let place = sizes().iter().position(|&each| each == size).unwrap_or_default();
    CROWDS[usize::from(sharing == LONE)][place].get_or_init(|| {
        let config = RegistryConfig::default().ids(Arc::new(CountingIds::default()));
        let registry = AgentRegistry::with_config(config);
        let create = |n: usize| {
            let (role, phase) = pair(n, sharing);
            let worker = registry.create(role, phase, i64::try_from(n / 10).ok());
            worker.expect("the ids are counted").id().clone()
        };
        let ids = (0..size).map(create).collect();
        Crowd { registry, ids }
    })
}

/// The role and phase of the `n`th worker.
fn pair(n: usize, sharing: usize) -> (String, String) {
    let key = n / sharing;
    (format!("role-{}", key / 10), format!("phase-{}", key % 10))
}

/// Numbers below `size`, in an order that no cache foresees.
fn scattered(size: usize) -> impl Iterator<Item = usize> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % size
    })
}

fn create(c: &mut Criterion) {
    for &size in sizes() {
        c.bench_function(&format!("registry/create/{size}"), |b| {
            let Crowd { registry, .. } = crowd(size, USUAL);
            let (role, phase): (Arc<str>, Arc<str>) = ("writer".into(), "draft".into());
            // Removed again outside the measurement, so that the crowd keeps its size.
            b.iter_batched(
                || (),
                |()| Leaving(registry, registry.create(role.clone(), phase.clone(), Some(7)).ok()),
                BATCH,
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
            let Crowd { registry, ids } = crowd(size, USUAL);
            let mut places = scattered(size);
            b.iter_batched_ref(
                || places.next().map(|place| ids[place].to_string()).unwrap_or_default(),
                |id| registry.get(id),
                BATCH,
            );
        });
    }
}

fn by_role_phase(c: &mut Criterion) {
    for &size in sizes() {
        c.bench_function(&format!("registry/by_role_phase_same/{size}"), |b| {
            let Crowd { registry, .. } = crowd(size, USUAL);
            let (role, phase) = pair(size / 2, USUAL);
            b.iter(|| registry.get_by_role_phase(black_box(&role), black_box(&phase)));
        });
    }
    for (name, sharing) in [("random", USUAL), ("random_lone", LONE)] {
        for &size in sizes() {
            c.bench_function(&format!("registry/by_role_phase_{name}/{size}"), |b| {
                let Crowd { registry, .. } = crowd(size, sharing);
                let mut places = scattered(size);
                b.iter_batched_ref(
                    || pair(places.next().unwrap_or_default(), sharing),
                    |(role, phase)| registry.get_by_role_phase(role, phase),
                    BATCH,
                );
            });
        }
    }
}

fn turnover(c: &mut Criterion) {
    for &size in sizes() {
        c.bench_function(&format!("registry/create_to_completed/{size}"), |b| {
            let Crowd { registry, .. } = crowd(size, USUAL);
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
