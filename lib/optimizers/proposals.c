/* The moves from an accepted minimum: which atoms, and where to. */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "optimizers/hops.h"

#define DEEP 0.5     /* lengths from the centre: where atoms are inserted */
#define FARTHEST 2.0 /* factor of a shake for a weakly bound atom */

static void kick(hop__hops *h, double *x) {
    if (hop__random_uniform(&h->moves.random) < h->settings->restart) {
        hop__move_restart(&h->moves, x);
        if (h->network)
            hop__hops_repeat_start(h, x);
        hop__hops_forget_trials(h);
    } else {
        hop__move_shake(&h->moves, h->settings->kick * h->atoms.units.length, x);
    }
    h->since_best = 0;
    h->lowest = INFINITY;
    h->forgiving = true;
}

static size_t untouched(const hop__hops *h) {
    size_t count = 0;
    for (size_t i = 0; i < h->start->count; i++)
        count += !h->start->fixed[i] && h->involved[i] == 0.0;
    return count;
}

size_t hop__hops_weakly_bound(hop__hops *h, enum hop__move move,
                              enum hop__hop_output output) {
    for (size_t i = 0; i < h->start->count; i++)
        h->policy->logits[i] =
            h->start->fixed[i] || h->involved[i] != 0.0
                ? -INFINITY
                : h->settings->atom_bias * h->shells.energy[i] -
                      h->settings->repeat * h->history.tried[move][i];
    return hop__hop_policy_atom(h->policy, output);
}

