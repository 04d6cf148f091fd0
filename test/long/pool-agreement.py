"""Spearman of rankPool's worth with scikit-learn's permutation importance of the same stack.

Run: node lib/test/long/pool-agreement.js 20 FOLDER && python test/long/pool-agreement.py FOLDER
"""
import glob
import json
import sys

import numpy as np
from scipy.stats import spearmanr
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

worth, gauss = [], []
for path in sorted(glob.glob(f"{sys.argv[1]}/stack-*.json")):
    stack = json.load(open(path))
    y = np.array(stack["labels"])
    x = np.array(stack["features"]).reshape(len(y), -1)
    n = stack["models"]
    blocks = np.split(np.arange(x.shape[1]), n)
    # a column a model, holding the row whose answer is read: permuting it permutes the model's whole answer
    rows = np.repeat(np.arange(len(y))[:, None], n, axis=1)
    expand = FunctionTransformer(lambda r: np.hstack([x[r[:, i]][:, blocks[i]] for i in range(n)]))
    total = np.zeros(n)
    for first, last in zip(stack["folds"][:-1], stack["folds"][1:]):
        train = np.r_[0:first, last:len(y)]
        head = LogisticRegression(C=1 / (stack["l2"] * len(train)), max_iter=5000, tol=1e-7)
        pipe = make_pipeline(expand, head).fit(rows[train], y[train])
        found = permutation_importance(pipe, rows[first:last], y[first:last], scoring="neg_log_loss", n_repeats=10, random_state=0)
        total += found.importances_mean * (last - first)
    worth.append(spearmanr(total, stack["worth"]).statistic)
    gauss.append(spearmanr(total, stack["gaussNewton"]).statistic)
print(f"{len(worth)} pools, mean Spearman with permutation importance: worth {np.mean(worth):.3f} (least {np.min(worth):.3f}), Gauss-Newton {np.mean(gauss):.3f}")
