"""Starts the proxy of LiteLLM with models that answer or fail by themselves, and runs a command beside it.

    litellm.py FOLDER PROXY COMMAND...

The command finds the proxy's address in LITELLM_ADDRESS.
"""

import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

# One dollar a million tokens in, and two out.
PRICE = "input_cost_per_token: 0.000001, output_cost_per_token: 0.000002"
ANSWERS = {
    "priced": "The capital of France is Paris.",
    "limited": "litellm.RateLimitError",
    "broken": "litellm.InternalServerError",
    "too-long": "litellm.ContextWindowExceededError",
    "filtered": "Exception: content_filter_policy",
    "breaks": "Exception: mock_streaming_error",
}
PATIENCE = 120


def config():
    lines = ["model_list:"]
    for model, answer in ANSWERS.items():
        parameters = f'model: openai/{model}, api_key: none, mock_response: "{answer}", {PRICE}'
        lines += [f"  - model_name: {model}", f"    litellm_params: {{{parameters}}}"]
    lines += ["general_settings: {dangerously_permit_weak_or_unset_master_key: true}"]
    # The client is to see each failure, not the proxy.
    lines += ["router_settings: {num_retries: 0, disable_cooldowns: true}", ""]
    return "\n".join(lines)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main():
    folder, proxy, command = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    (folder / "config.yaml").write_text(config(), "utf-8")
    port = free_port()
    environment = os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    arguments = ["--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [proxy, *arguments], cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        for _ in range(PATIENCE):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=1)
                break
            except OSError:
                time.sleep(1)
        else:
            sys.exit(f"the proxy does not answer: see {folder / 'log'}")
        environment = os.environ | {"LITELLM_ADDRESS": f"127.0.0.1:{port}"}
        sys.exit(subprocess.call(command, env=environment))
    finally:
        server.terminate()
        server.wait()


main()
