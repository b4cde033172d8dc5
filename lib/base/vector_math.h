/* Small dense vector operations with a fixed summation order: the same bits for every
   thread count and instruction set. */
#ifndef HOP_BASE_VECTOR_MATH_H
#define HOP_BASE_VECTOR_MATH_H

#include <stdbool.h>
#include <stddef.h>

double hop__dot(const double *a, const double *b, size_t n); /* eight partial sums */
void hop__add_scaled(double *y, double a, const double *x, size_t n); /* y += a x */
bool hop__all_finite(const double *x, size_t n);
double hop__max_norm3(const double *x, size_t atoms); /* largest |x_i| over rows of 3 */
double hop__max_norm3_and_square(const double *x, size_t atoms,
                                 double *square); /* and the sum of |x_i|^2 */
double hop__determinant3(const double m[9]);
bool hop__invert3(const double m[9], double inverse[9]); /* false when singular */

/* The C library picks its log, sin and cos by the processor and so their last bits:
   these do not. */
double hop__ln(double x);              /* of a normal number within 1 ulp */
double hop__power(double x, double y); /* x positive; within 1 + 2.7 |y ln x| ulp */
void hop__turn(double turns, double *cosine,
               double *sine); /* of 2 pi turns, |turns| <= 1 */

/* exp within 1 ulp for |x| < 708, clamped outside; branch-free, so loops over it
   vectorise, and bit-identical on every instruction set.  Cody-Waite reduction,
   degree-13 polynomial. */
static inline double hop__exp(double x) {
    x = x < -708.0 ? -708.0 : x;
    x = x > 708.0 ? 708.0 : x;
    const double magic = 6755399441055744.0; /* 1.5 * 2^52: rounds to an integer */
    double shifted = x * 1.4426950408889634074 + magic;
    double k = shifted - magic;
    double high = x - k * 6.93147180369123816490e-01; /* exact */
    double low = k * 1.90821492927058770002e-10, r = high - low;
    double p = 1.6059043836821613e-10;
    p = p * r + 2.08767569878681e-09;
    p = p * r + 2.505210838544172e-08;
    p = p * r + 2.755731922398589e-07;
    p = p * r + 2.755731922398589e-06;
    p = p * r + 2.48015873015873e-05;
    p = p * r + 1.984126984126984e-04;
    p = p * r + 1.388888888888889e-03;
    p = p * r + 8.333333333333333e-03;
    p = p * r + 4.1666666666666664e-02;
    p = p * r + 1.6666666666666666e-01;
    p = p * r + 0.5;
    p = 1.0 + (high + (r * r * p - low)); /* the rounding of r does not enter here */
    union {
        double d;
        unsigned long long u;
    } bits = {.d = shifted};
    bits.u = (bits.u + 1023ULL) << 52;
    return p * bits.d;
}

/* a b + c, fused where the instruction set can: AVX2 and AVX-512 variants of a kernel then
   agree with each other bit for bit, with the portable one to a few roundings. */
#if defined(__FMA__)
#define HOP__FMA(a, b, c) __builtin_fma(a, b, c)
#else
#define HOP__FMA(a, b, c) ((a) * (b) + (c))
#endif

static inline double hop__sigmoid(double x) { return 1.0 / (1.0 + hop__exp(-x)); }

static inline double hop__tanh(double x) {
    double a = x < 0.0 ? -x : x;
    double e = hop__exp(-2.0 * a);
    double t = (1.0 - e) / (1.0 + e);
    return x < 0.0 ? -t : t;
}

#endif
