"""Climbs toward hard puzzles; keeps apart the symmetry classes of the judge sets and the shipped test sets."""
import sys, time, os, json; sys.path.insert(0, '../../..')
import numpy as np, hardlib, data, glob
from hrm_model.tasks.sudoku.grid import SUDOKU_9
from hrm_model.tasks.sudoku.classes import symmetry_classes
seconds, seed = float(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(seed)
banned = set()
for f in glob.glob('../../../assets/puzzles/test/sudoku-9x9/*.txt') + [f for f in glob.glob('hard/*.txt')]:
    banned |= set(symmetry_classes(data.read(f), SUDOKU_9).tolist())
print('banned classes', len(banned), flush=True)
OUT = './data/hard.npz'
P, S, K, G = [], [], [], []; seen = set()
if os.path.exists(OUT):
    z = np.load(OUT); P, S, K, G = [z['p']], [z['s']], [z['k']], [z['g']]
    seen = set(symmetry_classes(z['p'], SUDOKU_9).tolist())
e = np.load('./data/easy_s.npz' if not os.path.exists('./data/easy.npz') else './data/easy.npz'); base = e['p'][e['k'] == 3]
t0 = last = time.time(); chains = 0; dropped = 0
def save():
    k = np.concatenate(K); np.savez('./data/tmp_hard.npz', p=np.concatenate(P), s=np.concatenate(S), k=k, g=np.concatenate(G)); os.replace('./data/tmp_hard.npz', OUT)
    print(round(time.time() - t0), 'chains', chains, 'puzzles', len(k), 'by bucket (12-30, 30-80, 80-200, 200+)', np.bincount(k, minlength=4).tolist(), 'dropped for test classes', dropped, flush=True)
while time.time() - t0 < seconds:
    steps = int(rng.choice([600, 1200, 2400]))
    begin = base[rng.integers(len(base))]
    if P and rng.random() < 0.6:  # go on from one found earlier, the harder the likelier
        i = max(rng.integers(len(P), size=4), key=lambda j: G[j].max()); w = G[i] ** 1.0; begin = P[i][rng.choice(len(w), p=w / w.sum())]
    o, sc, end, es = hardlib.climb(begin, steps, float(rng.choice([0.05, 0.1, 0.15])), np.log1p(12), 99, 2, int(rng.integers(2**62)), 0.7, 1.0, room=4000)
    chains += 1
    if not len(o): continue
    # at most 20 of each half-octave of a chain, so that no chain and no level floods the rest
    b = np.floor(sc / 0.35).astype(int); pick = np.concatenate([rng.permutation(np.flatnonzero(b == v))[:20] for v in np.unique(b)])
    o, sc = o[pick], sc[pick]
    cl = symmetry_classes(o, SUDOKU_9)
    keep = []
    for i, c in enumerate(cl.tolist()):
        if c in banned: dropped += 1
        elif c not in seen: seen.add(c); keep.append(i)
    if not keep: continue
    o, sc = o[keep], sc[keep]
    sol, cnt, _ = hardlib.solve_all(o); assert (cnt == 1).all()
    g = np.expm1(sc)
    P.append(o); S.append(sol); K.append(np.digitize(g, [30, 80, 200]).astype(np.int8)); G.append(g.astype(np.float32))
    if time.time() - last > 30: save(); last = time.time()
save()
