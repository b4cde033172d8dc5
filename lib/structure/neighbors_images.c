/* Atoms are wrapped into the cell and given all images within reach of it, which then
   are sorted into bins by counting. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "base/vector_math.h"
#include "structure/neighbors_build.h"

#define ROUNDING 1e-6   /* of the reach: errors of fractional coordinates are below */
#define MOST_IMAGES 4e6 /* and MOST_EACH per atom */
#define MOST_EACH 26.0
#define MOST_CELLS 2e9 /* from the cell to an atom */
#define SAMPLE 64
#define STRETCH 1024  /* atoms or slots that are dealt with together */
#define THREADED 2048 /* from which on threads pay */

typedef hop__neighbor_build build_t;

/* ---- loops that threads share ---- */

typedef struct task {
    build_t *build;
    const hop_structure *structure;
} task;

static size_t stretches_of(size_t count) { return (count + STRETCH - 1) / STRETCH; }

static size_t end_of(size_t number, size_t count) {
    return count - number * STRETCH < STRETCH ? count : (number + 1) * STRETCH;
}

static void share(task *t, size_t count, hop__task_function function) {
    hop_context *context = t->build->list.context;
    const size_t workers = count < THREADED ? 1 : (size_t)context->threads;
    hop__parallel(context, workers, stretches_of(count), function, t);
}

static double *doubles(const hop__buffer *b) { return b->data; }
static int32_t *integers(const hop__buffer *b) { return b->data; }

/* ---- the cell ---- */

