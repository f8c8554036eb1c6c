"""The cost of a turn of the Python original, by how many turns its session has made.

Prints `TURN NANOSECONDS`, a line for each, and stops when it has taken the seconds it was given: a turn adds up
the costs of all turns before it.
"""

import sys
import time

from techrevati.runtime import (
    CircuitBreaker,
    Orchestrator,
    UsageSnapshot,
    ModelPricing,
    register_pricing,
)

SECONDS = float(sys.argv[1])
POINTS = [int(point) for point in sys.argv[2:]]
USAGE = UsageSnapshot(input_tokens=1_000, output_tokens=200)


class Ring:
    """Keeps as much as the sinks of the other side: sixteen entries."""

    def __init__(self):
        self.kept = []

    def emit(self, event):
        self.kept = self.kept[-15:] + [event]

    def record(self, *entry):
        self.kept = self.kept[-15:] + [entry]


def orchestrator():
    return Orchestrator(
        role="writer",
        phase="draft",
        project_id=42,
        circuit_breaker=CircuitBreaker("openai"),
        budget_usd=8e6,
        enforce_budget=True,
        max_iterations=10**9,
        event_sink=Ring(),
        usage_sink=Ring(),
    )


def turns(session, count):
    for _ in range(count):
        session.run_turn(lambda: 1, model="m", usage=USAGE)


def at(point):
    """The nanoseconds of a turn after this many."""
    took = []
    # Early turns are short, so they are measured in several sessions.
    for _ in range(max(1, min(101, 10_000 // point))):
        with orchestrator().session() as session:
            turns(session, point)
            before = time.perf_counter_ns()
            turns(session, 10)
            took.append((time.perf_counter_ns() - before) / 10)
    return sorted(took)[len(took) // 2]


register_pricing("m", ModelPricing(3.0, 15.0))
began = time.monotonic()
for point in POINTS:
    left = SECONDS - (time.monotonic() - began)
    took = at(point)
    print(point, took, flush=True)
    # All turns up to the next one.
    if took * point * 5 / 1e9 > left:
        break
