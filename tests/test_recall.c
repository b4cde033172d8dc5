/* Shapes: told apart, kept by value, gathered in training and recalled in searches. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learning/model.h"
#include "learning/shapes.h"
#include "optimizers/optimizer.h"
#include "support/support.h"

static double library[HOP__SHAPES * HOP__SHAPE_NUMBERS];

static hop_context *context;
static hop_potential *copper;

static void set_up(void) {
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop_potential_builtin(context, "Cu.gupta", &copper), HOP_OK);
    memset(library, 0, sizeof library);
}

static void tear_down(void) {
    hop_potential_free(copper);
    hop_context_free(context);
}

/* An icosahedron of 13 atoms, stretched by `z` along one axis. */
static void icosahedron(double scale, double z, double x[39]) {
    const double g = 0.5 * (1.0 + sqrt(5.0));
    memset(x, 0, 39 * sizeof *x);
    for (size_t k = 0; k < 12; k++) {
        const size_t axis = k / 4;
        x[3 * (k + 1) + axis] = scale * (k & 1 ? 1.0 : -1.0);
        x[3 * (k + 1) + (axis + 1) % 3] = scale * g * (k & 2 ? 1.0 : -1.0);
    }
    for (size_t i = 0; i < 13; i++)
        x[3 * i + 2] *= z;
}

/* A cuboctahedron of 13 atoms. */
static void cuboctahedron(double x[39]) {
    memset(x, 0, 39 * sizeof *x);
    for (size_t k = 0; k < 12; k++) {
        const size_t axis = k / 4;
        x[3 * (k + 1) + axis] = k & 1 ? 1.0 : -1.0;
        x[3 * (k + 1) + (axis + 1) % 3] = k & 2 ? 1.0 : -1.0;
    }
}

START_TEST(shapes_have_no_scale_place_or_order) {
    double x[39], y[39], a[HOP__SHAPE_NUMBERS], b[HOP__SHAPE_NUMBERS];
    icosahedron(1.0, 1.0, x);
    for (size_t i = 0; i < 13; i++) { /* backwards, turned, moved and larger */
        y[3 * i] = 7.0 + 2.5 * x[3 * (12 - i) + 1];
        y[3 * i + 1] = -2.0 - 2.5 * x[3 * (12 - i)];
        y[3 * i + 2] = 2.5 * x[3 * (12 - i) + 2];
    }
    ck_assert(hop__shape_of(13, x, 1.0, a));
    ck_assert(hop__shape_of(13, y, 2.0, b));
    ck_assert(hop__shapes_alike(a, b));
    for (size_t k = HOP__SHAPE_PRINT; k < HOP__SHAPE_PLACES; k++)
        ck_assert_double_eq_tol(a[k], b[k], 1e-12);
    double nearest = INFINITY, centre = 0.0;
    for (size_t i = 1; i < 13; i++) {
        const double *at = a + HOP__SHAPE_PLACES;
        double square = 0.0;
        for (size_t c = 0; c < 3; c++)
            square += pow(at[3 * i + c] - at[c], 2.0);
        nearest = fmin(nearest, sqrt(square));
    }
    for (size_t k = 0; k < 39; k++)
        centre += a[HOP__SHAPE_PLACES + k];
    ck_assert_double_eq_tol(nearest, 1.0, 1e-12);
    ck_assert_double_eq_tol(centre, 0.0, 1e-12);
}
END_TEST

START_TEST(shapes_are_told_apart) {
    double x[39], a[HOP__SHAPE_NUMBERS], b[HOP__SHAPE_NUMBERS];
    icosahedron(1.0, 1.0, x);
    ck_assert(hop__shape_of(13, x, 1.0, a));
    icosahedron(1.0, 1.02, x);
    ck_assert(hop__shape_of(13, x, 1.0, b));
    ck_assert(hop__shapes_alike(a, b)); /* a strain of two per cent */
    cuboctahedron(x);
    ck_assert(hop__shape_of(13, x, 1.0, b));
    ck_assert(!hop__shapes_alike(a, b));
    ck_assert(hop__shape_of(12, x, 1.0, b));
    ck_assert(!hop__shapes_alike(a, b));
}
END_TEST

