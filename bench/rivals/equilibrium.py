"""Steps of the game with exact projection, by batched NumPy or by Numba. Answers one line of JSON a command.

Usage: equilibrium.py RIVAL GAMES N TRIALS RATE TEMPERATURE ALPHA. RIVAL: numpy or numba. Commands on stdin: "check STEPS" prints W,
"time STEPS" prints seconds. GAMES holds f64: W0 [trials, n, n], then H [trials, n, n, n].
"""

import json
import os
import sys
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402

rival, path, n, trials, rate, temperature, alpha = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:8])
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


def run_numpy(steps):
    weights = start
    for _ in range(steps):
        weights = step(weights)
    return weights


def numba_runner():
    import numba

    @numba.njit(fastmath=True)
    def run_game(w, h, steps, rate, temperature, scale):
        n = w.shape[0]
        mask, g, y, order = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
        shift = np.empty(n)
        for _ in range(steps):
            shift[:] = 0.0
            for i in range(n):
                for j in range(n):
                    shift[j] += w[i, j]
            for j in range(n):
                shift[j] /= n
            for i in range(n):
                for j in range(n):
                    mask[j] = 1.0 / (1.0 + np.exp(-(w[i, j] - shift[j]) / temperature))
                    y[j] = mask[j] - 1.0
                g[:] = 0.0
                for k in range(n):
                    for j in range(n):
                        g[j] += h[i, k, j] * y[k]
                for j in range(n):
                    g[j] = scale * g[j] * mask[j] * (1.0 - mask[j])
                g[i] += 1.0 / n
                for j in range(n):
                    y[j] = w[i, j] + rate * g[j]
                threshold, kept = (y.sum() - 1.0) / n, n
                while True:
                    total, left = 0.0, 0
                    for j in range(n):
                        if y[j] > threshold:
                            total += y[j]
                            left += 1
                    threshold = (total - 1.0) / left
                    if left >= kept:
                        break
                    kept = left
                for j in range(n):
                    w[i, j] = max(y[j] - threshold, 0.0)

    def run(steps):
        out = start.copy()
        for k in range(trials):
            run_game(out[k], hessian[k], steps, rate, temperature, scale)
        return out

    run(1)
    return run, numba.__version__


run, version = (run_numpy, np.__version__) if rival == "numpy" else numba_runner()
for line in sys.stdin:
    command, steps = line.split()
    if command == "check":
        print(json.dumps({"weights": run(int(steps)).ravel().tolist()}), flush=True)
    else:
        cpu, wall = time.process_time(), time.perf_counter()
        run(int(steps))
        print(json.dumps({"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "version": version}), flush=True)
