/* All variants give the same bits: eight partial sums in a fixed order, no fused
   operations. */
#include "optimizers/lbfgs_kernels.h"

#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)
#define LANES 8
#define ROWS 4
#define SLOTS (HOP__LBFGS_MEMORY + 2 * LANES)

static inline double tree(const double sum[LANES]) {
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) +
           ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

static inline void add_pair(size_t a, size_t lane, const double *x, const double *from,
                            const double *f, const double *before, double *s, double *y,
                            double sum[4][LANES]) {
    double ds = x[a] - from[a], dy = before[a] - f[a];
    s[a] = ds;
    y[a] = dy;
    sum[0][lane] += ds * ds;
    sum[1][lane] += ds * dy;
    sum[2][lane] += dy * dy;
    sum[3][lane] += f[a] * f[a];
}

void VARIANT(hop__lbfgs_pair_)(size_t n, const double *restrict x,
                               const double *restrict from, const double *restrict f,
                               const double *restrict before, double *restrict s,
                               double *restrict y, double sums[4]) {
    double sum[4][LANES] = {{0}};
    size_t a = 0;
    for (; a + LANES <= n; a += LANES)
#pragma omp simd
        for (size_t lane = 0; lane < LANES; lane++)
            add_pair(a + lane, lane, x, from, f, before, s, y, sum);
    for (size_t lane = 0; a < n; a++, lane++)
        add_pair(a, lane, x, from, f, before, s, y, sum);
    for (size_t q = 0; q < 4; q++)
        sums[q] = tree(sum[q]);
}

/* Four rows at a time, so that the additions need not wait for each other. */
void VARIANT(hop__lbfgs_dots_)(const double *rows, size_t count, size_t stride,
                               const double *x, double *out) {
    size_t k = 0;
    for (; k + ROWS <= count; k += ROWS) {
        double sum[ROWS][LANES] = {{0}};
        const double *row = rows + k * stride;
        for (size_t c = 0; c < stride; c += LANES)
            for (size_t q = 0; q < ROWS; q++)
#pragma omp simd
                for (size_t lane = 0; lane < LANES; lane++)
                    sum[q][lane] += row[q * stride + c + lane] * x[c + lane];
        for (size_t q = 0; q < ROWS; q++)
            out[k + q] = tree(sum[q]);
    }
    for (; k < count; k++) {
        double sum[LANES] = {0};
        const double *row = rows + k * stride;
        for (size_t c = 0; c < stride; c += LANES)
#pragma omp simd
            for (size_t lane = 0; lane < LANES; lane++)
                sum[lane] += row[c + lane] * x[c + lane];
        out[k] = tree(sum);
    }
}

void VARIANT(hop__lbfgs_combine_)(const double *s, const double *y, size_t count,
                                  size_t stride, const double *a, const double *b,
                                  double gamma, const double *f, double *out) {
    for (size_t c = 0; c < stride; c += HOP__LBFGS_BLOCK) {
        double sum[HOP__LBFGS_BLOCK];
        for (size_t lane = 0; lane < HOP__LBFGS_BLOCK; lane++)
            sum[lane] = gamma * f[c + lane];
        for (size_t k = 0; k < count; k++) {
            const double *sk = s + k * stride + c, *yk = y + k * stride + c;
#pragma omp simd
            for (size_t lane = 0; lane < HOP__LBFGS_BLOCK; lane++)
                sum[lane] += a[k] * sk[lane] + b[k] * yk[lane];
        }
        memcpy(out + c, sum, sizeof sum);
    }
}

static inline void add(double *to, double scale, const double *row, size_t width) {
    for (size_t i = 0; i < width; i += LANES)
#pragma omp simd
        for (size_t lane = 0; lane < LANES; lane++)
            to[i + lane] += scale * row[i + lane];
}

/* alpha_k = rho_k s_k.(f - sum_{newer j} alpha_j y_j), r = gamma (f - sum alpha y),
   beta_k = rho_k y_k.(r + sum_{older j} (alpha_j - beta_j) s_j): t and u hold s.q and
   y.r of all pairs at once. */
void VARIANT(hop__lbfgs_coefficients_)(const hop__lbfgs_products *p, size_t slots,
                                       const size_t *order, size_t pairs, double gamma,
                                       const double *sf, const double *yf, double *a,
                                       double *b) {
    const size_t width = (slots + LANES - 1) / LANES * LANES;
    double t[SLOTS] = {0}, u[SLOTS] = {0};
    memcpy(t, sf, slots * sizeof *t);
    memcpy(u, yf, slots * sizeof *u);
    memset(a, 0, slots * sizeof *a);
    memset(b, 0, slots * sizeof *b);
    for (size_t j = pairs; j-- > 0;) {
        size_t k = order[j];
        double alpha = p->rho[k] * t[k];
        add(t, -alpha, p->sy + k * p->width, width);
        add(u, -alpha, p->yy + k * p->width, width);
        a[k] = alpha;
        b[k] = -gamma * alpha;
    }
    for (size_t i = 0; i < width; i++)
        u[i] *= gamma;
    for (size_t j = 0; j < pairs; j++) {
        size_t k = order[j];
        a[k] -= p->rho[k] * u[k];
        add(u, a[k], p->ys + k * p->width, width);
    }
}
