/* Checkpoints of a training: all that the next update reads, so that a resumed training
   gives the same bits. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "io/model_file.h"
#include "learning/shapes.h"
#include "learning/trainer.h"

int hop_trainer_save(const hop_trainer *t, const char *path) {
    if (!t || !path)
        return hop__missing(t ? t->context : NULL, "path");
    const size_t n = t->model->parameter_count;
    int64_t counters[2] = {t->update, t->evaluations};
    double numbers[5] = {t->last_loss, t->average, t->norm, t->validation, t->best};
    const hop__item items[] = {
        {"train/method", HOP__ITEM_TEXT, strlen(t->method->name),
         (void *)t->method->name},
        {"train/tasks", HOP__ITEM_TEXT, strlen(t->tasks->text), t->tasks->text},
        {"train/options", HOP__ITEM_REAL, sizeof t->options / sizeof(double),
         (void *)&t->options},
        {"train/counters", HOP__ITEM_INTEGER, 2, counters},
        {"train/numbers", HOP__ITEM_REAL, 5, numbers},
        {"train/weights", HOP__ITEM_REAL, n, t->model->parameters},
        {"train/moment", HOP__ITEM_REAL, t->count, t->moment},
        {"train/square", HOP__ITEM_REAL, t->count, t->square},
        {"train/best", HOP__ITEM_REAL, t->count, t->best_weights},
        {"train/memory", HOP__ITEM_REAL, HOP__TRAINER_MEMORY, (void *)t->memory},
        {"train/keep", HOP__ITEM_REAL, t->keep_count, t->keep}};
    return hop__items_save(t->context, path, "checkpoint", items,
                           sizeof items / sizeof *items);
}

static bool options_in_range(hop_trainer *t) {
    const hop__option_table *table = t->method->options;
    hop__training_options check = t->options;
    for (size_t k = 0; k < table->count; k++) {
        const hop__option *row = &table->rows[k];
        double value;
        memcpy(&value, (const char *)&t->options + row->offset, sizeof value);
        if (hop__options_set(t->context, table, &check, row->name, value) != HOP_OK)
            return false;
    }
    return true;
}

/* The shapes in training and the best ones; those of the model when others are trained. */
static bool shapes_possible(const hop_trainer *t) {
    const double *library = t->model->parameters + hop__model_offset(HOP__RECALL);
    return hop__shapes_possible(library) &&
           (t->method->first != HOP__RECALL || hop__shapes_possible(t->best_weights));
}

/* A loss may be anything; what later updates compute with may not. */
static bool state_in_range(const hop_trainer *t, const int64_t counters[2],
                           double best) {
    for (size_t k = 0; k < t->count; k++)
        if (!(t->square[k] >= 0.0))
            return false;
    return counters[0] >= 0 && counters[1] >= 0 && !isnan(best) &&
           hop__all_finite(t->model->parameters, t->model->parameter_count) &&
           hop__all_finite(t->moment, t->count) &&
           hop__all_finite(t->square, t->count) &&
           hop__all_finite(t->best_weights, t->count) &&
           hop__all_finite(t->memory, HOP__TRAINER_MEMORY) && shapes_possible(t);
}

/* What the method keeps; nothing before the first update. */
static int read_keep(hop_trainer *t, hop__item_file *file, const char *path) {
    size_t count = 0;
    int status = hop__items_count(file, "train/keep", HOP__ITEM_REAL, &count);
    if (status != HOP_OK || count == 0)
        return status;
    if (count != hop__trainer_keep_size(t))
        return hop__fail(t->context, HOP_ERROR_FORMAT,
                         "%.300s: train/keep: expected %zu numbers, got %zu", path,
                         hop__trainer_keep_size(t), count);
    t->keep = hop__allocate(t->context, count, sizeof *t->keep);
    if (!t->keep)
        return HOP_ERROR_MEMORY;
    t->keep_count = count;
    status = hop__items_read(
        file, &(hop__item){"train/keep", HOP__ITEM_REAL, count, t->keep});
    if (status == HOP_OK && !hop__all_finite(t->keep, count))
        status = hop__fail(t->context, HOP_ERROR_FORMAT,
                           "%.300s: train/keep: expected finite numbers", path);
    if (status == HOP_OK && t->method->keep_possible && !t->method->keep_possible(t))
        status = hop__fail(t->context, HOP_ERROR_FORMAT,
                           "%.300s: train/keep: expected what %s keeps", path,
                           t->method->name);
    return status;
}

