//! Routes whose rests are shared.

use std::sync::Arc;
use std::time::Duration;

use runtime_resilience::{FaultScope, Route, Routes};

use crate::support::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn routes_that_are_called_alike_rest_apart() {
    let key = |model: &str, key: &str| Route::new("o", model).key(key);
    let alike = [
        [Route::new("a/b", "c"), Route::new("a", "b/c")],
        [key("m", "k"), Route::new("o", "m (k)")],
        [key("m (k)", "l"), key("m", "k) (l")],
        [Route::new("a%2Fb", "c"), Route::new("a/b", "c")],
    ];
    for [one, other] in alike {
        let mut world = World::new(2);
        let clock = Arc::new(world.clock.clone());
        let of = |member: usize, route: &Route| {
            let routes = Routes::ordered([route.clone()]).with_clock(clock.clone());
            world.members[member].fleet.routes(routes).unwrap()
        };
        let [own, same, others] = [of(0, &one), of(1, &one), of(1, &other)];
        world.ticks(1);
        own.rest(&one, FaultScope::Model, SECOND * 60);
        world.ticks(1);
        let rests = [&same, &others].map(|routes| routes.snapshot()[0].rests.is_some());
        assert_eq!(rests, [true, false], "{one:?}, {other:?}");
    }
}
