/* All variants give the same bits: eight partial sums in a fixed order, no fused
   operations. */
#include "optimizers/lbfgs_kernels.h"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)
#define LANES HOP__LBFGS_LANES
#define INLINE static inline __attribute__((always_inline))

/* How much of a pass over the pairs the registers hold: pairs at a time that are
   multiplied, vectors of eight that are added up. */
#if defined(__AVX512F__)
#define PAIRS 2
#define BLOCKS 8
#elif defined(__AVX2__)
#define PAIRS 2
#define BLOCKS 4
#else
#define PAIRS 1
#define BLOCKS 2
#endif

INLINE double tree(const double sum[LANES]) {
    double half[LANES / 2], quarter[LANES / 4];
#pragma omp simd
    for (size_t lane = 0; lane < LANES / 2; lane++)
        half[lane] = sum[lane] + sum[lane + LANES / 2];
#pragma omp simd
    for (size_t lane = 0; lane < LANES / 4; lane++)
        quarter[lane] = half[lane] + half[lane + LANES / 4];
    return quarter[0] + quarter[1];
}

/* `lanes` numbers of each row. */
INLINE void add_pair(size_t lanes, const double *restrict x,
                     const double *restrict from, const double *restrict f,
                     const double *restrict before, double *restrict s,
                     double *restrict y, double *restrict x_copy,
                     double *restrict f_copy, double sum[HOP__PAIR_SUMS][LANES]) {
#pragma omp simd
    for (size_t lane = 0; lane < lanes; lane++) {
        const double xa = x[lane], fa = f[lane];
        const double ds = xa - from[lane], dy = before[lane] - fa;
        s[lane] = ds;
        y[lane] = dy;
        x_copy[lane] = xa;
        f_copy[lane] = fa;
        sum[HOP__SS][lane] += ds * ds;
        sum[HOP__SY][lane] += ds * dy;
        sum[HOP__YY][lane] += dy * dy;
        sum[HOP__SF][lane] += ds * fa;
        sum[HOP__YF][lane] += dy * fa;
    }
}

void VARIANT(hop__lbfgs_pair_)(size_t n, const double *restrict x,
                               const double *restrict from, const double *restrict f,
                               const double *restrict before, double *restrict s,
                               double *restrict y, double *restrict x_copy,
                               double *restrict f_copy, double sums[HOP__PAIR_SUMS]) {
    double sum[HOP__PAIR_SUMS][LANES] = {{0}}, rest[HOP__PAIR_SUMS][LANES] = {{0}};
    size_t a = 0;
#pragma GCC unroll 1
    for (; a + LANES <= n; a += LANES)
        add_pair(LANES, x + a, from + a, f + a, before + a, s + a, y + a, x_copy + a,
                 f_copy + a, sum);
#define REST(lane)                                                                     \
    case (lane) + 1:                                                                   \
        add_pair(1, x + a + (lane), from + a + (lane), f + a + (lane),                 \
                 before + a + (lane), s + a + (lane), y + a + (lane),                  \
                 x_copy + a + (lane), f_copy + a + (lane), rest);                      \
        __attribute__((fallthrough))
    switch (n - a) {
        REST(6);
        REST(5);
        REST(4);
        REST(3);
        REST(2);
        REST(1);
        REST(0);
    default: break;
    }
#undef REST
    for (size_t q = 0; q < HOP__PAIR_SUMS; q++)
        sums[q] = tree(sum[q]) + rest[q][0];
}

/* `count` pairs from slot k on, side by side, so that the additions need not wait for each
   other. */
