/* Shapes: told apart, kept by value, gathered in training and recalled in searches. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learning/model.h"
#include "learning/shapes.h"
#include "learning/trainer.h"
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
    memcpy(x + 3, x + 6, 3 * sizeof *x);
    ck_assert(!hop__shape_of(13, x, 1.0, slot)); /* two in one place */
    memset(x, 0, sizeof x);
    ck_assert(!hop__shape_of(13, x, 1.0, slot)); /* all */
    icosahedron(1.0, 1.0, x);
    for (size_t i = 6; i < 13; i++)
        x[3 * i] += 1e4; /* two clusters */
    ck_assert(!hop__shape_of(13, x, 1.0, slot));
    x[7] = INFINITY;
    ck_assert(!hop__shape_of(13, x, 1.0, slot));
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

/* The prints of as many pairs as there can be are sorted, whatever their order was. */
START_TEST(prints_rise) {
    double x[3 * HOP__SHAPE_ATOMS], slot[HOP__SHAPE_NUMBERS];
    for (uint64_t seed = 0; seed < 20; seed++) {
        hop__random random = hop__random_start(seed, 2);
        const size_t n = seed == 0 ? HOP__SHAPE_ATOMS : 3 + 4 * seed;
        for (size_t k = 0; k < 3 * n; k++)
            x[k] = hop__random_uniform(&random);
        ck_assert(hop__shape_of(n, x, 1.0, slot));
        double before = 0.0, sum = 0.0;
        for (size_t k = 0; k < HOP__SHAPE_PRINTS; k++) {
            ck_assert(slot[HOP__SHAPE_PRINT + k] > before || n < 8);
            before = slot[HOP__SHAPE_PRINT + k];
            sum += before;
        }
        if (n * (n - 1) / 2 % HOP__SHAPE_PRINTS == 0)
            ck_assert_double_eq_tol(sum, HOP__SHAPE_PRINTS, 1e-9);
    }
}
END_TEST

START_TEST(values_end_somewhere) {
    add_random(1, HOP__SHAPE_BEST);
    add_random(1, HOP__SHAPE_BEST);
    ck_assert_double_eq(value_at(0), HOP__SHAPE_BEST);
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
    } wrong[] = {
        {HOP__SHAPE_SIZE, 12.5}, {HOP__SHAPE_SIZE, -1.0},      {HOP__SHAPE_SIZE, 2.0},
        {HOP__SHAPE_SIZE, 81.0}, {HOP__SHAPE_SIZE, NAN},       {HOP__SHAPE_VALUE, -1.0},
        {HOP__SHAPE_VALUE, NAN}, {HOP__SHAPE_VALUE, INFINITY}, {HOP__SHAPE_VALUE, 1e7},
        {HOP__SHAPE_SIZE, 0.0},  {HOP__SHAPE_PLACES + 5, NAN}};
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

/* From one atom to more than a shape has, unlike atoms or like: every question is finite. */
START_TEST(any_number_of_atoms) {
    static const struct {
        size_t shape;
        const char *formula;
        bool recalled;
    } cases[] = {{3, "Cu", true},        {3, "Cu2", true},    {3, "Cu3", true},
                 {3, "Cu9", true},       {3, "Cu10", false},  {8, "CuAg", true},
                 {8, "Ag2Cu", true},     {9, "Ag1Cu2", true}, {80, "Cu86", true},
                 {80, "Ag43Cu43", true}, {80, "Cu87", false}, {80, "Cu74", true}};
    hop_potential *alloy;
    ck_assert_int_eq(hop_potential_builtin(context, "AgCu.gupta", &alloy), HOP_OK);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char formula[16];
        snprintf(formula, sizeof formula, "Cu%zu", cases[k].shape);
        hop_structure *like = random_structure(formula, alloy);
        hop_structure *s = random_structure(cases[k].formula, alloy);
        hop_model *model = model_with(like);
        hop_optimizer *o;
        double recalled = 0.0;
        ck_assert_int_eq(hop_model_add_shape(model, like, 1e6), HOP_OK); /* again */
        ck_assert_int_eq(hop_optimizer_new(context, "learned", s, alloy, &o), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(o, "recall", 1.0), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set(o, "quench_steps", 20), HOP_OK);
        for (int call = 0; call < 400; call++) {
            ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
            for (size_t a = 0; a < 3 * s->count; a++)
                ck_assert_double_lt(fabs(s->positions[a]), 100.0);
            const int status = hop_potential_evaluate(alloy, s);
            ck_assert(status == HOP_OK || status == HOP_ERROR_NONFINITE);
            ck_assert_int_eq(hop_optimizer_tell(o, s), HOP_OK);
        }
        for (size_t i = 0; i < HOP__SHAPES; i++)
            recalled += o->hops->recalled[i];
        ck_assert_msg((recalled > 0.0) == cases[k].recalled, "%s from %s",
                      cases[k].formula, formula);
        hop_optimizer_free(o);
        hop_model_free(model);
        hop_structure_free(s);
        hop_structure_free(like);
    }
    hop_potential_free(alloy);
}
END_TEST

