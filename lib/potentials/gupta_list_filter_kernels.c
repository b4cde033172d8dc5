/* Which neighbours of a block of rows are within reach, and which of the two formulas
 * each takes.  Single precision tells for nearly all; a row with a neighbour so close to
 * a border that it does not is sorted again in double precision, so that what is kept,
 * and in which order, depends on the positions alone. */
#include <math.h>
#include <string.h>

#include "base/pack_lanes.h"
#include "potentials/gupta_list_pairs.h"

/* Neighbours of one sort: where the next row's go. */
typedef struct shelf {
    int32_t *kept, *vectors;
    size_t filled; /* vectors */
} shelf;

typedef struct counts {
    size_t near, far;
    bool unsure;
} counts;

/* ---- in single precision, as squares of distances ---- */

#if defined(__AVX512F__)
/* Four rows of four, one in each quarter. */
static inline __m512 four_rows(const float *rows, const int32_t *at) {
    __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(rows + 4 * (size_t)at[0]));
    v = _mm512_insertf32x4(v, _mm_loadu_ps(rows + 4 * (size_t)at[4]), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(rows + 4 * (size_t)at[8]), 2);
    return _mm512_insertf32x4(v, _mm_loadu_ps(rows + 4 * (size_t)at[12]), 3);
}

/* Lane n: neighbour n. */
static inline __m512 squares(const float *rows, __m512 center, const int32_t *at) {
    __m512 a = four_rows(rows, at) - center, b = four_rows(rows, at + 1) - center;
    __m512 c = four_rows(rows, at + 2) - center, d = four_rows(rows, at + 3) - center;
    a *= a, b *= b, c *= c, d *= d;
    /* x + z of two rows, then their y */
    __m512d ab = _mm512_castps_pd(_mm512_unpacklo_ps(a, b) + _mm512_unpackhi_ps(a, b));
    __m512d cd = _mm512_castps_pd(_mm512_unpacklo_ps(c, d) + _mm512_unpackhi_ps(c, d));
    return _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)) +
           _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
}

static inline size_t append(int32_t *to, const int32_t *places, __mmask16 which) {
    _mm512_storeu_si512(to,
                        _mm512_maskz_compress_epi32(which, _mm512_loadu_si512(places)));
    return (size_t)__builtin_popcount(which);
}

static counts sort_roughly(const hop__gupta_list *l, size_t i, int32_t *near,
                           int32_t *far) {
    const float *rows = l->neighbors->rough;
    const int32_t *index = l->neighbors->index + l->neighbors->first[i];
    const size_t count = (size_t)l->neighbors->count[i];
    const __m512 center = _mm512_broadcast_f32x4(_mm_loadu_ps(rows + 4 * i));
    counts n = {0, 0, false};
    for (size_t k = 0; k < count; k += 16) {
        const __mmask16 all =
            count - k < 16 ? (__mmask16)((1u << (count - k)) - 1) : (__mmask16)0xffff;
        const __m512 square = squares(rows, center, index + k);
#define BELOW(which, limit)                                                            \
    _mm512_mask_cmp_ps_mask(which, square, _mm512_set1_ps(l->limit), _CMP_LT_OQ)
        const __mmask16 maybe = BELOW(all, outside_end);
        const __mmask16 is_near = BELOW(maybe, inside_start);
        const __mmask16 is_far =
            BELOW(maybe, inside_end) & ~BELOW(maybe, outside_start);
#undef BELOW
        n.unsure |= maybe != (is_near | is_far);
        n.near += append(near + n.near, index + k, is_near);
        n.far += append(far + n.far, index + k, is_far);
    }
    return n;
}
#elif defined(__AVX2__)
static inline __m256 two_rows(const float *rows, const int32_t *at) {
    return _mm256_insertf128_ps(
        _mm256_castps128_ps256(_mm_loadu_ps(rows + 4 * (size_t)at[0])),
        _mm_loadu_ps(rows + 4 * (size_t)at[4]), 1);
}

/* Lane n: neighbour n. */
static inline __m256 squares(const float *rows, __m256 center, const int32_t *at) {
    __m256 a = two_rows(rows, at) - center, b = two_rows(rows, at + 1) - center;
    __m256 c = two_rows(rows, at + 2) - center, d = two_rows(rows, at + 3) - center;
    a *= a, b *= b, c *= c, d *= d;
    /* x + z of two rows, then their y */
    __m256d ab = _mm256_castps_pd(_mm256_unpacklo_ps(a, b) + _mm256_unpackhi_ps(a, b));
    __m256d cd = _mm256_castps_pd(_mm256_unpacklo_ps(c, d) + _mm256_unpackhi_ps(c, d));
    return _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)) +
           _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd));
}

static inline size_t append_four(int32_t *to, const int32_t *places, unsigned which) {
    const __m128i four = _mm_loadu_si128((const __m128i *)(const void *)places);
    const __m128i front =
        _mm_loadu_si128((const __m128i *)(const void *)hop__pack_lanes[which]);
    _mm_storeu_si128((__m128i *)(void *)to, _mm_shuffle_epi8(four, front));
    return (size_t)__builtin_popcount(which);
}

static inline size_t append(int32_t *to, const int32_t *places, unsigned which) {
    const size_t low = append_four(to, places, which & 15);
    return low + append_four(to + low, places + 4, which >> 4);
}

