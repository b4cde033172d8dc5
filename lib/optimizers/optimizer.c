/* The driver of every optimizer: a state machine that is told one evaluation and asked for
 * the next positions.
 *
 * A run is a chain of quenches.  Inside a quench a *descent* (descent.h) makes the steps;
 * between quenches the *strategy* of the kind makes a new start: none, a random structure,
 * or a move from the accepted minimum.  At the end of a limited search the best point is
 * polished by L-BFGS.  Every evaluation is charged. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/model.h"
#include "optimizers/descent.h"
#include "optimizers/moves.h"
#include "optimizers/optimizer.h"
#include "structure/structure.h"

#define REFUSALS 8

typedef struct kind {
    const char *name;
    const hop__descent_kind *descent;
    bool hops;
} kind;

static const kind kinds[] = {
    {"gradient-descent", &hop__gradient_descent_kind, false},
    {"adam", &hop__adam_kind, false},
    {"fire", &hop__fire_kind, false},
    {"lbfgs", &hop__lbfgs_kind, false},
    {"basin-hopping", &hop__lbfgs_kind, true},
    {"learned", &hop__learned_kind, true}};
#define KINDS (sizeof kinds / sizeof *kinds)

enum move { MOVE_START, MOVE_SHAKE, MOVE_RELOCATE, MOVE_SWAP, MOVE_KICK };

struct hop_optimizer {
    hop_context *context;
    const kind *kind;
    const hop__option_table *table;
    hop__settings settings;
    hop_potential *potential;
    hop_model *model;
    hop_structure *start; /* atoms, cell, periodicity, fixed mask */
    hop__units units;
    hop__moves moves;
    void *descent, *polisher; /* states; made at the first ask */

    double *x;      /* the question */
    double *good;   /* the last point that could be evaluated */
    double *forces; /* there, zero on fixed atoms */
    double *energies; /* per atom, at the accepted minimum */
    double *best, *best_forces, *accepted;
    double *lengths, *scales, *scores, *block;
    double energy, fmax, best_energy, accepted_energy;
    bool begun, asked, have_good, polishing, forgiving;
    int refusals, outcome;
    enum move move;
    int64_t evaluations, quenches, quench_steps, since_best, shakes, shakes_accepted;
    double shake, began;
};

/* ---- tables ---- */

const char *hop_optimizer_kind(size_t index) {
    return index < KINDS ? kinds[index].name : NULL;
}

static const kind *find_kind(const char *name) {
    for (size_t k = 0; k < KINDS; k++)
        if (strcmp(kinds[k].name, name) == 0)
            return &kinds[k];
    return NULL;
}

/* ---- making and freeing ---- */

static int allocate(hop_optimizer *o) {
    const size_t n = o->start->count;
    double *at = hop__allocate(o->context, 22 * n, sizeof *at);
    if (!at)
        return HOP_ERROR_MEMORY;
    double **threes[] = {&o->x, &o->good, &o->forces, &o->best, &o->best_forces,
                         &o->accepted};
    double **ones[] = {&o->energies, &o->lengths, &o->scales, &o->scores};
    o->block = at;
    for (size_t k = 0; k < 6; k++, at += 3 * n)
        *threes[k] = at;
    for (size_t k = 0; k < 4; k++, at += n)
        *ones[k] = at;
    return HOP_OK;
}

static int set_up(hop_optimizer *o, const hop_structure *start) {
    int status = hop__structure_check(o->context, start);
    if (status == HOP_ERROR_NONFINITE)
        status = HOP_ERROR_ARGUMENT; /* as hop.h says: the caller's start, not a result */
    if (status == HOP_OK)
        status = hop_structure_copy(start, &o->start);
    if (status == HOP_OK)
        status = allocate(o);
    if (status == HOP_OK)
        status = hop__units_of(o->context, o->potential, o->start->count,
                               o->start->numbers, &o->units, o->lengths, o->scales);
    if (status != HOP_OK)
        return status;
    memcpy(o->x, start->positions, 3 * start->count * sizeof *o->x);
    o->moves = (hop__moves){.count = o->start->count,
                            .numbers = o->start->numbers,
                            .fixed = o->start->fixed,
                            .periodic = o->start->periodic,
                            .cell = o->start->cell,
                            .lengths = o->lengths,
                            .length = o->units.length,
                            .energy = o->units.energy,
                            .frame = {1, 0, 0, 0, 1, 0, 0, 0, 1},
                            .scores = o->scores};
    o->energy = o->best_energy = o->accepted_energy = INFINITY;
    return HOP_OK;
}

