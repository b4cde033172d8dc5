/* The state machine of a run.
 *
 * A run is a chain of quenches.  Inside a quench a *descent* (descent.h) makes the
 * steps; between quenches the *strategy* of the kind makes a new start: none, a random
 * structure, or a move from the accepted minimum (basin hopping: Wales and Doye, J.
 * Phys. Chem. A 101 (1997) 5111).  At the end of a limited search L-BFGS polishes the
 * best point.  Every evaluation is charged. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/vector_math.h"
#include "optimizers/optimizer.h"

#define REFUSALS 8
#define TRACE 1e-4 /* binding energies: how much lower a lowest minimum must be */
#define FORCE_LIMIT 1e100 /* beyond it squares of forces overflow */

/* ---- one quench ---- */

static void clear_quench(hop__quench *q) {
    q->have_good = false;
    q->steps = q->idle = 0;
    q->lowest = q->softest = q->energy = INFINITY;
}

static void start_quench(hop__quench *q) {
    clear_quench(q);
    q->kind->start(q->state);
}

/* The next quench begins in a neighbouring basin. */
static void continue_quench(hop__quench *q) {
    clear_quench(q);
    (q->kind->jump ? q->kind->jump : q->kind->start)(q->state);
}

static void keep_fixed(const hop_optimizer *o, double *x) {
    if (!o->some_fixed)
        return;
    for (size_t i = 0; i < o->start->count; i++)
        if (o->start->fixed[i])
            memcpy(x + 3 * i, o->start->positions + 3 * i, 3 * sizeof *x);
}

/* What descents see: forces, and those on strains where the cell relaxes. */
static const double *pull(const hop_optimizer *o, const double *x, const double *forces,
                          const double virial[6]) {
    if (!o->cell.mode)
        return forces;
    hop__cell_pull(&o->cell, x, forces, virial, o->pull);
    return o->pull;
}

static bool endless(const hop_optimizer *o) {
    return o->kind->endless && o->settings.quenches == 0.0;
}

/* False when there is no next point, or no progress for too long. */
static bool step(const hop_optimizer *o, hop__quench *q, double energy,
                 const double *forces, const double virial[6], double fmax) {
    const size_t n = 3 * o->rows;
    bool progress = energy < q->lowest || fmax < q->softest;
    q->idle = progress ? 0 : q->idle + 1;
    q->lowest = fmin(q->lowest, energy);
    q->softest = fmin(q->softest, fmax);
    q->steps++;
    q->energy = energy;
    q->kind->step(q->state, q->good, energy, pull(o, q->good, forces, virial), q->x);
    keep_fixed(o, q->x);
    if (!hop__all_finite(q->x, n) || memcmp(q->x, q->good, n * sizeof *q->x) == 0)
        return false;
    return o->settings.patience <= 0.0 || (double)q->idle < o->settings.patience ||
           (q == &o->search && endless(o));
}

/* ---- hops ---- */

static bool any_free(const hop_optimizer *o) {
    if (o->cell.mode)
        return true;
    for (size_t i = 0; i < o->start->count; i++)
        if (!o->start->fixed[i])
            return true;
    return false;
}

/* Does the last move leave most atoms where they were, so that the curvature that is known
   is worth keeping? */
static bool nearby(const hop_optimizer *o) {
    const hop__hops *h = o->hops;
    const bool swap = h->move == HOP__MOVE_SWAP && o->settings.promise > 0.0;
    return !hop__hops_all_moved(h) && (h->network || swap);
}

static void hop(hop_optimizer *o, bool complete, const double *energies) {
    const size_t n = 3 * o->start->count, strains = 3 * o->rows - n;
    hop__watch_start(o->watch);
    if (complete)
        o->lowest = fmin(o->lowest, o->energy);
    hop__ended ended = {o->search.good, energies, o->energy - o->leftover, complete,
                        o->search.steps};
    o->leftover = 0.0;
    if (hop__hops_settle(o->hops, &ended, o->search.x)) {
        start_quench(&o->search);
        return;
    }
    if (hop__hops_judge(o->hops, &ended))
        memcpy(o->strains, o->search.good + n, strains * sizeof(double));
    hop__hops_propose(o->hops, o->search.x);
    memcpy(o->search.x + n, o->strains, strains * sizeof(double));
    if (o->prior && hop__hops_all_moved(o->hops))
        hop__prior_relax(o->prior, o->search.x, (size_t)o->settings.prior);
    if (nearby(o))
        continue_quench(&o->search);
    else
        start_quench(&o->search);
}

