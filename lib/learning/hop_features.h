/* An accepted minimum and the history of its search as inputs of the hop network: for
 * each atom numbers that do not change when the structure turns, in the potential's
 * natural units. */
#ifndef HOP_LEARNING_HOP_FEATURES_H
#define HOP_LEARNING_HOP_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "potentials/potential.h"
#include "structure/vicinity.h"

#define HOP__HOP_INPUTS 29
#define HOP__SITE_INPUTS 6
#define HOP__HOP_KINDS 5 /* shake, relocate, swap, insert, twist */

/* The atoms; does not change during a search. */
typedef struct hop__hop_atoms {
    size_t count, stride; /* stride: hop__lstm_stride(count) */
    hop__units units;
    const int32_t *numbers, *fixed;
    const double *lengths; /* each atom's own, angstrom */
    const double *size,
        *cohesion; /* its scales over the composition's mean, minus one */
    bool alloy;    /* there are unlike atoms that are free */
    const hop__vicinity *vicinity; /* of periodic systems; NULL: a cluster */
    double compact; /* radius of a compact cluster of so many atoms, angstrom */
} hop__hop_atoms;

/* The surroundings of each atom at a minimum, count each. */
typedef struct hop__hop_shells {
    double *energy; /* per-atom energy in binding energies; without: -neighbours / 12 */
    double *first;  /* neighbours within 1.3 contact distances */
    double *second; /* and within 1.3 to 1.9 */
    double *unlike; /* share of unlike atoms among the first */
    double *around; /* mean energy of the first */
    double *radius; /* distance from the centre, over that of a compact cluster */
    double *flip; /* what it is believed to bring, in binding energies, that an atom of
                       the other side takes its place (order.h); 0 when not known */
    double mean_energy;
} hop__hop_shells;

/* What the search has tried from here. */
typedef struct hop__hop_history {
    double *tried[HOP__HOP_KINDS]; /* count: decaying number of moves of each kind */
    double *outcome; /* count: running mean of exp(-15 rise) of its moves */
    double success[HOP__HOP_KINDS]; /* running share of improving hops */
    double since;                   /* hops since the chain's energy last fell */
    double noise;                   /* normal, drawn anew for each hop */
} hop__hop_history;

/* What `compact` is, from count and units. */
double hop__hop_compact_radius(const hop__hop_atoms *atoms);

/* `energies`: per atom, eV, NaN unknown. */
void hop__hop_shells_of(const hop__hop_atoms *atoms, const double *x,
                        const double *energies, hop__hop_shells *shells);

/* x[HOP__HOP_INPUTS][stride]; padding is zeroed. */
void hop__hop_features(const hop__hop_atoms *atoms, const hop__hop_shells *shells,
                       const hop__hop_history *history, double *x);

/* Inputs of the site network: atom i taken to `place`.  *coordination receives the soft
   number of neighbours there. */
void hop__site_features(const hop__hop_atoms *atoms, const hop__hop_shells *shells,
                        const double *x, size_t i, const double place[3],
                        const double centre[3], double *coordination,
                        double in[HOP__SITE_INPUTS]);

#endif
