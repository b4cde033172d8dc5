/* Models and checkpoints.  The first byte says what the rest is: the bytes of a file;
   the contents behind a header whose size and digest are right; or a list of datasets
   from which a whole and valid file is made, so that the checks behind the digest are
   reached. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/vector_math.h"
#include "fuzz.h"
#include "io/model_file.h"
#include "learning/features.h"
#include "learning/shapes.h"
#include "learning/trainer.h"

/* A search with the model, so that what it knows is used. */
static void search(hop_context *context, hop_model *model) {
    hop_potential *potential;
    hop_structure *s;
    hop_optimizer *o;
    FUZZ_CHECK(hop_potential_builtin(context, "Ag.gupta", &potential) == HOP_OK);
    FUZZ_CHECK(hop_structure_random(context, "Ag5", potential, 1, &s) == HOP_OK);
    FUZZ_CHECK(hop_optimizer_new(context, "learned", s, potential, &o) == HOP_OK);
    FUZZ_CHECK(hop_optimizer_set(o, "hop", 0) == HOP_OK);
    FUZZ_CHECK(hop_optimizer_set(o, "recall", 1) == HOP_OK);
    FUZZ_CHECK(hop_optimizer_set_model(o, model) == HOP_OK);
    for (int k = 0; k < 60 && hop_optimizer_ask(o, s) == HOP_OK; k++) {
        FUZZ_CHECK(hop__all_finite(hop_structure_positions(s), 15));
        fuzz_status(context, hop_potential_evaluate(potential, s));
        FUZZ_CHECK(hop_optimizer_tell(o, s) == HOP_OK);
    }
    hop_optimizer_free(o);
    hop_structure_free(s);
    hop_potential_free(potential);
}

/* The next update of a short training, and its model as a file. */
static void go_on(hop_context *context, hop_trainer *trainer) {
    char path[64];
    double batch, horizon;
    hop_model *model, *again;
    if (strcmp(hop_trainer_method_of(trainer), "recall") != 0)
        return;
    hop_trainer_get(trainer, "batch", &batch);
    hop_trainer_get(trainer, "horizon", &horizon);
    if (batch > 2.0 || horizon > 100.0)
        return;
    fuzz_status(context, hop_trainer_step(trainer));
    FUZZ_CHECK(hop_trainer_model(trainer, &model) == HOP_OK);
    snprintf(path, sizeof path, "/tmp/hop-fuzz-%ld-model.h5", (long)getpid());
    FUZZ_CHECK(hop_model_save(model, path) == HOP_OK);
    FUZZ_CHECK(hop_model_load(context, path, &again) == HOP_OK);
    unlink(path);
    hop_model_free(again);
    hop_model_free(model);
}

/* True when one of them could be loaded. */
static bool load(hop_context *context, const char *path) {
    hop_model *model;
    hop_trainer *trainer;
    size_t count;
    int status = hop_model_load(context, path, &model);
    FUZZ_CHECK(fuzz_status(context, status) == (model != NULL));
    if (model) {
        FUZZ_CHECK(hop_model_parameters(model, &count) && hop_model_note(model));
        search(context, model);
    }
    const bool loaded = model != NULL;
    hop_model_free(model);
    status = hop_trainer_load(context, path, &trainer);
    FUZZ_CHECK(fuzz_status(context, status) == (trainer != NULL));
    if (trainer)
        go_on(context, trainer);
    hop_trainer_free(trainer);
    return loaded || trainer;
}

/* The datasets: of a model, of a checkpoint, of neither. */
typedef struct set {
    const char *name;
    hop__item_type type;
} set;

static const set sets[] = {{"model/format", HOP__ITEM_INTEGER},
                           {"model/note", HOP__ITEM_TEXT},
                           {"model/descend/shape", HOP__ITEM_INTEGER},
                           {"model/descend/weights", HOP__ITEM_REAL},
                           {"model/hop/shape", HOP__ITEM_INTEGER},
                           {"model/hop/weights", HOP__ITEM_REAL},
                           {"model/shapes/shape", HOP__ITEM_INTEGER},
                           {"model/shapes/weights", HOP__ITEM_REAL},
                           {"train/method", HOP__ITEM_TEXT},
                           {"train/tasks", HOP__ITEM_TEXT},
                           {"train/options", HOP__ITEM_REAL},
                           {"train/counters", HOP__ITEM_INTEGER},
                           {"train/numbers", HOP__ITEM_REAL},
                           {"train/weights", HOP__ITEM_REAL},
                           {"train/moment", HOP__ITEM_REAL},
                           {"train/square", HOP__ITEM_REAL},
                           {"train/best", HOP__ITEM_REAL},
                           {"train/memory", HOP__ITEM_REAL},
                           {"train/keep", HOP__ITEM_REAL},
                           {"model", HOP__ITEM_REAL},
                           {"model/note/x/y", HOP__ITEM_REAL},
                           {"other", HOP__ITEM_REAL}};
