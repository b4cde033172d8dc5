#include "learning/features.h"

#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "learning/products.h"

const hop__lstm_shape hop__descend_shape = {HOP__FEATURES, HOP__HIDDEN, HOP__OUTPUTS};

/* The scalar products that are used. */
#define PRODUCTS 10
enum { FF, AA, BB, VV, DD, FA, FB, FV, FD, VD };
static const int factor[PRODUCTS][2] = {
    {HOP__FORCE, HOP__FORCE},         {HOP__FAST, HOP__FAST},
    {HOP__SLOW, HOP__SLOW},           {HOP__LAST, HOP__LAST},
    {HOP__DIRECTION, HOP__DIRECTION}, {HOP__FORCE, HOP__FAST},
    {HOP__FORCE, HOP__SLOW},          {HOP__FORCE, HOP__LAST},
    {HOP__FORCE, HOP__DIRECTION},     {HOP__LAST, HOP__DIRECTION}};

/* Cosines: product, and the two squares below it. */
#define COSINES 5
static const int cosine[COSINES][3] = {
    {FA, FF, AA}, {FB, FF, BB}, {FV, FF, VV}, {FD, FF, DD}, {VD, VV, DD}};
static const int magnitude[3] = {FF, VV, DD};

enum { /* rows of x */
       MAGNITUDE = 0,
       COSINE = 3,
       RELATIVE = 8,
       MEAN_MAGNITUDE = 9,
       MEAN_COSINE = 12,
       DROP = 17,
       EXPECTED = 18,
       MEMORY = 19,
       EARLY = 20,
       LATE = 21,
       SIZE = 22,
       COHESION = 23
};

void hop__features_forward(enum hop__isa isa, const hop__feature_input *in, double *x) {
    const size_t n = in->stride;
    double mean[PRODUCTS];
    memset(x, 0, HOP__FEATURES * n * sizeof *x);
    hop__mean_products(in->vector, factor, PRODUCTS, in->count, mean);
    double global[HOP__FEATURES];
    for (int k = 0; k < 3; k++)
        global[MEAN_MAGNITUDE + k] = hop__size_of(mean[magnitude[k]]);
    for (int k = 0; k < COSINES; k++)
        global[MEAN_COSINE + k] = hop__cosine_of(mean, cosine[k]);
    global[DROP] = 0.2 * asinh(1000.0 * in->drop);
    global[EXPECTED] = 0.1 * hop__ln(fabs(mean[FD]) + HOP__FLOOR) + 1.0;
    global[MEMORY] = in->memory;
    global[EARLY] = hop__tanh(in->step / 10.0 - 1.0);
    global[LATE] = hop__tanh(in->step / 50.0 - 1.0);
    for (int row = MEAN_MAGNITUDE; row <= LATE; row++)
        for (size_t i = 0; i < in->count; i++)
            x[(size_t)row * n + i] = global[row];
    for (size_t i = 0; i < in->count; i++) {
        double g[PRODUCTS];
        hop__atom_products(in->vector, factor, PRODUCTS, i, g);
        for (size_t k = 0; k < 3; k++)
            x[(MAGNITUDE + k) * n + i] = g[magnitude[k]] + HOP__FLOOR;
        for (size_t k = 0; k < COSINES; k++)
            x[(COSINE + k) * n + i] = hop__cosine_of(g, cosine[k]);
        x[RELATIVE * n + i] = g[BB] + HOP__FLOOR;
        x[SIZE * n + i] = 4.0 * in->size[i];
        x[COHESION * n + i] = 2.0 * in->cohesion[i];
    }
    hop__take_logarithms(isa, in->count, n, x + MAGNITUDE * n, x + RELATIVE * n);
}

static void products_backward(const hop__feature_input *in, size_t i,
                              const double *g_bar,
                              double *const vector_bar[HOP__VECTORS]) {
    for (int k = 0; k < PRODUCTS; k++) {
        const double *a = in->vector[factor[k][0]] + 3 * i;
        const double *b = in->vector[factor[k][1]] + 3 * i;
        double *a_bar = vector_bar[factor[k][0]] + 3 * i;
        double *b_bar = vector_bar[factor[k][1]] + 3 * i;
        for (int c = 0; c < 3; c++) {
            a_bar[c] += g_bar[k] * b[c];
            b_bar[c] += g_bar[k] * a[c];
        }
    }
}

void hop__features_backward(const hop__feature_input *in, const double *dx,
                            double *const vector_bar[HOP__VECTORS], double *drop_bar) {
    const size_t n = in->stride;
    double mean[PRODUCTS], mean_bar[PRODUCTS] = {0}, global[HOP__FEATURES] = {0};
    hop__mean_products(in->vector, factor, PRODUCTS, in->count, mean);
    for (size_t row = MEAN_MAGNITUDE; row <= LATE; row++)
        for (size_t i = 0; i < in->count; i++)
            global[row] += dx[row * n + i];
    for (int k = 0; k < 3; k++)
        mean_bar[magnitude[k]] +=
            global[MEAN_MAGNITUDE + k] * hop__size_slope(mean[magnitude[k]]);
    for (int k = 0; k < COSINES; k++)
        hop__cosine_backward(mean, cosine[k], global[MEAN_COSINE + k], mean_bar);
    mean_bar[FD] += 0.1 * global[EXPECTED] * (mean[FD] < 0.0 ? -1.0 : 1.0) /
                    (fabs(mean[FD]) + HOP__FLOOR);
    double q = 1000.0 * in->drop;
    *drop_bar += global[DROP] * 200.0 / sqrt(1.0 + q * q);
    for (size_t i = 0; i < in->count; i++) {
        double g[PRODUCTS], g_bar[PRODUCTS];
        hop__atom_products(in->vector, factor, PRODUCTS, i, g);
        for (int k = 0; k < PRODUCTS; k++)
            g_bar[k] = mean_bar[k] / (double)in->count;
        for (size_t k = 0; k < 3; k++)
            g_bar[magnitude[k]] +=
                dx[(MAGNITUDE + k) * n + i] * hop__size_slope(g[magnitude[k]]);
        for (size_t k = 0; k < COSINES; k++)
            hop__cosine_backward(g, cosine[k], dx[(COSINE + k) * n + i], g_bar);
        g_bar[BB] += 0.25 * dx[RELATIVE * n + i] / (g[BB] + HOP__FLOOR);
        g_bar[FF] -= 0.25 * dx[RELATIVE * n + i] / (g[FF] + HOP__FLOOR);
        products_backward(in, i, g_bar, vector_bar);
    }
}
