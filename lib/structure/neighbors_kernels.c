#include "structure/neighbors_kernels.h"
#include "base/pack_lanes.h"

#include <stdbool.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)

#define CHUNK 512      /* entries a worker takes at a time */
#define RANK_LIMIT 512 /* longer rows are sorted in parts of this size */

/* What lies around a bin, coordinates from `origin`; then what of it is near an atom. */
typedef struct around {
    int32_t bin;
    size_t count;
    bool exact; /* floats would not tell: look at doubles */
    double origin[3];
    float *x, *y, *z;
    int32_t *order, *place;
} around;

typedef struct found {
    int32_t *order, *place, *spare_order, *spare_place;
    size_t count;
} found;

/* ---- the atoms and images around a bin ---- */

#define ROUGH 1e-5f /* of the reach: a pair this far beyond it may be listed */
#define FAR 32.0    /* in reaches: floats are within ROUGH up to here */

/* In whole vectors: what stands after the run is overwritten by the next one. */
#define WIDTH 16

static bool copy_run(const hop__neighbor_search *s, size_t begin, size_t end,
                     around *c) {
    const double far = FAR * s->reach;
    const double x0 = c->origin[0], y0 = c->origin[1], z0 = c->origin[2];
    int outside = 0;
    for (size_t from = begin; from < end; from += WIDTH) {
        const double *restrict x = s->x + from, *restrict y = s->y + from;
        const double *restrict z = s->z + from;
        const int32_t *restrict order = s->order + from, *restrict place =
                                                             s->place + from;
        const size_t at = c->count + (from - begin);
        float *restrict to_x = c->x + at, *restrict to_y = c->y + at;
        float *restrict to_z = c->z + at;
        int32_t *restrict to_order = c->order + at, *restrict to_place = c->place + at;
#pragma omp simd reduction(| : outside)
        for (int k = 0; k < WIDTH; k++) {
            double dx = x[k] - x0, dy = y[k] - y0, dz = z[k] - z0;
            to_x[k] = (float)dx;
            to_y[k] = (float)dy;
            to_z[k] = (float)dz;
            to_order[k] = order[k];
            to_place[k] = place[k];
            outside |= !(dx * dx + dy * dy + dz * dz < far * far);
        }
    }
    c->count += end - begin;
    return outside != 0;
}

/* `count` is right, and nothing else, when there is more than `work`. */
static void look_around(const hop__neighbor_search *s, size_t slot, int32_t bin,
                        around *c) {
    const int32_t nx = s->bins[0], ny = s->bins[1], nz = s->bins[2];
    const int32_t column = bin / nz, z = bin % nz;
    const int32_t first = column / (HOP__STRIP * ny) * HOP__STRIP;
    const int32_t width = nx - first < HOP__STRIP ? nx - first : HOP__STRIP;
    const int32_t inside = column - first * ny;
    const int32_t x = first + inside % width, y = inside / width;
    const int32_t below = z > s->span ? z - s->span : 0;
    const int32_t above = nz - 1 - z > s->span ? z + s->span : nz - 1;
    c->bin = bin;
    c->count = 0;
    c->exact = false;
    c->origin[0] = s->x[slot];
    c->origin[1] = s->y[slot];
    c->origin[2] = s->z[slot];
    for (int32_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < ny; v++)
        for (int32_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < nx; u++) {
            const int32_t *bins =
                s->start + (size_t)hop__neighbor_column(s->bins, u, v) * (size_t)nz;
            const size_t begin = (size_t)bins[below], end = (size_t)bins[above + 1];
            if (c->count + (end - begin) > s->work)
                c->count += end - begin;
            else if (copy_run(s, begin, end, c))
                c->exact = true;
        }
}

/* ---- those within reach of an atom ---- */

