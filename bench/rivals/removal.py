"""W3: Gauss-Newton removal scores of a linear head with softmax cross-entropy, in the fastest idiomatic form of each library."""

import numpy as np


def load(library, dtype, message):
    batch, peers, width, outputs = (message[k] for k in ("batch", "peers", "width", "outputs"))
    data = np.fromfile(message["file"])
    count = outputs * peers * width
    weights = np.ascontiguousarray(data[:count].reshape(outputs, peers, width).transpose(1, 2, 0).astype(dtype))
    bias = data[count : count + outputs].astype(dtype)
    responses = data[count + outputs :].reshape(batch, peers, width).astype(dtype)
    made = {"numpy": by_numpy, "torch": by_torch, "jax": by_jax}[library]
    call = made(weights, bias, responses, message)

    def run(repeats):
        for _ in range(repeats):
            scores = call()
        return scores

    return run


def by_numpy(weights, bias, responses, message):
    def call():
        parts = np.matmul(responses.transpose(1, 0, 2), weights)  # [peers, batch, outputs]
        z = bias + parts.sum(axis=0)
        e = np.exp(z - z.max(axis=-1, keepdims=True))
        p = e / e.sum(axis=-1, keepdims=True)
        parts -= np.einsum("bc,ibc->ib", p, parts)[..., None]
        parts *= parts
        return np.einsum("bc,ibc->i", p, parts)

    return call


def by_torch(weights, bias, responses, message):
    import torch

    torch.set_num_threads(message["threads"])
    w, b, f = torch.from_numpy(weights), torch.from_numpy(bias), torch.from_numpy(responses)

    def call():
        with torch.inference_mode():
            parts = torch.bmm(f.transpose(0, 1), w)
            p = torch.softmax(b + parts.sum(0), -1)
            parts -= torch.einsum("bc,ibc->ib", p, parts)[..., None]
            parts.square_()
            return torch.einsum("bc,ibc->i", p, parts).numpy()

    return call


def by_jax(weights, bias, responses, message):
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
