#include "optimizers/hops.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"

#define FORGET 0.6   /* of the trials when another minimum is accepted */
#define REMEMBER 0.7 /* of the running mean of outcomes */
#define MOVED 0.4    /* lengths: an atom that moved farther has not been tried there */
#define SUCCESS 0.95 /* decay of the running share of improving hops */
#define FADE 0.99    /* of what kinds of moves have brought, at each hop */
#define HUNCH 1.0    /* improvements by which kinds are taken to be alike */
#define TRACE 1e-4   /* binding energies: loosely relaxed minima differ by less */
#define FARTHEST 2.0 /* factor of a shake for a weakly bound atom */

/* ---- making ---- */

static int allocate(hop__hops *h) {
    const size_t n = h->start->count;
    double **ones[] = {&h->shells.energy,
                       &h->shells.first,
                       &h->shells.second,
                       &h->shells.unlike,
                       &h->shells.around,
                       &h->shells.radius,
                       &h->history.tried[0],
                       &h->history.tried[1],
                       &h->history.tried[2],
                       &h->history.outcome,
                       &h->energies,
                       &h->involved,
                       &h->sizes,
                       (double **)&h->atoms.size,
                       (double **)&h->atoms.cohesion};
    const size_t count = sizeof ones / sizeof *ones;
    h->numbers = (count + 10) * n;
    double *at = hop__allocate(h->context, h->numbers, sizeof *at);
    if (!at)
        return HOP_ERROR_MEMORY;
    h->block = at;
    for (size_t k = 0; k < count; k++, at += n)
        *ones[k] = at;
    h->accepted = at;
    h->displacement = at + 3 * n;
    h->moves.scores = at + 6 * n;
    return HOP_OK;
}

static void set_up(hop__hops *h, const hop__units *units, const double *lengths,
                   const double *scales) {
    const hop_structure *s = h->start;
    h->moves.count = s->count;
    h->moves.numbers = s->numbers;
    h->moves.fixed = s->fixed;
    h->moves.periodic = s->periodic;
    h->moves.cell = s->cell;
    h->moves.lengths = lengths;
    h->moves.length = units->length;
    for (int c = 0; c < 9; c += 4)
        h->moves.frame[c] = 1.0;
    h->atoms.count = s->count;
    h->atoms.stride = hop__lstm_stride(s->count);
    h->atoms.units = *units;
    h->atoms.numbers = s->numbers;
    h->atoms.fixed = s->fixed;
    h->atoms.lengths = lengths;
    h->atoms.alloy = hop__moves_can_swap(&h->moves);
    h->atoms.compact = hop__hop_compact_radius(&h->atoms);
    for (size_t i = 0; i < s->count; i++) {
        ((double *)h->atoms.size)[i] = lengths[i] / units->length - 1.0;
        ((double *)h->atoms.cohesion)[i] = scales[i] / units->energy - 1.0;
    }
}

int hop__hops_new(hop_context *context, const hop_structure *start,
                  const hop__units *units, const double *lengths, const double *scales,
                  const hop__settings *settings, hop__hops **out) {
    *out = NULL;
    hop__hops *h = hop__allocate(context, 1, sizeof *h);
    if (!h)
        return HOP_ERROR_MEMORY;
    h->context = context;
    h->settings = settings;
    h->start = start;
    int status = allocate(h);
    if (status == HOP_OK) {
        set_up(h, units, lengths, scales);
        status = hop__hop_policy_new(context, &h->atoms, &h->moves.random, &h->policy);
    }
    if (status != HOP_OK) {
        hop__hops_free(h);
        return status;
    }
    hop__hops_start(h);
    *out = h;
    return HOP_OK;
}

void hop__hops_free(hop__hops *h) {
    if (!h)
        return;
    hop__hop_policy_free(h->policy);
    hop__release(h->context, h->block);
    hop__release(h->context, h);
}

/* Energies of the atoms may be unknown. */
static bool block_possible(const hop__hops *h) {
    const double *rest = h->energies + h->start->count;
    return hop__record_all_finite(h->block, (size_t)(h->energies - h->block)) &&
           hop__record_all_finite(rest, h->numbers - (size_t)(rest - h->block));
}

void hop__hops_record(hop__hops *h, hop__record *record) {
    HOP__RECORD(record, h->moves.random.position);
    hop__record_part(record, h->block, h->numbers * sizeof *h->block);
    hop__record_expect(record, block_possible(h));
    hop__record_finite(record, &h->shells.mean_energy, 1);
    hop__record_finite(record, h->history.success, HOP__HOP_KINDS);
    hop__record_finite(record, &h->history.since, 1);
    hop__record_finite(record, &h->history.noise, 1);
    HOP__RECORD(record, h->accepted_energy);
    HOP__RECORD(record, h->limit);
    HOP__RECORD(record, h->lowest);
    hop__record_finite(record, (double *)&h->swaps, sizeof h->swaps / sizeof(double));
    hop__record_finite(record, h->gains, HOP__HOP_KINDS);
    hop__record_finite(record, h->costs, HOP__HOP_KINDS);
    HOP__RECORD(record, h->move);
    hop__record_expect(record, h->move <= HOP__MOVE_NONE);
    hop__record_flag(record, &h->forgiving);
    hop__record_finite(record, &h->shake, 1);
    HOP__RECORD_COUNT(record, h->since_best);
    HOP__RECORD_COUNT(record, h->shakes);
    HOP__RECORD_COUNT(record, h->shakes_accepted);
    hop__hop_policy_record(h->policy, record);
}

