"""Writes two published price lists, and what their own libraries charge for a grid of turns.

Files below the folder of the first argument: `litellm.json`, `genai.json`, and for each a `.grid.jsonl`
with a turn a line: model, tier, disjoint token counts, cost in dollars or null.
"""

import datetime
import decimal
import json
import os
import pathlib
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
out = pathlib.Path(sys.argv[1])

# input, output, reasoning in it, cache read, cache write
SIZES = [
    (1_000, 100, 0, 0, 0),
    (1_000, 500, 200, 0, 0),
    (20_000, 1_000, 0, 80_000, 0),
    (20_000, 1_000, 0, 0, 30_000),
    (130_000, 2_000, 0, 0, 0),
    (201_000, 2_000, 500, 0, 0),
    (150_000, 2_000, 0, 150_000, 0),
    (300_000, 5_000, 0, 0, 0),
    (600_000, 8_000, 0, 100_000, 0),
]


def usage(size):
    names = ["input_tokens", "output_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens"]
    return dict(zip(names, size))


def plain(value):
    """As `data.json` writes it."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if hasattr(value, "__dict__"):
        return {key.rstrip("_"): plain(item) for key, item in vars(value).items() if item is not None}
    return value


def litellm_grid():
    import litellm
    from litellm.litellm_core_utils.llm_cost_calc.utils import generic_cost_per_token
    from litellm.types.utils import CompletionTokensDetailsWrapper, PromptTokensDetailsWrapper, Usage

    folder = pathlib.Path(litellm.__file__).parent
    text = (folder / "model_prices_and_context_window_backup.json").read_text()
    (out / "litellm.json").write_text(text)
    with (out / "litellm.grid.jsonl").open("w") as grid:
        for model, entry in json.loads(text).items():
            if entry.get("mode") not in ("chat", "completion", "responses", "embedding"):
                continue
            if "input_cost_per_token" not in entry:
                continue
            for tier in ["standard", "flex", "priority"]:
                for size in SIZES:
                    fresh, written, reasoning, read, made = size
                    turn = Usage(
                        prompt_tokens=fresh + read + made,
                        completion_tokens=written,
                        total_tokens=fresh + read + made + written,
                        prompt_tokens_details=PromptTokensDetailsWrapper(
                            cached_tokens=read, cache_creation_tokens=made
                        ),
                        completion_tokens_details=CompletionTokensDetailsWrapper(reasoning_tokens=reasoning),
                        cache_read_input_tokens=read,
                        cache_creation_input_tokens=made,
                    )
                    try:
                        cost = sum(
                            generic_cost_per_token(
                                model=model,
                                usage=turn,
                                custom_llm_provider=entry["litellm_provider"],
                                service_tier=None if tier == "standard" else tier,
                            )
                        )
                    except Exception:
                        cost = None
                    grid.write(json.dumps({"model": model, "tier": tier, "usage": usage(size), "cost": cost}) + "\n")


def genai_grid():
    from genai_prices import Usage, calc_price
    from genai_prices.data import providers

    (out / "genai.json").write_text(json.dumps(plain(providers)))
    with (out / "genai.grid.jsonl").open("w") as grid:
        for provider in providers:
            for model in provider.models:
                for size in SIZES:
                    fresh, written, reasoning, read, made = size
                    turn = Usage(
                        input_tokens=fresh + read + made,
                        output_tokens=written,
                        cache_read_tokens=read,
                        cache_write_tokens=made,
                    )
                    try:
                        cost = float(calc_price(turn, model.id, provider_id=provider.id).total_price)
                    except Exception:
                        cost = None
                    name = f"{provider.id}/{model.id}"
                    line = {"model": name, "tier": "standard", "usage": usage(size), "cost": cost}
                    grid.write(json.dumps(line) + "\n")


litellm_grid()
genai_grid()
(out / "day").write_text(datetime.date.today().isoformat())
