#include "learning/continuous_features.h"

#include <math.h>
#include <string.h>

#include "learning/products.h"

/* The scalar products that are used. */
#define PRODUCTS 12
enum { FF, AA, BB, CC, VV, RR, FA, FB, FC, FV, VR, FR };
static const int factor[PRODUCTS][2] = {
    {HOP__C_FORCE, HOP__C_FORCE},   {HOP__C_FAST, HOP__C_FAST},
    {HOP__C_SLOW, HOP__C_SLOW},     {HOP__C_SLOWEST, HOP__C_SLOWEST},
    {HOP__C_LAST, HOP__C_LAST},     {HOP__C_BACK, HOP__C_BACK},
    {HOP__C_FORCE, HOP__C_FAST},    {HOP__C_FORCE, HOP__C_SLOW},
    {HOP__C_FORCE, HOP__C_SLOWEST}, {HOP__C_FORCE, HOP__C_LAST},
    {HOP__C_LAST, HOP__C_BACK},     {HOP__C_FORCE, HOP__C_BACK}};

/* Cosines: product, and the two squares below it. */
#define COSINES 6
#define MEAN_COSINES 3
static const int cosine[COSINES][3] = {{FA, FF, AA}, {FB, FF, BB}, {FC, FF, CC},
                                       {FV, FF, VV}, {VR, VV, RR}, {FR, FF, RR}};
static const int mean_cosine[MEAN_COSINES][3] = {
    {FV, FF, VV}, {FB, FF, BB}, {FR, FF, RR}};
static const int magnitude[3] = {FF, VV, RR};

static void fill_atoms(enum hop__isa isa, const hop__continuous_now *in, double *x,
                       double mean[PRODUCTS]) {
    const size_t n = in->stride;
    double *relative = x + HOP__C_RELATIVE * n;
    memset(mean, 0, PRODUCTS * sizeof *mean);
    for (size_t i = 0; i < in->count; i++) {
        double g[PRODUCTS];
        hop__atom_products(in->vector, factor, PRODUCTS, i, g);
        for (int k = 0; k < PRODUCTS; k++)
            mean[k] += g[k];
        for (size_t k = 0; k < 3; k++)
            x[(HOP__C_MAGNITUDE + k) * n + i] = g[magnitude[k]] + HOP__FLOOR;
        for (size_t k = 0; k < COSINES; k++)
            x[(HOP__C_COSINE + k) * n + i] = hop__cosine_of(g, cosine[k]);
        relative[i] = g[CC] + HOP__FLOOR;
        x[HOP__C_SIZE * n + i] = 4.0 * in->size[i];
        x[HOP__C_COHESION * n + i] = 2.0 * in->cohesion[i];
    }
    for (int k = 0; k < PRODUCTS; k++)
        mean[k] /= (double)in->count;
    hop__take_logarithms(isa, in->count, n, x + HOP__C_MAGNITUDE * n, relative);
}

double hop__continuous_inputs(enum hop__isa isa, const hop__continuous_now *in,
                              double *x) {
    const size_t n = in->stride;
    double mean[PRODUCTS], global[HOP__C_INPUTS];
    memset(x, 0, HOP__C_INPUTS * n * sizeof *x);
    fill_atoms(isa, in, x, mean);
    for (int k = 0; k < 3; k++)
        global[HOP__C_MEAN_MAGNITUDE + k] = hop__size_of(mean[magnitude[k]]);
    for (int k = 0; k < MEAN_COSINES; k++)
        global[HOP__C_MEAN_COSINE + k] = hop__cosine_of(mean, mean_cosine[k]);
    global[HOP__C_DROP] = 0.2 * asinh(1000.0 * in->drop);
    global[HOP__C_ABOVE] = 0.2 * asinh(1000.0 * in->above) - 0.5;
    global[HOP__C_SINCE] = 0.3 * hop__ln(1.0 + in->since) - 1.0;
    global[HOP__C_WAIT] = hop__tanh(in->since / 30.0 - 1.0);
    global[HOP__C_TIME] = 0.2 * hop__ln(1.0 + in->step) - 1.0;
    global[HOP__C_SHARE] = in->share;
    for (int row = HOP__C_MEAN_MAGNITUDE; row <= HOP__C_SHARE; row++)
        for (size_t i = 0; i < in->count; i++)
            x[(size_t)row * n + i] = global[row];
    return global[HOP__C_MEAN_COSINE];
}

/* ---- backward ---- */

static void products_backward(const hop__continuous_now *in, size_t i,
                              const double *g_bar,
                              double *const vector_bar[HOP__C_VECTORS]) {
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

static double asinh_slope(double scale, double value) {
    const double q = 1000.0 * value;
    return 1000.0 * scale / sqrt(1.0 + q * q);
}

static void globals_backward(const hop__continuous_now *in, const double *dx,
                             double cosine_bar, double mean_bar[PRODUCTS],
                             double *drop_bar, double *above_bar) {
    const size_t n = in->stride;
    double mean[PRODUCTS], global[HOP__C_INPUTS] = {0};
    hop__mean_products(in->vector, factor, PRODUCTS, in->count, mean);
    memset(mean_bar, 0, PRODUCTS * sizeof *mean_bar);
    for (size_t row = HOP__C_MEAN_MAGNITUDE; row <= HOP__C_ABOVE; row++)
        for (size_t i = 0; i < in->count; i++)
            global[row] += dx[row * n + i];
    global[HOP__C_MEAN_COSINE] += cosine_bar;
    for (int k = 0; k < 3; k++)
        mean_bar[magnitude[k]] +=
            global[HOP__C_MEAN_MAGNITUDE + k] * hop__size_slope(mean[magnitude[k]]);
    for (int k = 0; k < MEAN_COSINES; k++)
        hop__cosine_backward(mean, mean_cosine[k], global[HOP__C_MEAN_COSINE + k],
                             mean_bar);
    *drop_bar += global[HOP__C_DROP] * asinh_slope(0.2, in->drop);
    *above_bar += global[HOP__C_ABOVE] * asinh_slope(0.2, in->above);
}

void hop__continuous_inputs_backward(const hop__continuous_now *in, const double *dx,
                                     double cosine_bar,
                                     double *const vector_bar[HOP__C_VECTORS],
                                     double *drop_bar, double *above_bar) {
    const size_t n = in->stride;
    double mean_bar[PRODUCTS];
    globals_backward(in, dx, cosine_bar, mean_bar, drop_bar, above_bar);
    for (size_t i = 0; i < in->count; i++) {
        double g[PRODUCTS], g_bar[PRODUCTS];
        hop__atom_products(in->vector, factor, PRODUCTS, i, g);
        for (int k = 0; k < PRODUCTS; k++)
            g_bar[k] = mean_bar[k] / (double)in->count;
        for (size_t k = 0; k < 3; k++)
            g_bar[magnitude[k]] +=
                dx[(HOP__C_MAGNITUDE + k) * n + i] * hop__size_slope(g[magnitude[k]]);
        for (size_t k = 0; k < COSINES; k++)
            hop__cosine_backward(g, cosine[k], dx[(HOP__C_COSINE + k) * n + i], g_bar);
        const double *relative = dx + HOP__C_RELATIVE * n;
        g_bar[CC] += 0.25 * relative[i] / (g[CC] + HOP__FLOOR);
        g_bar[FF] -= 0.25 * relative[i] / (g[FF] + HOP__FLOOR);
        products_backward(in, i, g_bar, vector_bar);
    }
}
