/* The archive of minima: a list sorted by energy, short enough to be looked through.  A new
   minimum is compared with those within the energy tolerance only. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "io/extxyz.h"

#define LIMIT ((size_t)1 << 30)
#define MOST 1000000
#define MOST_SEEN (INT64_MAX / 4) /* in a file: sums of two cannot overflow */
#define VERSION 1

typedef struct entry {
    hop_structure *structure;
    hop_minimum about;
} entry;

struct hop_archive {
    hop_context *context;
    size_t capacity, count, room; /* room: entries that the block has */
    double energy, distance;      /* tolerances */
    int64_t seen;
    entry *entries; /* lowest first */
};

/* ---- making ---- */

static hop_archive *make(hop_context *context) {
    hop_archive *a = hop__allocate(context, 1, sizeof *a);
    if (a)
        a->context = hop__context_retain(context);
    return a;
}

int hop_archive_new(hop_context *context, size_t capacity, double energy_tolerance,
                    double distance_tolerance, hop_archive **out) {
    if (out)
        *out = NULL;
    if (!context || !out)
        return hop__missing(context, "out");
    if (capacity < 1 || capacity > MOST)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "archive: expected a capacity from 1 to %d, got %zu", MOST,
                         capacity);
    if (!(energy_tolerance > 0.0 && energy_tolerance < INFINITY) ||
        !(distance_tolerance > 0.0 && distance_tolerance < INFINITY))
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "archive: expected positive tolerances, got %g and %g",
                         energy_tolerance, distance_tolerance);
    hop_archive *a = make(context);
    if (!a)
        return HOP_ERROR_MEMORY;
    a->capacity = capacity;
    a->energy = energy_tolerance;
    a->distance = distance_tolerance;
    *out = a;
    return HOP_OK;
}

void hop_archive_free(hop_archive *a) {
    if (!a)
        return;
    hop_context *context = a->context;
    for (size_t k = 0; k < a->count; k++)
        hop_structure_free(a->entries[k].structure);
    hop__release(context, a->entries);
    hop__release(context, a);
    hop__context_release(context);
}

/* ---- the same system? ---- */

/* Atoms may be in any order, but there are as many of each element. */
static int check_system(hop_context *context, const char *what,
                        const hop_structure *expected, const hop_structure *got) {
    int64_t more[128] = {0};
    if (expected->count != got->count)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "%.300s: expected %zu atoms, got %zu", what, expected->count,
                         got->count);
    for (size_t i = 0; i < got->count; i++) {
        more[expected->numbers[i] & 127]--;
        more[got->numbers[i] & 127]++;
    }
    for (int number = 0; number < 128; number++)
        if (more[number] != 0)
            return hop__fail(
                context, HOP_ERROR_ARGUMENT,
                "%.300s: expected the same composition, got %lld %s of %s", what,
                (long long)(more[number] > 0 ? more[number] : -more[number]),
                more[number] > 0 ? "more" : "fewer", hop_element_symbol(number));
    if (memcmp(expected->periodic, got->periodic, sizeof(int32_t[3])) != 0)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "%.300s: expected the same periodicity", what);
    return HOP_OK;
}

/* An archive takes what is of the same system as what it has. */
static int check_belongs(const hop_archive *a, const char *what,
                         const hop_structure *s) {
    return a->count ? check_system(a->context, what, a->entries[0].structure, s)
                    : HOP_OK;
}

/* ---- adding ---- */

