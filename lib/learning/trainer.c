/* Meta-training by truncated backpropagation through unrolled descents.
 *
 * An update unrolls a batch of independent descents, window after window, averages the
 * windows' gradients over the batch and steps Adam.  Each descent's random numbers are a
 * stream of (seed, update, descent), gradients are summed in the order of the batch: the
 * result does not depend on threads, and a checkpoint is weights, moments and a counter. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/threads.h"
#include "base/vector_math.h"
#include "io/model_file.h"
#include "learning/model.h"
#include "learning/tasks.h"
#include "learning/unroll.h"
#include "optimizers/moves.h"
#include "optimizers/optimizer.h"
#include "structure/generate.h"

typedef struct options {
    double updates, seed, batch, window, windows, rate, rate_end, clip, cap;
} options;

#define ROW(field, unit, type, low, high, initial, doc)                                  \
    {#field, unit, HOP_OPTION_##type, low, high, initial, doc, offsetof(options, field)}
static const hop__option rows[] = {
    ROW(updates, "", INTEGER, 1, 1e12, 4000, "meta-updates in all"),
    ROW(seed, "", INTEGER, 0, 9007199254740992.0, 1, "seed of starts and noise"),
    ROW(batch, "", INTEGER, 1, 4096, 16, "descents in an update"),
    ROW(window, "", INTEGER, 1, 1000, 32,
        "longest window of backpropagation; shorter at first"),
    ROW(windows, "", INTEGER, 1, 100, 3, "windows in a descent"),
    ROW(rate, "", REAL, 1e-12, 1, 3e-3, "Adam's step at the beginning"),
    ROW(rate_end, "", REAL, 1e-12, 1, 1e-4, "and at the end"),
    ROW(clip, "", REAL, 1e-9, 1e9, 1.0, "largest norm of a window's and of the gradient"),
    ROW(cap, "r0", REAL, 1e-3, 1, 0.1, "step cap of the hand-made optimizer")};
static const hop__option_table table = {"trainer", rows, sizeof rows / sizeof *rows};

const hop__option_table *hop__trainer_table(void) { return &table; }

/* What one thread works with. */
typedef struct worker {
    hop_context *context;
    hop_potential **potential; /* one for each task */
    hop_structure **structure;
    hop__policy *policy;
    hop__unroll *unroll;
    double *start, *scores, *energies, *step;
    hop_trainer *trainer;
    int status;
} worker;

struct hop_trainer {
    hop_context *context;
    hop__tasks *tasks;
    options options;
    hop_model *model;
    double *moment, *square, *gradient; /* Adam; batch x weights */
    double *loss;                       /* batch */
    int64_t *calls;                     /* batch */
    int64_t update, evaluations;
    double last_loss, average, norm;
    worker *workers;
    size_t worker_count;
    size_t window_now;
};

/* ---- one descent of the batch ---- */

static size_t choose_task(const hop__tasks *tasks, hop__random *random) {
    double total = 0.0;
    for (size_t k = 0; k < tasks->count; k++)
        total += tasks->task[k].weight;
    double at = hop__random_uniform(random) * total;
    size_t k = 0;
    while (k + 1 < tasks->count && (at -= tasks->task[k].weight) > 0.0)
        k++;
    return k;
}

/* Hand-made descent; *energy receives the lowest energy. */
static int quench(worker *w, const hop__task *task, size_t k, size_t steps, double *energy,
                  int64_t *calls) {
    hop_structure *s = w->structure[k];
    const double small = 1e-4 * task->units.stiffness * task->units.length;
    hop__policy_start(w->policy);
    *energy = INFINITY;
    for (size_t t = 0; t < steps; t++) {
        int status = hop_potential_evaluate(w->potential[k], s);
        ++*calls;
        if (status != HOP_OK)
            return status;
        *energy = fmin(*energy, *s->energy);
        if (hop__max_norm3(s->forces, s->count) < small)
            break;
        hop__policy_step(w->policy, NULL, *s->energy, s->forces, w->step, NULL);
        hop__add_scaled(s->positions, task->units.length, w->step, 3 * s->count);
    }
    return HOP_OK;
}

