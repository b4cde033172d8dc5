/* What users get wrong: each gives a status and a text that says where, what was expected
   and what was found; no object comes of it and nothing leaks. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/support.h"

static support_allocator state;
static hop_context *context;

static void setup(void) {
    memset(&state, 0, sizeof state);
    hop_allocator allocator = support_allocator_for(&state);
    ck_assert_int_eq(hop_context_new(&allocator, &context), HOP_OK);
}

static void teardown(void) {
    hop_context_free(context);
    ck_assert_uint_eq(state.live, 0);
    ck_assert_uint_eq(state.damaged, 0);
}

/* Every word of `words`, which are separated by '|', stands in the message. */
static void assert_says(const char *words) {
    const char *message = hop_error_message(context);
    char word[128];
    while (*words) {
        size_t length = strcspn(words, "|");
        snprintf(word, sizeof word, "%.*s", (int)length, words);
        ck_assert_msg(strstr(message, word) != NULL, "no '%s' in '%s'", word, message);
        words += length + (words[length] == '|');
    }
}

static void refused(int status, int expected, const char *words) {
    ck_assert_msg(status == expected, "%s instead of %s: %s", hop_status_name(status),
                  hop_status_name(expected), hop_error_message(context));
    assert_says(words);
}

/* ---- files ---- */

#define METAL "# UNITS: metal CITATION: none\n"
#define XYZ "2\nProperties=species:S:1:pos:R:3 "

