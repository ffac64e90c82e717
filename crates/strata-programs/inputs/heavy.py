"""JSON, classes, dicts, sorting, text and threads: what CPython programs allocate most."""

import ast
import collections
import json
import random
import re
import threading

random.seed(42, version=2)


class Node:
    def __init__(self, key, left, right):
        self.key, self.left, self.right = key, left, right


def tree(low, high):
    if low >= high:
        return None
    middle = (low + high) // 2
    return Node(middle, tree(low, middle), tree(middle + 1, high))


def total(node):
    return 0 if node is None else node.key + total(node.left) + total(node.right)


def documents():
    records = [
        {"id": i, "name": f"name-{i}", "tags": [f"tag-{random.randrange(50)}" for _ in range(i % 6)], "score": i / 7}
        for i in range(12_000)
    ]
    for _ in range(2):
        records = json.loads(json.dumps(records, indent=1))
    return sum(len(record["tags"]) for record in records)


def words():
    counts = collections.Counter()
    index = collections.defaultdict(set)
    for line in range(30_000):
        for _ in range(4):
            word = f"w{random.randrange(8_000)}"
            counts[word] += 1
            index[word].add(line)
    best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]
    return best, sum(len(lines) for lines in index.values())


def syntax():
    source = "\n".join(f"def f{i}(a, b=[{i}, '{i}']):\n    return [x + a for x in b if x > {i}]" for i in range(1_500))
    return sum(1 for _ in ast.walk(ast.parse(source)))


def text():
    joined = " ".join(f"alpha{i} beta{i % 13}" for i in range(40_000))
    return len(re.sub(r"beta(\d+)", r"<\1>", joined)), len(re.findall(r"alpha\d*7\b", joined))


def threads():
    sums = [0] * 4

    def work(which):
        table = {}
        for i in range(25_000):
            table.setdefault(i % 997, []).append((which, str(i)))
        sums[which] = sum(len(rows) for rows in table.values())

    running = [threading.Thread(target=work, args=(which,)) for which in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sums


print(total(tree(0, 150_000)), documents(), words(), syntax(), text(), threads())