static counts sort_roughly(const hop__gupta_list *l, size_t i, int32_t *near,
                           int32_t *far) {
    const float *rows = l->neighbors->rough;
    const int32_t *index = l->neighbors->index + l->neighbors->first[i];
    const size_t count = (size_t)l->neighbors->count[i];
    const __m256 center =
        _mm256_broadcast_ps((const __m128 *)(const void *)(rows + 4 * i));
    counts n = {0, 0, false};
    for (size_t k = 0; k < count; k += 8) {
        const unsigned all = count - k < 8 ? (1u << (count - k)) - 1 : 255u;
        const __m256 square = squares(rows, center, index + k);
#define BELOW(which, limit)                                                            \
    (which & (unsigned)_mm256_movemask_ps(                                             \
                 _mm256_cmp_ps(square, _mm256_set1_ps(l->limit), _CMP_LT_OQ)))
        const unsigned maybe = BELOW(all, outside_end);
        const unsigned is_near = BELOW(maybe, inside_start);
        const unsigned is_far = BELOW(maybe, inside_end) & ~BELOW(maybe, outside_start);
#undef BELOW
        n.unsure |= maybe != (is_near | is_far);
        n.near += append(near + n.near, index + k, is_near);
        n.far += append(far + n.far, index + k, is_far);
    }
    return n;
}
#else
static counts sort_roughly(const hop__gupta_list *l, size_t i, int32_t *near,
                           int32_t *far) {
    const float *rows = l->neighbors->rough, *from = rows + 4 * i;
    const int32_t *index = l->neighbors->index + l->neighbors->first[i];
    const size_t count = (size_t)l->neighbors->count[i];
    counts n = {0, 0, false};
    for (size_t k = 0; k < count; k++) {
        const float *at = rows + 4 * (size_t)index[k];
        const float x = at[0] - from[0], y = at[1] - from[1], z = at[2] - from[2];
        const float square = x * x + y * y + z * z;
        const bool is_near = square < l->inside_start && square < l->outside_end;
        const bool is_far = square < l->inside_end && !(square < l->outside_start);
        n.unsure |= square < l->outside_end && !is_near && !is_far;
        near[n.near] = far[n.far] = index[k];
        n.near += is_near;
        n.far += is_far;
    }
    return n;
}
#endif

/* ---- in double precision ---- */

/* Appends the places whose bits are set. */
static inline size_t append_bits(int32_t *to, const int32_t *places, unsigned which) {
    size_t count = 0;
    for (int l = 0; l < 8; l++) {
        to[count] = places[l];
        count += which >> l & 1;
    }
    return count;
}

LANES_KERNEL counts sort_exactly(const hop__gupta_list *l, int kinds, size_t i,
                                 int32_t *near, int32_t *far) {
    const double *rates = rates_of_row(l, kinds, i);
    const int32_t *index = l->neighbors->index + l->neighbors->first[i];
    const size_t count = (size_t)l->neighbors->count[i];
    const vectors center = broadcast(l->places + 4 * i);
    counts n = {0, 0, false};
    for (size_t k = 0; k < count; k += 8) {
        const unsigned all = count - k < 8 ? (1u << (count - k)) - 1 : 255u;
        const lanes_places places = lanes_gather(l->places, index + k);
        const lanes element = places.w, square = square_of(to_center(center, places));
        const unsigned inside = lanes_below(square, RATE(HOP__LIST_END)) & all;
        const unsigned start = lanes_below(square, RATE(HOP__LIST_START)) & all;
        n.near += append_bits(near + n.near, index + k, start);
        n.far += append_bits(far + n.far, index + k, inside & ~start);
    }
    return n;
}

/* ---- blocks ---- */

/* Rows follow places, not atoms: the processor would not foresee which comes. */
static inline void fetch_row(const hop__gupta_list *l, size_t i) {
    const int32_t *index = l->neighbors->index + l->neighbors->first[i];
    for (size_t k = 0; k < 64; k += 16)
        __builtin_prefetch(index + k);
    __builtin_prefetch(l->places + 4 * i);
}

/* A row's `count` entries are in place: fill up the last vector with the atom itself, and
   describe the vectors, nearly always at most four. */
static inline void close_row(shelf *s, size_t row, size_t count, size_t i) {
    const size_t whole = (count + 7) / 8;
    int32_t *last = s->kept + 8 * s->filled + count, *about = s->vectors + s->filled;
    for (size_t k = 0; k < 8; k++)
        last[k] = (int32_t)i;
    for (size_t k = 0; k < 4; k++)
        about[k] = (int32_t)(16 * row + 8);
    for (size_t k = 4; k < whole; k++)
        about[k] = (int32_t)(16 * row + 8);
    if (whole > 0)
        about[whole - 1] -= (int32_t)(8 * whole - count);
    s->filled += whole;
}

LANES_KERNEL void filter_block(const hop__gupta_list *l, int kinds, size_t begin,
                               size_t end, size_t block) {
    const size_t first = l->room[block], middle = (first + l->room[block + 1]) / 2;
    shelf near = {l->kept + first, l->vectors + first / 8, 0};
    shelf far = {l->kept + middle, l->vectors + middle / 8, 0};
    const int32_t *place = l->neighbors->place;
    for (size_t atom = begin; atom < end; atom++) {
        const size_t i = (size_t)place[atom];
        int32_t *to_near = near.kept + 8 * near.filled;
        int32_t *to_far = far.kept + 8 * far.filled;
        counts n = {0, 0, true};
        fetch_row(l, (size_t)place[atom + 3 < end ? atom + 3 : atom]);
        if (!l->sharp)
            n = sort_roughly(l, i, to_near, to_far);
        if (n.unsure)
            n = sort_exactly(l, kinds, i, to_near, to_far);
        close_row(&near, atom - begin, n.near, i);
        close_row(&far, atom - begin, n.far, i);
    }
    l->filled[2 * block] = (int32_t)near.filled;
    l->filled[2 * block + 1] = (int32_t)far.filled;
}

void VARIANT(hop__gupta_list_filter_)(const hop__gupta_list *l, size_t begin,
                                      size_t end, size_t block) {
    FOR_KINDS(filter_block, l, begin, end, block);
}