#if defined(__AVX512F__)
static void find_near(const around *c, const float at[3], float limit, int32_t own,
                      found *f) {
    const __m512 x = _mm512_set1_ps(at[0]), y = _mm512_set1_ps(at[1]);
    const __m512 z = _mm512_set1_ps(at[2]), most = _mm512_set1_ps(limit);
    const __m512i self = _mm512_set1_epi32(own);
    size_t count = 0;
    for (size_t k = 0; k < c->count; k += 16) {
        __m512 dx = _mm512_loadu_ps(c->x + k) - x, dy = _mm512_loadu_ps(c->y + k) - y;
        __m512 dz = _mm512_loadu_ps(c->z + k) - z;
        __m512 square = dx * dx + dy * dy + dz * dz;
        __m512i order = _mm512_loadu_si512(c->order + k);
        __m512i place = _mm512_loadu_si512(c->place + k);
        __mmask16 inside = c->count - k < 16 ? (__mmask16)((1u << (c->count - k)) - 1)
                                             : (__mmask16)0xffff;
        inside = _mm512_mask_cmp_ps_mask(inside, square, most, _CMP_LT_OQ);
        inside = _mm512_mask_cmpneq_epi32_mask(inside, order, self);
        _mm512_storeu_si512(f->order + count,
                            _mm512_maskz_compress_epi32(inside, order));
        _mm512_storeu_si512(f->place + count,
                            _mm512_maskz_compress_epi32(inside, place));
        count += (size_t)__builtin_popcount(inside);
    }
    f->count = count;
}
#elif defined(__AVX2__)
static inline void append(int32_t *to, const int32_t *from, unsigned inside) {
    __m128i four = _mm_loadu_si128((const __m128i *)from);
    __m128i front = _mm_loadu_si128((const __m128i *)hop__pack_lanes[inside]);
    _mm_storeu_si128((__m128i *)to, _mm_shuffle_epi8(four, front));
}

static void find_near(const around *c, const float at[3], float limit, int32_t own,
                      found *f) {
    const __m256 x = _mm256_set1_ps(at[0]), y = _mm256_set1_ps(at[1]);
    const __m256 z = _mm256_set1_ps(at[2]), most = _mm256_set1_ps(limit);
    const __m256i self = _mm256_set1_epi32(own);
    size_t count = 0;
    for (size_t k = 0; k < c->count; k += 8) {
        __m256 dx = _mm256_loadu_ps(c->x + k) - x, dy = _mm256_loadu_ps(c->y + k) - y;
        __m256 dz = _mm256_loadu_ps(c->z + k) - z;
        __m256 square = dx * dx + dy * dy + dz * dz;
        __m256i order = _mm256_loadu_si256((const __m256i *)(c->order + k));
        __m256 same = _mm256_castsi256_ps(_mm256_cmpeq_epi32(order, self));
        __m256 near = _mm256_andnot_ps(same, _mm256_cmp_ps(square, most, _CMP_LT_OQ));
        unsigned inside = c->count - k < 8 ? (1u << (c->count - k)) - 1 : 255u;
        inside &= (unsigned)_mm256_movemask_ps(near);
        for (int half = 0; half < 8; half += 4) {
            unsigned four = inside >> half & 15u;
            append(f->order + count, c->order + k + half, four);
            append(f->place + count, c->place + k + half, four);
            count += (size_t)__builtin_popcount(four);
        }
    }
    f->count = count;
}
#else
static void find_near(const around *c, const float at[3], float limit, int32_t own,
                      found *f) {
    size_t count = 0;
    for (size_t k = 0; k < c->count; k++) {
        float dx = c->x[k] - at[0], dy = c->y[k] - at[1], dz = c->z[k] - at[2];
        float square = dx * dx + dy * dy + dz * dz;
        f->order[count] = c->order[k];
        f->place[count] = c->place[k];
        count += (size_t)((square < limit) & (c->order[k] != own));
    }
    f->count = count;
}
#endif

static void find_exactly(const hop__neighbor_search *s, const around *c, size_t slot,
                         found *f) {
    const double limit = s->reach * s->reach;
    size_t count = 0;
    for (size_t k = 0; k < c->count; k++) {
        const double *at = s->positions + 4 * (size_t)c->place[k];
        double dx = at[0] - s->x[slot], dy = at[1] - s->y[slot],
               dz = at[2] - s->z[slot];
        f->order[count] = c->order[k];
        f->place[count] = c->place[k];
        count += (size_t)((dx * dx + dy * dy + dz * dz < limit) &
                          (c->order[k] != s->order[slot]));
    }
    f->count = count;
}