/* Shapes are of whole clusters: with a fixed atom, or in a cell, none is recalled. */
START_TEST(not_of_whole_clusters) {
    hop_structure *like = random_structure("Cu12", copper);
    hop_model *model = model_with(like);
    for (int k = 0; k < 3; k++) {
        hop_structure *s = random_structure("Cu12", copper);
        hop_optimizer *o;
        if (k == 1)
            s->fixed[11] = 1;
        for (int c = 0; c < 3 && k == 2; c++) {
            s->cell[4 * c] = 30.0;
            s->periodic[c] = 1;
        }
        ck_assert_int_eq(hop_optimizer_new(context, "learned", s, NULL, &o), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
        ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
        ck_assert((o->hops->shapes == NULL) == (k > 0));
        hop_optimizer_free(o);
        hop_structure_free(s);
    }
    hop_model_free(model);
    hop_structure_free(like);
}
END_TEST

static void turned(const double r[9], const double *x, size_t n, double *out) {
    for (size_t a = 0; a < 3 * n; a++) {
        const double *row = r + 3 * (a % 3), *at = x + a - a % 3;
        out[a] = row[0] * at[0] + row[1] * at[1] + row[2] * at[2];
    }
}

/* Turning the frame turns what is recalled: the same shape, atoms added and taken away. */
START_TEST(turned_frame) {
    const double c = cos(0.7), d = sin(0.7);
    const double frame[9] = {c, -d * 0.6, d * 0.8, d, c * 0.6, -c * 0.8, 0.0, 0.8, 0.6};
    static const char *const formulas[] = {"Ag18Cu19", "Ag19Cu19", "Ag20Cu22", "Cu36"};
    hop_structure *octahedron = truncated_octahedron("Cu38");
    hop_model *model = model_with(octahedron);
    hop_potential *alloy;
    ck_assert_int_eq(hop_potential_builtin(context, "AgCu.gupta", &alloy), HOP_OK);
    for (size_t k = 0; k < sizeof formulas / sizeof *formulas; k++) {
        hop_structure *s = random_structure(formulas[k], alloy);
        const size_t n = s->count;
        double x[2][3 * 42], expected[3 * 42];
        for (int turn = 0; turn < 2; turn++) {
            hop_optimizer *o;
            ck_assert_int_eq(hop_optimizer_new(context, "learned", s, alloy, &o),
                             HOP_OK);
            ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
            if (turn)
                hop__optimizer_set_frame(o, frame);
            ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
            for (int again = 0; again < 3; again++)
                hop__hops_recall(o->hops, x[turn]);
            hop_optimizer_free(o);
        }
        turned(frame, x[0], n, expected);
        for (size_t a = 0; a < 3 * n; a++)
            ck_assert_double_eq_tol(expected[a], x[1][a], 1e-9);
        hop_structure_free(s);
    }
    hop_potential_free(alloy);
    hop_model_free(model);
    hop_structure_free(octahedron);
}
END_TEST

static long size_of(const char *path) {
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    const long size = ftell(file);
    fclose(file);
    return size;
}

/* A library without shapes is not written. */
START_TEST(saved_without_shapes) {
    hop_model *model, *again;
    const char *path = support_path("none.h5");
    ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);
    ck_assert_int_eq(hop_model_save(model, path), HOP_OK);
    ck_assert_int_lt(size_of(path), 100000);
    ck_assert_int_eq(hop_model_load(context, path, &again), HOP_OK);
    ck_assert_mem_eq(model->parameters, again->parameters,
                     model->parameter_count * sizeof(double));
    ck_assert_ptr_null(hop__model_shapes(again));
    hop_model_free(again);
    hop_model_free(model);
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
    ck_assert_int_gt(size_of(path), 400000);
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

/* Numbers of a saved run that no run could have written. */
START_TEST(damaged_run) {
    static const struct {
        double recalled;
        bool possible;
    } cases[] = {
        {3.0, true}, {-1.0, false}, {NAN, false}, {INFINITY, false}, {1e200, false}};
    hop_structure *s = truncated_octahedron("Cu38");
    hop_model *model = model_with(s);
    const char *path = support_path("damaged.run");
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        hop_optimizer *o, *again;
        ck_assert_int_eq(hop_optimizer_new(context, "learned", s, copper, &o), HOP_OK);
        ck_assert_int_eq(hop_optimizer_new(context, "learned", s, copper, &again),
                         HOP_OK);
        ck_assert_int_eq(hop_optimizer_set_model(o, model), HOP_OK);
        ck_assert_int_eq(hop_optimizer_set_model(again, model), HOP_OK);
        ck_assert_int_eq(hop_optimizer_ask(o, s), HOP_OK);
        o->hops->recalled[HOP__SHAPES - 1] = cases[k].recalled;
        ck_assert_int_eq(hop_optimizer_save(o, path), HOP_OK);
        ck_assert_int_eq(hop_optimizer_load(again, path),
                         cases[k].possible ? HOP_OK : HOP_ERROR_FORMAT);
        hop_optimizer_free(again);
        hop_optimizer_free(o);
    }
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
    ck_assert_int_eq(hop_model_add_shape(model, s, 1e7), HOP_ERROR_RANGE);
    ck_assert_int_eq(hop_model_add_shape(NULL, s, 1.0), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_model_add_shape(model, NULL, 1.0), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_model_add_shape(model, two, 1.0), HOP_ERROR_UNSUPPORTED);
    ck_assert_str_eq(hop_error_message(context),
                     "shapes are of clusters of 3 to 80 atoms, got 2 atoms");
    s->periodic[1] = 1;
    ck_assert_int_eq(hop_model_add_shape(model, s, 1.0), HOP_ERROR_UNSUPPORTED);
    ck_assert_str_eq(hop_error_message(context),
                     "shapes are of clusters of 3 to 80 atoms, got 13 atoms in a "
                     "periodic cell");
    s->periodic[1] = 0;
    const double keep = s->positions[4];
    s->positions[4] = NAN;
    ck_assert_int_eq(hop_model_add_shape(model, s, 1.0), HOP_ERROR_NONFINITE);
    s->positions[4] = keep;
    memcpy(s->positions, s->positions + 9, 3 * sizeof(double)); /* two in one place */
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

/* What is kept of a task: five entries, an energy and a slot each, that rise and are unlike
   each other. */
static void check_pool(const double *pool) {
    enum { ENTRY = 1 + HOP__SHAPE_NUMBERS };
    size_t count = 0;
    while (count < 5 && pool[count * ENTRY + 1 + HOP__SHAPE_SIZE] > 0.0)
        count++;
    ck_assert_uint_gt(count, 1);
    for (size_t k = 0; k < count; k++)
        for (size_t j = 0; j < k; j++) {
            const double *high = pool + k * ENTRY, *low = pool + j * ENTRY;
            ck_assert_double_gt(high[0], low[0] + 5e-4);
            ck_assert(!hop__shapes_alike(low + 1, high + 1));
        }
    for (size_t k = count; k < 5; k++)
        ck_assert_double_eq(pool[k * ENTRY + 1 + HOP__SHAPE_SIZE], 0.0);
}

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

static hop_trainer *trainer_of(const char *tasks) {
    const char *path = support_path("few.tasks");
    hop_trainer *t;
    support_write_file(path, tasks, strlen(tasks));
    ck_assert_int_eq(hop_trainer_new(context, "recall", path, NULL, &t), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "updates", 2), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "batch", 2), HOP_OK);
    ck_assert_int_eq(hop_trainer_set(t, "horizon", 400), HOP_OK);
    return t;
}

