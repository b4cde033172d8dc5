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
#include "base/pack_lanes.h"

#include "potentials/stillinger_weber_legs.h"

/* ---- the neighbours within reach, and perhaps some just outside ---- */

#if defined(__AVX512F__)
/* Four rows of four, one in each quarter. */
static inline __m512 four_rows(const float *rows, const int32_t *at) {
    __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(rows + 4 * (size_t)at[0]));
    v = _mm512_insertf32x4(v, _mm_loadu_ps(rows + 4 * (size_t)at[4]), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(rows + 4 * (size_t)at[8]), 2);
    return _mm512_insertf32x4(v, _mm_loadu_ps(rows + 4 * (size_t)at[12]), 3);
}

static size_t filter(const float *positions, size_t center, const int32_t *row,
                     size_t count, float limit, int32_t *out) {
    const __m512 at = _mm512_broadcast_f32x4(_mm_loadu_ps(positions + 4 * center));
    const __m512 most = _mm512_set1_ps(limit);
    size_t found = 0;
    for (size_t k = 0; k < count; k += 16) {
        __m512 a = four_rows(positions, row + k) - at;
        __m512 b = four_rows(positions, row + k + 1) - at;
        __m512 c = four_rows(positions, row + k + 2) - at;
        __m512 d = four_rows(positions, row + k + 3) - at;
        a *= a, b *= b, c *= c, d *= d;
        /* x + z of two rows, then their y */
        __m512d ab =
            _mm512_castps_pd(_mm512_unpacklo_ps(a, b) + _mm512_unpackhi_ps(a, b));
        __m512d cd =
            _mm512_castps_pd(_mm512_unpacklo_ps(c, d) + _mm512_unpackhi_ps(c, d));
        __m512 square = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)) +
                        _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
        __mmask16 inside =
            count - k < 16 ? (__mmask16)((1u << (count - k)) - 1) : (__mmask16)0xffff;
        inside = _mm512_mask_cmp_ps_mask(inside, square, most, _CMP_LT_OQ);
        __m512i places = _mm512_loadu_si512(row + k);
        _mm512_storeu_si512(out + found, _mm512_maskz_compress_epi32(inside, places));
        found += (size_t)__builtin_popcount(inside);
    }
    return found;
}
#elif defined(__AVX2__)
static inline __m256 two_rows(const float *rows, const int32_t *at) {
    return _mm256_insertf128_ps(
        _mm256_castps128_ps256(_mm_loadu_ps(rows + 4 * (size_t)at[0])),
        _mm_loadu_ps(rows + 4 * (size_t)at[4]), 1);
}

static inline size_t append(int32_t *out, const int32_t *row, unsigned inside) {
    __m128i places = _mm_loadu_si128((const __m128i *)row);
    __m128i front = _mm_loadu_si128((const __m128i *)hop__pack_lanes[inside]);
    _mm_storeu_si128((__m128i *)out, _mm_shuffle_epi8(places, front));
    return (size_t)__builtin_popcount(inside);
}

static size_t filter(const float *positions, size_t center, const int32_t *row,
                     size_t count, float limit, int32_t *out) {
    const __m256 at = _mm256_broadcast_ps((const __m128 *)(positions + 4 * center));
    const __m256 most = _mm256_set1_ps(limit);
    size_t found = 0;
    for (size_t k = 0; k < count; k += 8) {
        __m256 a = two_rows(positions, row + k) - at;
        __m256 b = two_rows(positions, row + k + 1) - at;
        __m256 c = two_rows(positions, row + k + 2) - at;
        __m256 d = two_rows(positions, row + k + 3) - at;
        a *= a, b *= b, c *= c, d *= d;
        /* x + z of two rows, then their y */
        __m256d ab =
            _mm256_castps_pd(_mm256_unpacklo_ps(a, b) + _mm256_unpackhi_ps(a, b));
        __m256d cd =
            _mm256_castps_pd(_mm256_unpacklo_ps(c, d) + _mm256_unpackhi_ps(c, d));
        __m256 square = _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)) +
                        _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd));
        unsigned inside = count - k < 8 ? (1u << (count - k)) - 1 : 255u;
        inside &= (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(square, most, _CMP_LT_OQ));
        found += append(out + found, row + k, inside & 15u);
        found += append(out + found, row + k + 4, inside >> 4);
    }
    return found;
}
#else
static size_t filter(const float *positions, size_t center, const int32_t *row,
                     size_t count, float limit, int32_t *out) {
    const float *from = positions + 4 * center;
    size_t found = 0;
    for (size_t k = 0; k < count; k++) {
        const float *at = positions + 4 * (size_t)row[k];
        float x = at[0] - from[0], y = at[1] - from[1], z = at[2] - from[2];
        out[found] = row[k];
        found += x * x + y * y + z * z < limit;
    }
    return found;
}
#endif