int hop_optimizer_new(hop_context *context, const char *name, const hop_structure *start,
                      hop_potential *potential, hop_optimizer **out) {
    if (out)
        *out = NULL;
    if (!context || !name || !start || !out)
        return HOP_ERROR_ARGUMENT;
    const kind *k = find_kind(name);
    if (!k)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "no optimizer is named '%.60s'; there are gradient-descent, adam, "
                         "fire, lbfgs, basin-hopping and learned",
                         name);
    hop_optimizer *o = hop__allocate(context, 1, sizeof *o);
    if (!o)
        return HOP_ERROR_MEMORY;
    o->context = hop__context_retain(context);
    o->kind = k;
    o->table = hop__settings_table(name);
    hop__options_reset(o->table, &o->settings);
    o->potential = potential ? hop__potential_retain(potential) : NULL;
    int status = set_up(o, start);
    if (status != HOP_OK)
        hop_optimizer_free(o);
    else
        *out = o;
    return status;
}

void hop_optimizer_free(hop_optimizer *o) {
    if (!o)
        return;
    hop_context *context = o->context;
    if (o->descent)
        o->kind->descent->destroy(context, o->descent);
    if (o->polisher)
        hop__lbfgs_kind.destroy(context, o->polisher);
    hop_potential_free(o->potential);
    hop_model_free(o->model);
    hop_structure_free(o->start);
    hop__release(context, o->block);
    hop__release(context, o);
    hop__context_release(context);
}

/* ---- options ---- */

int hop_option_describe(const char *name, size_t index, hop_option *out) {
    if (!name || !out || out->size < sizeof *out)
        return HOP_ERROR_ARGUMENT;
    const hop__option_table *table = strcmp(name, "trainer") == 0
                                         ? hop__trainer_table()
                                         : hop__settings_table(name);
    return table ? hop__options_describe(table, index, out) : HOP_ERROR_ARGUMENT;
}

static bool is_limit(const char *name) {
    return strncmp(name, "max_evaluations", 16) == 0 || strcmp(name, "max_time") == 0 ||
           strcmp(name, "target") == 0;
}

int hop_optimizer_set(hop_optimizer *o, const char *name, double value) {
    if (!o || !name)
        return HOP_ERROR_ARGUMENT;
    if (o->begun && !is_limit(name))
        return hop__fail(o->context, HOP_ERROR_STATE,
                         "option %.60s cannot change once the run has begun", name);
    return hop__options_set(o->context, o->table, &o->settings, name, value);
}

int hop_optimizer_get(const hop_optimizer *o, const char *name, double *value) {
    if (!o || !name || !value)
        return HOP_ERROR_ARGUMENT;
    return hop__options_get(o->context, o->table, &o->settings, name, value);
}

int hop_optimizer_set_model(hop_optimizer *o, hop_model *model) {
    if (!o || !model)
        return HOP_ERROR_ARGUMENT;
    if (o->kind->descent != &hop__learned_kind)
        return hop__fail(o->context, HOP_ERROR_ARGUMENT, "a %s optimizer takes no model",
                         o->kind->name);
    if (o->begun)
        return hop__fail(o->context, HOP_ERROR_STATE,
                         "the model cannot change once the run has begun");
    hop_model_free(o->model);
    o->model = hop__model_retain(model);
    return HOP_OK;
}

void hop__optimizer_set_frame(hop_optimizer *o, const double frame[9]) {
    memcpy(o->moves.frame, frame, sizeof o->moves.frame);
}

/* ---- beginning ---- */

static int begin(hop_optimizer *o) {
    hop__descent_system system = {.count = o->start->count,
                                  .units = o->units,
                                  .lengths = o->lengths,
                                  .energies = o->scales,
                                  .model = o->model};
    int status = HOP_OK;
    if (!o->descent)
        status = o->kind->descent->create(o->context, &system, &o->settings, &o->descent);
    if (status == HOP_OK && !o->polisher) {
        if (o->settings.memory < 1.0) { /* kinds without L-BFGS options */
            hop__settings polish;
            hop__options_reset(hop__settings_table("lbfgs"), &polish);
            o->settings.memory = polish.memory;
            o->settings.max_rise = polish.max_rise;
        }
        status = hop__lbfgs_kind.create(o->context, &system, &o->settings, &o->polisher);
    }
    if (status != HOP_OK)
        return status;
    o->moves.random = hop__random_start((uint64_t)o->settings.seed, 0x686f70ULL);
    o->shake = o->settings.shake;
    o->began = hop__seconds();
    o->begun = true;
    return HOP_OK;
}

