"""What a model's cosines must be multiplied by for zero-shot chances to be true: the scale of the highest likelihood.

python benchmarks/classify.py --photos FOLDER --queries queries.jsonl [--model NAME]

Takes the queries of kind `name` as labels, and the pictures that exactly one of them names.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from photoseek.library.embedders.prompts import embed_queries
from photoseek.library.embedders.registry import load_embedder
from photoseek.search.describe import softmax
from photoseek.search.query_embedder import embed_file

SCALES = (5, 10, 15, 20, 25, 30, 40, 60, 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--model", default="mini")
    options = parser.parse_args()
    queries = [json.loads(line) for line in options.queries.read_text(encoding="utf-8").splitlines()]
    named = [query for query in queries if query["kind"] == "name"]
    labels_of: dict[str, list[int]] = defaultdict(list)
    for number, query in enumerate(named):
        for name in query["relevant"]:
            labels_of[name].append(number)
    truth = {name: numbers[0] for name, numbers in sorted(labels_of.items()) if len(numbers) == 1}
    embedder = load_embedder(options.model)
    labels = embed_queries(embedder, [query["query"] for query in named])
    pictures = np.concatenate([embed_file(embedder, options.photos / name) for name in truth])
    cosines = (pictures @ labels.T).astype(np.float64)
    right = np.array(list(truth.values()))
    print(f"{len(right)} pictures, {len(named)} labels, right first: {(cosines.argmax(axis=1) == right).mean():.1%}")
    for scale in SCALES:
        chances = np.stack([softmax(row * scale) for row in cosines])
        loss = -np.log(chances[np.arange(len(right)), right]).mean()
        print(f"scale {scale:3}: log loss {loss:.3f}, mean chance of the first {chances.max(axis=1).mean():.1%}")


if __name__ == "__main__":
    main()