/* Where coordinates are too large for floats. */
static size_t filter_exactly(const double *positions, size_t center, const int32_t *row,
                             size_t count, double limit, int32_t *out) {
    const double *from = positions + 4 * center;
    size_t found = 0;
    for (size_t k = 0; k < count; k++) {
        const double *at = positions + 4 * (size_t)row[k];
        double x = at[0] - from[0], y = at[1] - from[1], z = at[2] - from[2];
        out[found] = row[k];
        found += x * x + y * y + z * z < limit;
    }
    return found;
}

/* Of the row of place `i`; contributions of atoms beyond the reach are zero. */
static inline size_t filter_row(const hop__sw_system *s, size_t i, int32_t *out) {
    const hop__neighbors *list = s->list;
    const int32_t *row = list->index + list->first[i];
    const size_t count = (size_t)list->count[i];
    const double reach = s->element.reach;
    if (!(list->rough_error < 1.0))
        return filter_exactly(list->positions, i, row, count, reach * reach, out);
    /* two positions and the sum are rounded */
    const double most = reach * (1.0 + 1e-6) + 4.0 * list->rough_error;
    return filter(list->rough, i, row, count, (float)(most * most), out);
}

/* ---- memory in time: stillinger_weber_ahead.c ---- */

/* Inlined by force: a function that does nothing but prefetch is taken for one without
   effect, and its calls are left out. */
#define FETCH static inline __attribute__((always_inline))

FETCH void fetch(const void *at) { __builtin_prefetch(at, 0, 2); }
FETCH void fetch_to_write(const void *at) { __builtin_prefetch(at, 1, 3); }

#define WRITTEN 128 /* rows before room for results is needed */

/* The chunks of a block, a few with each of its predecessor's rows. */
typedef struct ahead {
    const int32_t *chunks;
    int32_t count, done;
    size_t begin; /* WRITTEN after the predecessor's first row */
} ahead;

static inline ahead ahead_of(const hop__sw_system *s, size_t block) {
    if (!s->ahead || (block + 1) * HOP__SW_BLOCK >= s->list->atoms)
        return (ahead){.count = 0};
    const int32_t *lines = s->ahead + HOP__SW_AHEAD * (block + 1);
    return (ahead){.chunks = lines + 1,
                   .count = lines[0],
                   .begin = block * HOP__SW_BLOCK + WRITTEN};
}

/* Whether another chunk is due at row `row` of the block, and which. */
static inline bool next_chunk(ahead *a, size_t row, size_t *chunk) {
    if (a->done * HOP__SW_BLOCK > a->count * (int32_t)row || a->done >= a->count)
        return false;
    *chunk = (size_t)a->chunks[a->done++];
    return true;
}

FETCH void fetch_bytes(const void *from, size_t bytes) {
    for (size_t at = 0; at < bytes; at += 64)
        fetch((const char *)from + at);
}

FETCH void fetch_for_moments(const hop__sw_system *s, ahead *a, size_t row) {
    size_t chunk;
    const size_t coming = a->begin + row;
    if (a->count > 0 && coming < s->list->atoms) {
        fetch_to_write(s->moments + 8 * coming);
        fetch_to_write(s->moment_pairs + 2 * coming);
        if (s->energies)
            fetch_to_write(s->energies + s->list->atom[coming]);
    }
    while (next_chunk(a, row, &chunk)) {
        fetch_bytes(s->list->rough + 4 * HOP__SW_CHUNK * chunk, 16 * HOP__SW_CHUNK);
        fetch_bytes(s->list->positions + 4 * HOP__SW_CHUNK * chunk, 32 * HOP__SW_CHUNK);
    }
}

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
        rows[i] = (int32_t)begin;
        sorted[i] = 0;
    }
}

