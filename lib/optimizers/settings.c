#include "optimizers/settings.h"

#include <string.h>

#define REAL HOP_OPTION_REAL
#define WHOLE HOP_OPTION_INTEGER
#define FLAG HOP_OPTION_FLAG
#define BIG 1e15

#define ROW(field, unit, type, low, high, initial, doc)                                \
    { #field, unit, type, low, high, initial, doc, offsetof(hop__settings, field) }

#define COMMON(quenches_, polish_, max_step_)                                          \
    ROW(fmax, "eV/A", REAL, 1e-12, 1e6, 0.01,                                          \
        "converged when the largest force on an atom is below"),                       \
        ROW(rms, "eV/A", REAL, 0, 1e6, 0,                                              \
            "... and the root mean square of all force components; 0 = whatever it "   \
            "is"),                                                                     \
        ROW(energy_change, "eV", REAL, 0, BIG, 0,                                      \
            "... and the energy's change by the last step; 0 = whatever it is"),       \
        ROW(max_evaluations, "", WHOLE, 0, BIG, 0,                                     \
            "evaluations in all; 0 = no limit"),                                       \
        ROW(max_time, "s", REAL, 0, BIG, 0, "seconds in all; 0 = no limit"),           \
        ROW(target, "eV", REAL, -BIG, BIG, -BIG, "stop when this energy is reached"),  \
        ROW(quenches, "", WHOLE, 0, BIG, quenches_,                                    \
            "descents in all, the later ones from new structures; 0 = no limit"),      \
        ROW(polish, "", WHOLE, 0, BIG, polish_,                                        \
            "last evaluations of the limit, kept for relaxing the best point to "      \
            "fmax"),                                                                   \
        ROW(seed, "", WHOLE, 0, 9007199254740992.0, 1, "seed of the random numbers"),  \
        ROW(max_step, "r0", REAL, 1e-6, 10, max_step_,                                 \
            "farthest move of an atom in a step"),                                     \
        ROW(patience, "", WHOLE, 0, BIG, 1000,                                         \
            "evaluations without lower energy or force that end a descent; 0 = no "    \
            "limit"),                                                                  \
        ROW(cell, "", WHOLE, 0, 2, 0,                                                  \
            "0 = the cell stays, 1 = it relaxes with the atoms, 2 = its volume "       \
            "alone"),                                                                  \
        ROW(pressure, "eV/A3", REAL, -BIG, BIG, 0,                                     \
            "at which the cell relaxes; 1 GPa = 0.00624150907"),                       \
        ROW(smax, "eV/A3", REAL, 1e-15, BIG, 1e-4,                                     \
            "... and the largest principal stress, the pressure taken off, when the "  \
            "cell relaxes")

#define LBFGS(memory_)                                                                 \
    ROW(memory, "", WHOLE, 0, 100, memory_,                                            \
        "pairs that L-BFGS remembers; 0 = 100 for clusters, fewer for many atoms"),    \
        ROW(max_rise, "e0", REAL, 0, BIG, 0.02,                                        \
            "a step that raises the energy more is shortened")

#define HOPPING(temperature_, shake_, shake_weight_, relocate_weight_, swap_weight_,   \
                adapt_, quench_fmax_, atom_bias_, site_bias_, more_r_, more_s_,        \
                exploration_, kick_, onset_, slope_, restart_, abort_, twist_weight_,  \
                swap_learn_, repeat_, kind_learn_, promise_, apart_, settle_,          \
                insert_weight_)                                                        \
    ROW(temperature, "e0", REAL, 0, 1e6, temperature_, "of the Metropolis rule"),      \
        ROW(shake, "r0", REAL, 0, 10, shake_,                                          \
            "radius of the random move of all atoms"),                                 \
        ROW(shake_bias, "1/e0", REAL, -100, 100, 0,                                    \
            "weakly bound atoms are shaken farther: exp(this times their energy over " \
            "the mean)"),                                                              \
        ROW(part, "", REAL, 0, 1, 0,                                                   \
            "share of the shakes that move only the atoms on one side of a plane"),    \
        ROW(shake_weight, "", REAL, 0, 1e6, shake_weight_,                             \
            "relative frequency of shaking all atoms"),                                \
        ROW(relocate_weight, "", REAL, 0, 1e6, relocate_weight_,                       \
            "relative frequency of moving weakly bound atoms to the surface, in a "    \
            "periodic system into voids"),                                             \
        ROW(swap_weight, "", REAL, 0, 1e6, swap_weight_,                               \
            "relative frequency of exchanging unlike atoms (alloys), in a periodic "   \
            "element of transposing bonds"),                                           \
        ROW(adapt, "", FLAG, 0, 1, adapt_, "adapt shake to the acceptance wanted"),    \
        ROW(acceptance, "", REAL, 0.01, 0.99, 0.5, "wanted share of accepted shakes"), \
        ROW(quench_fmax, "e0/r0", REAL, 1e-9, 1e3, quench_fmax_,                       \
            "largest force at the end of a quench"),                                   \
        ROW(quench_steps, "", WHOLE, 1, BIG, 1000, "longest quench"),                  \
        ROW(tighten, "", FLAG, 0, 1, 1,                                                \
            "relax to fmax what is about to be the lowest minimum"),                   \
        ROW(atom_bias, "1/e0", REAL, 0, 1e3, atom_bias_,                               \
            "preference for the atoms of highest energy when relocating"),             \
        ROW(site_bias, "", REAL, 0, 1e3, site_bias_,                                   \
            "preference for highly coordinated sites when relocating"),                \
        ROW(swap_bias, "1/e0", REAL, -100, 100, 0,                                     \
            "preference for the atoms of highest energy of their element when "        \
            "swapping"),                                                               \
        ROW(swap_learn, "1/e0", REAL, 0, 1e4, swap_learn_,                             \
            "preference for the swaps that by the outcomes of earlier ones promise "   \
            "the lowest energy"),                                                      \
        ROW(repeat, "", REAL, 0, 100, repeat_,                                         \
            "reluctance to take an atom again that was tried from this minimum"),      \
        ROW(kind_learn, "", REAL, 0, 2, kind_learn_,                                   \
            "how far the frequencies follow what each kind of move has brought for "   \
            "its evaluations: 1 = in proportion"),                                     \
        ROW(more_relocations, "", REAL, 0, 0.95, more_r_,                              \
            "chance to relocate one atom more"),                                       \
        ROW(more_swaps, "", REAL, 0, 0.95, more_s_, "chance to swap one pair more"),   \
        ROW(exploration, "", REAL, 0, 1, exploration_,                                 \
            "share of the moves whose kind is drawn evenly"),                          \
        ROW(kick, "r0", REAL, 0, 10, kick_,                                            \
            "radius of the kick after stagnation; 0 = no kicks"),                      \
        ROW(kick_onset, "", REAL, 1e-6, 1e6, onset_,                                   \
            "hops per atom without a new best when a kick becomes likely"),            \
        ROW(kick_slope, "", REAL, 0, 100, slope_, "how sharply it does"),              \
        ROW(restart, "", REAL, 0, 1, restart_,                                         \
            "share of the kicks that are new random structures"),                      \
        ROW(abort, "", FLAG, 0, 1, abort_,                                             \
            "end a quench that cannot come below the accepted energy"),                \
        ROW(abort_kappa, "", REAL, 0, 1e6, 40,                                         \
            "assumed compliance: a force f (in k0 r0) can still gain kappa k0 f^2 / "  \
            "2"),                                                                      \
        ROW(abort_margin, "e0", REAL, 0, 1e6, 0.0138,                                  \
            "energy above which to give up"),                                          \
        ROW(promise, "", REAL, 0, 100, promise_,                                       \
            "end the quench of a swap when its energy, less this times what the "      \
            "quasi-"                                                                   \
            "Newton step promises, is above that; 0 = do not"),                        \
        ROW(apart, "r0", REAL, 0, 1, apart_,                                           \
            "atoms nearer than this are moved apart after a shake, without "           \
            "evaluations"),                                                            \
        ROW(settle, "", WHOLE, 0, 1e6, settle_,                                        \
            "weakly bound atoms that are taken at a time to better places on a "       \
            "cluster's surface after a shake's quench, as long as it lowers the "      \
            "energy; 0 = none"),                                                       \
        ROW(insert_weight, "", REAL, 0, 1e6, insert_weight_,                           \
            "relative frequency of moving weakly bound atoms to the centre, in a "     \
            "periodic system into the largest void"),                                  \
        ROW(more_insertions, "", REAL, 0, 0.95, 0.55,                                  \
            "chance to move one atom more to the centre"),                             \
        ROW(twist_weight, "", REAL, 0, 1e6, twist_weight_,                             \
            "relative frequency of turning a part of a cluster about an axis; in a "   \
            "periodic system of making half of the cell a copy of the other half"),    \
        ROW(repeat_bias, "1/e0", REAL, 0, 1e6, 100,                                    \
            "preference for well bound halves of a periodic cell when the other half " \
            "becomes their copy"),                                                     \
        ROW(range, "r0", REAL, 0, 2.3, 1.8,                                            \
            "in periodic systems shakes reach so far from a badly bound atom; 0 = "    \
            "shake all atoms"),                                                        \
        ROW(reorder, "", WHOLE, 0, 1e6, 40,                                            \
            "pairs of unlike atoms that are exchanged at a time, then, by what the "   \
            "minima so far told of the order of an alloy; 0 = none")

