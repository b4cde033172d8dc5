/* The state machine of a run.
 *
 * A run is a chain of quenches.  Inside a quench a *descent* (descent.h) makes the
 * steps; between quenches the *strategy* of the kind makes a new start: none, a random
 * structure, or a move from the accepted minimum (basin hopping: Wales and Doye, J.
 * Phys. Chem. A 101 (1997) 5111).  At the end of a limited search L-BFGS polishes the
 * best point.  Every evaluation is charged. */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "optimizers/optimizer.h"

#define REFUSALS 8
#define FORCE_LIMIT 1e100 /* beyond it squares of forces overflow */

/* ---- one quench ---- */

static void start_quench(hop__quench *q) {
    q->have_good = false;
    q->steps = q->idle = 0;
    q->lowest = q->softest = q->energy = INFINITY;
    q->kind->start(q->state);
}

static void keep_fixed(const hop_optimizer *o, double *x) {
    if (!o->some_fixed)
        return;
    for (size_t i = 0; i < o->start->count; i++)
        if (o->start->fixed[i])
            memcpy(x + 3 * i, o->start->positions + 3 * i, 3 * sizeof *x);
}

static bool endless(const hop_optimizer *o) {
    return o->kind->endless && o->settings.quenches == 0.0;
}

/* False when there is no next point, or no progress for too long. */
static bool step(const hop_optimizer *o, hop__quench *q, double energy,
                 const double *forces, double fmax) {
    const size_t n = 3 * o->start->count;
    bool progress = energy < q->lowest || fmax < q->softest;
    q->idle = progress ? 0 : q->idle + 1;
    q->lowest = fmin(q->lowest, energy);
    q->softest = fmin(q->softest, fmax);
    q->steps++;
    q->energy = energy;
    q->kind->step(q->state, q->good, energy, forces, q->x);
    keep_fixed(o, q->x);
    if (!hop__all_finite(q->x, n) || memcmp(q->x, q->good, n * sizeof *q->x) == 0)
        return false;
    return o->settings.patience <= 0.0 || (double)q->idle < o->settings.patience ||
           (q == &o->search && endless(o));
}

/* ---- hops ---- */

static bool any_free(const hop_optimizer *o) {
    for (size_t i = 0; i < o->start->count; i++)
        if (!o->start->fixed[i])
            return true;
    return false;
}

static void hop(hop_optimizer *o, bool complete, const double *energies) {
    hop__watch_start(o->watch);
    hop__hops_judge(o->hops, o->search.good, o->energy, energies, complete);
    hop__hops_propose(o->hops, o->search.x);
    start_quench(&o->search);
}

/* ---- between quenches ---- */

static bool last_quench(const hop_optimizer *o) {
    return o->settings.quenches > 0.0 &&
           (double)o->quenches + 1.0 >= o->settings.quenches;
}

static void restart(hop_optimizer *o) {
    hop__move_restart(&o->hops->moves, o->search.x);
    start_quench(&o->search);
}

static void record_best(hop_optimizer *o) {
    const size_t n = 3 * o->start->count;
    o->best.energy = o->energy;
    memcpy(o->best.x, (o->polishing ? &o->polish : &o->search)->good,
           n * sizeof(double));
    memcpy(o->best.forces, o->forces, n * sizeof(double));
}

static void end_quench(hop_optimizer *o, int reason, const double *energies) {
    bool last = last_quench(o);
    o->quenches++;
    if (!any_free(o) || (last && o->settings.quenches == 1.0)) {
        o->outcome = reason;
        if (reason == HOP_CONVERGED)
            record_best(o); /* within fmax, which a point passed on the way is not */
    } else if (last) {
        o->outcome = HOP_MAX_STEPS;
    } else if (o->kind->hops) {
        hop(o, reason == HOP_CONVERGED, energies);
    } else {
        restart(o);
    }
}

/* Out of reach of the accepted energy, as far as the force tells? */
static bool out_of_reach(const hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    if (o->fmax > 0.5 * o->units.stiffness * o->units.length)
        return false;
    double square = hop__dot(o->forces, o->forces, 3 * o->start->count);
    double gain = 0.5 * s->abort_kappa * square / o->units.stiffness;
    return o->energy - gain >
           o->hops->accepted_energy + s->abort_margin * o->units.energy;
}

