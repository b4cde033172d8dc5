#include "optimizers/swaps.h"

#include <math.h>
#include <string.h>

#define INPUTS HOP__SWAP_INPUTS
#define PRIOR 0.1    /* variance of a weight before anything is known */
#define NOISE 1e-3   /* variance of an outcome about the fit */
#define FORGET 0.995 /* of what earlier outcomes say */
#define HARM 0.1     /* binding energies: worse outcomes count as this */

void hop__swaps_start(hop__swaps *s) {
    memset(s, 0, sizeof *s);
    for (size_t k = 0; k < INPUTS; k++)
        s->covariance[k * INPUTS + k] = PRIOR;
    s->weight[INPUTS - 1] = 1.0; /* as the order of earlier minima tells */
}

/* Elements are told apart by being lighter or heavier than the mean atom. */
static double side_of(const hop__hop_atoms *atoms, size_t i) {
    int64_t sum = 0;
    for (size_t j = 0; j < atoms->count; j++)
        sum += atoms->numbers[j];
    return (int64_t)atoms->count * atoms->numbers[i] > sum ? 1.0 : -1.0;
}

void hop__swaps_inputs(const hop__hop_atoms *atoms, const hop__hop_shells *s, size_t i,
                       double in[INPUTS]) {
    const double side = side_of(atoms, i), like = 1.0 - 2.0 * s->unlike[i];
    in[0] = side * (s->first[i] / 6.0 - 1.2);
    in[1] = side * s->radius[i];
    in[2] = like * s->first[i] / 6.0;
    in[3] = side * in[2];
    in[4] = 4.0 * (s->energy[i] - s->mean_energy);
    in[5] = side * in[4];
    in[6] = 0.5; /* two atoms: a constant */
    in[7] = s->flip[i];
}

static double dot(const double *a, const double *b) {
    double sum = 0.0;
    for (size_t k = 0; k < INPUTS; k++)
        sum += a[k] * b[k];
    return sum;
}

double hop__swaps_promise(const hop__swaps *swaps, const hop__hop_atoms *atoms,
                          const hop__hop_shells *shells, size_t i) {
    double in[INPUTS];
    hop__swaps_inputs(atoms, shells, i, in);
    return dot(in, swaps->weight);
}

void hop__swaps_begin(hop__swaps *s) { memset(s->in, 0, sizeof s->in); }

void hop__swaps_take_part(hop__swaps *swaps, const hop__hop_atoms *atoms,
                          const hop__hop_shells *shells, size_t i) {
    double in[INPUTS];
    hop__swaps_inputs(atoms, shells, i, in);
    for (size_t k = 0; k < INPUTS; k++)
        swaps->in[k] += in[k];
}

void hop__swaps_learn(hop__swaps *s, double change) {
    double along[INPUTS];
    const double outcome = fmin(fmax(change, -HARM), HARM);
    for (size_t k = 0; k < INPUTS; k++)
        along[k] = dot(s->covariance + k * INPUTS, s->in);
    const double spread = NOISE + dot(along, s->in);
    const double error = outcome - dot(s->in, s->weight);
    for (size_t k = 0; k < INPUTS; k++) {
        s->weight[k] += along[k] * error / spread;
        for (size_t m = 0; m < INPUTS; m++) {
            double *entry = &s->covariance[k * INPUTS + m];
            *entry -= along[k] * along[m] / spread;
            if (k == m)
                *entry = fmin(*entry / FORGET, PRIOR);
        }
    }
}