/* ---- between quenches ---- */

static void new_quench(hop_optimizer *o, enum move move) {
    o->move = move;
    o->quench_steps = 0;
    o->have_good = false;
    o->kind->descent->start(o->descent);
}

static enum move choose_move(hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    bool cluster = !hop__structure_is_periodic(o->start);
    double weight[3] = {s->shake_weight, cluster ? s->relocate_weight : 0.0, 0.0};
    for (size_t i = 1; i < o->start->count; i++)
        if (o->start->numbers[i] != o->start->numbers[0])
            weight[2] = s->swap_weight;
    double at = hop__random_uniform(&o->moves.random) * (weight[0] + weight[1] + weight[2]);
    if (at < weight[1])
        return MOVE_RELOCATE;
    return at < weight[1] + weight[2] ? MOVE_SWAP : MOVE_SHAKE;
}

static bool time_to_kick(hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    if (s->kick <= 0.0)
        return false;
    double n = (double)o->start->count;
    double logit = -2.0 + s->kick_slope * (log1p((double)o->since_best) -
                                           log(s->kick_onset * n));
    return hop__random_uniform(&o->moves.random) < hop__sigmoid(logit);
}

static void propose(hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    memcpy(o->x, o->accepted, 3 * o->start->count * sizeof *o->x);
    if (time_to_kick(o)) {
        if (hop__random_uniform(&o->moves.random) < s->restart)
            hop__move_restart(&o->moves, o->x);
        else
            hop__move_shake(&o->moves, s->kick * o->units.length, o->x);
        o->since_best = 0;
        o->forgiving = true;
        new_quench(o, MOVE_KICK);
        return;
    }
    enum move move = choose_move(o);
    if (move == MOVE_RELOCATE) {
        do
            hop__move_relocate(&o->moves, s, o->energies, o->x);
        while (hop__random_uniform(&o->moves.random) < s->more_relocations);
    } else if (move == MOVE_SWAP) {
        while (hop__move_swap(&o->moves, o->x) &&
               hop__random_uniform(&o->moves.random) < s->more_swaps)
            ;
    } else {
        hop__move_shake(&o->moves, o->shake * o->units.length, o->x);
    }
    new_quench(o, move);
}

/* Metropolis; after a kick the next minimum counts whatever its energy. */
static bool accept(hop_optimizer *o, bool complete) {
    if (!complete)
        return false;
    if (!hop__structure_is_periodic(o->start) && !hop__moves_connected(&o->moves, o->good))
        return false;
    double rise = o->energy - o->accepted_energy;
    if (rise <= 0.0 || o->forgiving)
        return true;
    double t = o->settings.temperature * o->units.energy;
    return t > 0.0 && hop__random_uniform(&o->moves.random) < exp(-rise / t);
}

static void adapt(hop_optimizer *o, bool accepted) {
    if (o->move != MOVE_SHAKE || o->settings.adapt == 0.0)
        return;
    o->shakes++;
    o->shakes_accepted += accepted;
    if (o->shakes < 20)
        return;
    double share = (double)o->shakes_accepted / (double)o->shakes;
    o->shake *= share > o->settings.acceptance ? 1.05 : 1.0 / 1.05;
    o->shake = fmin(fmax(o->shake, 0.2 * o->settings.shake), 1.5 * o->settings.shake);
    o->shakes = o->shakes_accepted = 0;
}

static void hop(hop_optimizer *o, bool complete, const double *energies) {
    bool moved = accept(o, complete), better = o->energy < o->accepted_energy - 1e-6;
    o->since_best = moved && better ? 0 : o->since_best + 1;
    if (moved) {
        o->accepted_energy = o->energy;
        memcpy(o->accepted, o->good, 3 * o->start->count * sizeof *o->good);
        memcpy(o->energies, energies, o->start->count * sizeof *energies);
        o->forgiving = false;
    }
    adapt(o, moved);
    propose(o);
}

static void end_quench(hop_optimizer *o, bool complete, const double *energies) {
    const double limit = o->settings.quenches;
    o->quenches++;
    if (limit > 0.0 && (double)o->quenches >= limit) {
        o->outcome = limit > 1.0 ? HOP_MAX_STEPS : HOP_CONVERGED;
        return;
    }
    if (o->kind->hops) {
        hop(o, complete, energies);
        return;
    }
    hop__move_restart(&o->moves, o->x);
    new_quench(o, MOVE_START);
}

