#include "structure/neighbors_kernels.h"

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

typedef struct found {
    int32_t *order, *place, *spare_order, *spare_place;
    size_t count;
} found;

/* ---- atoms of one run of slots within reach ---- */

#if defined(__AVX512F__)
static void search_run(const hop__neighbor_search *s, size_t self, size_t begin,
                       size_t end, found *f) {
    const double *x = s->x, *y = s->y, *z = s->z;
    const int32_t *orders = s->order, *places = s->place;
    const size_t work = s->work;
    int32_t *restrict to_order = f->order, *restrict to_place = f->place;
    size_t count = f->count;
    const __m512d xi = _mm512_set1_pd(x[self]), yi = _mm512_set1_pd(y[self]),
                  zi = _mm512_set1_pd(z[self]), limit = _mm512_set1_pd(s->reach_square);
    const __m256i own = _mm256_set1_epi32(orders[self]);
    for (size_t k = begin; k < end; k += 8) {
        __mmask8 inside = end - k < 8 ? (__mmask8)((1u << (end - k)) - 1) : 0xff;
        __m512d dx = _mm512_sub_pd(_mm512_loadu_pd(x + k), xi);
        __m512d dy = _mm512_sub_pd(_mm512_loadu_pd(y + k), yi);
        __m512d dz = _mm512_sub_pd(_mm512_loadu_pd(z + k), zi);
        __m512d square =
            _mm512_add_pd(_mm512_add_pd(_mm512_mul_pd(dx, dx), _mm512_mul_pd(dy, dy)),
                          _mm512_mul_pd(dz, dz));
        __m256i order = _mm256_loadu_si256((const __m256i *)(orders + k));
        __m256i place = _mm256_loadu_si256((const __m256i *)(places + k));
        inside = _mm512_mask_cmp_pd_mask(inside, square, limit, _CMP_LT_OQ);
        inside = _mm256_mask_cmpneq_epi32_mask(inside, order, own);
        if (count + 8 <= work) {
            _mm256_storeu_si256((__m256i *)(to_order + count),
                                _mm256_maskz_compress_epi32(inside, order));
            _mm256_storeu_si256((__m256i *)(to_place + count),
                                _mm256_maskz_compress_epi32(inside, place));
        }
        count += (size_t)__builtin_popcount(inside);
    }
    f->count = count;
}
#elif defined(__AVX2__)
/* For each set of four lanes, the bytes that bring them to the front. */
static const int32_t pack[16][4] = {
#define LANE(n) (0x03020100 + 0x04040404 * (n))
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

static void search_run(const hop__neighbor_search *s, size_t self, size_t begin,
                       size_t end, found *f) {
    const double *x = s->x, *y = s->y, *z = s->z;
    const int32_t *orders = s->order, *places = s->place;
    const size_t work = s->work;
    int32_t *restrict to_order = f->order, *restrict to_place = f->place;
    size_t count = f->count;
    const __m256d xi = _mm256_set1_pd(x[self]), yi = _mm256_set1_pd(y[self]),
                  zi = _mm256_set1_pd(z[self]), limit = _mm256_set1_pd(s->reach_square);
    const __m128i own = _mm_set1_epi32(orders[self]);
    for (size_t k = begin; k < end; k += 4) {
        unsigned inside = end - k < 4 ? (1u << (end - k)) - 1 : 15u;
        __m256d dx = _mm256_sub_pd(_mm256_loadu_pd(x + k), xi);
        __m256d dy = _mm256_sub_pd(_mm256_loadu_pd(y + k), yi);
        __m256d dz = _mm256_sub_pd(_mm256_loadu_pd(z + k), zi);
        __m256d square =
            _mm256_add_pd(_mm256_add_pd(_mm256_mul_pd(dx, dx), _mm256_mul_pd(dy, dy)),
                          _mm256_mul_pd(dz, dz));
        __m128i order = _mm_loadu_si128((const __m128i *)(orders + k));
        __m128i place = _mm_loadu_si128((const __m128i *)(places + k));
        inside &=
            (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(square, limit, _CMP_LT_OQ));
        inside &=
            ~(unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(order, own)));
        __m128i front = _mm_loadu_si128((const __m128i *)pack[inside]);
        if (count + 8 <= work) {
            _mm_storeu_si128((__m128i *)(to_order + count),
                             _mm_shuffle_epi8(order, front));
            _mm_storeu_si128((__m128i *)(to_place + count),
                             _mm_shuffle_epi8(place, front));
        }
        count += (size_t)__builtin_popcount(inside);
    }
    f->count = count;
}
#else
static void search_run(const hop__neighbor_search *s, size_t self, size_t begin,
                       size_t end, found *f) {
    const double *x = s->x, *y = s->y, *z = s->z;
    const int32_t *orders = s->order, *places = s->place;
    const size_t work = s->work;
    int32_t *restrict to_order = f->order, *restrict to_place = f->place;
    size_t count = f->count;
    const double xi = x[self], yi = y[self], zi = z[self], limit = s->reach_square;
    const int32_t own = orders[self];
    for (size_t k = begin; k < end; k++) {
        double dx = x[k] - xi, dy = y[k] - yi, dz = z[k] - zi;
        double square = dx * dx + dy * dy + dz * dz;
        if (count + 8 <= work) {
            to_order[count] = orders[k];
            to_place[count] = places[k];
        }
        count += (size_t)((square < limit) & (orders[k] != own));
    }
    f->count = count;
}
#endif

