#include "base/vector_math.h"

#include <math.h>

/* Eight running sums, then a fixed tree. */
double hop__dot(const double *a, const double *b, size_t n) {
    double sum[8] = {0};
    size_t k = 0;
    for (; k + 8 <= n; k += 8)
        for (size_t lane = 0; lane < 8; lane++)
            sum[lane] += a[k + lane] * b[k + lane];
    for (size_t lane = 0; k < n; k++, lane++)
        sum[lane] += a[k] * b[k];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) +
           ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

void hop__add_scaled(double *y, double a, const double *x, size_t n) {
#pragma omp simd
    for (size_t k = 0; k < n; k++)
        y[k] += a * x[k];
}

/* A number that is not finite stays in a sum; so may one near the largest. */
bool hop__all_finite(const double *x, size_t n) {
    double sum[8] = {0}, rest = 0.0;
    size_t k = 0;
    for (; k + 8 <= n; k += 8)
        for (size_t lane = 0; lane < 8; lane++)
            sum[lane] += x[k + lane];
    for (; k < n; k++)
        rest += x[k];
    for (size_t lane = 0; lane < 8; lane++)
        rest += sum[lane];
    if (isfinite(rest))
        return true;
    for (k = 0; k < n; k++)
        if (!isfinite(x[k]))
            return false;
    return true;
}

static inline double square3(const double *x) {
    return (x[0] * x[0] + x[2] * x[2]) + x[1] * x[1]; /* as hop__dot adds */
}

static inline double larger(double a, double b) { return a > b ? a : b; }

double hop__max_norm3_and_square(const double *x, size_t atoms, double *square) {
    double sum[8] = {0}, most[8] = {0}, rest = 0.0;
    size_t i = 0;
    for (; i + 8 <= atoms; i += 8)
        for (size_t lane = 0; lane < 8; lane++) {
            const double s = square3(x + 3 * (i + lane));
            sum[lane] += s;
            most[lane] = larger(s, most[lane]);
        }
    for (; i < atoms; i++) {
        const double s = square3(x + 3 * i);
        rest += s;
        most[0] = larger(s, most[0]);
    }
    *square = (((sum[0] + sum[4]) + (sum[2] + sum[6])) +
               ((sum[1] + sum[5]) + (sum[3] + sum[7]))) +
              rest;
    return sqrt(larger(larger(larger(most[0], most[4]), larger(most[2], most[6])),
                       larger(larger(most[1], most[5]), larger(most[3], most[7]))));
}

double hop__max_norm3(const double *x, size_t atoms) {
    double square;
    return hop__max_norm3_and_square(x, atoms, &square);
}

double hop__determinant3(const double m[9]) {
    return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) +
           m[2] * (m[3] * m[7] - m[4] * m[6]);
}

/* Singular: the volume is below 1e-10 of the product of the rows' lengths. */
bool hop__invert3(const double m[9], double inverse[9]) {
    double volume = hop__determinant3(m), size = 1.0;
    for (int row = 0; row < 3; row++)
        size *= sqrt(hop__dot(m + 3 * row, m + 3 * row, 3));
    if (!(fabs(volume) > 1e-10 * size) || !isfinite(volume))
        return false;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            inverse[3 * i + j] =
                (m[3 * a + c] * m[3 * b + d] - m[3 * a + d] * m[3 * b + c]) / volume;
        }
    return true;
}

/* Reduction and minimax polynomial of FDLIBM's e_log.c (Sun Microsystems, 1993):
   x = 2^k (1 + f), s = f / (2 + f), log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)). */
double hop__ln(double x) {
    if (!(x > 0.0 && x < INFINITY))
        return x == 0.0 ? -INFINITY : x > 0.0 ? x : NAN;
    int k;
    double m = frexp(x, &k); /* [0.5, 1) */
    if (m < 0.70710678118654752) {
        m *= 2.0;
        k--;
    }
    double f = m - 1.0, s = f / (2.0 + f), z = s * s, half = 0.5 * f * f;
    double r = 1.479819860511658591e-01;
    r = r * z + 1.531383769920937332e-01;
    r = r * z + 1.818357216161805012e-01;
    r = r * z + 2.222219843214978396e-01;
    r = r * z + 2.857142874366239149e-01;
    r = r * z + 3.999999999940941908e-01;
    r = r * z + 6.666666666666735130e-01;
    double low = k * 1.90821492927058770002e-10;
    return k * 6.93147180369123816490e-01 - ((half - (s * (half + r * z) + low)) - f);
}

double hop__power(double x, double y) {
    double exponent = y * hop__ln(x);
    return exponent > 708.0 ? INFINITY : hop__exp(exponent);
}

/* The quarter turn is taken off exactly; Taylor series on [-pi/4, pi/4]. */
void hop__turn(double turns, double *cosine, double *sine) {
    double quarter = floor(4.0 * turns + 0.5);
    double a = 6.283185307179586477 * (turns - 0.25 * quarter), z = -a * a;
    double s = 1.0 + z * (1.0 / 210.0), c = 1.0 + z * (1.0 / 240.0);
    static const double sine_steps[] = {156.0, 110.0, 72.0, 42.0, 20.0, 6.0};
    static const double cosine_steps[] = {182.0, 132.0, 90.0, 56.0, 30.0, 12.0, 2.0};
    for (int k = 0; k < 6; k++)
        s = 1.0 + z / sine_steps[k] * s;
    for (int k = 0; k < 7; k++)
        c = 1.0 + z / cosine_steps[k] * c;
    s *= a;
    int quadrant = (int)quarter & 3;
    *cosine = quadrant == 0 ? c : quadrant == 1 ? -s : quadrant == 2 ? -c : s;
    *sine = quadrant == 0 ? s : quadrant == 1 ? c : quadrant == 2 ? -s : -c;
}
