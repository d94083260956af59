// One block of a symmetric model on one board: norm(h + mixing), then norm(h + SwiGLU(h)), and its gradient.
// A board's state is (cells, digits, W): row r = cell · digits + digit, W floats each. Matrices act from the right: y = x M.
#pragma once
#include "vectors.h"

struct Board {  // what all boards of a size share
    int digits, cells, units, units_of_cell, kinds;
    const int32_t *unit_cells, *unit_start, *unit_kind, *units_of;  // (.), (units + 1), (units), (cells, units_of_cell)
    float scale, eps;                                               // scale: of the means, √digits
};

// Where each matrix of a block lies: own, unit[kinds], digits, out (W × W each), if nonlinear unit_out[kinds] and digits_out,
// then gate_up (W × 2F) and down (F × W).
template <int W>
struct Places {
    long unit, digits, out, unit_out, digits_out, gate_up, down, size;
    Places(int kinds, int inner, int nonlinear) {
        const long m = (long)W * W;
        unit = m, digits = unit + kinds * m, out = digits + m, unit_out = out + m, digits_out = unit_out + kinds * m;
        gate_up = nonlinear ? digits_out + m : unit_out;
        down = gate_up + 2L * W * inner, size = down + (long)W * inner;
    }
};

// What a block's gradient needs of its forward pass.
struct Saved { float *h, *mixed, *h1, *r1, *gates, *h2, *r2, *unit_means, *digit_means, *unit_mid, *digit_mid; };

template <int W>
struct BlockOnBoard {
    const Board& board;
    const int F, rows_, nonlinear, T;
    const Places<W> at;
    std::vector<float*> owned;
    float *unit_message, *digit_message, *unit_gradient, *digit_gradient, *activated, *t1, *t2, *t3, *t4;

    float* room(long count) {
        float* p = (float*)aligned_alloc(64, (count * 4 + 63) / 64 * 64);
        owned.push_back(p);
        return p;
    }
    BlockOnBoard(const Board& b, int inner, int nonlinear)
        : board(b), F(inner), rows_(b.cells * b.digits), nonlinear(nonlinear), T(b.digits >= 27 ? b.digits : 27 / b.digits * b.digits), at(b.kinds, inner, nonlinear) {
        const long of_units = (long)b.units * b.digits * W, of_cells = (long)b.cells * W;
        unit_message = room(of_units), unit_gradient = room(of_units), digit_message = room(of_cells), digit_gradient = room(of_cells);
        activated = room(of_units > of_cells ? of_units : of_cells);
        t1 = room((long)T * W), t2 = room(2L * T * F), t3 = room((long)T * W), t4 = room((long)T * F);
    }
    BlockOnBoard(const BlockOnBoard&) = delete;
    ~BlockOnBoard() { for (float* p : owned) free(p); }

    Saved make() {
        const long n = rows_, of_units = (long)board.units * board.digits * W, of_cells = (long)board.cells * W;
        return Saved{room(n * W), room(n * W), room(n * W), room(n), room(2 * n * F), room(n * W), room(n),
                     room(of_units), room(of_cells), nonlinear ? room(of_units) : nullptr, nonlinear ? room(of_cells) : nullptr};
    }

    static void silu(const float* from, float* to, long count) {
        for (long i = 0; i < count; i += 16) { v16 x = ld(from + i); st(to + i, x * sigm(x)); }
    }
    // Means over the cells of each unit, for each digit, and over the digits of each cell; times `scale`.
    void means(const float* h, float* of_units, float* of_cells) {
        const long wide = (long)board.digits * W;
        for (int u = 0; u < board.units; u++) {
            const int from = board.unit_start[u], to = board.unit_start[u + 1];
            const float share = board.scale / (to - from);
            float* m = of_units + u * wide;
            for (long j = 0; j < wide; j += 16) {
                v16 sum = {};
                for (int k = from; k < to; k++) sum += ld(h + board.unit_cells[k] * wide + j);
                st(m + j, sum * share);
            }
        }
        const float share = board.scale / board.digits;
        for (int s = 0; s < board.cells; s++)
            for (int j = 0; j < W; j += 16) {
                v16 sum = {};
                for (int f = 0; f < board.digits; f++) sum += ld(h + s * wide + f * W + j);
                st(of_cells + (long)s * W + j, sum * share);
            }
    }
    // y = y / root mean square of (y + h), in place; r: the factor of each row
    void add_and_norm(float* y, const float* h, float* r, int rows) {
        for (int i = 0; i < rows; i++) {
            v16 squares = {};
            for (int j = 0; j < W; j += 16) { v16 x = ld(y + i * W + j) + ld(h + i * W + j); st(y + i * W + j, x); squares += x * x; }
            r[i] = 1.f / sqrtf(hsum(squares) / W + board.eps);
            for (int j = 0; j < W; j += 16) st(y + i * W + j, ld(y + i * W + j) * r[i]);
        }
    }
    void norm_gradient(float* d, const float* y, const float* r, int rows) {
        for (int i = 0; i < rows; i++) {
            v16 q = {};
            for (int j = 0; j < W; j += 16) q += ld(d + i * W + j) * ld(y + i * W + j);
            const float along = hsum(q) / W;
            for (int j = 0; j < W; j += 16) st(d + i * W + j, (ld(d + i * W + j) - ld(y + i * W + j) * along) * r[i]);
        }
    }