static double watch(hop_optimizer *o) {
    hop__watch_input *in = &o->seen;
    const double unit = o->units.stiffness * o->units.length;
    const double square = hop__dot(o->forces, o->forces, 3 * o->start->count);
    in->above = (o->energy - o->hops->accepted_energy) / o->units.energy;
    in->rms = sqrt(square / (double)o->start->count) / unit;
    in->most = o->fmax / unit;
    in->step = (double)o->search.steps;
    in->kind = (int)o->hops->move;
    in->since = (double)o->hops->since_best;
    in->atoms = (double)o->start->count;
    in->alloy = o->hops->atoms.alloy;
    return hop__watch_step(o->watch, in);
}

/* A quench that will not be accepted: the model says so, or the force does. */
static bool hopeless(hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    if (o->hops->forgiving || !isfinite(o->hops->accepted_energy))
        return false;
    if (o->watch->weights)
        return watch(o) < s->abandon_below && o->search.steps >= 2 &&
               o->energy > o->hops->accepted_energy;
    return s->abort != 0.0 && o->search.steps >= 4 && out_of_reach(o);
}

static double quench_fmax(const hop_optimizer *o) {
    if (!o->kind->hops || last_quench(o))
        return o->settings.fmax;
    return o->settings.quench_fmax * o->units.energy / o->units.length;
}

/* Hops are made from looser minima: only the last quench must be as the user wants. */
static bool converged(const hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    const size_t n = 3 * o->start->count;
    if (!(o->fmax < quench_fmax(o)))
        return false;
    if (o->kind->hops && !last_quench(o))
        return true;
    if (s->rms > 0.0 &&
        hop__dot(o->forces, o->forces, n) >= s->rms * s->rms * (double)n)
        return false;
    return s->energy_change <= 0.0 ||
           fabs(o->energy - o->search.energy) < s->energy_change;
}

static void search_on(hop_optimizer *o, const double *energies) {
    bool too_long = (double)o->search.steps >= o->settings.quench_steps;
    if ((converged(o) && !endless(o)) || !any_free(o))
        end_quench(o, HOP_CONVERGED, energies);
    else if (o->kind->hops && (too_long || hopeless(o)))
        end_quench(o, HOP_MAX_STEPS, energies);
    else if (!step(o, &o->search, o->energy, o->forces, o->fmax))
        end_quench(o, HOP_STALLED, energies);
}

/* ---- polishing ---- */

/* Evaluations kept for it. */
static double reserve(const hop_optimizer *o) {
    return fmin(o->settings.polish, floor(0.25 * o->settings.max_evaluations));
}

static bool search_is_over(const hop_optimizer *o) {
    double limit = o->settings.max_evaluations;
    return o->outcome == HOP_MAX_STEPS ||
           (limit > 0.0 && (double)o->evaluations >= limit - reserve(o));
}

static void start_polish(hop_optimizer *o) {
    const size_t n = 3 * o->start->count;
    double fmax = hop__max_norm3(o->best.forces, o->start->count);
    o->polishing = true;
    o->polish_evaluations = 0;
    start_quench(&o->polish);
    memcpy(o->polish.good, o->best.x, n * sizeof(double));
    o->polish.have_good = true;
    o->polished = fmax < o->settings.fmax ||
                  !step(o, &o->polish, o->best.energy, o->best.forces, fmax);
}

static void polish_on(hop_optimizer *o) {
    if (o->fmax < o->settings.fmax) {
        o->polished = true;
        if (o->energy < o->best.energy + 1e-4 * o->units.energy)
            record_best(o); /* within fmax, at most a trace above the lowest */
    } else {
        o->polished = !step(o, &o->polish, o->energy, o->forces, o->fmax);
    }
}

/* True while the search is over and its best point is still being polished. */
static bool still_polishing(hop_optimizer *o) {
    if (!search_is_over(o) || o->settings.polish == 0.0 || !isfinite(o->best.energy)) {
        o->polishing = false; /* the limit was raised: the search goes on */
        return false;
    }
    if (!o->polishing)
        start_polish(o);
    return !o->polished && (double)o->polish_evaluations < o->settings.polish;
}

/* ---- one evaluation ---- */

static bool acceptable(const hop_structure *s) {
    double square = hop__dot(s->forces, s->forces, 3 * s->count);
    if (isfinite(*s->energy) && square < FORCE_LIMIT) /* then each of them is, too */
        return true;
    return isfinite(*s->energy) && hop__all_finite(s->forces, 3 * s->count) &&
           hop__max_norm3(s->forces, s->count) < FORCE_LIMIT;
}

/* Half way back to the last point that could be evaluated; where a quench has none yet,
   another start. */