static void cross(const double a[3], const double b[3], double out[3]) {
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

/* Replace the rows of directions that are not periodic by unit vectors normal to the
   periodic ones, so that the cell can be inverted whatever stands there. */
static void complete_cell(build_t *b) {
    memcpy(b->rows, b->cell, sizeof b->rows);
    for (int a = 0; a < 3; a++) {
        if (b->periodic[a])
            continue;
        double *row = b->rows + 3 * a, best = -1.0;
        const double *p = b->rows + 3 * ((a + 1) % 3), *q = b->rows + 3 * ((a + 2) % 3);
        bool have_p = b->periodic[(a + 1) % 3] || (a + 1) % 3 < a;
        bool have_q = b->periodic[(a + 2) % 3] || (a + 2) % 3 < a;
        double normal[3];
        for (int axis = 0; axis < 3; axis++) {
            double unit[3] = {0.0, 0.0, 0.0};
            unit[axis] = 1.0;
            if (have_p && have_q) {
                cross(p, q, normal);
            } else if (have_p || have_q) {
                cross(have_p ? p : q, unit, normal);
            } else {
                memcpy(normal, unit, sizeof unit);
            }
            double length = sqrt(hop__dot(normal, normal, 3));
            double score = have_p || have_q ? length : (axis == a ? 2.0 : 1.0);
            if (score > best) {
                best = score;
                for (int c = 0; c < 3; c++)
                    row[c] = normal[c] / length;
            }
        }
    }
}

static double to_grid(double x, double magic) { return x + magic - magic; }

/* Multiples of 2^k whose sums and differences are exact up to four times the cell and
   the reach. */
static int choose_grid(build_t *b) {
    double extent = b->reach;
    for (int k = 0; k < 9; k++)
        extent += b->periodic[k / 3] ? fabs(b->rows[k]) : 0.0;
    bool any = b->periodic[0] || b->periodic[1] || b->periodic[2];
    b->magic = any ? ldexp(1.5, 52 + ilogb(extent) - 48) : 0.0;
    b->limit = any ? 1e9 * b->reach : INFINITY;
    for (int k = 0; k < 9; k++)
        b->row_grid[k] = to_grid(b->rows[k], b->magic);
    if (extent > b->limit) /* the grid would be too coarse for distances */
        return hop__fail(b->list.context, HOP_ERROR_RANGE,
                         "cell: expected lattice vectors below %g, got components that "
                         "add up to %g",
                         b->limit, extent);
    return HOP_OK;
}

static double most_images(const build_t *b) {
    const double most = MOST_IMAGES + (1.0 + MOST_EACH) * (double)b->list.atoms;
    return fmin(most, (double)(INT32_MAX - HOP__SLACK));
}

/* Flat or thin cells would need gigabytes. */
static int too_many(build_t *b, double images) {
    const double *h = b->heights;
    char size[3][32] = {"no", "no", "no"};
    for (int a = 0; a < 3; a++)
        if (b->periodic[a])
            snprintf(size[a], sizeof size[a], "%g", h[a]);
    return hop__fail(
        b->list.context, HOP_ERROR_RANGE,
        "neighbours: a cell of heights %s, %s and %s has %.3g images within "
        "a reach of %g, expected at most %.3g",
        size[0], size[1], size[2], images, b->reach, most_images(b));
}

static int prepare_cell(build_t *b) {
    complete_cell(b);
    if (!hop__invert3(b->rows, b->inverse))
        return hop__fail(b->list.context, HOP_ERROR_ARGUMENT,
                         "cell: expected independent lattice vectors, got volume %g",
                         hop__determinant3(b->rows));
    double images = (double)b->list.atoms; /* at least */
    for (int a = 0; a < 3; a++) {
        double column[3] = {b->inverse[a], b->inverse[3 + a], b->inverse[6 + a]};
        b->heights[a] = 1.0 / sqrt(hop__dot(column, column, 3));
        b->margin[a] = b->reach / b->heights[a] * (1.0 + ROUNDING) + 1e-9;
        images *= b->periodic[a] ? 2.0 * floor(b->margin[a]) + 1.0 : 1.0;
    }
    if (b->list.atoms > 0 && !(images <= most_images(b)))
        return too_many(b, images);
    return choose_grid(b);
}

/* The lattice vector of whole turns.  Far away, where sums on the grid are not exact
   anyway, the rounding of the rows must not add up. */
static void lattice_vector(const build_t *b, const double turns[3], double out[3]) {
    const bool near = fabs(turns[0]) + fabs(turns[1]) + fabs(turns[2]) < 1e3;
    const double *rows = near ? b->row_grid : b->rows;
    for (int c = 0; c < 3; c++)
        out[c] = turns[0] * rows[c] + turns[1] * rows[3 + c] + turns[2] * rows[6 + c];
}

static void fractions(const build_t *b, const double x[3], double f[3]) {
    for (int a = 0; a < 3; a++)
        f[a] =
            x[0] * b->inverse[a] + x[1] * b->inverse[3 + a] + x[2] * b->inverse[6 + a];
}

static double whole(double x) {
    double t = (double)(int64_t)x;
    return t > x ? t - 1.0 : t;
}

/* ---- atoms and their images ---- */

/* The images of an atom at fractional coordinates f: from -below to above. */
static void image_range(const build_t *b, const double f[3], int below[3],
                        int above[3]) {
    for (int a = 0; a < 3; a++) {
        below[a] = b->periodic[a] ? (int)(b->margin[a] + f[a]) : 0;
        above[a] = b->periodic[a] ? (int)(b->margin[a] + 1.0 - f[a]) : 0;
    }
}

/* Wrapped coordinates of atom i and their fractions; false when it is too far away. */
static bool wrap_atom(build_t *b, const hop_structure *s, size_t i, double f[3]) {
    double *x = b->wrapped + 3 * i, turns[3] = {0.0, 0.0, 0.0}, move[3];
    bool outside = false;
    for (size_t c = 0; c < 3; c++) {
        x[c] = to_grid(s->positions[3 * i + c], b->magic);
        if (!(fabs(x[c]) <= b->limit))
            return false;
    }
    fractions(b, x, f);
    for (int a = 0; a < 3; a++)
        if (b->periodic[a]) {
            if (!(fabs(f[a]) < MOST_CELLS))
                return false;
            turns[a] = -whole(f[a]);
            outside = outside || turns[a] != 0.0;
        }
    if (outside) {
        lattice_vector(b, turns, move);
        for (int c = 0; c < 3; c++)
            x[c] = to_grid(x[c] + move[c], b->magic);
        fractions(b, x, f);
    }
    return true;
}

static int too_far(build_t *b, size_t i) {
    const double *x = b->wrapped + 3 * i;
    for (int c = 0; c < 3; c++)
        if (!(fabs(x[c]) <= b->limit))
            return hop__fail(b->list.context, HOP_ERROR_RANGE,
                             "atom %zu: expected a coordinate below %g in a periodic "
                             "cell, got %g",
                             i, b->limit, x[c]);
    return hop__fail(b->list.context, HOP_ERROR_RANGE,
                     "atom %zu: expected a place within %g cells, got (%g, %g, %g)", i,
                     MOST_CELLS, x[0], x[1], x[2]);
}

/* What a stretch of atoms or slots found out. */
typedef struct stretch {
    double images;  /* of its atoms; then: of all atoms before */
    double largest; /* coordinate */
    size_t bad;     /* an atom that is too far away, or SIZE_MAX */
} stretch;

static void wrap_stretch(void *argument, size_t number, size_t worker) {
    task *t = argument;
    build_t *b = t->build;
    stretch found = {.bad = SIZE_MAX};
    (void)worker;
    for (size_t i = number * STRETCH; i < end_of(number, b->list.atoms); i++) {
        double f[3], count = 1.0;
        int below[3], above[3];
        if (!wrap_atom(b, t->structure, i, f)) {
            found.bad = i;
            break;
        }
        image_range(b, f, below, above);
        for (int a = 0; a < 3; a++)
            count *= (double)(below[a] + above[a] + 1);
        found.images += count;
    }
    ((stretch *)b->stretches.data)[number] = found;
}

/* Bring atoms into the cell and count images. */
static int wrap_atoms(task *t, size_t *images) {
    build_t *b = t->build;
    const size_t count = stretches_of(b->list.atoms);
    int status =
        hop__buffer_reserve(b->list.context, &b->stretches, count, sizeof(stretch));
    if (status != HOP_OK)
        return status;
    share(t, b->list.atoms, wrap_stretch);
    stretch *found = b->stretches.data;
    double total = 0.0;
    for (size_t k = 0; k < count; k++) {
        if (found[k].bad != SIZE_MAX)
            return too_far(b, found[k].bad);
        const double before = total;
        total += found[k].images;
        found[k].images = before;
    }
    if (!(total <= most_images(b)))
        return too_many(b, total);
    *images = (size_t)total;
    return HOP_OK;
}

/* ---- bins, over fractional coordinates ---- */

static void sort_few(double *values, size_t count) {
    for (size_t k = 1; k < count; k++)
        for (size_t m = k; m > 0 && values[m] < values[m - 1]; m--) {
            double keep = values[m];
            values[m] = values[m - 1];
            values[m - 1] = keep;
        }
}

/* Where most atoms are in a direction that is not periodic.  Atoms outside go to the
   outermost bins, so that one flung far away does not make bins useless. */
static void window(const build_t *b, int a, double *low, double *high) {
    const size_t n = b->list.atoms, count = n < SAMPLE ? n : SAMPLE;
    double sample[SAMPLE] = {0}, f[3];
    for (size_t k = 0; k < count; k++) {
        fractions(b, b->wrapped + 3 * (k * n / count), f);
        sample[k] = f[a];
    }
    sort_few(sample, count);
    double from = sample[count / 8], to = sample[count - 1 - count / 8];
    *low = *high = from;
    for (size_t i = 0; i < n; i++) {
        fractions(b, b->wrapped + 3 * i, f);
        *low = f[a] < *low ? f[a] : *low;
        *high = f[a] > *high ? f[a] : *high;
    }
    double most = 2.0 * (to - from) + b->reach;
    *low = from - *low > most ? from - most : *low;
    *high = *high - to > most ? to + most : *high;
}

static int choose_bins(build_t *b) {
    double counts[3], span[3];
    for (int a = 0; a < 3; a++) {
        double low = -b->margin[a], high = 1.0 + b->margin[a];
        if (!b->periodic[a])
            window(b, a, &low, &high);
        b->lowest[a] = low;
        span[a] = high - low;
        double size = b->reach * (1.0 + 2.0 * ROUNDING);
        double count = floor(span[a] * b->heights[a] / size);
        counts[a] = count >= 1.0 && count < 1e9 ? count : 1.0;
    }
    double most = 4.0 * (double)b->list.images + 64.0;
    while (counts[0] * counts[1] * counts[2] > most) {
        int a = counts[0] > counts[1] ? 0 : 1;
        a = counts[2] > counts[a] ? 2 : a;
        counts[a] = ceil(0.5 * counts[a]);
    }
    for (int a = 0; a < 3; a++) {
        b->search.bins[a] = (int32_t)counts[a];
        b->scale[a] = counts[a] > 1.0 ? counts[a] / span[a] : 0.0;
    }
    double bins_within_reach =
        b->reach * (1.0 + ROUNDING) * b->scale[2] / b->heights[2];
    b->search.span = counts[2] > 1.0 ? (int32_t)ceil(bins_within_reach) : 0;
    size_t bins = (size_t)(counts[0] * counts[1] * counts[2]);
    int status =
        hop__buffer_reserve(b->list.context, &b->start, bins + 2, sizeof(int32_t));
    if (status == HOP_OK)
        memset(b->start.data, 0, (bins + 2) * sizeof(int32_t));
    return status;
}

static int32_t bin_along(const build_t *b, int a, double f) {
    double at = (f - b->lowest[a]) * b->scale[a];
    int32_t bins = b->search.bins[a];
    return !(at > 0.0) ? 0 : at >= (double)bins ? bins - 1 : (int32_t)at;
}

/* Images of atom i from number m on, in the order of (atom, image); returns the next m. */
static size_t list_atom(build_t *b, size_t i, size_t m) {
    int32_t *owner = b->owner, *turns = b->turns;
    int32_t *bin = b->bin;
    double f[3];
    int below[3], above[3];
    fractions(b, b->wrapped + 3 * i, f);
    image_range(b, f, below, above);
    for (int u = -below[0]; u <= above[0]; u++) {
        const int32_t x = bin_along(b, 0, f[0] + u);
        for (int v = -below[1]; v <= above[1]; v++) {
            const int32_t y = bin_along(b, 1, f[1] + v);
            const int32_t column =
                hop__neighbor_column(b->search.bins, x, y) * b->search.bins[2];
            for (int w = -below[2]; w <= above[2]; w++, m++) {
                owner[m] = (int32_t)i;
                turns[3 * m] = u;
                turns[3 * m + 1] = v;
                turns[3 * m + 2] = w;
                bin[m] = column + bin_along(b, 2, f[2] + w);
            }
        }
    }
    return m;
}

static void list_stretch(void *argument, size_t number, size_t worker) {
    build_t *b = ((task *)argument)->build;
    size_t m = (size_t)((const stretch *)b->stretches.data)[number].images;
    (void)worker;
    for (size_t i = number * STRETCH; i < end_of(number, b->list.atoms); i++)
        m = list_atom(b, i, m);
}

static void sort_into_slots(build_t *b) {
    const size_t images = b->list.images;
    const size_t bins = (size_t)b->search.bins[0] * (size_t)b->search.bins[1] *
                        (size_t)b->search.bins[2];
    const int32_t *bin = b->bin;
    int32_t *start = integers(&b->start), *order = integers(&b->order);
    for (size_t m = 0; m < images; m++)
        start[bin[m] + 2]++;
    for (size_t k = 2; k < bins + 2; k++)
        start[k] += start[k - 1];
    for (size_t m = 0; m < images; m++)
        order[start[bin[m] + 1]++] = (int32_t)m;
}

/* ---- places: atoms before images, both in the order of bins ---- */

/* Which place each slot has, and the other way for atoms. */
static void number_places(build_t *b) {
    const int32_t *order = integers(&b->order), *turns = b->turns;
    int32_t *slot_place = integers(&b->slot_place);
    int32_t atoms = 0, others = (int32_t)b->list.atoms;
    for (size_t slot = 0; slot < b->list.images; slot++) {
        const size_t m = (size_t)order[slot];
        const int32_t *t = turns + 3 * m;
        if ((t[0] | t[1] | t[2]) != 0) {
            slot_place[slot] = others++;
            continue;
        }
        slot_place[slot] = atoms;
        integers(&b->slot)[atoms] = (int32_t)slot;
        integers(&b->row_bin)[atoms] = b->bin[m];
        integers(&b->place)[b->owner[m]] = atoms++;
    }
}

/* Position, shift, atom and home of the place of a slot; returns the largest coordinate. */
static double fill_place(build_t *b, const hop_structure *s, size_t slot) {
    const size_t m = (size_t)integers(&b->order)[slot];
    const size_t i = (size_t)b->owner[m];
    const size_t place = (size_t)integers(&b->slot_place)[slot];
    const bool home = place < b->list.atoms;
    const int32_t *t = b->turns + 3 * m;
    const double *x = b->wrapped + 3 * i;
    double move[3] = {0.0, 0.0, 0.0}, at[4] = {0.0}, shift[4] = {0.0}, largest = 0.0;
    float *rough = (float *)b->rough.data + 4 * place;
    if (!home)
        lattice_vector(b, (double[]){t[0], t[1], t[2]}, move);
    for (size_t c = 0; c < 3; c++) {
        at[c] = x[c] + move[c];
        shift[c] = home ? x[c] - to_grid(s->positions[3 * i + c], b->magic) : move[c];
        rough[c] = (float)at[c];
        largest = fabs(at[c]) > largest ? fabs(at[c]) : largest;
    }
    rough[3] = 0.0f;
    memcpy(doubles(&b->positions) + 4 * place, at, sizeof at);
    memcpy(doubles(&b->shift) + 4 * place, shift, sizeof shift);
    if (home)
        memcpy(doubles(&b->built) + 4 * place, at, sizeof at);
    doubles(&b->x)[slot] = at[0];
    doubles(&b->y)[slot] = at[1];
    doubles(&b->z)[slot] = at[2];
    integers(&b->atom)[place] = (int32_t)i;
    integers(&b->home)[place] = integers(&b->place)[i];
    return largest;
}

static void fill_stretch(void *argument, size_t number, size_t worker) {
    task *t = argument;
    double largest = 0.0;
    (void)worker;
    for (size_t slot = number * STRETCH; slot < end_of(number, t->build->list.images);
         slot++)
        largest = fmax(largest, fill_place(t->build, t->structure, slot));
    ((stretch *)t->build->stretches.data)[number].largest = largest;
}

static void fill_places(task *t) {
    build_t *b = t->build;
    share(t, b->list.images, fill_stretch);
    b->largest = 0.0;
    for (size_t k = 0; k < stretches_of(b->list.images); k++)
        b->largest = fmax(b->largest, ((const stretch *)b->stretches.data)[k].largest);
}

/* Room in the memory of rows for what is needed only until there are some. */
static int borrow_index(build_t *b, size_t images) {
    const size_t n = b->list.atoms, each = sizeof(double) / sizeof(int32_t);
    int status = hop__buffer_reserve(b->list.context, &b->index,
                                     3 * each * n + 5 * images, sizeof(int32_t));
    if (status != HOP_OK)
        return status;
    b->wrapped = b->index.data;
    b->owner = integers(&b->index) + 3 * each * n;
    b->turns = b->owner + images;
    b->bin = b->turns + 3 * images;
    return HOP_OK;
}

/* What is read after a row must be a place. */
static void return_index(build_t *b) {
    int32_t *const index = b->index.data;
    memset(index, 0, (size_t)(b->bin + b->list.images - index) * sizeof *index);
}

static int reserve_images(build_t *b) {
    struct {
        hop__buffer *buffer;
        size_t size;
    } const all[] = {
        {&b->positions, 4 * sizeof(double)},
        {&b->rough, 4 * sizeof(float)},
        {&b->shift, 4 * sizeof(double)},
        {&b->atom, sizeof(int32_t)},
        {&b->home, sizeof(int32_t)},
        {&b->x, sizeof(double)},
        {&b->y, sizeof(double)},
        {&b->z, sizeof(double)},
        {&b->order, sizeof(int32_t)},
        {&b->slot_place, sizeof(int32_t)},
    };
    int status = borrow_index(b, b->list.images);
    for (size_t k = 0; status == HOP_OK && k < sizeof all / sizeof *all; k++)
        status = hop__buffer_reserve(b->list.context, all[k].buffer, b->list.images,
                                     all[k].size);
    return status;
}

int hop__neighbors_place(hop__neighbor_build *b, const hop_structure *s) {
    task t = {b, s};
    int status = prepare_cell(b);
    if (status == HOP_OK)
        status = borrow_index(b, 0);
    if (status == HOP_OK)
        status = wrap_atoms(&t, &b->list.images);
    if (status == HOP_OK)
        status = reserve_images(b);
    if (status == HOP_OK)
        status = choose_bins(b);
    if (status == HOP_OK)
        status = hop__buffer_reserve(b->list.context, &b->stretches,
                                     stretches_of(b->list.images), sizeof(stretch));
    if (status != HOP_OK)
        return status;
    share(&t, s->count, list_stretch);
    sort_into_slots(b);
    number_places(b);
    fill_places(&t);
    return_index(b);
    return HOP_OK;
}