static void forget_trials(hop__hops *h) {
    for (int k = 0; k < HOP__HOP_KINDS; k++) {
        memset(h->history.tried[k], 0, h->start->count * sizeof(double));
        h->history.success[k] = 0.0;
    }
    memset(h->history.outcome, 0, h->start->count * sizeof(double));
    hop__hop_policy_start(h->policy);
}

void hop__hops_start(hop__hops *h) {
    h->moves.random = hop__random_start((uint64_t)h->settings->seed, 0x686f70ULL);
    h->accepted_energy = h->limit = h->lowest = INFINITY;
    h->move = HOP__MOVE_NONE;
    h->forgiving = false;
    h->shake = h->settings->shake;
    h->since_best = h->shakes = h->shakes_accepted = 0;
    hop__swaps_start(&h->swaps);
    memset(h->gains, 0, sizeof h->gains);
    memset(h->costs, 0, sizeof h->costs);
    forget_trials(h);
}

/* ---- the chain ---- */

static bool is_cluster(const hop__hops *h) {
    return !hop__structure_is_periodic(h->start);
}

/* Trials fade with a new minimum, and are forgotten where the atoms are elsewhere. */
static void fade_trials(hop__hops *h, const double *x) {
    const double far = MOVED * h->atoms.units.length;
    for (size_t i = 0; i < h->start->count; i++) {
        double square = 0.0;
        for (size_t c = 0; c < 3; c++) {
            double d = x[3 * i + c] - h->accepted[3 * i + c];
            square += d * d;
        }
        double keep = square > far * far ? 0.0 : FORGET;
        for (int k = 0; k < HOP__HOP_KINDS; k++)
            h->history.tried[k][i] *= keep;
        h->history.outcome[i] *= keep;
    }
}

void hop__hops_adopt(hop__hops *h, const double *x, double energy,
                     const double *energies) {
    const size_t n = h->start->count;
    if (isfinite(h->accepted_energy))
        fade_trials(h, x);
    h->accepted_energy = energy;
    memcpy(h->accepted, x, 3 * n * sizeof *x);
    memcpy(h->energies, energies, n * sizeof *energies);
    hop__hop_shells_of(&h->atoms, h->accepted, h->energies, &h->shells);
}

static bool acceptable(hop__hops *h, const double *x, double energy, bool complete) {
    if (!isfinite(h->accepted_energy))
        return true; /* the first minimum counts whatever it is */
    if (!complete || (is_cluster(h) && !hop__moves_connected(&h->moves, x)))
        return false;
    return energy <= h->limit || h->forgiving;
}

static void adapt_shake(hop__hops *h, bool accepted) {
    const hop__settings *s = h->settings;
    if (h->move != HOP__MOVE_SHAKE || s->adapt == 0.0)
        return;
    h->shakes++;
    h->shakes_accepted += accepted;
    if (h->shakes < 20)
        return;
    double share = (double)h->shakes_accepted / (double)h->shakes;
    h->shake *= share > s->acceptance ? 1.05 : 1.0 / 1.05;
    h->shake = fmin(fmax(h->shake, 0.2 * s->shake), 1.5 * s->shake);
    h->shakes = h->shakes_accepted = 0;
}

/* How much the kinds of moves bring, as if each had brought HUNCH before. */
static void remember_kind(hop__hops *h, bool best, double steps) {
    if (h->move >= HOP__MOVE_KICK)
        return;
    for (int k = 0; k < HOP__HOP_KINDS; k++) {
        h->gains[k] *= FADE;
        h->costs[k] *= FADE;
    }
    h->gains[h->move] += best;
    h->costs[h->move] += steps;
}

static double learned_weight(const hop__hops *h, double weight, int k) {
    double all = 0.0, spent = 0.0;
    if (h->settings->kind_learn <= 0.0)
        return weight;
    for (int j = 0; j < HOP__HOP_KINDS; j++) {
        all += h->gains[j];
        spent += h->costs[j];
    }
    const double usual = (all + HUNCH) / (spent + 1.0);
    const double rate = (h->gains[k] + HUNCH) / (h->costs[k] + HUNCH / usual);
    return weight * hop__power(rate / usual, h->settings->kind_learn);
}

static void remember_trial(hop__hops *h, double energy, bool better) {
    if (h->move >= HOP__MOVE_KICK)
        return;
    const double change = (energy - h->accepted_energy) / h->atoms.units.energy;
    const double rise = fmax(0.0, change);
    if (h->move == HOP__MOVE_SWAP && h->settings->swap_learn > 0.0)
        hop__swaps_learn(&h->swaps, change);
    double outcome = hop__exp(-fmin(15.0 * rise, 100.0));
    for (size_t i = 0; i < h->start->count; i++) {
        if (h->involved[i] == 0.0)
            continue;
        h->history.tried[h->move][i] += 1.0;
        h->history.outcome[i] =
            REMEMBER * h->history.outcome[i] + (1.0 - REMEMBER) * outcome;
    }
    double *success = &h->history.success[h->move];
    *success = SUCCESS * *success + (1.0 - SUCCESS) * (better ? 1.0 : 0.0);
}