/* ---- one evaluation ---- */

static double quench_fmax(const hop_optimizer *o) {
    bool last = o->settings.quenches > 0.0 &&
                (double)(o->quenches + 1) >= o->settings.quenches;
    if (!o->kind->hops || last)
        return o->settings.fmax;
    return o->settings.quench_fmax * o->units.energy / o->units.length;
}

/* A quench whose force cannot bring it below the accepted energy any more. */
static bool hopeless(const hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    if (!o->kind->hops || s->abort == 0.0 || o->forgiving || o->quench_steps < 4 ||
        !isfinite(o->accepted_energy))
        return false;
    double f = o->fmax / (o->units.stiffness * o->units.length);
    if (f > 0.5)
        return false;
    double sum = hop__dot(o->forces, o->forces, 3 * o->start->count) / o->units.stiffness;
    double gain = 0.5 * s->abort_kappa * sum;
    return o->energy - gain > o->accepted_energy + s->abort_margin * o->units.energy;
}

static int64_t polish_from(const hop_optimizer *o) {
    double limit = o->settings.max_evaluations;
    if (limit <= 0.0)
        return INT64_MAX;
    return (int64_t)(limit - fmin(o->settings.polish, floor(0.25 * limit)));
}

static void start_polish(hop_optimizer *o) {
    o->polishing = true;
    hop__lbfgs_kind.start(o->polisher);
    memcpy(o->good, o->best, 3 * o->start->count * sizeof *o->good);
    hop__lbfgs_kind.step(o->polisher, o->best, o->best_energy, o->best_forces, o->x);
    if (hop__max_norm3(o->best_forces, o->start->count) < o->settings.fmax)
        o->outcome = HOP_MAX_EVALUATIONS;
}

static void refuse(hop_optimizer *o) {
    const double *anchor = o->have_good ? o->good : o->accepted;
    bool anchored = o->have_good || isfinite(o->accepted_energy);
    if (++o->refusals >= REFUSALS || !anchored) {
        o->outcome = HOP_ERROR_NONFINITE;
        return;
    }
    for (size_t a = 0; a < 3 * o->start->count; a++)
        o->x[a] = 0.5 * (o->x[a] + anchor[a]);
}

static void take_in(hop_optimizer *o, const hop_structure *s) {
    const size_t n = o->start->count;
    o->refusals = 0;
    o->energy = *s->energy;
    o->have_good = true;
    memcpy(o->good, o->x, 3 * n * sizeof *o->x);
    memcpy(o->forces, s->forces, 3 * n * sizeof *o->forces);
    for (size_t i = 0; i < n; i++)
        if (o->start->fixed[i])
            memset(o->forces + 3 * i, 0, 3 * sizeof *o->forces);
    o->fmax = hop__max_norm3(o->forces, n);
    if (o->energy < o->best_energy) {
        o->best_energy = o->energy;
        memcpy(o->best, o->x, 3 * n * sizeof *o->x);
        memcpy(o->best_forces, o->forces, 3 * n * sizeof *o->forces);
    }
}

static void go_on(hop_optimizer *o, const hop_structure *s) {
    if (o->energy <= o->settings.target) {
        o->outcome = HOP_TARGET;
    } else if (o->polishing) {
        if (o->fmax < o->settings.fmax)
            o->outcome = HOP_MAX_EVALUATIONS;
        else
            hop__lbfgs_kind.step(o->polisher, o->good, o->energy, o->forces, o->x);
    } else if (o->fmax < quench_fmax(o)) {
        end_quench(o, true, s->energies);
    } else if (hopeless(o) || (o->kind->hops &&
                               (double)o->quench_steps >= o->settings.quench_steps)) {
        end_quench(o, false, s->energies);
    } else {
        o->quench_steps++;
        o->kind->descent->step(o->descent, o->good, o->energy, o->forces, o->x);
    }
    for (size_t i = 0; i < o->start->count; i++)
        if (o->start->fixed[i])
            memcpy(o->x + 3 * i, o->start->positions + 3 * i, 3 * sizeof *o->x);
}

