/* Hopping: a chain of accepted minima (basin hopping: Wales and Doye, J. Phys. Chem. A
   101 (1997) 5111), the moves that are made from them, and what is remembered of the
   moves. */
#ifndef HOP_OPTIMIZERS_HOPS_H
#define HOP_OPTIMIZERS_HOPS_H

#include "learning/hop_policy.h"
#include "learning/shapes.h"
#include "optimizers/moves.h"
#include "optimizers/network.h"
#include "optimizers/order.h"
#include "optimizers/settings.h"
#include "optimizers/swaps.h"

enum hop__move {
    /* as the policy's kinds */
    HOP__MOVE_SHAKE,
    HOP__MOVE_RELOCATE,
    HOP__MOVE_SWAP,
    HOP__MOVE_INSERT, /* atoms to the centre */
    HOP__MOVE_TWIST,  /* a part of the cluster is turned */
    HOP__MOVE_KICK,   /* after stagnation: a hard shake, or a new random structure */
    HOP__MOVE_RECALL, /* a shape that was low elsewhere */
    HOP__MOVE_NONE
};

/* Where a quench ended.  `complete`: at a minimum; `energies`: per atom; `steps`:
   evaluations that it took. */
typedef struct hop__ended {
    const double *x, *energies;
    double energy;
    bool complete;
    int64_t steps;
} hop__ended;

typedef struct hop__hops {
    hop_context *context;
    const hop__settings *settings;
    const hop_structure *start; /* atoms, cell, periodicity, fixed mask */
    hop__moves moves;
    hop__hop_atoms atoms;
    hop__hop_shells shells; /* of the accepted minimum */
    hop__hop_history history;
    hop__hop_policy *policy;
    bool uniform; /* shakes are uniform in a ball, their size is adapted */

    double *accepted, accepted_energy; /* INFINITY before the first minimum */
    double
        limit; /* Metropolis' rule: energy up to which the next minimum is accepted */
    double lowest;    /* energy of the lowest minimum since the last restart or kick */
    double *energies; /* per atom, there */
    double *displacement; /* work space, 3n */
    double *involved;     /* n: 1 where the last move touched */
    double *sizes;        /* n: factors of a shake */
    hop__swaps swaps;
    hop__surface surface;
    hop__network *network; /* of periodic systems; NULL: a cluster */
    hop__sites sites;
    hop__order order;
    bool ordering;   /* atoms of `settled` were exchanged */
    bool settling;   /* atoms of `settled` were moved to better places */
    double *settled; /* 3n: the minimum before, n: its energies per atom */
    double settled_energy;
    int64_t settled_steps;
    int64_t proposed; /* moves so far */
    double gains[HOP__HOP_KINDS],
        costs[HOP__HOP_KINDS];    /* decaying: what kinds brought */
    const double *shapes;         /* a library (learning/shapes.h), or NULL */
    double recalled[HOP__SHAPES]; /* how often each was */
    enum hop__move move;
    bool forgiving; /* the next minimum is accepted whatever its energy */
    double shake;   /* radius in lengths */
    int64_t since_best, shakes, shakes_accepted;
    double *block; /* all arrays of doubles are parts of it */
    size_t numbers;
} hop__hops;

/* Everything pointed to must outlive it.  `lengths`, `scales`: each atom's own. */
int hop__hops_new(hop_context *context, const hop_structure *start,
                  const hop__units *units, const double *lengths, const double *scales,
                  const hop__settings *settings, hop__hops **out);
void hop__hops_free(hop__hops *hops);

/* The chain and what it remembers, as bytes. */
void hop__hops_record(hop__hops *hops, hop__record *record);

/* Forget the chain; draw random numbers anew from the seed of the settings. */
void hop__hops_start(hop__hops *hops);

/* Take a minimum as the one from which to move. */
void hop__hops_adopt(hop__hops *hops, const double *x, double energy,
                     const double *energies);

/* Nothing was tried yet. */
void hop__hops_forget_trials(hop__hops *hops);

/* A move of a given kind from the accepted minimum, written into x (3n). */
void hop__hops_move(hop__hops *hops, enum hop__move move, double *x);

/* The same in a periodic system (network_moves.c), atoms of x being at the accepted
   minimum and h->involved zero. */
void hop__hops_move_in_network(hop__hops *hops, enum hop__move move, double *x);

/* A new random structure in a cell, x, may become one that repeats itself. */
void hop__hops_repeat_start(hop__hops *hops, double *x);

/* An atom that was not taken yet, preferably one that is weakly bound. */
size_t hop__hops_weakly_bound(hop__hops *hops, enum hop__move move,
                              enum hop__hop_output output);

/* Is it time to recall a shape? */
bool hop__hops_time_to_recall(hop__hops *hops);

/* The atoms in a known shape, without regard to their elements, written into x. */
void hop__hops_recall(hop__hops *hops, double *x);

/* A quench ended, and perhaps some of its weakly bound atoms find better places on the
   surface: true when they were moved, in x (3n), from where the next quench begins.  When
   they did not, *ended is the minimum to be judged, the lowest since the last proposal. */
bool hop__hops_settle(hop__hops *hops, hop__ended *ended, double *x);

/* Did the last move take many atoms away from where they were? */
bool hop__hops_all_moved(const hop__hops *hops);

/* Energy above which the minimum to come will not count. */
double hop__hops_limit(const hop__hops *hops);

/* What came of the last proposal: true when it is accepted. */
bool hop__hops_judge(hop__hops *hops, const hop__ended *ended);

/* The next move, written into x. */
void hop__hops_propose(hop__hops *hops, double *x);

#endif