static const struct {
    const char *name, *text; /* NULL: there is no such file */
    int status;
    const char *says;
} files[] = {
    {"missing.xyz", NULL, HOP_ERROR_IO, "missing.xyz|No such file"},
    {"empty.xyz", "", HOP_ERROR_FORMAT, "empty.xyz:1|expected|empty"},
    {"count.xyz", "two\n\nAg 0 0 0\n", HOP_ERROR_FORMAT,
     "count.xyz:1|number of atoms|'two'"},
    {"many.xyz", "9999999\n\nAg 0 0 0\n", HOP_ERROR_FORMAT, "many.xyz:1|9999999"},
    {"short.xyz", "3\n\nAg 0 0 0\nAg 1 0 0\n", HOP_ERROR_FORMAT,
     "short.xyz:|expected 3|after 2"},
    {"letter.xyz", "1\n\nAg 0 zero 0\n", HOP_ERROR_FORMAT,
     "letter.xyz:3|coordinate|'zero'"},
    {"nan.xyz", "1\n\nAg nan 0 0\n", HOP_ERROR_FORMAT, "nan.xyz:3|coordinate|'nan'"},
    {"row.xyz", "1\n\nAg 0 0\n", HOP_ERROR_FORMAT, "row.xyz:3|value in each column"},
    {"long.xyz", XYZ "\nAg 0 0 0\nAg 1 2 3 4\n", HOP_ERROR_FORMAT,
     "long.xyz:4|end of the row|'4'"},
    {"element.xyz", "1\n\nQq 0 0 0\n", HOP_ERROR_FORMAT, "element.xyz:3|element|'Qq'"},
    {"cell.xyz", "1\nLattice=\"1 2 3\"\nAg 0 0 0\n", HOP_ERROR_FORMAT,
     "cell.xyz:2|9 numbers|'1 2 3'"},
    {"pbc.xyz", XYZ "pbc=\"T F\"\nAg 0 0 0\nAg 2 0 0\n", HOP_ERROR_FORMAT,
     "pbc.xyz:2|pbc|'T F'"},
    {"open.xyz", XYZ "pbc=\"T F F\nAg 0 0 0\nAg 2 0 0\n", HOP_ERROR_FORMAT,
     "open.xyz:2|closing"},
    {"columns.xyz", "1\nProperties=species:S:1\nAg\n", HOP_ERROR_FORMAT,
     "columns.xyz:2|pos"},
    {"two.xyz", "1\nProperties=species:S:1:pos:R:3:Z:I:1\nAg 0 0 0 79\n",
     HOP_ERROR_FORMAT, "two.xyz:3|same element|'79'"},

    {"missing.gupta", NULL, HOP_ERROR_IO, "missing.gupta|No such file"},
    {"empty.gupta", "", HOP_ERROR_FORMAT, "empty.gupta:1|UNITS: metal|none"},
    {"units.gupta", "# UNITS: real\nAg Ag 1 2 3 4 5\n", HOP_ERROR_FORMAT,
     "units.gupta:1|UNITS: metal|'real'"},
    {"lj.gupta", "# UNITS: lj\nAg Ag 1 2 3 4 5\n", HOP_ERROR_FORMAT,
     "lj.gupta:1|UNITS: metal|'lj'"},
    {"bare.gupta", "Ag Ag 1 2 3 4 5\n", HOP_ERROR_FORMAT,
     "bare.gupta:1|UNITS: metal|none"},
    {"none.gupta", METAL, HOP_ERROR_FORMAT, "none.gupta|at least one pair|none"},
    {"element.gupta", METAL "Ag Qq 1 2 3 4 5\n", HOP_ERROR_FORMAT,
     "element.gupta:2|element|'Qq'"},
    {"few.gupta", METAL "Ag Ag 1 2 3 4\n", HOP_ERROR_FORMAT,
     "few.gupta:2|5 or 7|got 4"},
    {"word.gupta", METAL "Ag Ag 1 2 x 4 5\n", HOP_ERROR_FORMAT,
     "word.gupta:2|a number|'x'"},
    {"minus.gupta", METAL "Ag Ag 1 2 3 -4 5\n", HOP_ERROR_FORMAT,
     "minus.gupta:2|positive|'-4'"},
    {"order.gupta", METAL "Ag Ag 1 2 3 4 5 7 6\n", HOP_ERROR_FORMAT,
     "order.gupta:2|rc_start below rc_end"},
    {"twice.gupta", METAL "Ag Ag 1 2 3 4 5\n\nAg Ag 1 2 3 4 5\n", HOP_ERROR_FORMAT,
     "twice.gupta:4|once"},

    {"missing.lj", NULL, HOP_ERROR_IO, "missing.lj|No such file"},
    {"bare.lj", "Ar Ar 1 2\n", HOP_ERROR_FORMAT,
     "bare.lj:1|UNITS: metal|UNITS: lj|none"},
    {"units.lj", "# UNITS: si\nAr Ar 1 2\n", HOP_ERROR_FORMAT,
     "units.lj:1|metal or lj|'si'"},
    {"sigma.lj", METAL "Ar Ar 1\n", HOP_ERROR_FORMAT, "sigma.lj:2|sigma|''"},
    {"negative.lj", METAL "Ar Ar -1 3\n", HOP_ERROR_FORMAT,
     "negative.lj:2|epsilon|'-1'"},
    {"tail.lj", METAL "Ar Ar 1 3 8 cut\n", HOP_ERROR_FORMAT,
     "tail.lj:2|truncate, shift or smooth|'cut'"},
    {"none.lj", METAL "# nothing\n", HOP_ERROR_FORMAT,
     "none.lj|at least one pair|none"},

    {"missing.sw", NULL, HOP_ERROR_IO, "missing.sw|No such file"},
    {"units.sw", "# UNITS: real\nSi Si Si 1 1 1 1 1 1 1 1 1 1 1\n", HOP_ERROR_FORMAT,
     "units.sw:1|metal|'real'"},
    {"few.sw", METAL "Si Si Si 2.1 2.0 1.8\n", HOP_ERROR_FORMAT, "few.sw:2|expected"},
    {"element.sw", METAL "Si Qq Si 1 1 1 1 1 1 1 1 1 1 1\n", HOP_ERROR_FORMAT,
     "element.sw:2|element|'Qq'"},
    {"word.sw", METAL "Si Si Si 1 1 x 1 1 1 1 1 1 1 1\n", HOP_ERROR_FORMAT,
     "word.sw:2|'x'"},
    {"none.sw", METAL, HOP_ERROR_FORMAT, "none.sw|expected|none"},
    {"kind.txt", METAL "Ag Ag 1 2 3 4 5\n", HOP_ERROR_UNSUPPORTED,
     "kind.txt|.gupta, .sw or .lj"},

    {"missing.tasks", NULL, HOP_ERROR_IO, "missing.tasks|No such file"},
    {"empty.tasks", "# nothing\n", HOP_ERROR_FORMAT,
     "empty.tasks|at least one task|none"},
    {"formula.tasks", "\nAg.gupta\n", HOP_ERROR_FORMAT, "formula.tasks:2|a formula|''"},
    {"element.tasks", "\nAg.gupta Qq7\n", HOP_ERROR_ARGUMENT,
     "element.tasks:2|'Qq7'|element"},
    {"pair.tasks", "Ag.gupta Au7\n", HOP_ERROR_ARGUMENT,
     "pair.tasks:1|Ag.gupta|Au-Au|none"},
    {"file.tasks", "no.gupta Ag7\n", HOP_ERROR_IO,
     "file.tasks:1|no.gupta|No such file"},
    {"weight.tasks", "Ag.gupta Ag7 -1\n", HOP_ERROR_FORMAT,
     "weight.tasks:1|positive weight|'-1'"},
    {"more.tasks", "Ag.gupta Ag7 1 2\n", HOP_ERROR_FORMAT, "more.tasks:1|'2'"},
    {"huge.tasks", "Ag.gupta Ag7\nLJ.lj X1000000\n", HOP_ERROR_RANGE,
     "huge.tasks:2|at most 10000|1000000"},

    {"missing.h5", NULL, HOP_ERROR_IO, "missing.h5|No such file"},
    {"empty.h5", "", HOP_ERROR_FORMAT, "empty.h5:1|expected|got"},
    {"other.h5", "\211HDF\r\n\032\n", HOP_ERROR_FORMAT, "other.h5:1|expected|got"},
    {"head.h5", "hop-hdf5 1\nkind model\n", HOP_ERROR_CORRUPT, "head.h5|512|22"},
};
#define FILES ((int)(sizeof files / sizeof *files))

