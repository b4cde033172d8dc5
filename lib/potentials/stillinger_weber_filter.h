/* From rows of the neighbour list, with skin: the neighbours within reach, and perhaps some
   just outside.  Included by kernels only. */
#ifndef HOP_POTENTIALS_STILLINGER_WEBER_FILTER_H
#define HOP_POTENTIALS_STILLINGER_WEBER_FILTER_H

#include "base/pack_lanes.h"
#include "potentials/stillinger_weber_lanes.h"
#include "structure/neighbors.h"

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

/* How far two atoms within `reach` may seem to be apart: both positions and the sum are
   rounded. */
static inline double roughly(const hop__neighbors *list, double reach) {
    return reach * (1.0 + 1e-6) + 4.0 * list->rough_error;
}

/* Of the row of place `i`; contributions of atoms beyond the reach are zero. */
static inline size_t filter_row(const hop__neighbors *list, double reach, size_t i,
                                int32_t *out) {
    const int32_t *row = list->index + list->first[i];
    const size_t count = (size_t)list->count[i];
    if (!(list->rough_error < 1.0))
        return filter_exactly(list->positions, i, row, count, reach * reach, out);
    const double most = roughly(list, reach);
    return filter(list->rough, i, row, count, (float)(most * most), out);
}

#endif
