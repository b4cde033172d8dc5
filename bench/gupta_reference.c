/* Half pairs, one square root, one division and two calls of libm's exp for each; both
 * exponentials are kept for the second pass.  Compile with -O3 -march=native. */
#include "gupta_reference.h"

#include <math.h>

double gupta_reference_evaluate(const gupta_reference *g, size_t n, const int *species,
                                const double *x, double *forces) {
    double *density = g->buffer, *term = g->buffer + n, energy = 0.0;
    for (size_t i = 0; i < n; i++)
        density[i] = forces[3 * i] = forces[3 * i + 1] = forces[3 * i + 2] = 0.0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            const gupta_parameters *t = &g->pair[species[i]][species[j]];
            double dx = x[3 * i] - x[3 * j], dy = x[3 * i + 1] - x[3 * j + 1],
                   dz = x[3 * i + 2] - x[3 * j + 2];
            double r = sqrt(dx * dx + dy * dy + dz * dz), inverse = 1.0 / r;
            double s = 1.0 - r / t->r0;
            double rep = t->a * exp(t->p * s),
                   hop = t->xi * t->xi * exp(2.0 * t->q * s);
            energy += 2.0 * rep;
            density[i] += hop;
            density[j] += hop;
            *term++ = 2.0 * rep * t->p / t->r0 * inverse;
            *term++ = hop * t->q / t->r0 * inverse;
        }
    for (size_t i = 0; i < n; i++) {
        double root = sqrt(density[i]);
        energy -= root;
        density[i] = 1.0 / root;
    }
    term = g->buffer + n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++, term += 2) {
            double scale = term[0] - (density[i] + density[j]) * term[1];
            for (size_t c = 0; c < 3; c++) {
                double f = scale * (x[3 * i + c] - x[3 * j + c]);
                forces[3 * i + c] += f;
                forces[3 * j + c] -= f;
            }
        }
    return energy;
}
