/* Saved runs.  The first byte says what the rest is: the bytes of a file; contents behind a
   header whose size and digest are right; or a run of any kind that is saved, changed here
   and there behind a right digest, and loaded.  What is unchanged goes on as if it had never
   stopped; what is changed is refused, or goes on within the optimizer's promises. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/vector_math.h"
#include "fuzz.h"
#include "io/model_file.h"

#define MOST 6

typedef struct set {
    const char *name;
    hop__item_type type;
} set;

static const set sets[] = {
    {"run/kind", HOP__ITEM_TEXT},    {"run/potential", HOP__ITEM_TEXT},
    {"run/options", HOP__ITEM_TEXT}, {"run/numbers", HOP__ITEM_INTEGER},
    {"run/seconds", HOP__ITEM_REAL}, {"run/atoms", HOP__ITEM_INTEGER},
    {"run/scales", HOP__ITEM_REAL},  {"run/state", HOP__ITEM_INTEGER}};
enum { STATE = 7, SETS = sizeof sets / sizeof *sets };

typedef struct setting {
    hop_context *context;
    hop_structure *start;
    hop_model *model; /* of the learned kind: knows a shape; NULL: none */
    const char *kind;
    uint32_t quenches, polish, cell;
} setting;

static hop_model *tetrahedron(hop_context *context) {
    static const double places[] = {0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 1};
    const int32_t numbers[4] = {47, 47, 47, 47};
    hop_model *model;
    hop_structure *s;
    FUZZ_CHECK(hop_model_new(context, &model) == HOP_OK);
    FUZZ_CHECK(hop_structure_new(context, 4, numbers, &s) == HOP_OK);
    memcpy(hop_structure_positions(s), places, sizeof places);
    FUZZ_CHECK(hop_model_add_shape(model, s, 8.0) == HOP_OK);
    hop_structure_free(s);
    return model;
}

static hop_structure *start(hop_context *context, fuzz_input *in) {
    int32_t numbers[MOST];
    hop_structure *s;
    const size_t n = 1 + fuzz_below(in, MOST);
    const uint32_t how = fuzz_byte(in);
    for (size_t i = 0; i < n; i++)
        numbers[i] = how & 1 && i % 2 ? 79 : 47;
    FUZZ_CHECK(hop_structure_new(context, n, numbers, &s) == HOP_OK);
    for (size_t k = 0; k < 3 * n; k++)
        hop_structure_positions(s)[k] = fuzz_coordinate(in) / 4.0;
    hop_structure_fixed(s)[0] = how >> 1 & 1;
    for (int a = 0; a < 3; a++) {
        hop_structure_cell(s)[4 * a] = 6.0 + a;
        hop_structure_periodic(s)[a] = how >> 2 & 1;
    }
    return s;
}

static hop_optimizer *make(const setting *given) {
    hop_optimizer *o;
    int status = hop_optimizer_new(given->context, given->kind, given->start, NULL, &o);
    fuzz_status(given->context, status);
    FUZZ_CHECK(o);
    if (given->model)
        FUZZ_CHECK(hop_optimizer_set_model(o, given->model) == HOP_OK);
    hop_optimizer_set(o, "quenches", given->quenches);
    hop_optimizer_set(o, "polish", given->polish);
    hop_optimizer_set(o, "cell", given->cell);
    hop_optimizer_set(o, "max_evaluations", 64);
    return o;
}

/* A rough bowl. */
static void evaluate(hop_structure *s) {
    const size_t n = hop_structure_count(s);
    double *f = hop_structure_forces(s), *x = hop_structure_positions(s), energy = 0.0;
    for (size_t k = 0; k < 3 * n; k++) {
        double place = fmod(x[k], 4.0);
        f[k] = -0.2 * x[k] - (fabs(place) < 2.0 ? place : 0.0);
        energy += 0.1 * x[k] * x[k] + (fabs(place) < 2.0 ? 0.5 * place * place : 2.0);
    }
    for (size_t k = 0; k < n; k++)
        hop_structure_energies(s)[k] = energy / (double)n;
    for (int c = 0; c < 6; c++)
        hop_structure_virial(s)[c] = c < 3 ? 0.01 * energy : 0.0;
    *hop_structure_energy(s) = energy;
}

/* One evaluation; false when the run is over. */
static bool advance(hop_context *context, hop_optimizer *o, hop_structure *s) {
    const int status = hop_optimizer_ask(o, s);
    fuzz_status(context, status);
    FUZZ_CHECK(status < HOP_OK ||
               hop__all_finite(hop_structure_positions(s), 3 * hop_structure_count(s)));
    if (status != HOP_OK)
        return false;
    evaluate(s);
    fuzz_status(context, hop_optimizer_tell(o, s));
    return true;
}

static hop_structure *copy(const hop_structure *s) {
    hop_structure *out;
    FUZZ_CHECK(hop_structure_copy(s, &out) == HOP_OK);
    return out;
}

static void look(hop_context *context, hop_optimizer *o, const hop_structure *like) {
    hop_progress p = {.size = sizeof p};
    hop_structure *best = copy(like);
    FUZZ_CHECK(hop_optimizer_progress(o, &p) == HOP_OK);
    FUZZ_CHECK(p.evaluations >= 0 && p.quenches >= 0);
    if (fuzz_status(context, hop_optimizer_best(o, best)))
        FUZZ_CHECK(isfinite(*hop_structure_energy(best)) &&
                   hop__all_finite(hop_structure_positions(best),
                                   3 * hop_structure_count(best)));
    hop_structure_free(best);
}

/* ---- files ---- */

