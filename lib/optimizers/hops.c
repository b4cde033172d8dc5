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
#define MARGIN 0.08  /* contacts by which another place must be better */
#define GAIN 0.005   /* binding energies that an exchange must promise */
#define NOISE 0.3    /* contacts: how sharply atoms and places are told apart */
#define TRACE 1e-4   /* binding energies: loosely relaxed minima differ by less */

/* ---- making ---- */

static int allocate(hop__hops *h) {
    const size_t n = h->start->count;
    double **ones[] = {&h->shells.energy,
                       &h->shells.first,
                       &h->shells.second,
                       &h->shells.unlike,
                       &h->shells.around,
                       &h->shells.radius,
                       &h->shells.flip,
                       &h->history.tried[0],
                       &h->history.tried[1],
                       &h->history.tried[2],
                       &h->history.tried[3],
                       &h->history.tried[4],
                       &h->history.outcome,
                       &h->energies,
                       &h->involved,
                       &h->sizes,
                       (double **)&h->atoms.size,
                       (double **)&h->atoms.cohesion};
    const size_t count = sizeof ones / sizeof *ones;
    h->numbers = (count + 14) * n;
    double *at = hop__allocate(
        h->context, h->numbers + HOP__SURFACE_NUMBERS(n) + HOP__SITES_NUMBERS(n),
        sizeof *at);
    if (!at)
        return HOP_ERROR_MEMORY;
    h->block = at;
    for (size_t k = 0; k < count; k++, at += n)
        *ones[k] = at;
    h->accepted = at;
    h->displacement = at + 3 * n;
    h->moves.scores = at + 6 * n;
    h->settled = at + 10 * n;
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
        const size_t n = start->count;
        hop__surface_begin(&h->surface, &h->atoms, h->block + h->numbers);
        hop__sites_begin(&h->sites, n, h->block + h->numbers + HOP__SURFACE_NUMBERS(n));
        status = hop__hop_policy_new(context, &h->atoms, &h->moves.random, &h->policy);
        if (status == HOP_OK && hop__structure_is_periodic(start))
            status = hop__network_new(context, start, &h->moves, &h->network);
        h->atoms.vicinity = h->network ? h->network->vicinity : NULL;
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
    hop__network_free(h->network);
    hop__release(h->context, h->block);
    hop__release(h->context, h);
}

/* Energies of the atoms may be unknown, at the accepted minimum and, at the end of the
   block, at the one that is being settled. */
static bool block_possible(const hop__hops *h) {
    const double *rest = h->energies + h->start->count;
    const double *end = h->settled + 3 * h->start->count;
    return hop__record_all_finite(h->block, (size_t)(h->energies - h->block)) &&
           hop__record_all_finite(rest, (size_t)(end - rest)) &&
           (!h->settling || isfinite(h->settled_energy));
}

void hop__hops_record(hop__hops *h, hop__record *record) {
    HOP__RECORD(record, h->moves.random.position);
    hop__record_part(record, h->block, h->numbers * sizeof *h->block);
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
    for (size_t k = 0; k < HOP__SHAPES; k++)
        HOP__RECORD_COUNT(record, h->recalled[k]);
    hop__record_flag(record, &h->forgiving);
    hop__record_finite(record, &h->shake, 1);
    HOP__RECORD_COUNT(record, h->since_best);
    HOP__RECORD_COUNT(record, h->shakes);
    HOP__RECORD_COUNT(record, h->shakes_accepted);
    hop__record_finite(record, (double *)&h->order, sizeof h->order / sizeof(double));
    hop__record_flag(record, &h->settling);
    hop__record_flag(record, &h->ordering);
    HOP__RECORD(record, h->settled_energy);
    HOP__RECORD_COUNT(record, h->settled_steps);
    HOP__RECORD_COUNT(record, h->proposed);
    hop__record_expect(record, block_possible(h));
    hop__hop_policy_record(h->policy, record);
}

