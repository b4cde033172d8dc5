/* The handle of an optimizer: making it, its options, asking and telling.  search.c is
   what runs inside. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/model.h"
#include "learning/trainer.h"
#include "optimizers/optimizer.h"

static const hop__optimizer_kind kinds[] = {
    {"gradient-descent", &hop__gradient_descent_kind, false, false},
    {"adam", &hop__adam_kind, false, false},
    {"fire", &hop__fire_kind, false, false},
    {"fire2", &hop__fire2_kind, false, false},
    {"smooth-fire", &hop__smooth_fire_kind, false, false},
    {"conjugate-gradient", &hop__conjugate_gradient_kind, false, false},
    {"lbfgs", &hop__lbfgs_kind, false, false},
    {"basin-hopping", &hop__lbfgs_kind, true, false},
    {"learned", &hop__learned_kind, true, false},
    {"learned-continuous", &hop__learned_continuous_kind, false, true}};
#define KINDS (sizeof kinds / sizeof *kinds)

/* ---- tables ---- */

const char *hop_optimizer_kind(size_t index) {
    return index < KINDS ? kinds[index].name : NULL;
}

static const hop__optimizer_kind *find_kind(const char *name) {
    for (size_t k = 0; k < KINDS; k++)
        if (strcmp(kinds[k].name, name) == 0)
            return &kinds[k];
    return NULL;
}

/* ---- making and freeing ---- */

static int allocate(hop_optimizer *o) {
    const size_t n = o->start->count, rows = n + HOP__CELL_ROWS;
    double **threes[] = {&o->search.x, &o->search.good, &o->polish.x, &o->polish.good,
                         &o->best.x,   &o->pull,        &o->masked,   &o->best.forces};
    double *at = hop__allocate(o->context, 8 * 3 * rows + 2 * n, sizeof *at);
    if (!at)
        return HOP_ERROR_MEMORY;
    o->block = at;
    for (size_t k = 0; k < 8; k++, at += 3 * rows)
        *threes[k] = at;
    o->lengths = at;
    o->scales = at + n;
    return HOP_OK;
}

static int set_up(hop_optimizer *o, const hop_structure *start) {
    int status = hop__structure_check(o->context, start);
    if (status == HOP_ERROR_NONFINITE)
        status =
            HOP_ERROR_ARGUMENT; /* as hop.h says: the caller's start, not a result */
    if (status == HOP_OK)
        status = hop_structure_copy(start, &o->start);
    if (status == HOP_OK)
        status = allocate(o);
    if (status == HOP_OK)
        status = hop__units_of(o->context, o->potential, o->start->count,
                               o->start->numbers, &o->units, o->lengths, o->scales);
    if (status != HOP_OK)
        return status;
    for (int c = 0; c < 9; c += 4)
        o->frame[c] = 1.0;
    o->search.kind = o->kind->descent;
    o->polish.kind = &hop__lbfgs_kind;
    o->energy = o->best.energy = INFINITY;
    o->rows = o->start->count;
    return HOP_OK;
}