/* Neighbour k of each lane; the atom itself where a lane has no more.  Rows of `scratch`
   have room for LANES more; up to LANES * LANES entries too many are written. */
static void fill_entries(const group *g, size_t begin, int32_t *scratch, size_t stride,
                         int32_t *entries) {
    const int32_t *rows[LANES];
    for (size_t l = 0; l < LANES; l++) {
        /* empty lanes are in the last group of all, whose block has rows to spare */
        const size_t at = l < g->lanes ? (size_t)g->rows[l] - begin : HOP__SW_BLOCK - 1;
        int32_t *row = scratch + at * stride;
        for (size_t k = (size_t)g->counts[l]; k < g->longest; k++)
            row[k] = g->rows[l];
        rows[l] = row;
    }
    for (size_t k = 0; k < g->longest; k += LANES) {
        interleave(rows, entries + k * LANES);
        for (int l = 0; l < LANES; l++)
            rows[l] += LANES;
    }
}

/* ---- sums over the neighbours of each atom ---- */

static inline void energies_of(const hop__sw_element e, size_t count, leg *l,
                               double *kept, bool usual) {
    for (size_t k = 0; k < count; k++) {
        base v = base_at(&e, l, k, usual);
        vec xp, xq;
        if (kept)
            keep_base(kept, k, &v, l[k].u, usual);
        if (usual)
            raise(&v);
        powers(&e, v.inverse, usual, &xp, &xq);
        l[k].inverse = v.inverse;
        l[k].g = v.g;
        l[k].phi = (xp - xq) * v.decay;
    }
}

static inline void find_energies(const hop__sw_element *e, size_t count, leg *l,
                                 double *kept) {
    if (e->usual)
        energies_of(*e, count, l, kept, true);
    else
        energies_of(*e, count, l, kept, false);
}

static inline vec contract(const sums *m) { /* T:T */
    vec diagonal = dot(m->t, m->t), off = dot(m->t + 3, m->t + 3);
    return fused(off, all(2.0), diagonal);
}

static void group_moments(hop__sw_system *s, const group *gr, int32_t *entries,
                          double *kept) {
    const hop__sw_element e = s->element;
    const vec zero = all(0.0);
    sums m = {{zero, zero, zero, zero, zero, zero}, {zero, zero, zero}, zero};
    vec center[3], pairs = zero, squares = zero;
    leg l[PART];
    gather3(s->list->positions, gr->rows, center);
    for (size_t from = 0; from < gr->longest; from += PART) {
        const size_t count = gr->longest - from < PART ? gr->longest - from : PART;
        find_vectors(s, gr, center, entries + from * LANES, from, count, l);
        find_energies(&e, count, l, kept ? kept + KEPT * LANES * from : NULL);
        for (size_t k = from; kept && k < from + count; k++)
            homes(s->list, entries + k * LANES, entries + k * LANES);
        for (size_t k = 0; k < count; k++) {
            const vec g = l[k].g, inverse = l[k].inverse;
            const vec nx = l[k].u[0] * inverse, ny = l[k].u[1] * inverse;
            const vec nz = l[k].u[2] * inverse;
            const vec gx = g * nx, gy = g * ny, gz = g * nz;
            pairs += l[k].phi;
            squares = fused(g, g, squares);
            m.s += g;
            m.v[0] += gx;
            m.v[1] += gy;
            m.v[2] += gz;
            m.t[0] = fused(gx, nx, m.t[0]);
            m.t[1] = fused(gy, ny, m.t[1]);
            m.t[2] = fused(gz, nz, m.t[2]);
            m.t[3] = fused(gy, nz, m.t[3]);
            m.t[4] = fused(gx, nz, m.t[4]);
            m.t[5] = fused(gx, ny, m.t[5]);
        }
    }
    const double c = e.cosine;
    vec triplets = contract(&m) - 2.0 * c * dot(m.v, m.v) + c * c * (m.s * m.s) -
                   (1.0 - c) * (1.0 - c) * squares;
    vec energy = 0.5 * (e.pair * pairs + e.triplet * triplets);
    for (size_t k = 0; k < gr->lanes && s->energies; k++)
        s->energies[s->list->atom[gr->rows[k]]] = energy[k];
    weigh(&e, &m);
    put_sums(&m, gr, s->moments, s->moment_pairs);
}

