/* A descent: the inner loop of every optimizer, from one point to the next.  It knows
   nothing of budgets, restarts or hops; optimizer.c drives it. */
#ifndef HOP_OPTIMIZERS_DESCENT_H
#define HOP_OPTIMIZERS_DESCENT_H

#include "base/options.h"
#include "potentials/potential.h"

/* What every descent is made for. */
typedef struct hop__descent_system {
    size_t count;
    hop__units units;
    const double *lengths, *energies; /* each atom's own scales, count each */
    const int32_t *fixed;             /* count; steps of fixed atoms are dropped later */
    const hop_model *model;           /* NULL: untrained */
} hop__descent_system;

typedef struct hop__descent_kind {
    const char *name;
    const hop__option *options; /* rows over the options struct below */
    size_t option_count, options_size;

    int (*create)(hop_context *context, const hop__descent_system *system,
                  const void *options, void **state);
    void (*destroy)(hop_context *context, void *state);

    /* Forget everything: the next step is the first of a new descent. */
    void (*start)(void *state);

    /* Given energy and forces at x (forces of fixed atoms are zero), write the next point
       to evaluate into `next`.  Allocates nothing. */
    void (*step)(void *state, const double *x, double energy, const double *forces,
                 double *next);
} hop__descent_kind;

extern const hop__descent_kind hop__gradient_descent_kind, hop__adam_kind, hop__fire_kind,
    hop__lbfgs_kind, hop__learned_descent_kind;

#endif