/* The slots around a bin, column by column. */
typedef struct runs {
    int32_t bin;
    int count;
    size_t begin[9], end[9];
} runs;

static void find_runs(const hop__neighbor_search *s, int32_t bin, runs *r) {
    const int32_t nx = s->bins[0], ny = s->bins[1], nz = s->bins[2];
    const int32_t column = bin / nz, z = bin % nz;
    const int32_t first = column / (HOP__STRIP * ny) * HOP__STRIP;
    const int32_t width = nx - first < HOP__STRIP ? nx - first : HOP__STRIP;
    const int32_t inside = column - first * ny;
    const int32_t x = first + inside % width, y = inside / width;
    const int32_t below = z > s->span ? z - s->span : 0;
    const int32_t above = nz - 1 - z > s->span ? z + s->span : nz - 1;
    r->bin = bin;
    r->count = 0;
    for (int32_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < ny; v++)
        for (int32_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < nx; u++) {
            const int32_t *bins =
                s->start + (size_t)hop__neighbor_column(s->bins, u, v) * (size_t)nz;
            r->begin[r->count] = (size_t)bins[below];
            r->end[r->count++] = (size_t)bins[above + 1];
        }
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
        memcpy(rank, ranks, sizeof rank);
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

void VARIANT(hop__neighbor_rows_)(hop__neighbor_search *s, size_t begin, size_t end,
                                  int32_t *scratch) {
    const size_t stride = s->work + HOP__SLACK;
    size_t at = 0, left = 0, longest = 0;
    runs r = {.bin = -1};
    for (size_t row = begin; row < end; row++) {
        found f = {scratch, scratch + stride, scratch + 2 * stride,
                   scratch + 3 * stride, 0};
        if (s->bin[row] != r.bin)
            find_runs(s, s->bin[row], &r);
        for (int k = 0; k < r.count; k++)
            search_run(s, (size_t)s->slot[row], r.begin[k], r.end[k], &f);
        if (f.count > left) {
            left = f.count > CHUNK ? f.count : CHUNK;
            at = atomic_fetch_add_explicit(&s->used, left, memory_order_relaxed);
        }
        longest = f.count > longest ? f.count : longest;
        s->first[row] = at;
        s->count[row] = (int32_t)f.count;
        if (at + f.count <= s->capacity && f.count + 8 <= s->work)
            sort_row(s, &f, s->index + at);
        at += f.count;
        left -= f.count;
    }
    raise_to(&s->longest, longest);
}