/* Half of the starts are random clusters, half are minima after a move of a search. */
static int make_start(worker *w, const hop__task *task, size_t k, hop__random *random,
                      int64_t *calls) {
    hop_structure *s = w->structure[k];
    hop__generate_cluster(random, s->count, task->lengths, s->positions);
    double kind = hop__random_uniform(random), energy;
    if (kind < 0.5)
        return HOP_OK;
    int status = quench(w, task, k, 150, &energy, calls);
    hop__moves moves = {.count = s->count,
                        .numbers = s->numbers,
                        .fixed = s->fixed,
                        .periodic = s->periodic,
                        .cell = s->cell,
                        .lengths = task->lengths,
                        .length = task->units.length,
                        .energy = task->units.energy,
                        .frame = {1, 0, 0, 0, 1, 0, 0, 0, 1},
                        .random = *random,
                        .scores = w->scores};
    hop__settings settings = {.atom_bias = 4.0, .site_bias = 2.0};
    memcpy(w->energies, s->energies, s->count * sizeof *w->energies);
    double radius = 0.2 + 0.3 * hop__random_uniform(&moves.random);
    if (kind >= 0.75 && hop__moves_can_swap(&moves))
        hop__move_swap(&moves, s->positions);
    else if (kind < 0.85)
        hop__move_shake(&moves, radius * task->units.length, s->positions);
    else
        hop__move_relocate(&moves, &settings, w->energies, s->positions);
    *random = moves.random;
    return status;
}

/* The whole descent without recording, then a quench: the energy that it is heading to. */
static int find_reference(worker *w, const hop__task *task, size_t k, size_t steps,
                          double *reference, int64_t *calls) {
    hop_structure *s = w->structure[k];
    const double *weights = w->trainer->model->parameters;
    double lowest = INFINITY;
    hop__policy_start(w->policy);
    for (size_t t = 0; t < steps; t++) {
        int status = hop_potential_evaluate(w->potential[k], s);
        ++*calls;
        if (status != HOP_OK)
            return status;
        lowest = fmin(lowest, *s->energy);
        hop__policy_step(w->policy, weights, *s->energy, s->forces, w->step, NULL);
        hop__add_scaled(s->positions, task->units.length, w->step, 3 * s->count);
    }
    int status = quench(w, task, k, 200, reference, calls);
    *reference = fmin(*reference, lowest);
    return status;
}

static void clip(double *gradient, size_t count, double limit) {
    double norm = sqrt(hop__dot(gradient, gradient, count));
    double scale = isfinite(norm) ? (norm > limit ? limit / norm : 1.0) : 0.0;
    for (size_t k = 0; k < count; k++)
        gradient[k] = scale > 0.0 ? scale * gradient[k] : 0.0;
}

static int train_one(worker *w, size_t index) {
    hop_trainer *t = w->trainer;
    hop__random random = hop__random_start(
        (uint64_t)t->options.seed, ((uint64_t)t->update << 12 | index) + 1);
    const size_t k = choose_task(t->tasks, &random), window = t->window_now;
    const hop__task *task = &t->tasks->task[k];
    hop_structure *s = w->structure[k];
    const size_t windows = (size_t)t->options.windows, weights = t->model->parameter_count;
    double *gradient = t->gradient + index * weights, reference = 0.0, loss = 0.0;
    int64_t *calls = &t->calls[index];
    memset(gradient, 0, weights * sizeof *gradient);
    hop__policy_system(w->policy, s->count, &task->units, task->lengths, task->energies,
                       t->options.cap);
    int status = make_start(w, task, k, &random, calls);
    memcpy(w->start, s->positions, 3 * s->count * sizeof *w->start);
    if (status == HOP_OK)
        status = find_reference(w, task, k, window * windows, &reference, calls);
    memcpy(s->positions, w->start, 3 * s->count * sizeof *w->start);
    hop__policy_start(w->policy);
    for (size_t v = 0; v < windows && status == HOP_OK; v++) {
        double part;
        status = hop__unroll_forward(w->unroll, w->policy, t->model->parameters,
                                     w->potential[k], s, window, calls);
        if (status == HOP_OK)
            status = hop__unroll_backward(w->unroll, w->policy, t->model->parameters,
                                          w->potential[k], s, reference, &part, gradient,
                                          calls);
        loss += status == HOP_OK ? part / (double)windows : 0.0;
    }
    if (status == HOP_ERROR_NONFINITE) { /* a run that blew up teaches nothing */
        memset(gradient, 0, weights * sizeof *gradient);
        status = HOP_OK;
    }
    clip(gradient, weights, 10.0 * t->options.clip);
    t->loss[index] = loss;
    return status;
}

static void work(void *trainer, size_t index, size_t number) {
    hop_trainer *t = trainer;
    worker *w = &t->workers[number];
    if (w->status == HOP_OK)
        w->status = train_one(w, index);
}

/* ---- workers ---- */

