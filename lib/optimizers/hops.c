#include "optimizers/hops.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"

#define FORGET 0.6   /* of the trials when another minimum is accepted */
#define REMEMBER 0.7 /* of the running mean of outcomes */
#define MOVED 0.4    /* lengths: an atom that moved farther has not been tried there */
#define SUCCESS 0.95 /* decay of the running share of improving hops */

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
                       (double **)&h->atoms.size,
                       (double **)&h->atoms.cohesion,
                       &h->moves.scores};
    const size_t count = sizeof ones / sizeof *ones;
    double *at = hop__allocate(h->context, (count + 6) * n, sizeof *at);
    if (!at)
        return HOP_ERROR_MEMORY;
    h->block = at;
    for (size_t k = 0; k < count; k++, at += n)
        *ones[k] = at;
    h->accepted = at;
    h->displacement = at + 3 * n;
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
    h->accepted_energy = INFINITY;
    h->move = HOP__MOVE_NONE;
    h->forgiving = false;
    h->shake = h->settings->shake;
    h->since_best = h->shakes = h->shakes_accepted = 0;
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
    double rise = energy - h->accepted_energy;
    if (rise <= 0.0 || h->forgiving)
        return true;
    double t = h->settings->temperature * h->atoms.units.energy;
    return t > 0.0 && hop__random_uniform(&h->moves.random) < hop__exp(-rise / t);
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

static void remember_trial(hop__hops *h, double energy, bool better) {
    if (h->move >= HOP__MOVE_KICK)
        return;
    double rise = fmax(0.0, energy - h->accepted_energy) / h->atoms.units.energy;
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
                     const double *energies, bool complete) {
    bool moved = acceptable(h, x, energy, complete);
    bool better = moved && energy < h->accepted_energy - 1e-6;
    h->since_best = better ? 0 : h->since_best + 1;
    remember_trial(h, energy, better);
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
    h->forgiving = true;
}

static void shake(hop__hops *h, double *x) {
    const double radius = h->shake * h->atoms.units.length;
    if (h->uniform) {
        hop__move_shake(&h->moves, radius, x);
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
        h->policy->logits[i] = h->start->fixed[i] || h->involved[i] != 0.0
                                   ? -INFINITY
                                   : h->settings->atom_bias * h->shells.energy[i];
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

static void swap_one(hop__hops *h, double *x) {
    const hop_structure *s = h->start;
    for (size_t i = 0; i < s->count; i++)
        h->policy->logits[i] = s->fixed[i] ? -INFINITY : 0.0;
    const size_t a = hop__hop_policy_atom(h->policy, HOP__SWAP);
    for (size_t i = 0; i < s->count; i++)
        h->policy->logits[i] =
            s->fixed[i] || s->numbers[i] == s->numbers[a] ? -INFINITY : 0.0;
    const size_t b = hop__hop_policy_atom(h->policy, HOP__SWAP);
    for (size_t c = 0; c < 3; c++) {
        double keep = x[3 * a + c];
        x[3 * a + c] = x[3 * b + c];
        x[3 * b + c] = keep;
    }
    h->involved[a] = h->involved[b] = 1.0;
}

static void swap(hop__hops *h, double *x) {
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

void hop__hops_propose(hop__hops *h, double *x) {
    const hop__settings *s = h->settings;
    if (time_to_kick(h)) {
        hop__hops_move(h, HOP__MOVE_KICK, x);
        return;
    }
    h->history.since = (double)h->since_best;
    h->history.noise = h->policy->weights ? hop__random_normal(&h->moves.random) : 0.0;
    hop__hop_policy_look(h->policy, &h->shells, &h->history);
    const double weight[HOP__HOP_KINDS] = {
        s->shake_weight,
        is_cluster(h) && h->start->count > 1 ? s->relocate_weight : 0.0,
        h->atoms.alloy ? s->swap_weight : 0.0};
    hop__hops_move(
        h, (enum hop__move)hop__hop_policy_kind(h->policy, weight, s->exploration), x);
}
