"""One rival: a library in one precision on so many threads. Answers one line of JSON a command.

Usage: serve.py LIBRARY PRECISION THREADS. Commands on stdin: {"do": "load", "workload": ..., sizes}, {"do": "check", "repeats": k} gives the
answer after k repeats, {"do": "time", "repeats": k} gives processor and wall seconds of all k.
"""

import importlib
import json
import os
import sys
import time

library, precision, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = str(threads)
os.environ.pop("OPENBLAS_CORETYPE", None)
if library == "jax":
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'false' if threads == 1 else 'true'} intra_op_parallelism_threads={threads}"
    os.environ["JAX_ENABLE_X64"] = "1" if precision == "f64" else "0"
    os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np  # noqa: E402


def blas():
    """Which BLAS NumPy uses, and what it was told."""
    found = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


run = None
for line in sys.stdin:
    message = json.loads(line)
    if message["do"] == "load":
        message["threads"] = threads
        version = importlib.import_module(library).__version__
        workload = importlib.import_module(message["workload"])
        run = workload.load(library, np.float64 if precision == "f64" else np.float32, message)
        run(1)
        answer = {"version": version, "blas": blas(), "threads": threads}
    elif message["do"] == "check":
        answer = {"answer": np.asarray(run(message["repeats"]), dtype=float).ravel().tolist()}
    else:
        cpu, wall = time.process_time(), time.perf_counter()
        run(message["repeats"])
        answer = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps(answer), flush=True)