enum {
    FORMAT,
    NOTE,
    DESCEND_SHAPE,
    DESCEND_WEIGHTS,
    HOP_SHAPE,
    HOP_WEIGHTS,
    SHAPES_SHAPE,
    SHAPES_WEIGHTS,
    METHOD,
    TASKS,
    OPTIONS,
    COUNTERS,
    NUMBERS,
    WEIGHTS,
    MOMENT,
    SQUARE,
    BEST,
    MEMORY,
    KEEP,
    OTHERS,
    SETS = sizeof sets / sizeof *sets
};
static const char tasks[] = "Ag.gupta Ag3 1\n";
static const char *const methods[] = {"tbptt", "recall"};
enum { TBPTT, RECALL, BATCH = 2 };

/* What the recall method keeps: a library, then for the task 5 and for each episode 3
   entries, each an energy and a slot. */
#define LIBRARY (HOP__SHAPES * HOP__SHAPE_NUMBERS)
#define KEPT (LIBRARY + (5 + 3 * BATCH) * (1 + HOP__SHAPE_NUMBERS))

static size_t count_of(size_t name, int method) {
    const size_t descend = hop__model_size(HOP__DESCEND),
                 hop = hop__model_size(HOP__HOP),
                 trained = method == RECALL ? LIBRARY : descend;
    const size_t counts[OTHERS] = {[FORMAT] = 1,
                                   [NOTE] = 4,
                                   [DESCEND_SHAPE] = 3,
                                   [DESCEND_WEIGHTS] = descend,
                                   [HOP_SHAPE] = 3,
                                   [HOP_WEIGHTS] = hop,
                                   [SHAPES_SHAPE] = 3,
                                   [SHAPES_WEIGHTS] = LIBRARY,
                                   [METHOD] = strlen(methods[method]),
                                   [TASKS] = sizeof tasks - 1,
                                   [OPTIONS] = sizeof(hop__training_options) / 8,
                                   [COUNTERS] = 2,
                                   [NUMBERS] = 5,
                                   [WEIGHTS] = hop__model_offset(HOP__PARTS),
                                   [MOMENT] = trained,
                                   [SQUARE] = trained,
                                   [BEST] = trained,
                                   [MEMORY] = HOP__TRAINER_MEMORY,
                                   [KEEP] = method == RECALL ? KEPT : 0};
    return name < OTHERS ? counts[name] : 1;
}

static void fill_shape(size_t name, int64_t *data, size_t count) {
    const hop__lstm_shape *shape =
        name == HOP_SHAPE ? &hop__hop_shape : &hop__descend_shape;
    const int64_t network[] = {shape->inputs, shape->hidden, shape->outputs},
                  library[] = {HOP__SHAPES, HOP__SHAPE_ATOMS, HOP__SHAPE_NUMBERS};
    for (size_t k = 0; k < count; k++)
        data[k] = k >= 3 ? 0 : name == SHAPES_SHAPE ? library[k] : network[k];
}

/* Where a library is among the numbers; SIZE_MAX: nowhere. */
static size_t library_in(size_t name, int method) {
    const bool here =
        name == SHAPES_WEIGHTS || name == KEEP || (name == BEST && method == RECALL);
    return here ? 0 : name == WEIGHTS ? hop__model_offset(HOP__RECALL) : SIZE_MAX;
}

/* One with a tetrahedron and a chain, and the same as entries. */
static void fill_library(double *data, size_t count, size_t from) {
    static const double tetrahedron[] = {0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1},
                        chain[] = {0, 0, 0, 0, 0, 1, 0, 0, 2};
    memset(data + from, 0, (count - from) * sizeof *data);
    hop__shape_of(4, tetrahedron, 1.0, data + from);
    hop__shape_of(3, chain, 0.5, data + from + HOP__SHAPE_NUMBERS);
    if (count == KEPT) {
        data[LIBRARY] = -1.0; /* energy */
        hop__shape_of(3, chain, 0.0, data + LIBRARY + 1);
    }
}

static void fill_options(int method, hop__training_options *options) {
    hop__options_reset(hop__trainer_table(methods[method]), options);
    if (method == RECALL) {
        options->batch = BATCH;
        options->horizon = 100;
    }
}

