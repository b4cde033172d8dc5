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

static const char *const names[] = {
    "model/format",   "model/note",    "model/descend/shape", "model/descend/weights",
    "train/tasks",    "train/options", "train/counters",      "train/numbers",
    "train/weights",  "train/moment",  "train/square",        "model",
    "model/note/x/y", "other"};
#define NAMES (sizeof names / sizeof *names)
static const char tasks[] = "Ag.gupta Ag3 1\n";

static size_t weights_count(void) {
    return hop__lstm_parameter_count(&hop__descend_shape);
}

static size_t options_count(void) {
    size_t count = 0;
    hop_option row = {.size = sizeof row};
    while (hop_option_describe("trainer", count, &row) == HOP_OK)
        count++;
    return count;
}

static size_t count_of(size_t name) {
    const size_t counts[] = {
        1, 4, 3, weights_count(), sizeof tasks - 1, options_count(), 2, 3};
    return name < 8 ? counts[name] : name < 11 ? weights_count() : 1;
}

/* What makes a valid file ... */
static void fill(hop__item *item, size_t name) {
    const int64_t shape[] = {hop__descend_shape.inputs, hop__descend_shape.hidden,
                             hop__descend_shape.outputs};
    hop_option row = {.size = sizeof row};
    for (size_t k = 0; k < item->count; k++)
        if (item->type == HOP__ITEM_TEXT)
            ((char *)item->data)[k] = k + 1 < sizeof tasks ? tasks[k] : '\n';
        else if (item->type == HOP__ITEM_INTEGER)
            ((int64_t *)item->data)[k] = name == 2 && k < 3 ? shape[k] : name == 0;
        else if (name == 5 && hop_option_describe("trainer", k, &row) == HOP_OK)
            ((double *)item->data)[k] = row.initial;
        else
            ((double *)item->data)[k] = 0.001;
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
    hop__item items[NAMES];
    size_t count = 0;
    const bool model = fuzz_byte(in) & 1;
    for (size_t k = model ? 0 : 4; k < (model ? 4 : 11); k++) {
        uint32_t how = fuzz_byte(in);
        hop__item *item = &items[count];
        if (how == 255)
            continue;
        size_t name = how >= 248 ? fuzz_below(in, NAMES) : k;
        item->name = names[name];
        item->type = name == 1 || name == 4                ? HOP__ITEM_TEXT
                     : name == 0 || name == 2 || name == 6 ? HOP__ITEM_INTEGER
                                                           : HOP__ITEM_REAL;
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
