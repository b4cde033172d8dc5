/* Which neighbours of a block of rows are within reach, and which of the two formulas
 * each takes; the squares of their distances go with them to the first pass.  What is
 * kept, and in which order, depends on the positions alone. */
#include <math.h>
#include <string.h>

#include "base/pack_lanes.h"
#include "potentials/gupta_list_pairs.h"

#define AHEAD 8 /* rows */

/* Neighbours of one sort: where the next row's go. */
typedef struct shelf {
    int32_t *kept, *vectors;
    double *squares;
    size_t filled; /* vectors */
} shelf;

/* ---- sixteen neighbours of a row: those below `start` and those from there to `end` ---- */

typedef struct taken {
    size_t near, far; /* entries */
} taken;

/* Of eight: squares of distances, also with the element's sign, and the borders. */
typedef struct measured {
    lanes square, squares, start, end;
} measured;

#if defined(__AVX512F__)
static inline size_t append(const shelf *s, size_t at, __m512i places,
                            const measured m[2], __mmask8 low, __mmask8 high) {
    const size_t lows = (size_t)__builtin_popcount(_cvtmask8_u32(low));
    _mm512_storeu_si512(
        s->kept + at, _mm512_maskz_compress_epi32(_mm512_kunpackb(high, low), places));
    _mm512_storeu_pd(s->squares + at, _mm512_maskz_compress_pd(low, m[0].squares));
    _mm512_storeu_pd(s->squares + at + lows,
                     _mm512_maskz_compress_pd(high, m[1].squares));
    return at + lows + (size_t)__builtin_popcount(_cvtmask8_u32(high));
}

static inline taken take(const shelf *near, const shelf *far, taken at,
                         const int32_t *index, const measured m[2], unsigned which) {
    const __m512i places = _mm512_loadu_si512(index);
    __mmask8 below[2], inside[2];
    for (int k = 0; k < 2; k++) {
        const __mmask8 all = _cvtu32_mask8(which >> 8 * k & 255);
        const __mmask8 above =
            _mm512_mask_cmp_pd_mask(all, m[k].square, m[k].start, _CMP_NLT_UQ);
        below[k] = _mm512_mask_cmp_pd_mask(all, m[k].square, m[k].start, _CMP_LT_OQ);
        inside[k] = _mm512_mask_cmp_pd_mask(above, m[k].square, m[k].end, _CMP_LT_OQ);
    }
    return (taken){append(near, at.near, places, m, below[0], below[1]),
                   append(far, at.far, places, m, inside[0], inside[1])};
}
#else
#if defined(__AVX2__)
static inline size_t append_four(int32_t *to, double *squares_to, const int32_t *places,
                                 __m256d squares, unsigned which) {
    const __m128i four = _mm_loadu_si128((const __m128i *)(const void *)places);
    const __m128i front =
        _mm_loadu_si128((const __m128i *)(const void *)hop__pack_lanes[which]);
    const __m256i doubles =
        _mm256_load_si256((const __m256i *)(const void *)hop__pack_doubles[which]);
    _mm_storeu_si128((__m128i *)(void *)to, _mm_shuffle_epi8(four, front));
    _mm256_storeu_pd(squares_to, _mm256_castps_pd(_mm256_permutevar8x32_ps(
                                     _mm256_castpd_ps(squares), doubles)));
    return (size_t)__builtin_popcount(which);
}

static inline size_t append(int32_t *to, double *squares_to, const int32_t *places,
                            lanes squares, unsigned which) {
    const size_t low = append_four(to, squares_to, places, squares.low, which & 15);
    return low + append_four(to + low, squares_to + low, places + 4, squares.high,
                             which >> 4);
}
#else
static inline size_t append(int32_t *to, double *squares_to, const int32_t *places,
                            lanes squares, unsigned which) {
    size_t count = 0;
    for (int l = 0; l < 8; l++) {
        to[count] = places[l];
        squares_to[count] = LANE(squares, l);
        count += which >> l & 1;
    }
    return count;
}
#endif

LANES_KERNEL taken take(const shelf *near, const shelf *far, taken at,
                        const int32_t *index, const measured m[2], unsigned which) {
    for (int k = 0; k < 2; k++, index += 8, which >>= 8) {
        const unsigned below = lanes_below(m[k].square, m[k].start) & which;
        const unsigned inside = lanes_below(m[k].square, m[k].end) & which & ~below;
        at.near += append(near->kept + at.near, near->squares + at.near, index,
                          m[k].squares, below & 255);
        at.far += append(far->kept + at.far, far->squares + at.far, index, m[k].squares,
                         inside & 255);
    }
    return at;
}
#endif

