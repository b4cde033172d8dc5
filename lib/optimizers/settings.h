/* The options of all optimizers, one struct of doubles; which of them a kind has is in
   its table.  Lengths are in nearest-neighbour distances, energies in binding energies
   per atom, so that one setting serves all elements. */
#ifndef HOP_OPTIMIZERS_SETTINGS_H
#define HOP_OPTIMIZERS_SETTINGS_H

#include "base/options.h"

typedef struct hop__settings {
    /* every kind */
    double fmax, max_evaluations, max_time, target, quenches, polish, seed, max_step,
        patience, rms, energy_change, cell, pressure, smax;
    /* gradient descent, Adam */
    double rate, decay1, decay2, epsilon;
    /* FIRE, FIRE 2.0, smooth FIRE */
    double dt, dt_max, increase, decrease, alpha, alpha_decrease, delay, dt_min, abc,
        friction, brake, sharpness, soft_force;
    /* conjugate gradients */
    double line_slope;
    /* L-BFGS */
    double memory, max_rise;
    /* the learned kind: its skills, and where the descent ends */
    double descend, hop, abandon, abandon_below, handover, recall, prior;
    /* the continuous kind */
    double noise, attraction;
    /* hopping */
    double temperature, shake, shake_bias, part, shake_weight, relocate_weight,
        swap_weight, adapt, acceptance, quench_fmax, quench_steps, tighten, atom_bias,
        site_bias, swap_bias, swap_learn, repeat, kind_learn, more_relocations,
        more_swaps, exploration, kick, kick_onset, kick_slope, restart, abort,
        abort_kappa, abort_margin, promise, apart, settle, insert_weight, twist_weight,
        more_insertions, reorder, range, repeat_bias;
} hop__settings;

/* NULL for an unknown kind. */
const hop__option_table *hop__settings_table(const char *kind);

#endif
