/* The triplets of a centre i sum over pairs of legs j, k.  With g = exp(gamma sigma /
 * (r - a sigma)) and n = u / r of each leg and the sums over legs
 *
 *   S = sum g,  V = sum g n,  T = sum g n n,
 *
 *   sum_{j<k} (cos - c)^2 g_j g_k = (T:T - 2 c V.V + c^2 S^2 - (1 - c)^2 sum g^2) / 2,
 *
 * and the force between i and j needs only the sums of both:
 *
 *   h_ij = a n + b W,  W = 2 T n - 2 c V,  T = T_i + T_j,  V = V_i - V_j,  S = S_i + S_j,
 *   Q = n.T n - 2 c V.n + c^2 S - 2 (1 - c)^2 g,  b = g / r,
 *   a = dphi/dr + dg/dr Q - b n.W          (T, V, S, Q times lambda epsilon)
 *
 * Each atom adds up its own neighbours in the order of the list. */
#include "potentials/stillinger_weber_kernels.h"

#include "base/vector_math.h"
#include "potentials/stillinger_weber_lanes.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)

#define LEAST_EXPONENT (-100.0) /* beyond it there is nothing left but denormals */

/* ---- the neighbours within reach ---- */

#if defined(__AVX512F__)
static size_t filter(const double *positions, const double *center, const int32_t *row,
                     size_t count, double limit, int32_t *out) {
    const __m512d at = two_rows(center, center);
    const __m512d most = _mm512_set1_pd(limit);
    size_t found = 0;
    for (size_t k = 0; k < count; k += 8) {
#define ROW(l) (positions + 4 * (size_t)row[k + (l)])
        __m512d a = two_rows(ROW(0), ROW(2)) - at, b = two_rows(ROW(1), ROW(3)) - at;
        __m512d c = two_rows(ROW(4), ROW(6)) - at, d = two_rows(ROW(5), ROW(7)) - at;
#undef ROW
        a *= a, b *= b, c *= c, d *= d;
        __m512d ab = _mm512_unpacklo_pd(a, b) + _mm512_unpackhi_pd(a, b);
        __m512d cd = _mm512_unpacklo_pd(c, d) + _mm512_unpackhi_pd(c, d);
        __m512d square =
            _mm512_shuffle_f64x2(ab, cd, 0x88) + _mm512_shuffle_f64x2(ab, cd, 0xdd);
        __mmask8 inside = count - k < 8 ? (__mmask8)((1u << (count - k)) - 1) : 0xff;
        inside = _mm512_mask_cmp_pd_mask(inside, square, most, _CMP_LT_OQ);
        __m256i places = _mm256_loadu_si256((const __m256i *)(row + k));
        _mm256_storeu_si256((__m256i *)(out + found),
                            _mm256_maskz_compress_epi32(inside, places));
        found += (size_t)__builtin_popcount(inside);
    }
    return found;
}
#elif defined(__AVX2__)
/* For each set of four lanes, the bytes that bring them to the front. */
#define LANE(n) (0x03020100 + 0x04040404 * (n))
static const int32_t pack[16][4] = {
    {0, 0, 0, 0},
    {LANE(0), 0, 0, 0},
    {LANE(1), 0, 0, 0},
    {LANE(0), LANE(1), 0, 0},
    {LANE(2), 0, 0, 0},
    {LANE(0), LANE(2), 0, 0},
    {LANE(1), LANE(2), 0, 0},
    {LANE(0), LANE(1), LANE(2), 0},
    {LANE(3), 0, 0, 0},
    {LANE(0), LANE(3), 0, 0},
    {LANE(1), LANE(3), 0, 0},
    {LANE(0), LANE(1), LANE(3), 0},
    {LANE(2), LANE(3), 0, 0},
    {LANE(0), LANE(2), LANE(3), 0},
    {LANE(1), LANE(2), LANE(3), 0},
    {LANE(0), LANE(1), LANE(2), LANE(3)},
};

