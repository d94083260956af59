import json, os, sys, time, csv
import numpy as np, torch
torch.set_num_threads(1)
from maze import *
DEFAULT = dict(opt="muon", muon_lr=0.02, w=32, nL=1, nH=1, Hc=2, Lc=2, inner=0, batch=32, lr=2e-3, warm=100, wd=0.1, b2=0.95, ema=0.999, clip=1.0, lo=5, hi=13, qweight=0.05, arrow=0.5, phase=0.5, speed=3.0, mask=1, halt=0.75,
               extra=4, cap=40, seed=1, budget=600.0, floor=0.05, sched="tail", decay=0.3, every=60.0, evalsegs=64, evaln=40, evals=["s11", "11", "15", "21"], trial="", noise=0.0, keep=0.0, init="")
def evalset(name, n):
    if name == "s11":
        import data
        rows = [l.rstrip("\n").split("\t")[0] for f in ("path-12-to-23", "path-24-to-35", "path-36-and-more") for l in open(f"../../../assets/puzzles/test/maze-11x11/{f}.txt") if not l.startswith("# ")]
        rows = [r for r in rows if len(r) == 121]
        m = {"#": 1, " ": 2, "S": 3, "G": 4}
        g = [np.array([m[c] for c in r], np.int8) for r in rows]
        g = [g[i] for i in np.random.default_rng(3).permutation(len(g))[:n]]
        return [(x, 11, 11) for x in g]
    if name == "hard":
        m = {"#": 1, " ": 2, "S": 3, "G": 4}
        return [(np.array([m[c] for c in r["question"]], np.int8), 30, 30) for r in list(csv.DictReader(open("hard/maze-30x30.csv")))[:n]]
    rng = np.random.default_rng(20261127)
    if name == "30long": return [(make(30, 30, rng, least=110)[0], 30, 30) for _ in range(n)]
    if name == "rect": return [(make(r, c, rng, least=c)[0], r, c) for r, c in rng.integers(7, 31, (n, 2))]
    k = int(name); return [(make(k, k, rng, least=2 * k if k < 40 else 3 * k)[0], k, k) for _ in range(n)]
def evaluate(m, names, n, segs):
    out = {}
    marks = [k for k in (4, 8, 16, 32, 64, 128, 256) if k <= segs]
    for name in names:
        es = evalset(name, n); hit = {k: 0 for k in marks}; ever = np.zeros(len(es), bool)
        for lo in range(0, len(es), 16):
            part = es[lo:lo + 16]; st = max(r * c for _, r, c in part); B = len(part)
            sizes = np.array([[r, c] for _, r, c in part], np.int32); kinds = torch.zeros(B, st, dtype=torch.int8)
            for i, (g, r, c) in enumerate(part): kinds[i, :r * c] = torch.as_tensor(g - 1)
            zH = aligned(B, st, m.cfg.w); zL = aligned(B, st, m.cfg.w); zH[:] = m.init[0]; zL[:] = m.init[1]
            for s in range(1, segs + 1):
                logits, q, _, _ = segment(m, st, sizes, kinds, zH, zL)
                if s in hit:
                    for i, (g, r, c) in enumerate(part): hit[s] += right(g, r, c, (logits[i, :r * c, 0] > 0).numpy() & (g == 2))
        out[name] = {"n": len(es), **{str(k): round(100 * v / len(es), 1) for k, v in hit.items()}}
    return out
def ema_model(m, ema):
    x = Model(m.cfg); x.init.copy_(m.init)
    for k, v in x.params().items(): v.copy_(ema[k])
    return x
def mats_of(line, cfg):
    w, I, out = cfg.w, cfg.inner, []
    for p in line: out += [p[i * w * w:(i + 1) * w * w].view(w, w) for i in range(6)] + [p[6 * w * w:6 * w * w + 2 * w * I].view(w, 2 * I), p[-w * I:].view(I, w)]
    return out
