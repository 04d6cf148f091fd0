"""Figure 4's loop as batched NumPy: all trials in one array, exact projection by sorting. Answers one line of JSON a command.

Usage: equilibrium.py GAMES N TRIALS RATE TEMPERATURE ALPHA. Commands on stdin: "check STEPS" prints W, "time STEPS" prints seconds.
GAMES holds f64: W0 [trials, n, n], then H [trials, n, n, n].
"""

import json
import os
import sys
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, sys.argv[7] if len(sys.argv) > 7 else "1")

import numpy as np  # noqa: E402

path, n, trials, rate, temperature, alpha = sys.argv[1], *map(float, sys.argv[2:7])
n, trials = int(n), int(trials)
data = np.fromfile(path)
start = data[: trials * n * n].reshape(trials, n, n)
hessian = data[trials * n * n :].reshape(trials, n, n, n)
count = np.arange(1, n + 1)
own = np.eye(n) / n
scale = -alpha * 2 * (1 - 1 / n) / temperature


def project(rows):
    ordered = -np.sort(-rows, axis=-1)
    excess = (np.cumsum(ordered, axis=-1) - 1) / count
    kept = (ordered > excess).sum(axis=-1, keepdims=True)
    return np.maximum(rows - np.take_along_axis(excess, kept - 1, axis=-1), 0)


def step(weights):
    shift = weights.mean(axis=1, keepdims=True)
    mask = 1 / (1 + np.exp(-(weights - shift) / temperature))
    pulled = np.matmul(hessian, (mask - 1)[..., None])[..., 0]
    return project(weights + rate * (scale * pulled * mask * (1 - mask) + own))


def run(steps):
    weights = start
    for _ in range(steps):
        weights = step(weights)
    return weights


for line in sys.stdin:
    command, steps = line.split()
    if command == "check":
        print(json.dumps({"weights": run(int(steps)).ravel().tolist()}), flush=True)
    else:
        cpu, wall = time.process_time(), time.perf_counter()
        run(int(steps))
        print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "numpy": np.__version__}), flush=True)
