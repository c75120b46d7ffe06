"""A driver as the jobs are: `python driver.py WORK ITEM…` prints JSON, a line an outcome, and exits 0, 1 or 3."""

import argparse
import dataclasses
import json
import sys

import workload

from cluster import RayExecutor, Stopped, interruptible

parser = argparse.ArgumentParser()
parser.add_argument("--workers", type=int)
parser.add_argument("--address")
parser.add_argument("work")
parser.add_argument("items", nargs="+")
arguments = parser.parse_args()
failed = False
try:
    with interruptible(), RayExecutor(arguments.workers, arguments.address) as executor:
        print(json.dumps(dataclasses.asdict(executor.resources())), flush=True)
        for outcome in executor.map(getattr(workload, arguments.work), arguments.items):
            failed |= outcome.error is not None
            print(json.dumps(dataclasses.asdict(outcome)), flush=True)
except Stopped as stop:
    print(json.dumps(str(stop)), flush=True)
    sys.exit(3)
sys.exit(1 if failed else 0)