static int read_state(hop_trainer *t, hop__item_file *file, const char *path) {
    const size_t n = t->model->parameter_count;
    int64_t counters[2];
    double numbers[5];
    const hop__item items[] = {
        {"train/options", HOP__ITEM_REAL, sizeof t->options / sizeof(double),
         &t->options},
        {"train/counters", HOP__ITEM_INTEGER, 2, counters},
        {"train/numbers", HOP__ITEM_REAL, 5, numbers},
        {"train/weights", HOP__ITEM_REAL, n, t->model->parameters},
        {"train/moment", HOP__ITEM_REAL, t->count, t->moment},
        {"train/square", HOP__ITEM_REAL, t->count, t->square},
        {"train/best", HOP__ITEM_REAL, t->count, t->best_weights},
        {"train/memory", HOP__ITEM_REAL, HOP__TRAINER_MEMORY, (void *)t->memory}};
    int status = HOP_OK;
    for (size_t k = 0; k < sizeof items / sizeof *items && status == HOP_OK; k++)
        status = hop__items_read(file, &items[k]);
    if (status != HOP_OK)
        return status;
    if (!options_in_range(t) || !state_in_range(t, counters, numbers[4]))
        return hop__fail(t->context, HOP_ERROR_FORMAT,
                         "%.300s: the training state is out of range", path);
    status = read_keep(t, file, path);
    if (status != HOP_OK)
        return status;
    t->update = counters[0];
    t->evaluations = counters[1];
    t->last_loss = numbers[0];
    t->average = numbers[1];
    t->norm = numbers[2];
    t->validation = numbers[3];
    t->best = numbers[4];
    return HOP_OK;
}

/* A text of the file, NUL-terminated; hop__release it. */
static int read_text(hop_context *context, hop__item_file *file, const char *name,
                     char **text, size_t *size) {
    int status = hop__items_count(file, name, HOP__ITEM_TEXT, size);
    if (status != HOP_OK)
        return status;
    *text = hop__allocate(context, *size + 1, 1);
    if (!*text)
        return HOP_ERROR_MEMORY;
    return hop__items_read(file, &(hop__item){name, HOP__ITEM_TEXT, *size, *text});
}

static int read_trainer(hop_context *context, const char *path, hop__item_file *file,
                        hop_trainer **out) {
    char *method = NULL, *tasks = NULL;
    size_t size = 0;
    int status = read_text(context, file, "train/method", &method, &size);
    if (status == HOP_OK)
        status = read_text(context, file, "train/tasks", &tasks, &size);
    if (status == HOP_OK)
        status = hop__trainer_make(context, method, path, tasks, size, out);
    if (status == HOP_OK)
        status = read_state(*out, file, path);
    hop__release(context, method);
    hop__release(context, tasks);
    return status;
}

int hop_trainer_load(hop_context *context, const char *path, hop_trainer **out) {
    if (out)
        *out = NULL;
    if (!context || !path || !out)
        return hop__missing(context, "path or out");
    hop__item_file *file;
    int status = hop__items_open(context, path, "checkpoint", &file);
    if (status != HOP_OK)
        return status;
    status = read_trainer(context, path, file, out);
    hop__items_close(file);
    if (status != HOP_OK) {
        hop_trainer_free(*out);
        *out = NULL;
    }
    return status;
}
