/* Atoms into network inputs: rotation-invariant, dimensionless numbers made from five
 * vectors per atom, and their adjoint.
 *
 * Everything comes from the scalar products of the vectors, per atom and averaged over
 * atoms, so a rotated run has the same inputs.  Forces are in units of stiffness * length,
 * displacements in lengths, energies in binding energies per atom. */
#ifndef HOP_LEARNING_FEATURES_H
#define HOP_LEARNING_FEATURES_H

#include "learning/lstm.h"

/* The per-atom vectors, 3n doubles each. */
enum hop__vector {
    HOP__FORCE,     /* f = F / (stiffness length) */
    HOP__FAST,      /* running mean of f, decay 0.6 */
    HOP__SLOW,      /* running mean of f, decay 0.9 */
    HOP__LAST,      /* last displacement */
    HOP__DIRECTION, /* quasi-Newton direction */
    HOP__VECTORS
};

#define HOP__FEATURES 24
#define HOP__OUTPUTS 5
#define HOP__HIDDEN 16

extern const hop__lstm_shape hop__descend_shape;

/* What the features of one step are made from. */
typedef struct hop__feature_input {
    size_t count, stride;
    const double *vector[HOP__VECTORS];
    const double *size,
        *cohesion; /* count: each atom's scale over the mean, minus one */
    double drop;   /* (E before - E) / n, in binding energies; 0 at first */
    double step;   /* number of steps made, from 0 */
    double memory; /* share of the quasi-Newton memory in use, 0 to 1 */
} hop__feature_input;

/* x[HOP__FEATURES][stride]; padding is zeroed. */
void hop__features_forward(enum hop__isa isa, const hop__feature_input *in, double *x);

/* Given dx, add to vector_bar[v] (3n each) and *drop_bar. */
void hop__features_backward(const hop__feature_input *in, const double *dx,
                            double *const vector_bar[HOP__VECTORS], double *drop_bar);

#endif