static size_t filter(const double *positions, const double *center, const int32_t *row,
                     size_t count, double limit, int32_t *out) {
    const __m256d at = _mm256_loadu_pd(center), most = _mm256_set1_pd(limit);
    size_t found = 0;
    for (size_t k = 0; k < count; k += 4) {
#define ROW(l) (_mm256_loadu_pd(positions + 4 * (size_t)row[k + (l)]) - at)
        __m256d a = ROW(0), b = ROW(1), c = ROW(2), d = ROW(3);
#undef ROW
        a *= a, b *= b, c *= c, d *= d;
        __m256d ab = _mm256_unpacklo_pd(a, b) + _mm256_unpackhi_pd(a, b);
        __m256d cd = _mm256_unpacklo_pd(c, d) + _mm256_unpackhi_pd(c, d);
        __m256d square = _mm256_permute2f128_pd(ab, cd, 0x20) +
                         _mm256_permute2f128_pd(ab, cd, 0x31);
        unsigned inside = count - k < 4 ? (1u << (count - k)) - 1 : 15u;
        inside &= (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(square, most, _CMP_LT_OQ));
        __m128i places = _mm_loadu_si128((const __m128i *)(row + k));
        __m128i front = _mm_loadu_si128((const __m128i *)pack[inside]);
        _mm_storeu_si128((__m128i *)(out + found), _mm_shuffle_epi8(places, front));
        found += (size_t)__builtin_popcount(inside);
    }
    return found;
}
#else
static size_t filter(const double *positions, const double *center, const int32_t *row,
                     size_t count, double limit, int32_t *out) {
    size_t found = 0;
    for (size_t k = 0; k < count; k++) {
        const double *at = positions + 4 * (size_t)row[k];
        double x = at[0] - center[0], y = at[1] - center[1], z = at[2] - center[2];
        out[found] = row[k];
        found += x * x + y * y + z * z < limit;
    }
    return found;
}
#endif

/* ---- groups ---- */

/* The rows of a block by the number of their neighbours, most first. */
static void sort_by_count(const size_t *counts, size_t begin, size_t n, int32_t *rows,
                          int32_t *sorted) {
    enum { CLASSES = 64 };
    int32_t at[CLASSES + 1] = {0};
    for (size_t i = 0; i < n; i++)
        at[CLASSES - (counts[i] < CLASSES ? counts[i] : CLASSES - 1)]++;
    for (int c = 1; c <= CLASSES; c++)
        at[c] += at[c - 1];
    for (size_t i = n; i-- > 0;) {
        size_t class = CLASSES - (counts[i] < CLASSES ? counts[i] : CLASSES - 1);
        size_t to = (size_t)--at[class];
        rows[to] = (int32_t)(begin + i);
        sorted[to] = (int32_t)counts[i];
    }
    for (size_t i = n; i < HOP__SW_BLOCK; i++) {
        rows[i] = -1;
        sorted[i] = 0;
    }
}

typedef struct group {
    const int32_t *rows;
    int32_t center[LANES]; /* rows, any for empty lanes */
    size_t longest;
    vec counts;
} group;

static group group_at(const hop__sw_system *s, size_t block, size_t first) {
    const size_t at = block * HOP__SW_BLOCK + first;
    group g = {.rows = s->rows + at, .longest = 0};
    for (int l = 0; l < LANES; l++) {
        size_t count = (size_t)s->counts[at + (size_t)l];
        g.center[l] = g.rows[l] < 0 ? (int32_t)(block * HOP__SW_BLOCK) : g.rows[l];
        g.counts[l] = (double)count;
        g.longest = count > g.longest ? count : g.longest;
    }
    return g;
}

/* Neighbour k of each lane; the atom itself where a lane has no more. */
static void fill_entries(const group *g, size_t begin, const int32_t *scratch,
                         size_t stride, int32_t *entries) {
    for (int l = 0; l < LANES; l++) {
        const int32_t *from = scratch + ((size_t)g->center[l] - begin) * stride;
        const size_t count = (size_t)g->counts[l];
        for (size_t k = 0; k < count; k++)
            entries[k * LANES + (size_t)l] = from[k];
        for (size_t k = count; k < g->longest; k++)
            entries[k * LANES + (size_t)l] = g->center[l];
    }
}