static void find_neighbors(const hop__neighbor_search *s, const around *c, size_t slot,
                           found *f) {
    const float at[3] = {(float)(s->x[slot] - c->origin[0]),
                         (float)(s->y[slot] - c->origin[1]),
                         (float)(s->z[slot] - c->origin[2])};
    const float most = (float)s->reach * (1.0f + ROUGH);
    if (c->exact)
        find_exactly(s, c, slot, f);
    else
        find_near(c, at, most * most, s->order[slot], f);
}

/* ---- sorting by `order` ---- */

#if defined(__AVX512F__)
#define RANKS 16
#elif defined(__AVX2__)
#define RANKS 8
#else
#define RANKS 4
#endif

typedef int32_t lanes __attribute__((vector_size(4 * RANKS)));

static inline lanes add_smaller(lanes ranks, lanes keys, int32_t key) {
#if defined(__AVX512F__)
    const __m512i other = _mm512_set1_epi32(key), one = _mm512_set1_epi32(1);
    const __mmask16 smaller = _mm512_cmplt_epi32_mask(other, (__m512i)keys);
    return (lanes)_mm512_mask_add_epi32((__m512i)ranks, smaller, (__m512i)ranks, one);
#else
    return ranks - (keys > key);
#endif
}

/* Each number's rank is how many are smaller: no branches, RANKS at once. */
static void sort_by_rank(const int32_t *order, const int32_t *place, size_t count,
                         int32_t *to_order, int32_t *to_place) {
    for (size_t block = 0; block < count; block += 2 * RANKS) {
        lanes keys[2], ranks[2] = {{0}, {0}};
        int32_t rank[2 * RANKS];
        memcpy(keys, order + block, sizeof keys);
        for (size_t k = 0; k < count; k++) {
            ranks[0] = add_smaller(ranks[0], keys[0], order[k]);
            ranks[1] = add_smaller(ranks[1], keys[1], order[k]);
        }
        memcpy(rank, &ranks[0], sizeof ranks[0]);
        memcpy(rank + RANKS, &ranks[1], sizeof ranks[1]);
        const size_t left = count - block < 2 * RANKS ? count - block : 2 * RANKS;
        for (size_t k = 0; k < left; k++)
            to_place[rank[k]] = place[block + k];
        for (size_t k = 0; to_order && k < left; k++)
            to_order[rank[k]] = order[block + k];
    }
}

static void merge(const found *f, size_t begin, size_t middle, size_t end) {
    size_t a = begin, b = middle;
    for (size_t k = begin; k < end; k++) {
        bool left = b >= end || (a < middle && f->order[a] < f->order[b]);
        size_t from = left ? a++ : b++;
        f->spare_order[k] = f->order[from];
        f->spare_place[k] = f->place[from];
    }
}

static void swap_spare(found *f) {
    found old = *f;
    *f = (found){old.spare_order, old.spare_place, old.order, old.place, old.count};
}

static void sort_long(found *f, int32_t *out) {
    for (size_t k = 0; k < f->count; k += RANK_LIMIT) {
        size_t part = f->count - k < RANK_LIMIT ? f->count - k : RANK_LIMIT;
        sort_by_rank(f->order + k, f->place + k, part, f->spare_order + k,
                     f->spare_place + k);
    }
    swap_spare(f);
    for (size_t width = RANK_LIMIT; width < f->count; width *= 2) {
        for (size_t k = 0; k < f->count; k += 2 * width) {
            size_t left = f->count - k;
            merge(f, k, k + (left < width ? left : width),
                  k + (left < 2 * width ? left : 2 * width));
        }
        swap_spare(f);
    }
    memcpy(out, f->place, f->count * sizeof *out);
}

