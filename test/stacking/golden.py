"""Writes golden.json: heads that scikit-learn fits to a small problem. Run by hand: python test/stacking/golden.py > test/stacking/golden.json"""
import json, math
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression, Ridge

N, D, L2 = 60, 6, 0.03
x = np.array([[math.sin(1.7 * s + 2.3 * d + 0.1 * s * d) for d in range(D)] for s in range(N)])
y = np.array([(s * s + s // 7) % 3 for s in range(N)])
w = np.array([0.5 + (s % 4) / 2 for s in range(N)])
t = np.array([math.cos(0.9 * s) for s in range(N)])
x = x - np.average(x, axis=0, weights=w)


def rows(coefficients, intercepts):
    """[D + 1][outputs], the layout of fitHeads; intercepts of a softmax are fixed up to a constant, taken here with mean 0."""
    b = np.asarray(intercepts).reshape(-1)
    b = b - b.mean() if b.size > 1 else b
    return np.vstack([np.asarray(coefficients).reshape(b.size, D).T, b]).tolist()


def logistic(labels, columns, weights):
    model = LogisticRegression(C=1 / (L2 * weights.sum()), tol=1e-14, max_iter=100000, solver="newton-cholesky")
    part = np.zeros((N, D)); part[:, columns] = x[:, columns]
    model.fit(part, labels, sample_weight=weights)
    return rows(model.coef_, model.intercept_)


every = list(range(D))
ridge = Ridge(alpha=L2 * w.sum(), tol=1e-14).fit(x, t, sample_weight=w)
print(json.dumps({
    "sklearn": sklearn.__version__, "samples": N, "width": D, "l2": L2,
    "softmax": logistic(y, every, w),
    "softmaxWithoutModel1": logistic(y, [0, 1, 4, 5], w),
    "binary": logistic((y > 0).astype(int), every, w),
    "ridge": rows(ridge.coef_, ridge.intercept_),
}, indent=1))