    void forward(const float* M, Saved& v) {  // v.h -> v.h2
        const int n = board.digits;
        means(v.h, v.unit_means, v.digit_means);
        float *unit_to = nonlinear ? v.unit_mid : unit_message, *digit_to = nonlinear ? v.digit_mid : digit_message;
        for (int u = 0; u < board.units; u++) {
            const long o = (long)u * n * W, kind = (long)board.unit_kind[u] * W * W;
            gemm(n, W, W, v.unit_means + o, W, 1, M + at.unit + kind, W, unit_to + o, W, false);
        }
        gemm(board.cells, W, W, v.digit_means, W, 1, M + at.digits, W, digit_to, W, false);
        if (nonlinear) {
            silu(unit_to, activated, (long)board.units * n * W);
            for (int u = 0; u < board.units; u++) {
                const long o = (long)u * n * W, kind = (long)board.unit_kind[u] * W * W;
                gemm(n, W, W, activated + o, W, 1, M + at.unit_out + kind, W, unit_message + o, W, false);
            }
            silu(digit_to, activated, (long)board.cells * W);
            gemm(board.cells, W, W, activated, W, 1, M + at.digits_out, W, digit_message, W, false);
        }
        for (int r0 = 0; r0 < rows_; r0 += T) {
            const int t = rows_ - r0 < T ? rows_ - r0 : T;
            float *h = v.h + (long)r0 * W, *m = v.mixed + (long)r0 * W, *h1 = v.h1 + (long)r0 * W, *g = v.gates + 2L * r0 * F, *h2 = v.h2 + (long)r0 * W;
            for (int i = 0; i < t; i++) {
                const int s = (r0 + i) / n, f = (r0 + i) % n;
                const int32_t* of = board.units_of + (long)s * board.units_of_cell;
                for (int j = 0; j < W; j += 16) {
                    v16 sum = ld(digit_message + (long)s * W + j);
                    for (int k = 0; k < board.units_of_cell; k++) sum += ld(unit_message + ((long)of[k] * n + f) * W + j);
                    st(m + i * W + j, sum);
                }
            }
            gemm(t, W, W, h, W, 1, M, W, m, W, true);
            silu(m, t1, (long)t * W);
            gemm(t, W, W, t1, W, 1, M + at.out, W, h1, W, false);
            add_and_norm(h1, h, v.r1 + r0, t);
            gemm(t, 2 * F, W, h1, W, 1, M + at.gate_up, 2 * F, g, 2 * F, false);
            for (int i = 0; i < t; i++)
                for (int j = 0; j < F; j += 16) {
                    v16 a = ld(g + (long)i * 2 * F + j), b = ld(g + (long)i * 2 * F + F + j);
                    st(t4 + (long)i * F + j, a * sigm(a) * b);
                }
            gemm(t, W, F, t4, F, 1, M + at.down, W, h2, W, false);
            add_and_norm(h2, h1, v.r2 + r0, t);
        }
    }

