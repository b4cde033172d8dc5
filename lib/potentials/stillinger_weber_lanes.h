/* Numbers side by side, LANES of them: 8 with AVX-512, 4 with AVX2, else 2.  Products are
   fused with additions, explicitly, on AVX2 and AVX-512, which therefore give the same
   bits; the portable variant differs in the last digits. */
#ifndef HOP_POTENTIALS_STILLINGER_WEBER_LANES_H
#define HOP_POTENTIALS_STILLINGER_WEBER_LANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define LANES 8
#elif defined(__AVX2__)
#define LANES 4
#else
#define LANES 2
#endif

typedef double vec __attribute__((vector_size(8 * LANES)));
typedef int64_t ivec __attribute__((vector_size(8 * LANES)));
typedef uint64_t uvec __attribute__((vector_size(8 * LANES)));

static inline vec all(double x) { return (vec){0} + x; }

static inline vec load(const double *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(double *p, vec v) { memcpy(p, &v, sizeof v); }

#if LANES < 8
/* Number 0 of each of the rows `at`. */
static inline vec gather_column(const double *rows, size_t stride, const int32_t *at) {
    double column[LANES];
    for (int l = 0; l < LANES; l++)
        column[l] = rows[stride * (size_t)at[l]];
    return load(column);
}
#endif

#if defined(__AVX512F__)

typedef __mmask8 mask;
static inline vec fused(vec a, vec b, vec c) { return _mm512_fmadd_pd(a, b, c); }
static inline vec root(vec a) { return _mm512_sqrt_pd(a); }
static inline vec least(vec a, vec b) { return _mm512_min_pd(a, b); }
static inline mask below(vec a, vec b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
static inline vec only(mask m, vec a) { return _mm512_maskz_mov_pd(m, a); }
static inline vec choose(mask m, vec a, vec b) { return _mm512_mask_blend_pd(m, b, a); }

/* Two rows of four, one in each half. */
static inline __m512d two_rows(const double *a, const double *b) {
    return _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(a)),
                              _mm256_loadu_pd(b), 1);
}

/* The columns of eight rows of four, `stride` apart. */
static inline void gather4(const double *rows, size_t stride, const int32_t *at,
                           vec out[4]) {
#define ROW(l) (rows + stride * (size_t)at[l])
    __m512d a = two_rows(ROW(0), ROW(2)), b = two_rows(ROW(1), ROW(3));
    __m512d c = two_rows(ROW(4), ROW(6)), d = two_rows(ROW(5), ROW(7));
#undef ROW
    __m512d ab = _mm512_unpacklo_pd(a, b), cd = _mm512_unpacklo_pd(c, d);
    __m512d ab1 = _mm512_unpackhi_pd(a, b), cd1 = _mm512_unpackhi_pd(c, d);
    out[0] = _mm512_shuffle_f64x2(ab, cd, 0x88);
    out[1] = _mm512_shuffle_f64x2(ab1, cd1, 0x88);
    out[2] = _mm512_shuffle_f64x2(ab, cd, 0xdd);
    out[3] = _mm512_shuffle_f64x2(ab1, cd1, 0xdd);
}

/* Columns 0, 1, 2 of rows of four. */
static inline void gather3(const double *rows, const int32_t *at, vec out[3]) {
    vec columns[4];
    gather4(rows, 4, at, columns);
    for (int c = 0; c < 3; c++)
        out[c] = columns[c];
}

static inline void gather8(const double *rows, const int32_t *at, vec out[8]) {
    gather4(rows, 8, at, out);
    gather4(rows + 4, 8, at, out + 4);
}

/* The columns of eight rows of two. */
static inline void gather2(const double *rows, const int32_t *at, vec out[2]) {
    __m512d half[2];
    for (int h = 0; h < 2; h++) { /* rows h, h+2, h+4, h+6 */
        const int32_t *p = at + h;
        half[h] = _mm512_castpd128_pd512(_mm_loadu_pd(rows + 2 * (size_t)p[0]));
        half[h] = _mm512_insertf64x2(half[h], _mm_loadu_pd(rows + 2 * (size_t)p[2]), 1);
        half[h] = _mm512_insertf64x2(half[h], _mm_loadu_pd(rows + 2 * (size_t)p[4]), 2);
        half[h] = _mm512_insertf64x2(half[h], _mm_loadu_pd(rows + 2 * (size_t)p[6]), 3);
    }
    out[0] = _mm512_unpacklo_pd(half[0], half[1]);
    out[1] = _mm512_unpackhi_pd(half[0], half[1]);
}