static void refuse(hop_optimizer *o) {
    hop__quench *q = o->polishing ? &o->polish : &o->search;
    const hop__hops *h = o->hops;
    const double *anchor = q->have_good                   ? q->good
                           : isfinite(h->accepted_energy) ? h->accepted
                                                          : NULL;
    if (++o->refusals >= REFUSALS || !isfinite(o->best.energy))
        o->outcome = HOP_ERROR_NONFINITE;
    else if (!anchor)
        restart(o);
    else
        for (size_t a = 0; a < 3 * o->start->count; a++)
            q->x[a] = 0.5 * (q->x[a] + anchor[a]);
}

/* What the watch needs to know of the step that led to q->x. */
static void observe(hop_optimizer *o, const hop__quench *q, double energy) {
    double square = 0.0, along = 0.0;
    o->seen.fall = o->seen.moved = o->seen.cosine = 0.0;
    if (!q->have_good)
        return;
    for (size_t a = 0; a < 3 * o->start->count; a++) {
        double d = q->x[a] - q->good[a];
        square += d * d;
        along += d * o->forces[a];
    }
    double forces = hop__dot(o->forces, o->forces, 3 * o->start->count);
    o->seen.fall = (o->energy - energy) / o->units.energy;
    o->seen.moved = sqrt(square / (double)o->start->count) / o->units.length;
    o->seen.cosine = square * forces > 0.0 ? along / sqrt(square * forces) : 0.0;
}

static void take_in(hop_optimizer *o, const hop_structure *s) {
    const size_t n = o->start->count;
    hop__quench *q = o->polishing ? &o->polish : &o->search;
    o->refusals = 0;
    memcpy(o->forces, s->forces, 3 * n * sizeof(double));
    for (size_t i = 0; i < n && o->some_fixed; i++)
        if (o->start->fixed[i])
            memset(o->forces + 3 * i, 0, 3 * sizeof(double));
    if (o->watch->weights)
        observe(o, q, *s->energy);
    o->energy = *s->energy;
    q->have_good = true;
    memcpy(q->good, q->x, 3 * n * sizeof(double));
    o->fmax = hop__max_norm3(o->forces, n);
    if (o->energy < o->best.energy)
        record_best(o);
}

void hop__search_tell(hop_optimizer *o, const hop_structure *s) {
    o->evaluations++;
    o->polish_evaluations += o->polishing;
    if (!acceptable(s)) {
        refuse(o);
        return;
    }
    take_in(o, s);
    if (o->polishing)
        polish_on(o);
    else
        search_on(o, s->energies);
}

/* ---- status ---- */

void hop__search_begin(hop_optimizer *o) {
    hop__hops_start(o->hops);
    hop__watch_start(o->watch);
    o->began = hop__seconds();
    if (o->search.kind == &hop__learned_continuous_kind)
        hop__learned_continuous_seed(o->search.state);
    for (size_t i = 0; i < o->start->count; i++)
        o->some_fixed |= o->start->fixed[i] != 0;
    start_quench(&o->search);
    memcpy(o->search.x, o->start->positions, 3 * o->start->count * sizeof(double));
}

const double *hop__search_question(const hop_optimizer *o) {
    return o->polishing ? o->polish.x : o->search.x;
}

static int refused(hop_optimizer *o) {
    if (!isfinite(o->best.energy))
        return hop__fail(o->context, HOP_ERROR_NONFINITE,
                         "the start cannot be evaluated: expected a finite energy and "
                         "forces below 1e100, got others");
    return hop__fail(o->context, HOP_ERROR_NONFINITE,
                     "%d evaluations in a row were refused; the best point is kept",
                     REFUSALS);
}

int hop__search_status(hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    if (o->outcome == HOP_ERROR_NONFINITE)
        return refused(o);
    if (o->best.energy <= s->target)
        return HOP_TARGET;
    if (o->outcome == HOP_CONVERGED || o->outcome == HOP_STALLED)
        return o->outcome;
    if (hop__cancelled(o->context))
        return HOP_STOPPED;
    if (s->max_evaluations > 0.0 && (double)o->evaluations >= s->max_evaluations)
        return HOP_MAX_EVALUATIONS;
    if (s->max_time > 0.0 && hop__seconds() - o->began >= s->max_time)
        return HOP_MAX_TIME;
    if (still_polishing(o))
        return HOP_OK;
    if (o->outcome != HOP_OK)
        return o->outcome;
    return search_is_over(o) ? HOP_MAX_EVALUATIONS : HOP_OK;
}
