/* The trainer: workers, Adam, options and checkpoints.  Methods are in *_training.c. */
#include "learning/trainer.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "base/vector_math.h"
#include "io/model_file.h"

static const hop__training_method *const methods[] = {
    &hop__tbptt_method,   &hop__policy_method,
    &hop__abandon_method, &hop__tbptt_continuous_method,
    &hop__esmc_method,    &hop__nres_method,
    &hop__ga_method,      &hop__recall_method};
#define METHODS (sizeof methods / sizeof *methods)

static const hop__training_method *find_method(const char *name) {
    for (size_t k = 0; k < METHODS; k++)
        if (strcmp(methods[k]->name, name) == 0)
            return methods[k];
    return NULL;
}

const char *hop_trainer_method(size_t index) {
    return index < METHODS ? methods[index]->name : NULL;
}

const hop__option_table *hop__trainer_table(const char *method) {
    const hop__training_method *m = find_method(method);
    return m ? m->options : NULL;
}

/* ---- for the methods ---- */

double *hop__trainer_weights(const hop_trainer *t) {
    return t->model->parameters + t->offset;
}

hop__random hop__trainer_random(const hop_trainer *t, size_t index) {
    const uint64_t stream = t->validating ? UINT64_C(1) << 63 | (t->validated + index)
                                          : ((uint64_t)t->update << 12 | index) + 1;
    return hop__random_start((uint64_t)t->options.seed, stream);
}

/* The validation tasks take turns. */
static size_t validation_task(const hop__tasks *tasks, size_t turn) {
    size_t left = turn % tasks->validations, k = 0;
    for (; tasks->task[k].weight > 0.0 || left > 0; k++)
        left -= tasks->task[k].weight == 0.0;
    return k;
}

size_t hop__trainer_choose(const hop_trainer *t, hop__random *random, size_t index) {
    const hop__tasks *tasks = t->tasks;
    double total = 0.0;
    if (t->validating)
        return validation_task(tasks, t->validated + index);
    for (size_t k = 0; k < tasks->count; k++)
        total += tasks->task[k].weight;
    double at = hop__random_uniform(random) * total;
    size_t last = 0;
    for (size_t k = 0; k < tasks->count; k++) {
        if (tasks->task[k].weight == 0.0)
            continue;
        last = k;
        at -= tasks->task[k].weight;
        if (at <= 0.0)
            break;
    }
    return last;
}

double hop__trainer_share(const hop_trainer *t) {
    return (double)t->update / t->options.updates;
}

int hop__trainer_systems(const hop_trainer *t, hop_context *context,
                         hop_potential ***potential, hop_structure ***structure) {
    const hop__tasks *tasks = t->tasks;
    *potential = hop__allocate(context, tasks->count, sizeof **potential);
    *structure = hop__allocate(context, tasks->count, sizeof **structure);
    int status = *potential && *structure ? HOP_OK : HOP_ERROR_MEMORY;
    for (size_t k = 0; k < tasks->count && status == HOP_OK; k++) {
        const hop__task *task = &tasks->task[k];
        status = hop__potential_clone(task->potential, context, &(*potential)[k]);
        if (status == HOP_OK)
            status = hop_structure_new(context, task->count, task->numbers,
                                       &(*structure)[k]);
        for (int a = 0; a < 3 && status == HOP_OK && task->cell[a] > 0.0; a++) {
            (*structure)[k]->cell[4 * a] = task->cell[a];
            (*structure)[k]->periodic[a] = 1;
        }
    }
    return status;
}

void hop__trainer_systems_free(const hop_trainer *t, hop_context *context,
                               hop_potential **potential, hop_structure **structure) {
    for (size_t k = 0; k < t->tasks->count; k++) {
        if (structure)
            hop_structure_free(structure[k]);
        if (potential)
            hop_potential_free(potential[k]);
    }
    hop__release(context, potential);
    hop__release(context, structure);
}

/* ---- workers ---- */

