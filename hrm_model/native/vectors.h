// Vectors of 16 floats and small matrix products, for gcc and clang on any processor. Data is aligned to 64 bytes.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>
typedef float v16 __attribute__((vector_size(64)));
typedef int32_t i16 __attribute__((vector_size(64)));
typedef float v16a __attribute__((vector_size(64), may_alias));
#define AI static inline __attribute__((always_inline))
AI v16 ld(const float* p) { return *(const v16a*)p; }
AI void st(float* p, v16 x) { *(v16a*)p = x; }
AI v16 bc(float x) { return x - v16{}; }
AI v16 vexp(v16 x) {
    x = x < -87.f ? bc(-87.f) : x;
    x = x > 87.f ? bc(87.f) : x;
    v16 t = x * 1.44269504f + 12582912.f;  // rounds to the nearest integer
    v16 n = t - 12582912.f;
    v16 r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    v16 p = bc(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.f;
    i16 e = (__builtin_convertvector(n, i16) + 127) << 23;
    return p * (v16)e;
}
#ifdef __AVX512F__
#include <immintrin.h>
AI v16 sigm(v16 x) {
    __m512 y = _mm512_min_ps(_mm512_mul_ps((__m512)x, _mm512_set1_ps(-1.44269504f)), _mm512_set1_ps(60.f));
    __m512 n = _mm512_roundscale_ps(y, 0), r = _mm512_sub_ps(y, n);
    __m512 p = _mm512_set1_ps(1.33336498402e-3f);  // 2^r, |r| <= 1/2
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.61813548708e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.55036032e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.40226507e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.93147181e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.f));
    p = _mm512_add_ps(_mm512_scalef_ps(p, n), _mm512_set1_ps(1.f));
    __m512 z = _mm512_rcp14_ps(p);
    z = _mm512_mul_ps(z, _mm512_fnmadd_ps(p, z, _mm512_set1_ps(2.f)));
    return (v16)z;
}
AI float hsum(v16 x) { return _mm512_reduce_add_ps((__m512)x); }
#else
AI v16 sigm(v16 x) { return 1.f / (1.f + vexp(-x)); }
AI float hsum(v16 x) {
    float s = 0;
    for (int i = 0; i < 16; i++) s += x[i];
    return s;
}
#endif

template <int MR, int NV>
AI void mk(const float* a, long ar, long ak, const float* b, long bs, int K, float* c, long cs, bool acc) {
    v16 r[MR][NV];
    for (int i = 0; i < MR; i++)
        for (int j = 0; j < NV; j++) r[i][j] = acc ? ld(c + i * cs + 16 * j) : v16{};
    for (int k = 0; k < K; k++) {
        v16 bb[NV];
        for (int j = 0; j < NV; j++) bb[j] = ld(b + k * bs + 16 * j);
#pragma GCC unroll 16
        for (int i = 0; i < MR; i++) {
            v16 x = bc(a[i * ar + k * ak]);
#pragma GCC unroll 8
            for (int j = 0; j < NV; j++) r[i][j] += x * bb[j];
        }
    }
    for (int i = 0; i < MR; i++)
        for (int j = 0; j < NV; j++) st(c + i * cs + 16 * j, r[i][j]);
}
template <int MR, int NV>
AI void rows(int M, const float* a, long ar, long ak, const float* b, long bs, int K, float* c, long cs, bool acc) {
    int i = 0;
    for (; i + MR <= M; i += MR) mk<MR, NV>(a + i * ar, ar, ak, b, bs, K, c + i * cs, cs, acc);
    if constexpr (MR >= 8)
        for (; i + 4 <= M; i += 4) mk<4, NV>(a + i * ar, ar, ak, b, bs, K, c + i * cs, cs, acc);
    for (; i + 3 <= M; i += 3) mk<3, NV>(a + i * ar, ar, ak, b, bs, K, c + i * cs, cs, acc);
    for (; i < M; i++) mk<1, NV>(a + i * ar, ar, ak, b, bs, K, c + i * cs, cs, acc);
}
// c (M x N) = or += a (M x K; any strides) . b (K x N); N a multiple of 16
static void gemm(int M, int N, int K, const float* a, long ar, long ak, const float* b, long bs, float* c, long cs, bool acc) {
    int v = N / 16;
    for (int j = 0; j < v;) {
        int left = v - j;
        bool eight = M % 9 && M % 8 == 0;
        if (left == 4) { rows<6, 4>(M, a, ar, ak, b + 16 * j, bs, K, c + 16 * j, cs, acc); j += 4; }
        else if (left >= 3 && eight) { rows<8, 3>(M, a, ar, ak, b + 16 * j, bs, K, c + 16 * j, cs, acc); j += 3; }
        else if (left == 2 && eight) { rows<8, 2>(M, a, ar, ak, b + 16 * j, bs, K, c + 16 * j, cs, acc); j += 2; }
        else if (left >= 3) { rows<9, 3>(M, a, ar, ak, b + 16 * j, bs, K, c + 16 * j, cs, acc); j += 3; }
        else if (left == 2) { rows<9, 2>(M, a, ar, ak, b + 16 * j, bs, K, c + 16 * j, cs, acc); j += 2; }
        else { rows<9, 1>(M, a, ar, ak, b + 16 * j, bs, K, c + 16 * j, cs, acc); j += 1; }
    }
}
