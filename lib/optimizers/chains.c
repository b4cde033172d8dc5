/* Chains of minima side by side.  Each runs for a while on its own, then neighbours may
 * exchange the minima from which they move, by the rule of replica exchange (Swendsen and
 * Wang, Phys. Rev. Lett. 57 (1986) 2607; basin hopping with it: Strodel, Lee, Whittleston
 * and Wales, J. Am. Chem. Soc. 132 (2010) 13300).  Who runs on which thread has no effect:
 * chains share nothing while they run, and exchanges are made in one order. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "optimizers/optimizer.h"
#include "potentials/crew.h"

#define EXCHANGE 0x65786368ULL /* stream of random numbers */

typedef struct chains {
    hop_optimizer *const *chain;
    hop_structure **structure; /* one for each */
    int *status;               /* of the last round */
    size_t count;
    int64_t interval;
    double *spare; /* n: energies on their way */
} chains;

/* ---- a round ---- */

/* The optimizer works in the context of its thread, so that messages do not meet. */
static int run_chain(void *opaque, size_t k, size_t worker, hop_potential *potential) {
    chains *c = opaque;
    hop_optimizer *o = c->chain[k];
    hop_context *context = o->context;
    const int64_t end = o->evaluations + c->interval;
    int status = HOP_OK;
    (void)worker;
    o->context = potential->context;
    while (o->evaluations < end &&
           (status = hop_optimizer_ask(o, c->structure[k])) == HOP_OK) {
        status = hop_potential_evaluate(potential, c->structure[k]);
        if (status < 0 && status != HOP_ERROR_NONFINITE)
            break;
        status = hop_optimizer_tell(o, c->structure[k]);
    }
    o->context = context;
    c->status[k] = status;
    return status < 0 ? status : HOP_OK;
}

/* ---- exchanges ---- */

/* With the cells in which they were found. */
static void exchange_strains(hop_optimizer *p, hop_optimizer *q) {
    double strains[3 * HOP__CELL_ROWS];
    memcpy(strains, p->strains, sizeof strains);
    memcpy(p->strains, q->strains, sizeof strains);
    memcpy(q->strains, strains, sizeof strains);
}

static void exchange(chains *c, hop_optimizer *p, hop_optimizer *q) {
    hop__hops *a = p->hops, *b = q->hops;
    double *x = a->displacement;
    const size_t n = a->start->count;
    const double energy = a->accepted_energy, other = b->accepted_energy;
    memcpy(x, a->accepted, 3 * n * sizeof *x);
    memcpy(c->spare, a->energies, n * sizeof *c->spare);
    hop__hops_adopt(a, b->accepted, other, b->energies);
    hop__hops_adopt(b, x, energy, c->spare);
    a->limit += other - energy;
    b->limit += energy - other;
    exchange_strains(p, q);
}

static bool can_exchange(const hop_optimizer *o) {
    return o->kind->hops && !o->hops->forgiving && isfinite(o->hops->accepted_energy) &&
           o->settings.temperature > 0.0;
}

static void exchange_neighbours(chains *c) {
    const hop_optimizer *first = c->chain[0];
    const int64_t round = first->evaluations / c->interval;
    hop__random random =
        hop__random_start((uint64_t)first->settings.seed, EXCHANGE + (uint64_t)round);
    for (size_t k = (size_t)(round % 2); k + 1 < c->count; k += 2) {
        hop_optimizer *a = c->chain[k], *b = c->chain[k + 1];
        const double u = hop__random_uniform(&random);
        if (!can_exchange(a) || !can_exchange(b) ||
            a->settings.temperature == b->settings.temperature)
            continue;
        const double rise =
            (1.0 / a->settings.temperature - 1.0 / b->settings.temperature) *
            (b->hops->accepted_energy - a->hops->accepted_energy) / a->units.energy;
        if (rise <= 0.0 || u < hop__exp(-fmin(rise, 700.0)))
            exchange(c, a, b);
    }
}

/* ---- the run ---- */

static const hop_optimizer *best_of(const chains *c) {
    const hop_optimizer *best = c->chain[0];
    for (size_t k = 1; k < c->count; k++)
        if (c->chain[k]->best.energy < best->best.energy)
            best = c->chain[k];
    return best;
}

static hop_progress sum_up(const chains *c) {
    hop_progress sum = {.size = sizeof sum}, one = {.size = sizeof one};
    for (size_t k = 0; k < c->count; k++) {
        hop_optimizer_progress(c->chain[k], &one);
        sum.evaluations += one.evaluations;
        sum.quenches += one.quenches;
        sum.seconds = fmax(sum.seconds, one.seconds);
    }
    hop_optimizer_progress(best_of(c), &one);
    sum.energy = one.energy;
    sum.fmax = one.fmax;
    sum.best_energy = one.best_energy;
    return sum;
}

