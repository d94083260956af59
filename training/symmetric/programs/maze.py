"""Mazes by a symmetric HRM: blocks mix a cell with its four neighbours only; every size and rectangle by the same weights."""
import ctypes, math, os, json, sys, time
from dataclasses import dataclass, asdict
import numpy as np, torch
import torch.nn.functional as F
from sym import aligned, ptr, HERE
ML = ctypes.CDLL(HERE + "/mazelib.so")
_lib = None
def lib():
    global _lib
    if _lib is None: _lib = ctypes.CDLL(os.path.join(HERE, os.environ.get("SYMG", "symg.so")))
    return _lib
def vp(a): return ctypes.c_void_p(a.ctypes.data)
K = 8  # path; nearer above, left, right, below; distance to the goal modulo 3 is 0, 1, 2
@dataclass
class Config:
    w: int = 32
    nL: int = 1
    nH: int = 1
    Hc: int = 2
    Lc: int = 2
    inner: int = 0
    def __post_init__(self):
        if not self.inner: self.inner = ((8 * self.w + 2) // 3 + 15) // 16 * 16
class CCfg(ctypes.Structure):
    _fields_ = [(k, ctypes.c_int) for k in "W I nL nH Hc Lc K stride".split()]
class Model:
    def __init__(self, cfg, seed=0):
        self.cfg = cfg; g = torch.Generator().manual_seed(seed); w, I = cfg.w, cfg.inner
        self.size = 6 * w * w + 3 * w * I; nb = cfg.nL + cfg.nH
        def tn(*s): return torch.nn.init.trunc_normal_(torch.empty(*s), std=1, a=-2, b=2, generator=g) / math.sqrt(s[-2])
        self.weights = aligned(nb, self.size)
        for b in range(nb): self.weights[b] = torch.cat([tn(6, w, w).flatten(), tn(w, 2 * I).flatten(), tn(I, w).flatten()])
        self.E = aligned(4, w); self.E.copy_(torch.randn(4, w, generator=g))  # wall, open, start, goal
        self.head = aligned(K * w + 16 + w + 16); self.head[K * w + 16 + w] = -5
        self.init = torch.randn(2, w, generator=g)
    def params(self): return {"weights": self.weights, "E": self.E, "head": self.head}
    def count(self): return self.weights.numel() + self.E.numel() + (K + 1) * self.cfg.w + K + 1
    def state(self): return {**{k: v.clone() for k, v in self.params().items()}, "init": self.init.clone()}
    def load(self, s):
        for k, v in self.params().items(): v.copy_(s[k])
        self.init.copy_(s["init"])
def segment(m, stride, sizes, kinds, zH, zL, targets=None, grads=None, kweight=None, qweight=0.05, scale=None):
    B = len(kinds); c = m.cfg
    C = CCfg(c.w, c.inner, c.nL, c.nH, c.Hc, c.Lc, K, stride)
    logits = torch.zeros(B, stride, K); q = torch.empty(B); loss = torch.empty(B); wrong = torch.empty(B, dtype=torch.int32)
    P = m.params(); g = [None] * 3 if grads is None else [grads[k] for k in P]
    kw = np.ascontiguousarray(kweight if kweight is not None else [1.0] * K, np.float32)
    f = lambda t: ctypes.c_void_p(t.data_ptr())
    lib().segment(ctypes.byref(C), B, vp(sizes), ptr(P["weights"]), ptr(P["E"]), ptr(P["head"]), f(kinds), ptr(zH), ptr(zL), f(targets) if targets is not None else None, *[ptr(x) for x in g],
                  f(logits), f(q), f(loss), f(wrong), vp(kw), ctypes.c_float(qweight), ctypes.c_float(scale if scale is not None else 1.0 / B))
    return logits, q, loss, wrong
def norm(h): return h * torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-5)
def ref_block(h, p, cfg):
    """h (rows, cols, w)"""
    w, I = cfg.w, cfg.inner
    mats = p[:6 * w * w].view(6, w, w); W1 = p[6 * w * w:6 * w * w + 2 * w * I].view(w, 2 * I); W2 = p[-w * I:].view(I, w)
    z = F.pad(h, (0, 0, 1, 1, 1, 1))
    m = h @ mats[0] + z[:-2, 1:-1] @ mats[1] + z[1:-1, :-2] @ mats[2] + z[1:-1, 2:] @ mats[3] + z[2:, 1:-1] @ mats[4]
    h = norm(h + F.silu(m) @ mats[5])
    a, b = (h @ W1).split(I, -1)
    return norm(h + (F.silu(a) * b) @ W2)
def ref_segment(m, kinds, zH, zL):
    c = m.cfg; x = m.E[kinds.long()]; w = c.w
    for _ in range(c.Hc):
        for _ in range(c.Lc):
            h = zL + zH + x
            for k in range(c.nL): h = ref_block(h, m.weights[k], c)
            zL = h
        h = zH + zL
        for k in range(c.nH): h = ref_block(h, m.weights[c.nL + k], c)
        zH = h
    V = m.head[:K * w].view(K, w)
    return zH, zL, zH @ V.T + m.head[K * w:K * w + K], zH.mean((0, 1)) @ m.head[K * w + 16:K * w + 16 + w] + m.head[K * w + 16 + w]

def make(R, C, rng, least=4, most=10000, kinds=(0.5, 0.5)):
    g = np.zeros(R * C, np.int8)
    while True:
        kind = int(rng.random() > kinds[0])
        share = rng.uniform(0.2, 0.42) if kind == 0 else max(0.0, rng.uniform(-0.08, 0.35))
        L = ML.make(int(R), int(C), kind, ctypes.c_double(share), ctypes.c_double(rng.random()), int(least), int(most), ctypes.c_uint64(int(rng.integers(2**62))), vp(g))
        if L: return g, L
def targets(g, R, C):
    t = np.zeros((R * C, K), np.int8); dG = np.zeros(R * C, np.int16); dS = np.zeros(R * C, np.int16)
    ML.targets(int(R), int(C), vp(g), vp(dG), vp(dS), vp(t)); return t, dG, dS
def right(g, R, C, mark):
    g, mark = np.ascontiguousarray(g, np.int8), np.ascontiguousarray(mark, np.int8)  # kept in names: the call sees only addresses
    return bool(ML.right(int(R), int(C), vp(g), vp(mark)))