static bool ends(const char *name, const char *ending) {
    return strcmp(name + strlen(name) - strlen(ending), ending) == 0;
}

static int load(const char *name, const char *path) {
    hop_structure *s = NULL;
    hop_potential *potential = NULL;
    hop_trainer *trainer = NULL;
    hop_model *model = NULL;
    int status = ends(name, ".xyz") ? hop_structure_read(context, path, 0, &s)
                 : ends(name, ".tasks")
                     ? hop_trainer_new(context, "tbptt", path, NULL, &trainer)
                 : ends(name, ".h5") ? hop_model_load(context, path, &model)
                                     : hop_potential_load(context, path, &potential);
    ck_assert(!s && !potential && !trainer && !model);
    return status;
}

START_TEST(bad_files) {
    const char *path = support_path(files[_i].name);
    if (files[_i].text)
        support_write_file(path, files[_i].text, strlen(files[_i].text));
    refused(load(files[_i].name, path), files[_i].status, files[_i].says);
    if (ends(path, ".h5")) {
        hop_trainer *trainer;
        refused(hop_trainer_load(context, path, &trainer), files[_i].status,
                files[_i].says);
        ck_assert_ptr_null(trainer);
    }
}
END_TEST

/* What a checkpoint could not keep would be another training after resuming. */
START_TEST(tasks_with_a_nul) {
    static const char text[] = "Ag.gupta Ag5 # \0\nAg.gupta Ag6\n";
    const char *path = support_path("nul.tasks");
    hop_trainer *trainer;
    support_write_file(path, text, sizeof text - 1);
    refused(hop_trainer_new(context, "tbptt", path, NULL, &trainer), HOP_ERROR_FORMAT,
            "nul.tasks|NUL at byte 15");
    ck_assert_ptr_null(trainer);
}
END_TEST

START_TEST(models_as_checkpoints) {
    const char *path = support_path("kind.h5");
    hop_model *model;
    hop_trainer *trainer;
    ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);
    ck_assert_int_eq(hop_model_save(model, path), HOP_OK);
    refused(hop_trainer_load(context, path, &trainer), HOP_ERROR_FORMAT,
            "kind.h5:2|'checkpoint'|'model'");
    hop_model_free(model);
}
END_TEST

