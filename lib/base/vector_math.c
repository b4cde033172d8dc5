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
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

void hop__add_scaled(double *y, double a, const double *x, size_t n) {
#pragma omp simd
    for (size_t k = 0; k < n; k++)
        y[k] += a * x[k];
}

bool hop__all_finite(const double *x, size_t n) {
    bool finite = true;
    for (size_t k = 0; k < n; k++)
        finite &= isfinite(x[k]) != 0;
    return finite;
}

double hop__max_norm3(const double *x, size_t atoms) {
    double largest = 0.0;
    for (size_t i = 0; i < atoms; i++) {
        double square = hop__dot(x + 3 * i, x + 3 * i, 3);
        largest = square > largest ? square : largest;
    }
    return sqrt(largest);
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