void hop__hops_forget_trials(hop__hops *h) {
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
    h->forgiving = h->settling = h->ordering = false;
    h->proposed = 0;
    h->shake = h->settings->shake;
    h->since_best = h->shakes = h->shakes_accepted = 0;
    hop__swaps_start(&h->swaps);
    hop__order_start(&h->order);
    memset(h->shells.flip, 0, h->start->count * sizeof *h->shells.flip);
    memset(h->gains, 0, sizeof h->gains);
    memset(h->costs, 0, sizeof h->costs);
    memset(h->recalled, 0, sizeof h->recalled);
    hop__hops_forget_trials(h);
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

static bool orders(const hop__hops *h) {
    return h->atoms.alloy && h->settings->reorder > 0.0 && is_cluster(h);
}

void hop__hops_adopt(hop__hops *h, const double *x, double energy,
                     const double *energies) {
    const size_t n = h->start->count;
    if (isfinite(h->accepted_energy))
        fade_trials(h, x);
    h->accepted_energy = energy;
    memcpy(h->accepted, x, 3 * n * sizeof *x);
    memcpy(h->energies, energies, n * sizeof *energies);
    if (h->network)
        hop__network_look(h->network, h->accepted);
    hop__hop_shells_of(&h->atoms, h->accepted, h->energies, &h->shells);
    if (orders(h))
        hop__order_flips(&h->order, &h->sites, &h->surface, h->accepted,
                         h->shells.flip);
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
    if (h->move == HOP__MOVE_SWAP && h->settings->swap_learn > 0.0 && h->atoms.alloy)
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

bool hop__hops_judge(hop__hops *h, const hop__ended *e) {
    bool moved = acceptable(h, e->x, e->energy, e->complete);
    const double trace = TRACE * h->atoms.units.energy;
    bool better = moved && e->energy < h->accepted_energy - trace;
    bool best = moved && e->energy < h->lowest - trace;
    h->since_best = best ? 0 : h->since_best + 1;
    h->lowest = moved ? fmin(h->lowest, e->energy) : h->lowest;
    remember_trial(h, e->energy, better);
    remember_kind(h, best, (double)e->steps);
    if (moved) {
        hop__hops_adopt(h, e->x, e->energy, e->energies);
        h->forgiving = false;
    }
    adapt_shake(h, moved);
    return moved;
}

/* ---- settling ---- */

bool hop__hops_all_moved(const hop__hops *h) {
    if (h->network && h->move < HOP__MOVE_TWIST)
        return h->move == HOP__MOVE_SHAKE && h->settings->range == 0.0;
    return h->move != HOP__MOVE_RELOCATE && h->move != HOP__MOVE_SWAP;
}

/* After a swap all atoms are where they were; and a relocated atom would be taken back. */
static bool will_settle(const hop__hops *h) {
    return h->settings->settle > 0.0 && is_cluster(h) && hop__hops_all_moved(h);
}

double hop__hops_limit(const hop__hops *h) {
    if (h->settling)
        return h->settled_energy;
    return h->forgiving || will_settle(h) ? INFINITY : h->limit;
}

static void keep_settled(hop__hops *h, const hop__ended *e) {
    const size_t n = h->start->count;
    memcpy(h->settled, e->x, 3 * n * sizeof *e->x);
    memcpy(h->settled + 3 * n, e->energies, n * sizeof *e->energies);
    h->settled_energy = e->energy;
    h->settled_steps = e->steps;
}

static bool settled_further(const hop__hops *h, const hop__ended *e) {
    return e->complete &&
           e->energy < h->settled_energy - TRACE * h->atoms.units.energy &&
           hop__moves_connected(&h->moves, e->x);
}

/* To better places first; when that brings no more, unlike atoms are exchanged. */
static bool settle_again(hop__hops *h, bool order, double *x) {
    const size_t most = (size_t)h->settings->settle;
    h->ordering = order || hop__surface_settle(&h->surface, &h->moves.random, x, most,
                                               MARGIN, NOISE, NULL) == 0;
    if (!h->ordering)
        return true;
    return orders(h) && hop__order_settle(&h->order, &h->sites, &h->surface, x,
                                          (size_t)h->settings->reorder, GAIN) > 0;
}

bool hop__hops_settle(hop__hops *h, hop__ended *e, double *x) {
    const size_t n = h->start->count;
    if (e->complete && orders(h))
        hop__order_learn(&h->order, &h->sites, &h->surface, e->x, e->energy,
                         e->energies);
    if (!h->settling && !(e->complete && will_settle(h)))
        return false;
    const bool further = !h->settling || settled_further(h, e);
    const bool order = h->settling && h->ordering;
    if (h->settling)
        e->steps += h->settled_steps;
    if (!further) {
        e->x = h->settled;
        e->energies = h->settled + 3 * n;
        e->energy = h->settled_energy;
        e->complete = true;
    }
    memcpy(x, e->x, 3 * n * sizeof *x);
    /* places did not help: order may; order did not: that is all */
    h->settling = (further || !order) && settle_again(h, order || !further, x);
    if (h->settling)
        keep_settled(h, e);
    return h->settling;
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
    h->proposed++;
    draw_limit(h);
    if (hop__hops_time_to_recall(h)) {
        hop__hops_recall(h, x);
        return;
    }
    if (time_to_kick(h)) {
        hop__hops_move(h, HOP__MOVE_KICK, x);
        return;
    }
    h->history.since = (double)h->since_best;
    h->history.noise = h->policy->weights ? hop__random_normal(&h->moves.random) : 0.0;
    hop__hop_policy_look(h->policy, &h->shells, &h->history);
    const bool many = h->start->count > 1;
    const bool swaps = h->network ? many : h->atoms.alloy;
    const bool turns = h->network ? h->network->repeatable : many;
    const double weight[HOP__HOP_KINDS] = {
        learned_weight(h, s->shake_weight, HOP__MOVE_SHAKE),
        many ? learned_weight(h, s->relocate_weight, HOP__MOVE_RELOCATE) : 0.0,
        swaps ? learned_weight(h, s->swap_weight, HOP__MOVE_SWAP) : 0.0,
        many ? learned_weight(h, s->insert_weight, HOP__MOVE_INSERT) : 0.0,
        turns ? learned_weight(h, s->twist_weight, HOP__MOVE_TWIST) : 0.0};
    hop__hops_move(
        h, (enum hop__move)hop__hop_policy_kind(h->policy, weight, s->exploration), x);
}
