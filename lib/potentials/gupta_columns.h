/* Columns of rows in memory, into lanes and back: x y z of atoms for the Gupta kernels of
   clusters, x y z w of places for those of neighbour lists. */
#ifndef HOP_POTENTIALS_GUPTA_COLUMNS_H
#define HOP_POTENTIALS_GUPTA_COLUMNS_H

#include "potentials/gupta_lanes.h"

/* x y z of eight atoms, three numbers each: four at `low`, four at `high`. */
#if defined(__AVX2__) && defined(__FMA__)
LANES_INLINE __m256d lanes_zs(const double *from, const int32_t *at) {
#define LANES_ATOM(l) (from + 3 * (size_t)at[l])
    __m128d a = _mm_loadh_pd(_mm_load_sd(LANES_ATOM(0) + 2), LANES_ATOM(1) + 2);
    __m128d b = _mm_loadh_pd(_mm_load_sd(LANES_ATOM(2) + 2), LANES_ATOM(3) + 2);
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(a), b, 1);
}
LANES_INLINE void lanes_xyz4(const double *from, const int32_t *at, __m256d v[3]) {
    __m256d a = _mm256_castpd128_pd256(_mm_loadu_pd(LANES_ATOM(0)));
    __m256d b = _mm256_castpd128_pd256(_mm_loadu_pd(LANES_ATOM(1)));
    a = _mm256_insertf128_pd(a, _mm_loadu_pd(LANES_ATOM(2)), 1);
    b = _mm256_insertf128_pd(b, _mm_loadu_pd(LANES_ATOM(3)), 1);
#undef LANES_ATOM
    v[0] = _mm256_unpacklo_pd(a, b);
    v[1] = _mm256_unpackhi_pd(a, b);
    v[2] = lanes_zs(from, at);
}
LANES_INLINE void lanes_put_xyz4(double *to, const int32_t *at, __m256d x, __m256d y,
                                 __m256d z) {
    const __m256d even = _mm256_unpacklo_pd(x, y), odd = _mm256_unpackhi_pd(x, y);
    double *a = to + 3 * (size_t)at[0], *b = to + 3 * (size_t)at[1],
           *c = to + 3 * (size_t)at[2], *d = to + 3 * (size_t)at[3];
    _mm_storeu_pd(a, _mm256_castpd256_pd128(even));
    _mm_storeu_pd(b, _mm256_castpd256_pd128(odd));
    _mm_storeu_pd(c, _mm256_extractf128_pd(even, 1));
    _mm_storeu_pd(d, _mm256_extractf128_pd(odd, 1));
    _mm_storel_pd(a + 2, _mm256_castpd256_pd128(z));
    _mm_storeh_pd(b + 2, _mm256_castpd256_pd128(z));
    _mm_storel_pd(c + 2, _mm256_extractf128_pd(z, 1));
    _mm_storeh_pd(d + 2, _mm256_extractf128_pd(z, 1));
}
LANES_INLINE void lanes_xyz(const double *from, const int32_t *low, const int32_t *high,
                            lanes v[3]) {
    __m256d a[3], b[3];
    lanes_xyz4(from, low, a);
    lanes_xyz4(from, high, b);
    for (int k = 0; k < 3; k++)
#if defined(__AVX512F__)
        v[k] = _mm512_insertf64x4(_mm512_castpd256_pd512(a[k]), b[k], 1);
#else
        v[k] = (lanes){a[k], b[k]};
#endif
}
LANES_INLINE void lanes_put_xyz(double *to, const int32_t *at, lanes x, lanes y,
                                lanes z) {
#if defined(__AVX512F__)
    lanes_put_xyz4(to, at, _mm512_castpd512_pd256(x), _mm512_castpd512_pd256(y),
                   _mm512_castpd512_pd256(z));
    lanes_put_xyz4(to, at + 4, _mm512_extractf64x4_pd(x, 1),
                   _mm512_extractf64x4_pd(y, 1), _mm512_extractf64x4_pd(z, 1));
#else
    lanes_put_xyz4(to, at, x.low, y.low, z.low);
    lanes_put_xyz4(to, at + 4, x.high, y.high, z.high);
#endif
}
#else
LANES_INLINE lanes lanes_column(const double *from, const int32_t *low,
                                const int32_t *high) {
    LANES_EACH(from[3 * (size_t)(l < 4 ? low[l] : high[l - 4])]);
}
LANES_INLINE void lanes_xyz(const double *from, const int32_t *low, const int32_t *high,
                            lanes v[3]) {
    for (int k = 0; k < 3; k++)
        v[k] = lanes_column(from + k, low, high);
}
LANES_INLINE void lanes_put_xyz(double *to, const int32_t *at, lanes x, lanes y,
                                lanes z) {
    for (int l = 0; l < 8; l++) {
        double *atom = to + 3 * (size_t)at[l];
        atom[0] = LANE(x, l);
        atom[1] = LANE(y, l);
        atom[2] = LANE(z, l);
    }
}
#endif

/* x y z w of eight places, four numbers each. */
typedef struct lanes_places {
    lanes x, y, z, w;
} lanes_places;

LANES_INLINE lanes_places lanes_gather(const double *place, const int32_t *index) {
#define LANES_PLACE(k) (place + 4 * (size_t)index[k])
    lanes a = lanes_halves(LANES_PLACE(0), LANES_PLACE(4));
    lanes b = lanes_halves(LANES_PLACE(1), LANES_PLACE(5));
    lanes c = lanes_halves(LANES_PLACE(2), LANES_PLACE(6));
    lanes d = lanes_halves(LANES_PLACE(3), LANES_PLACE(7));
#undef LANES_PLACE
    lanes xz = lanes_unpack_low(a, b), yw = lanes_unpack_high(a, b);
    lanes xz2 = lanes_unpack_low(c, d), yw2 = lanes_unpack_high(c, d);
    return (lanes_places){lanes_pairs_low(xz, xz2), lanes_pairs_low(yw, yw2),
                          lanes_pairs_high(xz, xz2), lanes_pairs_high(yw, yw2)};
}

#endif
