#include "learning/rows_kernels.h"

#include "learning/one_and_exp.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)

void VARIANT(hop__rows_tanh_)(size_t n, double *x) {
#pragma omp simd
    for (size_t k = 0; k < n; k++)
        x[k] = 2.0 / hop__one_and_exp(2.0 * x[k]) - 1.0;
}

void VARIANT(hop__rows_exp_)(size_t n, const double *x, double *out) {
#pragma omp simd
    for (size_t k = 0; k < n; k++)
        out[k] = hop__one_and_exp(-x[k]) - 1.0;
}

/* As hop__ln() in base/vector_math.c, without branches: the mantissa is brought into
   [0.70, 1.41) by a shift of the exponent's bits. */
static inline double ln(double x) {
    union {
        double d;
        unsigned long long u;
    } bits = {.d = x}, exponent, mantissa;
    /* adding 0x95f6... carries into the exponent where the mantissa is above sqrt 2 */
    unsigned long long moved = bits.u + 0x00095f619980c433ULL;
    exponent.u = moved >> 52 | 0x4330000000000000ULL; /* 2^52 + biased exponent */
    mantissa.u = bits.u - ((moved >> 52) << 52) + 0x3ff0000000000000ULL;
    double k = exponent.d - (4503599627370496.0 + 1023.0);
    double f = mantissa.d - 1.0, s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double r = 1.479819860511658591e-01;
    r = HOP__FMA(r, z, 1.531383769920937332e-01);
    r = HOP__FMA(r, z, 1.818357216161805012e-01);
    r = HOP__FMA(r, z, 2.222219843214978396e-01);
    r = HOP__FMA(r, z, 2.857142874366239149e-01);
    r = HOP__FMA(r, z, 3.999999999940941908e-01);
    r = HOP__FMA(r, z, 6.666666666666735130e-01);
    double low = k * 1.90821492927058770002e-10;
    return k * 6.93147180369123816490e-01 - ((half - (s * (half + r * z) + low)) - f);
}

void VARIANT(hop__rows_ln_)(size_t n, double *x) {
#pragma omp simd
    for (size_t k = 0; k < n; k++)
        x[k] = ln(x[k]);
}

/* Sine and cosine of a, |a| <= pi/4: Taylor series. */
static inline double sine(double a) {
    const double z = a * a;
    double s = -1.0 / 1307674368000.0;
    s = HOP__FMA(s, z, 1.0 / 6227020800.0);
    s = HOP__FMA(s, z, -1.0 / 39916800.0);
    s = HOP__FMA(s, z, 1.0 / 362880.0);
    s = HOP__FMA(s, z, -1.0 / 5040.0);
    s = HOP__FMA(s, z, 1.0 / 120.0);
    s = HOP__FMA(s, z, -1.0 / 6.0);
    return HOP__FMA(s * z, a, a);
}

static inline double cosine(double a) {
    const double z = a * a;
    double c = 1.0 / 20922789888000.0;
    c = HOP__FMA(c, z, -1.0 / 87178291200.0);
    c = HOP__FMA(c, z, 1.0 / 479001600.0);
    c = HOP__FMA(c, z, -1.0 / 3628800.0);
    c = HOP__FMA(c, z, 1.0 / 40320.0);
    c = HOP__FMA(c, z, -1.0 / 720.0);
    c = HOP__FMA(c, z, 1.0 / 24.0);
    c = HOP__FMA(c, z, -0.5);
    return HOP__FMA(c, z, 1.0);
}

/* Quarter turns are taken off, then put back by exchanging the two and their signs. */
void VARIANT(hop__rows_normal_)(size_t n, double *x, double *y) {
    const double magic = 6755399441055744.0; /* 1.5 * 2^52: rounds to an integer */
#pragma omp simd
    for (size_t k = 0; k < n; k++) {
        union {
            double d;
            unsigned long long u;
        } quarter = {.d = HOP__FMA(4.0, y[k], magic)};
        double turns = HOP__FMA(quarter.d - magic, -0.25, y[k]);
        double a = 6.283185307179586477 * turns, s = sine(a), c = cosine(a);
        double radius = __builtin_sqrt(-2.0 * ln(x[k]));
        double to_x = quarter.u & 1 ? s : c, to_y = quarter.u & 1 ? c : s;
        x[k] = (quarter.u + 1) & 2 ? -radius * to_x : radius * to_x;
        y[k] = quarter.u & 2 ? -radius * to_y : radius * to_y;
    }
}
