/* One LSTM layer with a linear read-out, applied to many rows with the same weights.
   Plain arrays; knows no atoms.
 *
 * Shapes: a batch of `rows` is stored column-wise ("feature-major"): element (feature k,
 * row r) of a matrix with K features is at [k * stride + r], stride = hop__lstm_stride(rows)
 * (rows rounded up to a multiple of 8; the padding rows are computed and ignored).
 *
 * Weights, one flat array of hop__lstm_parameter_count() doubles:
 *   W [4*hidden][inputs + hidden + 1]   gates in the order input, forget, cell, output;
 *                                       columns: inputs, previous h, bias
 *   V [outputs][hidden + 1]             read-out; columns: h, bias
 *
 *   i = sigmoid(..)  f = sigmoid(.. + 1)  g = tanh(..)  o = sigmoid(..)
 *   c' = f c + i g    h' = o tanh(c')    y = V [h'; 1]
 */
#ifndef HOP_LEARNING_LSTM_H
#define HOP_LEARNING_LSTM_H

#include "base/context.h"

typedef struct hop__lstm_shape {
    int32_t inputs, hidden, outputs;
} hop__lstm_shape;

size_t hop__lstm_parameter_count(const hop__lstm_shape *shape);
size_t hop__lstm_stride(size_t rows);

/* Doubles that hop__lstm_forward() leaves in `record` for hop__lstm_backward(): gate
   activations, tanh(c'), and copies of x, h, c. */
size_t hop__lstm_record_size(const hop__lstm_shape *shape, size_t rows);

/* x [inputs], h, c [hidden] -> h, c in place, y [outputs]; all with `stride` columns.
   `record`: hop__lstm_record_size() doubles, work space in use, kept in training.  Padding
   columns of x must be finite; they never reach the gradient. */
void hop__lstm_forward(enum hop__isa isa, const hop__lstm_shape *shape,
                       const double *weights, size_t rows, const double *x, double *h,
                       double *c, double *y, double *record);

/* Adjoint of one forward call.  In: dy [outputs], and dh, dc [hidden] = adjoints of the
   new h and c.  Out: dh, dc overwritten by the adjoints of the old h and c; dx [inputs]
   overwritten; dweights += .  `scratch`: hop__lstm_scratch_size() doubles. */
size_t hop__lstm_scratch_size(const hop__lstm_shape *shape, size_t rows);
void hop__lstm_backward(enum hop__isa isa, const hop__lstm_shape *shape,
                        const double *weights, size_t rows, const double *record,
                        const double *dy, double *dh, double *dc, double *dx,
                        double *dweights, double *scratch);

#endif
