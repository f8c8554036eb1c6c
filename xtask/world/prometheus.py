"""Lets Prometheus scrape the example, and asks it what the dashboard and the alerts of docs/prometheus ask.

    prometheus.py FOLDER EXAMPLE

FOLDER is Prometheus', and is emptied. EXAMPLE is the program that has `/metrics`.
"""

import json
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "prometheus"
CONFIG = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: agents
    static_configs: [{{ targets: ["{target}"] }}]
"""
PATIENCE = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def asked(url, path, **parameters):
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=10) as answer:
        return json.load(answer)["data"]


def queries():
    panels = json.loads((DOCS / "dashboard.json").read_text("utf-8"))["panels"]
    for panel in panels:
        for target in panel["targets"]:
            yield panel["title"], target["expr"].replace("$__rate_interval", "20s")


def silent(url):
    """The queries that have no number to show, and the rules that are not well or not heard."""
    wrong = []
    for title, query in queries():
        values = [float(it["value"][1]) for it in asked(url, "query", query=query)["result"]]
        # A model that was not asked meanwhile has no share and no time.
        if not any(value == value for value in values):
            wrong.append(f"{title}: {query}")
    rules = [rule for group in asked(url, "rules")["groups"] for rule in group["rules"]]
    for rule in rules:
        heard = rule["state"] != "inactive" or rule["name"] == "CostIsHigh"
        if rule["health"] != "ok" or not heard:
            wrong.append(f"{rule['name']} is {rule['health']} and {rule['state']}")
    if len(rules) != 3:
        wrong.append(f"there are {len(rules)} rules")
    return wrong


def main():
    folder, example = pathlib.Path(sys.argv[1]).absolute(), sys.argv[2]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rules = DOCS / "alerts.yml"
    subprocess.run(["promtool", "check", "rules", rules], check=True)
    agents = subprocess.Popen([example, "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    target = urllib.parse.urlparse(agents.stdout.readline().strip()).netloc
    config, address = folder / "prometheus.yml", f"127.0.0.1:{free_port()}"
    config.write_text(CONFIG.format(rules=rules, target=target), "utf-8")
    flags = [f"--config.file={config}", f"--storage.tsdb.path={folder}", f"--web.listen-address={address}"]
    with open(folder / "server.log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(["prometheus", *flags], stdout=log, stderr=log)
        try:
            deadline, wrong = time.monotonic() + PATIENCE, ["it does not answer"]
            while wrong and time.monotonic() < deadline:
                time.sleep(2)
                try:
                    wrong = silent(f"http://{address}")
                except OSError:
                    pass
        finally:
            for process in (server, agents):
                process.terminate()
                process.wait(30)
    for silence in wrong:
        print(f"  {silence}")
    print(f"prometheus: {len(list(queries()))} queries and 3 rules, {len(wrong)} of them silent")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