/* What makes a valid file ... */
static void fill(hop__item *item, size_t name, int method) {
    const char *text = name == METHOD ? methods[method] : tasks;
    const bool whole = item->count == count_of(name, method);
    for (size_t k = 0; k < item->count; k++)
        if (item->type == HOP__ITEM_TEXT)
            ((char *)item->data)[k] = k < strlen(text) ? text[k] : '\n';
        else if (item->type == HOP__ITEM_INTEGER)
            ((int64_t *)item->data)[k] = name == FORMAT;
        else
            ((double *)item->data)[k] = 0.001;
    if (item->type == HOP__ITEM_INTEGER &&
        (name == DESCEND_SHAPE || name == HOP_SHAPE || name == SHAPES_SHAPE))
        fill_shape(name, item->data, item->count);
    if (item->type != HOP__ITEM_REAL || !whole || item->count == 0)
        return;
    if (name == OPTIONS)
        fill_options(method, item->data);
    if (library_in(name, method) != SIZE_MAX)
        fill_library(item->data, item->count, library_in(name, method));
}

/* ... and what the input changes; in a library rather what is not empty. */
static bool change(hop__item *item, size_t library, fuzz_input *in) {
    bool changed = false;
    for (uint32_t changes = fuzz_below(in, 8); changes > 4 && item->count > 0;
         changes--) {
        const size_t any = fuzz_byte(in) + 256u * fuzz_byte(in);
        size_t at = any % item->count;
        if (library != SIZE_MAX && item->count > LIBRARY - 1 && any & 1)
            at = library + (any >> 1) % (2 * HOP__SHAPE_NUMBERS);
        if (item->count == KEPT && (any & 3) == 2)
            at = LIBRARY + (any >> 2) % (1 + HOP__SHAPE_NUMBERS);
        changed = true;
        if (item->type == HOP__ITEM_TEXT)
            ((char *)item->data)[at] = (char)fuzz_byte(in);
        else if (item->type == HOP__ITEM_INTEGER)
            ((int64_t *)item->data)[at] = (int8_t)fuzz_byte(in);
        else
            ((double *)item->data)[at] = fuzz_number(in);
    }
    return changed;
}

/* Every dataset of the kind, each possibly missing, of another type or length.  With none
   of that it can be loaded. */
static void make_and_load(hop_context *context, fuzz_input *in) {
    char path[64];
    hop__item items[SETS];
    size_t count = 0;
    const uint8_t kind = fuzz_byte(in);
    const bool model = kind & 1;
    const int method = kind & 2 ? RECALL : TBPTT;
    bool valid = true;
    for (size_t k = model ? FORMAT : METHOD; k < (model ? METHOD : OTHERS); k++) {
        uint32_t how = fuzz_byte(in);
        hop__item *item = &items[count];
        valid &= how < 232;
        if (how == 255)
            continue;
        size_t name = how >= 248 ? fuzz_below(in, SETS) : k;
        item->name = sets[name].name;
        item->type = sets[name].type;
        if (how >= 240 && how < 248)
            item->type = (hop__item_type)(how % 3);
        item->count = how >= 232 && how < 240 ? fuzz_byte(in) : count_of(name, method);
        item->data = hop__allocate(context, item->count + 1, 8);
        fill(item, name, method);
        valid &= !change(item, library_in(name, method), in);
        count++;
    }
    snprintf(path, sizeof path, "/tmp/hop-fuzz-%ld.h5", (long)getpid());
    /* two datasets of one name cannot be made: an error, not a broken promise */
    int status =
        hop__items_save(context, path, model ? "model" : "checkpoint", items, count);
    if (fuzz_status(context, status)) {
        bool loaded = load(context, path);
        FUZZ_CHECK(loaded || !valid);
    }
    unlink(path);
    for (size_t k = 0; k < count; k++)
        hop__release(context, items[k].data);
}

/* HDF5's own reader is not ours to test: contents stay whole, the header is right. */
static void head_and_load(hop_context *context, const uint8_t *data, size_t size) {
    char *file = hop__allocate(context, size + 512, 1);
    memset(file, '\n', 512);
    int length = snprintf(file, 512,
                          "hop-hdf5 1\nkind model\nsize %zu\nxxh64 %016llx\n"
                          "libhop 0.1.0\n",
                          size, (unsigned long long)hop__digest(data, size));
    file[length] = '\n';
    if (size > 0)
        memcpy(file + 512, data, size);
    load(context, fuzz_file(file, size + 512));
    hop__release(context, file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    hop_context *context = fuzz_context();
    switch (fuzz_below(&in, 3)) {
    case 0: load(context, fuzz_file(in.data, in.size)); break;
    case 1:
        if (in.size < 64) /* too short for HDF5 to look far into it */
            head_and_load(context, in.data, in.size);
        break;
    default: make_and_load(context, &in);
    }
    fuzz_end(context);
    return 0;
}
