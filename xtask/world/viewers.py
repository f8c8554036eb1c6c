"""Starts a viewer of OpenTelemetry, sends it two runs, and compares what its interface says of them with
what viewers.json says there is.

    viewers.py {phoenix,mlflow} FOLDER SENDER

FOLDER is the viewer's, and is emptied. SENDER is the program of xtask/viewers.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.metadata import version

EXPECTED = json.loads(pathlib.Path(__file__).with_suffix(".json").read_text("utf-8"))
PATIENCE = 180


def fetch(url, body=None, headers=()):
    """The bytes of an answer; POST if there is a body."""
    request = urllib.request.Request(url, body, dict(headers))
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def until(what, attempt):
    """Asks again and again until there is something."""
    started = time.monotonic()
    while time.monotonic() - started < PATIENCE:
        try:
            if found := attempt():
                return found
        except OSError:
            pass
        time.sleep(0.5)
    sys.exit(f"after {PATIENCE} seconds: {what}")


class Phoenix:
    """Arize Phoenix. It takes protobuf only, so the spans are sent while the runs happen."""

    package = "arize-phoenix"
    # It prices tokens by a list of its own, which has our prices.
    QUERY = """{ projects { edges { node { name spans(first: 100) { edges { node {
        spanId parentId name startTime statusCode statusMessage attributes userId
        input { value } output { value } events { name message } costSummary { total { cost } }
        tokenCountPrompt tokenCountCompletion
        cumulativeTokenCountPrompt cumulativeTokenCountCompletion
        trace { traceId session { sessionId } costSummary { total { cost } } }
    } } } } } } }"""

    def __init__(self, folder, port):
        self.url = f"http://127.0.0.1:{port}"
        self.command = [pathlib.Path(sys.executable).with_name("phoenix"), "serve"]
        self.environment = {
            "PHOENIX_WORKING_DIR": str(folder),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(free_port()),
            "PHOENIX_TELEMETRY_ENABLED": "false",
        }

    def is_up(self):
        return fetch(f"{self.url}/healthz") is not None

    def send(self, sender, folder):
        endpoint = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": self.url}
        subprocess.run([sender, "phoenix", folder], env=endpoint, check=True)

    def spans(self):
        body = json.dumps({"query": self.QUERY}).encode()
        answer = json.loads(fetch(f"{self.url}/graphql", body, [("content-type", "application/json")]))
        projects = [edge["node"] for edge in answer["data"]["projects"]["edges"]]
        return [self.read(edge["node"]) for it in projects for edge in it["spans"]["edges"]]

    @staticmethod
    def read(span):
        said = json.loads(span["attributes"])
        llm, tool, trace = said.get("llm", {}), said.get("tool", {}), span["trace"]
        value = lambda of: (span[of] or {}).get("value", "")
        cost = lambda of: ((of["costSummary"] or {}).get("total") or {}).get("cost")
        return {
            "run": trace["traceId"],
            "id": span["spanId"],
            "parent": span["parentId"],
            "name": span["name"],
            "start": span["startTime"],
            "failed": span["statusCode"] == "ERROR",
            "errors": [span["statusMessage"], exceptions(span["events"], "message")],
            "input": text([value("input"), llm.get("input_messages"), tool.get("parameters")]),
            "output": text([value("output"), llm.get("output_messages")]),
            "listed": [value("input"), value("output")],
            "call": tool.get("id"),
            "tokens": [span["tokenCountPrompt"], span["tokenCountCompletion"]],
            "cost": cost(span),
            "user": span["userId"],
            "conversation": (trace["session"] or {}).get("sessionId"),
            "sum": {
                "tokens": [span[f"cumulativeTokenCount{it}"] for it in ("Prompt", "Completion")],
                "cost": cost(trace),
            },
        }


class Mlflow:
    """MLflow. It takes JSON, so it gets the file that `otlp_json` writes."""

    package = "mlflow"

    def __init__(self, folder, port):
        self.url = f"http://127.0.0.1:{port}"
        store = f"sqlite:///{folder}/mlflow.db"
        flags = ["--backend-store-uri", store, "--default-artifact-root", str(folder), "--workers", "1"]
        where = ["--host", "127.0.0.1", "--port", str(port)]
        self.command = [pathlib.Path(sys.executable).with_name("mlflow"), "server", *flags, *where]
        self.environment = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

    def is_up(self):
        return fetch(f"{self.url}/health") is not None

    def send(self, sender, folder):
        subprocess.run([sender, "mlflow", folder], check=True)
        headers = [("content-type", "application/json"), ("x-mlflow-experiment-id", "0")]
        spans = (pathlib.Path(folder) / "run.otlp.json").read_bytes()
        fetch(f"{self.url}/v1/traces", spans, headers)

    def spans(self):
        import mlflow

        client = mlflow.MlflowClient(self.url)
        traces = client.search_traces(locations=["0"])
        return [self.read(trace.info, span) for trace in traces for span in trace.data.spans]

    @staticmethod
    def read(trace, span):
        told, tokens = span.attributes, span.attributes.get("mlflow.chat.tokenUsage") or {}
        events = [{"name": it.name, **it.attributes} for it in span.events]
        total, spent = trace.token_usage or {}, trace.cost or {}
        counts = lambda of: [of.get("input_tokens", 0), of.get("output_tokens", 0)]
        return {
            "run": trace.trace_id,
            "id": span.span_id,
            "parent": span.parent_id,
            "name": span.name,
            "start": span.start_time_ns,
            "failed": span.status.status_code.value == "ERROR",
            "errors": [span.status.description, exceptions(events, "exception.message")],
            # The instructions are among the attributes only.
            "input": text([span.inputs, told.get("gen_ai.system_instructions")]),
            "output": text([span.outputs]),
            "listed": [trace.request_preview, trace.response_preview],
            "call": told.get("gen_ai.tool.call.id"),
            "tokens": counts(tokens),
            "cost": (told.get("mlflow.llm.cost") or {}).get("total_cost"),
            "user": trace.trace_metadata.get("mlflow.trace.user"),
            "conversation": trace.trace_metadata.get("mlflow.trace.session"),
            "sum": {"tokens": counts(total), "cost": spent.get("total_cost")},
        }


def text(values):
    """All that was said, as one text without JSON's marks for letters and quotes."""
    return json.dumps([it for it in values if it], ensure_ascii=False)


