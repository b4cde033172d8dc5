/* Forces of a group of atoms to their places, and virials added up in whole numbers.
   Included by kernels only. */
#ifndef HOP_POTENTIALS_STILLINGER_WEBER_TOTALS_H
#define HOP_POTENTIALS_STILLINGER_WEBER_TOTALS_H

#include "potentials/stillinger_weber_legs.h"

static inline void put_forces(const hop__sw_system *s, const group *gr, vec fx, vec fy,
                              vec fz) {
    for (size_t l = 0; l < gr->lanes; l++) {
        double *f = s->forces + 3 * (size_t)s->list->atom[gr->rows[l]];
        f[0] = fx[l];
        f[1] = fy[l];
        f[2] = fz[l];
    }
}

/* Sums of whole numbers, which no order changes: of 2^-10, and the rest of 2^-46. */
typedef struct whole {
    uvec high[6], low[6];
    vec largest;
} whole;

static inline void add_whole(whole *sum, int k, vec w) {
    const vec coarse = all(0x1.8p42), fine = all(0x1.8p6);
    const vec high = w + coarse, low = w - (high - coarse) + fine;
    sum->high[k] += (uvec)high - (uvec)coarse;
    sum->low[k] += (uvec)low - (uvec)fine;
    sum->largest = most(sum->largest, most(w, -w));
}

static void put_whole(hop__sw_virial *to, const whole *sum) {
    *to = (hop__sw_virial){.largest = 0.0};
    for (int l = 0; l < LANES; l++) {
        for (int k = 0; k < 6; k++) {
            to->high[k] += sum->high[k][l];
            to->low[k] += sum->low[k][l];
        }
        to->largest = fmax(to->largest, sum->largest[l]);
    }
}

#endif