/* ---- rows ---- */

/* A row's `count` entries are in place: fill up the last vector with the atom itself, at a
   distance where it adds nothing, and describe the vectors, nearly always at most four. */
static inline void close_row(shelf *s, size_t row, size_t count, size_t i,
                             double nowhere) {
    const size_t whole = (count + 7) / 8, at = 8 * s->filled + count;
    int32_t *last = s->kept + at, *about = s->vectors + s->filled;
    for (size_t k = 0; k < 8; k++)
        last[k] = (int32_t)i;
    for (size_t k = 0; k < 8; k++)
        s->squares[at + k] = nowhere;
    for (size_t k = 0; k < 4; k++)
        about[k] = (int32_t)(16 * row + 8);
    for (size_t k = 4; k < whole; k++)
        about[k] = (int32_t)(16 * row + 8);
    if (whole > 0)
        about[whole - 1] -= (int32_t)(8 * whole - count);
    s->filled += whole;
}

LANES_KERNEL measured measure_eight(const hop__gupta_list *l, int kinds,
                                    const double *rates, vectors center,
                                    const int32_t *index) {
    const lanes_places places = lanes_gather(l->places, index);
    const lanes square = square_of(to_center(center, places)), element = places.w;
    return (measured){square, kinds == 2 ? lanes_signed(square, element) : square,
                      RATE(HOP__LIST_START), RATE(HOP__LIST_END)};
}

LANES_KERNEL void sort_row(const hop__gupta_list *l, int kinds, size_t i, size_t row,
                           shelf *near, shelf *far) {
    const double *rates = rates_of_row(l, kinds, i);
    const int32_t *index = l->neighbors->index + l->neighbors->first[i];
    const size_t count = (size_t)l->neighbors->count[i];
    const vectors center = broadcast(l->places + 4 * i);
    taken at = {8 * near->filled, 8 * far->filled};
    for (size_t k = 0; k < count; k += 16) {
        const unsigned all = count - k < 16 ? (1u << (count - k)) - 1 : 0xffffu;
        const measured m[2] = {measure_eight(l, kinds, rates, center, index + k),
                               measure_eight(l, kinds, rates, center, index + k + 8)};
        at = take(near, far, at, index + k, m, all);
    }
    close_row(near, row, at.near - 8 * near->filled, i, 1e24);
    /* those atoms themselves have this row's element */
    const size_t own = kinds == 1 ? 0 : (size_t)l->elements[i];
    const double end = rates[HOP__LIST_END * kinds + (int)own];
    close_row(far, row, at.far - 8 * far->filled, i,
              kinds == 2 && own == 1 ? -end : end);
}

/* ---- blocks ---- */

/* Rows follow places, not atoms: the processor would not foresee which comes. */
static inline void fetch_row(const hop__gupta_list *l, size_t i) {
    const int32_t *index = l->neighbors->index + l->neighbors->first[i];
    for (size_t k = 0; k < 64; k += 16)
        __builtin_prefetch(index + k);
    __builtin_prefetch(l->places + 4 * i);
}

LANES_KERNEL void filter_block(const hop__gupta_list *l, int kinds, size_t begin,
                               size_t end, size_t block, double *squares) {
    const size_t first = l->room[block], half = l->half[block];
    const size_t middle = first + half, atoms = l->neighbors->atoms;
    shelf near = {l->kept + first, l->vectors + first / 8, squares, 0};
    shelf far = {l->kept + middle, l->vectors + middle / 8, squares + half, 0};
    const int32_t *place = l->neighbors->place;
    for (size_t atom = begin; atom < end; atom++) {
        fetch_row(l, (size_t)place[atom + AHEAD < atoms ? atom + AHEAD : atom]);
        sort_row(l, kinds, (size_t)place[atom], atom - begin, &near, &far);
    }
    l->filled[2 * block] = (int32_t)near.filled;
    l->filled[2 * block + 1] = (int32_t)far.filled;
}

void VARIANT(hop__gupta_list_filter_)(const hop__gupta_list *l, size_t begin,
                                      size_t end, size_t block, double *squares) {
    FOR_KINDS(filter_block, l, begin, end, block, squares);
}
