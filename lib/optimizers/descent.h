/* A descent: the inner loop of every optimizer, from one point to the next.  It knows
   nothing of budgets, restarts or hops; optimizer.c drives it. */
#ifndef HOP_OPTIMIZERS_DESCENT_H
#define HOP_OPTIMIZERS_DESCENT_H

#include "base/record.h"
#include "optimizers/settings.h"
#include "potentials/potential.h"

/* What a descent moves: `count` rows of three, the last `strains` of them those of a cell
   (cell.h), which may move `leeway` times as far as an atom. */
typedef struct hop__rows {
    size_t count, strains;
    double leeway;
} hop__rows;

/* What every descent is made for. */
typedef struct hop__descent_system {
    hop__rows rows;
    hop__units units;
    const double *lengths, *energies; /* each atom's own scales */
    const hop_model *model;           /* NULL: the hand-made step */
    const hop_structure *start;       /* atoms, cell, periodicity */
    const double *frame;              /* in which random vectors are drawn, 9 */
} hop__descent_system;

typedef struct hop__descent_kind {
    const char *name;

    int (*create)(hop_context *context, const hop__descent_system *system,
                  const hop__settings *settings, void **state);
    void (*destroy)(hop_context *context, void *state);

    /* Forget everything: the next step is the first of a new descent. */
    void (*start)(void *state);

    /* The next point is a jump away from the last one, into a neighbouring basin: what was
       learned of the curvature still helps.  NULL, as the next one: start. */
    void (*jump)(void *state);

    /* How far the energy will fall from the last point, if the curvature known by now
       holds: 1/2 f.Hf, eV. */
    double (*outlook)(const void *state);

    /* Given energy and forces at x (forces of fixed atoms are zero), write the next point
       to evaluate into `next`.  Allocates nothing. */
    void (*step)(void *state, const double *x, double energy, const double *forces,
                 double *next);
} hop__descent_kind;

extern const hop__descent_kind hop__gradient_descent_kind, hop__adam_kind,
    hop__fire_kind, hop__fire2_kind, hop__smooth_fire_kind,
    hop__conjugate_gradient_kind, hop__lbfgs_kind, hop__learned_kind,
    hop__learned_continuous_kind;

/* A run begins: the continuous kind's random numbers come from the seed of the settings. */
void hop__learned_continuous_seed(void *opaque);

/* The state of a descent as bytes: what create() and the settings do not determine.
   saving.c knows which kind has which. */
void hop__first_order_record(void *opaque, hop__record *record);
void hop__fire_record(void *opaque, hop__record *record);
void hop__conjugate_gradient_record(void *opaque, hop__record *record);
void hop__lbfgs_record(void *opaque, hop__record *record);
void hop__learned_record(void *opaque, hop__record *record);
void hop__learned_continuous_record(void *opaque, hop__record *record);

/* The farthest move of an atom, or of a strain over its leeway. */
double hop__descent_farthest(const hop__rows *rows, const double *step);

/* next = x + step, shortened as a whole so that no atom moves farther than `cap`; `square`
   is step . step. */
void hop__descent_move(const hop__rows *rows, const double *x, const double *step,
                       double square, double cap, double *next);

#endif