static const hop__option gradient_descent[] = {
    COMMON(1, 0, 0.1),
    ROW(rate, "", REAL, 1e-9, 10, 0.05, "step in units of force over stiffness")};
static const hop__option adam[] = {
    COMMON(1, 0, 0.1), ROW(rate, "r0", REAL, 1e-9, 10, 0.02, "step of a steady force"),
    ROW(decay1, "", REAL, 0, 0.9999, 0.9, "decay of the mean force"),
    ROW(decay2, "", REAL, 0, 0.99999, 0.99, "decay of the mean square"),
    ROW(epsilon, "k0 r0", REAL, 0, 1e3, 0.01,
        "forces far below it make steps in proportion, not of full length")};
#define TIME_STEPS(dt_, dt_max_)                                                       \
    ROW(dt, "", REAL, 1e-6, 10, dt_,                                                   \
        "first time step, units of sqrt(mass/stiffness)"),                             \
        ROW(dt_max, "", REAL, 1e-6, 10, dt_max_, "longest time step"),                 \
        ROW(increase, "", REAL, 1, 10, 1.1, "growth of the time step"),                \
        ROW(decrease, "", REAL, 0.01, 1, 0.5, "reduction of the time step")

#define MIXING(alpha_, delay_)                                                         \
    ROW(alpha, "", REAL, 0, 1, alpha_, "mixing of force direction into the velocity"), \
        ROW(alpha_decrease, "", REAL, 0, 1, 0.99, "decay of the mixing"),              \
        ROW(delay, "", WHOLE, 0, 1000, delay_,                                         \
            "downhill steps before the time step grows")

