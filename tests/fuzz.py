"""Check many random networks: `make fuzz N=10000`.  It shows progress, goes on where it was stopped with the same
code, and keeps what it found.

Network number i is the same on every machine: it is made from the seed i.
"""

import hashlib
import json
import os
import random
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).parent))
STATE = Path("results/fuzz.json")
CHUNK = 50


def check(start: int, stop: int) -> dict[str, object]:
    import numba
    import torch

    from exactness import findings
    from random_networks import random_network

    torch.set_num_threads(1)
    numba.set_num_threads(1)
    warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
    worst: dict[str, float] = {}
    failures = []
    for seed in range(start, stop):
        try:
            for found in findings(*random_network(random.Random(seed)), seed=seed + 1):
                key = f"{found.coding} | {found.simulator} | {found.dtype}"
                worst[key] = max(worst.get(key, 0.0), found.error)
                if not found.holds:
                    failures.append(f"{seed}: {found}")
        except Exception as error:  # a crash is a finding too
            failures.append(f"{seed}: {type(error).__name__}: {error}")
    return {"worst": worst, "failures": failures}


def sources() -> str:
    """A number of the code that is tested and of what tests it."""
    here = Path(__file__).parent
    files = [
        *sorted((here.parent / "src" / "isospike").rglob("*.py")),
        *(here / f"{name}.py" for name in ("exactness", "random_networks", "zoo")),
    ]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def main(total: int) -> int:
    key = sources()
    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    if state.get("sources") != key:  # what other code was found to do says nothing
        state = {"sources": key, "done": [], "worst": {}, "failures": []}
    chunks = [start for start in range(0, total, CHUNK) if start not in state["done"]]
    columns = (
        TextColumn("fuzzing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failures]} failures"),
    )
    with (
        ProcessPoolExecutor(max_workers=int(os.environ.get("WORKERS", os.cpu_count() or 1))) as pool,
        Progress(*columns) as bar,
    ):
        task = bar.add_task(
            "", total=total, completed=min(total, len(state["done"]) * CHUNK), failures=len(state["failures"])
        )
        jobs = {pool.submit(check, start, min(start + CHUNK, total)): start for start in chunks}
        for job in as_completed(jobs):
            found = job.result()
            state["done"].append(jobs[job])
            state["failures"] += found["failures"]
            state["worst"] = {
                key: max(state["worst"].get(key, 0.0), found["worst"].get(key, 0.0))
                for key in {*state["worst"], *found["worst"]}
            }
            STATE.parent.mkdir(exist_ok=True)
            partial = STATE.with_suffix(".partial")
            partial.write_text(json.dumps(state))
            partial.replace(STATE)
            bar.update(task, advance=CHUNK, failures=len(state["failures"]))
    for key in sorted(state["worst"]):
        print(f"{key:45} largest error {state['worst'][key]:.2e} of the largest output")
    print(*state["failures"], sep="\n")
    print(f"{total - len(state['failures'])} passed, {len(state['failures'])} failed")
    return bool(state["failures"])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