int hop_optimizer_new(hop_context *context, const char *name,
                      const hop_structure *start, hop_potential *potential,
                      hop_optimizer **out) {
    if (out)
        *out = NULL;
    if (!context || !name || !start || !out)
        return hop__missing(context, "kind, start or out");
    const hop__optimizer_kind *k = find_kind(name);
    if (!k)
        return hop__fail(
            context, HOP_ERROR_ARGUMENT,
            "no optimizer is named '%.60s'; there are gradient-descent, adam, "
            "fire, fire2, smooth-fire, conjugate-gradient, lbfgs, "
            "basin-hopping, learned and learned-continuous",
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

static void destroy(hop_context *context, hop__quench *quench) {
    if (quench->state)
        quench->kind->destroy(context, quench->state);
}

void hop_optimizer_free(hop_optimizer *o) {
    if (!o)
        return;
    hop_context *context = o->context;
    destroy(context, &o->search);
    destroy(context, &o->polish);
    hop__hops_free(o->hops);
    hop__watch_free(o->watch);
    hop__prior_free(o->prior);
    hop_potential_free(o->potential);
    hop_model_free(o->model);
    hop_structure_free(o->start);
    hop_structure_free(o->minimum);
    hop__release(context, o->block);
    hop__release(context, o);
    hop__context_release(context);
}

/* ---- options ---- */

int hop_option_describe(const char *name, size_t index, hop_option *out) {
    if (!name || !out || out->size < sizeof *out)
        return HOP_ERROR_ARGUMENT;
    const hop__option_table *table = hop__settings_table(name);
    if (!table)
        table = hop__trainer_table(name);
    return table ? hop__options_describe(table, index, out) : HOP_ERROR_ARGUMENT;
}

static bool is_limit(const char *name) {
    return strcmp(name, "max_evaluations") == 0 || strcmp(name, "max_time") == 0 ||
           strcmp(name, "target") == 0;
}

int hop_optimizer_set(hop_optimizer *o, const char *name, double value) {
    if (!o || !name)
        return hop__missing(o ? o->context : NULL, "name");
    if (o->begun && !is_limit(name))
        return hop__options_find(o->table, name)
                   ? hop__fail(o->context, HOP_ERROR_STATE,
                               "option %.60s cannot change once the run has begun",
                               name)
                   : hop__options_set(o->context, o->table, &o->settings, name, value);
    return hop__options_set(o->context, o->table, &o->settings, name, value);
}

int hop_optimizer_get(const hop_optimizer *o, const char *name, double *value) {
    if (!o || !name || !value)
        return hop__missing(o ? o->context : NULL, "name or value");
    return hop__options_get(o->context, o->table, &o->settings, name, value);
}

int hop_optimizer_set_model(hop_optimizer *o, hop_model *model) {
    if (!o || !model)
        return hop__missing(o ? o->context : NULL, "model");
    if (o->kind->descent != &hop__learned_kind &&
        o->kind->descent != &hop__learned_continuous_kind)
        return hop__fail(o->context, HOP_ERROR_ARGUMENT,
                         "a %s optimizer takes no model", o->kind->name);
    if (o->begun)
        return hop__fail(o->context, HOP_ERROR_STATE,
                         "the model cannot change once the run has begun");
    hop_model_free(o->model);
    o->model = hop__model_retain(model);
    return HOP_OK;
}

int hop_optimizer_set_minimum_function(hop_optimizer *o, hop_minimum_function function,
                                       void *user) {
    if (!o)
        return hop__missing(NULL, "optimizer");
    int status =
        o->minimum || !function ? HOP_OK : hop_structure_copy(o->start, &o->minimum);
    if (status != HOP_OK)
        return status;
    o->found = function;
    o->found_user = user;
    return HOP_OK;
}

void hop__optimizer_set_frame(hop_optimizer *o, const double frame[9]) {
    memcpy(o->frame, frame, sizeof o->frame);
}

/* ---- asking and telling ---- */

static int create(hop_optimizer *o, hop__quench *quench,
                  const hop__descent_system *system) {
    if (quench->state)
        return HOP_OK;
    return quench->kind->create(o->context, system, &o->settings, &quench->state);
}

/* Shapes and priors are for whole clusters. */
static bool whole_cluster(const hop_optimizer *o) {
    if (hop__structure_is_periodic(o->start))
        return false;
    for (size_t i = 0; i < o->start->count; i++)
        if (o->start->fixed[i])
            return false;
    return true;
}

static int create_hops(hop_optimizer *o) {
    if (o->hops)
        return HOP_OK;
    int status = hop__hops_new(o->context, o->start, &o->units, o->lengths, o->scales,
                               &o->settings, &o->hops);
    if (status != HOP_OK)
        return status;
    memcpy(o->hops->moves.frame, o->frame, sizeof o->frame);
    o->hops->uniform = o->kind->descent != &hop__learned_kind;
    const bool wanted =
        o->settings.hop == 1.0 || (o->settings.hop == 2.0 && o->hops->atoms.alloy);
    if (o->model && wanted)
        hop__model_hop(o->model, o->hops->policy);
    if (o->model && o->settings.recall > 0.0 && whole_cluster(o))
        o->hops->shapes = hop__model_shapes(o->model);
    return HOP_OK;
}

static int create_watch(hop_optimizer *o) {
    int status = o->watch ? HOP_OK : hop__watch_new(o->context, &o->watch);
    if (status == HOP_OK && o->model && o->settings.abandon != 0.0)
        o->watch->weights = hop__model_weights(o->model, HOP__ABANDON);
    return status;
}

/* The strains' rows follow the atoms'. */
static int begin_cell(hop_optimizer *o) {
    int status =
        hop__cell_begin(o->context, o->start, &o->settings, &o->units, &o->cell);
    o->rows = o->start->count + (o->cell.mode ? HOP__CELL_ROWS : 0);
    if (status == HOP_OK && o->cell.mode &&
        (o->search.kind == &hop__learned_kind || o->kind->endless))
        status = hop__fail(o->context, HOP_ERROR_UNSUPPORTED,
                           "cell: the learned descent moves atoms only; expected "
                           "descend = 0 or another optimizer");
    return status;
}

/* In searches the network's descent takes more time than the evaluations it saves. */
static bool by_hand(const hop_optimizer *o) {
    const hop__settings *s = &o->settings;
    if (o->kind->descent != &hop__learned_kind)
        return false;
    return s->descend == 0.0 ||
           (s->descend == 2.0 && (s->quenches != 1.0 || s->cell != 0.0));
}

int hop__optimizer_begin(hop_optimizer *o) {
    if (!o->search.state)
        o->search.kind = by_hand(o) ? &hop__lbfgs_kind : o->kind->descent;
    int status = begin_cell(o);
    if (status != HOP_OK)
        return status;
    hop__descent_system system = {.rows = hop__cell_rows(&o->cell, o->start->count),
                                  .units = o->units,
                                  .lengths = o->lengths,
                                  .energies = o->scales,
                                  .model = o->model,
                                  .start = o->start,
                                  .frame = o->frame};
    if (!hop__options_find(o->table, "memory")) { /* for the polishing */
        hop__settings polish;
        hop__options_reset(hop__settings_table("basin-hopping"), &polish);
        o->settings.memory = polish.memory;
        o->settings.max_rise = polish.max_rise;
    }
    status = create(o, &o->search, &system);
    if (status == HOP_OK && o->settings.polish > 0.0)
        status = create(o, &o->polish, &system);
    const bool one_descent = !o->kind->hops && o->settings.quenches == 1.0;
    if (status == HOP_OK && !one_descent)
        status = create_hops(o);
    if (status == HOP_OK && o->kind->hops)
        status = create_watch(o);
    if (status == HOP_OK && o->kind->hops && o->settings.prior > 0.0 && !o->prior &&
        whole_cluster(o))
        status = hop__prior_new(o->context, &system, &o->settings, &o->prior);
    if (status != HOP_OK)
        return status;
    hop__search_begin(o);
    o->begun = true;
    return HOP_OK;
}

int hop__optimizer_restart(hop_optimizer *o, const double *x, double seed) {
    memcpy(o->start->positions, x, 3 * o->start->count * sizeof *x);
    o->settings.seed = seed;
    o->energy = o->best.energy = INFINITY;
    o->asked = o->polishing = o->polished = o->stopped = false;
    o->refusals = 0;
    o->reason[0] = '\0';
    o->outcome = HOP_OK;
    o->evaluations = o->quenches = 0;
    return hop__optimizer_begin(o);
}

static void write_point(const hop_optimizer *o, const double *x, hop_structure *s) {
    if (o->cell.mode)
        hop__cell_place(&o->cell, x, s->positions, s->cell);
    else
        memcpy(s->positions, x, 3 * s->count * sizeof *x);
}

/* Positions, energy and forces of the best point, when there is one; where the cell
   relaxes also its cell and virial. */
static void write_best(const hop_optimizer *o, hop_structure *s) {
    if (!isfinite(o->best.energy))
        return;
    hop__structure_forget(s);
    write_point(o, o->best.x, s);
    memcpy(s->forces, o->best.forces, 3 * s->count * sizeof(double));
    *s->energy = o->best.told;
    if (o->cell.mode)
        memcpy(s->virial, o->best.virial, sizeof o->best.virial);
}

/* Positions alone: who evaluates them at once need not have the results forgotten. */
static int ask(hop_optimizer *o, hop_structure *s) {
    int status = hop__structure_match(o->context, "ask", o->start, s);
    if (status == HOP_OK && !o->begun)
        status = hop__optimizer_begin(o);
    if (status != HOP_OK)
        return status;
    status = hop__search_status(o);
    o->asked = status == HOP_OK;
    if (o->asked)
        write_point(o, hop__search_question(o), s);
    else
        write_best(o, s);
    return status;
}

int hop_optimizer_ask(hop_optimizer *o, hop_structure *s) {
    if (!o || !s)
        return hop__missing(o ? o->context : NULL, "structure");
    const int status = ask(o, s);
    if (status == HOP_OK)
        hop__structure_forget(s);
    return status;
}

static int check_virial(const hop_optimizer *o, const hop_structure *s) {
    for (int k = 0; k < 6 && o->cell.mode && isfinite(*s->energy); k++)
        if (!isfinite(s->virial[k]))
            return hop__fail(o->context, HOP_ERROR_ARGUMENT,
                             "tell: the cell relaxes: expected a finite virial, got %g",
                             s->virial[k]);
    return HOP_OK;
}

int hop_optimizer_tell(hop_optimizer *o, const hop_structure *s) {
    if (!o || !s)
        return hop__missing(o ? o->context : NULL, "structure");
    if (!o->asked)
        return hop__fail(o->context, HOP_ERROR_STATE,
                         "tell: nothing was asked; call hop_optimizer_ask() first");
    int status = hop__structure_match(o->context, "tell", o->start, s);
    if (status != HOP_OK)
        return status;
    status = check_virial(o, s);
    if (status != HOP_OK)
        return status;
    o->asked = false;
    hop__search_tell(o, s);
    return HOP_OK;
}

int hop_optimizer_adjust(hop_optimizer *o, const hop_structure *s) {
    if (!o || !s)
        return hop__missing(o ? o->context : NULL, "structure");
    if (!o->asked)
        return hop__fail(o->context, HOP_ERROR_STATE,
                         "adjust: nothing was asked; call hop_optimizer_ask() first");
    int status = hop__structure_match(o->context, "adjust", o->start, s);
    if (status != HOP_OK)
        return status;
    for (size_t a = 0; a < 3 * s->count; a++)
        if (!isfinite(s->positions[a]))
            return hop__fail(o->context, HOP_ERROR_ARGUMENT,
                             "adjust: expected finite positions, got %g for atom %zu",
                             s->positions[a], a / 3);
    hop__search_adjust(o, s->positions);
    return HOP_OK;
}

int hop_optimizer_best(const hop_optimizer *o, hop_structure *s) {
    if (!o || !s)
        return hop__missing(o ? o->context : NULL, "structure");
    int status = hop__structure_match(o->context, "best", o->start, s);
    if (status != HOP_OK)
        return status;
    if (!isfinite(o->best.energy))
        return hop__fail(o->context, HOP_ERROR_STATE,
                         "best: no finite energy has been told yet");
    write_best(o, s);
    return HOP_OK;
}

int hop_optimizer_progress(const hop_optimizer *o, hop_progress *out) {
    if (!o || !out)
        return hop__missing(o ? o->context : NULL, "out");
    if (out->size < sizeof *out)
        return hop__fail(o->context, HOP_ERROR_ARGUMENT,
                         "hop_optimizer_progress: expected size %zu, got %zu",
                         sizeof *out, out->size);
    *out = (hop_progress){out->size,
                          o->evaluations,
                          o->quenches,
                          o->energy,
                          o->fmax,
                          o->best.energy,
                          o->begun ? hop__seconds() - o->began : 0.0,
                          o->smax};
    return HOP_OK;
}

static bool stops(hop_optimizer *o, hop_progress_function progress, void *user) {
    hop_progress now = {.size = sizeof now};
    hop_optimizer_progress(o, &now);
    return progress(user, &now) != 0 && o->outcome == HOP_OK;
}

int hop_optimizer_run(hop_optimizer *o, hop_structure *s,
                      hop_progress_function progress, void *user) {
    int status;
    if (!o || !s)
        return hop__missing(o ? o->context : NULL, "structure");
    if (!o->potential)
        return hop__fail(o->context, HOP_ERROR_STATE,
                         "run: the optimizer was made without a potential");
    while ((status = ask(o, s)) == HOP_OK) {
        status = hop_potential_evaluate(o->potential, s);
        if (status < 0 && status != HOP_ERROR_NONFINITE) {
            hop__fail_as(o->context, status, o->potential->context);
            break;
        }
        if (status == HOP_ERROR_NONFINITE && !isfinite(o->best.energy))
            memcpy(o->reason, o->potential->context->message, sizeof o->reason);
        status = hop_optimizer_tell(o, s);
        if (status != HOP_OK)
            break;
        if (progress && stops(o, progress, user)) {
            status = HOP_STOPPED; /* this run only: another one goes on from here */
            break;
        }
    }
    write_best(o, s);
    return status;
}
