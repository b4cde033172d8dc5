/* Models and checkpoints.  The first byte says what the rest is: the bytes of a file;
   the contents behind a header whose size and digest are right; or a list of datasets
   from which a whole and valid file is made, so that the checks behind the digest are
   reached. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "fuzz.h"
#include "io/model_file.h"
#include "learning/features.h"
#include "learning/trainer.h"

static void load(hop_context *context, const char *path) {
    hop_model *model;
    hop_trainer *trainer;
    size_t count;
    int status = hop_model_load(context, path, &model);
    FUZZ_CHECK(fuzz_status(context, status) == (model != NULL));
    if (model)
        FUZZ_CHECK(hop_model_parameters(model, &count) && hop_model_note(model));
    hop_model_free(model);
    status = hop_trainer_load(context, path, &trainer);
    FUZZ_CHECK(fuzz_status(context, status) == (trainer != NULL));
    hop_trainer_free(trainer);
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
                           {"train/method", HOP__ITEM_TEXT},
                           {"train/tasks", HOP__ITEM_TEXT},
                           {"train/options", HOP__ITEM_REAL},
                           {"train/counters", HOP__ITEM_INTEGER},
                           {"train/numbers", HOP__ITEM_REAL},
                           {"train/weights", HOP__ITEM_REAL},
                           {"train/moment", HOP__ITEM_REAL},
                           {"train/square", HOP__ITEM_REAL},
                           {"train/memory", HOP__ITEM_REAL},
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
    METHOD,
    TASKS,
    OPTIONS,
    COUNTERS,
    NUMBERS,
    WEIGHTS,
    MOMENT,
    SQUARE,
    MEMORY,
    OTHERS,
    SETS = sizeof sets / sizeof *sets
};
static const char tasks[] = "Ag.gupta Ag3 1\n", method[] = "tbptt";

static size_t count_of(size_t name) {
    const size_t descend = hop__model_size(HOP__DESCEND),
                 hop = hop__model_size(HOP__HOP);
    const size_t counts[OTHERS] = {[FORMAT] = 1,
                                   [NOTE] = 4,
                                   [DESCEND_SHAPE] = 3,
                                   [DESCEND_WEIGHTS] = descend,
                                   [HOP_SHAPE] = 3,
                                   [HOP_WEIGHTS] = hop,
                                   [METHOD] = sizeof method - 1,
                                   [TASKS] = sizeof tasks - 1,
                                   [OPTIONS] = sizeof(hop__training_options) / 8,
                                   [COUNTERS] = 2,
                                   [NUMBERS] = 3,
                                   [WEIGHTS] = hop__model_offset(HOP__PARTS),
                                   [MOMENT] = descend,
                                   [SQUARE] = descend,
                                   [MEMORY] = HOP__TRAINER_MEMORY};
    return name < OTHERS ? counts[name] : 1;
}

static void fill_shape(const hop__lstm_shape *shape, int64_t *data, size_t count) {
    const int64_t numbers[] = {shape->inputs, shape->hidden, shape->outputs};
    for (size_t k = 0; k < count; k++)
        data[k] = k < 3 ? numbers[k] : 0;
}

/* What makes a valid file ... */
static void fill(hop__item *item, size_t name) {
    const char *text = name == METHOD ? method : tasks;
    for (size_t k = 0; k < item->count; k++)
        if (item->type == HOP__ITEM_TEXT)
            ((char *)item->data)[k] = k < strlen(text) ? text[k] : '\n';
        else if (item->type == HOP__ITEM_INTEGER)
            ((int64_t *)item->data)[k] = name == FORMAT;
        else
            ((double *)item->data)[k] = 0.001;
    if (item->type == HOP__ITEM_INTEGER && (name == DESCEND_SHAPE || name == HOP_SHAPE))
        fill_shape(name == HOP_SHAPE ? &hop__hop_shape : &hop__descend_shape,
                   item->data, item->count);
    if (item->type == HOP__ITEM_REAL && name == OPTIONS &&
        item->count == count_of(OPTIONS))
        hop__options_reset(hop__trainer_table(method), item->data);
}

/* ... and what the input changes. */
static void change(hop__item *item, fuzz_input *in) {
    for (uint32_t changes = fuzz_below(in, 8); changes > 4 && item->count > 0;
         changes--) {
        size_t at = (fuzz_byte(in) + 256u * fuzz_byte(in)) % item->count;
        if (item->type == HOP__ITEM_TEXT)
            ((char *)item->data)[at] = (char)fuzz_byte(in);
        else if (item->type == HOP__ITEM_INTEGER)
            ((int64_t *)item->data)[at] = (int8_t)fuzz_byte(in);
        else
            ((double *)item->data)[at] = fuzz_number(in);
    }
}

/* Every dataset of the kind, each possibly missing, of another type or length. */
static void make_and_load(hop_context *context, fuzz_input *in) {
    char path[64];
    hop__item items[SETS];
    size_t count = 0;
    const bool model = fuzz_byte(in) & 1;
    for (size_t k = model ? FORMAT : METHOD; k < (model ? METHOD : OTHERS); k++) {
        uint32_t how = fuzz_byte(in);
        hop__item *item = &items[count];
        if (how == 255)
            continue;
        size_t name = how >= 248 ? fuzz_below(in, SETS) : k;
        item->name = sets[name].name;
        item->type = sets[name].type;
        if (how >= 240 && how < 248)
            item->type = (hop__item_type)(how % 3);
        item->count = how >= 232 && how < 240 ? fuzz_byte(in) : count_of(name);
        item->data = hop__allocate(context, item->count, 8);
        fill(item, name);
        change(item, in);
        count++;
    }
    snprintf(path, sizeof path, "/tmp/hop-fuzz-%ld.h5", (long)getpid());
    /* two datasets of one name cannot be made: an error, not a broken promise */
    int status =
        hop__items_save(context, path, model ? "model" : "checkpoint", items, count);
    if (fuzz_status(context, status))
        load(context, path);
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
