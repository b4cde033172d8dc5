/* Models: weights and card, and files that do not fit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "io/model_file.h"
#include "learning/continuous.h"
#include "learning/features.h"
#include "learning/model.h"
#include "learning/perceptron.h"
#include "learning/watch.h"
#include "support/support.h"

static hop_context *context;

static void setup(void) { ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK); }

static void teardown(void) { hop_context_free(context); }

static hop_model *new_model(void) {
    hop_model *model;
    ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);
    return model;
}

/* Weights that no other model has. */
static hop_model *trained_model(uint64_t seed) {
    hop_model *model = new_model();
    size_t count;
    double *weights = hop_model_parameters(model, &count);
    hop__random random = hop__random_start(seed, 0);
    for (size_t k = 0; k < count; k++)
        weights[k] = hop__random_normal(&random);
    ck_assert_int_eq(hop_model_set_note(model, "tasks: Ag13\nseed 1\n"), HOP_OK);
    return model;
}

static char *contents(const char *path, size_t *size) {
    char *data;
    ck_assert_int_eq(hop__file_read(context, path, 1 << 30, &data, size), HOP_OK);
    return data;
}

static int load_status(const char *path) {
    hop_model *model = (hop_model *)&context;
    int status = hop_model_load(context, path, &model);
    if (status != HOP_OK)
        ck_assert_ptr_null(model);
    hop_model_free(model);
    return status;
}

static void message_has(const char *words) {
    ck_assert_msg(strstr(hop_error_message(context), words) != NULL,
                  "'%s' is not in '%s'", words, hop_error_message(context));
}

/* ---- in memory ---- */

/* Columns of a part's first layer, and its weights before the read-out. */
static void layer_of(enum hop__part part, size_t *columns, size_t *before) {
    const hop__lstm_shape *const shape[HOP__PARTS] = {
        [HOP__DESCEND] = &hop__descend_shape,
        [HOP__HOP] = &hop__hop_shape,
        [HOP__ABANDON] = &hop__watch_shape,
        [HOP__CONTINUOUS] = &hop__continuous_shape};
    if (part == HOP__SITE) {
        *columns = HOP__SITE_INPUTS + 1;
        *before = HOP__PERCEPTRON_HIDDEN * *columns;
        return;
    }
    *columns = (size_t)(shape[part]->inputs + shape[part]->hidden + 1);
    *before = 4 * (size_t)shape[part]->hidden * *columns;
}

/* A read-out of zero makes the hand-made optimizer; gates that are not let training begin.
 */
START_TEST(untrained) {
    hop_model *model = new_model(), *again = new_model();
    const enum hop__part part = (enum hop__part)_i;
    size_t count, columns, before, size = hop__model_size(part);
    const double *all = hop_model_parameters(model, &count);
    const double *w = all + hop__model_offset(part);
    double square = 0.0;
    layer_of(part, &columns, &before);
    const double limit = 1.0 / sqrt((double)columns);
    ck_assert_uint_eq(count, hop__model_offset(HOP__RECALL)); /* but the shapes */
    ck_assert_uint_lt(before, size);
    for (size_t k = 0; k < before; k++) {
        square += w[k] * w[k];
        ck_assert(fabs(w[k]) <= limit);
        ck_assert((w[k] == 0.0) == (k % columns == columns - 1));
    }
    /* uniform numbers have a variance of a third of their limit's square */
    double expected = limit * limit / 3.0 * (double)(before - before / columns);
    ck_assert_double_eq_tol(square, expected,
                            (part == HOP__SITE ? 0.4 : 0.1) * expected);
    for (size_t k = before; k < size; k++)
        ck_assert_double_eq(w[k], 0.0);
    ck_assert_ptr_null(hop__model_weights(model, part));
    hop_model_parameters(model, NULL)[hop__model_offset(part) + before] = 1.0;
    ck_assert_ptr_eq(hop__model_weights(model, part), w);
    hop_model_parameters(model, NULL)[hop__model_offset(part) + before] = 0.0;
    ck_assert_mem_eq(all, hop_model_parameters(again, NULL), count * sizeof *all);
    ck_assert_str_eq(hop_model_note(model), "");
    hop_model_free(model);
    hop_model_free(again);
}
END_TEST

