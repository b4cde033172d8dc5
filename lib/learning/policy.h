/* The descent policy: one force call to the next displacement, by the per-atom LSTM
 * around a hand-made step, and its adjoint.
 *
 * Per atom, with outputs o of the network:
 *
 *   u = exp(tanh o0) d + 0.5 tanh(o1) f + 0.9 tanh(o2) v + 0.5 tanh(o3) m
 *   step = u / sqrt(1 + |u|^2 / cap^2),   cap = cap0 exp(tanh o4)
 *
 * d quasi-Newton direction, f force, v last displacement, m slow mean of the force.  All
 * outputs zero: the quasi-Newton step, softly capped: the hand-made optimizer. */
#ifndef HOP_LEARNING_POLICY_H
#define HOP_LEARNING_POLICY_H

#include "base/record.h"
#include "learning/features.h"
#include "learning/quasi_newton.h"
#include "potentials/potential.h"

#define HOP__FIRST_STEP 0.3 /* of f, when there is no curvature yet */
#define HOP__DECAYS                                                                    \
    { 0.6, 0.9 } /* of the fast and the slow mean */

#define HOP__ACTIVATIONS (HOP__OUTPUTS + 2) /* tanh o, then exp tanh of o0 and o4 */

/* The state of one descent. */
typedef struct hop__policy {
    hop_context *context;
    size_t count, capacity, stride;
    hop__units units;
    double cap;              /* in lengths */
    double *size, *cohesion; /* count */
    double *vector[HOP__VECTORS];
    double *force_before;                          /* 3n */
    double energy_before;                          /* eV */
    double *s[HOP__QN_MEMORY], *y[HOP__QN_MEMORY]; /* oldest first */
    int64_t born[HOP__QN_MEMORY];                  /* the step that made each pair */
    size_t pairs;
    int64_t step;          /* steps made */
    double *h, *c, *x, *o; /* network state, inputs, activations: [..][stride] */
    double *network;       /* work space */
    double *block;
} hop__policy;

/* What one step leaves for its adjoint. */
typedef struct hop__policy_record {
    double *vector[HOP__VECTORS]; /* 3n each; [HOP__LAST] is also the pair's s */
    double *y;                    /* 3n: the pair's y */
    double *u;                    /* 3n: before the cap */
    double *o;                    /* [HOP__ACTIVATIONS][stride] */
    double *network;              /* hop__lstm_record_size() */
    int64_t born[HOP__QN_MEMORY];
    size_t pairs;
    int64_t step;
    double drop;
} hop__policy_record;

int hop__policy_new(hop_context *context, size_t capacity, hop__policy **out);
void hop__policy_free(hop__policy *policy);

/* All that the next steps read, as bytes. */
void hop__policy_record_state(hop__policy *policy, hop__record *record);

/* Set the system; at most `capacity` atoms.  Starts a new descent. */
void hop__policy_system(hop__policy *policy, size_t count, const hop__units *units,
                        const double *lengths, const double *energies, double cap);
void hop__policy_start(hop__policy *policy);

size_t hop__policy_record_size(size_t count); /* doubles */
void hop__policy_record_place(hop__policy_record *record, size_t count, double *block);

/* Energy (eV) and forces (eV/angstrom) -> step (3n, in lengths).  `weights` NULL: the
   hand-made step; `record` NULL: use. */
void hop__policy_step(hop__policy *policy, const double *weights, double energy,
                      const double *forces, double *step, hop__policy_record *record);

#endif
