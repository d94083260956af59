// Sudoku solver that counts guesses, and a climber toward puzzles that need many. Any size up to 25 x 25 with boxes bh x bw.
#include <cstdint>
#include <cstring>
#include <cmath>
#include <vector>
#include <algorithm>
typedef uint32_t u32;
struct Rng { uint64_t s; u32 next() { s ^= s << 13; s ^= s >> 7; s ^= s << 17; return (u32)(s >> 32); } u32 below(u32 n) { return (uint64_t)next() * n >> 32; } double real() { return next() / 4294967296.0; } };
static const int MAXN = 25, MAXS = 625;
struct Geo {
    int n, S, U; std::vector<int> unit; int of[MAXS][3]; std::vector<int> peers[MAXS];
    Geo(int bh, int bw) {
        n = bh * bw; S = n * n; U = 3 * n; unit.resize(U * n); std::vector<int> k(U, 0);
        for (int s = 0; s < S; s++) {
            int r = s / n, c = s % n; of[s][0] = r; of[s][1] = n + c; of[s][2] = 2 * n + r / bh * (n / bw) + c / bw;
            for (int j = 0; j < 3; j++) unit[of[s][j] * n + k[of[s][j]]++] = s;
        }
        for (int s = 0; s < S; s++) { std::vector<char> in(S, 0); for (int j = 0; j < 3; j++) for (int i = 0; i < n; i++) in[unit[of[s][j] * n + i]] = 1; in[s] = 0; for (int t = 0; t < S; t++) if (in[t]) peers[s].push_back(t); }
    }
};
struct Solver {
    const Geo& g; Rng* rng; long guesses, limit; int found, want; std::vector<int8_t> sols; u32 full;
    struct State { u32 c[MAXS]; int8_t v[MAXS]; int left; };
    std::vector<State> stack;
    Solver(const Geo& g) : g(g), rng(nullptr) { full = (1u << g.n) - 1; stack.resize(g.S + 2); }
    bool put(State& a, int s, u32 bit) {
        a.v[s] = __builtin_ctz(bit) + 1; a.c[s] = 0; a.left--;
        for (int p : g.peers[s]) if (a.c[p] & bit) { a.c[p] &= ~bit; if (!a.c[p]) return false; }
        return true;
    }
    bool propagate(State& a) {
        for (bool moved = true; moved;) {
            moved = false;
            for (int s = 0; s < g.S; s++) { u32 c = a.c[s]; if (c && !(c & (c - 1))) { if (!put(a, s, c)) return false; moved = true; } }
            if (moved) continue;
            for (int u = 0; u < g.U; u++) {
                u32 one = 0, two = 0, have = 0; const int* q = &g.unit[u * g.n];
                for (int i = 0; i < g.n; i++) { u32 c = a.c[q[i]]; two |= one & c; one |= c; if (a.v[q[i]]) have |= 1u << (a.v[q[i]] - 1); }
                if ((one | have) != full) return false;
                u32 h = one & ~two;
                if (h) for (int i = 0; i < g.n; i++) { u32 x = a.c[q[i]] & h; if (x) { if (x & (x - 1)) return false; if (!put(a, q[i], x)) return false; moved = true; } }
            }
        }
        return true;
    }
    void rec(int d) {
        State& a = stack[d];
        if (!propagate(a)) return;
        if (a.left == 0) { sols.insert(sols.end(), a.v, a.v + g.S); found++; return; }
        int best = -1, bc = 99, ties = 0;
        for (int s = 0; s < g.S; s++) if (a.c[s]) { int k = __builtin_popcount(a.c[s]); if (k < bc) bc = k, best = s, ties = 1; else if (k == bc && rng && rng->below(++ties) == 0) best = s; }
        u32 c = a.c[best]; int opts[MAXN], k = 0;
        while (c) { opts[k++] = __builtin_ctz(c); c &= c - 1; }
        if (rng) for (int i = k - 1; i > 0; i--) std::swap(opts[i], opts[rng->below(i + 1)]);
        for (int i = 0; i < k; i++) {
            guesses++;
            if (limit && guesses > limit) return;
            stack[d + 1] = a;
            if (put(stack[d + 1], best, 1u << opts[i])) rec(d + 1);
            if (found >= want) return;
        }
    }
    // number of solutions up to `want`; `ban`: a digit that may not stand in a cell
    int solve(const int8_t* p, int want_, int bancell = -1, int ban = 0, long limit_ = 0) {
        want = want_; found = 0; guesses = 0; limit = limit_; sols.clear();
        State& a = stack[0];
        for (int s = 0; s < g.S; s++) a.c[s] = full, a.v[s] = 0;
        a.left = g.S;
        if (bancell >= 0) a.c[bancell] &= ~(1u << (ban - 1));
        for (int s = 0; s < g.S; s++) if (p[s]) { if (!(a.c[s] >> (p[s] - 1) & 1)) return 0; if (!put(a, s, 1u << (p[s] - 1))) return 0; }
        rec(0);
        return found;
    }
};
extern "C" {
// solutions (first), number up to 2, guesses of a full search for two
void solve_all(int bh, int bw, int N, const int8_t* p, int8_t* sol, int32_t* count, int32_t* guesses, long limit) {
    Geo g(bh, bw); Solver s(g);
    for (int i = 0; i < N; i++) { count[i] = s.solve(p + i * g.S, 2, -1, 0, limit); guesses[i] = s.guesses; if (count[i]) memcpy(sol + i * g.S, s.sols.data(), g.S); }
}
// mean of log(1 + guesses) over `times` random orders
static double score(Solver& s, Rng& r, const int8_t* p, int times, long cap) {
    double t = 0; s.rng = &r;
    for (int i = 0; i < times; i++) { s.solve(p, 2, -1, 0, cap); t += log1p((double)s.guesses); }
    s.rng = nullptr; return t / times;
}
static void minimal(Solver& s, Rng& r, int8_t* p, int keep) {
    int S = s.g.S; std::vector<int> o;
    for (int i = 0; i < S; i++) if (p[i]) o.push_back(i);
    for (int i = (int)o.size() - 1; i > 0; i--) std::swap(o[i], o[r.below(i + 1)]);
    int clues = o.size();
    for (int i : o) { if (clues <= keep) break; int8_t v = p[i]; p[i] = 0; if (s.solve(p, 1, i, v)) p[i] = v; else clues--; }
}
// One chain: from a unique puzzle, `steps` moves; each accepted puzzle with score >= least is written. Returns how many.
int climb(int bh, int bw, int8_t* p, int steps, double temp, double least, double top, int times, double g1, double g2, uint64_t seed, int8_t* out, float* outscore, int room, float* end) {
    Geo gg(bh, bw); Solver s(gg); Rng r{seed * 0x9E3779B97F4A7C15ull | 1}; for (int i = 0; i < 10; i++) r.next();
    int S = gg.S, k = 0; double cur = score(s, r, p, times, 0);
    std::vector<int8_t> q(S);
    for (int t = 0; t < steps && k < room; t++) {
        memcpy(q.data(), p, S);
        double gr = r.real(); int gone = gr < g1 ? 1 : gr < g2 ? 2 : 3; std::vector<int> cl;
        for (int i = 0; i < S; i++) if (q[i]) cl.push_back(i);
        for (int j = 0; j < gone; j++) { int x = r.below(cl.size()); q[cl[x]] = 0; cl.erase(cl.begin() + x); }
        s.rng = &r;
        int added = 0; bool ok = true;
        while (s.solve(q.data(), 2) > 1) {
            if (++added > 8) { ok = false; break; }
            std::vector<int> diff;
            for (int i = 0; i < S; i++) if (s.sols[i] != s.sols[S + i]) diff.push_back(i);
            int c = diff[r.below(diff.size())]; q[c] = s.sols[r.below(2) * S + c];
        }
        s.rng = nullptr;
        if (!ok || !s.found) continue;
        minimal(s, r, q.data(), 0);
        double sc = score(s, r, q.data(), times, 0);
        if (sc >= least) { memcpy(out + (long)k * S, q.data(), S); outscore[k++] = sc; }
        if (sc >= cur || r.real() < exp((sc - cur) / temp)) {
            if (sc > top && sc > cur) continue;
            cur = sc; memcpy(p, q.data(), S);
        }
    }
    *end = cur;
    return k;
}

// From a full board: others near it (blank a share, solve again in random order), then take clues away down to `blanks` blanks, one solution always. 1 if reached.
int dig(int bh, int bw, int8_t* p, int8_t* sol, int shakes, double share, int blanks, long cap, uint64_t seed) {
    Geo g(bh, bw); Solver s(g); Rng r{seed * 0x9E3779B97F4A7C15ull | 1}; for (int i = 0; i < 10; i++) r.next();
    int S = g.S; std::vector<int8_t> q(S);
    for (int t = 0; t < shakes; t++) {
        for (int i = 0; i < S; i++) q[i] = r.real() < share ? 0 : p[i];
        s.rng = &r; if (s.solve(q.data(), 1, -1, 0, cap)) memcpy(p, s.sols.data(), S); s.rng = nullptr;
    }
    memcpy(sol, p, S);
    std::vector<int> o(S); for (int i = 0; i < S; i++) o[i] = i;
    for (int i = S - 1; i > 0; i--) std::swap(o[i], o[r.below(i + 1)]);
    int left = blanks;
    for (int i : o) { if (!left) break; int8_t v = p[i]; p[i] = 0; int f = s.solve(p, 1, i, v, cap); if (f || s.guesses > cap) p[i] = v; else left--; }
    return left == 0;
}
}