/* HOP_OK while there is a chain that goes on and none has reached the target. */
static int round_status(const chains *c) {
    int status = c->status[0];
    for (size_t k = 0; k < c->count; k++) {
        if (c->status[k] == HOP_TARGET || c->status[k] == HOP_STOPPED)
            return c->status[k];
        if (c->status[k] == HOP_OK)
            status = HOP_OK;
    }
    return status;
}

static int run(chains *c, hop_progress_function progress, void *user) {
    hop_potential *potential = c->chain[0]->potential;
    const size_t workers = hop__crew_call(potential, c->count);
    int status = HOP_OK;
    size_t failed;
    if (workers == 0)
        return HOP_ERROR_MEMORY;
    while (status == HOP_OK) {
        status = hop__crew_run(potential, workers, c->count, 1, run_chain, c, &failed);
        if (status == HOP_OK)
            status = round_status(c);
        if (status == HOP_OK)
            exchange_neighbours(c);
        const hop_progress now = sum_up(c);
        if (progress && progress(user, &now) != 0 && status == HOP_OK)
            status = HOP_STOPPED;
    }
    return status;
}

/* ---- making ---- */

static int check_chain(hop_optimizer *const *chain, size_t k) {
    const hop_optimizer *first = chain[0], *o = chain[k];
    if (!o)
        return hop__missing(first->context, "a chain");
    for (size_t j = 0; j < k; j++)
        if (chain[j] == o)
            return hop__fail(first->context, HOP_ERROR_ARGUMENT,
                             "chain %zu: it is chain %zu, too", k, j);
    if (!o->potential || o->potential != first->potential ||
        o->context != first->context)
        return hop__fail(first->context, HOP_ERROR_ARGUMENT,
                         "chain %zu: expected the potential and context of the first",
                         k);
    if (memcmp(o->start->periodic, first->start->periodic, sizeof(int32_t[3])) != 0 ||
        memcmp(o->start->cell, first->start->cell, sizeof(double[9])) != 0 ||
        o->settings.cell != first->settings.cell ||
        o->settings.pressure != first->settings.pressure)
        return hop__fail(first->context, HOP_ERROR_ARGUMENT,
                         "chain %zu: expected the cell and pressure of the first", k);
    return hop__structure_match(first->context, "chains", first->start, o->start);
}

static int prepare(chains *c) {
    int status = HOP_OK;
    for (size_t k = 0; k < c->count && status == HOP_OK; k++)
        status = hop_structure_copy(c->chain[k]->start, &c->structure[k]);
    for (size_t k = 0; k < c->count && status == HOP_OK; k++)
        if (!c->chain[k]->begun) /* later nothing is allocated */
            status = hop__optimizer_begin(c->chain[k]);
    return status;
}

static int make(hop_context *context, chains *c, size_t atoms) {
    c->structure = hop__allocate(context, c->count, sizeof(hop_structure *));
    c->status = hop__allocate(context, c->count, sizeof *c->status);
    c->spare = hop__allocate(context, atoms, sizeof *c->spare);
    return c->structure && c->status && c->spare ? HOP_OK : HOP_ERROR_MEMORY;
}

int hop_chains_run(hop_optimizer *const *chain, size_t count, int64_t interval,
                   hop_structure *structure, hop_progress_function progress,
                   void *user) {
    if (!chain || count == 0 || !chain[0] || !structure)
        return hop__missing(chain && count > 0 && chain[0] ? chain[0]->context : NULL,
                            "chains or structure");
    hop_context *context = chain[0]->context;
    if (interval < 1)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "hop_chains_run: expected an interval of 1 or more, got %lld",
                         (long long)interval);
    chains c = {.chain = chain, .count = count, .interval = interval};
    int status = hop__structure_match(context, "chains", chain[0]->start, structure);
    for (size_t k = 0; k < count && status == HOP_OK; k++)
        status = check_chain(chain, k);
    if (status != HOP_OK)
        return status;
    status = make(context, &c, chain[0]->start->count);
    if (status == HOP_OK)
        status = prepare(&c);
    if (status == HOP_OK)
        status = run(&c, progress, user);
    if (isfinite(best_of(&c)->best.energy))
        hop_optimizer_best(best_of(&c), structure);
    for (size_t k = 0; c.structure && k < count; k++)
        hop_structure_free(c.structure[k]);
    hop__release(context, c.structure);
    hop__release(context, c.status);
    hop__release(context, c.spare);
    return status;
}