def exceptions(events, key):
    return " ".join(it[key] for it in events if it["name"] == "exception")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Comparison:
    """Facts that agree, and those that do not."""

    def __init__(self):
        self.agreeing, self.wrong = 0, []

    def check(self, agrees, what):
        if agrees:
            self.agreeing += 1
        else:
            self.wrong.append(what)

    def close(self, found, expected, what):
        near = found is not None and abs(found - expected) < 1e-9
        self.check(near, f"{what}: {found}, not {expected}")

    def run(self, found, expected):
        found.sort(key=lambda span: (span["start"], span["parent"] or ""))
        roots = [span for span in found if not span["parent"]]
        ordered = depth_first(roots, found)
        names = [span["name"] for span in ordered]
        of = expected["root"]
        self.check(names == [it["name"] for it in expected["spans"]], f"{of}: the spans are {names}")
        for span, wanted in zip(ordered, expected["spans"]):
            parent = wanted.get("parent")
            around = None if parent is None else ordered[parent]["id"]
            self.check(span["parent"] == around, f"{of}: {span['name']} is below {span['parent']}")
            self.span(span, wanted, f"{of}: {span['name']}")
        for root in roots:
            self.root(root, expected, of)

    def root(self, span, expected, of):
        for key in ("user", "conversation", "failed"):
            self.check(span[key] == expected[key], f"{of}: its {key} is {span[key]}")
        self.check(span["listed"][0], f"{of}: a list shows no input")
        if not expected["failed"]:
            self.check(span["listed"][1], f"{of}: a list shows no output")
            self.check(span["sum"]["tokens"] == expected["tokens"], f"{of}: {span['sum']['tokens']} tokens")
            self.close(span["sum"]["cost"], expected["cost"], f"{of}: the cost")

    def span(self, span, wanted, what):
        for of in ("input", "output"):
            for said in wanted.get(of, []):
                self.check(said in span[of], f"{what}: “{said}” is not in its {of}: {span[of]}")
        error = wanted.get("error")
        self.check(span["failed"] == (error is not None), f"{what}: failed is {span['failed']}")
        for told in span["errors"] if error else []:
            self.check(error in (told or ""), f"{what}: its error is “{told}”")
        if "tokens" in wanted:
            self.check(span["tokens"] == wanted["tokens"], f"{what}: {span['tokens']} tokens")
            self.close(span["cost"], wanted["cost"], f"{what}: the cost")
        if "call" in wanted:
            self.check(span["call"] == wanted["call"], f"{what}: the call is {span['call']}")


def depth_first(roots, spans):
    ordered = []
    for root in roots:
        ordered.append(root)
        ordered += depth_first([it for it in spans if it["parent"] == root["id"]], spans)
    return ordered


def compared(viewer):
    """The comparison, once every span is there with its cost."""
    found, comparison = viewer.spans(), Comparison()
    for expected in EXPECTED:
        runs = {it["run"] for it in found if not it["parent"] and it["name"] == expected["root"]}
        comparison.check(len(runs) == 1, f"there are {len(runs)} runs called {expected['root']}")
        comparison.run([it for it in found if it["run"] in runs], expected)
    return comparison


def main():
    kind, folder, sender = sys.argv[1:]
    folder = pathlib.Path(folder).absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    viewer = {"phoenix": Phoenix, "mlflow": Mlflow}[kind](folder, free_port())
    print(f"{viewer.package} {version(viewer.package)} at {viewer.url}", flush=True)
    with open(folder / "server.log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(
            viewer.command, env={**os.environ, **viewer.environment}, stdout=log, stderr=log, cwd=folder
        )
        try:
            until("it does not answer", viewer.is_up)
            viewer.send(sender, str(folder / "run"))
            # Costs are computed a little later.
            deadline = time.monotonic() + 30
            while (comparison := compared(viewer)).wrong and time.monotonic() < deadline:
                time.sleep(1)
        finally:
            server.terminate()
            server.wait(30)
    for wrong in comparison.wrong:
        print(f"  {wrong}")
    print(f"{kind}: {comparison.agreeing} facts agree, {len(comparison.wrong)} do not")
    sys.exit(1 if comparison.wrong else 0)


if __name__ == "__main__":
    main()
