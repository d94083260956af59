import json, os, sys, time
import numpy as np, torch
torch.set_num_threads(1)
from sym import *
import data

DEFAULT = dict(threads=1, um=0, randshare=0.0, sizes=[], plain=3, begin=0.0, end=0.0, w=32, nL=1, nH=1, Hc=2, Lc=2, inner=0, batch=32, opt="adamw", lr=2e-3, muon_lr=0.01, wd=0.1, warm=100, b2=0.95, ema=0.999, clip=1.0, easy=0.5,
               segs=16, halt=0.75, qweight=0.05, smooth=0.0, seed=1, budget=600.0, decay=1.0, floor=0.05, sched="linear", noise=0.0, rand=0.0, anchor=0.0, gauss=1.0,
               mix=[["./data/easy.npz", 0, 1], ["./data/easy.npz", 1, 1], ["./data/easy.npz", 2, 1], ["./data/easy.npz", 3, 1]],
               evals=None, every=180.0, evaln=40, evalsegs=16, init="", trial="", final=100)

def ns(G, steps=5):
    """Orthogonalise a batch of matrices (Newton-Schulz, as in Muon)"""
    a, b, c = 3.4445, -4.7750, 2.0315
    X = G / (G.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    flip = X.shape[-2] > X.shape[-1]
    if flip: X = X.mT
    for _ in range(steps):
        A = X @ X.mT
        X = a * X + (b * A + c * A @ A) @ X
    return X.mT if flip else X

def evaluate(m, names, count, segs, un=None, c=None, seed=0, rand=0.0, noise=0.0, detail=False):
    un = un or units(9, 3, 3)
    C = ccfg(m.cfg, un, c)
    out = {}
    for name in names:
        puz = data.load(name) if isinstance(name, str) else name[1]
        label = name if isinstance(name, str) else name[0]
        if count < len(puz): puz = puz[np.random.default_rng(5).permutation(len(puz))[:count]]
        marks = [k for k in (1, 4, 16, 32, 64, 128, 256, 1024) if k <= segs]
        hit = {k: 0 for k in marks}
        for lo in range(0, len(puz), 64):
            p = puz[lo:lo + 64]
            zH, zL = start(m, len(p), un.n, un.S)
            if rand: zH.normal_(generator=None); zL.normal_()
            k_ = kinds_of(p, un.n)
            live = np.ones(len(p), bool)
            for s in range(1, segs + 1):
                logits, q, _ = segment(m, C, k_, zH, zL)
                if noise: zH += noise * torch.randn_like(zH); zL += noise * torch.randn_like(zL)
                if s in hit: hit[s] += int(data.valid(logits.argmax(1).numpy().astype(np.int8) + 1, p, un).sum())
        out[label] = {"n": len(puz), **{str(k): round(100 * v / len(puz), 1) for k, v in hit.items()}}
    return out

class EMAView:
    def __init__(self, m, ema):
        self.m = Model(m.cfg); self.m.init.copy_(m.init)
        for k, v in self.m.params().items(): v.copy_(ema[k])

def clock():
    """CPU seconds of this process and of its workers"""
    t = time.process_time()
    for p in KIDS:
        f = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split(); t += (int(f[11]) + int(f[12])) / 100
    return t
KIDS = []

class Rows:
    """The boards of one size in training"""
    def __init__(self, m, c, rng, gen, n, bh, bw, B, mix):
        self.m, self.c, self.rng, self.gen, self.n, self.B = m, c, rng, gen, n, B
        un = units(n, bh, bw); self.C = ccfg(m.cfg, un); self.S = un.S
        self.stream = data.Stream(mix, rng, c.easy)
        self.zH, self.zL = start(m, B, n, un.S)
        self.kinds = torch.zeros(B, n, un.S, dtype=torch.int8); self.labels = torch.zeros(B, un.S, dtype=torch.int8); self.age = np.zeros(B, int)
    def refill(self, rows):
        if not len(rows): return
        p, s = self.stream.draw(len(rows)); r = torch.as_tensor(rows)
        self.kinds[r] = kinds_of(p, self.n); self.labels[r] = torch.as_tensor(s - 1); self.age[rows] = 0
        for z, i in ((self.zH, 0), (self.zL, 1)): z[r] = self.m.init[i]
        for q in rows[self.rng.random(len(rows)) < self.c.randshare]:
            for z in (self.zH, self.zL): z[q] = torch.randn(z.shape[1:], generator=self.gen)
    def right(self, logits):
        ok = (logits.argmax(1) == self.labels).all(1).numpy(); self.age += 1
        self.refill(np.flatnonzero((ok & (self.rng.random(self.B) < self.c.halt)) | (self.age >= self.c.segs)))
        return ok

def main(run, over):
    os.makedirs(run, exist_ok=True)
    cpath, spath = run + "/config.json", run + "/state.pt"
    conf = dict(DEFAULT)
    if os.path.exists(cpath): conf.update(json.load(open(cpath)))
    conf.update(over)
    json.dump(conf, open(cpath + ".tmp", "w"), indent=1); os.replace(cpath + ".tmp", cpath)
    c = type("C", (), conf)
    cfg = Config(w=c.w, nL=c.nL, nH=c.nH, Hc=c.Hc, Lc=c.Lc, inner=c.inner, um=c.um)
    m = Model(cfg, c.seed)
    KIDS[:] = []
    P = m.params()
    grads = {k: aligned(*v.shape) for k, v in P.items()}
    m1 = {k: torch.zeros_like(v) for k, v in P.items()}; m2 = {k: torch.zeros_like(v) for k, v in P.items()}
    ema = {k: v.clone() for k, v in P.items()}
    mats = m.matrices(); gm = Model(cfg); gm.weights = grads["weights"]; gmats = gm.matrices()
    gm.weights = m1["weights"]; mom = gm.matrices()
    groups = {}
    for i, x in enumerate(mats): groups.setdefault(tuple(x.shape), []).append(i)
    rng = np.random.default_rng(c.seed); gen = torch.Generator().manual_seed(c.seed)
    st = dict(t=0, cpu=0.0, rows=0, best=None, lastlog=0.0)
    if os.path.exists(spath):
        z = torch.load(spath, weights_only=False)
        m.load(z["model"]); st.update(z["st"])
        for k in P: m1[k].copy_(z["m1"][k]); m2[k].copy_(z["m2"][k]); ema[k].copy_(z["ema"][k])
        rng.bit_generator.state = z["rng"]; gen.set_state(z["gen"])
        print("resumed at", st, flush=True)
    elif c.init:
        z = torch.load(c.init, weights_only=False)
        m.load(z["model"])
        for k in P: m1[k].copy_(z["m1"][k]); m2[k].copy_(z["m2"][k]); ema[k].copy_(z["ema"][k])
    boards = [Rows(m, c, rng, gen, 9, 3, 3, c.batch, c.mix)] + [Rows(m, c, rng, gen, bh * bw, bh, bw, rows, [[f"data/b{bh * bw}.npz", "*", 1]]) for bh, bw, rows in c.sizes]
    order = [0] * c.plain + list(range(1, len(boards))) if not c.plain else []
    if c.plain:
        for i in range(1, len(boards)): order += [0] * c.plain + [i]
    if not order: order = [0]
    def save():
        torch.save(dict(model=m.state(), m1=m1, m2=m2, ema=ema, st=st, rng=rng.bit_generator.state, gen=gen.get_state(), cfg=asdict(cfg)), spath + ".tmp")
        os.replace(spath + ".tmp", spath)
    for r in boards: r.refill(np.arange(r.B))
    B = c.batch
    log = open(run + "/log.jsonl", "a")
    names = c.evals or ["36", "30", "26", "minimal", "17", "top1465", "forum", "1106"]
    def report(count, final=False):
        res = evaluate(EMAView(m, ema).m, names, count, c.evalsegs)
        line = dict(time=time.strftime("%H:%M:%S"), cpu=round(st["cpu"]), t=st["t"], rows=st["rows"], loss=round(stats[0] / max(1, stats[2]), 4), right=round(stats[1] / max(1, stats[2] * B), 3), lr=lr, eval={k: v for k, v in res.items()})
        log.write(json.dumps(line) + "\n"); log.flush()
        line["side"] = side
        print({k: round(float(v), 3) for k, v in side.items()}, round(lr, 5), line["cpu"], line["t"], line["rows"], line["loss"], line["right"], " ".join(f"{k}:" + "/".join(str(x) for kk, x in v.items() if kk != "n") for k, v in res.items()), flush=True)
        return res
    stats = [0.0, 0.0, 0]; side = {}
    lastsave = time.time(); lastcpu = clock(); lr = 0
    while st["cpu"] < c.budget:
        x = st["cpu"] / c.budget if not c.end else (time.time() - c.begin) / (c.end - c.begin)
        if c.end and x >= 1: break
        f = min(1.0, (st["t"] + 1) / c.warm)
        if c.sched == "linear": f *= max(c.floor, 1 - c.decay * x)
        elif c.sched == "tail": f *= min(1.0, max(c.floor, (1 - x) / c.decay))  # constant, then falling over the last share `decay`
        lr = c.lr * f
        for g in grads.values(): g.zero_()
        lastq = None
        R = boards[order[st['t'] % len(order)]]
        logits, q, loss = segment_mt(m, R.C, R.kinds, R.zH, R.zL, R.labels, grads, c.threads, c.qweight, c.smooth, part=4 if R.n <= 9 else 1)
        gn = torch.sqrt(sum(g.square().sum() for g in grads.values())).item()
        if not np.isfinite(gn): raise SystemExit("not finite")
        s = min(1.0, c.clip / (gn + 1e-6))
        st["t"] += 1; t = st["t"]
        for k, p in P.items():
            g = grads[k].mul_(s)
            if c.opt == "muon" and k == "weights":
                m1[k].mul_(0.95).add_(g)
                ml = c.muon_lr * f
                for shape, idx in groups.items():
                    G = torch.stack([gmats[i] + 0.95 * mom[i] for i in idx])
                    O = ns(G) * max(1, shape[0] / shape[1]) ** 0.5
                    for j, i in enumerate(idx): mats[i].mul_(1 - ml * c.wd).add_(O[j], alpha=-ml)
                continue
            m1[k].lerp_(g, 0.1); m2[k].mul_(c.b2).addcmul_(g, g, value=1 - c.b2)
            if k == "weights": p.mul_(1 - lr * c.wd)
            p.addcdiv_(m1[k] / (1 - 0.9 ** t), (m2[k] / (1 - c.b2 ** t)).sqrt_().add_(1e-8), value=-lr)
        e = min(c.ema, (t + 1) / (t + 10))
        for k, p in P.items(): ema[k].lerp_(p, 1 - e)
        right = R.right(logits)
        st["rows"] += R.B
        if R.n == 9: stats[0] += loss.mean().item(); stats[1] += right.sum(); stats[2] += 1
        else: side[R.n] = 0.98 * side.get(R.n, 0) + 0.02 * right.mean()
        now = clock(); st["cpu"] += now - lastcpu; lastcpu = now
        if t % 200 == 0: boards[0].stream.reload()
        if st["cpu"] - st["lastlog"] >= c.every:
            st["lastlog"] = st["cpu"]; report(c.evaln); stats[:] = [0, 0, 0]; lastcpu = clock()
        if time.time() - lastsave > 60: save(); lastsave = time.time()
    save()
    res = report(c.final, True)
    if c.trial:
        with open("./trials.jsonl", "a") as fh:
            fh.write(json.dumps(dict(trial=c.trial, run=run, seconds=round(st["cpu"]), steps=st["t"], rows=st["rows"], params=m.count(), seed=c.seed, segs=c.evalsegs, figures=res, changed={k: v for k, v in conf.items() if v != DEFAULT.get(k) and k not in ("trial", "evals", "every", "evaln", "final")})) + "\n")

if __name__ == "__main__":
    over = {}
    for a in sys.argv[2:]:
        k, v = a.split("=", 1)
        try: v = json.loads(v)
        except ValueError: pass
        over[k] = v
    main(sys.argv[1], over)
