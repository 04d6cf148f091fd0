"""W4: a ledger epoch in floating point: a bounded step of every row, ranking, inflation.

The rivals clip and renormalise, which is cheaper than the exact projection; the answer is the same where no weight leaves the simplex,
and that is how the case is drawn.
"""

import numpy as np


def load(library, dtype, message):
    n, epsilon, tau = message["n"], message["epsilon"], message["tau"]
    data = np.fromfile(message["file"])
    weights = data[: n * n].reshape(n, n).astype(dtype)
    steps = data[n * n : 2 * n * n].reshape(n, n).astype(dtype)
    stake = data[2 * n * n :].astype(dtype)
    made = {"numpy": by_numpy, "torch": by_torch, "jax": by_jax, "numba": by_numba}[library]
    call = made(weights, steps, stake, epsilon, tau, message)

    def run(repeats):
        for _ in range(repeats):
            moved, paid = call()
        return np.concatenate([np.asarray(paid).ravel(), np.asarray(moved[0]).ravel(), np.asarray(moved[-1]).ravel()])

    return run


def by_numpy(weights, steps, stake, epsilon, tau, message):
    n = len(stake)
    moved = np.empty_like(weights)

    def call():
        np.subtract(steps, steps.mean(axis=1, keepdims=True), out=moved)
        length = np.sqrt(np.einsum("ij,ij->i", moved, moved))
        np.multiply(moved, np.minimum(1, epsilon / length)[:, None], out=moved)
        np.add(moved, weights, out=moved)
        np.maximum(moved, 0, out=moved)
        np.divide(moved, moved.sum(axis=1, keepdims=True), out=moved)
        ranking = stake @ moved / n
        return moved, stake + tau * ranking / np.sqrt(ranking @ ranking)

    return call


def by_torch(weights, steps, stake, epsilon, tau, message):
    import torch

    torch.set_num_threads(message["threads"])
    w, d, s = torch.from_numpy(weights), torch.from_numpy(steps), torch.from_numpy(stake)
    moved = torch.empty_like(w)

    def call():
        with torch.inference_mode():
            torch.sub(d, d.mean(1, keepdim=True), out=moved)
            length = torch.linalg.vector_norm(moved, dim=1, keepdim=True)
            moved.mul_((epsilon / length).clamp(max=1)).add_(w).clamp_(min=0)
            moved.div_(moved.sum(1, keepdim=True))
            ranking = s @ moved / len(s)
            return moved.numpy(), (s + tau * ranking / ranking.norm()).numpy()

    return call


def by_jax(weights, steps, stake, epsilon, tau, message):
    import jax
    import jax.numpy as jnp

    @jax.jit
    def jitted(w, d, s):
        moved = d - d.mean(1, keepdims=True)
        length = jnp.sqrt((moved * moved).sum(1, keepdims=True))
        moved = jnp.maximum(w + moved * jnp.minimum(1, epsilon / length), 0)
        moved = moved / moved.sum(1, keepdims=True)
        ranking = s @ moved / len(s)
        return moved, s + tau * ranking / jnp.sqrt(ranking @ ranking)

    w, d, s = jnp.asarray(weights), jnp.asarray(steps), jnp.asarray(stake)
    return lambda: tuple(np.asarray(x) for x in jitted(w, d, s))


def by_numba(weights, steps, stake, epsilon, tau, message):
    import numba

    n = len(stake)
    moved, ranking = np.empty_like(weights), np.empty_like(stake)

    @numba.njit(fastmath=True)
    def run(w, d, s, out, rank):
        rank[:] = 0
        for i in range(n):
            mean = 0.0
            for j in range(n):
                mean += d[i, j]
            mean /= n
            square = 0.0
            for j in range(n):
                square += (d[i, j] - mean) ** 2
            share = min(1.0, epsilon / np.sqrt(square))
            total = 0.0
            for j in range(n):
                out[i, j] = max(w[i, j] + share * (d[i, j] - mean), 0.0)
                total += out[i, j]
            for j in range(n):
                out[i, j] /= total
                rank[j] += s[i] * out[i, j]
        square = 0.0
        for j in range(n):
            rank[j] /= n
            square += rank[j] ** 2
        return np.sqrt(square)

    def call():
        norm = run(weights, steps, stake, moved, ranking)
        return moved, stake + tau * ranking / norm

    return call
