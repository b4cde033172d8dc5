/* Numbers made from scalar products, and their adjoints: what does not change when a
   structure turns. */
#ifndef HOP_LEARNING_PRODUCTS_H
#define HOP_LEARNING_PRODUCTS_H

#include <math.h>

#include "base/vector_math.h"

#define HOP__FLOOR 1e-10 /* added to squares before logarithms and divisions */

static inline double hop__size_of(double square) {
    return 0.1 * hop__ln(square + HOP__FLOOR) + 1.0;
}
static inline double hop__size_slope(double square) {
    return 0.1 / (square + HOP__FLOOR);
}

/* g: products; c: which is the product, and which the two squares below it. */
static inline double hop__cosine_of(const double *g, const int *c) {
    return g[c[0]] / sqrt((g[c[1]] + HOP__FLOOR) * (g[c[2]] + HOP__FLOOR));
}

static inline void hop__cosine_backward(const double *g, const int *c, double bar,
                                        double *g_bar) {
    double value = hop__cosine_of(g, c);
    g_bar[c[0]] += bar / sqrt((g[c[1]] + HOP__FLOOR) * (g[c[2]] + HOP__FLOOR));
    g_bar[c[1]] -= 0.5 * bar * value / (g[c[1]] + HOP__FLOOR);
    g_bar[c[2]] -= 0.5 * bar * value / (g[c[2]] + HOP__FLOOR);
}

#endif