/* ---- one leg in each lane ---- */

typedef struct leg {
    mask here;
    vec u[3], n[3], inverse; /* from the centre to the neighbour; u/r; 1/r */
    vec t, rate;             /* sigma / (r - a sigma); -t^2/sigma, the slope of t */
    vec decay, g;            /* exp(t), exp(gamma t) */
    vec x;                   /* sigma/r */
} leg;

static inline leg leg_at(const hop__sw_system *s, const group *gr, const vec center[3],
                         const int32_t *places, size_t k, bool usual) {
    const hop__sw_element *e = &s->element;
    leg l;
    gather3(s->list->positions, places, l.u);
    for (int c = 0; c < 3; c++)
        l.u[c] -= center[c];
    l.here = below(all((double)k), gr->counts);
    vec r = choose(l.here, root(dot(l.u, l.u)), all(0.5 * e->barrier));
    vec gap = least(r - e->barrier, all(e->sigma / LEAST_EXPONENT));
    vec both = 1.0 / (r * gap);
    l.inverse = gap * both;
    l.t = e->sigma * (r * both);
    l.rate = l.t * l.t * (-1.0 / e->sigma);
    l.x = e->sigma * l.inverse;
    for (int c = 0; c < 3; c++)
        l.n[c] = l.u[c] * l.inverse;
    if (usual) {
        vec fifth = exponential(0.2 * l.t), square = fifth * fifth;
        l.decay = square * square * fifth;
        l.g = l.decay * fifth;
    } else {
        l.decay = exponential(l.t);
        l.g = exponential(-least(-e->gamma * l.t, all(700.0)));
    }
    return l;
}

static vec power(vec x, double p) {
    for (int l = 0; l < LANES; l++)
        x[l] = p == 0.0 ? 1.0 : hop__power(x[l], p);
    return x;
}

/* B x^p and x^q. */
static inline void powers(const hop__sw_element *e, const leg *l, bool usual, vec *xp,
                          vec *xq) {
    vec square = l->x * l->x;
    *xp = e->B * (usual ? square * square : power(l->x, e->p));
    *xq = usual ? all(1.0) : power(l->x, e->q);
}

static bool is_usual(const hop__sw_element *e) {
    return e->gamma == 1.2 && e->p == 4.0 && e->q == 0.0;
}

/* ---- sums over the neighbours of each atom ---- */

typedef struct sums {
    vec t[6], v[3], s; /* xx yy zz yz xz xy; x y z */
} sums;

static inline void put_sums(const sums *m, const int32_t *rows, double *eight, double *z,
                            double *s) {
    const vec columns[8] = {m->t[0], m->t[1], m->t[2], m->t[3],
                            m->t[4], m->t[5], m->v[0], m->v[1]};
    scatter8(eight, rows, columns);
    for (int l = 0; l < LANES; l++)
        if (rows[l] >= 0) {
            z[rows[l]] = m->v[2][l];
            s[rows[l]] = m->s[l];
        }
}

static inline sums get_sums(const int32_t *rows, const double *eight, const double *z,
                            const double *s) {
    sums m;
    vec columns[8];
    gather8(eight, rows, columns);
    for (int k = 0; k < 6; k++)
        m.t[k] = columns[k];
    m.v[0] = columns[6];
    m.v[1] = columns[7];
    m.v[2] = gather1(z, rows);
    m.s = gather1(s, rows);
    return m;
}

static inline vec contract(const sums *m) { /* T:T */
    vec diagonal = dot(m->t, m->t), off = dot(m->t + 3, m->t + 3);
    return fused(off, all(2.0), diagonal);
}