/* The first entry that is not below `energy`. */
static size_t first_from(const hop_archive *a, double energy) {
    size_t low = 0, high = a->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (a->entries[middle].about.energy < energy)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int find(const hop_archive *a, const hop_structure *s, size_t *found) {
    *found = a->count;
    for (size_t k = first_from(a, *s->energy - a->energy);
         k < a->count && a->entries[k].about.energy <= *s->energy + a->energy; k++) {
        if (!hop__structure_same_cell(a->entries[k].structure, s))
            continue; /* cells that relaxed differently */
        hop_match match = {.size = sizeof match};
        int status =
            hop_structure_match(a->entries[k].structure, s, a->distance, NULL, &match);
        if (status != HOP_OK)
            return status;
        if (match.same) {
            *found = k;
            return HOP_OK;
        }
    }
    return HOP_OK;
}

static int reserve(hop_archive *a) {
    if (a->count < a->room)
        return HOP_OK;
    size_t room = 2 * a->room + 16;
    entry *entries = hop__resize(a->context, a->entries, room, sizeof *entries);
    if (!entries)
        return HOP_ERROR_MEMORY;
    a->entries = entries;
    a->room = room;
    return HOP_OK;
}

static void insert(hop_archive *a, entry e) {
    size_t at = first_from(a, e.about.energy);
    memmove(a->entries + at + 1, a->entries + at, (a->count - at) * sizeof e);
    a->entries[at] = e;
    a->count++;
}

static entry take_out(hop_archive *a, size_t at) {
    entry e = a->entries[at];
    memmove(a->entries + at, a->entries + at + 1, (--a->count - at) * sizeof e);
    return e;
}

/* Seen again: counted, and where it is lower now (a tighter quench), replaced. */
static int add_again(hop_archive *a, size_t at, const hop_structure *s) {
    entry *old = &a->entries[at];
    if (*s->energy < old->about.energy) {
        hop_structure *copy;
        int status = hop_structure_copy(s, &copy);
        if (status != HOP_OK)
            return status;
        entry e = take_out(a, at);
        hop_structure_free(e.structure);
        e.structure = copy;
        e.about.energy = *s->energy;
        e.about.seen++;
        insert(a, e);
    } else {
        old->about.seen++;
    }
    a->seen++;
    return HOP_OK;
}

static int add_new(hop_archive *a, const hop_structure *s, const hop_minimum *about) {
    hop_structure *copy;
    if (a->count == a->capacity &&
        *s->energy >= a->entries[a->count - 1].about.energy) {
        a->seen += about->seen;
        return HOP_OK;
    }
    int status = reserve(a);
    if (status == HOP_OK)
        status = hop_structure_copy(s, &copy);
    if (status != HOP_OK)
        return status;
    if (a->count == a->capacity)
        hop_structure_free(take_out(a, a->count - 1).structure);
    insert(a, (entry){copy, *about});
    a->seen += about->seen;
    return HOP_OK;
}

int hop_archive_add(hop_archive *a, const hop_structure *s, int64_t evaluation,
                    uint64_t seed, int32_t *fresh) {
    if (fresh)
        *fresh = 0;
    if (!a || !s)
        return hop__missing(a ? a->context : NULL, "structure");
    if (!isfinite(*s->energy))
        return hop__fail(a->context, HOP_ERROR_NONFINITE,
                         "archive: expected a structure with its energy, got %g",
                         *s->energy);
    if (evaluation < 0 || seed > INT64_MAX)
        return hop__fail(
            a->context, HOP_ERROR_ARGUMENT,
            "archive: expected an evaluation from 0 and a seed below 2^63, "
            "got %lld and %llu",
            (long long)evaluation, (unsigned long long)seed);
    int status = hop__structure_check(a->context, s);
    if (status == HOP_OK)
        status = check_belongs(a, "archive", s);
    size_t found = a->count;
    if (status == HOP_OK)
        status = find(a, s, &found);
    if (status != HOP_OK)
        return status;
    if (found < a->count)
        return add_again(a, found, s);
    if (fresh)
        *fresh = 1;
    const hop_minimum about = {sizeof about, *s->energy, 1, evaluation, seed};
    return add_new(a, s, &about);
}

/* ---- looking ---- */

size_t hop_archive_count(const hop_archive *a) { return a ? a->count : 0; }

int64_t hop_archive_seen(const hop_archive *a) { return a ? a->seen : 0; }

int hop_archive_minimum(const hop_archive *a, size_t index, hop_minimum *about,
                        hop_structure **out) {
    if (out)
        *out = NULL;
    if (!a || (!about && !out))
        return hop__missing(a ? a->context : NULL, "about or out");
    if (index >= a->count)
        return HOP_END;
    if (about && about->size < sizeof *about)
        return hop__fail(a->context, HOP_ERROR_ARGUMENT,
                         "hop_minimum: expected size %zu, got %zu", sizeof *about,
                         about->size);
    int status = out ? hop_structure_copy(a->entries[index].structure, out) : HOP_OK;
    if (status == HOP_OK && about) {
        const size_t size = about->size;
        *about = a->entries[index].about;
        about->size = size;
    }
    return status;
}

/* ---- saving ---- */

/* The first frame says of the whole what the others need not repeat. */
static void add_keys(const hop_archive *a, size_t k, hop__text *extra) {
    const hop_minimum *about = &a->entries[k].about;
    if (k == 0) {
        hop__text_add(extra,
                      "hop_archive=%d minima=%zu capacity=%zu quenches=%lld "
                      "energy_tolerance=",
                      VERSION, a->count, a->capacity, (long long)a->seen);
        hop__text_add_double(extra, a->energy);
        hop__text_add(extra, " distance_tolerance=");
        hop__text_add_double(extra, a->distance);
        hop__text_add(extra, " ");
    }
    hop__text_add(extra, "seen=%lld first_evaluation=%lld first_seed=%llu",
                  (long long)about->seen, (long long)about->evaluation,
                  (unsigned long long)about->seed);
}

int hop_archive_save(const hop_archive *a, const char *path) {
    if (!a || !path)
        return hop__missing(a ? a->context : NULL, "path");
    if (a->count == 0)
        return hop__fail(a->context, HOP_ERROR_STATE, "archive: it is empty");
    hop__text text, extra;
    hop__text_start(&text, a->context);
    hop__text_start(&extra, a->context);
    int status = HOP_OK;
    for (size_t k = 0; k < a->count && status == HOP_OK; k++) {
        extra.size = 0;
        add_keys(a, k, &extra);
        status = extra.failed
                     ? HOP_ERROR_MEMORY
                     : hop__extxyz_add(a->context, &text, a->entries[k].structure, k,
                                       extra.data, false);
    }
    if (status == HOP_OK)
        status = hop__file_replace(a->context, path, text.data, text.size);
    hop__text_free(&extra);
    hop__text_free(&text);
    return status;
}

/* ---- loading ---- */

static int missing_key(const hop_archive *a, const hop__lines *lines, const char *key) {
    return hop__fail(a->context, HOP_ERROR_FORMAT,
                     "%.300s:%lld: expected an archive's frame with a %s, got none",
                     lines->name, (long long)lines->number, key);
}

static bool whole(hop__span comment, const char *key, int64_t least, int64_t *value) {
    hop__span word;
    return hop__extxyz_value(comment, key, &word) && hop__span_integer(word, value) &&
           *value >= least && *value <= MOST_SEEN;
}

static bool tolerance(hop__span comment, const char *key, double *value) {
    hop__span word;
    return hop__extxyz_value(comment, key, &word) && hop__span_double(word, value) &&
           *value > 0.0;
}

static int read_head(hop_archive *a, const hop__lines *lines, hop__span comment,
                     int64_t *minima) {
    int64_t version, capacity;
    if (!whole(comment, "hop_archive", 1, &version))
        return missing_key(a, lines, "number hop_archive");
    if (version != VERSION)
        return hop__fail(a->context, HOP_ERROR_VERSION,
                         "%.300s: expected hop_archive=%d, got %lld", lines->name,
                         VERSION, (long long)version);
    if (!whole(comment, "capacity", 1, &capacity) || capacity > MOST)
        return missing_key(a, lines, "capacity");
    a->capacity = (size_t)capacity;
    if (!whole(comment, "minima", 1, minima) || *minima > capacity)
        return missing_key(a, lines, "number of minima");
    if (!whole(comment, "quenches", 1, &a->seen))
        return missing_key(a, lines, "number of quenches");
    if (!tolerance(comment, "energy_tolerance", &a->energy))
        return missing_key(a, lines, "positive energy_tolerance");
    if (!tolerance(comment, "distance_tolerance", &a->distance))
        return missing_key(a, lines, "positive distance_tolerance");
    return HOP_OK;
}

static int read_entry(hop_archive *a, const hop__lines *lines, hop__span comment,
                      const hop_structure *s) {
    hop_minimum about = {.size = sizeof about, .energy = *s->energy};
    hop__span word;
    int64_t seed;
    if (!isfinite(about.energy))
        return missing_key(a, lines, "energy");
    if (!whole(comment, "seen", 1, &about.seen))
        return missing_key(a, lines, "number 'seen'");
    if (!whole(comment, "first_evaluation", 0, &about.evaluation))
        return missing_key(a, lines, "first_evaluation");
    if (!hop__extxyz_value(comment, "first_seed", &word) ||
        !hop__span_integer(word, &seed) || seed < 0)
        return missing_key(a, lines, "first_seed");
    about.seed = (uint64_t)seed;
    if (a->count > 0 && about.energy < a->entries[a->count - 1].about.energy)
        return hop__fail(a->context, HOP_ERROR_FORMAT,
                         "%.300s: minimum %zu: expected energies in rising order",
                         lines->name, a->count);
    int status = check_belongs(a, lines->name, s);
    if (status != HOP_OK)
        return HOP_ERROR_FORMAT;
    const int64_t seen = a->seen;
    status = add_new(a, s, &about);
    a->seen = seen;
    return status;
}

static int parse(hop_archive *a, const char *path, const char *text, size_t size) {
    hop__lines lines;
    hop__span comment;
    hop_structure *s;
    int64_t minima = 0;
    int status;
    hop__lines_start(&lines, path, text, size);
    while ((status = hop__extxyz_next(a->context, &lines, &s, &comment)) == HOP_OK) {
        hop__lines head = lines;
        head.number -= (int64_t)s->count; /* messages name the comment line */
        if (a->count == 0)
            status = read_head(a, &head, comment, &minima);
        if (status == HOP_OK && (int64_t)a->count == minima)
            status = missing_key(a, &head, "place among the minima");
        if (status == HOP_OK)
            status = read_entry(a, &head, comment, s);
        hop_structure_free(s);
        if (status != HOP_OK)
            return status;
    }
    if (status != HOP_END)
        return status;
    if (a->count == 0 || (int64_t)a->count != minima)
        return hop__fail(a->context, HOP_ERROR_CORRUPT,
                         "%.300s: expected %lld minima, the file ends after %zu", path,
                         (long long)(minima > 0 ? minima : 1), a->count);
    return HOP_OK;
}

int hop_archive_load(hop_context *context, const char *path, const hop_structure *like,
                     hop_archive **out) {
    char *text = NULL;
    size_t size;
    if (out)
        *out = NULL;
    if (!context || !path || !out)
        return hop__missing(context, "path or out");
    hop_archive *a = make(context);
    if (!a)
        return HOP_ERROR_MEMORY;
    int status = hop__file_read(context, path, LIMIT, &text, &size);
    if (status == HOP_OK)
        status = parse(a, path, text, size);
    hop__release(context, text);
    if (status == HOP_OK && like)
        status = check_system(context, path, like, a->entries[0].structure);
    if (status != HOP_OK)
        hop_archive_free(a);
    else
        *out = a;
    return status;
}