    // d: gradient of v.h2 on entry, of v.h on exit. Mt: each matrix transposed, in its own place. G: gradients of the matrices, added to.
    void backward(const float* Mt, float* G, Saved& v, float* d) {
        const int n = board.digits;
        memset(unit_gradient, 0, sizeof(float) * board.units * n * W);
        memset(digit_gradient, 0, sizeof(float) * board.cells * W);
        for (int r0 = 0; r0 < rows_; r0 += T) {
            const int t = rows_ - r0 < T ? rows_ - r0 : T;
            float *h = v.h + (long)r0 * W, *m = v.mixed + (long)r0 * W, *h1 = v.h1 + (long)r0 * W, *g = v.gates + 2L * r0 * F;
            float *h2 = v.h2 + (long)r0 * W, *dd = d + (long)r0 * W;
            norm_gradient(dd, h2, v.r2 + r0, t);
            gemm(t, F, W, dd, W, 1, Mt + at.down, F, t4, F, false);
            for (int i = 0; i < t; i++)
                for (int j = 0; j < F; j += 16) {
                    v16 a = ld(g + (long)i * 2 * F + j), b = ld(g + (long)i * 2 * F + F + j), q = ld(t4 + (long)i * F + j);
                    v16 s = sigm(a), as = a * s;
                    st(t2 + (long)i * 2 * F + j, q * b * (s + as * (1.f - s)));
                    st(t2 + (long)i * 2 * F + F + j, q * as);
                    st(t4 + (long)i * F + j, as * b);
                }
            gemm(F, W, t, t4, 1, F, dd, W, G + at.down, W, true);
            gemm(W, 2 * F, t, h1, 1, W, t2, 2 * F, G + at.gate_up, 2 * F, true);
            gemm(t, W, 2 * F, t2, 2 * F, 1, Mt + at.gate_up, W, dd, W, true);
            norm_gradient(dd, h1, v.r1 + r0, t);
            gemm(t, W, W, dd, W, 1, Mt + at.out, W, t3, W, false);
            for (int i = 0; i < t * W; i += 16) {
                v16 x = ld(m + i), s = sigm(x), xs = x * s;
                st(t1 + i, xs);
                st(t3 + i, ld(t3 + i) * (s + xs * (1.f - s)));
            }
            gemm(W, W, t, t1, 1, W, dd, W, G + at.out, W, true);
            gemm(W, W, t, h, 1, W, t3, W, G, W, true);
            gemm(t, W, W, t3, W, 1, Mt, W, dd, W, true);
            for (int i = 0; i < t; i++) {
                const int s = (r0 + i) / n, f = (r0 + i) % n;
                const int32_t* of = board.units_of + (long)s * board.units_of_cell;
                for (int j = 0; j < W; j += 16) {
                    v16 x = ld(t3 + i * W + j);
                    float* p = digit_gradient + (long)s * W + j;
                    st(p, ld(p) + x);
                    for (int k = 0; k < board.units_of_cell; k++) { p = unit_gradient + ((long)of[k] * n + f) * W + j; st(p, ld(p) + x); }
                }
            }
        }
        if (nonlinear) {
            for (int u = 0; u < board.units; u++) {
                const long o = (long)u * n * W, kind = at.unit_out + (long)board.unit_kind[u] * W * W;
                second_matrix_gradient(v.unit_mid + o, unit_gradient + o, n, Mt + kind, G + kind);
            }
            second_matrix_gradient(v.digit_mid, digit_gradient, board.cells, Mt + at.digits_out, G + at.digits_out);
        }
        for (int u = 0; u < board.units; u++) {
            const long o = (long)u * n * W, kind = at.unit + (long)board.unit_kind[u] * W * W;
            gemm(W, W, n, v.unit_means + o, 1, W, unit_gradient + o, W, G + kind, W, true);
            gemm(n, W, W, unit_gradient + o, W, 1, Mt + kind, W, unit_message + o, W, false);
            const float share = board.scale / (board.unit_start[u + 1] - board.unit_start[u]);
            for (int i = 0; i < n * W; i += 16) st(unit_message + o + i, ld(unit_message + o + i) * share);
        }
        gemm(W, W, board.cells, v.digit_means, 1, W, digit_gradient, W, G + at.digits, W, true);
        gemm(board.cells, W, W, digit_gradient, W, 1, Mt + at.digits, W, digit_message, W, false);
        const float share = board.scale / n;
        for (int r = 0; r < rows_; r++) {
            const int s = r / n, f = r % n;
            const int32_t* of = board.units_of + (long)s * board.units_of_cell;
            for (int j = 0; j < W; j += 16) {
                float* p = d + (long)r * W + j;
                v16 x = ld(p) + ld(digit_message + (long)s * W + j) * share;
                for (int k = 0; k < board.units_of_cell; k++) x += ld(unit_message + ((long)of[k] * n + f) * W + j);
                st(p, x);
            }
        }
    }
    // d: gradient after the second matrix of a message -> before its nonlinearity. mid: what went into that.
    void second_matrix_gradient(const float* mid, float* d, int rows, const float* Mt, float* G) {
        silu(mid, activated, (long)rows * W);
        gemm(W, W, rows, activated, 1, W, d, W, G, W, true);
        gemm(rows, W, W, d, W, 1, Mt, W, activated, W, false);
        for (long i = 0; i < (long)rows * W; i += 16) { v16 x = ld(mid + i), s = sigm(x); st(d + i, ld(activated + i) * (s + x * s * (1.f - s))); }
    }
};