/* ASE's first time step of 0.1 is 0.756 here for Lennard-Jones atoms; its longest, ten times
   as much, is beyond what is stable, which amorphous silicon pays for with twice the
   evaluations.  The same of FIRE 2.0 above 0.6. */
static const hop__option fire[] = {COMMON(1, 0, 0.1), TIME_STEPS(0.75, 0.75),
                                   MIXING(0.1, 5)};
static const hop__option fire2[] = {
    COMMON(1, 0, 0.1), TIME_STEPS(0.3, 0.6),
    ROW(dt_min, "", REAL, 0, 10, 0.15,
        "shortest time step; with abc sqrt(alpha) times that"),
    MIXING(0.25, 20),
    ROW(abc, "", FLAG, 0, 1, 0, "accelerated bias correction of the velocity")};
static const hop__option smooth_fire[] = {
    COMMON(1, 0, 0.0891),
    ROW(dt, "", REAL, 1e-6, 10, 0.302, "time step, units of sqrt(mass/stiffness)"),
    ROW(friction, "", REAL, 0, 1, 0.01, "share of the velocity lost downhill"),
    ROW(brake, "", REAL, 0, 1, 0.9, "further share lost uphill"),
    ROW(sharpness, "", REAL, 0, 1e3, 20, "of the change between the two"),
    ROW(soft_force, "k0 r0", REAL, 1e-6, 1e6, 1.56, "force at which it is softened")};