/* ---- structures in potentials ---- */

static hop_structure *pair_of(int32_t first, int32_t second, double distance) {
    const int32_t numbers[2] = {first, second};
    hop_structure *s;
    ck_assert_int_eq(hop_structure_new(context, 2, numbers, &s), HOP_OK);
    hop_structure_positions(s)[3] = distance;
    return s;
}

static void set_cell(hop_structure *s, double a, double b, double c) {
    const double rows[3] = {a, b, c};
    for (int k = 0; k < 3; k++) {
        hop_structure_cell(s)[4 * k] = rows[k];
        hop_structure_periodic(s)[k] = 1;
    }
}

static void cannot_evaluate(const char *name, hop_structure *s, int status,
                            const char *says) {
    hop_potential *potential;
    double v[6] = {1.0}, hv[6];
    ck_assert_int_eq(hop_potential_builtin(context, name, &potential), HOP_OK);
    refused(hop_potential_evaluate(potential, s), status, says);
    ck_assert(isnan(*hop_structure_energy(s)));
    refused(hop_potential_hessian_vector(potential, s, v, hv), status, says);
    hop_potential_free(potential);
    hop_structure_free(s);
}

START_TEST(bad_structures) {
    cannot_evaluate("Ag.gupta", pair_of(47, 79, 2.8), HOP_ERROR_ARGUMENT,
                    "Ag.gupta|Au|none");
    cannot_evaluate("Si.sw", pair_of(14, 32, 2.8), HOP_ERROR_ARGUMENT, "Si.sw|Ge|none");
    cannot_evaluate("Ar.lj", pair_of(18, 36, 2.8), HOP_ERROR_ARGUMENT, "Ar.lj|Kr|none");
    cannot_evaluate("Ag.gupta", pair_of(47, 47, NAN), HOP_ERROR_NONFINITE,
                    "atom 1|finite|x = nan");
    cannot_evaluate("Ag.gupta", pair_of(47, 47, -INFINITY), HOP_ERROR_NONFINITE,
                    "atom 1|finite|x = -inf");
    cannot_evaluate("LJ.lj", pair_of(0, 0, 0.0), HOP_ERROR_NONFINITE,
                    "not finite|atoms 0 and 1|0 apart");
    cannot_evaluate("Si.sw", pair_of(14, 14, 0.0), HOP_ERROR_NONFINITE,
                    "atoms 0 and 1|0 apart");
    hop_structure *s = pair_of(47, 47, 2.8);
    set_cell(s, 8.0, 8.0, 0.0);
    cannot_evaluate("AgAu-cutoff.gupta", s, HOP_ERROR_ARGUMENT,
                    "cell|independent|volume 0");
    s = pair_of(47, 47, 2.8);
    set_cell(s, 8.0, 8.0, NAN);
    cannot_evaluate("AgAu-cutoff.gupta", s, HOP_ERROR_ARGUMENT, "cell|finite");
    s = pair_of(47, 47, 2.8);
    set_cell(s, 8.0, 8.0, 8.0);
    cannot_evaluate("AgAu.gupta", s, HOP_ERROR_ARGUMENT,
                    "AgAu.gupta|no cut-off|not periodic");
}
END_TEST

/* ---- names and options ---- */