static void free_worker(hop_context *main, worker *w, size_t tasks) {
    for (size_t k = 0; k < tasks; k++) {
        if (w->structure)
            hop_structure_free(w->structure[k]);
        if (w->potential)
            hop_potential_free(w->potential[k]);
    }
    hop__policy_free(w->policy);
    hop__unroll_free(w->unroll);
    hop__release(main, w->structure);
    hop__release(main, w->potential);
    hop__release(main, w->start);
    hop_context_free(w->context);
}

static int make_worker(hop_trainer *t, worker *w) {
    const size_t n = t->tasks->most_atoms;
    w->trainer = t;
    int status = hop__context_child(t->context, &w->context);
    if (status != HOP_OK)
        return status;
    w->potential = hop__allocate(t->context, t->tasks->count, sizeof *w->potential);
    w->structure = hop__allocate(t->context, t->tasks->count, sizeof *w->structure);
    w->start = hop__allocate(t->context, 8 * n, sizeof *w->start);
    if (!w->potential || !w->structure || !w->start)
        return HOP_ERROR_MEMORY;
    w->step = w->start + 3 * n;
    w->scores = w->start + 6 * n;
    w->energies = w->start + 7 * n;
    for (size_t k = 0; k < t->tasks->count && status == HOP_OK; k++) {
        hop__task *task = &t->tasks->task[k];
        status = hop__potential_clone(task->potential, w->context, &w->potential[k]);
        if (status == HOP_OK)
            status = hop_structure_new(w->context, task->count, task->numbers,
                                       &w->structure[k]);
    }
    if (status == HOP_OK)
        status = hop__policy_new(w->context, n, &w->policy);
    if (status == HOP_OK)
        status = hop__unroll_new(w->context, n, (size_t)t->options.window, &w->unroll);
    return hop__fail_as(t->context, status, status == HOP_OK ? t->context : w->context);
}

/* Made at the first step, when the options are final. */
static int prepare(hop_trainer *t) {
    const size_t batch = (size_t)t->options.batch, count = (size_t)t->context->threads;
    if (t->workers)
        return HOP_OK;
    t->gradient = hop__allocate(t->context, batch * t->model->parameter_count,
                                sizeof *t->gradient);
    t->loss = hop__allocate(t->context, batch, sizeof *t->loss);
    t->calls = hop__allocate(t->context, batch, sizeof *t->calls);
    t->workers = hop__allocate(t->context, count, sizeof *t->workers);
    int status =
        t->gradient && t->loss && t->calls && t->workers ? HOP_OK : HOP_ERROR_MEMORY;
    for (size_t k = 0; k < count && status == HOP_OK; k++) {
        t->worker_count = k + 1;
        status = make_worker(t, &t->workers[k]);
    }
    return status;
}

static void free_workers(hop_trainer *t) {
    for (size_t k = 0; k < t->worker_count; k++)
        free_worker(t->context, &t->workers[k], t->tasks->count);
    hop__release(t->context, t->workers);
    hop__release(t->context, t->gradient);
    hop__release(t->context, t->loss);
    hop__release(t->context, t->calls);
    t->workers = NULL;
    t->gradient = t->loss = NULL;
    t->calls = NULL;
    t->worker_count = 0;
}

static int run_workers(hop_trainer *t) {
    for (size_t k = 0; k < t->worker_count; k++)
        t->workers[k].status = HOP_OK;
    hop__parallel(t->context, t->worker_count, (size_t)t->options.batch, work, t);
    for (size_t k = 0; k < t->worker_count; k++)
        if (t->workers[k].status != HOP_OK)
            return hop__fail_as(t->context, t->workers[k].status, t->workers[k].context);
    return HOP_OK;
}

/* ---- the update ---- */

static double progress_of(const hop_trainer *t) {
    return (double)t->update / t->options.updates;
}

/* A quarter, a half, then all of the window. */
static size_t window_at(const hop_trainer *t) {
    double share = progress_of(t) < 0.1 ? 0.25 : progress_of(t) < 0.3 ? 0.5 : 1.0;
    double window = floor(share * t->options.window);
    return window < 1.0 ? 1 : (size_t)window;
}

