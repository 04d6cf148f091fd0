"""scikit-learn on the stack of pool-speed-rival.ts: the same heads to the same gradient norm, and permutation importance of every model.

Run: node lib/test/long/pool-speed-rival.js FOLDER && OMP_NUM_THREADS=1 python test/long/pool-speed-rival.py FOLDER [repeats]
The answers are compared first: gradient norm and held-out loss of both sides' heads, by NumPy; then times and rank agreement are printed.
"""
import json
import sys
import time

import numpy as np
from scipy.special import log_softmax
from scipy.stats import spearmanr
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

folder, repeats = sys.argv[1], int((sys.argv + ["5"])[2])
stack = json.load(open(f"{folder}/stack.json"))
y, folds, n, l2 = np.array(stack["labels"]), stack["folds"], stack["models"], stack["l2"]
x = np.load(f"{folder}/features.npy")
blocks = np.split(np.arange(x.shape[1]), n)
classes = y.max() + 1


def gradient_norm(w, b, train):
    p = np.exp(log_softmax(x[train] @ w + b, axis=1))
    p[np.arange(len(train)), y[train]] -= 1
    return max(np.abs(x[train].T @ p / len(train) + l2 * w).max(), np.abs(p.mean(0)).max())


def loss(w, b, test):
    return -log_softmax(x[test] @ w + b, axis=1)[np.arange(len(test)), y[test]].mean()


rows = np.repeat(np.arange(len(y))[:, None], n, axis=1)  # a column a model: the row whose answer is read
expand = FunctionTransformer(lambda r: np.hstack([x[r[:, i]][:, blocks[i]] for i in range(n)]))
fit_time = permute_time = 0.0
norms, losses, total, iterations = [], [], np.zeros(n), []
for first, last in zip(folds[:-1], folds[1:]):
    train, test = np.r_[0:first, last : len(y)], np.arange(first, last)
    head = LogisticRegression(C=1 / (l2 * len(train)), max_iter=100000, tol=1e-6)
    start = time.process_time()
    head.fit(x[train], y[train])
    fit_time += time.process_time() - start
    iterations.append(int(head.n_iter_[0]))
    norms.append(gradient_norm(head.coef_.T, head.intercept_, train))
    losses.append(loss(head.coef_.T, head.intercept_, test))
    if first == 0:
        ours = np.load(f"{folder}/head.npy")
        away = np.abs((ours[:-1] - ours[:-1].mean(1, keepdims=True)) - (head.coef_.T - head.coef_.T.mean(1, keepdims=True))).max()
        print(f"first fold: gradient norm {gradient_norm(ours[:-1], ours[-1], train):.2e} ours, {norms[0]:.2e} theirs; held-out loss {loss(ours[:-1], ours[-1], test):.8f} and {losses[0]:.8f}; weights differ by at most {away:.1e} of {np.abs(ours[:-1]).max():.2f}")
    start = time.process_time()
    found = permutation_importance(make_pipeline(expand, head), rows[test], y[test], scoring="neg_log_loss", n_repeats=repeats, random_state=0)
    permute_time += time.process_time() - start
    total += found.importances_mean * len(test)
mean = np.average(losses, weights=np.diff(folds))
assert max(norms) < 5e-6 and abs(mean - stack["loss"]) < 5e-3 * stack["loss"], (norms, mean, stack["loss"])
theirs, ours = fit_time + permute_time, stack["fit"] + stack["rank"]
print(f"held-out loss {stack['loss']:.8f} ours, {mean:.8f} theirs; their largest gradient norm {max(norms):.2e} in {max(iterations)} iterations")
print(f"processor time: ours fit {stack['fit']:.2f}, measure {stack['rank']:.2f} s; theirs fit {fit_time:.1f}, {repeats} permutations of each model {permute_time:.1f} s; ratio {theirs / ours:.1f} (fits alone {fit_time / stack['fit']:.1f})")
print(f"Spearman of worth and permutation importance {spearmanr(total, stack['worth']).statistic:.3f}")