START_TEST(no_shape) {
    double x[39], slot[HOP__SHAPE_NUMBERS] = {0.0};
    static double many[3 * (HOP__SHAPE_ATOMS + 1)];
    icosahedron(1.0, 1.0, x);
    ck_assert(!hop__shape_of(2, x, 1.0, slot));
    ck_assert(!hop__shape_of(HOP__SHAPE_ATOMS + 1, many, 1.0, slot));
    memset(x, 0, sizeof x);
    ck_assert(!hop__shape_of(13, x, 1.0, slot)); /* all in one place */
    for (size_t k = 0; k < HOP__SHAPE_NUMBERS; k++)
        ck_assert_double_eq(slot[k], 0.0);
}
END_TEST

static void add_random(uint64_t seed, double value) {
    hop__random random = hop__random_start(seed, 1);
    double x[39], slot[HOP__SHAPE_NUMBERS];
    for (size_t k = 0; k < 39; k++)
        x[k] = 3.0 * hop__random_uniform(&random);
    ck_assert(hop__shape_of(13, x, value, slot));
    hop__shapes_add(library, slot);
}

static double value_at(size_t k) {
    return library[k * HOP__SHAPE_NUMBERS + HOP__SHAPE_VALUE];
}

START_TEST(the_least_valuable_makes_way) {
    for (size_t k = 0; k < HOP__SHAPES; k++)
        add_random(k, 1.0 + (double)k);
    double least = INFINITY;
    for (size_t k = 0; k < HOP__SHAPES; k++)
        least = fmin(least, value_at(k));
    ck_assert_double_eq(least, 1.0);
    add_random(1000, 0.5); /* worth less than all */
    add_random(1001, 1.5);
    size_t first = 0, second = 0;
    for (size_t k = 0; k < HOP__SHAPES; k++) {
        first += value_at(k) == 1.0;
        second += value_at(k) == 1.5;
    }
    ck_assert_uint_eq(first, 0);
    ck_assert_uint_eq(second, 1);
    add_random(7, 1000.0); /* known: its value grows from 8 */
    double most = 0.0;
    for (size_t k = 0; k < HOP__SHAPES; k++)
        most = fmax(most, value_at(k));
    ck_assert_double_eq(most, 1008.0);
    ck_assert(hop__shapes_possible(library));
}
END_TEST

START_TEST(impossible_libraries) {
    ck_assert(hop__shapes_possible(library));
    add_random(1, 1.0);
    ck_assert(hop__shapes_possible(library));
    const struct {
        size_t at;
        double value;
    } wrong[] = {{HOP__SHAPE_SIZE, 12.5},     {HOP__SHAPE_SIZE, -1.0},
                 {HOP__SHAPE_SIZE, 2.0},      {HOP__SHAPE_SIZE, 81.0},
                 {HOP__SHAPE_SIZE, NAN},      {HOP__SHAPE_VALUE, -1.0},
                 {HOP__SHAPE_VALUE, NAN},     {HOP__SHAPE_VALUE, INFINITY},
                 {HOP__SHAPE_PLACES + 5, NAN}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        const double keep = library[wrong[k].at];
        library[wrong[k].at] = wrong[k].value;
        ck_assert(!hop__shapes_possible(library));
        library[wrong[k].at] = keep;
    }
    ck_assert(hop__shapes_possible(library));
}
END_TEST

/* ---- recalling ---- */

static hop_structure *random_structure(const char *formula, hop_potential *potential) {
    hop_structure *s;
    ck_assert_int_eq(hop_structure_random(context, formula, potential, 5, &s), HOP_OK);
    return s;
}

/* The lowest of a short search with the model, NULL: without. */
static double search(hop_model *model, const char *formula, double recall) {
    hop_structure *s = random_structure(formula, copper);
    hop_optimizer *o;
    ck_assert_int_eq(hop_optimizer_new(context, "learned", s, copper, &o), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 500), HOP_OK);
    ck_assert_int_eq(hop_optimizer_set(o, "recall", recall), HOP_OK);
    if (model)
        ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
    ck_assert_int_ge(hop_optimizer_run(o, s, NULL, NULL), HOP_OK);
    const double energy = *s->energy;
    hop_optimizer_free(o);
    hop_structure_free(s);
    return energy;
}

static hop_model *model_with(const hop_structure *s) {
    hop_model *model;
    ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);
    ck_assert_int_eq(hop_model_add_shape(model, s, 1.0), HOP_OK);
    return model;
}

