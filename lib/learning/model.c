#include "learning/model.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/vector_math.h"
#include "io/model_file.h"
#include "learning/features.h"

#define FORMAT 1

static int make(hop_context *context, hop_model **out) {
    hop_model *m = hop__allocate(context, 1, sizeof *m);
    if (!m)
        return HOP_ERROR_MEMORY;
    m->descend = hop__descend_shape;
    m->parameter_count = hop__lstm_parameter_count(&m->descend);
    m->parameters = hop__allocate(context, m->parameter_count, sizeof *m->parameters);
    m->note = hop__duplicate(context, "");
    if (!m->parameters || !m->note) {
        hop__release(context, m->parameters);
        hop__release(context, m->note);
        hop__release(context, m);
        return HOP_ERROR_MEMORY;
    }
    m->context = hop__context_retain(context);
    atomic_init(&m->references, 1);
    *out = m;
    return HOP_OK;
}

/* The read-out is zero: the hand-made step.  The gates are random, so that training can
   begin. */
int hop_model_new(hop_context *context, hop_model **out) {
    if (out)
        *out = NULL;
    if (!context || !out)
        return hop__missing(context, "out");
    int status = make(context, out);
    if (status != HOP_OK)
        return status;
    const hop__lstm_shape *s = &(*out)->descend;
    const size_t columns = (size_t)(s->inputs + s->hidden + 1);
    hop__random random = hop__random_start(20210721, 0x6d6f64656cULL);
    const double scale = 1.0 / sqrt((double)columns);
    for (size_t k = 0; k < 4 * (size_t)s->hidden * columns; k++)
        if (k % columns != columns - 1)
            (*out)->parameters[k] = scale * (2.0 * hop__random_uniform(&random) - 1.0);
    return HOP_OK;
}

hop_model *hop__model_retain(hop_model *model) {
    atomic_fetch_add(&model->references, 1);
    return model;
}

void hop_model_free(hop_model *model) {
    if (!model || atomic_fetch_sub(&model->references, 1) != 1)
        return;
    hop_context *context = model->context;
    hop__release(context, model->parameters);
    hop__release(context, model->note);
    hop__release(context, model);
    hop__context_release(context);
}

double *hop_model_parameters(hop_model *model, size_t *count) {
    if (count)
        *count = model ? model->parameter_count : 0;
    return model ? model->parameters : NULL;
}

const char *hop_model_note(const hop_model *model) { return model ? model->note : ""; }

int hop_model_set_note(hop_model *model, const char *note) {
    if (!model || !note)
        return hop__missing(model ? model->context : NULL, "note");
    char *copy = hop__duplicate(model->context, note);
    if (!copy)
        return HOP_ERROR_MEMORY;
    hop__release(model->context, model->note);
    model->note = copy;
    return HOP_OK;
}

/* ---- files ---- */

int hop_model_save(const hop_model *model, const char *path) {
    if (!model || !path)
        return hop__missing(model ? model->context : NULL, "path");
    int64_t format = FORMAT;
    int64_t shape[3] = {model->descend.inputs, model->descend.hidden,
                        model->descend.outputs};
    const hop__item items[] = {
        {"model/format", HOP__ITEM_INTEGER, 1, &format},
        {"model/note", HOP__ITEM_TEXT, strlen(model->note), model->note},
        {"model/descend/shape", HOP__ITEM_INTEGER, 3, shape},
        {"model/descend/weights", HOP__ITEM_REAL, model->parameter_count,
         model->parameters}};
    return hop__items_save(model->context, path, "model", items, 4);
}

static int read_model(hop_context *context, const char *path, hop__item_file *file,
                      hop_model *m) {
    int64_t format, shape[3];
    size_t length = 0;
    int status = hop__items_read(file, &(hop__item){"model/format", HOP__ITEM_INTEGER, 1,
                                                    &format});
    if (status == HOP_OK && format != FORMAT)
        status = hop__fail(context, HOP_ERROR_VERSION,
                           "%.300s: expected model format %d, got %lld", path, FORMAT,
                           (long long)format);
    if (status == HOP_OK)
        status = hop__items_read(
            file, &(hop__item){"model/descend/shape", HOP__ITEM_INTEGER, 3, shape});
    const hop__lstm_shape *s = &m->descend;
    if (status == HOP_OK &&
        (shape[0] != s->inputs || shape[1] != s->hidden || shape[2] != s->outputs))
        status = hop__fail(context, HOP_ERROR_FORMAT,
                           "%.250s: model/descend: expected %d inputs, %d hidden, %d "
                           "outputs, got %lld, %lld, %lld",
                           path, s->inputs, s->hidden, s->outputs, (long long)shape[0],
                           (long long)shape[1], (long long)shape[2]);
    if (status == HOP_OK)
        status = hop__items_read(file, &(hop__item){"model/descend/weights",
                                                    HOP__ITEM_REAL, m->parameter_count,
                                                    m->parameters});
    if (status == HOP_OK && !hop__all_finite(m->parameters, m->parameter_count))
        status = hop__fail(context, HOP_ERROR_FORMAT,
                           "%.300s: model/descend/weights: expected finite numbers", path);
    if (status == HOP_OK)
        status = hop__items_count(file, "model/note", HOP__ITEM_TEXT, &length);
    char *note = status == HOP_OK ? hop__allocate(context, length + 1, 1) : NULL;
    if (status == HOP_OK && !note)
        status = HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status = hop__items_read(file,
                                 &(hop__item){"model/note", HOP__ITEM_TEXT, length, note});
    if (status == HOP_OK)
        status = hop_model_set_note(m, note);
    hop__release(context, note);
    return status;
}

int hop_model_load(hop_context *context, const char *path, hop_model **out) {
    if (out)
        *out = NULL;
    if (!context || !path || !out)
        return hop__missing(context, "path or out");
    hop__item_file *file;
    int status = hop__items_open(context, path, "model", &file);
    if (status != HOP_OK)
        return status;
    status = make(context, out);
    if (status == HOP_OK)
        status = read_model(context, path, file, *out);
    hop__items_close(file);
    if (status != HOP_OK) {
        hop_model_free(*out);
        *out = NULL;
    }
    return status;
}
