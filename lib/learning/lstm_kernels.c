/* Loops run over rows in vector lanes; sums over rows keep eight partial sums in a fixed
   order, so that all variants give the same bits. */
#include "learning/lstm_kernels.h"

#include <string.h>

#include "base/vector_math.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)
#define LANES 8

/* Four outputs of eight rows at a time. */
static inline void accumulate(const double *weights, size_t columns, size_t inputs,
                              const double *in, size_t stride, double sum[4][LANES]) {
    for (size_t k = 0; k < inputs; k++) {
        const double *x = in + k * stride;
        for (size_t o = 0; o < 4; o++) {
            double w = weights[o * columns + k];
#pragma omp simd
            for (size_t lane = 0; lane < LANES; lane++)
                sum[o][lane] += w * x[lane];
        }
    }
}

void VARIANT(hop__lstm_affine_)(const double *weights, size_t outputs, size_t first,
                                const double *in, size_t second, const double *more,
                                size_t stride, double *out) {
    const size_t columns = first + second + 1;
    for (size_t r = 0; r < stride; r += LANES) {
        size_t o = 0;
        for (; o + 4 <= outputs; o += 4) {
            const double *w = weights + o * columns;
            double sum[4][LANES];
            for (size_t q = 0; q < 4; q++)
                for (size_t lane = 0; lane < LANES; lane++)
                    sum[q][lane] = w[q * columns + columns - 1];
            accumulate(w, columns, first, in + r, stride, sum);
            accumulate(w + first, columns, second, more + r, stride, sum);
            for (size_t q = 0; q < 4; q++)
                memcpy(out + (o + q) * stride + r, sum[q], sizeof sum[q]);
        }
        for (; o < outputs; o++) {
            const double *w = weights + o * columns;
            double sum[LANES];
            for (size_t lane = 0; lane < LANES; lane++)
                sum[lane] = w[columns - 1];
            for (size_t k = 0; k < first + second; k++) {
                const double *x =
                    (k < first ? in + k * stride : more + (k - first) * stride);
                for (size_t lane = 0; lane < LANES; lane++)
                    sum[lane] += w[k] * x[r + lane];
            }
            memcpy(out + o * stride + r, sum, sizeof sum);
        }
    }
}

/* gates [4 hidden][stride]: sums in, activations out; h and c move on. */
void VARIANT(hop__lstm_gates_)(size_t hidden, size_t stride, double *gates, double *h,
                               double *c, double *tanh_c) {
    const size_t n = hidden * stride;
    double *restrict i = gates, *restrict f = gates + n, *restrict g = gates + 2 * n,
                     *restrict o = gates + 3 * n;
#pragma omp simd
    for (size_t k = 0; k < n; k++) {
        i[k] = hop__sigmoid(i[k]);
        f[k] = hop__sigmoid(f[k] + 1.0);
        g[k] = 2.0 * hop__sigmoid(2.0 * g[k]) - 1.0;
        o[k] = hop__sigmoid(o[k]);
        c[k] = f[k] * c[k] + i[k] * g[k];
        tanh_c[k] = 2.0 * hop__sigmoid(2.0 * c[k]) - 1.0;
        h[k] = o[k] * tanh_c[k];
    }
}

static double row_sum(const double *a, const double *b, size_t rows) {
    double sum[LANES] = {0};
    size_t r = 0;
    for (; r + LANES <= rows; r += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            sum[lane] += a[r + lane] * b[r + lane];
    for (size_t lane = 0; r < rows; r++, lane++)
        sum[lane] += a[r] * b[r];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) +
           ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

static void part_backward(const double *weights, size_t columns, size_t outputs,
                          size_t inputs, const double *in, size_t rows, size_t stride,
                          const double *out_bar, double *in_bar, double *weights_bar) {
    for (size_t k = 0; k < inputs; k++) {
        double *bar = in_bar + k * stride;
        memset(bar, 0, stride * sizeof *bar);
        for (size_t o = 0; o < outputs; o++) {
            const double *up = out_bar + o * stride;
            double w = weights[o * columns + k];
#pragma omp simd
            for (size_t r = 0; r < stride; r++)
                bar[r] += w * up[r];
            weights_bar[o * columns + k] += row_sum(up, in + k * stride, rows);
        }
    }
}

void VARIANT(hop__lstm_affine_backward_)(const double *weights, size_t outputs,
                                         size_t first, const double *in, size_t second,
                                         const double *more, size_t rows, size_t stride,
                                         const double *out_bar, double *in_bar,
                                         double *more_bar, double *weights_bar) {
    const size_t columns = first + second + 1;
    part_backward(weights, columns, outputs, first, in, rows, stride, out_bar, in_bar,
                  weights_bar);
    part_backward(weights + first, columns, outputs, second, more, rows, stride,
                  out_bar, more_bar, weights_bar + first);
    for (size_t o = 0; o < outputs; o++) {
        double sum = 0.0;
        for (size_t r = 0; r < rows; r++)
            sum += out_bar[o * stride + r];
        weights_bar[o * columns + columns - 1] += sum;
    }
}
