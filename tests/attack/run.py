"""Attack the program: files, recipes, edits, faults and kills, from a seed.

    python tests/attack/run.py            # all of it, some 15 minutes on two cores
    python tests/attack/run.py --part files --count 500 --seed 7

Prints what each part saw and every fault; the exit code tells whether there was one.
"""

from __future__ import annotations

import argparse
import time
from importlib import import_module

PARTS = {
    "files": 5070,
    "actions": 20_000,
    "recipes": 5000,
    "faults": 150,
    "kills": 200,
    "runs": 10,
}


def main() -> int:
    """Run the parts that are asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--count", type=int, help="how many cases, of each part")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    faults = {}
    for name in asked.part or PARTS:
        # Each by itself: what is killed begins by loading this module again.
        attack = import_module(f"attack_{name}").main
        begin = time.perf_counter()
        print(f"== {name}", flush=True)
        faults[name] = attack(asked.count or PARTS[name], asked.seed)
        print(
            f"== {name}: {faults[name]} faults, {time.perf_counter() - begin:.0f} s\n",
            flush=True,
        )
    return bool(sum(faults.values()))


if __name__ == "__main__":
    raise SystemExit(main())