/* ---- between quenches ---- */

static bool last_quench(const hop_optimizer *o) {
    return o->settings.quenches > 0.0 &&
           (double)o->quenches + 1.0 >= o->settings.quenches;
}

static void restart(hop_optimizer *o) {
    const size_t n = 3 * o->start->count;
    if (!hop__all_finite(o->search.x, n)) /* a step that could not be made */
        memcpy(o->search.x, o->start->positions, n * sizeof(double));
    hop__move_restart(&o->hops->moves, o->search.x);
    memset(o->search.x + 3 * o->start->count, 0,
           3 * (o->rows - o->start->count) * sizeof(double));
    start_quench(&o->search);
}

static void record_best(hop_optimizer *o) {
    o->best.energy = o->energy;
    o->best.told = o->told;
    memcpy(o->best.x, (o->polishing ? &o->polish : &o->search)->good,
           3 * o->rows * sizeof(double));
    memcpy(o->best.forces, o->forces, 3 * o->start->count * sizeof(double));
    memcpy(o->best.virial, o->virial, sizeof o->virial);
}

/* Show a point at which a descent has converged. */
static void show(hop_optimizer *o, const double *x, const double *energies) {
    const size_t n = o->start->count;
    hop_progress now = {.size = sizeof now};
    if (!o->found)
        return;
    hop__structure_forget(o->minimum);
    if (o->cell.mode)
        hop__cell_place(&o->cell, x, o->minimum->positions, o->minimum->cell);
    else
        memcpy(o->minimum->positions, x, 3 * n * sizeof *x);
    memcpy(o->minimum->forces, o->forces, 3 * n * sizeof *x);
    memcpy(o->minimum->energies, energies, n * sizeof *x);
    *o->minimum->energy = o->told;
    hop_optimizer_progress(o, &now);
    o->stopped |= o->found(o->found_user, o->minimum, &now) != 0;
}

static void end_quench(hop_optimizer *o, int reason, const double *energies) {
    bool last = last_quench(o);
    o->quenches++;
    if (reason == HOP_CONVERGED)
        show(o, o->search.good, energies);
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
    const double *f = pull(o, o->search.good, o->forces, o->virial);
    double square = hop__dot(f, f, 3 * o->rows);
    double gain = 0.5 * s->abort_kappa * square / o->units.stiffness;
    return o->energy - gain >
           hop__hops_limit(o->hops) + s->abort_margin * o->units.energy;
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
    if (!isfinite(hop__hops_limit(o->hops)))
        return false;
    if (o->watch->weights && !o->hops->settling)
        return watch(o) < s->abandon_below && o->search.steps >= 2 &&
               o->energy > o->hops->accepted_energy;
    return s->abort != 0.0 && o->search.steps >= 4 && out_of_reach(o);
}

/* A swap hardly changes where the atoms are, so the curvature that was learned before it
   tells from the first evaluations how far the energy will fall.  (After other moves it
   promises far too little.) */
static bool unpromising(const hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    const hop__quench *q = &o->search;
    if (s->promise == 0.0 || o->hops->move != HOP__MOVE_SWAP || !o->hops->atoms.alloy ||
        o->hops->forgiving || o->hops->settling || !q->kind->jump || q->steps < 2)
        return false;
    return o->energy - s->promise * q->kind->outlook(q->state) >
           hop__hops_limit(o->hops) + s->abort_margin * o->units.energy;
}

static double quench_fmax(const hop_optimizer *o) {
    if (!o->kind->hops || last_quench(o))
        return o->settings.fmax;
    return o->settings.quench_fmax * o->units.energy / o->units.length;
}

/* Stress on a bond's area counts as force on an atom. */
static double quench_smax(const hop_optimizer *o) {
    if (!o->kind->hops || last_quench(o))
        return o->settings.smax;
    return quench_fmax(o) / (o->units.length * o->units.length);
}

/* Hops are made from looser minima: only the last quench must be as the user wants. */
static bool converged(const hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    const size_t n = 3 * o->start->count;
    if (!(o->fmax < quench_fmax(o)) || (o->cell.mode && !(o->smax < quench_smax(o))))
        return false;
    if (o->kind->hops && !last_quench(o))
        return true;
    if (s->rms > 0.0 &&
        hop__dot(o->forces, o->forces, n) >= s->rms * s->rms * (double)n)
        return false;
    return s->energy_change <= 0.0 ||
           fabs(o->energy - o->search.energy) < s->energy_change;
}