static void change(hop__item *item, fuzz_input *in) {
    unsigned char *bytes = item->data;
    const size_t size = item->type == HOP__ITEM_TEXT ? 1 : 8;
    const uint32_t how = fuzz_byte(in);
    const size_t at = fuzz_byte(in) + 256u * fuzz_byte(in);
    if (item->count == 0)
        return;
    if (item->type == HOP__ITEM_REAL || how % 4 == 0) {
        double value = fuzz_number(in);
        memcpy(bytes + size * (at % item->count), &value, size);
    } else if (how % 4 == 1 && item->type == HOP__ITEM_INTEGER) {
        int64_t value = (int8_t)fuzz_byte(in);
        memcpy(bytes + size * (at % item->count), &value, size);
    } else if (how % 4 == 2) {
        item->count -= fuzz_byte(in) % item->count;
    } else {
        bytes[at % (size * item->count)] = fuzz_byte(in);
    }
}

/* The file again with some of its numbers changed; true when all are as before. */
static bool meddle(hop_context *context, const char *path, fuzz_input *in) {
    hop__item items[SETS];
    hop__item_file *file;
    const uint32_t changes = fuzz_below(in, 4), where = fuzz_byte(in);
    if (changes == 0)
        return true;
    FUZZ_CHECK(hop__items_open(context, path, "run", &file) == HOP_OK);
    for (size_t k = 0; k < SETS; k++) {
        items[k] = (hop__item){sets[k].name, sets[k].type, 0, NULL};
        FUZZ_CHECK(hop__items_count(file, sets[k].name, sets[k].type,
                                    &items[k].count) == HOP_OK);
        items[k].data = hop__allocate(context, items[k].count + 1, 8);
        FUZZ_CHECK(hop__items_read(file, &items[k]) == HOP_OK);
    }
    hop__items_close(file);
    for (uint32_t k = 0; k < changes; k++)
        change(&items[where < 192 ? STATE : where % SETS], in);
    FUZZ_CHECK(hop__items_save(context, path, "run", items, SETS) == HOP_OK);
    for (size_t k = 0; k < SETS; k++)
        hop__release(context, items[k].data);
    return false;
}

/* ---- runs ---- */

static void stay_together(hop_context *context, hop_optimizer *a, hop_optimizer *b,
                          hop_structure *s) {
    const size_t size = 3 * hop_structure_count(s) * sizeof(double);
    hop_structure *t = copy(s);
    for (int k = 0; k < 70; k++) {
        bool more = advance(context, a, s);
        FUZZ_CHECK(advance(context, b, t) == more);
        FUZZ_CHECK(
            memcmp(hop_structure_positions(s), hop_structure_positions(t), size) == 0);
        if (!more)
            break;
    }
    hop_structure_free(t);
}

static void save_and_load(hop_context *context, fuzz_input *in) {
    char path[64];
    hop_structure *s = start(context, in);
    setting given = {context, copy(s), NULL, fuzz_kind(in), 0, 0, 0};
    if (strcmp(given.kind, "learned") == 0)
        given.model = tetrahedron(context);
    given.quenches = fuzz_below(in, 4);
    given.polish = 4 * fuzz_below(in, 3);
    given.cell = hop_structure_periodic(s)[0] ? fuzz_below(in, 2) : 0;
    hop_optimizer *a = make(&given), *b = make(&given);
    const uint32_t evaluations = fuzz_below(in, 80);
    snprintf(path, sizeof path, "%s/hop-fuzz-%ld.run",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    bool more = true;
    for (uint32_t k = 0; more && k < evaluations; k++)
        more = advance(context, a, s);
    if (fuzz_byte(in) & 1)
        hop_optimizer_ask(a, s);
    if (fuzz_status(context, hop_optimizer_save(a, path))) {
        bool same = meddle(context, path, in);
        bool loaded = fuzz_status(context, hop_optimizer_load(b, path));
        FUZZ_CHECK(loaded || !same);
        if (same)
            stay_together(context, a, b, s);
        for (int k = 0; k < 70 && advance(context, b, s); k++)
            ;
        look(context, b, s);
    }
    unlink(path);
    hop_optimizer_free(a);
    hop_optimizer_free(b);
    hop_structure_free(given.start);
    hop_model_free(given.model);
    hop_structure_free(s);
}

static void load(hop_context *context, const char *path) {
    fuzz_input none = {NULL, 0};
    hop_structure *s = start(context, &none);
    hop_optimizer *o;
    FUZZ_CHECK(hop_optimizer_new(context, "lbfgs", s, NULL, &o) == HOP_OK);
    FUZZ_CHECK(!fuzz_status(context, hop_optimizer_load(o, path)));
    while (advance(context, o, s)) /* as new */
        ;
    hop_optimizer_free(o);
    hop_structure_free(s);
}

/* HDF5's own reader is not ours to test: contents are short, the header is right. */
static void head_and_load(hop_context *context, const uint8_t *data, size_t size) {
    char file[512 + 64];
    size = size < 64 ? size : 64;
    memset(file, '\n', 512);
    int length = snprintf(file, 512,
                          "hop-hdf5 1\nkind run\nsize %zu\nxxh64 %016llx\n"
                          "libhop 0.1.0\n",
                          size, (unsigned long long)hop__digest(data, size));
    file[length] = '\n';
    if (size > 0)
        memcpy(file + 512, data, size);
    load(context, fuzz_file(file, size + 512));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input in = {data, size};
    hop_context *context = fuzz_context();
    switch (fuzz_below(&in, 8)) {
    case 0: load(context, fuzz_file(in.data, in.size)); break;
    case 1: head_and_load(context, in.data, in.size); break;
    default: save_and_load(context, &in);
    }
    fuzz_end(context);
    return 0;
}