/* Weakly bound atoms farther, all together as far as without. */
static void size_shakes(hop__hops *h) {
    const size_t n = h->start->count;
    const double bias = h->settings->shake_bias;
    double square = 0.0;
    for (size_t i = 0; i < n; i++) {
        double excess = bias * (h->shells.energy[i] - h->shells.mean_energy);
        h->sizes[i] = bias == 0.0 ? 1.0 : hop__exp(fmin(fmax(excess, -2.0), 2.0));
        square += h->sizes[i] * h->sizes[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++)
        h->sizes[i] = fmin(h->sizes[i] / sqrt(square), FARTHEST);
}

/* A part of the cluster is shaken alone. */
static bool shake_part(hop__hops *h, double radius, double *x) {
    double unit[3];
    if (h->settings->part <= 0.0 || hop__structure_is_periodic(h->start) ||
        hop__random_uniform(&h->moves.random) >= h->settings->part)
        return false;
    hop__moves_part(&h->moves, x, h->involved, unit);
    hop__move_shake_atoms(&h->moves, radius, h->sizes, h->involved, x);
    return true;
}

static void twist(hop__hops *h, double *x) {
    double unit[3];
    hop__moves_part(&h->moves, x, h->involved, unit);
    hop__move_twist(&h->moves, h->involved, unit, x);
}

/* Weakly bound atoms go to the centre (Takeuchi, J. Chem. Inf. Model. 46 (2006) 2066). */
static void insert(hop__hops *h, double *x) {
    do {
        const size_t atom = hop__hops_weakly_bound(h, HOP__MOVE_INSERT, HOP__INSERT);
        hop__move_insert(&h->moves, DEEP * h->atoms.units.length, atom, x);
        h->involved[atom] = 1.0;
    } while (untouched(h) > 1 && hop__hop_policy_again(h->policy, HOP__MORE_INSERTIONS,
                                                       h->settings->more_insertions));
}

static void shake(hop__hops *h, double *x) {
    const double radius = h->shake * h->atoms.units.length;
    size_shakes(h);
    if (shake_part(h, radius, x))
        return;
    if (h->uniform) {
        hop__move_shake_atoms(&h->moves, radius, h->sizes, h->involved, x);
        return;
    }
    hop__hop_policy_displace(h->policy, radius, h->moves.frame, h->displacement);
    hop__add_scaled(x, 1.0, h->displacement, 3 * h->start->count);
}

static void relocate_one(hop__hops *h, double *x) {
    const size_t n = h->start->count;
    double centre[3] = {0.0, 0.0, 0.0}, place[HOP__SITES][3], neighbours;
    hop__site site[HOP__SITES];
    const size_t atom = hop__hops_weakly_bound(h, HOP__MOVE_RELOCATE, HOP__RELOCATE);
    for (size_t a = 0; a < 3 * n; a++)
        centre[a % 3] += x[a] / (double)n;
    hop__moves_sites(&h->moves, x, atom, centre, HOP__SITES, place);
    for (int k = 0; k < HOP__SITES; k++) {
        hop__site_features(&h->atoms, &h->shells, x, atom, place[k], centre,
                           &neighbours, site[k].in);
        site[k].logit = h->settings->site_bias * neighbours;
    }
    memcpy(x + 3 * atom, place[hop__hop_policy_site(h->policy, site)], 3 * sizeof *x);
    h->involved[atom] = 1.0;
}

static void relocate(hop__hops *h, double *x) {
    do
        relocate_one(h, x);
    while (untouched(h) > 1 && hop__hop_policy_again(h->policy, HOP__MORE_RELOCATIONS,
                                                     h->settings->more_relocations));
}

/* The energy of an atom over the mean of its element. */
static double misplaced(const hop__hops *h, size_t i) {
    const hop_structure *s = h->start;
    double sum = 0.0, count = 0.0;
    for (size_t j = 0; j < s->count; j++)
        if (s->numbers[j] == s->numbers[i]) {
            sum += h->shells.energy[j];
            count += 1.0;
        }
    return h->shells.energy[i] - sum / count;
}

static double swap_logit(const hop__hops *h, size_t i) {
    if (h->start->fixed[i])
        return -INFINITY;
    const hop__settings *s = h->settings;
    double logit = s->swap_bias == 0.0 ? 0.0 : s->swap_bias * misplaced(h, i);
    if (s->swap_learn > 0.0)
        logit -=
            s->swap_learn * hop__swaps_promise(&h->swaps, &h->atoms, &h->shells, i);
    return logit - s->repeat * h->history.tried[HOP__MOVE_SWAP][i];
}

static void swap_one(hop__hops *h, double *x) {
    const hop_structure *s = h->start;
    for (size_t i = 0; i < s->count; i++)
        h->policy->logits[i] = swap_logit(h, i);
    const size_t a = hop__hop_policy_atom(h->policy, HOP__SWAP);
    for (size_t i = 0; i < s->count; i++)
        h->policy->logits[i] =
            s->numbers[i] == s->numbers[a] ? -INFINITY : swap_logit(h, i);
    const size_t b = hop__hop_policy_atom(h->policy, HOP__SWAP);
    for (size_t c = 0; c < 3; c++) {
        double keep = x[3 * a + c];
        x[3 * a + c] = x[3 * b + c];
        x[3 * b + c] = keep;
    }
    h->involved[a] = h->involved[b] = 1.0;
    hop__swaps_take_part(&h->swaps, &h->atoms, &h->shells, a);
    hop__swaps_take_part(&h->swaps, &h->atoms, &h->shells, b);
}

static void swap(hop__hops *h, double *x) {
    hop__swaps_begin(&h->swaps);
    do
        swap_one(h, x);
    while (hop__hop_policy_again(h->policy, HOP__MORE_SWAPS, h->settings->more_swaps));
}

void hop__hops_move(hop__hops *h, enum hop__move move, double *x) {
    const size_t n = h->start->count;
    memcpy(x, h->accepted, 3 * n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        h->involved[i] = move == HOP__MOVE_SHAKE && !h->start->fixed[i] ? 1.0 : 0.0;
    h->move = move;
    if (move == HOP__MOVE_KICK)
        kick(h, x);
    else if (h->network && (move != HOP__MOVE_SHAKE || h->settings->range > 0.0) &&
             (move != HOP__MOVE_SWAP || !h->atoms.alloy))
        hop__hops_move_in_network(h, move, x);
    else if (move == HOP__MOVE_RELOCATE)
        relocate(h, x);
    else if (move == HOP__MOVE_SWAP)
        swap(h, x);
    else if (move == HOP__MOVE_INSERT)
        insert(h, x);
    else if (move == HOP__MOVE_TWIST)
        twist(h, x);
    else
        shake(h, x);
    if (move != HOP__MOVE_RELOCATE && move != HOP__MOVE_SWAP &&
        !hop__structure_is_periodic(h->start))
        hop__moves_apart(&h->moves, h->settings->apart, x);
}