/* The truncated octahedron of 38 atoms, the lowest of copper by 0.17 eV. */
static hop_structure *truncated_octahedron(const char *formula) {
    hop_structure *s = random_structure(formula, copper);
    size_t count = 0;
    for (int i = -2; i <= 2; i++)
        for (int j = -2; j <= 2; j++)
            for (int k = -2; k <= 2; k++) {
                const int sum = abs(i) + abs(j) + abs(k);
                if (sum != 1 && sum != 3)
                    continue;
                ck_assert_uint_lt(count, s->count);
                s->positions[3 * count] = 1.8 * i;
                s->positions[3 * count + 1] = 1.8 * j;
                s->positions[3 * count++ + 2] = 1.8 * k;
            }
    ck_assert_uint_eq(count, 38);
    return s;
}

START_TEST(a_shape_is_found_again) {
    hop_structure *s = truncated_octahedron("Cu38");
    hop_model *model = model_with(s);
    const double lowest = -108.967590553;
    ck_assert_double_eq_tol(search(model, "Cu38", 0.9), lowest, 1e-3);
    ck_assert_double_gt(search(model, "Cu38", 0.0), lowest + 0.1);
    ck_assert_double_gt(search(NULL, "Cu38", 0.9), lowest + 0.1);
    hop_model_free(model);
    hop_structure_free(s);
}
END_TEST

/* With one atom less and more: one is taken away, one finds a place. */
START_TEST(other_numbers_of_atoms) {
    hop_structure *s = truncated_octahedron("Cu38");
    hop_model *model = model_with(s);
    const char *formula[] = {"Cu37", "Cu39"};
    for (int k = 0; k < 2; k++) {
        hop_structure *seed = random_structure(formula[k], copper);
        const size_t common = seed->count < 38 ? seed->count : 38;
        memcpy(seed->positions, s->positions, 3 * common * sizeof(double));
        if (seed->count == 39) { /* above the middle of a hexagon */
            const double at[3] = {3.6, 3.6, 1.8};
            memcpy(seed->positions + 3 * 38, at, sizeof at);
        }
        hop_optimizer *o;
        ck_assert_int_eq(hop_optimizer_new(context, "lbfgs", seed, copper, &o), HOP_OK);
        ck_assert_int_eq(hop_optimizer_run(o, seed, NULL, NULL), HOP_CONVERGED);
        hop_optimizer_free(o);
        ck_assert_double_lt(search(model, formula[k], 0.9), *seed->energy + 0.05);
        hop_structure_free(seed);
    }
    hop_model_free(model);
    hop_structure_free(s);
}
END_TEST

START_TEST(saved_and_loaded) {
    hop_structure *s = truncated_octahedron("Cu38");
    hop_model *model = model_with(s), *again;
    const char *path = support_path("shapes.h5");
    ck_assert_int_eq(hop_model_save(model, path), HOP_OK);
    ck_assert_int_eq(hop_model_load(context, path, &again), HOP_OK);
    ck_assert_mem_eq(model->parameters, again->parameters,
                     model->parameter_count * sizeof(double));
    ck_assert_ptr_nonnull(hop__model_shapes(again));
    hop_model_free(again);
    hop_model_free(model);
    hop_structure_free(s);
}
END_TEST

/* A search with shapes goes on from a saved run as if it had not been interrupted. */
START_TEST(resumed) {
    hop_structure *s = truncated_octahedron("Cu38");
    hop_model *model = model_with(s);
    hop_potential *alloy;
    ck_assert_int_eq(hop_potential_builtin(context, "AgCu.gupta", &alloy), HOP_OK);
    hop_structure *start = random_structure("Ag10Cu28", alloy);
    const char *path = support_path("recall.run");
    double energy[2];
    for (int split = 0; split < 2; split++) {
        hop_optimizer *o;
        ck_assert_int_eq(hop_optimizer_new(context, "learned", start, alloy, &o),
                         HOP_OK);
        ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(o, "polish", 0), HOP_OK);
        for (int k = 0; k < 2; k++) {
            if (split && k == 1) { /* another one goes on */
                ck_assert_int_eq(hop_optimizer_save(o, path), HOP_OK);
                hop_optimizer_free(o);
                ck_assert_int_eq(
                    hop_optimizer_new(context, "learned", start, alloy, &o), HOP_OK);
                ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
                ck_assert_int_eq(hop_optimizer_load(o, path), HOP_OK);
            }
            ck_assert_int_eq(hop_optimizer_set(o, "max_evaluations", 700 + 900 * k),
                             HOP_OK);
            ck_assert_int_ge(hop_optimizer_run(o, start, NULL, NULL), HOP_OK);
        }
        double recalled = 0.0;
        for (size_t k = 0; k < HOP__SHAPES; k++)
            recalled += o->hops->recalled[k];
        ck_assert_double_gt(recalled, 0.0);
        energy[split] = *start->energy;
        hop_optimizer_free(o);
    }
    ck_assert_double_eq(energy[0], energy[1]);
    hop_structure_free(start);
    hop_potential_free(alloy);
    hop_model_free(model);
    hop_structure_free(s);
}
END_TEST