int hop_optimizer_tell(hop_optimizer *o, const hop_structure *s) {
    if (!o || !s)
        return HOP_ERROR_ARGUMENT;
    if (!o->asked)
        return hop__fail(o->context, HOP_ERROR_STATE,
                         "tell: nothing was asked; call hop_optimizer_ask() first");
    int status = hop__structure_match(o->context, "tell", o->start, s);
    if (status != HOP_OK)
        return status;
    o->asked = false;
    o->evaluations++;
    if (!isfinite(*s->energy) || !hop__all_finite(s->forces, 3 * s->count)) {
        refuse(o);
    } else {
        take_in(o, s);
        go_on(o, s);
    }
    if (o->outcome == HOP_OK && !o->polishing && o->evaluations >= polish_from(o) &&
        isfinite(o->best_energy))
        start_polish(o);
    return HOP_OK;
}

/* ---- asking ---- */

static int stop_reason(const hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    if (o->outcome != HOP_OK)
        return o->outcome;
    if (hop__cancelled(o->context))
        return HOP_STOPPED;
    if (s->max_evaluations > 0.0 && (double)o->evaluations >= s->max_evaluations)
        return HOP_MAX_EVALUATIONS;
    if (s->max_time > 0.0 && hop__seconds() - o->began >= s->max_time)
        return HOP_MAX_TIME;
    return HOP_OK;
}

static void write_best(const hop_optimizer *o, hop_structure *s) {
    const size_t n = o->start->count;
    hop__structure_forget(s);
    memcpy(s->positions, o->best, 3 * n * sizeof(double));
    memcpy(s->forces, o->best_forces, 3 * n * sizeof(double));
    *s->energy = o->best_energy;
}

int hop_optimizer_ask(hop_optimizer *o, hop_structure *s) {
    if (!o || !s)
        return HOP_ERROR_ARGUMENT;
    int status = hop__structure_match(o->context, "ask", o->start, s);
    if (status == HOP_OK && !o->begun)
        status = begin(o);
    if (status != HOP_OK)
        return status;
    status = stop_reason(o);
    if (status == HOP_OK) {
        memcpy(s->positions, o->x, 3 * s->count * sizeof(double));
        o->asked = true;
        return HOP_OK;
    }
    if (isfinite(o->best_energy))
        write_best(o, s);
    if (status == HOP_ERROR_NONFINITE)
        hop__fail(o->context, status,
                  isfinite(o->best_energy)
                      ? "%d evaluations in a row were refused; the best point is kept"
                      : "the start cannot be evaluated: energy or forces are not finite "
                        "(%d tried)",
                  isfinite(o->best_energy) ? REFUSALS : 1);
    return status;
}

int hop_optimizer_best(const hop_optimizer *o, hop_structure *s) {
    if (!o || !s)
        return HOP_ERROR_ARGUMENT;
    int status = hop__structure_match(o->context, "best", o->start, s);
    if (status != HOP_OK)
        return status;
    if (!isfinite(o->best_energy))
        return hop__fail(o->context, HOP_ERROR_STATE,
                         "best: no finite energy has been told yet");
    write_best(o, s);
    return HOP_OK;
}

int hop_optimizer_progress(const hop_optimizer *o, hop_progress *out) {
    if (!o || !out || out->size < sizeof *out)
        return HOP_ERROR_ARGUMENT;
    size_t size = out->size;
    *out = (hop_progress){size,
                          o->evaluations,
                          o->quenches,
                          o->energy,
                          o->fmax,
                          o->best_energy,
                          o->begun ? hop__seconds() - o->began : 0.0};
    return HOP_OK;
}

int hop_optimizer_run(hop_optimizer *o, hop_structure *s, hop_progress_function progress,
                      void *user) {
    int status;
    if (!o || !s)
        return HOP_ERROR_ARGUMENT;
    if (!o->potential)
        return hop__fail(o->context, HOP_ERROR_STATE,
                         "run: the optimizer was made without a potential");
    while ((status = hop_optimizer_ask(o, s)) == HOP_OK) {
        status = hop_potential_evaluate(o->potential, s);
        if (status < 0 && status != HOP_ERROR_NONFINITE) {
            hop__fail_as(o->context, status, o->potential->context);
            break;
        }
        hop_optimizer_tell(o, s);
        hop_progress now = {.size = sizeof now};
        hop_optimizer_progress(o, &now);
        if (progress && progress(user, &now) != 0 && o->outcome == HOP_OK) {
            status = HOP_STOPPED; /* this run only: another one goes on from here */
            break;
        }
    }
    if (status != HOP_OK && isfinite(o->best_energy))
        write_best(o, s);
    return status;
}