/* 2 lambda epsilon T, 2 c lambda epsilon V, c^2 lambda epsilon S. */
static inline void weigh(const hop__sw_element *e, sums *m) {
    for (int k = 0; k < 6; k++)
        m->t[k] *= 2.0 * e->triplet;
    for (int k = 0; k < 3; k++)
        m->v[k] *= 2.0 * e->triplet * e->cosine;
    m->s *= e->triplet * e->cosine * e->cosine;
}

static inline void group_moments(hop__sw_system *s, const group *gr, const int32_t *entries,
                                 bool usual) {
    const hop__sw_element *e = &s->element;
    sums m = {0};
    vec center[3], pairs = {0}, squares = {0};
    gather3(s->list->positions, gr->center, center);
    for (size_t k = 0; k < gr->longest; k++) {
        leg l = leg_at(s, gr, center, entries + k * LANES, k, usual);
        vec xp, xq, gn[3], g = only(l.here, l.g);
        powers(e, &l, usual, &xp, &xq);
        pairs += only(l.here, (xp - xq) * l.decay);
        squares = fused(g, g, squares);
        m.s += g;
        for (int c = 0; c < 3; c++) {
            gn[c] = g * l.n[c];
            m.v[c] += gn[c];
            m.t[c] = fused(gn[c], l.n[c], m.t[c]);
        }
        m.t[3] = fused(gn[1], l.n[2], m.t[3]);
        m.t[4] = fused(gn[0], l.n[2], m.t[4]);
        m.t[5] = fused(gn[0], l.n[1], m.t[5]);
    }
    const double c = e->cosine;
    vec triplets = contract(&m) - 2.0 * c * dot(m.v, m.v) + c * c * (m.s * m.s) -
                   (1.0 - c) * (1.0 - c) * squares;
    vec energy = 0.5 * (e->pair * pairs + e->triplet * triplets);
    for (int l = 0; l < LANES; l++)
        if (gr->rows[l] >= 0)
            s->energies[s->list->atom[gr->rows[l]]] = energy[l];
    weigh(e, &m);
    put_sums(&m, gr->rows, s->moments, s->moment_z, s->moment_s);
}

void VARIANT(hop__sw_moments_)(hop__sw_system *s, size_t block, int32_t *scratch) {
    const hop__neighbors *list = s->list;
    const size_t begin = block * HOP__SW_BLOCK, stride = list->longest + 16;
    const size_t n = list->atoms - begin < HOP__SW_BLOCK ? list->atoms - begin : HOP__SW_BLOCK;
    const double limit = s->element.reach * s->element.reach;
    size_t counts[HOP__SW_BLOCK], total = 0;
    for (size_t i = 0; i < n; i++)
        counts[i] = filter(list->positions, list->positions + 4 * (begin + i),
                           list->index + list->first[begin + i],
                           (size_t)list->count[begin + i], limit, scratch + i * stride);
    sort_by_count(counts, begin, n, s->rows + begin, s->counts + begin);
    for (size_t first = 0; first < n; first += LANES)
        total += LANES * group_at(s, block, first).longest;
    size_t at = atomic_fetch_add_explicit(&s->entries_used, total, memory_order_relaxed);
    s->begins[block] = at;
    if (at + total > s->entry_capacity)
        return;
    const bool usual = is_usual(&s->element);
    for (size_t first = 0; first < n; first += LANES) {
        const group g = group_at(s, block, first);
        fill_entries(&g, begin, scratch, stride, s->entries + at);
        if (usual)
            group_moments(s, &g, s->entries + at, true);
        else
            group_moments(s, &g, s->entries + at, false);
        at += LANES * g.longest;
    }
}

/* ---- forces ---- */

static inline void times(const vec t[6], const vec n[3], vec out[3]) {
    out[0] = fused(t[4], n[2], fused(t[5], n[1], t[0] * n[0]));
    out[1] = fused(t[3], n[2], fused(t[1], n[1], t[5] * n[0]));
    out[2] = fused(t[2], n[2], fused(t[3], n[1], t[4] * n[0]));
}