static void sort_row(const hop__neighbor_search *s, found *f, int32_t *out) {
    if (s->bins[0] * s->bins[1] * s->bins[2] == 1) /* as they came */
        memcpy(out, f->place, f->count * sizeof *out);
    else if (f->count <= RANK_LIMIT)
        sort_by_rank(f->order, f->place, f->count, NULL, out);
    else
        sort_long(f, out);
}

static void raise_to(atomic_size_t *most, size_t value) {
    size_t now = atomic_load_explicit(most, memory_order_relaxed);
    while (now < value && !atomic_compare_exchange_weak(most, &now, value))
        continue;
}

/* Nine arrays of the scratch memory. */
static void share_out(int32_t *scratch, size_t stride, around *c, found *f) {
    *c = (around){.bin = -1,
                  .x = (float *)(scratch + 6 * stride),
                  .y = (float *)(scratch + 7 * stride),
                  .z = (float *)(scratch + 8 * stride),
                  .order = scratch + 4 * stride,
                  .place = scratch + 5 * stride};
    *f = (found){scratch, scratch + stride, scratch + 2 * stride, scratch + 3 * stride,
                 0};
}

void VARIANT(hop__neighbor_rows_)(hop__neighbor_search *s, size_t begin, size_t end,
                                  int32_t *scratch) {
    const size_t stride = s->work + HOP__SLACK;
    size_t at = 0, left = 0, longest = 0, most = 0;
    around c;
    found f;
    share_out(scratch, stride, &c, &f);
    for (size_t row = begin; row < end; row++) {
        const size_t slot = (size_t)s->slot[row];
        if (s->bin[row] != c.bin)
            look_around(s, slot, s->bin[row], &c);
        most = c.count > most ? c.count : most;
        if (c.count > s->work)
            continue;
        found g = f;
        find_neighbors(s, &c, slot, &g);
        if (g.count > left) {
            left = g.count > CHUNK ? g.count : CHUNK;
            at = atomic_fetch_add_explicit(&s->used, left, memory_order_relaxed);
        }
        longest = g.count > longest ? g.count : longest;
        s->first[row] = at;
        s->count[row] = (int32_t)g.count;
        if (at + g.count <= s->capacity)
            sort_row(s, &g, s->index + at);
        at += g.count;
        left -= g.count;
    }
    raise_to(&s->longest, longest);
    raise_to(&s->most, most);
}

/* ---- positions ---- */

typedef double four __attribute__((vector_size(32)));
typedef float four_floats __attribute__((vector_size(16)));

static inline void put_place(const hop__neighbor_places *p, size_t place,
                             const four *at) {
    const four_floats rough = __builtin_convertvector(*at, four_floats);
    memcpy(p->positions + 4 * place, at, sizeof *at);
    memcpy(p->rough + 4 * place, &rough, sizeof rough);
}

bool VARIANT(hop__neighbor_follow_)(const hop__neighbor_places *p, size_t begin,
                                    size_t end, double limit) {
    bool near = true;
    for (size_t i = begin; i < end; i++) {
        const double *x = p->x + 3 * (size_t)p->atom[i];
        __builtin_prefetch(p->x + 3 * (size_t)p->atom[i + HOP__SLACK]);
        four at = {x[0], x[1], x[2], 0.0}, shift, moved;
        memcpy(&shift, p->shift + 4 * i, sizeof shift);
        memcpy(&moved, p->built + 4 * i, sizeof moved);
        at = at + p->magic - p->magic + shift;
        moved -= at;
        moved *= moved;
        put_place(p, i, &at);
        near &= moved[0] + moved[1] + moved[2] < limit; /* not for NaN */
    }
    return near;
}

void VARIANT(hop__neighbor_repeat_)(const hop__neighbor_places *p, size_t begin,
                                    size_t end) {
    for (size_t k = begin; k < end; k++) {
        const double *x = p->x + 3 * (size_t)p->atom[k];
        four at = {x[0], x[1], x[2], 0.0}, home, shift;
        memcpy(&home, p->shift + 4 * (size_t)p->home[k], sizeof home);
        memcpy(&shift, p->shift + 4 * k, sizeof shift);
        at = at + p->magic - p->magic + home + shift;
        put_place(p, k, &at);
    }
}