INLINE void dots_of(size_t count, const hop__lbfgs_pairs *p, size_t k, const double *f,
                    double *sf, double *yf) {
    const double *row[PAIRS];
    double s[PAIRS][LANES] = {{0}}, y[PAIRS][LANES] = {{0}};
    const size_t stride = p->stride;
    for (size_t q = 0; q < count; q++)
        row[q] = p->rows + 2 * p->place[k + q] * stride;
    for (size_t c = 0; c < stride; c += LANES)
        for (size_t q = 0; q < count; q++)
#pragma omp simd
            for (size_t lane = 0; lane < LANES; lane++) {
                s[q][lane] += row[q][c + lane] * f[c + lane];
                y[q][lane] += row[q][stride + c + lane] * f[c + lane];
            }
    for (size_t q = 0; q < count; q++) {
        sf[k + q] = tree(s[q]);
        yf[k + q] = tree(y[q]);
    }
}

#ifdef __AVX512F__
#define PICK(a, b, p, q)                                                               \
    _mm512_shuffle_f64x2(a, b, (p) | (q) << 2 | (p) << 4 | (q) << 6)

/* The trees of eight vectors at once. */
INLINE void eight_trees(const __m512d s[4], const __m512d y[4], double *sf,
                        double *yf) {
    __m512d half[4], quarter[2];
    for (int q = 0; q < 4; q++)
        half[q] = _mm512_add_pd(PICK(s[q], y[q], 0, 1),
                                PICK(s[q], y[q], 2, 3)); /* s0-3 y0-3 */
    for (int q = 0; q < 2; q++)
        quarter[q] = _mm512_add_pd(PICK(half[q], half[q + 2], 0, 2),
                                   PICK(half[q], half[q + 2], 1, 3));
    const __m512d sum = _mm512_add_pd(_mm512_unpacklo_pd(quarter[0], quarter[1]),
                                      _mm512_unpackhi_pd(quarter[0], quarter[1]));
    _mm256_storeu_pd(sf, _mm512_castpd512_pd256(PICK(sum, sum, 0, 2)));
    _mm256_storeu_pd(yf, _mm512_castpd512_pd256(PICK(sum, sum, 1, 3)));
}

INLINE void dots_of_four(const hop__lbfgs_pairs *p, size_t k, const double *f,
                         double *sf, double *yf) {
    const double *row[4];
    __m512d s[4], y[4];
    for (int q = 0; q < 4; q++) {
        row[q] = p->rows + 2 * p->place[k + q] * p->stride;
        s[q] = y[q] = _mm512_setzero_pd();
    }
    for (size_t c = 0; c < p->stride; c += LANES) {
        const __m512d force = _mm512_loadu_pd(f + c);
        for (int q = 0; q < 4; q++) {
            const __m512d sq = _mm512_loadu_pd(row[q] + c);
            const __m512d yq = _mm512_loadu_pd(row[q] + p->stride + c);
            s[q] = _mm512_add_pd(s[q], _mm512_mul_pd(sq, force));
            y[q] = _mm512_add_pd(y[q], _mm512_mul_pd(yq, force));
        }
    }
    eight_trees(s, y, sf + k, yf + k);
}
#endif

void VARIANT(hop__lbfgs_dots_)(const hop__lbfgs_pairs *pairs, const double *f,
                               double *sf, double *yf) {
    size_t k = 0;
#ifdef __AVX512F__
    for (; k + 4 <= pairs->count; k += 4)
        dots_of_four(pairs, k, f, sf, yf);
#endif
    for (; k + PAIRS <= pairs->count; k += PAIRS)
        dots_of(PAIRS, pairs, k, f, sf, yf);
    for (; k < pairs->count; k++)
        dots_of(1, pairs, k, f, sf, yf);
}