START_TEST(bad_shapes) {
    hop_model *model;
    ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);
    hop_structure *s = random_structure("Cu13", copper);
    hop_structure *two = random_structure("Cu2", copper);
    ck_assert_int_eq(hop_model_add_shape(model, s, 0.0), HOP_ERROR_RANGE);
    ck_assert_int_eq(hop_model_add_shape(model, s, NAN), HOP_ERROR_RANGE);
    ck_assert_int_eq(hop_model_add_shape(model, NULL, 1.0), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_model_add_shape(model, two, 1.0), HOP_ERROR_UNSUPPORTED);
    ck_assert_str_eq(hop_error_message(context),
                     "shapes are of clusters of 3 to 80 atoms, got 2 atoms");
    s->positions[4] = NAN;
    ck_assert_int_eq(hop_model_add_shape(model, s, 1.0), HOP_ERROR_NONFINITE);
    for (size_t k = 0; k < 39; k++)
        s->positions[k] = 1.0;
    ck_assert_int_eq(hop_model_add_shape(model, s, 1.0), HOP_ERROR_NONFINITE);
    ck_assert_ptr_null(hop__model_shapes(model));
    hop_structure_free(two);
    hop_structure_free(s);
    hop_model_free(model);
}
END_TEST

/* Training gathers the lowest minima: of Ag13 the icosahedron above all. */
START_TEST(gathered) {
    static const char tasks[] = "Ag.gupta Ag13 1\nCu.gupta Cu13 1\n";
    const char *path = support_path("shapes.tasks");
    hop_trainer *t;
    hop_model *model;
    double x[39], ideal[HOP__SHAPE_NUMBERS];
    support_write_file(path, tasks, strlen(tasks));
    ck_assert_int_eq(hop_trainer_new(context, "recall", path, NULL, &t), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "updates", 3), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "batch", 6), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "horizon", 1500), HOP_OK);
    while (hop_trainer_step(t) == HOP_OK)
        ;
    ck_assert_int_eq(hop_trainer_model(t, &model), HOP_OK);
    const double *shapes = hop__model_shapes(model), *best = shapes;
    ck_assert_ptr_nonnull(shapes);
    for (size_t k = 0; k < HOP__SHAPES; k++)
        if (shapes[k * HOP__SHAPE_NUMBERS + HOP__SHAPE_VALUE] > best[HOP__SHAPE_VALUE])
            best = shapes + k * HOP__SHAPE_NUMBERS;
    icosahedron(1.0, 1.0, x);
    ck_assert(hop__shape_of(13, x, 1.0, ideal));
    ck_assert(hop__shapes_alike(best, ideal));
    ck_assert_double_eq_tol(best[HOP__SHAPE_VALUE], 2.0, 1e-9); /* of both tasks */
    hop_model_free(model);
    hop_trainer_free(t);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("recall");
    TCase *tc = tcase_create("recall");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, shapes_have_no_scale_place_or_order);
    tcase_add_test(tc, shapes_are_told_apart);
    tcase_add_test(tc, no_shape);
    tcase_add_test(tc, the_least_valuable_makes_way);
    tcase_add_test(tc, impossible_libraries);
    tcase_add_test(tc, a_shape_is_found_again);
    tcase_add_test(tc, other_numbers_of_atoms);
    tcase_add_test(tc, saved_and_loaded);
    tcase_add_test(tc, resumed);
    tcase_add_test(tc, bad_shapes);
    tcase_add_test(tc, gathered);
    suite_add_tcase(suite, tc);
    return support_main(suite);
}
