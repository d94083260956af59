// One segment of a symmetric model, board by board: what a board needs stays in the processor's cache and never becomes tensors.
// Compiled for one width: -DWIDTH=32. Arrays are float32, aligned to 64 bytes; states (boards, cells, digits, W).
#include "unit_block.h"

struct Shape {
    Board board;
    int inner, nonlinear, L_layers, H_layers, H_cycles, L_cycles;
};

constexpr int W = WIDTH;

// The calls of a segment in order: z_L <- L(z_L + z_H + x), L_cycles times, then z_H <- H(z_H + z_L); H_cycles times.
// `saved`: a record for each block call, or one for all if no gradient follows.
static void think(const Shape& shape, BlockOnBoard<W>& block, const float* M, const float* x, float* H, float* L, std::vector<Saved>& saved, bool keep) {
    const long N = (long)block.rows_ * W;
    int call = 0;
    auto run = [&](int first, int layers, float* z) {
        for (int k = 0; k < layers; k++) {
            Saved& now = saved[keep ? call : 0];
            if (k) memcpy(now.h, saved[keep ? call - 1 : 0].h2, sizeof(float) * N);
            block.forward(M + (first + k) * block.at.size, now);
            call++;
        }
        memcpy(z, saved[keep ? call - 1 : 0].h2, sizeof(float) * N);
    };
    for (int outer = 0; outer < shape.H_cycles; outer++) {
        for (int inner = 0; inner < shape.L_cycles; inner++) {
            float* h = saved[keep ? call : 0].h;
            for (long i = 0; i < N; i += 16) st(h + i, ld(L + i) + (ld(H + i) + ld(x + i)));
            run(0, shape.L_layers, L);
        }
        float* h = saved[keep ? call : 0].h;
        for (long i = 0; i < N; i += 16) st(h + i, ld(H + i) + ld(L + i));
        run(shape.L_layers, shape.H_layers, H);
    }
}

extern "C" {

// z_H, z_L: replaced by those after the segment.
void forward(const Shape* shape, int boards, const float* M, const float* x, float* z_H, float* z_L) {
    BlockOnBoard<W> block(shape->board, shape->inner, shape->nonlinear);
    std::vector<Saved> saved{block.make()};
    const long N = (long)block.rows_ * W;
    for (int b = 0; b < boards; b++) think(*shape, block, M, x + b * N, z_H + b * N, z_L + b * N, saved, false);
}

// From the states before the segment and the gradients of those after it: adds the gradients of the matrices to G, and replaces d_H and
// d_L by the gradients of the states before; d_x: gradient of x. z_H and z_L are overwritten. Mt: M with each matrix transposed.
void backward(const Shape* shape, int boards, const float* M, const float* Mt, const float* x, float* z_H, float* z_L, float* d_H, float* d_L, float* d_x, float* G) {
    BlockOnBoard<W> block(shape->board, shape->inner, shape->nonlinear);
    const int calls = shape->H_cycles * (shape->L_cycles * shape->L_layers + shape->H_layers);
    std::vector<Saved> saved;
    for (int i = 0; i < calls; i++) saved.push_back(block.make());
    const long N = (long)block.rows_ * W, size = block.at.size;
    for (int b = 0; b < boards; b++) {
        float *dH = d_H + b * N, *dL = d_L + b * N, *dx = d_x + b * N;
        think(*shape, block, M, x + b * N, z_H + b * N, z_L + b * N, saved, true);
        memset(dx, 0, sizeof(float) * N);
        int call = calls;
        auto back = [&](int first, int layers, float* d) {
            for (int k = layers - 1; k >= 0; k--) block.backward(Mt + (first + k) * size, G + (first + k) * size, saved[--call], d);
        };
        for (int outer = 0; outer < shape->H_cycles; outer++) {
            back(shape->L_layers, shape->H_layers, dH);
            for (long i = 0; i < N; i += 16) st(dL + i, ld(dL + i) + ld(dH + i));
            for (int inner = 0; inner < shape->L_cycles; inner++) {
                back(0, shape->L_layers, dL);
                for (long i = 0; i < N; i += 16) { v16 d = ld(dL + i); st(dH + i, ld(dH + i) + d); st(dx + i, ld(dx + i) + d); }
            }
        }
    }
}
}