static int make_worker(hop_trainer *t, hop__training_worker *w) {
    w->trainer = t;
    int status = hop__context_child(t->context, &w->context);
    if (status != HOP_OK)
        return status;
    /* an update that has begun is made whole: its result must not depend on when */
    w->context->cancelled = &w->context->cancelled_own;
    status = t->method->create(t, w->context, &w->state);
    return hop__fail_as(t->context, status, status == HOP_OK ? t->context : w->context);
}

size_t hop__trainer_keep_size(const hop_trainer *t) {
    return t->method->keep_size ? t->method->keep_size(t) : 0;
}

static int prepare_keep(hop_trainer *t) {
    const size_t size = hop__trainer_keep_size(t);
    if (size == 0 || t->keep)
        return HOP_OK;
    t->keep = hop__allocate(t->context, size, sizeof *t->keep);
    if (!t->keep)
        return HOP_ERROR_MEMORY;
    t->keep_count = size;
    t->method->keep_begin(t);
    return HOP_OK;
}

/* Made at the first step, when the options are final. */
static int prepare(hop_trainer *t) {
    const size_t batch = (size_t)t->options.batch, count = (size_t)t->context->threads;
    if (t->workers)
        return HOP_OK;
    t->gradient = hop__allocate(t->context, batch * t->count, sizeof *t->gradient);
    t->loss = hop__allocate(t->context, batch, sizeof *t->loss);
    t->score = hop__allocate(t->context, batch, sizeof *t->score);
    t->notes = hop__allocate(t->context, batch * HOP__TRAINER_MEMORY, sizeof *t->notes);
    t->calls = hop__allocate(t->context, batch, sizeof *t->calls);
    t->workers = hop__allocate(t->context, count, sizeof *t->workers);
    int status =
        t->gradient && t->loss && t->score && t->notes && t->calls && t->workers
            ? HOP_OK
            : HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status = prepare_keep(t);
    for (size_t k = 0; k < count && status == HOP_OK; k++) {
        t->worker_count = k + 1;
        status = make_worker(t, &t->workers[k]);
    }
    return status;
}

static void free_workers(hop_trainer *t) {
    for (size_t k = 0; k < t->worker_count; k++) {
        if (t->workers[k].state)
            t->method->destroy(t, t->workers[k].state);
        hop_context_free(t->workers[k].context);
    }
    hop__release(t->context, t->workers);
    hop__release(t->context, t->gradient);
    hop__release(t->context, t->loss);
    hop__release(t->context, t->score);
    hop__release(t->context, t->notes);
    hop__release(t->context, t->calls);
    t->workers = NULL;
    t->gradient = t->loss = t->score = t->notes = NULL;
    t->calls = NULL;
    t->worker_count = 0;
}

static void clip(double *gradient, size_t count, double limit) {
    double norm = sqrt(hop__dot(gradient, gradient, count));
    double scale = isfinite(norm) ? (norm > limit ? limit / norm : 1.0) : 0.0;
    for (size_t k = 0; k < count; k++)
        gradient[k] = scale > 0.0 ? scale * gradient[k] : 0.0;
}

static void work(void *trainer, size_t index, size_t number) {
    hop_trainer *t = trainer;
    hop__training_worker *w = &t->workers[number];
    if (w->status == HOP_OK)
        w->status = t->method->episode(t, w->state, index);
    clip(t->gradient + index * t->count, t->count, 10.0 * t->options.clip);
}

/* A batch of episodes. */
static int run_batch(hop_trainer *t) {
    const size_t batch = (size_t)t->options.batch;
    memset(t->calls, 0, batch * sizeof *t->calls);
    memset(t->loss, 0, batch * sizeof *t->loss);
    memset(t->score, 0, batch * sizeof *t->score);
    memset(t->notes, 0, batch * HOP__TRAINER_MEMORY * sizeof *t->notes);
    memset(t->gradient, 0, batch * t->count * sizeof *t->gradient);
    for (size_t k = 0; k < t->worker_count; k++)
        t->workers[k].status = HOP_OK;
    hop__parallel(t->context, t->worker_count, batch, work, t);
    for (size_t k = 0; k < t->worker_count; k++)
        if (t->workers[k].status != HOP_OK)
            return hop__fail_as(t->context, t->workers[k].status,
                                t->workers[k].context);
    for (size_t b = 0; b < batch; b++)
        t->evaluations += t->calls[b];
    return HOP_OK;
}

