#include "learning/lstm.h"

#include <string.h>

#include "learning/lstm_kernels.h"

typedef struct kernels {
    void (*affine)(const double *, size_t, size_t, const double *, size_t,
                   const double *, size_t, double *);
    void (*gates)(size_t, size_t, double *, double *, double *, double *);
    void (*backward)(const double *, size_t, size_t, const double *, size_t,
                     const double *, size_t, size_t, const double *, double *, double *,
                     double *);
} kernels;

#define VARIANT(suffix)                                                                \
    {                                                                                  \
        hop__lstm_affine_##suffix, hop__lstm_gates_##suffix,                           \
            hop__lstm_affine_backward_##suffix                                         \
    }
static const kernels variants[] = {VARIANT(base), VARIANT(avx2), VARIANT(avx512)};

static size_t gate_weights(const hop__lstm_shape *s) {
    return 4 * (size_t)s->hidden * (size_t)(s->inputs + s->hidden + 1);
}

size_t hop__lstm_parameter_count(const hop__lstm_shape *s) {
    return gate_weights(s) + (size_t)s->outputs * (size_t)(s->hidden + 1);
}

size_t hop__lstm_stride(size_t rows) { return (rows + 7) / 8 * 8; }

/* inputs x, old h, old c, gates (4), tanh of new c, new h */
size_t hop__lstm_record_size(const hop__lstm_shape *s, size_t rows) {
    return (size_t)(s->inputs + 8 * s->hidden) * hop__lstm_stride(rows);
}

void hop__lstm_forward(enum hop__isa isa, const hop__lstm_shape *shape,
                       const double *weights, size_t rows, const double *x, double *h,
                       double *c, double *y, double *record) {
    const size_t stride = hop__lstm_stride(rows), hidden = (size_t)shape->hidden;
    const size_t inputs = (size_t)shape->inputs, outputs = (size_t)shape->outputs;
    const kernels *run = &variants[isa];
    double *gates = record + (inputs + 2 * hidden) * stride;
    double *tanh_c = gates + 4 * hidden * stride;
    memcpy(record, x, inputs * stride * sizeof *x);
    memcpy(record + inputs * stride, h, hidden * stride * sizeof *h);
    memcpy(record + (inputs + hidden) * stride, c, hidden * stride * sizeof *c);
    run->affine(weights, 4 * hidden, inputs, x, hidden, h, stride, gates);
    run->gates(hidden, stride, gates, h, c, tanh_c);
    memcpy(tanh_c + hidden * stride, h, hidden * stride * sizeof *h);
    run->affine(weights + gate_weights(shape), outputs, hidden, h, 0, h, stride, y);
}

/* sums of the gates' adjoints, and the adjoint of the new h */
size_t hop__lstm_scratch_size(const hop__lstm_shape *s, size_t rows) {
    return (size_t)(5 * s->hidden) * hop__lstm_stride(rows);
}

void hop__lstm_backward(enum hop__isa isa, const hop__lstm_shape *shape,
                        const double *weights, size_t rows, const double *record,
                        const double *dy, double *dh, double *dc, double *dx,
                        double *dweights, double *scratch) {
    const size_t stride = hop__lstm_stride(rows), hidden = (size_t)shape->hidden;
    const size_t inputs = (size_t)shape->inputs, outputs = (size_t)shape->outputs;
    const size_t n = hidden * stride, readout = gate_weights(shape);
    const kernels *run = &variants[isa];
    const double *x = record, *h_old = record + inputs * stride, *c_old = h_old + n;
    const double *i = c_old + n, *f = i + n, *g = f + n, *o = g + n, *tanh_c = o + n;
    const double *h_new = tanh_c + n;
    double *sums = scratch, *h_bar = scratch + 4 * n;
    run->backward(weights + readout, outputs, hidden, h_new, 0, h_new, rows, stride, dy,
                  h_bar, h_bar, dweights + readout);
    for (size_t k = 0; k < n; k++) {
        double up = h_bar[k] + dh[k];
        double c_bar = dc[k] + up * o[k] * (1.0 - tanh_c[k] * tanh_c[k]);
        sums[k] = c_bar * g[k] * i[k] * (1.0 - i[k]);
        sums[n + k] = c_bar * c_old[k] * f[k] * (1.0 - f[k]);
        sums[2 * n + k] = c_bar * i[k] * (1.0 - g[k] * g[k]);
        sums[3 * n + k] = up * tanh_c[k] * o[k] * (1.0 - o[k]);
        dc[k] = c_bar * f[k];
    }
    run->backward(weights, 4 * hidden, inputs, x, hidden, h_old, rows, stride, sums, dx,
                  dh, dweights);
}