static void adam(hop_trainer *t) {
    const size_t n = t->model->parameter_count, batch = (size_t)t->options.batch;
    double *sum = t->gradient;
    for (size_t b = 1; b < batch; b++)
        hop__add_scaled(sum, 1.0, t->gradient + b * n, n);
    for (size_t k = 0; k < n; k++)
        sum[k] /= (double)batch;
    t->norm = sqrt(hop__dot(sum, sum, n));
    clip(sum, n, t->options.clip);
    const double b1 = 0.9, b2 = 0.99, step = (double)(t->update + 1);
    const double ratio = t->options.rate_end / t->options.rate;
    const double rate = t->options.rate * hop__power(ratio, progress_of(t));
    const double fix1 = 1.0 - hop__power(b1, step), fix2 = 1.0 - hop__power(b2, step);
    for (size_t k = 0; k < n; k++) {
        t->moment[k] = b1 * t->moment[k] + (1.0 - b1) * sum[k];
        t->square[k] = b2 * t->square[k] + (1.0 - b2) * sum[k] * sum[k];
        t->model->parameters[k] -=
            rate * t->moment[k] / fix1 / (sqrt(t->square[k] / fix2) + 1e-8);
    }
}

int hop_trainer_step(hop_trainer *t) {
    if (!t)
        return HOP_ERROR_ARGUMENT;
    if ((double)t->update >= t->options.updates)
        return HOP_END;
    if (hop__cancelled(t->context))
        return HOP_STOPPED;
    int status = prepare(t);
    if (status != HOP_OK) {
        free_workers(t);
        return status;
    }
    const size_t batch = (size_t)t->options.batch;
    t->window_now = window_at(t);
    memset(t->calls, 0, batch * sizeof *t->calls);
    status = run_workers(t);
    if (status != HOP_OK)
        return status;
    adam(t);
    t->last_loss = 0.0;
    for (size_t b = 0; b < batch; b++) {
        t->last_loss += t->loss[b] / (double)batch;
        t->evaluations += t->calls[b];
    }
    t->average = t->update == 0 ? t->last_loss : 0.98 * t->average + 0.02 * t->last_loss;
    t->update++;
    return HOP_OK;
}

/* ---- making, options ---- */

static int make(hop_context *context, const char *name, const char *text, size_t size,
                hop_trainer **out) {
    hop_trainer *t = hop__allocate(context, 1, sizeof *t);
    if (!t)
        return HOP_ERROR_MEMORY;
    t->context = hop__context_retain(context);
    hop__options_reset(&table, &t->options);
    int status = hop_model_new(context, &t->model);
    if (status == HOP_OK)
        status = hop__tasks_parse(context, name, text, size, &t->tasks);
    if (status == HOP_OK) {
        t->moment = hop__allocate(context, t->model->parameter_count, sizeof *t->moment);
        t->square = hop__allocate(context, t->model->parameter_count, sizeof *t->square);
        status = t->moment && t->square ? HOP_OK : HOP_ERROR_MEMORY;
    }
    if (status != HOP_OK)
        hop_trainer_free(t);
    else
        *out = t;
    return status;
}

int hop_trainer_new(hop_context *context, const char *tasks_path, hop_trainer **out) {
    if (out)
        *out = NULL;
    if (!context || !tasks_path || !out)
        return hop__missing(context, "tasks_path or out");
    char *text;
    size_t size;
    int status = hop__file_read(context, tasks_path, (size_t)1 << 20, &text, &size);
    if (status == HOP_OK)
        status = make(context, tasks_path, text, size, out);
    hop__release(context, text);
    return status;
}

void hop_trainer_free(hop_trainer *t) {
    if (!t)
        return;
    hop_context *context = t->context;
    free_workers(t);
    hop__tasks_free(t->tasks);
    hop_model_free(t->model);
    hop__release(context, t->moment);
    hop__release(context, t->square);
    hop__release(context, t);
    hop__context_release(context);
}

int hop_trainer_set(hop_trainer *t, const char *name, double value) {
    if (!t || !name)
        return hop__missing(t ? t->context : NULL, "name");
    if ((t->workers || t->update > 0) && strcmp(name, "updates") != 0)
        return hop__fail(t->context, HOP_ERROR_STATE,
                         "option %.60s cannot change once training has begun", name);
    return hop__options_set(t->context, &table, &t->options, name, value);
}

int hop_trainer_get(const hop_trainer *t, const char *name, double *value) {
    if (!t || !name || !value)
        return hop__missing(t ? t->context : NULL, "name or value");
    return hop__options_get(t->context, &table, &t->options, name, value);
}