/* `count` rows of eight from their columns. */
static inline void scatter8(double *rows, const int32_t *at, size_t count,
                            const vec columns[8]) {
    static const int32_t each[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    vec out[8];
    gather8((const double *)columns, each, out);
    for (size_t l = 0; l < count; l++)
        store(rows + 8 * (size_t)at[l], out[l]);
}

/* The columns of eight rows of eight integers. */
static inline void interleave(const int32_t *const rows[8], int32_t *out) {
    __m256i r[8], s[8], t[8];
    for (int l = 0; l < 8; l++)
        r[l] = _mm256_loadu_si256((const __m256i *)rows[l]);
    for (int l = 0; l < 8; l += 2) {
        s[l] = _mm256_unpacklo_epi32(r[l], r[l + 1]);
        s[l + 1] = _mm256_unpackhi_epi32(r[l], r[l + 1]);
    }
    for (int h = 0; h < 8; h += 4)
        for (int odd = 0; odd < 2; odd++) {
            t[h + 2 * odd] = _mm256_unpacklo_epi64(s[h + odd], s[h + 2 + odd]);
            t[h + 2 * odd + 1] = _mm256_unpackhi_epi64(s[h + odd], s[h + 2 + odd]);
        }
    for (int k = 0; k < 4; k++) {
        _mm256_storeu_si256((__m256i *)(out + 8 * k),
                            _mm256_permute2x128_si256(t[k], t[k + 4], 0x20));
        _mm256_storeu_si256((__m256i *)(out + 8 * (k + 4)),
                            _mm256_permute2x128_si256(t[k], t[k + 4], 0x31));
    }
}

#elif defined(__AVX2__)

typedef ivec mask;
static inline vec fused(vec a, vec b, vec c) { return _mm256_fmadd_pd(a, b, c); }
static inline vec root(vec a) { return _mm256_sqrt_pd(a); }
static inline vec least(vec a, vec b) { return _mm256_min_pd(a, b); }
static inline mask below(vec a, vec b) { return a < b; }
static inline vec only(mask m, vec a) { return (vec)(m & (ivec)a); }
static inline vec choose(mask m, vec a, vec b) {
    return _mm256_blendv_pd(b, a, (vec)m);
}

/* The columns of four rows of four. */
static inline void transpose(const double *const rows[4], vec out[4]) {
    __m256d r0 = _mm256_loadu_pd(rows[0]), r1 = _mm256_loadu_pd(rows[1]);
    __m256d r2 = _mm256_loadu_pd(rows[2]), r3 = _mm256_loadu_pd(rows[3]);
    __m256d a = _mm256_unpacklo_pd(r0, r1), b = _mm256_unpackhi_pd(r0, r1);
    __m256d c = _mm256_unpacklo_pd(r2, r3), d = _mm256_unpackhi_pd(r2, r3);
    out[0] = _mm256_permute2f128_pd(a, c, 0x20);
    out[1] = _mm256_permute2f128_pd(b, d, 0x20);
    out[2] = _mm256_permute2f128_pd(a, c, 0x31);
    out[3] = _mm256_permute2f128_pd(b, d, 0x31);
}

static inline void gather3(const double *rows, const int32_t *at, vec out[3]) {
    vec columns[4];
    const double *const from[4] = {rows + 4 * (size_t)at[0], rows + 4 * (size_t)at[1],
                                   rows + 4 * (size_t)at[2], rows + 4 * (size_t)at[3]};
    transpose(from, columns);
    for (int c = 0; c < 3; c++)
        out[c] = columns[c];
}

static inline void gather8(const double *rows, const int32_t *at, vec out[8]) {
    const double *const low[4] = {rows + 8 * (size_t)at[0], rows + 8 * (size_t)at[1],
                                  rows + 8 * (size_t)at[2], rows + 8 * (size_t)at[3]};
    const double *const high[4] = {low[0] + 4, low[1] + 4, low[2] + 4, low[3] + 4};
    transpose(low, out);
    transpose(high, out + 4);
}

static inline void scatter8(double *rows, const int32_t *at, size_t count,
                            const vec columns[8]) {
    for (int half = 0; half < 2; half++) {
        const double *const from[4] = {(const double *)(columns + 4 * half),
                                       (const double *)(columns + 4 * half + 1),
                                       (const double *)(columns + 4 * half + 2),
                                       (const double *)(columns + 4 * half + 3)};
        vec out[4];
        transpose(from, out);
        for (size_t l = 0; l < count; l++)
            store(rows + 8 * (size_t)at[l] + 4 * half, out[l]);
    }
}

#else

typedef ivec mask;
static inline vec fused(vec a, vec b, vec c) { return a * b + c; }
static inline vec root(vec a) {
    for (int l = 0; l < LANES; l++)
        a[l] = sqrt(a[l]);
    return a;
}
static inline mask below(vec a, vec b) { return a < b; }
static inline vec only(mask m, vec a) { return (vec)(m & (ivec)a); }
static inline vec choose(mask m, vec a, vec b) {
    return (vec)((m & (ivec)a) | (~m & (ivec)b));
}
static inline vec least(vec a, vec b) { return choose(below(a, b), a, b); }

static inline void gather3(const double *rows, const int32_t *at, vec out[3]) {
    for (int c = 0; c < 3; c++)
        out[c] = gather_column(rows + c, 4, at);
}

static inline void gather8(const double *rows, const int32_t *at, vec out[8]) {
    for (int c = 0; c < 8; c++)
        out[c] = gather_column(rows + c, 8, at);
}

static inline void scatter8(double *rows, const int32_t *at, size_t count,
                            const vec columns[8]) {
    for (size_t l = 0; l < count; l++)
        for (int c = 0; c < 8; c++)
            rows[8 * (size_t)at[l] + (size_t)c] = columns[c][l];
}

#endif

#if LANES < 8
/* The columns of LANES rows of LANES integers. */
static inline void interleave(const int32_t *const rows[LANES], int32_t *out) {
    for (int k = 0; k < LANES; k++)
        for (int l = 0; l < LANES; l++)
            out[k * LANES + l] = rows[l][k];
}

static inline void gather2(const double *rows, const int32_t *at, vec out[2]) {
    out[0] = gather_column(rows, 2, at);
    out[1] = gather_column(rows + 1, 2, at);
}
#endif

static inline vec most(vec a, vec b) { return -least(-a, -b); }

static inline vec dot(const vec a[3], const vec b[3]) {
    return fused(a[2], b[2], fused(a[1], b[1], a[0] * b[0]));
}

/* exp(x) for -708 < x < 708 within 1 ulp: Cody and Waite's reduction, then
   1 + r + r^2 q(r) with the minimax polynomial of degree 9 (error 4e-18), summed in pairs
   so that little has to wait. */
static inline vec exponential(vec x) {
    const vec magic = all(6755399441055744.0); /* 1.5 * 2^52: rounds to an integer */
    vec shifted = fused(x, all(1.4426950408889634074), magic), k = shifted - magic;
    vec high = fused(k, all(-6.93147180369123816490e-01), x);
    vec r = fused(k, all(-1.90821492927058770002e-10), high);
    vec r2 = r * r, r4 = r2 * r2;
    vec q01 = fused(all(0.16666666666666412518), r, all(0.50000000000000106272));
    vec q23 = fused(all(0.0083333333334944636818), r, all(0.041666666666530157572));
    vec q45 = fused(all(0.00019841269506575745492), r, all(0.0013888888943630379832));
    vec q67 = fused(all(2.7557586375678645834e-6), r, all(0.000024801493098635329606));
    vec q89 = fused(all(2.5000061183251387353e-8), r, all(2.7630248473168030493e-7));
    vec low = fused(q23, r2, q01), middle = fused(q67, r2, q45);
    vec q = fused(fused(q89, r4, middle), r4, low);
    vec p = fused(r2, q, r) + 1.0;
    ivec bits = ((ivec)shifted + 1023) << 52;
    return p * (vec)bits;
}

#endif
