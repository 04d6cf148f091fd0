"""Gauss-Newton removal scores of a linear head with softmax cross-entropy, in the fastest idiomatic form of each library found.

Usage: removal.py THREADS LIBRARY PRECISION with LIBRARY numpy, torch or jax and PRECISION f64 or f32. Commands on stdin, answers one line
of JSON each: "load FILE BATCH PEERS WIDTH OUTPUTS" reads f64 numbers (weights [outputs, peers * width], bias, responses), "check" prints
scores, "time REPEATS" prints the best processor and wall seconds of one call.
"""

import json
import os
import sys
import time

threads, library, precision = sys.argv[1:4]
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = threads
if library == "jax":
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'false' if threads == '1' else 'true'} intra_op_parallelism_threads={threads}"
    os.environ["JAX_ENABLE_X64"] = "1" if precision == "f64" else "0"

import numpy as np  # noqa: E402


def numpy_call(weights, bias, responses):
    parts = np.matmul(responses.transpose(1, 0, 2), weights)  # [peers, batch, outputs]
    z = bias + parts.sum(axis=0)
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    parts -= np.einsum("bc,ibc->ib", p, parts)[..., None]
    parts *= parts
    return np.einsum("bc,ibc->i", p, parts)


def make(weights, bias, responses):
    """A function of no arguments that gives scores as a NumPy array."""
    if library == "numpy":
        return lambda: numpy_call(weights, bias, responses)
    if library == "torch":
        import torch

        torch.set_num_threads(int(threads))
        w, b, f = torch.from_numpy(weights), torch.from_numpy(bias), torch.from_numpy(responses)

        def call():
            with torch.inference_mode():
                parts = torch.bmm(f.transpose(0, 1), w)
                p = torch.softmax(b + parts.sum(0), -1)
                parts -= torch.einsum("bc,ibc->ib", p, parts)[..., None]
                parts.square_()
                return torch.einsum("bc,ibc->i", p, parts).numpy()

        return call
    import jax
    import jax.numpy as jnp

    @jax.jit
    def jitted(w, b, f):
        parts = jnp.einsum("bid,idc->ibc", f, w)
        p = jax.nn.softmax(b + parts.sum(0), -1)
        centred = parts - jnp.einsum("bc,ibc->ib", p, parts)[..., None]
        return jnp.einsum("bc,ibc->i", p, centred * centred)

    w, b, f = jnp.asarray(weights), jnp.asarray(bias), jnp.asarray(responses)
    return lambda: np.asarray(jitted(w, b, f))


call = None
version = __import__(library).__version__
for line in sys.stdin:
    command, *rest = line.split()
    if command == "load":
        batch, peers, width, outputs = map(int, rest[1:])
        data = np.fromfile(rest[0])
        dtype = np.float64 if precision == "f64" else np.float32
        count = outputs * peers * width
        weights = np.ascontiguousarray(data[:count].reshape(outputs, peers, width).transpose(1, 2, 0).astype(dtype))
        bias = data[count : count + outputs].astype(dtype)
        responses = data[count + outputs :].reshape(batch, peers, width).astype(dtype)
        call = make(weights, bias, responses)
        call()
        print(json.dumps({"version": version}), flush=True)
    elif command == "check":
        print(json.dumps({"scores": call().astype(float).tolist()}), flush=True)
    else:
        best = {"wall": float("inf"), "cpu": float("inf")}
        for _ in range(int(rest[0])):
            cpu, wall = time.process_time(), time.perf_counter()
            call()
            best["wall"] = min(best["wall"], time.perf_counter() - wall)
            best["cpu"] = min(best["cpu"], time.process_time() - cpu)
        print(json.dumps(best), flush=True)
