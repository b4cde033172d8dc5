/* The LSTM's inner loops, one variant for each instruction set. */
#ifndef HOP_LEARNING_LSTM_KERNELS_H
#define HOP_LEARNING_LSTM_KERNELS_H

#include "learning/lstm.h"

/* out[o][r] = sum_k weights[o * columns + k] in[k][r] + weights[o * columns + bias], for
   k < inputs, in two parts: in[0 .. first) then more[0 .. inputs - first). */
#define HOP__LSTM_DECLARE(suffix)                                                      \
    void hop__lstm_affine_##suffix(const double *weights, size_t outputs,              \
                                   size_t first, const double *in, size_t second,      \
                                   const double *more, size_t stride, double *out);    \
    void hop__lstm_gates_##suffix(size_t hidden, size_t stride, double *gates,         \
                                  double *h, double *c, double *tanh_c);               \
    void hop__lstm_affine_backward_##suffix(                                           \
        const double *weights, size_t outputs, size_t first, const double *in,         \
        size_t second, const double *more, size_t rows, size_t stride,                 \
        const double *out_bar, double *in_bar, double *more_bar, double *weights_bar);
HOP__LSTM_DECLARE(base)
HOP__LSTM_DECLARE(avx2)
HOP__LSTM_DECLARE(avx512)

#endif
