// The symmetric HRM's training step and inference, board by board, so that everything a board needs stays in cache.
// Rows of a board: (digit f, cell s) -> f*S + s, each W floats. Vector extensions of gcc and clang; any width that is a multiple of 16.
#include "../../../hrm_model/native/vectors.h"
static const float EPS = 1e-5f;
static const int T = 27;

struct Board {  // what is the same for all boards of a size
    int n, S, U, K, types;      // digits, cells, units, units a cell is in, kinds of units
    const int32_t *unit_cells, *unit_start, *unit_type, *units_of;  // (.), (U+1), (U), (S, K)
    float c;
};
// A block's weights in one line: A, M[types], G, O (W x W each), W1 (W x 2I), W2 (I x W)
template <int W>
struct Block {
    static long size(int types, int I, int um) { return (long)W * W * (3 + types + (um ? types + 1 : 0)) + 3L * W * I; }
    const float *A, *Ms, *G, *O, *Ns, *Gn, *W1, *W2;
    Block(const float* p, int types, int I, int um) {
        A = p; Ms = A + W * W; G = Ms + types * W * W; O = G + W * W; Ns = O + W * W; Gn = Ns + types * W * W; W1 = um ? Gn + W * W : Ns; W2 = W1 + 2L * W * I;
    }
};
struct Saved { float *h, *m, *h1, *r1, *u, *h2, *r2, *mu, *g, *mp, *gp; };

