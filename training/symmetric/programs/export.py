"""python export.py RUN FOLDER: a run's averaged weights as a checkpoint that hrm_model reads."""
import json, sys, os; sys.path.insert(0, '../../..')
import numpy as np, torch
from sym import *
from hrm_model.config import ModelConfig
from hrm_model.make import make_model
from hrm_model.checkpoint import format as F2
torch.set_num_threads(1)
def convert(run):
    z = torch.load(run + "/state.pt", weights_only=False); cfg = Config(**z["cfg"])
    m = Model(cfg); m.load(z["model"])
    for k, v in m.params().items(): v.copy_(z["ema"][k])
    c = ModelConfig(mixer="units", unit_mlp=bool(cfg.um), hidden_size=cfg.w, num_heads=1, H_layers=cfg.nH, L_layers=cfg.nL, swiglu_multiple=16, pos_encodings="none", H_cycles=cfg.Hc, L_cycles=cfg.Lc, gradient="all", halt_max_steps=64)
    assert c.swiglu_size == cfg.inner, (c.swiglu_size, cfg.inner)
    t = make_model(c); sd = t.state_dict(); w, I, k = cfg.w, cfg.inner, cfg.squares
    for level, first, n in (("L", 0, cfg.nL), ("H", cfg.nL, cfg.nH)):
        for b in range(n):
            p = m.weights[first + b]; sq = p[:k * w * w].view(k, w, w); pre = f"{level}_level.layers.{b}."
            T = cfg.types
            names = ["mixer.own"] + [f"mixer.units.{i}" for i in range(T)] + ["mixer.digits", "mixer.out"] + ([f"mixer.unit_outs.{i}" for i in range(T)] + ["mixer.digits_out"] if cfg.um else [])
            for i, name in enumerate(names): sd[pre + name + ".weight"].copy_(sq[i].T)
            sd[pre + "mlp.gate_up_proj.weight"].copy_(p[k * w * w:k * w * w + 2 * w * I].view(w, 2 * I).T)
            sd[pre + "mlp.down_proj.weight"].copy_(p[-w * I:].view(I, w).T)
    sd["roles"].copy_(m.E); sd["answer"].copy_(m.head[:w])
    sd["q_head.weight"].zero_(); sd["q_head.bias"].fill_(-5)
    sd["q_head.weight"][0].copy_(m.head[w:2 * w]); sd["q_head.bias"][0] = m.head[2 * w]
    sd["H_init"].copy_(m.init[0]); sd["L_init"].copy_(m.init[1])
    t.load_state_dict(sd); return m, cfg, t.eval()
if __name__ == "__main__":
    m, cfg, t = convert(sys.argv[1])
    import data
    for n, bh, bw, p in ((9, 3, 3, data.load("minimal")[:3]), (16, 4, 4, np.load("data/test-16x16-90.npz")["p"][:2])):
        un = units(n, bh, bw); C = ccfg(cfg, un); zH, zL = start(m, len(p), n, n * n); kk = kinds_of(p, n)
        for _ in range(2): lo, q, _ = segment(m, C, kk, zH, zL)
        with torch.inference_mode():
            a, b = t.initial_state(len(p), n * n); x = torch.as_tensor(p).long() + 1
            for _ in range(2): a, b, l2, q2, _ = t(x, torch.zeros(len(p), dtype=torch.long), a, b)
        print(n, (l2[..., 2:].transpose(1, 2) - lo).abs().max().item(), lo.abs().max().item(), (q2[:, 0] - q).abs().max().item())
    if len(sys.argv) > 2:
        t.config = t.config.model_copy(update={"halt_max_steps": 64})
        F2.save(t, sys.argv[2], {"task": "sudoku-9x9", "q_continue": False, "title": "Sudokus of every size", "about": "every size up to 25×25, and jigsaws; cracks hard puzzles in up to 64 segments"})
