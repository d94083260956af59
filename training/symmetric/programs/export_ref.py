"""python export_ref.py sudoku|maze RUN OUT.npz: the averaged weights under their names, and a reference: inputs, states and answers after 1, 2 and 16 segments (torch reference, float32)."""
import sys, numpy as np, torch
kind, run, out = sys.argv[1:4]
torch.set_num_threads(1)
z = torch.load(run + "/state.pt", weights_only=False)
A = {}
if kind == "sudoku":
    import sym, data
    cfg = sym.Config(**z["cfg"]); m = sym.Model(cfg); m.load(z["model"])
    for k, v in m.params().items(): v.copy_(z["ema"][k])
    w, I = cfg.w, cfg.inner
    names = ["own"] + [f"unit.{t}" for t in range(cfg.types)] + ["digits", "out"] + ([f"unit_out.{t}" for t in range(cfg.types)] + ["digits_out"] if cfg.um else [])
    for b in range(cfg.nL + cfg.nH):
        pre = f"L.{b}." if b < cfg.nL else f"H.{b - cfg.nL}."
        M = m.matrices()[b * (cfg.squares + 2):(b + 1) * (cfg.squares + 2)]
        for name, x in zip(names + ["gate_up", "down"], M): A["p." + pre + name] = x.numpy()
    A["p.embed"] = m.E.numpy(); A["p.answer"] = m.head[:w].numpy(); A["p.q.weight"] = m.head[w:2 * w].numpy(); A["p.q.bias"] = m.head[2 * w].numpy()
    A["p.H_init"], A["p.L_init"] = m.init[0].numpy(), m.init[1].numpy()
    un = sym.units(9, 3, 3); puz = data.load("minimal")[:2]; kinds = sym.kinds_of(puz, 9)
    zH = m.init[0].expand(2, 9, 81, w).clone(); zL = m.init[1].expand(2, 9, 81, w).clone()
    A["puzzles"] = puz
    with torch.no_grad():
        for s in range(1, 17):
            zH, zL, lo, q = sym.ref_segment(m, un, kinds, zH, zL, 3.0)
            if s in (1, 2): A[f"z_H.{s}"], A[f"z_L.{s}"] = zH.numpy(), zL.numpy()
            if s in (1, 2, 16): A[f"logits.{s}"], A[f"q.{s}"] = lo.numpy(), q.numpy()
    A["valid.16"] = data.valid(lo.argmax(1).numpy().astype(np.int8) + 1, puz, un)
else:
    import maze
    cfg = maze.Config(**z["cfg"]); m = maze.Model(cfg); m.load(z["model"])
    for k, v in m.params().items(): v.copy_(z["ema"][k])
    from maze_train import mats_of
    w, K = cfg.w, maze.K; M = mats_of(m.weights, cfg)
    for b in range(cfg.nL + cfg.nH):
        pre = f"L.{b}." if b < cfg.nL else f"H.{b - cfg.nL}."
        for name, x in zip(["own", "above", "left", "right", "below", "out", "gate_up", "down"], M[8 * b:8 * b + 8]): A["p." + pre + name] = x.numpy()
    A["p.embed"] = m.E.numpy(); A["p.answer.weight"] = m.head[:K * w].view(K, w).numpy(); A["p.answer.bias"] = m.head[K * w:K * w + K].numpy()
    A["p.q.weight"] = m.head[K * w + 16:K * w + 16 + w].numpy(); A["p.q.bias"] = m.head[K * w + 16 + w].numpy(); A["p.H_init"], A["p.L_init"] = m.init[0].numpy(), m.init[1].numpy()
    g, L = maze.make(9, 11, np.random.default_rng(5), least=14); kinds = torch.as_tensor(g - 1).view(9, 11); A["maze"] = g.reshape(9, 11)
    zH = m.init[0].expand(9, 11, w).clone(); zL = m.init[1].expand(9, 11, w).clone()
    with torch.no_grad():
        for s in range(1, 17):
            zH, zL, lo, q = maze.ref_segment(m, kinds, zH, zL)
            if s in (1, 2): A[f"z_H.{s}"], A[f"z_L.{s}"] = zH.numpy(), zL.numpy()
            if s in (1, 2, 16): A[f"logits.{s}"], A[f"q.{s}"] = lo.numpy(), q.numpy()
np.savez_compressed(out, **A); print(out, {k: v.shape for k, v in A.items() if k.startswith("p.")})
