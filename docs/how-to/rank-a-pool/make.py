"""Writes the small files of this folder: the iris flowers, answered by five models that never saw the sample they answer."""
import json

import numpy as np
import pandas as pd
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

x, y = load_iris(return_X_y=True)
shuffled = np.random.default_rng(1).permutation(y)


def answers(model, columns=slice(None), labels=y):
    return cross_val_predict(model, x[:, columns], labels, cv=5, method="predict_proba")


petals = answers(LogisticRegression(max_iter=1000), [2, 3])
np.save("labels.npy", y.astype("u1"))
np.save("petals.npy", petals.astype("f4"))
np.save("sepals.npy", np.asfortranarray(answers(GaussianNB(), [0, 1])))
np.save("tree.npy", answers(DecisionTreeClassifier(max_depth=2, random_state=0)).astype("f2"))
np.save("shuffled.npy", answers(LogisticRegression(max_iter=1000), labels=shuffled).astype(">f8"))
pd.DataFrame(petals, columns=["0", "1", "2"]).assign(id=np.arange(len(y))).to_csv("petals-again.csv", index=False)
np.savetxt("costs.csv", np.array([["petals", 2], ["sepals", 1], ["tree", 1], ["shuffled", 1]]), fmt="%s", delimiter=",", header="model,cost", comments="")

# As lm-evaluation-harness logs a task of multiple choice: one log-likelihood a choice.
for name, p in (("petals", petals), ("sepals", answers(GaussianNB(), [0, 1]))):
    with open(f"lm/{name}/samples_iris_2026-01-01.jsonl", "w") as file:
        for s in range(0, len(y), 2):
            choices = [[[round(float(np.log(max(q, 1e-9))), 4), bool(q == p[s].max())]] for q in p[s]]
            sample = {"doc_id": s, "target": str(y[s]), "resps": choices, "filtered_resps": [c[0] for c in choices], "doc_hash": f"{s:04x}", "acc": float(p[s].argmax() == y[s])}
            file.write(json.dumps(sample) + "\n")

# As promptfoo writes: one result for each test and provider.
results = [
    {"provider": {"id": name, "label": ""}, "testIdx": s, "promptIdx": 0, "success": bool(p[s].argmax() == y[s]), "score": float(p[s].argmax() == y[s]), "cost": cost, "latencyMs": 10}
    for name, p, cost in (("large", petals, 0.002), ("small", answers(GaussianNB(), [0, 1]), 0.0005))
    for s in range(0, len(y), 3)
]
json.dump({"version": 3, "results": {"results": results}}, open("promptfoo.json", "w"))
