/* A run on disk: what it was made from, its options, and the state of all its parts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/model_file.h"
#include "learning/model.h"
#include "optimizers/optimizer.h"

#define FORMAT 4 /* counts up when any part of the state changes */

/* ---- the state as bytes ---- */

typedef void (*record_function)(void *state, hop__record *record);

static record_function record_of(const hop__descent_kind *kind) {
    const struct {
        const hop__descent_kind *kind;
        record_function record;
    } known[] = {{&hop__gradient_descent_kind, hop__first_order_record},
                 {&hop__adam_kind, hop__first_order_record},
                 {&hop__fire_kind, hop__fire_record},
                 {&hop__fire2_kind, hop__fire_record},
                 {&hop__smooth_fire_kind, hop__fire_record},
                 {&hop__conjugate_gradient_kind, hop__conjugate_gradient_record},
                 {&hop__lbfgs_kind, hop__lbfgs_record},
                 {&hop__learned_kind, hop__learned_record},
                 {&hop__learned_continuous_kind, hop__learned_continuous_record}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (known[k].kind == kind)
            return known[k].record;
    return NULL;
}

/* Points are in the optimizer's block. */
static void record_quench(hop__quench *q, hop__record *record) {
    hop__record_flag(record, &q->have_good);
    HOP__RECORD_COUNT(record, q->steps);
    HOP__RECORD_COUNT(record, q->idle);
    HOP__RECORD(record, q->lowest);
    HOP__RECORD(record, q->softest);
    HOP__RECORD(record, q->energy);
    if (q->state)
        record_of(q->kind)(q->state, record);
}

/* Positions from which the run goes on. */
static bool quench_possible(const hop__quench *q, size_t rows, bool asking) {
    return (!asking || hop__record_all_finite(q->x, 3 * rows)) &&
           (!q->have_good || hop__record_all_finite(q->good, 3 * rows));
}

static bool possible(const hop_optimizer *o) {
    const bool ended = o->outcome != HOP_OK;
    const bool best = isfinite(o->best.energy);
    if (ended && o->outcome != HOP_CONVERGED && o->outcome != HOP_STALLED &&
        o->outcome != HOP_MAX_STEPS && o->outcome != HOP_ERROR_NONFINITE)
        return false;
    if (!best && (o->best.energy != INFINITY || o->polishing))
        return false;
    return quench_possible(&o->search, o->rows, !ended) &&
           quench_possible(&o->polish, o->rows, o->polishing && !o->polished) &&
           (!best || (hop__record_all_finite(o->best.x, 3 * o->rows) &&
                      hop__record_all_finite(o->best.forces, 3 * o->start->count)));
}

static void record_run(hop_optimizer *o, hop__record *record) {
    double *const points[] = {o->search.x, o->search.good, o->polish.x, o->polish.good,
                              o->best.x};
    for (size_t k = 0; k < sizeof points / sizeof *points; k++)
        hop__record_part(record, points[k], 3 * o->rows * sizeof(double));
    hop__record_part(record, o->best.forces, 3 * o->start->count * sizeof(double));
    record_quench(&o->search, record);
    record_quench(&o->polish, record);
    hop__record_flag(record, &o->polishing);
    hop__record_flag(record, &o->polished);
    HOP__RECORD_COUNT(record, o->polish_evaluations);
    HOP__RECORD(record, o->energy);
    HOP__RECORD(record, o->told);
    HOP__RECORD(record, o->fmax);
    HOP__RECORD(record, o->smax);
    HOP__RECORD(record, o->virial);
    hop__record_finite(record, o->strains, sizeof o->strains / sizeof *o->strains);
    HOP__RECORD(record, o->best.energy);
    HOP__RECORD(record, o->best.told);
    HOP__RECORD(record, o->best.virial);
    HOP__RECORD(record, o->lowest);
    HOP__RECORD(record, o->leftover);
    HOP__RECORD_COUNT(record, o->refusals);
    HOP__RECORD(record, o->outcome);
    HOP__RECORD_COUNT(record, o->evaluations);
    HOP__RECORD_COUNT(record, o->quenches);
    if (o->hops)
        hop__hops_record(o->hops, record);
    if (o->watch)
        hop__watch_record(o->watch, record);
    hop__record_expect(record, possible(o));
}

/* ---- options as text ---- */

/* One "name=value" a line, in 17 digits: exact.  Returns the length it has, or needs. */
static size_t write_options(const hop_optimizer *o, char *text, size_t room) {
    size_t at = 0;
    for (size_t k = 0; k < o->table->count; k++) {
        const char *name = o->table->rows[k].name;
        double value = 0.0;
        hop__options_get(o->context, o->table, &o->settings, name, &value);
        char number[HOP__NUMBER_SIZE];
        at += (size_t)snprintf(text ? text + at : NULL, text ? room - at : 0, "%s=%s\n",
                               name, hop__format_double(value, 17, number));
    }
    return at;
}

static int read_options(hop_optimizer *o, const char *path, char *text) {
    hop__settings settings = o->settings; /* not all are options of the kind */
    hop__options_reset(o->table, &settings);
    size_t count = 0;
    for (char *line = text, *end; *line; line = end + 1) {
        char *equals = strchr(line, '=');
        end = strchr(line, '\n');
        if (!end || !equals || equals > end)
            return hop__fail(o->context, HOP_ERROR_FORMAT,
                             "%.300s: options: expected lines of name=value", path);
        *equals = *end = '\0';
        double value = NAN; /* which no option takes */
        hop__span_double((hop__span){equals + 1, (size_t)(end - equals - 1)}, &value);
        int status = hop__options_set(o->context, o->table, &settings, line, value);
        if (status != HOP_OK)
            return hop__fail(o->context, HOP_ERROR_VERSION,
                             "%.300s: this libhop does not take option %.60s = %g",
                             path, line, value);
        count++;
    }
    if (count != o->table->count)
        return hop__fail(o->context, HOP_ERROR_VERSION,
                         "%.300s: expected %zu options, got %zu", path, o->table->count,
                         count);
    o->settings = settings;
    return HOP_OK;
}

/* ---- what it was made from ---- */

enum { COUNT, MODEL, NUMBERS }; /* then for each atom: number, fixed; periodicity */
enum { SCALES = 3 + 9 };        /* units, cell; then lengths and scales of the atoms */

typedef struct origin {
    int64_t *integers;
    double *reals;
    size_t integer_count, real_count;
} origin;

static int origin_of(const hop_optimizer *o, origin *out) {
    const size_t n = o->start->count;
    out->integer_count = NUMBERS + 2 * n + 3;
    out->real_count = SCALES + 2 * n;
    out->integers = hop__allocate(o->context, out->integer_count, sizeof(int64_t));
    out->reals = hop__allocate(o->context, out->real_count, sizeof(double));
    if (!out->integers || !out->reals)
        return HOP_ERROR_MEMORY;
    const hop_model *m = o->model;
    int64_t *at = out->integers;
    *at++ = (int64_t)n;
    *at++ = m ? (int64_t)hop__digest(m->parameters,
                                     m->parameter_count * sizeof *m->parameters)
              : 0;
    for (size_t i = 0; i < n; i++)
        *at++ = o->start->numbers[i];
    for (size_t i = 0; i < n; i++)
        *at++ = o->start->fixed[i];
    for (int c = 0; c < 3; c++)
        *at++ = o->start->periodic[c];
    out->reals[0] = o->units.length;
    out->reals[1] = o->units.energy;
    out->reals[2] = o->units.stiffness;
    memcpy(out->reals + 3, o->start->cell, 9 * sizeof(double));
    memcpy(out->reals + SCALES, o->lengths, n * sizeof(double));
    memcpy(out->reals + SCALES + n, o->scales, n * sizeof(double));
    return HOP_OK;
}

static void origin_free(const hop_optimizer *o, origin *it) {
    hop__release(o->context, it->integers);
    hop__release(o->context, it->reals);
}

static const char *difference(const origin *a, const origin *b) {
    const size_t atoms = a->integer_count - NUMBERS;
    if (a->integers[COUNT] != b->integers[COUNT])
        return "another number of atoms";
    if (memcmp(a->integers + NUMBERS, b->integers + NUMBERS, atoms * sizeof(int64_t)) !=
        0)
        return "other atoms";
    if (memcmp(a->reals + 3, b->reals + 3, 9 * sizeof(double)) != 0)
        return "another cell";
    if (a->integers[MODEL] != b->integers[MODEL])
        return "another model";
    if (memcmp(a->reals, b->reals, a->real_count * sizeof(double)) != 0)
        return "another potential";
    return NULL;
}

/* ---- saving ---- */

static int can_save(const hop_optimizer *o) {
    if (!o->begun)
        return hop__fail(o->context, HOP_ERROR_STATE, "save: nothing was asked yet");
    if (!record_of(o->search.kind))
        return hop__fail(o->context, HOP_ERROR_UNSUPPORTED,
                         "save: a run of %s cannot be saved", o->kind->name);
    return HOP_OK;
}

static int save(const hop_optimizer *o, const char *path, const origin *from,
                char *options, void *state, size_t size) {
    double elapsed = hop__seconds() - o->began;
    int64_t numbers[2] = {FORMAT, (int64_t)size};
    const char *kind = o->kind->name,
               *potential = o->potential ? hop_potential_kind(o->potential) : "none";
    const hop__item items[] = {
        {"run/kind", HOP__ITEM_TEXT, strlen(kind), (void *)kind},
        {"run/potential", HOP__ITEM_TEXT, strlen(potential), (void *)potential},
        {"run/options", HOP__ITEM_TEXT, strlen(options), options},
        {"run/numbers", HOP__ITEM_INTEGER, 2, numbers},
        {"run/seconds", HOP__ITEM_REAL, 1, &elapsed},
        {"run/atoms", HOP__ITEM_INTEGER, from->integer_count, from->integers},
        {"run/scales", HOP__ITEM_REAL, from->real_count, from->reals},
        {"run/state", HOP__ITEM_INTEGER, (size + 7) / 8, state}};
    return hop__items_save(o->context, path, "run", items,
                           sizeof items / sizeof *items);
}

int hop_optimizer_save(const hop_optimizer *o, const char *path) {
    if (!o || !path)
        return hop__missing(o ? o->context : NULL, "path");
    int status = can_save(o);
    if (status != HOP_OK)
        return status;
    hop__record record = {.mode = HOP__COUNT};
    record_run((hop_optimizer *)o, &record); /* copying out changes nothing */
    const size_t length = write_options(o, NULL, 0), size = record.at;
    origin from;
    char *options = hop__allocate(o->context, length + 1, 1);
    record = (hop__record){HOP__COPY_OUT, hop__allocate(o->context, size + 8, 1), size,
                           0, false};
    status = origin_of(o, &from);
    if (!options || !record.bytes)
        status = HOP_ERROR_MEMORY;
    if (status == HOP_OK) {
        write_options(o, options, length + 1);
        record_run((hop_optimizer *)o, &record);
        status = save(o, path, &from, options, record.bytes, size);
    }
    origin_free(o, &from);
    hop__release(o->context, options);
    hop__release(o->context, record.bytes);
    return status;
}

/* ---- loading ---- */

static int read_text(hop_context *context, hop__item_file *file, const char *name,
                     char **text) {
    size_t size;
    int status = hop__items_count(file, name, HOP__ITEM_TEXT, &size);
    if (status != HOP_OK)
        return status;
    *text = hop__allocate(context, size + 1, 1);
    if (!*text)
        return HOP_ERROR_MEMORY;
    return hop__items_read(file, &(hop__item){name, HOP__ITEM_TEXT, size, *text});
}

static int expect_text(const hop_optimizer *o, hop__item_file *file, const char *path,
                       const char *name, const char *expected) {
    char *found = NULL;
    int status = read_text(o->context, file, name, &found);
    if (status == HOP_OK && strcmp(found, expected) != 0)
        status = hop__fail(o->context, HOP_ERROR_ARGUMENT,
                           "%.300s: %s: expected %s, got %.60s", path, name, expected,
                           found);
    hop__release(o->context, found);
    return status;
}

static int expect_origin(const hop_optimizer *o, hop__item_file *file,
                         const char *path) {
    origin here = {0}, there = {0};
    int status = origin_of(o, &here);
    if (status == HOP_OK)
        status = origin_of(o, &there);
    size_t count = 0;
    if (status == HOP_OK)
        status = hop__items_count(file, "run/atoms", HOP__ITEM_INTEGER, &count);
    if (status == HOP_OK && count != here.integer_count)
        status = hop__fail(o->context, HOP_ERROR_ARGUMENT,
                           "%.300s: expected %zu atoms, got %zu", path, o->start->count,
                           count > 5 ? (count - 5) / 2 : 0);
    if (status == HOP_OK)
        status =
            hop__items_read(file, &(hop__item){"run/atoms", HOP__ITEM_INTEGER,
                                               there.integer_count, there.integers});
    if (status == HOP_OK)
        status = hop__items_read(file, &(hop__item){"run/scales", HOP__ITEM_REAL,
                                                    there.real_count, there.reals});
    const char *what = status == HOP_OK ? difference(&here, &there) : NULL;
    if (what)
        status = hop__fail(o->context, HOP_ERROR_ARGUMENT,
                           "%.300s: saved from a run with %s", path, what);
    origin_free(o, &here);
    origin_free(o, &there);
    return status;
}

/* The run has begun as a new one; from now on it is the saved one. */
static int take_state(hop_optimizer *o, hop__item_file *file, const char *path,
                      size_t size) {
    hop__record record = {.mode = HOP__COUNT};
    size_t words;
    int status = hop__items_count(file, "run/state", HOP__ITEM_INTEGER, &words);
    if (status != HOP_OK)
        return status;
    record =
        (hop__record){HOP__COPY_IN, hop__allocate(o->context, words, sizeof(int64_t)),
                      size, 0, size > 8 * words || 8 * words - size > 7};
    if (!record.bytes)
        return HOP_ERROR_MEMORY;
    status = hop__items_read(
        file, &(hop__item){"run/state", HOP__ITEM_INTEGER, words, record.bytes});
    if (status == HOP_OK) {
        record_run(o, &record);
        if (record.broken || record.at != size)
            status = hop__fail(o->context, HOP_ERROR_FORMAT,
                               "%.300s: the state is not that of such a run", path);
    }
    hop__release(o->context, record.bytes);
    return status;
}

static int load(hop_optimizer *o, hop__item_file *file, const char *path) {
    int64_t numbers[2];
    double elapsed = 0.0;
    char *options = NULL;
    int status = hop__items_read(
        file, &(hop__item){"run/numbers", HOP__ITEM_INTEGER, 2, numbers});
    if (status == HOP_OK && numbers[0] != FORMAT)
        status = hop__fail(o->context, HOP_ERROR_VERSION,
                           "%.300s: expected format %d, got %lld", path, FORMAT,
                           (long long)numbers[0]);
    if (status == HOP_OK)
        status = expect_text(o, file, path, "run/kind", o->kind->name);
    if (status == HOP_OK)
        status = expect_text(o, file, path, "run/potential",
                             o->potential ? hop_potential_kind(o->potential) : "none");
    if (status == HOP_OK)
        status = expect_origin(o, file, path);
    if (status == HOP_OK)
        status = hop__items_read(
            file, &(hop__item){"run/seconds", HOP__ITEM_REAL, 1, &elapsed});
    if (status == HOP_OK && !(elapsed >= 0.0 && elapsed < INFINITY))
        status =
            hop__fail(o->context, HOP_ERROR_FORMAT,
                      "%.300s: expected the seconds of the run, got %g", path, elapsed);
    if (status == HOP_OK)
        status = read_text(o->context, file, "run/options", &options);
    if (status == HOP_OK)
        status = read_options(o, path, options);
    hop__release(o->context, options);
    if (status == HOP_OK)
        status = hop__optimizer_begin(o);
    if (status == HOP_OK)
        status = take_state(o, file, path, (size_t)numbers[1]);
    if (status == HOP_OK)
        o->began = hop__seconds() - elapsed;
    return status;
}

int hop_optimizer_load(hop_optimizer *o, const char *path) {
    hop__item_file *file;
    if (!o || !path)
        return hop__missing(o ? o->context : NULL, "path");
    if (o->begun)
        return hop__fail(o->context, HOP_ERROR_STATE, "load: the run has begun");
    int status = hop__items_open(o->context, path, "run", &file);
    if (status != HOP_OK)
        return status;
    const hop__settings before = o->settings;
    status = load(o, file, path);
    hop__items_close(file);
    if (status != HOP_OK) { /* as new */
        o->settings = before;
        o->begun = false;
        o->best.energy = o->energy = INFINITY;
        o->evaluations = o->quenches = 0;
        o->outcome = HOP_OK;
        o->refusals = 0;
        o->polishing = o->polished = false;
    }
    return status;
}
