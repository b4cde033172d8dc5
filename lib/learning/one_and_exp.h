/* What sigmoid and tanh are made of, for the kernels: branch-free, so that loops over it
   vectorise. */
#ifndef HOP_LEARNING_ONE_AND_EXP_H
#define HOP_LEARNING_ONE_AND_EXP_H

#include "base/vector_math.h"

/* 1 + exp(-x), x held within 40: its inverse is the sigmoid within 2e-15.  Cody-Waite
   reduction as in hop__exp(), Taylor series to the 11th power. */
static inline double hop__one_and_exp(double x) {
    x = x < -40.0 ? -40.0 : x;
    x = x > 40.0 ? 40.0 : x;
    const double magic = 6755399441055744.0; /* 1.5 * 2^52: rounds to an integer */
    double shifted = HOP__FMA(x, -1.4426950408889634074, magic);
    double k = shifted - magic;
    double r = HOP__FMA(k, -6.93147180369123816490e-01, -x);
    r = HOP__FMA(k, -1.90821492927058770002e-10, r);
    double p = 2.505210838544172e-08;
    p = HOP__FMA(p, r, 2.755731922398589e-07);
    p = HOP__FMA(p, r, 2.755731922398589e-06);
    p = HOP__FMA(p, r, 2.48015873015873e-05);
    p = HOP__FMA(p, r, 1.984126984126984e-04);
    p = HOP__FMA(p, r, 1.388888888888889e-03);
    p = HOP__FMA(p, r, 8.333333333333333e-03);
    p = HOP__FMA(p, r, 4.1666666666666664e-02);
    p = HOP__FMA(p, r, 1.6666666666666666e-01);
    p = HOP__FMA(p, r, 0.5);
    p = HOP__FMA(p, r, 1.0);
    p = HOP__FMA(p, r, 1.0);
    union {
        double d;
        unsigned long long u;
    } bits = {.d = shifted};
    bits.u = (bits.u + 1023ULL) << 52;
    return HOP__FMA(p, bits.d, 1.0);
}

#endif
