"""Attack the program: files, recipes, edits, faults and kills, from a seed.

    python tests/attack/run.py            # all of it, some 15 minutes on two cores
    python tests/attack/run.py --part files --count 500 --seed 7

Prints what each part saw and every fault; the exit code tells whether there was one.
"""

from __future__ import annotations

import argparse
import time

import attack_actions
import attack_faults
import attack_files
import attack_kills
import attack_recipes

PARTS = {
    "files": (attack_files.main, 5070),
    "actions": (attack_actions.main, 20_000),
    "recipes": (attack_recipes.main, 5000),
    "faults": (attack_faults.main, 150),
    "kills": (attack_kills.main, 200),
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
        attack, count = PARTS[name]
        begin = time.perf_counter()
        print(f"== {name}", flush=True)
        faults[name] = attack(asked.count or count, asked.seed)
        print(
            f"== {name}: {faults[name]} faults, {time.perf_counter() - begin:.0f} s\n",
            flush=True,
        )
    return bool(sum(faults.values()))


if __name__ == "__main__":
    raise SystemExit(main())