START_TEST(bad_names) {
    hop_structure *s = pair_of(47, 47, 2.8), *none;
    hop_potential *potential;
    hop_optimizer *o;
    double value;
    refused(hop_potential_builtin(context, "Ag", &potential), HOP_ERROR_ARGUMENT,
            "'Ag'|Ag.gupta");
    refused(hop_structure_random(context, "Ag3Zz", NULL, 1, &none), HOP_ERROR_ARGUMENT,
            "Ag3Zz|element|position 3|'Zz'");
    refused(hop_structure_random(context, "Ag0", NULL, 1, &none), HOP_ERROR_ARGUMENT,
            "Ag0|1 to");
    refused(hop_structure_random(context, "", NULL, 1, &none), HOP_ERROR_ARGUMENT,
            "Ag19Au19|''");
    refused(hop_optimizer_new(context, "simplex", s, NULL, &o), HOP_ERROR_ARGUMENT,
            "'simplex'|lbfgs|learned");
    ck_assert_int_eq(hop_optimizer_new(context, "fire", s, NULL, &o), HOP_OK);
    refused(hop_optimizer_set(o, "memory", 1), HOP_ERROR_ARGUMENT,
            "fire|'memory'|fmax");
    refused(hop_optimizer_get(o, "", &value), HOP_ERROR_ARGUMENT, "fire|''|fmax");
    refused(hop_optimizer_set(o, "fmax", -1), HOP_ERROR_ARGUMENT, "fmax|from|got -1");
    refused(hop_optimizer_set(o, "fmax", NAN), HOP_ERROR_ARGUMENT, "fmax|got nan");
    refused(hop_optimizer_set(o, "seed", 1.5), HOP_ERROR_ARGUMENT, "whole|got 1.5");
    refused(hop_context_set_threads(context, 0), HOP_ERROR_ARGUMENT, "1 to 1024|got 0");
    hop_optimizer_free(o);
    hop_structure_free(s);
}
END_TEST

START_TEST(bad_trainer_options) {
    const char *path = support_path("good.tasks"), *text = "Ag.gupta Ag5\n";
    hop_trainer *t;
    hop_training_progress p = {.size = 8};
    support_write_file(path, text, strlen(text));
    ck_assert_int_eq(hop_trainer_new(context, "tbptt", path, NULL, &t), HOP_OK);
    refused(hop_trainer_set(t, "speed", 1), HOP_ERROR_ARGUMENT,
            "tbptt|'speed'|updates");
    refused(hop_trainer_set(t, "batch", 0), HOP_ERROR_ARGUMENT, "batch|from 1|got 0");
    refused(hop_trainer_set(t, "rate", 0), HOP_ERROR_ARGUMENT, "rate|got 0");
    refused(hop_trainer_set(t, "rate_end", 0), HOP_ERROR_ARGUMENT, "rate_end|got 0");
    refused(hop_trainer_progress(t, &p), HOP_ERROR_ARGUMENT, "size|got 8");
    hop_trainer_free(t);
}
END_TEST

/* ---- providers ---- */

typedef struct answer {
    int code;
    double energy, force;
} answer;

static int give(void *user, hop_structure *s) {
    const answer *a = user;
    *hop_structure_energy(s) = a->energy;
    for (size_t k = 0; k < 3 * hop_structure_count(s); k++)
        hop_structure_forces(s)[k] = a->force;
    return a->code;
}

START_TEST(bad_providers) {
    static const struct {
        answer answer;
        int status;
        const char *says;
    } cases[] = {{{-7, 1.0, 0.0}, HOP_ERROR_PROVIDER, "provider|code -7"},
                 {{3, 1.0, 0.0}, HOP_ERROR_NONFINITE, "provider|code 3"},
                 {{0, NAN, 0.0}, HOP_ERROR_NONFINITE, "provider|nan|not finite"},
                 {{0, 1.0, INFINITY}, HOP_ERROR_NONFINITE, "provider|not finite"}};
    hop_structure *s = pair_of(47, 47, 2.8);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        answer a = cases[k].answer;
        const hop_provider provider = {
            .size = sizeof provider, .evaluate = give, .user = &a};
        hop_potential *potential;
        hop_optimizer *o;
        double v[6] = {1.0}, hv[6];
        ck_assert_int_eq(hop_potential_external(context, &provider, &potential),
                         HOP_OK);
        refused(hop_potential_evaluate(potential, s), cases[k].status, cases[k].says);
        ck_assert(isnan(*hop_structure_energy(s)));
        refused(hop_potential_hessian_vector(potential, s, v, hv), cases[k].status,
                cases[k].says);
        ck_assert_int_eq(hop_optimizer_new(context, "lbfgs", s, potential, &o), HOP_OK);
        ck_assert_int_eq(hop_optimizer_run(o, s, NULL, NULL), cases[k].status);
        assert_says(cases[k].says); /* the provider's own reason, here too */
        if (cases[k].status == HOP_ERROR_NONFINITE)
            assert_says("the start cannot be evaluated");
        hop_optimizer_free(o);
        hop_potential_free(potential);
    }
    hop_structure_free(s);
}
END_TEST