template <int W>
struct Net {
    Board B; int I, N, um;
    std::vector<float*> owned;
    float *msg, *gm, *t1, *t2, *t3, *t4, *dmsg, *dgm, *act;
    float* al(long k) { float* p = (float*)aligned_alloc(64, (k * 4 + 127) / 64 * 64); owned.push_back(p); return p; }
    Net(const Board& b, int I, int um) : B(b), I(I), N(b.n * b.S), um(um) {
        act = al((long)(b.U * b.n > b.S ? b.U * b.n : b.S) * W);
        msg = al((long)B.U * B.n * W); gm = al((long)B.S * W); dmsg = al((long)B.U * B.n * W); dgm = al((long)B.S * W);
        t1 = al(T * W); t2 = al(2L * T * I); t3 = al(T * W); t4 = al((long)T * I);
    }
    ~Net() { for (auto p : owned) free(p); }
    Saved make() {
        return Saved{al((long)N * W), al((long)N * W), al((long)N * W), al(N), al(2L * N * I), al((long)N * W), al(N), al((long)B.U * B.n * W), al((long)B.S * W), um ? al((long)B.U * B.n * W) : nullptr, um ? al((long)B.S * W) : nullptr};
    }
    void sums(const float* h, float* mu, float* g) {
        int S = B.S, n = B.n;
        for (int u = 0; u < B.U; u++) {
            int lo = B.unit_start[u], hi = B.unit_start[u + 1];
            float inv = B.c / (hi - lo);
            for (int f = 0; f < n; f++) {
                v16 a[W / 16] = {};
                for (int k = lo; k < hi; k++) {
                    const float* p = h + ((long)f * S + B.unit_cells[k]) * W;
                    for (int j = 0; j < W / 16; j++) a[j] += ld(p + 16 * j);
                }
                for (int j = 0; j < W / 16; j++) st(mu + ((long)u * n + f) * W + 16 * j, a[j] * inv);
            }
        }
        float inv = B.c / n;
        for (int s = 0; s < S; s++) {
            v16 a[W / 16] = {};
            for (int f = 0; f < n; f++)
                for (int j = 0; j < W / 16; j++) a[j] += ld(h + ((long)f * S + s) * W + 16 * j);
            for (int j = 0; j < W / 16; j++) st(g + (long)s * W + 16 * j, a[j] * inv);
        }
    }
    void forward(const Block<W>& P, Saved& v) {  // v.h -> v.h2
        int S = B.S, n = B.n;
        sums(v.h, v.mu, v.g);
        float *mp = um ? v.mp : msg, *gp = um ? v.gp : gm;
        for (int u = 0; u < B.U; u++) gemm(n, W, W, v.mu + (long)u * n * W, W, 1, P.Ms + (long)B.unit_type[u] * W * W, W, mp + (long)u * n * W, W, false);
        gemm(S, W, W, v.g, W, 1, P.G, W, gp, W, false);
        if (um) {
            for (long i = 0; i < (long)B.U * n * W; i += 16) { v16 x = ld(mp + i); st(act + i, x * sigm(x)); }
            for (int u = 0; u < B.U; u++) gemm(n, W, W, act + (long)u * n * W, W, 1, P.Ns + (long)B.unit_type[u] * W * W, W, msg + (long)u * n * W, W, false);
            for (long i = 0; i < (long)S * W; i += 16) { v16 x = ld(gp + i); st(act + i, x * sigm(x)); }
            gemm(S, W, W, act, W, 1, P.Gn, W, gm, W, false);
        }
        for (int f = 0; f < n; f++)
            for (int s0 = 0; s0 < S; s0 += T) {
                int t = S - s0 < T ? S - s0 : T;
                long o = (long)f * S + s0;
                float *h = v.h + o * W, *m = v.m + o * W, *h1 = v.h1 + o * W, *u = v.u + o * 2 * I, *h2 = v.h2 + o * W;
                for (int i = 0; i < t; i++) {
                    const int32_t* us = B.units_of + (long)(s0 + i) * B.K;
                    for (int j = 0; j < W / 16; j++) {
                        v16 a = ld(gm + (long)(s0 + i) * W + 16 * j);
                        for (int k = 0; k < B.K; k++) a += ld(msg + ((long)us[k] * n + f) * W + 16 * j);
                        st(m + i * W + 16 * j, a);
                    }
                }
                gemm(t, W, W, h, W, 1, P.A, W, m, W, true);
                for (int i = 0; i < t * W; i += 16) { v16 x = ld(m + i); st(t1 + i, x * sigm(x)); }
                gemm(t, W, W, t1, W, 1, P.O, W, h1, W, false);
                for (int i = 0; i < t; i++) {
                    v16 q = {};
                    for (int j = 0; j < W; j += 16) { v16 x = ld(h1 + i * W + j) + ld(h + i * W + j); st(h1 + i * W + j, x); q += x * x; }
                    float r = 1.f / sqrtf(hsum(q) / W + EPS);
                    v.r1[o + i] = r;
                    for (int j = 0; j < W; j += 16) st(h1 + i * W + j, ld(h1 + i * W + j) * r);
                }
                gemm(t, 2 * I, W, h1, W, 1, P.W1, 2 * I, u, 2 * I, false);
                for (int i = 0; i < t; i++)
                    for (int j = 0; j < I; j += 16) {
                        v16 a = ld(u + (long)i * 2 * I + j), b = ld(u + (long)i * 2 * I + I + j);
                        st(t4 + (long)i * I + j, a * sigm(a) * b);
                    }
                gemm(t, W, I, t4, I, 1, P.W2, W, h2, W, false);
                for (int i = 0; i < t; i++) {
                    v16 q = {};
                    for (int j = 0; j < W; j += 16) { v16 x = ld(h2 + i * W + j) + ld(h1 + i * W + j); st(h2 + i * W + j, x); q += x * x; }
                    float r = 1.f / sqrtf(hsum(q) / W + EPS);
                    v.r2[o + i] = r;
                    for (int j = 0; j < W; j += 16) st(h2 + i * W + j, ld(h2 + i * W + j) * r);
                }
            }
    }
    // d: gradient of v.h2 on entry, of v.h on exit. Pt: transposed weights, each matrix in its own place; D: gradients, added to.
    void backward(const float* Pt, float* D, Saved& v, float* d, int types) {
        int S = B.S, n = B.n;
        const float *At = Pt, *Mt = At + W * W, *Gt = Mt + types * W * W, *Ot = Gt + W * W, *Nt = Ot + W * W, *Gnt = Nt + types * W * W, *W1t = um ? Gnt + W * W : Nt, *W2t = W1t + 2L * W * I;
        float *dA = D, *dM = dA + W * W, *dG = dM + types * W * W, *dO = dG + W * W, *dN = dO + W * W, *dGn = dN + types * W * W, *dW1 = um ? dGn + W * W : dN, *dW2 = dW1 + 2L * W * I;
        memset(dmsg, 0, sizeof(float) * B.U * n * W);
        memset(dgm, 0, sizeof(float) * S * W);
        for (int f = 0; f < n; f++)
            for (int s0 = 0; s0 < S; s0 += T) {
                int t = S - s0 < T ? S - s0 : T;
                long o = (long)f * S + s0;
                float *h = v.h + o * W, *m = v.m + o * W, *h1 = v.h1 + o * W, *u = v.u + o * 2 * I, *h2 = v.h2 + o * W, *dd = d + o * W;
                auto unnorm = [&](const float* y, const float* r) {
                    for (int i = 0; i < t; i++) {
                        v16 q = {};
                        for (int j = 0; j < W; j += 16) q += ld(dd + i * W + j) * ld(y + i * W + j);
                        float mean = hsum(q) / W, ri = r[i];
                        for (int j = 0; j < W; j += 16) st(dd + i * W + j, (ld(dd + i * W + j) - ld(y + i * W + j) * mean) * ri);
                    }
                };
                unnorm(h2, v.r2 + o);
                gemm(t, I, W, dd, W, 1, W2t, I, t4, I, false);
                for (int i = 0; i < t; i++)
                    for (int j = 0; j < I; j += 16) {
                        v16 a = ld(u + (long)i * 2 * I + j), b = ld(u + (long)i * 2 * I + I + j), g = ld(t4 + (long)i * I + j);
                        v16 s = sigm(a), as = a * s;
                        st(t2 + (long)i * 2 * I + j, g * b * (s + as * (1.f - s)));
                        st(t2 + (long)i * 2 * I + I + j, g * as);
                        st(t4 + (long)i * I + j, as * b);
                    }
                gemm(I, W, t, t4, 1, I, dd, W, dW2, W, true);
                gemm(W, 2 * I, t, h1, 1, W, t2, 2 * I, dW1, 2 * I, true);
                gemm(t, W, 2 * I, t2, 2 * I, 1, W1t, W, dd, W, true);
                unnorm(h1, v.r1 + o);
                gemm(t, W, W, dd, W, 1, Ot, W, t3, W, false);
                for (int i = 0; i < t * W; i += 16) {
                    v16 x = ld(m + i), s = sigm(x), xs = x * s;
                    st(t1 + i, xs);
                    st(t3 + i, ld(t3 + i) * (s + xs * (1.f - s)));
                }
                gemm(W, W, t, t1, 1, W, dd, W, dO, W, true);
                gemm(W, W, t, h, 1, W, t3, W, dA, W, true);
                gemm(t, W, W, t3, W, 1, At, W, dd, W, true);
                for (int i = 0; i < t; i++) {
                    const int32_t* us = B.units_of + (long)(s0 + i) * B.K;
                    for (int j = 0; j < W; j += 16) {
                        v16 x = ld(t3 + i * W + j);
                        float* p = dgm + (long)(s0 + i) * W + j;
                        st(p, ld(p) + x);
                        for (int k = 0; k < B.K; k++) { p = dmsg + ((long)us[k] * n + f) * W + j; st(p, ld(p) + x); }
                    }
                }
            }
        auto through = [&](float* pre, float* dout, int rows_, const float* Nt_, float* dN_) {  // dout: gradient after the second matrix -> before the first
            for (long i = 0; i < (long)rows_ * W; i += 16) { v16 x = ld(pre + i); st(act + i, x * sigm(x)); }
            gemm(W, W, rows_, act, 1, W, dout, W, dN_, W, true);
            gemm(rows_, W, W, dout, W, 1, Nt_, W, act, W, false);
            for (long i = 0; i < (long)rows_ * W; i += 16) { v16 x = ld(pre + i), s = sigm(x); st(dout + i, ld(act + i) * (s + x * s * (1.f - s))); }
        };
        if (um) {
            for (int u = 0; u < B.U; u++) through(v.mp + (long)u * n * W, dmsg + (long)u * n * W, n, Nt + (long)B.unit_type[u] * W * W, dN + (long)B.unit_type[u] * W * W);
            through(v.gp, dgm, S, Gnt, dGn);
        }
        for (int u = 0; u < B.U; u++) {
            long o = (long)u * n * W, q = (long)B.unit_type[u] * W * W;
            gemm(W, W, n, v.mu + o, 1, W, dmsg + o, W, dM + q, W, true);
            gemm(n, W, W, dmsg + o, W, 1, Mt + q, W, msg + o, W, false);
            float inv = B.c / (B.unit_start[u + 1] - B.unit_start[u]);
            for (int i = 0; i < n * W; i += 16) st(msg + o + i, ld(msg + o + i) * inv);
        }
        gemm(W, W, S, v.g, 1, W, dgm, W, dG, W, true);
        gemm(S, W, W, dgm, W, 1, Gt, W, gm, W, false);
        float inv = B.c / n;
        for (int f = 0; f < n; f++)
            for (int s = 0; s < S; s++) {
                const int32_t* us = B.units_of + (long)s * B.K;
                for (int j = 0; j < W; j += 16) {
                    float* p = d + ((long)f * S + s) * W + j;
                    v16 x = ld(p) + ld(gm + (long)s * W + j) * inv;
                    for (int k = 0; k < B.K; k++) x += ld(msg + ((long)us[k] * n + f) * W + j);
                    st(p, x);
                }
            }
    }
};
struct Cfg { int n, S, U, K, types, W, I, nL, nH, Hc, Lc, um; float c; const int32_t *unit_cells, *unit_start, *unit_type, *units_of; };