/* A loosely relaxed minimum that is about to be the lowest of all is relaxed further.
   What is still to be gained is, near a minimum, half of force times quasi-Newton step. */
static bool worth_tightening(hop_optimizer *o) {
    double gain = 0.0;
    const double *f = pull(o, o->search.good, o->forces, o->virial);
    for (size_t a = 0; a < 3 * o->rows; a++)
        gain += 0.5 * f[a] * (o->search.x[a] - o->search.good[a]);
    o->leftover = fmax(gain, 0.0);
    return o->settings.tighten != 0.0 && o->fmax >= o->settings.fmax &&
           o->energy - o->leftover < o->lowest - TRACE * o->units.energy;
}

static void search_on(hop_optimizer *o, const double *energies) {
    const bool too_long = (double)o->search.steps >= o->settings.quench_steps;
    const bool done = (converged(o) && !endless(o)) || !any_free(o);
    const bool loose = done && o->kind->hops && !last_quench(o) && any_free(o);
    int reason = done && !loose ? HOP_CONVERGED : HOP_OK;
    if (reason == HOP_OK && o->kind->hops && (too_long || hopeless(o)))
        reason = HOP_MAX_STEPS;
    if (reason == HOP_OK &&
        !step(o, &o->search, o->energy, o->forces, o->virial, o->fmax))
        reason = done ? HOP_CONVERGED : HOP_STALLED;
    if (reason == HOP_OK && loose && !worth_tightening(o))
        reason = HOP_CONVERGED;
    if (reason == HOP_OK && o->kind->hops && unpromising(o))
        reason = HOP_MAX_STEPS;
    if (reason != HOP_OK)
        end_quench(o, reason, energies);
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

static bool relaxed(const hop_optimizer *o, double fmax, double smax) {
    return fmax < o->settings.fmax && (!o->cell.mode || smax < o->settings.smax);
}

static void start_polish(hop_optimizer *o) {
    const size_t n = 3 * o->rows;
    double smax =
        o->cell.mode ? hop__cell_stress(&o->cell, o->best.x, o->best.virial) : 0.0;
    double fmax = hop__max_norm3(o->best.forces, o->start->count);
    o->polishing = true;
    o->polish_evaluations = 0;
    start_quench(&o->polish);
    memcpy(o->polish.good, o->best.x, n * sizeof(double));
    o->polish.have_good = true;
    o->polished = relaxed(o, fmax, smax) || !step(o, &o->polish, o->best.energy,
                                                  o->best.forces, o->best.virial, fmax);
}

static void polish_on(hop_optimizer *o, const double *energies) {
    if (relaxed(o, o->fmax, o->smax)) {
        o->polished = true;
        show(o, o->polish.good, energies);
        if (o->energy < o->best.energy + 1e-4 * o->units.energy)
            record_best(o); /* within fmax, at most a trace above the lowest */
    } else {
        o->polished = !step(o, &o->polish, o->energy, o->forces, o->virial, o->fmax);
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

/* `square` is the sum of the squares of the forces. */
static bool acceptable(const hop_structure *s, double square) {
    if (isfinite(*s->energy) && square < FORCE_LIMIT) /* then each of them is, too */
        return true;
    return isfinite(*s->energy) && hop__all_finite(s->forces, 3 * s->count) &&
           hop__max_norm3(s->forces, s->count) < FORCE_LIMIT;
}

/* Where the potential has not said it. */
static void explain(hop_optimizer *o, const hop_structure *s) {
    size_t pair[2];
    double apart = hop__closest_pair(s, pair);
    double force = hop__max_norm3(s->forces, s->count);
    int used =
        snprintf(o->reason, sizeof o->reason,
                 "expected a finite energy and forces below 1e100, got energy %g "
                 "and a largest force of %g",
                 *s->energy, force);
    if (isfinite(apart))
        snprintf(o->reason + used, sizeof o->reason - (size_t)used,
                 "; atoms %zu and %zu are %g apart", pair[0], pair[1], apart);
}

/* Half way back to the last point that could be evaluated; where a quench has none yet,
   another start. */
static void refuse(hop_optimizer *o) {
    hop__quench *q = o->polishing ? &o->polish : &o->search;
    const hop__hops *h = o->hops;
    const double *anchor = q->have_good                        ? q->good
                           : h && isfinite(h->accepted_energy) ? h->accepted
                                                               : NULL;
    /* a hop has the strains of the accepted minimum */
    const size_t n = 3 * (q->have_good ? o->rows : o->start->count);
    if (++o->refusals >= REFUSALS || !isfinite(o->best.energy))
        o->outcome = HOP_ERROR_NONFINITE;
    else if (!anchor)
        restart(o);
    else
        for (size_t a = 0; a < n; a++)
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

static void take_in_cell(hop_optimizer *o, const double *x, const double virial[6]) {
    memcpy(o->virial, virial, sizeof o->virial);
    o->energy = hop__cell_enthalpy(&o->cell, x, o->told);
    o->smax = hop__cell_stress(&o->cell, x, virial);
}

static const double *without_fixed(hop_optimizer *o, const double *forces) {
    memcpy(o->masked, forces, 3 * o->start->count * sizeof *forces);
    for (size_t i = 0; i < o->start->count; i++)
        if (o->start->fixed[i])
            memset(o->masked + 3 * i, 0, 3 * sizeof *forces);
    return o->masked;
}

static void take_in(hop_optimizer *o, const hop_structure *s, double fmax) {
    hop__quench *q = o->polishing ? &o->polish : &o->search;
    o->refusals = 0;
    o->forces = s->forces;
    if (o->some_fixed)
        o->forces = without_fixed(o, s->forces);
    if (o->watch && o->watch->weights)
        observe(o, q, *s->energy);
    o->energy = o->told = *s->energy;
    q->have_good = true;
    double *good = q->x; /* the descent writes the next point over the last one */
    q->x = q->good;
    q->good = good;
    o->fmax = o->some_fixed ? hop__max_norm3(o->forces, o->start->count) : fmax;
    if (o->cell.mode)
        take_in_cell(o, q->good, s->virial);
    if (o->energy < o->best.energy)
        record_best(o);
}

void hop__search_tell(hop_optimizer *o, const hop_structure *s) {
    o->evaluations++;
    o->polish_evaluations += o->polishing;
    double square;
    const double fmax = hop__max_norm3_and_square(s->forces, s->count, &square);
    if (!acceptable(s, square)) {
        if (!isfinite(o->best.energy) && !o->reason[0])
            explain(o, s);
        refuse(o);
        return;
    }
    take_in(o, s, fmax);
    if (o->polishing)
        polish_on(o, s->energies);
    else
        search_on(o, s->energies);
}

/* ---- status ---- */

void hop__search_begin(hop_optimizer *o) {
    if (o->hops)
        hop__hops_start(o->hops);
    if (o->watch)
        hop__watch_start(o->watch);
    o->began = hop__seconds();
    if (o->search.kind == &hop__learned_continuous_kind)
        hop__learned_continuous_seed(o->search.state);
    for (size_t i = 0; i < o->start->count; i++)
        o->some_fixed |= o->start->fixed[i] != 0;
    o->lowest = INFINITY;
    o->leftover = 0.0;
    start_quench(&o->search);
    memcpy(o->search.x, o->start->positions, 3 * o->start->count * sizeof(double));
    memset(o->search.x + 3 * o->start->count, 0, sizeof o->strains);
    if (o->prior && o->settings.quenches == 1.0) /* a search looks at its start first */
        hop__prior_relax(o->prior, o->search.x, (size_t)o->settings.prior);
}

const double *hop__search_question(const hop_optimizer *o) {
    return o->polishing ? o->polish.x : o->search.x;
}

void hop__search_adjust(hop_optimizer *o, const double *x) {
    hop__quench *q = o->polishing ? &o->polish : &o->search;
    memcpy(q->x, x, 3 * o->start->count * sizeof *x);
    keep_fixed(o, q->x);
}

static int refused(hop_optimizer *o) {
    if (!isfinite(o->best.energy))
        return hop__fail(o->context, HOP_ERROR_NONFINITE,
                         "the start cannot be evaluated: %s", o->reason);
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
    if (o->stopped || hop__cancelled(o->context)) {
        o->stopped = false; /* this run only: another one goes on from here */
        return HOP_STOPPED;
    }
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