/* ---- NULL ---- */

#define REFUSES_NULL(call, says)                                                       \
    do {                                                                               \
        hop__fail(context, 0, "%s", "");                                               \
        ck_assert_msg((call) == HOP_ERROR_ARGUMENT, "%s", #call);                      \
        assert_says(says "| is NULL");                                                 \
    } while (0)

START_TEST(null_for_a_result_or_a_text) {
    const int32_t numbers[1] = {47};
    const hop_provider provider = {.size = sizeof provider, .evaluate = give};
    hop_structure *s = pair_of(47, 47, 2.8), *made;
    hop_potential *potential, *another;
    hop_optimizer *o, *other;
    hop_model *model, *loaded;
    hop_structure_arrays arrays = {.size = sizeof arrays};
    double number = 0.0, *none = NULL;
    const hop_structure *one = s;
    ck_assert_int_eq(hop_potential_builtin(context, "Ag.gupta", &potential), HOP_OK);
    ck_assert_int_eq(hop_optimizer_new(context, "learned", s, NULL, &o), HOP_OK);
    ck_assert_int_eq(hop_model_new(context, &model), HOP_OK);

    REFUSES_NULL(hop_structure_new(context, 1, numbers, NULL),
                 "hop_structure_new: out");
    REFUSES_NULL(hop_structure_new(context, 1, NULL, &made), "numbers");
    REFUSES_NULL(hop_structure_wrap(context, &arrays, NULL), "hop_structure_wrap");
    REFUSES_NULL(hop_structure_wrap(context, NULL, &made),
                 "hop_structure_wrap: arrays");
    REFUSES_NULL(hop_structure_copy(s, NULL), "hop_structure_copy: out");
    REFUSES_NULL(hop_structure_random(context, NULL, NULL, 1, &made), "formula");
    REFUSES_NULL(hop_structure_random(context, "Ag", NULL, 1, NULL), "out");
    REFUSES_NULL(hop_structure_stress(s, NULL), "hop_structure_stress: stress");
    REFUSES_NULL(hop_structure_read(context, NULL, 0, &made),
                 "hop_structure_read: path");
    REFUSES_NULL(hop_structure_read(context, "x", 0, NULL), "out");
    REFUSES_NULL(hop_structure_write(&one, 1, NULL), "hop_structure_write: path");
    REFUSES_NULL(hop_structure_format(s, NULL, 0, NULL),
                 "hop_structure_format: length");
    REFUSES_NULL(hop_potential_load(context, NULL, &another),
                 "hop_potential_load: path");
    REFUSES_NULL(hop_potential_load(context, "x.lj", NULL), "out");
    REFUSES_NULL(hop_potential_builtin(context, NULL, &another), "name");
    REFUSES_NULL(hop_potential_external(context, NULL, &another), "provider");
    REFUSES_NULL(hop_potential_external(context, &provider, NULL), "out");
    REFUSES_NULL(hop_potential_evaluate(potential, NULL), "structure");
    REFUSES_NULL(hop_potential_hessian_vector(potential, s, NULL, &number), "v");
    REFUSES_NULL(hop_potential_scales(potential, 47, NULL), "scales");
    REFUSES_NULL(hop_model_new(context, NULL), "hop_model_new: out");
    REFUSES_NULL(hop_model_load(context, NULL, &loaded), "hop_model_load: path");
    REFUSES_NULL(hop_model_save(model, NULL), "hop_model_save: path");
    REFUSES_NULL(hop_model_set_note(model, NULL), "hop_model_set_note: note");
    REFUSES_NULL(hop_optimizer_new(context, NULL, s, NULL, &other), "kind");
    REFUSES_NULL(hop_optimizer_new(context, "fire", NULL, NULL, &other), "start");
    REFUSES_NULL(hop_optimizer_new(context, "fire", s, NULL, NULL), "out");
    REFUSES_NULL(hop_optimizer_set(o, NULL, 1.0), "hop_optimizer_set: name");
    REFUSES_NULL(hop_optimizer_get(o, "fmax", none), "value");
    REFUSES_NULL(hop_optimizer_set_model(o, NULL), "hop_optimizer_set_model: model");
    REFUSES_NULL(hop_optimizer_ask(o, NULL), "hop_optimizer_ask: structure");
    REFUSES_NULL(hop_optimizer_tell(o, NULL), "hop_optimizer_tell: structure");
    REFUSES_NULL(hop_optimizer_best(o, NULL), "hop_optimizer_best: structure");
    REFUSES_NULL(hop_optimizer_run(o, NULL, NULL, NULL),
                 "hop_optimizer_run: structure");
    REFUSES_NULL(hop_optimizer_progress(o, NULL), "hop_optimizer_progress: out");

    hop_model_free(model);
    hop_optimizer_free(o);
    hop_potential_free(potential);
    hop_structure_free(s);
}
END_TEST

START_TEST(null_for_a_trainer) {
    const char *path = support_path("null.tasks"), *text = "Ag.gupta Ag5\n";
    hop_trainer *t, *none;
    double value;
    support_write_file(path, text, strlen(text));
    ck_assert_int_eq(hop_trainer_new(context, "tbptt", path, NULL, &t), HOP_OK);
    REFUSES_NULL(hop_trainer_new(context, "tbptt", NULL, NULL, &none),
                 "hop_trainer_new: method, tasks_path");
    REFUSES_NULL(hop_trainer_load(context, NULL, &none), "hop_trainer_load: path");
    REFUSES_NULL(hop_trainer_save(t, NULL), "hop_trainer_save: path");
    REFUSES_NULL(hop_trainer_set(t, NULL, 1.0), "hop_trainer_set: name");
    REFUSES_NULL(hop_trainer_get(t, NULL, &value), "hop_trainer_get: name");
    REFUSES_NULL(hop_trainer_get(t, "rate", NULL), "value");
    REFUSES_NULL(hop_trainer_progress(t, NULL), "hop_trainer_progress: out");
    REFUSES_NULL(hop_trainer_model(t, NULL), "hop_trainer_model: out");
    hop_trainer_free(t);
}
END_TEST

/* No context at hand: a status, and nothing happens. */
START_TEST(null_for_a_handle) {
    hop_structure *s = pair_of(47, 47, 2.8), *none;
    hop_progress p = {.size = sizeof p};
    double value;
    ck_assert_int_eq(hop_potential_evaluate(NULL, s), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_optimizer_ask(NULL, s), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_optimizer_tell(NULL, s), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_optimizer_set(NULL, "fmax", 1.0), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_optimizer_get(NULL, "fmax", &value), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_optimizer_progress(NULL, &p), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_trainer_step(NULL), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_trainer_save(NULL, "x"), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_model_save(NULL, "x"), HOP_ERROR_ARGUMENT);
    ck_assert_int_eq(hop_structure_read(NULL, "x", 0, &none), HOP_ERROR_ARGUMENT);
    ck_assert_ptr_null(none);
    hop_structure_free(s);
    ck_assert_str_eq(hop_error_message(NULL), "");
    hop_structure_free(NULL);
    hop_potential_free(NULL);
    hop_optimizer_free(NULL);
    hop_trainer_free(NULL);
    hop_model_free(NULL);
    hop_context_free(NULL);
    hop_cancel(NULL);
    hop_cancel_clear(NULL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bad_input");
    TCase *tests = tcase_create("bad_input");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, bad_files, 0, FILES);
    tcase_add_test(tests, tasks_with_a_nul);
    tcase_add_test(tests, models_as_checkpoints);
    tcase_add_test(tests, bad_structures);
    tcase_add_test(tests, bad_names);
    tcase_add_test(tests, bad_trainer_options);
    tcase_add_test(tests, bad_providers);
    tcase_add_test(tests, null_for_a_result_or_a_text);
    tcase_add_test(tests, null_for_a_trainer);
    tcase_add_test(tests, null_for_a_handle);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
