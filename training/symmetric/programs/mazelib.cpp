// Mazes of any size: made at random, with distances, arrows and the preferred shortest path.
#include <cstdint>
#include <cstring>
#include <vector>
#include <algorithm>
typedef uint32_t u32;
struct Rng { uint64_t s; u32 next() { s ^= s << 13; s ^= s >> 7; s ^= s << 17; return (u32)(s >> 32); } u32 below(u32 n) { return (uint64_t)next() * n >> 32; } double real() { return next() / 4294967296.0; } };
enum { WALL = 1, OPEN = 2, START = 3, GOAL = 4, PATH = 5 };
static void flood(int R, int C, const int8_t* g, int from, int16_t* d) {
    std::vector<int> q; q.reserve(R * C); for (int i = 0; i < R * C; i++) d[i] = -1;
    d[from] = 0; q.push_back(from);
    for (size_t k = 0; k < q.size(); k++) {
        int s = q[k], r = s / C, c = s % C;
        const int t[4] = {r ? s - C : -1, c ? s - 1 : -1, c + 1 < C ? s + 1 : -1, r + 1 < R ? s + C : -1};
        for (int x : t) if (x >= 0 && g[x] != WALL && d[x] < 0) d[x] = d[s] + 1, q.push_back(x);
    }
}
extern "C" {
void distances(int R, int C, const int8_t* g, int from, int16_t* d) { flood(R, C, g, from, d); }
// targets (S, 8): on the preferred path (down, right, up, left first); neighbour above, left, right, below is nearer to the goal. -1: none.
void targets(int R, int C, const int8_t* g, int16_t* dG, int16_t* dS, int8_t* t) {
    int S = R * C, a = -1, b = -1; for (int i = 0; i < S; i++) { if (g[i] == START) a = i; if (g[i] == GOAL) b = i; }
    flood(R, C, g, b, dG); flood(R, C, g, a, dS);
    for (int s = 0; s < S; s++) {
        int8_t* p = t + s * 8; int r = s / C, c = s % C;
        p[0] = g[s] == OPEN ? 0 : -1;
        const int n[4] = {r ? s - C : -1, c ? s - 1 : -1, c + 1 < C ? s + 1 : -1, r + 1 < R ? s + C : -1};
        for (int e = 0; e < 4; e++) p[1 + e] = dG[s] < 0 ? -1 : (n[e] >= 0 && dG[n[e]] >= 0 && dG[n[e]] == dG[s] - 1);
        for (int e = 0; e < 3; e++) p[5 + e] = dG[s] < 0 ? -1 : dG[s] % 3 == e;  // phase: distance modulo 3
    }
    int s = a;
    while (dG[s] > 1) { const int8_t* p = t + s * 8; s = p[4] ? s + C : p[3] ? s + 1 : p[1] ? s - C : s - 1; t[s * 8] = 1; }
}
// kind 0: scattered walls; 1: corridors without loops, some walls opened. Returns the moves from start to goal, or 0 where none fits.
int make(int R, int C, int kind, double share, double wind, int least, int most, uint64_t seed, int8_t* g) {
    Rng r{seed * 0x9E3779B97F4A7C15ull | 1}; for (int i = 0; i < 8; i++) r.next();
    int S = R * C;
    if (kind == 0) for (int i = 0; i < S; i++) g[i] = r.real() < share ? WALL : OPEN;
    else {
        for (int i = 0; i < S; i++) g[i] = WALL;
        std::vector<int> list; int s0 = r.below(S); g[s0] = OPEN; list.push_back(s0);
        auto touch = [&](int s) { int a = s / C, b = s % C, k = 0; if (a) k += g[s - C] == OPEN; if (b) k += g[s - 1] == OPEN; if (b + 1 < C) k += g[s + 1] == OPEN; if (a + 1 < R) k += g[s + C] == OPEN; return k; };
        while (!list.empty()) {
            int at = r.real() < wind ? (int)list.size() - 1 : r.below(list.size()), s = list[at], a = s / C, b = s % C, opt[4], k = 0;
            const int n[4] = {a ? s - C : -1, b ? s - 1 : -1, b + 1 < C ? s + 1 : -1, a + 1 < R ? s + C : -1};
            for (int x : n) if (x >= 0 && g[x] == WALL && touch(x) == 1) opt[k++] = x;
            if (!k) { list.erase(list.begin() + at); continue; }
            int x = opt[r.below(k)]; g[x] = OPEN; list.push_back(x);
        }
        for (int s = 0; s < S; s++) if (g[s] == WALL && touch(s) >= 2 && r.real() < share) g[s] = OPEN;
    }
    std::vector<int> open; for (int i = 0; i < S; i++) if (g[i] == OPEN) open.push_back(i);
    if (open.size() < 3) return 0;
    std::vector<int16_t> d(S); int a = open[r.below(open.size())];
    flood(R, C, g, a, d.data());
    if (r.real() < 0.5) { int best = a; for (int s : open) if (d[s] > d[best]) best = s; a = best; flood(R, C, g, a, d.data()); }
    std::vector<int> fit; for (int s : open) if (d[s] >= least && d[s] <= most) fit.push_back(s);
    if (fit.empty()) return 0;
    int b = fit[r.below(fit.size())];
    if (r.real() < 0.4) for (int s : fit) if (d[s] > d[b]) b = s;
    if (r.real() < 0.5) std::swap(a, b);
    g[a] = START; g[b] = GOAL; return d[g[b] == GOAL && d[b] ? b : a];
}
// whether the marked cells are exactly one shortest path
int right(int R, int C, const int8_t* g, const int8_t* mark) {
    int S = R * C, a = -1, b = -1, k = 0; std::vector<int8_t> h(S); std::vector<int16_t> d(S);
    for (int i = 0; i < S; i++) { if (g[i] == START) a = i; if (g[i] == GOAL) b = i; h[i] = g[i] == OPEN && !mark[i] ? WALL : g[i]; k += g[i] == OPEN && mark[i]; }
    flood(R, C, g, b, d.data()); int full = d[a];
    flood(R, C, h.data(), b, d.data()); return full > 0 && d[a] == full && k == full - 1;
}
}
