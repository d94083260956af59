"""Symmetric HRM for Sudoku of any size: a state for each (digit, cell). Torch reference and the fused step in C++ (symk.cpp)."""
import ctypes, math, os
from dataclasses import dataclass, asdict
import numpy as np, torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))

@dataclass
class Config:
    w: int = 32
    nL: int = 1
    nH: int = 1
    Hc: int = 2
    Lc: int = 2
    types: int = 2  # kinds of units: lines (rows and columns), boxes
    inner: int = 0
    um: int = 0  # 1: messages of units and digits pass a non-linearity and a second matrix

    def __post_init__(self):
        if not self.inner: self.inner = ((8 * self.w + 2) // 3 + 15) // 16 * 16

    @property
    def squares(self): return 3 + self.types + (self.types + 1 if self.um else 0)

class Units:
    """Units as data. regions: (S,) index of the region of each cell, of n cells each."""
    def __init__(self, n, regions):
        S = n * n
        r, c = np.divmod(np.arange(S), n)
        lists = [np.flatnonzero(r == i) for i in range(n)] + [np.flatnonzero(c == i) for i in range(n)] + [np.flatnonzero(regions == i) for i in range(n)]
        self.n, self.S, self.U = n, S, 3 * n
        self.cells = np.concatenate(lists).astype(np.int32)
        self.start = np.concatenate([[0], np.cumsum([len(x) for x in lists])]).astype(np.int32)
        self.type = np.array([0] * 2 * n + [1] * n, np.int32)
        of = [[] for _ in range(S)]
        for u, x in enumerate(lists):
            for s in x: of[s].append(u)
        self.of = np.array(of, np.int32)
        self.matrix = np.zeros((self.U, S), np.float32)
        for u, x in enumerate(lists): self.matrix[u, x] = 1

def units(n, bh, bw):
    r, c = np.divmod(np.arange(n * n), n)
    return Units(n, r // bh * (n // bw) + c // bw)

class CCfg(ctypes.Structure):
    _fields_ = [(k, ctypes.c_int) for k in "n S U K types W I nL nH Hc Lc um".split()] + [("c", ctypes.c_float)] + [(k, ctypes.c_void_p) for k in "unit_cells unit_start unit_type units_of".split()]

_lib = None
def lib():
    global _lib
    if _lib is None: _lib = ctypes.CDLL(os.path.join(HERE, os.environ.get("SYMK", "symk.so")))
    return _lib

def ptr(t):
    if t is None: return None
    assert t.is_contiguous() and t.data_ptr() % 64 == 0 or t.dtype == torch.int8 or t.numel() < 16, (t.shape, t.data_ptr() % 64)
    return ctypes.c_void_p(t.data_ptr())

def aligned(*shape, zero=True):
    n = math.prod(shape)
    raw = torch.zeros(n + 16) if zero else torch.empty(n + 16)
    off = (-raw.data_ptr() % 64) // 4
    return raw[off:off + n].view(*shape)

class Model:
    """Parameters in one line each: weights (nL + nH, block), E (3, w), head (2w + 1, padded to 16)."""
    def __init__(self, cfg: Config, seed=0):
        self.cfg = cfg
        g = torch.Generator().manual_seed(seed)
        w, I = cfg.w, cfg.inner
        k = cfg.squares
        self.size = w * w * k + 3 * w * I
        nb = cfg.nL + cfg.nH
        self.weights = aligned(nb, self.size)
        def tn(*s): return torch.nn.init.trunc_normal_(torch.empty(*s), std=1, a=-2, b=2, generator=g) / math.sqrt(s[-2])
        for b in range(nb):
            self.weights[b] = torch.cat([tn(k, w, w).flatten(), tn(w, 2 * I).flatten(), tn(I, w).flatten()])
        self.E = aligned(3, w); self.E.copy_(torch.randn(3, w, generator=g))
        self.head = aligned((2 * w + 1 + 15) // 16 * 16); self.head[2 * w] = -5
        self.init = torch.randn(2, w, generator=g)  # H, L; fixed

    def params(self): return {"weights": self.weights, "E": self.E, "head": self.head}
    def count(self): return self.weights.numel() + self.E.numel() + 2 * self.cfg.w + 1
    def state(self): return {**{k: v.clone() for k, v in self.params().items()}, "init": self.init.clone()}
    def load(self, s):
        for k, v in self.params().items(): v.copy_(s[k])
        self.init.copy_(s["init"])
    def matrices(self):
        """(block, name) -> view, for optimizers that want matrices"""
        w, I, k = self.cfg.w, self.cfg.inner, self.cfg.squares
        out = []
        for b in range(len(self.weights)):
            p = self.weights[b]
            for i in range(k): out.append(p[i * w * w:(i + 1) * w * w].view(w, w))
            q = p[k * w * w:]
            out.append(q[:2 * w * I].view(w, 2 * I)); out.append(q[2 * w * I:].view(I, w))
        return out

def ccfg(cfg, un, c=None):
    C = CCfg(un.n, un.S, un.U, un.of.shape[1], cfg.types, cfg.w, cfg.inner, cfg.nL, cfg.nH, cfg.Hc, cfg.Lc, cfg.um, c or math.sqrt(un.n), *[a.ctypes.data for a in (un.cells, un.start, un.type, un.of)])
    C.keep = un
    return C

def kinds_of(puzzles, n):
    """(B, S) digits, 0 blank -> (B, n, S) int8: 0 blank, 1 holds f, 2 holds another"""
    p = torch.as_tensor(puzzles)
    f = torch.arange(1, n + 1, dtype=p.dtype)[:, None]
    return torch.where(p[:, None] == 0, 0, torch.where(p[:, None] == f, 1, 2)).to(torch.int8).contiguous()

def segment(m, C, kinds, zH, zL, labels=None, grads=None, qweight=0.05, smooth=0.0, scale=None, lossw=None):
    """One segment for (B, n, S, w) states, in place. With labels (B, S; 0-based int8), gradients are added to grads. -> logits, q, loss"""
    B = len(kinds)
    logits = torch.empty(B, C.n, C.S); q = torch.empty(B); loss = torch.empty(B)
    P = m.params()
    g = [None] * 3 if grads is None else [grads[k] for k in P]
    lib().segment(ctypes.byref(C), B, ptr(P["weights"]), ptr(P["E"]), ptr(P["head"]), ptr(kinds), ptr(zH), ptr(zL), ptr(labels), *[ptr(x) for x in g],
                  ctypes.c_void_p(logits.data_ptr()), ctypes.c_void_p(q.data_ptr()), ctypes.c_void_p(loss.data_ptr()),
                  ctypes.c_float(qweight), ctypes.c_float(smooth), ctypes.c_float(scale if scale is not None else 1.0 / B), ptr(lossw))
    return logits, q, loss

# ---- reference in torch
def norm(h): return h * torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-5)
def ref_block(h, p, cfg, un, c):
    """h (B, n, S, w)"""
    w, I, k = cfg.w, cfg.inner, cfg.squares
    mats = p[:k * w * w].view(k, w, w); W1 = p[k * w * w:k * w * w + 2 * w * I].view(w, 2 * I); W2 = p[-w * I:].view(I, w)
    A, M, G, O = mats[0], mats[1:1 + cfg.types], mats[1 + cfg.types], mats[2 + cfg.types]
    U = torch.as_tensor(un.matrix)
    mu = (U / U.sum(1, keepdim=True)) @ h
    mu = c * mu
    msg = mu.clone()
    for t in range(cfg.types):
        sel = torch.as_tensor(un.type == t)
        x = mu @ M[t]
        if cfg.um: x = F.silu(x) @ mats[3 + cfg.types + t]
        msg = torch.where(sel[:, None], x, msg)
    g = c * h.mean(1) @ G
    if cfg.um: g = F.silu(g) @ mats[k - 1]
    m = h @ A + U.t() @ msg + g[:, None]
    h = norm(h + F.silu(m) @ O)
    a, b = (h @ W1).split(I, -1)
    return norm(h + (F.silu(a) * b) @ W2)
def ref_segment(m, un, kinds, zH, zL, c):
    cfg = m.cfg
    x = m.E[kinds.long()]
    for _ in range(cfg.Hc):
        for _ in range(cfg.Lc):
            h = zL + zH + x
            for k in range(cfg.nL): h = ref_block(h, m.weights[k], cfg, un, c)
            zL = h
        h = zH + zL
        for k in range(cfg.nH): h = ref_block(h, m.weights[cfg.nL + k], cfg, un, c)
        zH = h
    w = cfg.w
    logits = zH @ m.head[:w]
    q = zH.mean((1, 2)) @ m.head[w:2 * w] + m.head[2 * w]
    return zH, zL, logits, q
def start(m, B, n, S):
    zH = aligned(B, n, S, m.cfg.w, zero=False); zL = aligned(B, n, S, m.cfg.w, zero=False)
    zH.copy_(m.init[0]); zL.copy_(m.init[1])
    return zH, zL

# ---- several threads: rows in small parts, each thread with gradients of its own
from concurrent.futures import ThreadPoolExecutor
_pool = {}
def threads_now(most):
    """How many threads to use: more where the machine is crowded (each gets a small share), one where it is not."""
    return most
def segment_mt(m, C, kinds, zH, zL, labels, grads, k, qweight=0.05, smooth=0.0, part=4):
    B = len(kinds)
    if k <= 1: return segment(m, C, kinds, zH, zL, labels, grads, qweight, smooth)
    if "ex" not in _pool: _pool["ex"] = ThreadPoolExecutor(8); _pool["g"] = [{n: aligned(*v.shape) for n, v in m.params().items()} for _ in range(8)]
    parts = list(range(0, B, part)); out = [None] * len(parts); lock = iter(range(len(parts)))
    def work(j):
        g = _pool["g"][j]
        for x in g.values(): x.zero_()
        for i in lock:  # next() of a range iterator is atomic
            s = slice(parts[i], parts[i] + part)
            out[i] = segment(m, C, kinds[s], zH[s], zL[s], labels[s], g, qweight, smooth, 1.0 / B)
    list(_pool["ex"].map(work, range(k)))
    for j in range(k):
        for n, x in grads.items(): x.add_(_pool["g"][j][n])
    return tuple(torch.cat([o[i] for o in out]) for i in range(3))

# ---- several processes (each a session of its own, so that a crowded machine's scheduler gives each a share); they end with their parent
import struct
def shared(*shape, dtype=torch.float32): return torch.zeros(*shape, dtype=dtype).share_memory_()
class Workers:
    """Everything a step reads or writes is in shared memory. Call before other threads exist."""
    def __init__(self, m, C, B, most):
        n, S, w = C.n, C.S, m.cfg.w
        for k in ("weights", "E", "head"):
            v = getattr(m, k); x = shared(*v.shape); x.copy_(v); setattr(m, k, x)
        self.m, self.C, self.B, self.most = m, C, B, most
        self.zH, self.zL = shared(B, n, S, w), shared(B, n, S, w)
        self.kinds, self.labels = shared(B, n, S, dtype=torch.int8), shared(B, S, dtype=torch.int8)
        self.logits, self.q, self.loss = shared(B, n, S), shared(B), shared(B)
        self.grads = [{k: shared(*v.shape) for k, v in m.params().items()} for _ in range(most)]
        self.pipes, self.kids = [], []
        for j in range(1, most):
            r1, w1 = os.pipe(); r2, w2 = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.setsid(); os.close(w1); os.close(r2)
                try:
                    while True:
                        b = os.read(r1, 16)
                        if len(b) < 16: break
                        lo, hi, qw, sm = struct.unpack("iiff", b)
                        self.part(j, lo, hi, qw, sm); os.write(w2, b"1")
                finally: os._exit(0)
            self.kids.append(pid); os.close(r1); os.close(w2); self.pipes.append((w1, r2))
    def part(self, j, lo, hi, qweight, smooth):
        g = self.grads[j]
        for x in g.values(): x.zero_()
        s = slice(lo, hi)
        a, b, c = segment(self.m, self.C, self.kinds[s], self.zH[s], self.zL[s], self.labels[s], g, qweight, smooth, 1.0 / self.B)
        self.logits[s], self.q[s], self.loss[s] = a, b, c
    def step(self, grads, qweight, smooth):
        k = threads_now(self.most); cut = [round(self.B * i / k) for i in range(k + 1)]
        for j in range(1, k): os.write(self.pipes[j - 1][0], struct.pack("iiff", cut[j], cut[j + 1], qweight, smooth))
        self.part(0, 0, cut[1], qweight, smooth)
        for j in range(1, k):
            if os.read(self.pipes[j - 1][1], 1) != b"1": raise SystemExit("a worker is gone")
        for j in range(k):
            for n, x in grads.items(): x.add_(self.grads[j][n])
        return self.logits.clone(), self.q.clone(), self.loss.clone()