static const hop__option conjugate_gradient[] = {
    COMMON(1, 0, 0.15),
    ROW(line_slope, "", REAL, 1e-6, 0.99, 0.25,
        "slope along the line, of that at its beginning, that ends the line")};
static const hop__option lbfgs[] = {COMMON(1, 0, 0.15), LBFGS(0)};
static const hop__option basin_hopping[] = {
    COMMON(0, 60, 0.17), LBFGS(16),
    HOPPING(0.02, 0.48, 0.1, 0.05, 0.3, 0, 0.02, 10, 4, 0.06, 0, 0, 0.5, 2, 2, 0.5, 0,
            0.04, 80, 0.3, 0.5, 0, 0.85, 6, 0.1)};
static const hop__option learned[] = {
    COMMON(0, 60, 0.1),
    LBFGS(16),
    ROW(descend, "", WHOLE, 0, 2, 2,
        "descend by the model: 0 = never (by L-BFGS), 1 = always, 2 = when there is "
        "one "
        "quench, of atoms only"),
    ROW(hop, "", WHOLE, 0, 2, 1,
        "choose moves by the model: 0 = never (by the weights below), 1 = always, 2 = "
        "in "
        "alloys"),
    ROW(abandon, "", FLAG, 0, 1, 0,
        "let the model end quenches that will not be accepted; 0 = by `abort` below"),
    ROW(abandon_below, "", REAL, 0, 1, 0.04,
        "probability of being accepted below which a quench ends"),
    ROW(recall, "", REAL, 0, 1, 0.9,
        "largest share of the moves of a cluster that begin again from a shape that "
        "the model knows, while those are new; 0 = none"),
    ROW(prior, "", WHOLE, 0, 1e6, 0,
        "steps that are made at most on a potential of the optimizer's own, without "
        "evaluations, before a quench that follows a move of many atoms and before a "
        "single descent, whose minimum may then be another one (clusters)"),
    ROW(handover, "k0 r0", REAL, 0, 1e6, 0.004,
        "largest force below which the hand-made quasi-Newton step takes over"),
    HOPPING(0.02, 0.48, 0.08, 0.1, 0.25, 0, 0.0156, 10.5, 3.9, 0.08, 0.19, 0.03, 0.5, 2,
            2, 0.5, 1, 0.03, 70, 0, 0, 3, 0.85, 6, 0.05)};

static const hop__option learned_continuous[] = {
    COMMON(0, 60, 0.0891),
    ROW(noise, "", REAL, 0, 100, 1, "factor of the model's noise; 0 = none"),
    ROW(attraction, "", REAL, 0, 100, 1,
        "factor of the model's pull to the lowest point; 0 = none")};

#define TABLE(name, rows)                                                              \
    { name, rows, sizeof rows / sizeof *rows }
static const hop__option_table tables[] = {
    TABLE("gradient-descent", gradient_descent),
    TABLE("adam", adam),
    TABLE("fire", fire),
    TABLE("fire2", fire2),
    TABLE("smooth-fire", smooth_fire),
    TABLE("conjugate-gradient", conjugate_gradient),
    TABLE("lbfgs", lbfgs),
    TABLE("basin-hopping", basin_hopping),
    TABLE("learned", learned),
    TABLE("learned-continuous", learned_continuous)};

const hop__option_table *hop__settings_table(const char *kind) {
    for (size_t k = 0; k < sizeof tables / sizeof *tables; k++)
        if (strcmp(tables[k].kind, kind) == 0)
            return &tables[k];
    return NULL;
}