bool hop__hops_judge(hop__hops *h, const double *x, double energy,
                     const double *energies, bool complete, int64_t steps) {
    bool moved = acceptable(h, x, energy, complete);
    const double trace = TRACE * h->atoms.units.energy;
    bool better = moved && energy < h->accepted_energy - trace;
    bool best = moved && energy < h->lowest - trace;
    h->since_best = best ? 0 : h->since_best + 1;
    h->lowest = moved ? fmin(h->lowest, energy) : h->lowest;
    remember_trial(h, energy, better);
    remember_kind(h, best, (double)steps);
    if (moved) {
        hop__hops_adopt(h, x, energy, energies);
        h->forgiving = false;
    }
    adapt_shake(h, moved);
    return moved;
}

/* ---- moves ---- */

static void kick(hop__hops *h, double *x) {
    if (hop__random_uniform(&h->moves.random) < h->settings->restart) {
        hop__move_restart(&h->moves, x);
        forget_trials(h);
    } else {
        hop__move_shake(&h->moves, h->settings->kick * h->atoms.units.length, x);
    }
    h->since_best = 0;
    h->lowest = INFINITY;
    h->forgiving = true;
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

/* A part of the cluster is turned, or shaken alone. */
static bool shake_part(hop__hops *h, double radius, double *x) {
    const hop__settings *s = h->settings;
    double unit[3];
    if (s->twist + s->part <= 0.0 || !is_cluster(h))
        return false;
    const double u = hop__random_uniform(&h->moves.random);
    if (u >= s->twist + s->part)
        return false;
    hop__moves_part(&h->moves, x, h->involved, unit);
    if (u < s->twist)
        hop__move_twist(&h->moves, h->involved, unit, x);
    else
        hop__move_shake_atoms(&h->moves, radius, h->sizes, h->involved, x);
    return true;
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
    for (size_t i = 0; i < n; i++)
        h->policy->logits[i] =
            h->start->fixed[i] || h->involved[i] != 0.0
                ? -INFINITY
                : h->settings->atom_bias * h->shells.energy[i] -
                      h->settings->repeat * h->history.tried[HOP__MOVE_RELOCATE][i];
    const size_t atom = hop__hop_policy_atom(h->policy, HOP__RELOCATE);
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

static size_t untouched(const hop__hops *h) {
    size_t count = 0;
    for (size_t i = 0; i < h->start->count; i++)
        count += !h->start->fixed[i] && h->involved[i] == 0.0;
    return count;
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
    else if (move == HOP__MOVE_RELOCATE)
        relocate(h, x);
    else if (move == HOP__MOVE_SWAP)
        swap(h, x);
    else
        shake(h, x);
    if ((move == HOP__MOVE_KICK || move == HOP__MOVE_SHAKE) && is_cluster(h))
        hop__moves_apart(&h->moves, h->settings->apart, x);
}

/* ---- the next move ---- */

static bool time_to_kick(hop__hops *h) {
    const hop__settings *s = h->settings;
    if (s->kick <= 0.0)
        return false;
    double onset = s->kick_onset * (double)h->start->count;
    double logit =
        -2.0 + s->kick_slope * hop__ln((1.0 + (double)h->since_best) / onset);
    return hop__random_uniform(&h->moves.random) < hop__sigmoid(logit);
}

/* Metropolis' rule with the random number drawn before the minimum is known, so that a
   quench can be given up when it will not be accepted. */
static void draw_limit(hop__hops *h) {
    const double t = h->settings->temperature * h->atoms.units.energy;
    const double u = hop__random_uniform(&h->moves.random);
    h->limit = h->accepted_energy - (t > 0.0 ? t * hop__ln(u) : 0.0);
}

void hop__hops_propose(hop__hops *h, double *x) {
    const hop__settings *s = h->settings;
    draw_limit(h);
    if (time_to_kick(h)) {
        hop__hops_move(h, HOP__MOVE_KICK, x);
        return;
    }
    h->history.since = (double)h->since_best;
    h->history.noise = h->policy->weights ? hop__random_normal(&h->moves.random) : 0.0;
    hop__hop_policy_look(h->policy, &h->shells, &h->history);
    const double weight[HOP__HOP_KINDS] = {
        learned_weight(h, s->shake_weight, HOP__MOVE_SHAKE),
        is_cluster(h) && h->start->count > 1
            ? learned_weight(h, s->relocate_weight, HOP__MOVE_RELOCATE)
            : 0.0,
        h->atoms.alloy ? learned_weight(h, s->swap_weight, HOP__MOVE_SWAP) : 0.0};
    hop__hops_move(
        h, (enum hop__move)hop__hop_policy_kind(h->policy, weight, s->exploration), x);
}
