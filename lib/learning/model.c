#include "learning/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/vector_math.h"
#include "io/model_file.h"
#include "learning/continuous.h"
#include "learning/features.h"
#include "learning/perceptron.h"
#include "learning/shapes.h"
#include "learning/watch.h"

#define FORMAT 1

enum form { LSTM, PERCEPTRON, LIBRARY };

/* In the order of the flat array. */
typedef struct part {
    const char *name;
    enum form form;
    int32_t inputs, hidden, outputs; /* of a library: slots, atoms, numbers in a slot */
} part;

static const part parts[HOP__PARTS] = {
    [HOP__DESCEND] = {"descend", LSTM, HOP__FEATURES, HOP__HIDDEN, HOP__OUTPUTS},
    [HOP__HOP] = {"hop", LSTM, HOP__HOP_INPUTS, HOP__HOP_HIDDEN, HOP__HOP_OUTPUTS},
    [HOP__SITE] = {"site", PERCEPTRON, HOP__SITE_INPUTS, HOP__PERCEPTRON_HIDDEN, 1},
    [HOP__ABANDON] = {"abandon", LSTM, HOP__WATCH_INPUTS, HOP__WATCH_HIDDEN,
                      HOP__WATCH_OUTPUTS},
    [HOP__CONTINUOUS] = {"continuous", LSTM, HOP__C_INPUTS, HOP__C_HIDDEN,
                         HOP__C_OUTPUTS},
    [HOP__RECALL] = {"shapes", LIBRARY, HOP__SHAPES, HOP__SHAPE_ATOMS,
                     HOP__SHAPE_NUMBERS}};

static hop__lstm_shape shape_of(const part *p) {
    return (hop__lstm_shape){p->inputs, p->hidden, p->outputs};
}

size_t hop__model_size(enum hop__part which) {
    const part *p = &parts[which];
    hop__lstm_shape shape = shape_of(p);
    if (p->form == LIBRARY)
        return (size_t)p->inputs * (size_t)p->outputs;
    return p->form == LSTM ? hop__lstm_parameter_count(&shape)
                           : hop__perceptron_parameter_count((size_t)shape.inputs);
}

size_t hop__model_offset(enum hop__part which) {
    size_t offset = 0;
    for (int before = 0; before < (int)which; before++)
        offset += hop__model_size((enum hop__part)before);
    return offset;
}

/* Weights of the read-out, which come last. */
static size_t read_out(const part *p) { return (size_t)(p->outputs * (p->hidden + 1)); }

const double *hop__model_weights(const hop_model *model, enum hop__part which) {
    const double *weights = model->parameters + hop__model_offset(which);
    const size_t size = hop__model_size(which);
    for (size_t w = size - read_out(&parts[which]); w < size; w++)
        if (weights[w] != 0.0)
            return weights;
    return NULL;
}

const double *hop__model_shapes(const hop_model *model) {
    const double *library = model->parameters + hop__model_offset(HOP__RECALL);
    bool some = false;
    for (size_t k = 0; k < HOP__SHAPES; k++)
        some |= library[k * HOP__SHAPE_NUMBERS + HOP__SHAPE_SIZE] > 0.0;
    return some && hop__shapes_possible(library) ? library : NULL;
}

void hop__model_hop(const hop_model *model, hop__hop_policy *policy) {
    policy->weights = hop__model_weights(model, HOP__HOP);
    policy->site_weights = hop__model_weights(model, HOP__SITE);
}