START_TEST(kept_unlike_each_other) {
    hop_trainer *t = trainer_of("Cu.gupta Cu22 1\n");
    for (int k = 0; k < 2; k++) {
        ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
        check_pool(t->keep + HOP__SHAPES * HOP__SHAPE_NUMBERS);
    }
    hop_trainer_free(t);
}
END_TEST

START_TEST(tasks_without_shapes) {
    static const char *const tasks[] = {"Cu.gupta Cu2 1\n",
                                        "Cu.gupta Cu13 1\nCu.gupta Cu81 2\n",
                                        "Si.sw Si8 1 cell=5.43\n"};
    static const char *const found[] = {"2", "81", "task of 8 in a periodic cell"};
    for (int k = 0; k < 3; k++) {
        hop_trainer *t = trainer_of(tasks[k]);
        ck_assert_int_eq(hop_trainer_step(t), HOP_ERROR_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(hop_error_message(context), found[k]));
        hop_trainer_free(t);
    }
    hop_trainer *t = trainer_of("Cu.gupta Cu5 1\nCu.gupta Cu2 validation\n"
                                "Si.sw Si8 validation cell=5.43\n");
    ck_assert_int_eq(hop_trainer_set(t, "validate", 1), HOP_OK);
    ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
    hop_trainer_free(t);
}
END_TEST

