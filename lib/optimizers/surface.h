/* Where on a cluster's surface there is room for an atom, and which atoms would be bound
 * better there, as far as counting contacts tells: no energies are evaluated.  After
 * dynamic lattice searching (Shao, Cheng and Cai, J. Comput. Chem. 25 (2004) 1693).
 *
 * A place is where an atom touches three others at once and overlaps none.  A contact of
 * atoms i and j counts g_i g_j c(r), g the square root of their binding energies over the
 * composition's mean, c falling from 1 to 0 between 1.1 and 1.5 contact distances. */
#ifndef HOP_OPTIMIZERS_SURFACE_H
#define HOP_OPTIMIZERS_SURFACE_H

#include "base/random.h"
#include "learning/hop_features.h"

typedef struct hop__surface {
    const hop__hop_atoms *atoms;
    double *grip;     /* count: g */
    double *bound;    /* count: contacts of each atom */
    double *place;    /* 3 x HOP__PLACES(count) */
    double *strength; /* contacts that an atom of g = 1 has there */
    size_t places;
    double *near; /* HOP__NEAR x count: neighbours of each atom */
    double *nears;
    double *done; /* count: 1 where an atom was moved already */
} hop__surface;

#define HOP__NEAR 64 /* neighbours that an atom may have; more are left out */
#define HOP__PLACES(count) (8 * (count) + 64) /* likewise of places */
#define HOP__SURFACE_NUMBERS(count) ((5 + HOP__NEAR) * (count) + 4 * HOP__PLACES(count))

/* `block` holds HOP__SURFACE_NUMBERS(atoms->count) numbers and belongs to the caller. */
void hop__surface_begin(hop__surface *surface, const hop__hop_atoms *atoms,
                        double *block);

/* How atoms stand: contacts and neighbours of each. */
void hop__surface_look(hop__surface *surface, const double *x);

static inline size_t hop__surface_neighbour(const hop__surface *s, size_t i, size_t k) {
    return (size_t)s->near[HOP__NEAR * i + k];
}

static inline double hop__surface_square(const double *a, const double *b) {
    const double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    return x * x + y * y + z * z;
}

/* c of two atoms at a squared distance, that of a contact being `reach`. */
static inline double hop__surface_contact(double square, double reach) {
    const double u = (2.25 - square / (reach * reach)) * (1.0 / 1.05);
    return u <= 0.0 ? 0.0 : u >= 1.0 ? 1.0 : u * u * (3.0 - 2.0 * u);
}

/* Move up to `most` weakly bound atoms, one after the other, to better places in x (3n),
   each by `margin` contacts at least; `noise` contacts blur what is seen of them.  Returns
   how many were moved; where `moved` is not NULL it is set to 1 for them. */
size_t hop__surface_settle(hop__surface *surface, hop__random *random, double *x,
                           size_t most, double margin, double noise, double *moved);

#endif
