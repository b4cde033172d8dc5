/* Loops run over rows in vector lanes; sums over rows keep eight partial sums in a fixed
   order: AVX2 and AVX-512 give the same bits, the portable variant, which does not fuse,
   differs in the last digits. */
#include "learning/lstm_kernels.h"

#include <string.h>

#include "base/vector_math.h"
#include "learning/one_and_exp.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)
#define LANES 8

#define WIDE 8 /* outputs at a time: enough sums on the way to hide the latency */

static inline void accumulate(const double *weights, size_t columns, size_t inputs,
                              const double *in, size_t stride,
                              double sum[WIDE][LANES]) {
    for (size_t k = 0; k < inputs; k++) {
        const double *x = in + k * stride;
        for (size_t o = 0; o < WIDE; o++) {
            double w = weights[o * columns + k];
#pragma omp simd
            for (size_t lane = 0; lane < LANES; lane++)
                sum[o][lane] = HOP__FMA(w, x[lane], sum[o][lane]);
        }
    }
}

static inline void one_output(const double *w, size_t first, const double *in,
                              size_t second, const double *more, size_t stride,
                              double *out) {
    double sum[LANES];
    for (size_t lane = 0; lane < LANES; lane++)
        sum[lane] = w[first + second];
    for (size_t k = 0; k < first + second; k++) {
        const double *x = k < first ? in + k * stride : more + (k - first) * stride;
        for (size_t lane = 0; lane < LANES; lane++)
            sum[lane] = HOP__FMA(w[k], x[lane], sum[lane]);
    }
    memcpy(out, sum, sizeof sum);
}

void VARIANT(hop__lstm_affine_)(const double *weights, size_t outputs, size_t first,
                                const double *in, size_t second, const double *more,
                                size_t stride, double *out) {
    const size_t columns = first + second + 1;
    for (size_t r = 0; r < stride; r += LANES) {
        size_t o = 0;
        for (; o + WIDE <= outputs; o += WIDE) {
            const double *w = weights + o * columns;
            double sum[WIDE][LANES];
            for (size_t q = 0; q < WIDE; q++)
                for (size_t lane = 0; lane < LANES; lane++)
                    sum[q][lane] = w[q * columns + columns - 1];
            accumulate(w, columns, first, in + r, stride, sum);
            accumulate(w + first, columns, second, more + r, stride, sum);
            for (size_t q = 0; q < WIDE; q++)
                memcpy(out + (o + q) * stride + r, sum[q], sizeof sum[q]);
        }
        for (; o < outputs; o++)
            one_output(weights + o * columns, first, in + r, second, more + r, stride,
                       out + o * stride + r);
    }
}

/* gates [4 hidden][stride]: sums in, activations out; h and c move on.  The four gates
   share one division. */
void VARIANT(hop__lstm_gates_)(size_t hidden, size_t stride, double *gates, double *h,
                               double *c, double *tanh_c) {
    const size_t n = hidden * stride;
    double *restrict i = gates, *restrict f = gates + n, *restrict g = gates + 2 * n,
                     *restrict o = gates + 3 * n;
#pragma omp simd
    for (size_t k = 0; k < n; k++) {
        double a = hop__one_and_exp(i[k]), b = hop__one_and_exp(f[k] + 1.0);
        double d = hop__one_and_exp(2.0 * g[k]), e = hop__one_and_exp(o[k]);
        double ab = a * b, de = d * e, inverse = 1.0 / (ab * de);
        double from_ab = inverse * de, from_de = inverse * ab;
        i[k] = from_ab * b;
        f[k] = from_ab * a;
        g[k] = HOP__FMA(2.0 * from_de, e, -1.0);
        o[k] = from_de * d;
        c[k] = HOP__FMA(f[k], c[k], i[k] * g[k]);
        tanh_c[k] = 2.0 / hop__one_and_exp(2.0 * c[k]) - 1.0;
        h[k] = o[k] * tanh_c[k];
    }
}

static double row_sum(const double *a, const double *b, size_t rows) {
    double sum[LANES] = {0};
    size_t r = 0;
    for (; r + LANES <= rows; r += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            sum[lane] = HOP__FMA(a[r + lane], b[r + lane], sum[lane]);
    for (size_t lane = 0; r < rows; r++, lane++)
        sum[lane] = HOP__FMA(a[r], b[r], sum[lane]);
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
                bar[r] = HOP__FMA(w, up[r], bar[r]);
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