/* Numbers of a checkpoint that no training could have written. */
START_TEST(damaged_checkpoint) {
    enum { WEIGHTS, BEST, KEEP };
    static const struct {
        int part;
        size_t at;
        double value;
    } cases[] = {{WEIGHTS, HOP__SHAPE_SIZE, 1e9},
                 {WEIGHTS, HOP__SHAPE_VALUE, -1.0},
                 {BEST, HOP__SHAPE_SIZE, 2.5},
                 {KEEP, HOP__SHAPE_NUMBERS + HOP__SHAPE_SIZE, 81.0},
                 {KEEP, HOP__SHAPES * HOP__SHAPE_NUMBERS + 1 + HOP__SHAPE_SIZE, 1e9},
                 {KEEP, HOP__SHAPES * HOP__SHAPE_NUMBERS + 1 + HOP__SHAPE_SIZE, -3.0}};
    const char *path = support_path("damaged.checkpoint");
    for (size_t k = 0; k <= sizeof cases / sizeof *cases; k++) {
        hop_trainer *t = trainer_of("Cu.gupta Cu5 1\n"), *again;
        ck_assert_int_eq(hop_trainer_step(t), HOP_OK);
        double *const parts[] = {t->model->parameters + hop__model_offset(HOP__RECALL),
                                 t->best_weights, t->keep};
        if (k > 0)
            parts[cases[k - 1].part][cases[k - 1].at] = cases[k - 1].value;
        ck_assert_int_eq(hop_trainer_save(t, path), HOP_OK);
        ck_assert_int_eq(hop_trainer_load(context, path, &again),
                         k == 0 ? HOP_OK : HOP_ERROR_FORMAT);
        hop_trainer_free(again);
        hop_trainer_free(t);
    }
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
    tcase_add_test(tc, prints_rise);
    tcase_add_test(tc, values_end_somewhere);
    tcase_add_test(tc, impossible_libraries);
    tcase_add_test(tc, a_shape_is_found_again);
    tcase_add_test(tc, other_numbers_of_atoms);
    tcase_add_test(tc, any_number_of_atoms);
    tcase_add_test(tc, not_of_whole_clusters);
    tcase_add_test(tc, turned_frame);
    tcase_add_test(tc, saved_without_shapes);
    tcase_add_test(tc, saved_and_loaded);
    tcase_add_test(tc, resumed);
    tcase_add_test(tc, damaged_run);
    tcase_add_test(tc, bad_shapes);
    tcase_add_test(tc, gathered);
    tcase_add_test(tc, kept_unlike_each_other);
    tcase_add_test(tc, tasks_without_shapes);
    tcase_add_test(tc, damaged_checkpoint);
    suite_add_tcase(suite, tc);
    return support_main(suite);
}
