/* What a search of an alloy learns about chemical order from the minima it passes: the
 * energy of an atom is fitted by a linear function of how many neighbours it has and how
 * many of them are of the other side, each element being on the lighter or the heavier
 * side; the sum over the atoms is fitted to the energies of whole minima.  A cluster
 * expansion for lattices without lattice.  With it atoms are exchanged, as many as it
 * takes, without an evaluation. */
#ifndef HOP_OPTIMIZERS_ORDER_H
#define HOP_OPTIMIZERS_ORDER_H

#include "optimizers/surface.h"

#define HOP__ORDER_INPUTS 7 /* for each side */
#define HOP__ORDER_WEIGHTS (2 * HOP__ORDER_INPUTS)

typedef struct hop__order {
    double minima; /* seen so far, fading */
    /* sums over atoms of each side, and over minima about their mean */
    double atoms[2][HOP__ORDER_INPUTS * HOP__ORDER_INPUTS];
    double energies[2][HOP__ORDER_INPUTS];
    double whole[HOP__ORDER_WEIGHTS * HOP__ORDER_WEIGHTS];
    double totals[HOP__ORDER_WEIGHTS];
    double mean[HOP__ORDER_WEIGHTS], mean_total;
} hop__order;

/* Sites of a minimum, and who is on them: work space. */
typedef struct hop__sites {
    double *side;              /* count: -1 lighter, 1 heavier, of the occupant */
    double *first, *second;    /* count: neighbours, and those behind them */
    double *unlike;            /* count: sum of the neighbours' sides over 12 */
    double *occupant;          /* count: index of the atom */
    double *contact;           /* HOP__NEAR x count: as the surface's lists */
    double *constant, *linear; /* 2 x count: energy on either side */
} hop__sites;

#define HOP__SITES_NUMBERS(count) ((9 + HOP__NEAR) * (count))

void hop__sites_begin(hop__sites *sites, size_t count, double *block);

/* Nothing is known. */
void hop__order_start(hop__order *order);

/* A minimum at x; `energies` of its atoms (eV, NaN unknown). */
void hop__order_learn(hop__order *order, hop__sites *sites, hop__surface *surface,
                      const double *x, double energy, const double *energies);

/* What it is believed to bring, in binding energies, that each site of x gets an atom of
   the other side; zeros before enough is known. */
void hop__order_flips(const hop__order *order, hop__sites *sites, hop__surface *surface,
                      const double *x, double *flips);

/* Exchange pairs of atoms in x (3n), at most `most`, each of which is believed to lower
   the energy by more than `margin` binding energies.  Returns how many. */
size_t hop__order_settle(const hop__order *order, hop__sites *sites,
                         hop__surface *surface, double *x, size_t most, double margin);

#endif