static int make(hop_context *context, hop_model **out) {
    hop_model *m = hop__allocate(context, 1, sizeof *m);
    if (!m)
        return HOP_ERROR_MEMORY;
    m->parameter_count = hop__model_offset(HOP__PARTS);
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

/* The read-out is zero: the network changes nothing.  What comes before is random, so
   that training can begin; biases are zero. */
static void initialise(const part *p, hop__random *random, double *weights,
                       size_t size) {
    const size_t columns = (size_t)(p->inputs + (p->form == LSTM ? p->hidden : 0) + 1);
    const double scale = 1.0 / sqrt((double)columns);
    for (size_t k = 0; k < size - read_out(p); k++)
        weights[k] = k % columns == columns - 1
                         ? 0.0
                         : scale * (2.0 * hop__random_uniform(random) - 1.0);
}

static void initialise_all(hop_model *m) {
    hop__random random = hop__random_start(20210721, 0x6d6f64656cULL);
    memset(m->parameters, 0, m->parameter_count * sizeof *m->parameters);
    for (int k = 0; k < HOP__PARTS; k++)
        if (parts[k].form != LIBRARY)
            initialise(&parts[k], &random,
                       m->parameters + hop__model_offset((enum hop__part)k),
                       hop__model_size((enum hop__part)k));
}

int hop_model_new(hop_context *context, hop_model **out) {
    if (out)
        *out = NULL;
    if (!context || !out)
        return hop__missing(context, "out");
    int status = make(context, out);
    if (status == HOP_OK)
        initialise_all(*out);
    return status;
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
        *count =
            model ? hop__model_offset(HOP__RECALL) : 0; /* the shapes are no weights */
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

int hop_model_add_shape(hop_model *model, const hop_structure *s, double value) {
    if (!model || !s)
        return hop__missing(model ? model->context : NULL, "structure");
    double slot[HOP__SHAPE_NUMBERS];
    if (!(value > 0.0) || !isfinite(value))
        return hop__fail(model->context, HOP_ERROR_RANGE,
                         "value of a shape: expected a number above 0, got %g", value);
    if (hop__structure_is_periodic(s) || s->count < 3 || s->count > HOP__SHAPE_ATOMS)
        return hop__fail(model->context, HOP_ERROR_UNSUPPORTED,
                         "shapes are of clusters of 3 to %d atoms, got %zu atoms%s",
                         HOP__SHAPE_ATOMS, s->count,
                         hop__structure_is_periodic(s) ? " in a periodic cell" : "");
    if (!hop__all_finite(s->positions, 3 * s->count) ||
        !hop__shape_of(s->count, s->positions, value, slot))
        return hop__fail(model->context, HOP_ERROR_NONFINITE,
                         "a shape's positions: expected finite numbers and atoms apart "
                         "from each other");
    hop__shapes_add(model->parameters + hop__model_offset(HOP__RECALL), slot);
    return HOP_OK;
}

/* ---- files ---- */

#define NAME 32

int hop_model_save(const hop_model *model, const char *path) {
    if (!model || !path)
        return hop__missing(model ? model->context : NULL, "path");
    int64_t format = FORMAT, shape[HOP__PARTS][3];
    char name[2 * HOP__PARTS][NAME];
    hop__item items[2 + 2 * HOP__PARTS] = {
        {"model/format", HOP__ITEM_INTEGER, 1, &format},
        {"model/note", HOP__ITEM_TEXT, strlen(model->note), model->note}};
    for (size_t k = 0; k < HOP__PARTS; k++) {
        const part *p = &parts[k];
        shape[k][0] = p->inputs;
        shape[k][1] = p->hidden;
        shape[k][2] = p->outputs;
        snprintf(name[2 * k], NAME, "model/%s/shape", p->name);
        snprintf(name[2 * k + 1], NAME, "model/%s/weights", p->name);
        items[2 + 2 * k] = (hop__item){name[2 * k], HOP__ITEM_INTEGER, 3, shape[k]};
        items[3 + 2 * k] = (hop__item){
            name[2 * k + 1], HOP__ITEM_REAL, hop__model_size((enum hop__part)k),
            model->parameters + hop__model_offset((enum hop__part)k)};
    }
    return hop__items_save(model->context, path, "model", items, 2 + 2 * HOP__PARTS);
}

static int check_shape(hop_context *context, const char *path, const part *p,
                       const int64_t shape[3]) {
    const bool library = p->form == LIBRARY;
    if (shape[0] == p->inputs && shape[1] == p->hidden && shape[2] == p->outputs)
        return HOP_OK;
    return hop__fail(context, HOP_ERROR_FORMAT,
                     "%.250s: model/%s: expected %d %s, %d %s, %d %s, got %lld, %lld, "
                     "%lld",
                     path, p->name, p->inputs, library ? "slots" : "inputs", p->hidden,
                     library ? "atoms" : "hidden", p->outputs,
                     library ? "numbers" : "outputs", (long long)shape[0],
                     (long long)shape[1], (long long)shape[2]);
}

static int read_part(hop_context *context, const char *path, hop__item_file *file,
                     enum hop__part k, double *parameters) {
    char name[NAME];
    int64_t shape[3];
    double *weights = parameters + hop__model_offset(k);
    const size_t size = hop__model_size(k);
    snprintf(name, NAME, "model/%s/shape", parts[k].name);
    if (k != HOP__DESCEND && !hop__items_have(file, name))
        return HOP_OK; /* not trained: as it was initialised */
    int status = hop__items_read(file, &(hop__item){name, HOP__ITEM_INTEGER, 3, shape});
    if (status == HOP_OK)
        status = check_shape(context, path, &parts[k], shape);
    snprintf(name, NAME, "model/%s/weights", parts[k].name);
    if (status == HOP_OK)
        status =
            hop__items_read(file, &(hop__item){name, HOP__ITEM_REAL, size, weights});
    if (status == HOP_OK && !hop__all_finite(weights, size))
        status = hop__fail(context, HOP_ERROR_FORMAT,
                           "%.300s: %s: expected finite numbers", path, name);
    if (status == HOP_OK && parts[k].form == LIBRARY && !hop__shapes_possible(weights))
        status = hop__fail(context, HOP_ERROR_FORMAT,
                           "%.300s: %s: expected shapes of 3 to %d atoms with values "
                           "above zero",
                           path, name, HOP__SHAPE_ATOMS);
    return status;
}

static int read_note(hop_context *context, hop__item_file *file, hop_model *m) {
    size_t length = 0;
    int status = hop__items_count(file, "model/note", HOP__ITEM_TEXT, &length);
    char *note = status == HOP_OK ? hop__allocate(context, length + 1, 1) : NULL;
    if (status == HOP_OK && !note)
        status = HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status = hop__items_read(
            file, &(hop__item){"model/note", HOP__ITEM_TEXT, length, note});
    if (status == HOP_OK)
        status = hop_model_set_note(m, note);
    hop__release(context, note);
    return status;
}

static int read_model(hop_context *context, const char *path, hop__item_file *file,
                      hop_model *m) {
    int64_t format;
    int status = hop__items_read(
        file, &(hop__item){"model/format", HOP__ITEM_INTEGER, 1, &format});
    if (status == HOP_OK && format != FORMAT)
        status = hop__fail(context, HOP_ERROR_VERSION,
                           "%.300s: expected model format %d, got %lld", path, FORMAT,
                           (long long)format);
    initialise_all(m);
    for (int k = 0; k < HOP__PARTS && status == HOP_OK; k++)
        status = read_part(context, path, file, (enum hop__part)k, m->parameters);
    if (status == HOP_OK)
        status = read_note(context, file, m);
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
