#include "learning/symmetry_kernels.h"

#include "base/vector_math.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define VARIANT(name) JOIN(name, HOP__ISA_SUFFIX)
#define LANES 8

static inline double tree(const double sum[LANES]) {
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) +
           ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

void VARIANT(hop__symmetry_sums_)(size_t count, size_t stride, const double *x,
                                  const double *y, const double *z, const double *size,
                                  double *sums) {
    static const double radius[HOP__SHELLS] = HOP__SHELL_RADII;
    double inverse[HOP__SHELLS];
    for (int k = 0; k < HOP__SHELLS; k++)
        inverse[k] = -1.0 / (radius[k] * radius[k]);
    for (size_t i = 0; i < count; i++) {
        double s0[LANES] = {0}, s1[LANES] = {0}, s2[LANES] = {0}, weighted[LANES] = {0};
        for (size_t j = 0; j < stride; j += LANES) {
#pragma omp simd
            for (size_t lane = 0; lane < LANES; lane++) {
                double dx = x[j + lane] - x[i], dy = y[j + lane] - y[i];
                double dz = z[j + lane] - z[i];
                double d = HOP__FMA(dx, dx, HOP__FMA(dy, dy, dz * dz));
                double a = HOP__FMA(d, inverse[0], 1.0);
                double b = HOP__FMA(d, inverse[1], 1.0);
                double c = HOP__FMA(d, inverse[2], 1.0);
                a = a > 0.0 ? a : 0.0;
                b = b > 0.0 ? b : 0.0;
                c = c > 0.0 ? c : 0.0;
                double cube = b * b * b;
                s0[lane] = HOP__FMA(a * a, a, s0[lane]);
                s1[lane] += cube;
                s2[lane] = HOP__FMA(c * c, c, s2[lane]);
                weighted[lane] = HOP__FMA(cube, size[j + lane], weighted[lane]);
            }
        }
        sums[i] = tree(s0);
        sums[stride + i] = tree(s1);
        sums[2 * stride + i] = tree(s2);
        sums[3 * stride + i] = tree(weighted);
    }
}