def main(run, over):
    os.makedirs(run, exist_ok=True); cpath, spath = run + "/config.json", run + "/state.pt"
    conf = dict(DEFAULT)
    if os.path.exists(cpath): conf.update(json.load(open(cpath)))
    conf.update(over); json.dump(conf, open(cpath + ".tmp", "w"), indent=1); os.replace(cpath + ".tmp", cpath)
    c = type("C", (), conf); cfg = Config(w=c.w, nL=c.nL, nH=c.nH, Hc=c.Hc, Lc=c.Lc, inner=c.inner)
    m = Model(cfg, c.seed); P = m.params(); grads = {k: aligned(*v.shape) for k, v in P.items()}
    m1 = {k: torch.zeros_like(v) for k, v in P.items()}; m2 = {k: torch.zeros_like(v) for k, v in P.items()}; ema = {k: v.clone() for k, v in P.items()}
    from train import ns
    W_, G_, M_ = mats_of(m.weights, cfg), mats_of(grads["weights"], cfg), mats_of(m1["weights"], cfg); groups = {}
    for i, x in enumerate(W_): groups.setdefault(tuple(x.shape), []).append(i)
    rng = np.random.default_rng(c.seed); gen = torch.Generator().manual_seed(c.seed); st = dict(t=0, cpu=0.0, rows=0, lastlog=0.0)
    src = spath if os.path.exists(spath) else c.init
    if src:
        z = torch.load(src, weights_only=False); m.load(z["model"])
        for k in P: m1[k].copy_(z["m1"][k]); m2[k].copy_(z["m2"][k]); ema[k].copy_(z["ema"][k])
        if src == spath: st.update(z["st"]); rng.bit_generator.state = z["rng"]; gen.set_state(z["gen"]); print("resumed", st, flush=True)
    B, S = c.batch, c.hi * c.hi
    zH = aligned(B, S, c.w); zL = aligned(B, S, c.w); kinds = torch.zeros(B, S, dtype=torch.int8); full = torch.zeros(B, S, K, dtype=torch.int8); know = torch.full((B, S, K), 30000, dtype=torch.int16)
    sizes = np.ones((B, 2), np.int32); age = np.zeros(B, int); limit = np.zeros(B, int); length = np.zeros(B, int)
    def refill(rows):
        for i in rows:
            R, C = rng.integers(c.lo, c.hi + 1, 2); 
            if rng.random() < 0.5: C = R
            g, L = make(R, C, rng, least=max(2, int(rng.integers(2, R + C + 1))))
            t, dG, dS = targets(g, R, C); N = R * C
            sizes[i] = R, C; kinds[i, :N] = torch.as_tensor(g - 1); full[i] = -1; full[i, :N] = torch.as_tensor(t)
            kn = np.zeros((N, K), np.int16); kn[:, 1:] = dG[:, None]; kn[:, 0] = L + np.where(dS >= 0, dS, 0)
            know[i, :N] = torch.as_tensor(kn)
            zH[i] = m.init[0]; zL[i] = m.init[1]; age[i] = 0; length[i] = L; limit[i] = min(c.cap, c.extra + int(np.ceil(2 * L / c.speed)))
    def save():
        torch.save(dict(model=m.state(), m1=m1, m2=m2, ema=ema, st=st, rng=rng.bit_generator.state, gen=gen.get_state(), cfg=asdict(cfg)), spath + ".tmp"); os.replace(spath + ".tmp", spath)
    refill(range(B)); log = open(run + "/log.jsonl", "a"); stats = [0.0, 0, 0, 0.0]
    kw = [1.0] + [c.arrow] * 4 + [c.phase] * 3; lastsave = time.time(); lastcpu = time.process_time(); lr = 0
    def report(n):
        res = evaluate(ema_model(m, ema), c.evals, n, c.evalsegs)
        line = dict(time=time.strftime("%H:%M:%S"), cpu=round(st["cpu"]), t=st["t"], rows=st["rows"], loss=round(stats[0] / max(1, stats[2]), 4), right=round(stats[1] / max(1, stats[3]), 3), lr=lr, eval=res)
        log.write(json.dumps(line) + "\n"); log.flush()
        print(line["cpu"], line["t"], line["rows"], line["loss"], line["right"], " ".join(f"{k}:" + "/".join(str(x) for kk, x in v.items() if kk != "n") for k, v in res.items()), flush=True); return res
    while st["cpu"] < c.budget:
        x = st["cpu"] / c.budget; f = min(1.0, (st["t"] + 1) / c.warm) * min(1.0, max(c.floor, (1 - x) / c.decay)); lr = c.lr * f
        for g in grads.values(): g.zero_()
        tg = full
        if c.mask: tg = torch.where(know <= torch.as_tensor((age + 1) * c.speed).to(torch.int16)[:, None, None], full, torch.tensor(-1, dtype=torch.int8)).contiguous()
        logits, q, loss, wrong = segment(m, S, sizes, kinds, zH, zL, tg, grads, kw, c.qweight)
        gn = torch.sqrt(sum(g.square().sum() for g in grads.values())).item()
        if not np.isfinite(gn): raise SystemExit("not finite")
        s = min(1.0, c.clip / (gn + 1e-6)); st["t"] += 1; t = st["t"]
        for k, p in P.items():
            g = grads[k].mul_(s)
            if c.opt == "muon" and k == "weights":
                m1[k].mul_(0.95).add_(g); ml = c.muon_lr * f
                for shape, idx in groups.items():
                    O = ns(torch.stack([G_[i] + 0.95 * M_[i] for i in idx])) * max(1, shape[0] / shape[1]) ** 0.5
                    for j, i in enumerate(idx): W_[i].mul_(1 - ml * c.wd).add_(O[j], alpha=-ml)
                continue
            m1[k].lerp_(g, 0.1); m2[k].mul_(c.b2).addcmul_(g, g, value=1 - c.b2)
            if k == "weights": p.mul_(1 - lr * c.wd)
            p.addcdiv_(m1[k] / (1 - 0.9 ** t), (m2[k] / (1 - c.b2 ** t)).sqrt_().add_(1e-8), value=-lr)
        e = min(c.ema, (t + 1) / (t + 10))
        for k, p in P.items(): ema[k].lerp_(p, 1 - e)
        ok = (((logits[..., 0] > 0) == (full[..., 0] > 0)) | (full[..., 0] < 0)).all(1).numpy()
        age += 1; st["rows"] += B; stats[0] += loss.mean().item(); stats[2] += 1
        done = (ok & (rng.random(B) < c.halt)) | (age >= limit)
        stats[1] += (ok & done).sum(); stats[3] += done.sum()
        refill(np.flatnonzero(done))
        if c.noise: zH += c.noise * torch.randn(zH.shape, generator=gen); zL += c.noise * torch.randn(zL.shape, generator=gen)
        now = time.process_time(); st["cpu"] += now - lastcpu; lastcpu = now
        if st["cpu"] - st["lastlog"] >= c.every: st["lastlog"] = st["cpu"]; report(c.evaln); stats[:] = [0, 0, 0, 0]; lastcpu = time.process_time()
        if time.time() - lastsave > 60: save(); lastsave = time.time()
    save(); res = report(c.evaln)
    if c.trial:
        with open("./trials.jsonl", "a") as fh: fh.write(json.dumps(dict(trial=c.trial, run=run, seconds=round(st["cpu"]), steps=st["t"], rows=st["rows"], params=m.count(), seed=c.seed, figures=res, changed={k: v for k, v in conf.items() if v != DEFAULT.get(k) and k not in ("trial", "evals", "every", "evaln")})) + "\n")
if __name__ == "__main__":
    over = {}
    for a in sys.argv[2:]:
        k, v = a.split("=", 1)
        try: v = json.loads(v)
        except ValueError: pass
        over[k] = v
    main(sys.argv[1], over)
