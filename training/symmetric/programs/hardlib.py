import ctypes, numpy as np
L = ctypes.CDLL('./hard.so')
def P(a): return ctypes.c_void_p(a.ctypes.data)
def solve_all(p, bh=3, bw=3, limit=0):
    p = np.ascontiguousarray(p, np.int8); N = len(p)
    sol = np.zeros_like(p); cnt = np.zeros(N, np.int32); gs = np.zeros(N, np.int32)
    L.solve_all(bh, bw, N, P(p), P(sol), P(cnt), P(gs), ctypes.c_long(limit)); return sol, cnt, gs
def climb(p, steps, temp, least, top, times, seed, g1=0.4, g2=0.8, room=400, bh=3, bw=3):
    S = p.shape[-1]; p = np.ascontiguousarray(p, np.int8).copy(); out = np.zeros((room, S), np.int8); sc = np.zeros(room, np.float32); end = ctypes.c_float()
    k = L.climb(bh, bw, P(p), steps, ctypes.c_double(temp), ctypes.c_double(least), ctypes.c_double(top), times, ctypes.c_double(g1), ctypes.c_double(g2), ctypes.c_uint64(seed), P(out), P(sc), room, ctypes.byref(end))
    return out[:k], sc[:k], p, end.value