/* `blocks` vectors of the sum from number c on. */
INLINE void combine_at(size_t blocks, const hop__lbfgs_pairs *p, size_t c,
                       const double *a, const double *b, double gamma, const double *f,
                       double *out, double sums[2][LANES]) {
    double sum[BLOCKS][LANES];
    for (size_t q = 0; q < blocks; q++)
#pragma omp simd
        for (size_t lane = 0; lane < LANES; lane++)
            sum[q][lane] = gamma * f[c + q * LANES + lane];
    for (size_t k = 0; k < p->count; k++) {
        const double *s = p->rows + 2 * p->place[k] * p->stride + c, *y = s + p->stride;
        const double ak = a[k], bk = b[k];
        for (size_t q = 0; q < blocks; q++)
#pragma omp simd
            for (size_t lane = 0; lane < LANES; lane++)
                sum[q][lane] += ak * s[q * LANES + lane] + bk * y[q * LANES + lane];
    }
    for (size_t q = 0; q < blocks; q++)
#pragma omp simd
        for (size_t lane = 0; lane < LANES; lane++) {
            const double d = sum[q][lane];
            out[c + q * LANES + lane] = d;
            sums[0][lane] += d * d;
            sums[1][lane] += d * f[c + q * LANES + lane];
        }
}

void VARIANT(hop__lbfgs_combine_)(const hop__lbfgs_pairs *pairs, const double *a,
                                  const double *b, double gamma, const double *f,
                                  double *out, double sums[2]) {
    double sum[2][LANES] = {{0}};
    size_t c = 0;
    for (; c + BLOCKS * LANES <= pairs->stride; c += BLOCKS * LANES)
        combine_at(BLOCKS, pairs, c, a, b, gamma, f, out, sum);
    switch ((pairs->stride - c) / LANES) {
#define REST(blocks)                                                                   \
    case blocks:                                                                       \
        combine_at(blocks, pairs, c, a, b, gamma, f, out, sum);                        \
        break
#if BLOCKS > 4
        REST(7);
        REST(6);
        REST(5);
        REST(4);
#endif
#if BLOCKS > 2
        REST(3);
        REST(2);
#endif
        REST(1);
    }
    sums[0] = tree(sum[0]);
    sums[1] = tree(sum[1]);
}

/* Lanes i to i + 7 of the sum over k of factor[k] row_k, k from `from` up to `to`: those of
   even and of odd k apart, so that fewer additions wait for each other. */
INLINE void add_rows(const double *rows, size_t width, const double *factor,
                     size_t from, size_t to, size_t i, double sum[LANES]) {
    double part[2][LANES] = {{0}};
    const double *row = rows + from * width + i;
    size_t k = from;
    for (; k + 2 <= to; k += 2, row += 2 * width)
        for (size_t q = 0; q < 2; q++)
#pragma omp simd
            for (size_t lane = 0; lane < LANES; lane++)
                part[q][lane] += factor[k + q] * row[q * width + lane];
    const double last = k < to ? factor[k] : 0.0;
    if (k == to)
        row = rows;
#pragma omp simd
    for (size_t lane = 0; lane < LANES; lane++)
        sum[lane] = (part[0][lane] + last * row[lane]) + part[1][lane];
}

void VARIANT(hop__lbfgs_first_loop_)(const hop__lbfgs_products *p, const double *sf,
                                     double *alpha) {
    for (size_t i = 0; i < p->count; i += LANES)
        add_rows(p->inverse, p->width, sf, p->in_order ? i : 0, p->count, i, alpha + i);
}

void VARIANT(hop__lbfgs_second_loop_)(const hop__lbfgs_products *p, double gamma,
                                      const double *alpha, const double *yf, double *a,
                                      double *b) {
    double z[HOP__LBFGS_MEMORY + LANES];
    for (size_t i = 0; i < p->count; i += LANES) {
        double yr[LANES];
        add_rows(p->yy, p->width, alpha, 0, p->count, i, yr);
#pragma omp simd
        for (size_t lane = 0; lane < LANES; lane++) {
            const size_t k = i + lane;
            z[k] = p->curvature[k] * alpha[k] + gamma * (yr[lane] - yf[k]);
            b[k] = -gamma * alpha[k];
        }
    }
    for (size_t i = 0; i < p->count; i += LANES) {
        const size_t to = p->in_order && i + LANES < p->count ? i + LANES : p->count;
        add_rows(p->transposed, p->width, z, 0, to, i, a + i);
    }
}