void VARIANT(hop__sw_moments_)(hop__sw_system *s, size_t block, int32_t *scratch) {
    const hop__neighbors *list = s->list;
    const size_t begin = block * HOP__SW_BLOCK, stride = list->longest + 32;
    const size_t n = rows_in(s, block);
    size_t counts[HOP__SW_BLOCK], total = 0;
    ahead next = ahead_of(s, block);
    for (size_t i = 0; i < n; i++) {
        fetch_for_moments(s, &next, i);
        counts[i] = filter_row(s, begin + i, scratch + i * stride);
    }
    sort_by_count(counts, begin, n, s->rows + begin, s->counts + begin);
    for (size_t first = 0; first < n; first += LANES)
        total += LANES * group_at(s, block, first).longest;
    total += LANES * LANES;
    size_t at =
        atomic_fetch_add_explicit(&s->entries_used, total, memory_order_relaxed);
    s->begins[block] = at;
    if (at + total > s->entry_capacity)
        return;
    for (size_t first = 0; first < n; first += LANES) {
        const group g = group_at(s, block, first);
        fill_entries(&g, begin, scratch, stride, s->entries + at);
        group_moments(s, &g, s->entries + at, s->kept ? s->kept + KEPT * at : NULL);
        at += LANES * g.longest;
    }
}

/* ---- forces ---- */

static inline void put_forces(const hop__sw_system *s, const group *gr, vec fx, vec fy,
                              vec fz) {
    for (size_t l = 0; l < gr->lanes; l++) {
        double *f = s->forces + 3 * (size_t)s->list->atom[gr->rows[l]];
        f[0] = fx[l];
        f[1] = fy[l];
        f[2] = fz[l];
    }
}

/* Sums of whole numbers, which no order changes: of 2^-10, and the rest of 2^-46. */
typedef struct whole {
    uvec high[6], low[6];
    vec largest;
} whole;

static inline void add_whole(whole *sum, int k, vec w) {
    const vec coarse = all(0x1.8p42), fine = all(0x1.8p6);
    const vec high = w + coarse, low = w - (high - coarse) + fine;
    sum->high[k] += (uvec)high - (uvec)coarse;
    sum->low[k] += (uvec)low - (uvec)fine;
    sum->largest = most(sum->largest, most(w, -w));
}

static void put_whole(hop__sw_virial *to, const whole *sum) {
    *to = (hop__sw_virial){.largest = 0.0};
    for (int l = 0; l < LANES; l++) {
        for (int k = 0; k < 6; k++) {
            to->high[k] += sum->high[k][l];
            to->low[k] += sum->low[k][l];
        }
        to->largest = fmax(to->largest, sum->largest[l]);
    }
}

/* h of one leg. */
static inline void leg_force(const leg *l, const sums *m, vec h[3]) {
    const vec n[3] = {l->u[0] * l->inverse, l->u[1] * l->inverse, l->u[2] * l->inverse};
    vec tn[3];
    times(m->t, n, tn);
    const vec ntn = dot(n, tn), nv = dot(n, m->v);
    const vec q = fused(ntn, all(0.5), m->s - nv);
    const vec a = fused(l->g1, q, l->a) - l->b * (ntn - nv);
    h[0] = fused(a, n[0], l->b * (tn[0] - m->v[0]));
    h[1] = fused(a, n[1], l->b * (tn[1] - m->v[1]));
    h[2] = fused(a, n[2], l->b * (tn[2] - m->v[2]));
}