int hop_trainer_progress(const hop_trainer *t, hop_training_progress *out) {
    if (!t || !out)
        return hop__missing(t ? t->context : NULL, "out");
    if (out->size < sizeof *out)
        return hop__fail(t->context, HOP_ERROR_ARGUMENT,
                         "hop_training_progress: expected size %zu, got %zu",
                         sizeof *out, out->size);
    size_t size = out->size;
    *out = (hop_training_progress){size,         t->update,  (int64_t)t->options.updates,
                                   t->evaluations, t->last_loss, t->average,
                                   t->norm,      (int32_t)window_at(t)};
    return HOP_OK;
}

int hop_trainer_model(const hop_trainer *t, hop_model **out) {
    if (out)
        *out = NULL;
    if (!t || !out)
        return hop__missing(t ? t->context : NULL, "out");
    int status = hop_model_new(t->context, out);
    if (status == HOP_OK)
        memcpy((*out)->parameters, t->model->parameters,
               t->model->parameter_count * sizeof(double));
    return status;
}

/* ---- checkpoints ---- */

int hop_trainer_save(const hop_trainer *t, const char *path) {
    if (!t || !path)
        return hop__missing(t ? t->context : NULL, "path");
    const size_t n = t->model->parameter_count;
    int64_t counters[2] = {t->update, t->evaluations};
    double numbers[3] = {t->last_loss, t->average, t->norm};
    const hop__item items[] = {
        {"train/tasks", HOP__ITEM_TEXT, strlen(t->tasks->text), t->tasks->text},
        {"train/options", HOP__ITEM_REAL, sizeof t->options / sizeof(double),
         (void *)&t->options},
        {"train/counters", HOP__ITEM_INTEGER, 2, counters},
        {"train/numbers", HOP__ITEM_REAL, 3, numbers},
        {"train/weights", HOP__ITEM_REAL, n, t->model->parameters},
        {"train/moment", HOP__ITEM_REAL, n, t->moment},
        {"train/square", HOP__ITEM_REAL, n, t->square}};
    return hop__items_save(t->context, path, "checkpoint", items,
                           sizeof items / sizeof *items);
}

static int read_state(hop_trainer *t, hop__item_file *file, const char *path) {
    const size_t n = t->model->parameter_count;
    int64_t counters[2];
    double numbers[3];
    const hop__item items[] = {
        {"train/options", HOP__ITEM_REAL, sizeof t->options / sizeof(double), &t->options},
        {"train/counters", HOP__ITEM_INTEGER, 2, counters},
        {"train/numbers", HOP__ITEM_REAL, 3, numbers},
        {"train/weights", HOP__ITEM_REAL, n, t->model->parameters},
        {"train/moment", HOP__ITEM_REAL, n, t->moment},
        {"train/square", HOP__ITEM_REAL, n, t->square}};
    int status = HOP_OK;
    for (size_t k = 0; k < sizeof items / sizeof *items && status == HOP_OK; k++)
        status = hop__items_read(file, &items[k]);
    if (status != HOP_OK)
        return status;
    options check = t->options;
    for (size_t k = 0; k < table.count && status == HOP_OK; k++)
        status = hop__options_set(t->context, &table, &check, rows[k].name,
                                  *(double *)((char *)&t->options + rows[k].offset));
    if (status != HOP_OK || counters[0] < 0 ||
        !hop__all_finite(t->model->parameters, n) || !hop__all_finite(t->moment, n) ||
        !hop__all_finite(t->square, n))
        return hop__fail(t->context, HOP_ERROR_FORMAT,
                         "%.300s: the training state is out of range", path);
    t->update = counters[0];
    t->evaluations = counters[1];
    t->last_loss = numbers[0];
    t->average = numbers[1];
    t->norm = numbers[2];
    return HOP_OK;
}

int hop_trainer_load(hop_context *context, const char *path, hop_trainer **out) {
    if (out)
        *out = NULL;
    if (!context || !path || !out)
        return hop__missing(context, "path or out");
    hop__item_file *file;
    size_t size = 0;
    int status = hop__items_open(context, path, "checkpoint", &file);
    if (status != HOP_OK)
        return status;
    status = hop__items_count(file, "train/tasks", HOP__ITEM_TEXT, &size);
    char *text = status == HOP_OK ? hop__allocate(context, size + 1, 1) : NULL;
    if (status == HOP_OK && !text)
        status = HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status =
            hop__items_read(file, &(hop__item){"train/tasks", HOP__ITEM_TEXT, size, text});
    if (status == HOP_OK)
        status = make(context, path, text, size, out);
    if (status == HOP_OK)
        status = read_state(*out, file, path);
    hop__release(context, text);
    hop__items_close(file);
    if (status != HOP_OK) {
        hop_trainer_free(*out);
        *out = NULL;
    }
    return status;
}
