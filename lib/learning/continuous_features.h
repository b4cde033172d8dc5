/* Inputs of the continuous optimizer's network: numbers that do not change when the
 * structure turns, from six vectors per atom, the neighbourhood, the species and where
 * the run stands, and their adjoint.
 *
 * Forces are in units of stiffness * length, displacements in lengths, energies in binding
 * energies. */
#ifndef HOP_LEARNING_CONTINUOUS_FEATURES_H
#define HOP_LEARNING_CONTINUOUS_FEATURES_H

#include "learning/lstm.h"
#include "learning/symmetry.h"

/* The per-atom vectors, 3n doubles each. */
enum hop__continuous_vector {
    HOP__C_FORCE, /* f = F / (stiffness length) */
    HOP__C_FAST,  /* running means of f */
    HOP__C_SLOW,
    HOP__C_SLOWEST,
    HOP__C_LAST, /* last displacement */
    HOP__C_BACK, /* to the lowest point so far */
    HOP__C_VECTORS
};

#define HOP__C_DECAYS                                                                  \
    { 0.5, 0.9, 0.99 } /* of the running means */

enum hop__continuous_input {
    HOP__C_MAGNITUDE = 0,                            /* of force, last, back */
    HOP__C_COSINE = 3,                               /* six */
    HOP__C_RELATIVE = 9,                             /* slowest mean over force */
    HOP__C_MEAN_MAGNITUDE = 10,                      /* over all atoms, three */
    HOP__C_MEAN_COSINE = 13,                         /* likewise */
    HOP__C_DROP = 16,                                /* energy of the step before - E */
    HOP__C_ABOVE,                                    /* E - the lowest so far */
    HOP__C_SINCE,                                    /* steps since that one */
    HOP__C_WAIT,                                     /* the same, saturating */
    HOP__C_TIME,                                     /* steps made */
    HOP__C_SHARE,                                    /* of the limit that is used up */
    HOP__C_SYMMETRY,                                 /* learning/symmetry.h */
    HOP__C_SIZE = HOP__C_SYMMETRY + HOP__SYMMETRIES, /* of the species */
    HOP__C_COHESION,
    HOP__C_INPUTS
};

/* What the inputs of one step are made from. */
typedef struct hop__continuous_now {
    size_t count, stride;
    const double *vector[HOP__C_VECTORS];
    const double *size, *cohesion; /* count: each atom's over the mean, minus one */
    double drop, above;            /* binding energies per atom */
    double since, step, share;
} hop__continuous_now;

/* All but the symmetry functions; x[HOP__C_INPUTS][stride], padding zero.  Returns the
   mean cosine of force and last displacement. */
double hop__continuous_inputs(enum hop__isa isa, const hop__continuous_now *in,
                              double *x);

/* Given dx and the adjoint of the mean cosine, add to vector_bar[v] (3n each), *drop_bar
   and *above_bar. */
void hop__continuous_inputs_backward(const hop__continuous_now *in, const double *dx,
                                     double cosine_bar,
                                     double *const vector_bar[HOP__C_VECTORS],
                                     double *drop_bar, double *above_bar);

#endif
