import glob, os, sys
import numpy as np
T = "../../../assets/puzzles/test"
SETS = {"36": T + "/sudoku-9x9/36-clues.txt", "30": T + "/sudoku-9x9/30-clues.txt", "26": T + "/sudoku-9x9/26-clues.txt", "minimal": T + "/sudoku-9x9/minimal.txt",
        "17": "hard/17-clues.txt", "top1465": "hard/top1465.txt", "forum": "hard/forum-11plus.txt", "1106": "hard/hardest-1106.txt",
        "4x4": T + "/sudoku-4x4/4-clues.txt", "6x6": T + "/sudoku-6x6/9-clues.txt"}
def read(path):
    rows = []
    for line in open(path):
        line = line.split("#")[0].strip()
        if line: rows.append([0 if ch in ".0" else int(ch) for ch in line])
    return np.array(rows, np.int8)
def load(name): return read(SETS[name])

def valid(ans, puz, un):
    """ans, puz (N, S) 1-based: a full grid with every unit complete and the clues kept."""
    n = un.n
    ok = ((ans == puz) | (puz == 0)).all(1)
    for u in range(un.U):
        c = un.cells[un.start[u]:un.start[u + 1]]
        ok &= (np.sort(ans[:, c], 1) == np.arange(1, n + 1)).all(1)
    return ok

class Stream:
    """Draws puzzles from files by weight; files are read again when they change. files: {path: {kind or '*': weight}}"""
    def __init__(self, mix, rng, easy=0.5):
        self.mix, self.rng, self.easy, self.stamp = mix, rng, easy, None
        self.reload()
    def reload(self):
        names = {m[0] for m in self.mix}
        stamp = tuple((n, os.path.getmtime(n)) for n in sorted(names) if os.path.exists(n))
        if stamp == self.stamp: return
        self.stamp = stamp
        self.pools = []
        for path, kind, weight in self.mix:
            if not os.path.exists(path): continue
            z = np.load(path)
            sel = np.arange(len(z["p"])) if kind == "*" else np.flatnonzero(z["k"] == kind)
            if len(sel): self.pools.append((z["p"][sel], z["s"][sel], weight))
        w = np.array([p[2] for p in self.pools], float)
        self.weights = w / w.sum()
    def draw(self, count):
        P, S = [], []
        for _ in range(count):
            p, s, _w = self.pools[self.rng.choice(len(self.pools), p=self.weights)]
            i = self.rng.integers(len(p))
            a, b = p[i].copy(), s[i]
            if self.rng.random() < self.easy:
                blank = np.flatnonzero(a == 0)
                k = self.rng.integers(len(blank)) if self.rng.random() < 0.4 else min(len(blank) - 1, self.rng.integers(1, 13))  # much, or a few hints
                pick = self.rng.choice(blank, k, replace=False)
                a[pick] = b[pick]
            P.append(a); S.append(b)
        return np.array(P), np.array(S)