/* ---- the update ---- */

static void adam(hop_trainer *t) {
    const size_t n = t->count, batch = (size_t)t->options.batch;
    double *weights = hop__trainer_weights(t);
    double *sum = t->gradient;
    for (size_t b = 1; b < batch; b++)
        hop__add_scaled(sum, 1.0, t->gradient + b * n, n);
    for (size_t k = 0; k < n; k++)
        sum[k] /= (double)batch;
    t->norm = sqrt(hop__dot(sum, sum, n));
    clip(sum, n, t->options.clip);
    const double b1 = 0.9, b2 = 0.99, step = (double)(t->update + 1);
    const double ratio = t->options.rate_end / t->options.rate;
    const double rate = t->options.rate * hop__power(ratio, hop__trainer_share(t));
    const double fix1 = 1.0 - hop__power(b1, step), fix2 = 1.0 - hop__power(b2, step);
    for (size_t k = 0; k < n; k++) {
        t->moment[k] = b1 * t->moment[k] + (1.0 - b1) * sum[k];
        t->square[k] = b2 * t->square[k] + (1.0 - b2) * sum[k] * sum[k];
        weights[k] -= rate * t->moment[k] / fix1 / (sqrt(t->square[k] / fix2) + 1e-8);
    }
}

/* ---- validation ---- */

static bool time_to_validate(const hop_trainer *t) {
    const double every = t->options.validate;
    return t->tasks->validations > 0 && every > 0.0 &&
           ((double)t->update >= t->options.updates || t->update % (int64_t)every == 0);
}

/* The same episodes each time; the weights of the lowest mean score are kept. */
static int validate(hop_trainer *t) {
    const size_t batch = (size_t)t->options.batch;
    const size_t rounds = ((size_t)t->options.validations + batch - 1) / batch;
    double sum = 0.0;
    int status = HOP_OK;
    t->validating = true;
    for (size_t r = 0; r < rounds && status == HOP_OK; r++) {
        t->validated = r * batch;
        status = run_batch(t);
        for (size_t b = 0; b < batch; b++)
            sum += t->score[b];
    }
    t->validating = false;
    if (status != HOP_OK)
        return status;
    t->validation = sum / (double)(rounds * batch);
    if (t->validation < t->best) {
        t->best = t->validation;
        memcpy(t->best_weights, hop__trainer_weights(t), t->count * sizeof(double));
    }
    return HOP_OK;
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
    status = run_batch(t);
    if (status != HOP_OK)
        return status;
    if (t->method->finish)
        t->method->finish(t);
    if (t->method->advance)
        t->method->advance(t);
    else
        adam(t);
    t->last_loss = 0.0;
    for (size_t b = 0; b < (size_t)t->options.batch; b++)
        t->last_loss += t->loss[b] / t->options.batch;
    t->average =
        t->update == 0 ? t->last_loss : 0.98 * t->average + 0.02 * t->last_loss;
    t->update++;
    return time_to_validate(t) ? validate(t) : HOP_OK;
}

/* ---- making, options ---- */