START_TEST(note) {
    hop_model *model = new_model();
    char *long_note = malloc(100001);
    memset(long_note, 'x', 100000);
    long_note[100000] = '\0';
    const char *notes[] = {"", "Ag and Au", "\xc3\xa5ngstr\xc3\xb6m", long_note,
                           "short"};
    for (size_t k = 0; k < sizeof notes / sizeof *notes; k++) {
        ck_assert_int_eq(hop_model_set_note(model, notes[k]), HOP_OK);
        ck_assert_str_eq(hop_model_note(model), notes[k]);
    }
    ck_assert_int_eq(hop_model_set_note(model, hop_model_note(model)), HOP_OK);
    ck_assert_str_eq(hop_model_note(model), "short");
    free(long_note);
    hop_model_free(model);
}
END_TEST

START_TEST(missing_arguments) {
    hop_model *model = new_model(), *out = model;
    size_t count = 1;
    ck_assert_int_eq(hop_model_new(context, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_model_new(NULL, &out), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(out);
    out = model;
    ck_assert_int_eq(hop_model_load(NULL, "x", &out), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(out);
    out = model;
    ck_assert_int_eq(hop_model_load(context, NULL, &out), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(hop_model_load(context, "x", NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_model_save(NULL, "x"), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_model_save(model, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_model_set_note(NULL, ""), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_model_set_note(model, NULL), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(hop_model_parameters(NULL, &count));
    ck_assert_uint_eq(count, 0);
    ck_assert_str_eq(hop_model_note(NULL), "");
    hop_model_free(NULL);
    hop_model_free(model);
}
END_TEST

START_TEST(freed_in_any_order) {
    hop_context *own;
    hop_model *model, *other;
    ck_assert_int_eq(hop_context_new(NULL, &own), HOP_OK);
    ck_assert_int_eq(hop_model_new(own, &model), HOP_OK);
    ck_assert_int_eq(hop_model_new(own, &other), HOP_OK);
    hop_context_free(own);
    hop_model *held = hop__model_retain(model);
    hop_model_free(model);
    ck_assert_int_eq(hop_model_set_note(held, "still here"), HOP_OK);
    hop_model_free(other);
    ck_assert_str_eq(hop_model_note(held), "still here");
    hop_model_free(held);
}
END_TEST

/* ---- files ---- */

START_TEST(round_trip) {
    hop_model *model = trained_model(1), *again;
    size_t count, again_count, size, again_size;
    ck_assert_int_eq(hop_model_save(model, support_path("one.h5")), HOP_OK);
    ck_assert_int_eq(hop_model_load(context, support_path("one.h5"), &again), HOP_OK);
    double *w = hop_model_parameters(model, &count);
    ck_assert_mem_eq(hop_model_parameters(again, &again_count), w, count * sizeof *w);
    ck_assert_uint_eq(again_count, count);
    ck_assert_str_eq(hop_model_note(again), hop_model_note(model));
    ck_assert_int_eq(hop_model_save(again, support_path("two.h5")), HOP_OK);
    char *one = contents(support_path("one.h5"), &size);
    char *two = contents(support_path("two.h5"), &again_size);
    ck_assert_uint_eq(size, again_size);
    ck_assert_mem_eq(one, two, size);
    hop__release(context, one);
    hop__release(context, two);
    hop_model_free(model);
    hop_model_free(again);
}
END_TEST

START_TEST(empty_note_comes_back) {
    hop_model *model = new_model(), *again;
    ck_assert_int_eq(hop_model_save(model, support_path("bare.h5")), HOP_OK);
    ck_assert_int_eq(hop_model_load(context, support_path("bare.h5"), &again), HOP_OK);
    ck_assert_str_eq(hop_model_note(again), "");
    hop_model_free(model);
    hop_model_free(again);
}
END_TEST

START_TEST(saving_replaces) {
    const char *path = support_path("replaced.h5");
    hop_model *first = trained_model(1), *second = trained_model(2), *loaded;
    ck_assert_int_eq(hop_model_save(first, path), HOP_OK);
    ck_assert_int_eq(hop_model_save(second, path), HOP_OK);
    ck_assert_int_eq(hop_model_load(context, path, &loaded), HOP_OK);
    ck_assert_mem_eq(hop_model_parameters(loaded, NULL),
                     hop_model_parameters(second, NULL),
                     first->parameter_count * sizeof(double));
    hop_model_free(first);
    hop_model_free(second);
    hop_model_free(loaded);
}
END_TEST

START_TEST(unwritable_place) {
    hop_model *model = new_model();
    ck_assert_int_eq(hop_model_save(model, support_path("absent/m.h5")), HOP_ERROR_IO);
    message_has("absent/m.h5");
    hop_model_free(model);
}
END_TEST

/* What a file says of itself; tests change one thing at a time. */
typedef struct card {
    int64_t format, shape[3];
    size_t weight_count;
    double *weights;
    char note[8];
    size_t skip; /* number of the item left out, from 1 */
    const char *kind;
} card;

static double card_weights[8000];

static card good_card(void) {
    const hop__lstm_shape *s = &hop__descend_shape;
    card c = {.format = 1,
              .shape = {s->inputs, s->hidden, s->outputs},
              .weight_count = hop__lstm_parameter_count(s),
              .note = "a note",
              .weights = card_weights,
              .kind = "model"};
    ck_assert_uint_le(c.weight_count, sizeof card_weights / sizeof *card_weights);
    memset(card_weights, 0, sizeof card_weights);
    return c;
}

static int load_card(card *c) {
    const hop__item all[] = {
        {"model/format", HOP__ITEM_INTEGER, 1, &c->format},
        {"model/descend/shape", HOP__ITEM_INTEGER, 3, c->shape},
        {"model/descend/weights", HOP__ITEM_REAL, c->weight_count, c->weights},
        {"model/note", HOP__ITEM_TEXT, strlen(c->note), c->note}};
    hop__item kept[4];
    size_t count = 0;
    for (size_t k = 0; k < 4; k++)
        if (k + 1 != c->skip)
            kept[count++] = all[k];
    const char *path = support_path("card.h5");
    ck_assert_int_eq(hop__items_save(context, path, c->kind, kept, count), HOP_OK);
    return load_status(path);
}

START_TEST(good_card_loads) {
    card c = good_card();
    ck_assert_int_eq(load_card(&c), HOP_OK);
}
END_TEST

START_TEST(other_shape) {
    for (int k = 0; k < 3; k++) {
        card c = good_card();
        char expected[100], found[64];
        snprintf(expected, sizeof expected,
                 "card.h5: model/descend: expected %d inputs, %d hidden, %d outputs",
                 (int)c.shape[0], (int)c.shape[1], (int)c.shape[2]);
        c.shape[k] += 1;
        ck_assert_int_eq(load_card(&c), HOP_ERROR_FORMAT);
        message_has(expected);
        snprintf(found, sizeof found, "got %d, %d, %d", (int)c.shape[0],
                 (int)c.shape[1], (int)c.shape[2]);
        message_has(found);
    }
    card c = good_card();
    char found[64];
    c.weight_count--;
    ck_assert_int_eq(load_card(&c), HOP_ERROR_FORMAT);
    snprintf(found, sizeof found,
             "model/descend/weights: expected %zu elements, got %zu",
             c.weight_count + 1, c.weight_count);
    message_has(found);
}
END_TEST

START_TEST(missing_item) {
    static const char *const names[] = {"model/format", "model/descend/shape",
                                        "model/descend/weights", "model/note"};
    for (size_t k = 0; k < 4; k++) {
        card c = good_card();
        c.skip = k + 1;
        ck_assert_int_eq(load_card(&c), HOP_ERROR_FORMAT);
        message_has(names[k]);
    }
}
END_TEST

START_TEST(other_format_and_kind) {
    card c = good_card();
    c.format = 2;
    ck_assert_int_eq(load_card(&c), HOP_ERROR_VERSION);
    message_has("expected model format 1, got 2");
    c = good_card();
    c.kind = "checkpoint";
    ck_assert_int_eq(load_card(&c), HOP_ERROR_FORMAT);
    message_has("kind 'model', got 'checkpoint'");
}
END_TEST

START_TEST(weights_that_are_not_finite) {
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < 3; k++) {
        card c = good_card();
        c.weights[k * (c.weight_count - 1) / 2] = bad[k];
        ck_assert_int_eq(load_card(&c), HOP_ERROR_FORMAT);
        message_has("model/descend/weights: expected finite numbers");
    }
}
END_TEST

/* Every length. */
START_TEST(truncated) {
    const char *path = support_path("short.h5");
    hop_model *model = trained_model(1);
    size_t size;
    ck_assert_int_eq(hop_model_save(model, path), HOP_OK);
    hop_model_free(model);
    hop__release(context, contents(path, &size));
    for (size_t length = size; length-- > 0;) {
        ck_assert_int_eq(truncate(path, (off_t)length), 0);
        ck_assert_int_eq(load_status(path),
                         length < 11 ? HOP_ERROR_FORMAT : HOP_ERROR_CORRUPT);
    }
}
END_TEST

START_TEST(altered) {
    const char *path = support_path("altered.h5");
    hop_model *model = trained_model(1);
    hop__random random = hop__random_start(5, 5);
    size_t size;
    ck_assert_int_eq(hop_model_save(model, path), HOP_OK);
    hop_model_free(model);
    char *data = contents(path, &size);
    for (int trial = 0; trial < 2000; trial++) {
        size_t at = 512 + hop__random_below(&random, size - 512);
        char keep = data[at];
        data[at] = (char)(keep ^ (1 + (int)hop__random_below(&random, 255)));
        support_write_file(path, data, size);
        ck_assert_int_eq(load_status(path), HOP_ERROR_CORRUPT);
        data[at] = keep;
    }
    support_write_file(path, data, size);
    ck_assert_int_eq(load_status(path), HOP_OK);
    hop__release(context, data);
}
END_TEST

static int scenario(hop_context *own, void *path) {
    hop_model *model = NULL, *again = NULL;
    int status = hop_model_new(own, &model);
    ck_assert((status == HOP_OK) == (model != NULL));
    if (status == HOP_OK)
        status = hop_model_set_note(model, "a note");
    if (status == HOP_OK)
        status = hop_model_save(model, path);
    if (status == HOP_OK) {
        status = hop_model_load(own, path, &again);
        ck_assert((status == HOP_OK) == (again != NULL));
    }
    hop_model_free(model);
    hop_model_free(again);
    return status;
}

START_TEST(failing_memory) {
    char path[600];
    strcpy(path, support_path("memory.h5"));
    ck_assert_uint_ge(support_torture(scenario, path), 15);
}
END_TEST

START_TEST(failing_files) {
    char path[600];
    strcpy(path, support_path("files.h5"));
    ck_assert_uint_ge(support_torture_files(scenario, path), 25);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("model");
    TCase *tests = tcase_create("model");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, untrained, 0, HOP__RECALL);
    tcase_add_test(tests, note);
    tcase_add_test(tests, missing_arguments);
    tcase_add_test(tests, freed_in_any_order);
    tcase_add_test(tests, round_trip);
    tcase_add_test(tests, empty_note_comes_back);
    tcase_add_test(tests, saving_replaces);
    tcase_add_test(tests, unwritable_place);
    tcase_add_test(tests, good_card_loads);
    tcase_add_test(tests, other_shape);
    tcase_add_test(tests, missing_item);
    tcase_add_test(tests, other_format_and_kind);
    tcase_add_test(tests, weights_that_are_not_finite);
    tcase_add_test(tests, truncated);
    tcase_add_test(tests, altered);
    tcase_add_test(tests, failing_memory);
    tcase_add_test(tests, failing_files);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
