// Mazes: blocks that mix the four neighbours of a cell only. Boards may differ in size: rows x columns each, `stride` cells apart.
#include "../../../hrm_model/native/vectors.h"
static const float EPS = 1e-5f;
static const int T = 27, D = 4;
// A block's weights: A, M[4] (from the cell above, left, right, below), O (W x W each), W1 (W x 2I), W2 (I x W)
struct Saved { float *h, *m, *h1, *r1, *u, *h2, *r2; };
template <int W>
struct Net {
    int I, N; std::vector<float*> owned; std::vector<int> nb;  // (N, 4)
    float *msg, *dm, *t1, *t2, *t3, *t4;
    float* al(long k) { float* p = (float*)aligned_alloc(64, (k * 4 + 127) / 64 * 64); owned.push_back(p); return p; }
    Net(int most, int I) : I(I) { msg = al((long)D * most * W); dm = al((long)most * W); t1 = al(T * W); t2 = al(2L * T * I); t3 = al(T * W); t4 = al((long)T * I); }
    ~Net() { for (auto p : owned) free(p); }
    Saved make(int most) { return Saved{al((long)most * W), al((long)most * W), al((long)most * W), al(most), al(2L * most * I), al((long)most * W), al(most)}; }
    void size(int rows, int cols) {
        N = rows * cols; nb.resize(N * 4);
        for (int r = 0; r < rows; r++) for (int c = 0; c < cols; c++) {
            int s = r * cols + c;
            nb[s * 4] = r ? s - cols : -1; nb[s * 4 + 1] = c ? s - 1 : -1; nb[s * 4 + 2] = c + 1 < cols ? s + 1 : -1; nb[s * 4 + 3] = r + 1 < rows ? s + cols : -1;
        }
    }
    void forward(const float* P, Saved& v) {
        const float *A = P, *M = A + W * W, *O = M + D * W * W, *W1 = O + W * W, *W2 = W1 + 2L * W * I;
        for (int d = 0; d < D; d++) gemm(N, W, W, v.h, W, 1, M + d * W * W, W, msg + (long)d * N * W, W, false);
        for (int s0 = 0; s0 < N; s0 += T) {
            int t = N - s0 < T ? N - s0 : T; long o = s0;
            float *h = v.h + o * W, *m = v.m + o * W, *h1 = v.h1 + o * W, *u = v.u + o * 2 * I, *h2 = v.h2 + o * W;
            for (int i = 0; i < t; i++)
                for (int j = 0; j < W; j += 16) {
                    v16 a = {};
                    for (int d = 0; d < D; d++) { int k = nb[(s0 + i) * 4 + d]; if (k >= 0) a += ld(msg + ((long)d * N + k) * W + j); }
                    st(m + i * W + j, a);
                }
            gemm(t, W, W, h, W, 1, A, W, m, W, true);
            for (int i = 0; i < t * W; i += 16) { v16 x = ld(m + i); st(t1 + i, x * sigm(x)); }
            gemm(t, W, W, t1, W, 1, O, W, h1, W, false);
            auto norm = [&](float* y, const float* x0, float* r) {
                for (int i = 0; i < t; i++) {
                    v16 q = {};
                    for (int j = 0; j < W; j += 16) { v16 x = ld(y + i * W + j) + ld(x0 + i * W + j); st(y + i * W + j, x); q += x * x; }
                    float z = 1.f / sqrtf(hsum(q) / W + EPS); r[i] = z;
                    for (int j = 0; j < W; j += 16) st(y + i * W + j, ld(y + i * W + j) * z);
                }
            };
            norm(h1, h, v.r1 + o);
            gemm(t, 2 * I, W, h1, W, 1, W1, 2 * I, u, 2 * I, false);
            for (int i = 0; i < t; i++)
                for (int j = 0; j < I; j += 16) { v16 a = ld(u + (long)i * 2 * I + j), b = ld(u + (long)i * 2 * I + I + j); st(t4 + (long)i * I + j, a * sigm(a) * b); }
            gemm(t, W, I, t4, I, 1, W2, W, h2, W, false);
            norm(h2, h1, v.r2 + o);
        }
    }
    void backward(const float* Pt, float* G, Saved& v, float* d) {
        const float *At = Pt, *Mt = At + W * W, *Ot = Mt + D * W * W, *W1t = Ot + W * W, *W2t = W1t + 2L * W * I;
        float *dA = G, *dM = dA + W * W, *dO = dM + D * W * W, *dW1 = dO + W * W, *dW2 = dW1 + 2L * W * I;
        for (int s0 = 0; s0 < N; s0 += T) {
            int t = N - s0 < T ? N - s0 : T; long o = s0;
            float *h = v.h + o * W, *m = v.m + o * W, *h1 = v.h1 + o * W, *u = v.u + o * 2 * I, *h2 = v.h2 + o * W, *dd = d + o * W, *g3 = dm + o * W;
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
            gemm(t, W, W, dd, W, 1, Ot, W, g3, W, false);
            for (int i = 0; i < t * W; i += 16) { v16 x = ld(m + i), s = sigm(x), xs = x * s; st(t1 + i, xs); st(g3 + i, ld(g3 + i) * (s + xs * (1.f - s))); }
            gemm(W, W, t, t1, 1, W, dd, W, dO, W, true);
            gemm(W, W, t, h, 1, W, g3, W, dA, W, true);
            gemm(t, W, W, g3, W, 1, At, W, dd, W, true);
        }
        for (int e = 0; e < D; e++) {
            for (int s = 0; s < N; s++) {  // the cell that hears s in direction e is its neighbour in the opposite one
                int k = nb[s * 4 + 3 - e];
                for (int j = 0; j < W; j += 16) st(msg + (long)s * W + j, k >= 0 ? ld(dm + (long)k * W + j) : v16{});
            }
            for (int s0 = 0; s0 < N; s0 += 4 * T) {
                int t = N - s0 < 4 * T ? N - s0 : 4 * T;
                gemm(W, W, t, v.h + (long)s0 * W, 1, W, msg + (long)s0 * W, W, dM + e * W * W, W, true);
                gemm(t, W, W, msg + (long)s0 * W, W, 1, Mt + e * W * W, W, d + (long)s0 * W, W, true);
            }
        }
    }
};
struct Cfg { int W, I, nL, nH, Hc, Lc, K, stride; };
template <int W>
static void transposed(const float* p, float* q, int I) {
    int k = 2 + D;
    for (int b = 0; b < k; b++) for (int i = 0; i < W; i++) for (int j = 0; j < W; j++) q[b * W * W + j * W + i] = p[b * W * W + i * W + j];
    p += k * W * W; q += k * W * W;
    for (int i = 0; i < W; i++) for (int j = 0; j < 2 * I; j++) q[(long)j * W + i] = p[(long)i * 2 * I + j];
    p += 2L * W * I; q += 2L * W * I;
    for (int i = 0; i < I; i++) for (int j = 0; j < W; j++) q[(long)j * I + i] = p[(long)i * W + j];
}
// head: V (K, W), bias (K, padded to 16), q (W), qb. targets (count, stride, K): 1, 0, or -1 for none; the first of the K decides what is right.
template <int W>
static void run(const Cfg& C, int count, const int32_t* sizes, const float* weights, const float* E, const float* head, const int8_t* kinds, float* zH, float* zL, const int8_t* targets,
                float* gweights, float* gE, float* ghead, float* logits, float* q, float* loss, int32_t* wrong, const float* kweight, float qweight, float scale) {
    int I = C.I, K = C.K; Net<W> net(C.stride, I); bool train = targets != nullptr;
    long bs = (2 + D) * W * W + 3L * W * I; int calls = C.Hc * (C.Lc * C.nL + C.nH);
    std::vector<Saved> sv;
    for (int i = 0; i < (train ? calls : 1); i++) sv.push_back(net.make(C.stride));
    if (!train) for (int i = 1; i < calls; i++) sv.push_back(sv[0]);
    float *wt = nullptr, *dH = nullptr, *dL = nullptr, *dx = nullptr;
    if (train) {
        wt = net.al(bs * (C.nL + C.nH)); for (int i = 0; i < C.nL + C.nH; i++) transposed<W>(weights + i * bs, wt + i * bs, I);
        dH = net.al((long)C.stride * W); dL = net.al((long)C.stride * W); dx = net.al((long)C.stride * W);
    }
    const float *V = head, *bias = head + K * W, *qw = bias + 16; float *gV = ghead, *gb = ghead + K * W, *gq = gb + 16;
    for (int r = 0; r < count; r++) {
        net.size(sizes[2 * r], sizes[2 * r + 1]); int N = net.N;
        float *H = zH + (long)r * C.stride * W, *L = zL + (long)r * C.stride * W; const int8_t* kd = kinds + (long)r * C.stride;
        int call = 0; size_t bytes = sizeof(float) * N * W;
        auto block = [&](int first, int k, bool more) {
            if (more) memcpy(sv[call].h, train ? sv[call - 1].h2 : sv[call].h2, bytes);
            net.forward(weights + (first + k) * bs, sv[call]); call++;
        };
        for (int hc = 0; hc < C.Hc; hc++) {
            for (int lc = 0; lc < C.Lc; lc++) {
                float* h = sv[call].h;
                for (int i = 0; i < N; i++) for (int j = 0; j < W; j += 16) st(h + (long)i * W + j, ld(L + (long)i * W + j) + ld(H + (long)i * W + j) + ld(E + kd[i] * W + j));
                for (int k = 0; k < C.nL; k++) block(0, k, k > 0);
                memcpy(L, sv[call - 1].h2, bytes);
            }
            float* h = sv[call].h;
            for (long i = 0; i < (long)N * W; i += 16) st(h + i, ld(L + i) + ld(H + i));
            for (int k = 0; k < C.nH; k++) block(C.nL, k, k > 0);
            memcpy(H, sv[call - 1].h2, bytes);
        }
        float* lo = logits + (long)r * C.stride * K;
        v16 pool[W / 16] = {};
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < W / 16; j++) pool[j] += ld(H + (long)i * W + 16 * j);
            for (int k = 0; k < K; k++) { v16 a = {}; for (int j = 0; j < W; j += 16) a += ld(H + (long)i * W + j) * ld(V + k * W + j); lo[i * K + k] = hsum(a) + bias[k]; }
        }
        float qv = qw[W];
        for (int j = 0; j < W / 16; j++) { pool[j] /= (float)N; qv += hsum(pool[j] * ld(qw + 16 * j)); }
        q[r] = qv;
        if (!train) continue;
        const int8_t* tg = targets + (long)r * C.stride * K;
        float total = 0; int bad = 0;
        memset(dL, 0, bytes); memset(dx, 0, bytes); memset(dH, 0, bytes);
        int have[16] = {}; for (int i = 0; i < N; i++) for (int k = 0; k < K; k++) have[k] += tg[i * K + k] >= 0;
        for (int i = 0; i < N; i++)
            for (int k = 0; k < K; k++) {
                int y = tg[i * K + k]; if (y < 0) continue;
                float x = lo[i * K + k], e = expf(-fabsf(x)), p = x >= 0 ? 1.f / (1.f + e) : e / (1.f + e);
                float w = kweight[k] / have[k];
                total += w * ((x > 0 ? x : 0) - x * y + log1pf(e));
                if (k == 0) bad += (x > 0) != (y > 0);
                float g = (p - y) * w * scale; gb[k] += g;
                for (int j = 0; j < W; j += 16) { float* d = dH + (long)i * W + j; st(d, ld(d) + ld(V + k * W + j) * g); float* z = gV + k * W + j; st(z, ld(z) + ld(H + (long)i * W + j) * g); }
            }
        loss[r] = total; wrong[r] = bad;
        float dq = (1.f / (1.f + expf(-qv)) - (bad ? 0.f : 1.f)) * qweight * scale;
        gq[W] += dq; for (int j = 0; j < W / 16; j++) st(gq + 16 * j, ld(gq + 16 * j) + pool[j] * dq);
        for (int i = 0; i < N; i++) for (int j = 0; j < W; j += 16) { float* d = dH + (long)i * W + j; st(d, ld(d) + ld(qw + j) * (dq / N)); }
        for (int hc = 0; hc < C.Hc; hc++) {
            for (int k = C.nH - 1; k >= 0; k--) { call--; net.backward(wt + (C.nL + k) * bs, gweights + (C.nL + k) * bs, sv[call], dH); }
            for (long i = 0; i < (long)N * W; i += 16) st(dL + i, ld(dL + i) + ld(dH + i));
            for (int lc = 0; lc < C.Lc; lc++) {
                for (int k = C.nL - 1; k >= 0; k--) { call--; net.backward(wt + k * bs, gweights + k * bs, sv[call], dL); }
                for (long i = 0; i < (long)N * W; i += 16) { v16 x = ld(dL + i); st(dH + i, ld(dH + i) + x); st(dx + i, ld(dx + i) + x); }
            }
        }
        for (int i = 0; i < N; i++) for (int j = 0; j < W; j += 16) { float* g = gE + kd[i] * W + j; st(g, ld(g) + ld(dx + (long)i * W + j)); }
    }
}
extern "C" void segment(const Cfg* C, int count, const int32_t* sizes, const float* weights, const float* E, const float* head, const int8_t* kinds, float* zH, float* zL, const int8_t* targets,
                        float* gweights, float* gE, float* ghead, float* logits, float* q, float* loss, int32_t* wrong, const float* kweight, float qweight, float scale) {
#define GO(w) if (C->W == w) run<w>(*C, count, sizes, weights, E, head, kinds, zH, zL, targets, gweights, gE, ghead, logits, q, loss, wrong, kweight, qweight, scale)
    GO(16); GO(32); GO(48); GO(64);
}