int hop__trainer_make(hop_context *context, const char *method, const char *name,
                      const char *text, size_t size, hop_trainer **out) {
    const hop__training_method *m = find_method(method);
    *out = NULL;
    if (!m)
        return hop__fail(
            context, HOP_ERROR_ARGUMENT,
            "no training method is named '%.60s'; there are tbptt, policy, abandon, "
            "tbptt-continuous, esmc, nres, ga and recall",
            method);
    hop_trainer *t = hop__allocate(context, 1, sizeof *t);
    if (!t)
        return HOP_ERROR_MEMORY;
    t->context = hop__context_retain(context);
    t->method = m;
    t->offset = hop__model_offset(m->first);
    t->count = hop__model_offset(m->last) - t->offset;
    hop__options_reset(m->options, &t->options);
    int status = hop_model_new(context, &t->model);
    if (status == HOP_OK)
        status = hop__tasks_parse(context, name, text, size, &t->tasks);
    if (status == HOP_OK) {
        t->moment = hop__allocate(context, t->count, sizeof *t->moment);
        t->square = hop__allocate(context, t->count, sizeof *t->square);
        t->best_weights = hop__allocate(context, t->count, sizeof *t->best_weights);
        t->validation = t->best = INFINITY;
        status = t->moment && t->square && t->best_weights ? HOP_OK : HOP_ERROR_MEMORY;
    }
    if (status != HOP_OK)
        hop_trainer_free(t);
    else
        *out = t;
    return status;
}

int hop_trainer_new(hop_context *context, const char *method, const char *tasks_path,
                    const hop_model *model, hop_trainer **out) {
    if (out)
        *out = NULL;
    if (!context || !method || !tasks_path || !out)
        return hop__missing(context, "method, tasks_path or out");
    char *text;
    size_t size;
    int status = hop__file_read(context, tasks_path, (size_t)1 << 20, &text, &size);
    if (status == HOP_OK)
        status = hop__trainer_make(context, method, tasks_path, text, size, out);
    if (*out && model)
        memcpy((*out)->model->parameters, model->parameters,
               model->parameter_count * sizeof(double));
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
    hop__release(context, t->keep);
    hop__release(context, t->moment);
    hop__release(context, t->square);
    hop__release(context, t->best_weights);
    hop__release(context, t);
    hop__context_release(context);
}

int hop_trainer_set(hop_trainer *t, const char *name, double value) {
    if (!t || !name)
        return hop__missing(t ? t->context : NULL, "name");
    if ((t->workers || t->update > 0) && strcmp(name, "updates") != 0)
        return hop__fail(t->context, HOP_ERROR_STATE,
                         "option %.60s cannot change once training has begun", name);
    return hop__options_set(t->context, t->method->options, &t->options, name, value);
}

int hop_trainer_get(const hop_trainer *t, const char *name, double *value) {
    if (!t || !name || !value)
        return hop__missing(t ? t->context : NULL, "name or value");
    return hop__options_get(t->context, t->method->options, &t->options, name, value);
}

const char *hop_trainer_method_of(const hop_trainer *t) {
    return t ? t->method->name : "";
}

int hop_trainer_progress(const hop_trainer *t, hop_training_progress *out) {
    if (!t || !out)
        return hop__missing(t ? t->context : NULL, "out");
    if (out->size < sizeof *out)
        return hop__fail(t->context, HOP_ERROR_ARGUMENT,
                         "hop_training_progress: expected size %zu, got %zu",
                         sizeof *out, out->size);
    size_t size = out->size;
    *out = (hop_training_progress){size,
                                   t->update,
                                   (int64_t)t->options.updates,
                                   t->evaluations,
                                   t->last_loss,
                                   t->average,
                                   t->norm,
                                   (int32_t)t->method->window(t),
                                   t->validation,
                                   t->best};
    return HOP_OK;
}

int hop_trainer_model(const hop_trainer *t, hop_model **out) {
    if (out)
        *out = NULL;
    if (!t || !out)
        return hop__missing(t ? t->context : NULL, "out");
    int status = hop_model_new(t->context, out);
    if (status != HOP_OK)
        return status;
    memcpy((*out)->parameters, t->model->parameters,
           t->model->parameter_count * sizeof(double));
    if (isfinite(t->best))
        memcpy((*out)->parameters + t->offset, t->best_weights,
               t->count * sizeof(double));
    return HOP_OK;
}
