/* Lennard-Jones in reduced units: all pairs of a cluster, or half a neighbour list. */
#include "reference.h"

double reference_lennard_jones_all(size_t n, const double *x, double *forces) {
    double energy = 0.0;
    for (size_t k = 0; k < 3 * n; k++)
        forces[k] = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            double d[3], r2 = 0.0;
            for (size_t c = 0; c < 3; c++) {
                d[c] = x[3 * i + c] - x[3 * j + c];
                r2 += d[c] * d[c];
            }
            double s2 = 1.0 / r2, s6 = s2 * s2 * s2;
            double scale = 24.0 * (2.0 * s6 * s6 - s6) * s2;
            energy += 4.0 * (s6 * s6 - s6);
            for (size_t c = 0; c < 3; c++) {
                forces[3 * i + c] += scale * d[c];
                forces[3 * j + c] -= scale * d[c];
            }
        }
    return energy;
}

double reference_lennard_jones(const reference_list *l, double cutoff, double *forces) {
    const double *x = l->x;
    double energy = 0.0, *pull = l->pull;
    for (size_t i = 0; i < l->atoms; i++)
        for (size_t k = l->first[i]; k < l->first[i + 1]; k++) {
            size_t j = l->neighbor[k];
            double d[3], r2 = 0.0;
            for (size_t c = 0; c < 3; c++) {
                d[c] = x[3 * i + c] - x[3 * j + c];
                r2 += d[c] * d[c];
            }
            if (r2 >= cutoff * cutoff)
                continue;
            double s2 = 1.0 / r2, s6 = s2 * s2 * s2;
            double scale = 24.0 * (2.0 * s6 * s6 - s6) * s2;
            energy += 4.0 * (s6 * s6 - s6);
            for (size_t c = 0; c < 3; c++) {
                pull[3 * i + c] += scale * d[c];
                pull[3 * j + c] -= scale * d[c];
            }
        }
    reference_list_fold(l, forces);
    return energy;
}
