"""Steps of the game (W1, W2): NumPy, PyTorch, JAX and Numba.

Projection 'exact' (by sorting, or by Michelot's rule in Numba) or 'clip' (clip and renormalise). JAX has two forms, all games in
lockstep and one game after the other; the faster one is taken. H is [trials, n, n, n], [n, n] where shared, or a factor [trials, n, rank, n].
"""

import time

import numpy as np


def load(library, dtype, message):
    n, trials, storage, rank = (message[k] for k in ("n", "trials", "storage", "rank"))
    data = np.fromfile(message["file"]).astype(dtype)
    start = data[: trials * n * n].reshape(trials, n, n).copy()
    rest = data[trials * n * n :]
    shape = {"dense": (trials, n, n, n), "shared": (n, n), "lowRank": (trials, n, rank, n)}[storage]
    hessian = rest.reshape(shape).copy()
    made = {"numpy": by_numpy, "torch": by_torch, "jax": by_jax, "numba": by_numba}[library]
    return made(start, hessian, storage, message)


def factors(message):
    n, temperature = message["n"], message["temperature"]
    return message["rate"], temperature, -message["alpha"] * 2 * (1 - 1 / n) / temperature


def project_numpy(rows, exact):
    if not exact:
        kept = np.maximum(rows, 0)
        return kept / kept.sum(axis=-1, keepdims=True)
    ordered = -np.sort(-rows, axis=-1)
    excess = (np.cumsum(ordered, axis=-1) - 1) / np.arange(1, rows.shape[-1] + 1, dtype=rows.dtype)
    kept = (ordered > excess).sum(axis=-1, keepdims=True)
    return np.maximum(rows - np.take_along_axis(excess, kept - 1, axis=-1), 0)


def by_numpy(start, hessian, storage, message):
    rate, temperature, scale = factors(message)
    own = np.eye(message["n"], dtype=start.dtype) / message["n"]
    exact = message["projection"] == "exact"

    def pull(delta):
        if storage == "shared":
            return np.matmul(delta, hessian)
        if storage == "dense":
            return np.matmul(hessian, delta[..., None])[..., 0]
        return np.matmul(np.matmul(hessian, delta[..., None])[..., 0][..., None, :], hessian)[..., 0, :]

    def run(steps):
        weights = start
        for _ in range(steps):
            shift = weights.mean(axis=1, keepdims=True)
            mask = 1 / (1 + np.exp(-(weights - shift) / temperature))
            gradient = scale * pull(mask - 1) * mask * (1 - mask) + own
            weights = project_numpy(weights + rate * gradient, exact)
        return weights

    return run


def by_torch(start, hessian, storage, message):
    import torch

    torch.set_num_threads(message["threads"])
    rate, temperature, scale = factors(message)
    own = torch.eye(message["n"], dtype=torch.from_numpy(start).dtype) / message["n"]
    first, h = torch.from_numpy(start), torch.from_numpy(hessian)
    exact = message["projection"] == "exact"
    count = torch.arange(1, message["n"] + 1, dtype=first.dtype)

    def pull(delta):
        if storage == "shared":
            return torch.matmul(delta, h)
        if storage == "dense":
            return torch.matmul(h, delta[..., None])[..., 0]
        return torch.matmul(torch.matmul(h, delta[..., None])[..., 0][..., None, :], h)[..., 0, :]

    def project(rows):
        if not exact:
            kept = rows.clamp(min=0)
            return kept / kept.sum(-1, keepdim=True)
        ordered = torch.sort(rows, -1, descending=True).values
        excess = (ordered.cumsum(-1) - 1) / count
        kept = (ordered > excess).sum(-1, keepdim=True)
        return (rows - torch.gather(excess, -1, kept - 1)).clamp(min=0)

    def run(steps):
        with torch.inference_mode():
            weights = first
            for _ in range(steps):
                mask = torch.sigmoid((weights - weights.mean(1, keepdim=True)) / temperature)
                weights = project(weights + rate * (scale * pull(mask - 1) * mask * (1 - mask) + own))
            return weights.numpy()

    return run


def by_jax(start, hessian, storage, message):
    import jax
    import jax.numpy as jnp

    rate, temperature, scale = factors(message)
    n, exact = message["n"], message["projection"] == "exact"
    own = jnp.eye(n, dtype=start.dtype) / n

    def project(rows):
        if not exact:
            kept = jnp.maximum(rows, 0)
            return kept / kept.sum(-1, keepdims=True)
        ordered = -jnp.sort(-rows, axis=-1)
        excess = (jnp.cumsum(ordered, axis=-1) - 1) / jnp.arange(1, n + 1, dtype=rows.dtype)
        kept = (ordered > excess).sum(-1, keepdims=True)
        return jnp.maximum(rows - jnp.take_along_axis(excess, kept - 1, axis=-1), 0)

    def pull(delta, h):
        if storage == "shared":
            return delta @ h
        if storage == "dense":
            return jnp.einsum("ijk,ik->ij", h, delta)
        return jnp.einsum("irk,ir->ik", h, jnp.einsum("irk,ik->ir", h, delta))

    def game(steps, weights, h):
        def step(_, w):
            mask = jax.nn.sigmoid((w - w.mean(0, keepdims=True)) / temperature)
            return project(w + rate * (scale * pull(mask - 1, h) * mask * (1 - mask) + own))

        return jax.lax.fori_loop(0, steps, step, weights)

    w, h = jnp.asarray(start), jnp.asarray(hessian)
    each = None if storage == "shared" else 0
    together = jax.jit(jax.vmap(game, in_axes=(None, 0, each)))
    if storage == "shared":
        in_turn = jax.jit(lambda s, ws, hs: jax.lax.map(lambda one: game(s, one, hs), ws))
    else:
        in_turn = jax.jit(lambda s, ws, hs: jax.lax.map(lambda one: game(s, *one), (ws, hs)))
    return fastest([lambda steps: np.asarray(together(steps, w, h)), lambda steps: np.asarray(in_turn(steps, w, h))])


def fastest(forms):
    """The form that takes the least processor time for a few steps."""
    best = None
    for form in forms:
        form(3)
        steps = 3
        while True:
            begin = time.process_time()
            form(steps)
            used = time.process_time() - begin
            if used > 0.05:
                break
            steps *= 4
        if best is None or used / steps < best[0]:
            best = (used / steps, form)
    return best[1]


def by_numba(start, hessian, storage, message):
    import numba

    if storage != "dense":
        return by_numpy(start, hessian, storage, message)
    exact = message["projection"] == "exact"
    rate, temperature, scale = factors(message)

    @numba.njit(fastmath=True)
    def run_game(w, h, steps):
        n = w.shape[0]
        mask, g, y = np.empty(n), np.empty(n), np.empty(n)
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
                if not exact:
                    total = 0.0
                    for j in range(n):
                        w[i, j] = max(y[j], 0.0)
                        total += w[i, j]
                    for j in range(n):
                        w[i, j] /= total
                    continue
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

    @numba.njit(parallel=message["threads"] > 1)
    def run_games(w, h, steps):
        for k in numba.prange(w.shape[0]):
            run_game(w[k], h[k], steps)

    def run(steps):
        out = start.copy()
        run_games(out, hessian, steps)
        return out

    run(1)
    return run
