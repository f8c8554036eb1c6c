"""Three replicas of LiteLLM's router with Redis beside three processes of a fleet, on the same load.

    fleet_peers.py FLEET_TRIAL

Each replica has 32 tasks, whose calls take 150 ms and cost $0.0003, until $1 is spent; then it calls for 20 seconds
against 600 requests a minute. Printed are the commands that Redis got for each call, what was spent or called beyond
the limit, and what a call took beyond its 150 ms. A refused call is tried again after 50 ms, and what it asks of Redis
counts, too. Ours must not be over, nor ask for more than is promised.
"""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time

# This folder has a script of the name of a package.
sys.path.pop(0)

REPLICAS, TASKS = 3, 32
BUDGET, COST, THOUGHT = 1.0, 0.0003, 0.15
PER_MINUTE, SECONDS, PATIENCE = 600, 20, 60
ENOUGH = 10_000_000
# What a connection says for itself.
OWN = {"hello", "client|setinfo", "client|setname", "info", "ping", "select", "subscribe", "function|load"}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A Redis of its own."""

    def __enter__(self):
        self.port, self.folder = free_port(), tempfile.TemporaryDirectory()
        arguments = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        quiet = subprocess.DEVNULL
        arguments += ["--dir", self.folder.name]
        self.server = subprocess.Popen(arguments, stdout=quiet, stderr=quiet)
        import redis

        self.client = redis.Redis(port=self.port)
        for _ in range(100):
            try:
                self.client.ping()
                return self
            except redis.ConnectionError:
                time.sleep(0.05)
        raise SystemExit("there is no redis-server here")

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()
        self.folder.cleanup()

    def commands(self):
        """What clients have asked for: a function counts once, whatever it does inside."""
        entries = self.client.info("commandstats").items()
        counts = {name.removeprefix("cmdstat_"): entry["calls"] for name, entry in entries}
        if "fcall" in counts:
            return counts["fcall"]
        return sum(count for name, count in counts.items() if name not in OWN)


def run(command):
    """Runs the replicas. Returns how late each call was, in microseconds, and the commands that Redis got."""
    with Server() as server:
        arguments = [str(it).replace("{port}", str(server.port)) for it in command]
        start = lambda: subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        replicas = [start() for _ in range(REPLICAS)]
        late = [int(word) for it in replicas for word in it.communicate()[0].split()]
        if any(replica.returncode for replica in replicas):
            raise SystemExit(f"{arguments} failed")
        return sorted(late), server.commands()


def router(kind, port):
    import litellm

    litellm.suppress_debug_info = True
    price = COST / 30  # A mocked answer has ten tokens and twenty.
    parameters = {
        "model": "openai/mocked",
        "api_key": "none",
        "mock_response": "an answer",
        "input_cost_per_token": price,
        "output_cost_per_token": price,
    }
    shared = {"redis_host": "127.0.0.1", "redis_port": port, "redis_password": ""}
    budget = {"provider_budget_config": {"openai": {"budget_limit": BUDGET, "time_period": "1d"}}}
    limit = {"optional_pre_call_checks": ["enforce_model_rate_limits"]}
    options = {"alone": {}, "budget": shared | budget, "limit": shared | limit}[kind]
    if kind == "limit":
        parameters["rpm"] = PER_MINUTE
    models = [{"model_name": "m", "litellm_params": parameters}]
    return litellm.Router(model_list=models, num_retries=0, disable_cooldowns=True, **options)


async def replica(kind, port):
    own = router(kind, port)
    ask = [{"role": "user", "content": "a question"}]
    late, calls = [], {"mock_delay": THOUGHT}
    # What is loaded by the first call is not measured.
    await own.acompletion(model="m", messages=ask)
    await asyncio.sleep(3)
    end = time.monotonic() + (SECONDS if kind != "budget" else PATIENCE)

    async def task():
        while time.monotonic() < end:
            begun = time.monotonic()
            try:
                await own.acompletion(model="m", messages=ask, **calls)
            except Exception:
                if kind == "budget":
                    return
                await asyncio.sleep(0.05)
                continue
            late.append(max(0, int((time.monotonic() - begun - THOUGHT) * 1e6)))

    await asyncio.gather(*(task() for _ in range(TASKS)))
    print(*late, flush=True)
    # A background task of the router may not end when it is cancelled, and the loop would wait for it.
    os._exit(0)


def row(name, late, commands, over):
    p50, p99 = (late[int(len(late) * part)] / 1e3 for part in (0.5, 0.99))
    each = commands / len(late)
    print(f"| {name} | {len(late)} | {each:.2f} | {over} | {p50:.1f} ms | {p99:.1f} ms |", flush=True)
    return each


def main():
    trial = sys.argv[1]

    def ours(kind, per_minute=ENOUGH, seconds=PATIENCE):
        numbers = [per_minute, int(THOUGHT * 1e3), seconds]
        return run([trial, "replica", "redis://127.0.0.1:{port}", kind, *numbers])

    def theirs(kind):
        return run([sys.executable, __file__, "--replica", kind, "{port}"])

    def spent(late, first=0):
        over = (len(late) + first) * COST - BUDGET
        return f"${max(0, over):.4f}"

    def called(late):
        return str(max(0, len(late) - PER_MINUTE))

    print("| three replicas | calls | commands of Redis a call | over the limit | late, p50 | p99 |")
    print("|---|---|---|---|---|---|")
    late, commands = theirs("alone")
    row("LiteLLM, nothing shared", late, 0, "-")
    late, commands = theirs("budget")
    row("LiteLLM, `provider_budget_config`", late, commands, spent(late, REPLICAS))
    # Its minutes are those of the clock, and the run is to be within one.
    if time.localtime().tm_sec > 25:
        time.sleep(61 - time.localtime().tm_sec)
    late, commands = theirs("limit")
    row("LiteLLM, `enforce_model_rate_limits`", late, commands, called(late))
    late, commands = ours("alone", seconds=SECONDS)
    row("ours, nothing shared", late, 0, "-")
    wrong = []
    for kind, most in (("enforced", 0.5), ("strict", 1.5)):
        late, commands = ours(kind)
        over = spent(late)
        each = row(f"ours, {kind}", late, commands, over)
        wrong += [f"{kind}: {over} over"] if over != "$0.0000" else []
        wrong += [f"{kind}: {each:.2f} commands a call"] if each > most else []
    late, commands = ours("recorded", PER_MINUTE, SECONDS)
    row("ours, a limit", late, commands, called(late))
    wrong += ["a limit: over"] if called(late) != "0" else []
    if wrong:
        raise SystemExit("; ".join(wrong))


if __name__ == "__main__":
    if sys.argv[1] == "--replica":
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        asyncio.run(replica(sys.argv[2], int(sys.argv[3])))
    else:
        main()
