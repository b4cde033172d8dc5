/* The optimizer handle: its parts, and what search.c does with them. */
#ifndef HOP_OPTIMIZERS_OPTIMIZER_H
#define HOP_OPTIMIZERS_OPTIMIZER_H

#include "learning/watch.h"
#include "optimizers/cell.h"
#include "optimizers/descent.h"
#include "optimizers/hops.h"
#include "optimizers/prior.h"
#include "structure/structure.h"

typedef struct hop__optimizer_kind {
    const char *name;
    const hop__descent_kind *descent;
    bool hops;
    bool endless; /* with `quenches` = 0 the descent goes on through minima */
} hop__optimizer_kind;

/* A descent on its way. */
typedef struct hop__quench {
    const hop__descent_kind *kind;
    void *state;
    double *x;    /* the question */
    double *good; /* the last point that could be evaluated */
    bool have_good;
    int64_t steps;
    int64_t idle; /* evaluations since `lowest` or `softest` last fell */
    double lowest, softest, energy; /* energy: at the last point */
} hop__quench;

/* A point whose energy is known; energy INFINITY: none yet.  `energy` is what is lowered,
   the enthalpy where there is a pressure, `told` without it. */
typedef struct hop__point {
    double *x, *forces, energy, told, virial[6];
} hop__point;

struct hop_optimizer {
    hop_context *context;
    const hop__optimizer_kind *kind;
    const hop__option_table *table;
    hop__settings settings;
    hop_potential *potential;
    hop_model *model;
    hop_structure *start; /* atoms, cell, periodicity, fixed mask */
    hop__units units;
    double *lengths, *scales; /* each atom's own */
    double *block;            /* all arrays of doubles are parts of it */
    bool begun, asked, some_fixed;
    double began;

    hop__quench search, polish;
    bool polishing, polished;
    int64_t polish_evaluations;

    hop__cell cell;
    size_t rows;  /* atoms, and strains where the cell relaxes */
    double *pull; /* what a descent sees of forces and virial */

    /* the last point that could be evaluated */
    double energy, told, fmax, smax, virial[6];
    const double *forces; /* zero on fixed atoms; only while being told */
    double *masked;       /* where it is, when some are fixed */
    hop__point best;
    double lowest;   /* energy of the lowest minimum, eV; INFINITY: none yet */
    double leftover; /* of a minimum that was relaxed loosely: still to be gained, eV */
    int refusals, outcome;
    char reason[HOP__MESSAGE_SIZE]; /* why the start could not be evaluated */
    int64_t evaluations, quenches;

    hop_minimum_function found; /* who is shown each minimum, in this structure */
    void *found_user;
    hop_structure *minimum;
    bool stopped; /* by it */

    hop__hops *hops;                    /* made at the first ask */
    double strains[3 * HOP__CELL_ROWS]; /* of the accepted minimum */
    hop__prior *prior;                  /* likewise, or NULL */
    hop__watch *watch;                  /* likewise */
    hop__watch_input seen;
    double frame[9];
};

/* Make all that a run needs: what the first ask does. */
int hop__optimizer_begin(hop_optimizer *optimizer);

/* Random vectors are drawn in this frame (rows of a rotation matrix), so that a test
   can rotate start and noise together. */
void hop__optimizer_set_frame(hop_optimizer *optimizer, const double frame[9]);

/* Take in one evaluation of the question that was asked and make the next one. */
void hop__search_tell(hop_optimizer *optimizer, const hop_structure *structure);

/* HOP_OK while there is something to ask, else the outcome or error of the run. */
int hop__search_status(hop_optimizer *optimizer);

/* The positions to ask for. */
const double *hop__search_question(const hop_optimizer *optimizer);

/* The question becomes x (3n), fixed atoms apart. */
void hop__search_adjust(hop_optimizer *optimizer, const double *x);

void hop__search_begin(hop_optimizer *optimizer);

/* Begin anew from x (3n) with another seed and the same options: everything is
   forgotten, nothing is allocated. */
int hop__optimizer_restart(hop_optimizer *optimizer, const double *x, double seed);

#endif
