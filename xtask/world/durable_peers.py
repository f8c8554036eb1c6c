"""What a step of DBOS costs, and what LangGraph keeps of a conversation of 1,000 turns.

Started by `cargo xtask world durable-peers` with the name of the peer, a folder, and the URL of a Postgres or
nothing. Prints `name = figure`, one per line: µs and bytes.
"""

import os
import random
import statistics
import string
import sys
import time

PEER, FOLDER, POSTGRES = sys.argv[1], sys.argv[2], sys.argv[3]
TURNS, CONTENT, STEPS = 1_000, 600, 300


def content():
    """A text that does not compress."""
    return "".join(random.choices(string.ascii_letters + string.digits, k=CONTENT))


def say(name, figure):
    print(f"{name} = {figure}", flush=True)


def fresh(name):
    path = os.path.join(FOLDER, name)
    for end in ("", "-wal", "-shm"):
        if os.path.exists(path + end):
            os.remove(path + end)
    return path


def database(name):
    """The URL of a new database on the server."""
    import psycopg

    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    return POSTGRES.rsplit("/", 1)[0] + f"/{name}"


def dbos_step(on, url):
    from dbos import DBOS, DBOSConfig

    config: DBOSConfig = {"name": "peers", "system_database_url": url, "run_admin_server": False, "log_level": "ERROR"}
    DBOS(config=config)
    times = []

    @DBOS.step()
    def pay(text):
        return text

    @DBOS.workflow()
    def run():
        for _ in range(STEPS):
            text = content()
            start = time.perf_counter()
            pay(text)
            times.append(time.perf_counter() - start)

    DBOS.launch()
    run()
    DBOS.destroy(destroy_registry=True)
    say(f"dbos {on}: step", statistics.median(times) * 1e6)


def langgraph(on, saver, size):
    import operator
    from typing import Annotated, TypedDict

    from langgraph.graph import END, START, StateGraph

    class State(TypedDict):
        messages: Annotated[list, operator.add]

    graph = StateGraph(State)
    graph.add_node("turn", lambda _: {"messages": [content()]})
    graph.add_edge(START, "turn")
    graph.add_edge("turn", END)
    app = graph.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "talk"}}
    times = []
    for _ in range(TURNS):
        start = time.perf_counter()
        app.invoke({"messages": []}, config)
        times.append(time.perf_counter() - start)
    say(f"langgraph {on}: turn 1,000", statistics.median(times[-50:]) * 1e6)
    say(f"langgraph {on}: bytes of 1,000 turns", size())


def langgraph_sqlite():
    from langgraph.checkpoint.sqlite import SqliteSaver

    path = fresh("langgraph.db")
    with SqliteSaver.from_conn_string(path) as saver:
        langgraph("sqlite", saver, lambda: sum(os.path.getsize(path + end) for end in ("", "-wal") if os.path.exists(path + end)))


def langgraph_postgres():
    import psycopg
    from langgraph.checkpoint.postgres import PostgresSaver

    url = database("langgraph")

    def size():
        with psycopg.connect(url) as connection:
            return connection.execute("select pg_database_size(current_database()) - %s", (empty,)).fetchone()[0]

    empty = 0
    with PostgresSaver.from_conn_string(url) as saver:
        saver.setup()
        empty = size()
        langgraph("postgres", saver, size)


if PEER == "dbos":
    dbos_step("sqlite", "sqlite:///" + fresh("dbos.sqlite"))
    if POSTGRES:
        dbos_step("postgres", database("dbos_peers").replace("postgres://", "postgresql://"))
else:
    langgraph_sqlite()
    if POSTGRES:
        langgraph_postgres()