static void group_forces(const hop__sw_system *s, const group *gr,
                         const int32_t *entries, const double *kept, whole *virial) {
    const vec zero = all(0.0), half = all(-0.5 * s->virial_scale);
    vec center[3], fx = zero, fy = zero, fz = zero;
    vec xx = zero, yy = zero, zz = zero, yz = zero, xz = zero, xy = zero;
    leg l[PART];
    gather3(s->list->positions, gr->rows, center);
    const sums mi = get_sums(gr->rows, s->moments, s->moment_pairs);
    for (size_t from = 0; from < gr->longest; from += PART) {
        const size_t count = gr->longest - from < PART ? gr->longest - from : PART;
        const int32_t *places = entries + from * LANES;
        if (!kept)
            find_vectors(s, gr, center, places, from, count, l);
        find_slopes(&s->element, count, l, kept ? kept + KEPT * LANES * from : NULL,
                    false);
        for (size_t k = 0; k < count; k++) {
            int32_t home[LANES];
            vec h[3];
            if (!kept)
                homes(s->list, places + k * LANES, home);
            const sums mj =
                get_sums(kept ? places + k * LANES : home, s->moments, s->moment_pairs);
            const sums m = across(&mi, &mj);
            leg_force(l + k, &m, h);
            const vec ux = l[k].u[0], uy = l[k].u[1], uz = l[k].u[2];
            fx += h[0];
            fy += h[1];
            fz += h[2];
            xx = fused(ux, h[0], xx);
            yy = fused(uy, h[1], yy);
            zz = fused(uz, h[2], zz);
            yz = fused(uy, h[2], yz);
            xz = fused(ux, h[2], xz);
            xy = fused(ux, h[1], xy);
        }
    }
    const vec w[6] = {half * xx, half * yy, half * zz, half * yz, half * xz, half * xy};
    for (int k = 0; k < 6; k++)
        add_whole(virial, k, w[k]);
    put_forces(s, gr, fx, fy, fz);
}

FETCH void fetch_sums(const hop__sw_system *s, size_t begin, size_t end) {
    fetch_bytes(s->list->positions + 4 * begin, 32 * HOP__SW_CHUNK);
    fetch_bytes(s->list->home + begin, 4 * HOP__SW_CHUNK);
    if (end <= s->list->atoms) {
        fetch_bytes(s->moments + 8 * begin, 64 * HOP__SW_CHUNK);
        fetch_bytes(s->moment_pairs + 2 * begin, 16 * HOP__SW_CHUNK);
        return;
    }
    for (size_t k = begin; k < end && k < s->list->images; k++) {
        const size_t home = (size_t)s->list->home[k];
        fetch(s->moments + 8 * home);
        fetch(s->moment_pairs + 2 * home);
    }
}

FETCH void fetch_for_forces(const hop__sw_system *s, ahead *a, size_t row) {
    size_t chunk;
    const size_t coming = a->begin + row;
    for (size_t k = 0; a->count > 0 && coming + k < s->list->atoms && k < LANES; k++)
        fetch_to_write(s->forces + 3 * (size_t)s->list->atom[coming + k]);
    while (next_chunk(a, row, &chunk))
        fetch_sums(s, HOP__SW_CHUNK * chunk, HOP__SW_CHUNK * (chunk + 1));
}

void VARIANT(hop__sw_forces_)(const hop__sw_system *s, size_t block) {
    const size_t n = rows_in(s, block);
    ahead coming = ahead_of(s, block);
    size_t at = s->begins[block];
    group next = group_at(s, block, 0);
    whole virial;
    memset(&virial, 0, sizeof virial);
    for (size_t first = 0; first < n; first += LANES) {
        const group g = next;
        fetch_for_forces(s, &coming, first);
        if (first + LANES < n)
            next = group_at(s, block, first + LANES);
        group_forces(s, &g, s->entries + at, s->kept ? s->kept + KEPT * at : NULL,
                     &virial);
        at += LANES * g.longest;
    }
    put_whole(&s->virials[block], &virial);
}