template <int W>
static void transposed(const float* p, float* q, int types, int I, int um) {
    int k = 3 + types + (um ? types + 1 : 0);
    for (int b = 0; b < k; b++)
        for (int i = 0; i < W; i++)
            for (int j = 0; j < W; j++) q[b * W * W + j * W + i] = p[b * W * W + i * W + j];
    p += k * W * W; q += k * W * W;
    for (int i = 0; i < W; i++) for (int j = 0; j < 2 * I; j++) q[(long)j * W + i] = p[(long)i * 2 * I + j];
    p += 2L * W * I; q += 2L * W * I;
    for (int i = 0; i < I; i++) for (int j = 0; j < W; j++) q[(long)j * I + i] = p[(long)i * W + j];
}
// Weights: nL + nH blocks. head: v (W), q (W), qb. One segment of each board: states are replaced; with labels, gradients are added.
template <int W>
static void run(const Cfg& C, int count, const float* weights, const float* E, const float* head, const int8_t* kinds, float* zH, float* zL, const int8_t* labels,
                float* gweights, float* gE, float* ghead, float* logits, float* q, float* loss, float qweight, float smooth, float scale, const float* lossw) {
    Board b{C.n, C.S, C.U, C.K, C.types, C.unit_cells, C.unit_start, C.unit_type, C.units_of, C.c};
    Net<W> net(b, C.I, C.um);
    int N = C.n * C.S, n = C.n, S = C.S, I = C.I;
    long bs = Block<W>::size(C.types, I, C.um);
    bool train = labels != nullptr;
    int calls = C.Hc * (C.Lc * C.nL + C.nH);
    std::vector<Saved> sv;
    for (int i = 0; i < (train ? calls : 1); i++) sv.push_back(net.make());
    if (!train) for (int i = 1; i < calls; i++) sv.push_back(sv[0]);
    float *wt = nullptr, *dH = nullptr, *dL = nullptr, *dx = nullptr;
    if (train) {
        wt = net.al(bs * (C.nL + C.nH));
        for (int i = 0; i < C.nL + C.nH; i++) transposed<W>(weights + i * bs, wt + i * bs, C.types, I, C.um);
        dH = net.al((long)N * W); dL = net.al((long)N * W); dx = net.al((long)N * W);
    }
    std::vector<float> lg(n);
    for (int r = 0; r < count; r++) {
        float *H = zH + (long)r * N * W, *L = zL + (long)r * N * W;
        const int8_t* kd = kinds + (long)r * N;
        int call = 0;
        for (int hc = 0; hc < C.Hc; hc++) {
            for (int lc = 0; lc < C.Lc; lc++) {
                float* h = sv[call].h;
                for (int i = 0; i < N; i++)
                    for (int j = 0; j < W; j += 16)
                        st(h + (long)i * W + j, ld(L + (long)i * W + j) + ld(H + (long)i * W + j) + ld(E + kd[i] * W + j));
                for (int k = 0; k < C.nL; k++) {
                    if (k) memcpy(sv[call].h, train ? sv[call - 1].h2 : sv[call].h2, sizeof(float) * N * W);
                    net.forward(Block<W>(weights + k * bs, C.types, I, C.um), sv[call]);
                    call++;
                }
                memcpy(L, sv[call - 1].h2, sizeof(float) * N * W);
            }
            float* h = sv[call].h;
            for (long i = 0; i < (long)N * W; i += 16) st(h + i, ld(L + i) + ld(H + i));
            for (int k = 0; k < C.nH; k++) {
                if (k) memcpy(sv[call].h, train ? sv[call - 1].h2 : sv[call].h2, sizeof(float) * N * W);
                net.forward(Block<W>(weights + (C.nL + k) * bs, C.types, I, C.um), sv[call]);
                call++;
            }
            memcpy(H, sv[call - 1].h2, sizeof(float) * N * W);
        }
        float* lo = logits + (long)r * N;
        v16 pool[W / 16] = {};
        for (int i = 0; i < N; i++) {
            v16 a = {};
            for (int j = 0; j < W / 16; j++) { v16 x = ld(H + (long)i * W + 16 * j); a += x * ld(head + 16 * j); pool[j] += x; }
            lo[i] = hsum(a);
        }
        float qv = head[2 * W];
        for (int j = 0; j < W / 16; j++) { pool[j] /= (float)N; qv += hsum(pool[j] * ld(head + W + 16 * j)); }
        q[r] = qv;
        if (!train) continue;
        const int8_t* lab = labels + (long)r * S;
        bool right = true;
        float total = 0, rw = lossw ? lossw[r] : 1.f;
        memset(dL, 0, sizeof(float) * N * W); memset(dx, 0, sizeof(float) * N * W);
        float dq;
        for (int s = 0; s < S; s++) {
            float mx = -1e30f; int best = 0;
            for (int f = 0; f < n; f++) if (lo[f * S + s] > mx) mx = lo[f * S + s], best = f;
            right &= best == lab[s];
            float z = 0;
            for (int f = 0; f < n; f++) z += lg[f] = expf(lo[f * S + s] - mx);
            total += logf(z) + mx - lo[lab[s] * S + s];
            for (int f = 0; f < n; f++) {
                float y = f == lab[s] ? 1.f - smooth + smooth / n : smooth / n;
                lg[f] = (lg[f] / z - y) * scale * rw / S;
                float* d = dH + (long)(f * S + s) * W; const float* x = H + (long)(f * S + s) * W;
                for (int j = 0; j < W; j += 16) { st(d + j, ld(head + j) * lg[f]); st(ghead + j, ld(ghead + j) + ld(x + j) * lg[f]); }
            }
        }
        loss[r] = total / S;
        dq = (1.f / (1.f + expf(-qv)) - (right ? 1.f : 0.f)) * qweight * scale;
        ghead[2 * W] += dq;
        for (int j = 0; j < W / 16; j++) st(ghead + W + 16 * j, ld(ghead + W + 16 * j) + pool[j] * dq);
        for (int i = 0; i < N; i++)
            for (int j = 0; j < W; j += 16) { float* d = dH + (long)i * W + j; st(d, ld(d) + ld(head + W + j) * (dq / N)); }
        for (int hc = 0; hc < C.Hc; hc++) {
            for (int k = C.nH - 1; k >= 0; k--) { call--; net.backward(wt + (C.nL + k) * bs, gweights + (C.nL + k) * bs, sv[call], dH, C.types); }
            for (long i = 0; i < (long)N * W; i += 16) st(dL + i, ld(dL + i) + ld(dH + i));
            for (int lc = 0; lc < C.Lc; lc++) {
                for (int k = C.nL - 1; k >= 0; k--) { call--; net.backward(wt + k * bs, gweights + k * bs, sv[call], dL, C.types); }
                for (long i = 0; i < (long)N * W; i += 16) { v16 x = ld(dL + i); st(dH + i, ld(dH + i) + x); st(dx + i, ld(dx + i) + x); }
            }
        }
        for (int i = 0; i < N; i++)
            for (int j = 0; j < W; j += 16) { float* g = gE + kd[i] * W + j; st(g, ld(g) + ld(dx + (long)i * W + j)); }
    }
}
extern "C" void segment(const Cfg* C, int count, const float* weights, const float* E, const float* head, const int8_t* kinds, float* zH, float* zL, const int8_t* labels,
                        float* gweights, float* gE, float* ghead, float* logits, float* q, float* loss, float qweight, float smooth, float scale, const float* lossw) {
#define GO(w) if (C->W == w) run<w>(*C, count, weights, E, head, kinds, zH, zL, labels, gweights, gE, ghead, logits, q, loss, qweight, smooth, scale, lossw)
    GO(16); GO(32); GO(48); GO(64);
}