static inline sums across(const sums *i, const sums *j) {
    sums m;
    for (int k = 0; k < 6; k++)
        m.t[k] = i->t[k] + j->t[k];
    for (int k = 0; k < 3; k++)
        m.v[k] = i->v[k] - j->v[k];
    m.s = i->s + j->s;
    return m;
}

static inline void homes(const hop__neighbors *list, const int32_t *places, int32_t *out) {
    for (int l = 0; l < LANES; l++)
        out[l] = list->home[places[l]];
}

static inline void put_forces(const hop__sw_system *s, const group *gr, const vec f[3],
                              const vec w[6]) {
    static const int32_t each[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    const vec columns[8] = {f[0], f[1], f[2], w[0], w[1], w[2], w[3], w[4]};
    double rows[8 * LANES];
    scatter8(rows, each, columns);
    for (int l = 0; l < LANES; l++) {
        if (gr->rows[l] < 0)
            continue;
        size_t atom = (size_t)s->list->atom[gr->rows[l]];
        memcpy(s->forces + 3 * atom, rows + 8 * l, 3 * sizeof(double));
        memcpy(s->virials + 6 * atom, rows + 8 * l + 3, 5 * sizeof(double));
        s->virials[6 * atom + 5] = w[5][l];
    }
}

static inline void group_forces(const hop__sw_system *s, const group *gr,
                                const int32_t *entries, bool usual) {
    const hop__sw_element *e = &s->element;
    const double kappa = 2.0 * e->triplet * (1.0 - e->cosine) * (1.0 - e->cosine);
    vec center[3], f[3] = {{0}}, w[6] = {{0}};
    gather3(s->list->positions, gr->center, center);
    const sums mi = get_sums(gr->center, s->moments, s->moment_z, s->moment_s);
    for (size_t k = 0; k < gr->longest; k++) {
        const int32_t *places = entries + k * LANES;
        int32_t home[LANES];
        leg l = leg_at(s, gr, center, places, k, usual);
        homes(s->list, places, home);
        const sums mj = get_sums(home, s->moments, s->moment_z, s->moment_s);
        const sums m = across(&mi, &mj);
        vec xp, xq, tn[3], h[3];
        powers(e, &l, usual, &xp, &xq);
        vec slope = (e->p * xp - e->q * xq) * l.inverse;
        vec phi = e->pair * l.decay * fused(xp - xq, l.rate, -slope);
        vec g1 = e->gamma * l.rate * l.g, b = l.g * l.inverse;
        times(m.t, l.n, tn);
        vec ntn = dot(l.n, tn), nv = dot(l.n, m.v);
        vec q = fused(ntn, all(0.5), m.s - nv - kappa * l.g);
        vec a = fused(g1, q, phi) - b * (ntn - nv);
        for (int c = 0; c < 3; c++) {
            h[c] = only(l.here, fused(a, l.n[c], b * (tn[c] - m.v[c])));
            f[c] += h[c];
            w[c] = fused(l.u[c], h[c], w[c]);
        }
        w[3] = fused(l.u[1], h[2], w[3]);
        w[4] = fused(l.u[0], h[2], w[4]);
        w[5] = fused(l.u[0], h[1], w[5]);
    }
    for (int k = 0; k < 6; k++)
        w[k] *= -0.5;
    put_forces(s, gr, f, w);
}

void VARIANT(hop__sw_forces_)(const hop__sw_system *s, size_t block) {
    const size_t begin = block * HOP__SW_BLOCK;
    const size_t n = s->list->atoms - begin < HOP__SW_BLOCK ? s->list->atoms - begin
                                                            : HOP__SW_BLOCK;
    const int32_t *entries = s->entries + s->begins[block];
    const bool usual = is_usual(&s->element);
    for (size_t first = 0; first < n; first += LANES) {
        const group g = group_at(s, block, first);
        if (usual)
            group_forces(s, &g, entries, true);
        else
            group_forces(s, &g, entries, false);
        entries += LANES * g.longest;
    }
}
