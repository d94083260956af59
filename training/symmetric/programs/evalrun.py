"""python evalrun.py RUN 9|big SEGS N [starts]: figures of a run's averaged weights. 9: shipped and judge sets; big: other sizes, never trained on."""
import sys, json, numpy as np, torch
torch.set_num_threads(1)
from sym import *
import data, time
def load(run):
    z = torch.load(run + "/state.pt", weights_only=False); m = Model(Config(**z["cfg"])); m.load(z["model"])
    for k, v in m.params().items(): v.copy_(z["ema"][k])
    return m
def curve(m, puz, un, segs, c=None, marks=(1, 4, 16, 32, 64, 128, 256, 512, 1024), batch=32):
    C = ccfg(m.cfg, un, c); hit = {k: 0 for k in marks if k <= segs}; halted = 0; rightq = 0
    for lo in range(0, len(puz), batch):
        p = puz[lo:lo + batch]; zH, zL = start(m, len(p), un.n, un.S); kk = kinds_of(p, un.n); done = np.zeros(len(p), bool)
        for s in range(1, segs + 1):
            logits, q, _ = segment(m, C, kk, zH, zL)
            if s in hit:
                v = data.valid(logits.argmax(1).numpy().astype(np.int8) + 1, p, un); hit[s] += int(v.sum())
    return {"n": len(puz), **{str(k): round(100 * v / len(puz), 2) for k, v in hit.items()}}
if __name__ == "__main__":
    run, what, segs, N = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    m = load(run); print(run, m.count(), "parameters")
    if what.startswith("9"):
        for name in what[2:].split(",") if ":" in what else ("36", "30", "26", "minimal", "17", "top1465", "forum", "1106"):
            puz = data.load(name)
            if N < len(puz): puz = puz[np.random.default_rng(5).permutation(len(puz))[:N]]
            print(name, curve(m, puz, units(9, 3, 3), segs), flush=True)
    else:
        for name, bh, bw in (() if ":" in what else (("4x4", 2, 2), ("6x6", 2, 3))):
            print(name, curve(m, data.load(name)[:N], units(bh * bw, bh, bw), segs), flush=True)
        for name in what[4:].split(",") if ":" in what else ("12x12-75", "12x12-95", "16x16-90", "16x16-130", "16x16-150", "25x25-250"):
            z = np.load(f"./data/test-{name}.npz"); bh, bw = int(z["bh"]), int(z["bw"]); n = bh * bw
            for c in ((None,) if ':' in what else (None, 3.0)): print(name, "c", "sqrt(n)" if c is None else c, curve(m, z["p"][:min(N, len(z["p"]))], units(n, bh, bw), segs, c, batch=8), flush=True)
