#include "structure/neighbors.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"

#define BIN_THRESHOLD 200 /* atoms above which bins beat looking at every pair */
#define ROUNDING 1e-6     /* of fractional coordinates of atoms far from the cell */

typedef struct entry {
    int32_t index;
    double shift[3];
} entry;

typedef struct builder {
    hop__neighbors list;
    size_t atom_capacity, entry_capacity, entries;
    /* what the list was built from */
    double *positions, cell[9], cutoff, skin;
    int32_t periodic[3];
    bool valid;
    /* geometry of the current build */
    double rows[9], inverse[9];
    double *wrapped;   /* positions inside the cell along periodic directions */
    double *wrap;      /* wrapped = position + wrap */
    int images[3];     /* how many images on each side can reach */
    int bins[3];       /* 0: no bins */
    int32_t *head, *next;
    size_t bin_capacity;
    double lowest[3], bin_size[3];
} builder;

int hop__neighbors_new(hop_context *context, hop__neighbors **out) {
    *out = NULL;
    builder *b = hop__allocate(context, 1, sizeof *b);
    if (!b)
        return HOP_ERROR_MEMORY;
    b->list.context = context;
    b->list.state = b;
    *out = &b->list;
    return HOP_OK;
}

void hop__neighbors_free(hop__neighbors *neighbors) {
    if (!neighbors)
        return;
    builder *b = neighbors->state;
    hop_context *context = neighbors->context;
    void *blocks[] = {b->list.first, b->list.index, b->list.shift, b->positions,
                      b->wrapped,    b->wrap,       b->head,       b->next};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
        hop__release(context, blocks[k]);
    hop__release(context, b);
}

static bool grow(hop_context *context, void *field, size_t count, size_t size) {
    void *old, *fresh;
    memcpy(&old, field, sizeof old);
    fresh = hop__resize(context, old, count, size);
    if (fresh)
        memcpy(field, &fresh, sizeof fresh);
    return fresh != NULL;
}

static int reserve_atoms(builder *b, size_t n) {
    hop_context *context = b->list.context;
    if (n <= b->atom_capacity)
        return HOP_OK;
    b->valid = false;
    if (!grow(context, &b->list.first, n + 1, sizeof(size_t)) ||
        !grow(context, &b->positions, 3 * n, sizeof(double)) ||
        !grow(context, &b->wrapped, 3 * n, sizeof(double)) ||
        !grow(context, &b->wrap, 3 * n, sizeof(double)) ||
        !grow(context, &b->next, n, sizeof(int32_t)))
        return HOP_ERROR_MEMORY;
    b->atom_capacity = n;
    return HOP_OK;
}

static int append(builder *b, int32_t j, const double shift[3]) {
    if (b->entries == b->entry_capacity) {
        size_t capacity = 2 * b->entry_capacity + 64 * b->list.atoms;
        if (capacity > (size_t)INT32_MAX)
            return hop__fail(b->list.context, HOP_ERROR_RANGE,
                             "neighbours: more than %d pairs within %g", INT32_MAX,
                             b->cutoff + b->skin);
        if (!grow(b->list.context, &b->list.index, capacity, sizeof(int32_t)) ||
            !grow(b->list.context, &b->list.shift, 3 * capacity, sizeof(double)))
            return HOP_ERROR_MEMORY;
        b->entry_capacity = capacity;
    }
    b->list.index[b->entries] = j;
    memcpy(b->list.shift + 3 * b->entries, shift, 3 * sizeof(double));
    b->entries++;
    return HOP_OK;
}

/* ---- geometry ---- */

static void cross(const double a[3], const double b[3], double out[3]) {
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

/* Replace the rows of directions that are not periodic by unit vectors normal to the
   periodic ones, so that the cell can be inverted whatever stands there. */
static void complete_cell(builder *b) {
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

static int prepare_cell(builder *b, double reach) {
    complete_cell(b);
    if (!hop__invert3(b->rows, b->inverse))
        return hop__fail(b->list.context, HOP_ERROR_ARGUMENT,
                         "cell: expected independent lattice vectors, got volume %g",
                         hop__determinant3(b->rows));
    double total = 1.0;
    for (int a = 0; a < 3; a++) {
        double column[3] = {b->inverse[a], b->inverse[3 + a], b->inverse[6 + a]};
        double height = 1.0 / sqrt(hop__dot(column, column, 3));
        double images = b->periodic[a] ? floor(reach / height + ROUNDING) + 1.0 : 0.0;
        total *= 2.0 * images + 1.0;
        if (total > 1e8)
            return hop__fail(b->list.context, HOP_ERROR_RANGE,
                             "neighbours: a reach of %g needs more than 1e8 images", reach);
        b->images[a] = (int)images;
    }
    return HOP_OK;
}

static void wrap_atoms(builder *b, const hop_structure *s) {
    for (size_t i = 0; i < s->count; i++) {
        const double *x = s->positions + 3 * i;
        double *wrap = b->wrap + 3 * i;
        memset(wrap, 0, 3 * sizeof *wrap);
        for (int a = 0; a < 3; a++) {
            if (!b->periodic[a])
                continue;
            double fraction = x[0] * b->inverse[a] + x[1] * b->inverse[3 + a] +
                              x[2] * b->inverse[6 + a];
            for (int c = 0; c < 3; c++)
                wrap[c] -= floor(fraction) * b->rows[3 * a + c];
        }
        for (int c = 0; c < 3; c++)
            b->wrapped[3 * i + c] = x[c] + wrap[c];
    }
}

/* ---- pairs ---- */

/* Atom j in the image at `offset` from its wrapped place, seen from i. */
static int consider(builder *b, size_t i, size_t j, const double offset[3], double reach) {
    double d[3], shift[3], square = 0.0;
    bool home = offset[0] == 0.0 && offset[1] == 0.0 && offset[2] == 0.0;
    if (i == j && home)
        return HOP_OK;
    for (int c = 0; c < 3; c++) {
        d[c] = b->wrapped[3 * j + c] + offset[c] - b->wrapped[3 * i + c];
        square += d[c] * d[c];
    }
    if (!(square < reach * reach))
        return HOP_OK;
    for (int c = 0; c < 3; c++)
        shift[c] = offset[c] + b->wrap[3 * j + c] - b->wrap[3 * i + c];
    return append(b, (int32_t)j, shift);
}

static int pairs_by_search(builder *b, size_t i, double reach) {
    int status = HOP_OK;
    for (size_t j = 0; j < b->list.atoms && status == HOP_OK; j++)
        for (int u = -b->images[0]; u <= b->images[0]; u++)
            for (int v = -b->images[1]; v <= b->images[1]; v++)
                for (int w = -b->images[2]; w <= b->images[2] && status == HOP_OK; w++) {
                    double offset[3];
                    for (int c = 0; c < 3; c++)
                        offset[c] = u * b->rows[c] + v * b->rows[3 + c] + w * b->rows[6 + c];
                    status = consider(b, i, j, offset, reach);
                }
    return status;
}

/* ---- bins, over fractional coordinates ---- */

static void fraction_of(const builder *b, const double *x, double f[3]) {
    for (int a = 0; a < 3; a++)
        f[a] = x[0] * b->inverse[a] + x[1] * b->inverse[3 + a] + x[2] * b->inverse[6 + a];
}

static int clamp_bin(double value, int bins) {
    return !(value > 0.0) ? 0 : value >= bins ? bins - 1 : (int)value;
}

static int bin_of(const builder *b, const double *x, int bin[3]) {
    double f[3];
    fraction_of(b, x, f);
    for (int a = 0; a < 3; a++)
        bin[a] = clamp_bin((f[a] - b->lowest[a]) / b->bin_size[a], b->bins[a]);
    return (bin[0] * b->bins[1] + bin[1]) * b->bins[2] + bin[2];
}

static int fill_bins(builder *b, double reach) {
    const size_t n = b->list.atoms;
    double highest[3] = {1.0, 1.0, 1.0}, total = 1.0;
    for (int a = 0; a < 3; a++)
        b->lowest[a] = 0.0;
    for (size_t i = 0; i < n; i++) {
        double f[3];
        fraction_of(b, b->wrapped + 3 * i, f);
        for (int a = 0; a < 3; a++) {
            if (b->periodic[a])
                continue;
            b->lowest[a] = i == 0 || f[a] < b->lowest[a] ? f[a] : b->lowest[a];
            highest[a] = i == 0 || f[a] > highest[a] ? f[a] : highest[a];
        }
    }
    for (int a = 0; a < 3; a++) {
        double column[3] = {b->inverse[a], b->inverse[3 + a], b->inverse[6 + a]};
        double span = b->periodic[a] ? 1.0 : highest[a] - b->lowest[a] + 1e-9;
        double height = span / sqrt(hop__dot(column, column, 3));
        double count = floor(height / (reach * (1.0 + ROUNDING)));
        b->bins[a] = count >= 64.0 ? 64 : count >= 1.0 ? (int)count : 1;
        b->bin_size[a] = span / b->bins[a];
        total *= b->bins[a];
    }
    if ((size_t)total > b->bin_capacity) {
        if (!grow(b->list.context, &b->head, (size_t)total, sizeof(int32_t)))
            return HOP_ERROR_MEMORY;
        b->bin_capacity = (size_t)total;
    }
    for (size_t k = 0; k < (size_t)total; k++)
        b->head[k] = -1;
    for (size_t i = n; i-- > 0;) {
        int bin[3], at = bin_of(b, b->wrapped + 3 * i, bin);
        b->next[i] = b->head[at];
        b->head[at] = (int32_t)i;
    }
    return HOP_OK;
}

/* Which bins and images to visit along direction `a`: bins one apart reach far enough
   when there are at least three of them, otherwise every bin in every image is visited. */
static int visit(const builder *b, int a, int bin, int step, int *other, int *image) {
    int bins = b->bins[a];
    if (!b->periodic[a]) {
        *image = 0;
        *other = bin + step - 1;
        return step < 3 ? (*other >= 0 && *other < bins) : -1;
    }
    if (bins >= 3) {
        *other = (bin + step - 1 + bins) % bins;
        *image = bin + step - 1 < 0 ? -1 : bin + step - 1 >= bins ? 1 : 0;
        return step < 3 ? 1 : -1;
    }
    int width = 2 * b->images[a] + 1;
    *other = step / width;
    *image = step % width - b->images[a];
    return step < bins * width ? 1 : -1;
}

static int pairs_in_bin(builder *b, size_t i, const int bin[3], const int image[3],
                        double reach) {
    double offset[3];
    for (int c = 0; c < 3; c++)
        offset[c] =
            image[0] * b->rows[c] + image[1] * b->rows[3 + c] + image[2] * b->rows[6 + c];
    int32_t j = b->head[(bin[0] * b->bins[1] + bin[1]) * b->bins[2] + bin[2]];
    int status = HOP_OK;
    for (; j >= 0 && status == HOP_OK; j = b->next[j])
        status = consider(b, i, (size_t)j, offset, reach);
    return status;
}

static int pairs_by_bins(builder *b, size_t i, double reach) {
    int home[3], bin[3], image[3], go, status = HOP_OK;
    bin_of(b, b->wrapped + 3 * i, home);
    for (int u = 0; (go = visit(b, 0, home[0], u, &bin[0], &image[0])) >= 0; u++) {
        if (!go)
            continue;
        for (int v = 0; (go = visit(b, 1, home[1], v, &bin[1], &image[1])) >= 0; v++) {
            if (!go)
                continue;
            for (int w = 0; (go = visit(b, 2, home[2], w, &bin[2], &image[2])) >= 0; w++)
                if (go && status == HOP_OK)
                    status = pairs_in_bin(b, i, bin, image, reach);
        }
    }
    return status;
}

static int compare(const entry *a, const entry *b) {
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    for (int c = 0; c < 3; c++)
        if (a->shift[c] != b->shift[c])
            return a->shift[c] < b->shift[c] ? -1 : 1;
    return 0;
}

/* One pass of insertion over entries `gap` apart. */
static void sort_apart(builder *b, size_t begin, size_t gap) {
    int32_t *index = b->list.index;
    double *shift = b->list.shift;
    for (size_t k = begin + gap; k < b->entries; k++) {
        entry moving = {index[k], {shift[3 * k], shift[3 * k + 1], shift[3 * k + 2]}};
        size_t at = k;
        for (; at >= begin + gap; at -= gap) {
            const double *from = shift + 3 * (at - gap);
            entry before = {index[at - gap], {from[0], from[1], from[2]}};
            if (compare(&before, &moving) <= 0)
                break;
            index[at] = before.index;
            memcpy(shift + 3 * at, before.shift, sizeof before.shift);
        }
        index[at] = moving.index;
        memcpy(shift + 3 * at, moving.shift, sizeof moving.shift);
    }
}

/* Shell's sort (Ciura's gaps): mostly few entries, nearly sorted; no work space. */
static void sort_entries(builder *b, size_t begin) {
    static const size_t gaps[] = {1, 4, 10, 23, 57, 132, 301, 701, 1750};
    size_t count = b->entries - begin, gap = 1750;
    while (gap < count / 3)
        gap = gap * 9 / 4;
    for (; gap > 1750; gap = gap * 4 / 9)
        sort_apart(b, begin, gap);
    for (size_t k = sizeof gaps / sizeof *gaps; k-- > 0;)
        if (gaps[k] < count)
            sort_apart(b, begin, gaps[k]);
}

static int build(builder *b, const hop_structure *s) {
    const double reach = b->cutoff + b->skin;
    b->list.atoms = s->count;
    b->entries = 0;
    int status = prepare_cell(b, reach);
    if (status != HOP_OK)
        return status;
    wrap_atoms(b, s);
    bool bins = s->count > BIN_THRESHOLD;
    if (bins)
        status = fill_bins(b, reach);
    for (size_t i = 0; i < s->count && status == HOP_OK; i++) {
        b->list.first[i] = b->entries;
        status = bins ? pairs_by_bins(b, i, reach) : pairs_by_search(b, i, reach);
        sort_entries(b, b->list.first[i]);
    }
    b->list.first[s->count] = b->entries;
    return status;
}

static bool still_good(const builder *b, const hop_structure *s, double cutoff,
                       double skin) {
    if (!b->valid || skin <= 0.0 || b->list.atoms != s->count || b->cutoff != cutoff ||
        b->skin != skin || memcmp(b->periodic, s->periodic, sizeof b->periodic) != 0 ||
        memcmp(b->cell, s->cell, sizeof b->cell) != 0)
        return false;
    const double limit = 0.25 * skin * skin;
    for (size_t i = 0; i < s->count; i++) {
        double square = 0.0;
        for (int c = 0; c < 3; c++) {
            double moved = s->positions[3 * i + c] - b->positions[3 * i + c];
            square += moved * moved;
        }
        if (!(square < limit))
            return false;
    }
    return true;
}

int hop__neighbors_update(hop__neighbors *neighbors, const hop_structure *structure,
                          double cutoff, double skin) {
    builder *b = neighbors->state;
    if (still_good(b, structure, cutoff, skin))
        return HOP_OK;
    int status = reserve_atoms(b, structure->count);
    if (status != HOP_OK)
        return status;
    b->cutoff = cutoff;
    b->skin = skin;
    memcpy(b->cell, structure->cell, sizeof b->cell);
    memcpy(b->periodic, structure->periodic, sizeof b->periodic);
    memcpy(b->positions, structure->positions, 3 * structure->count * sizeof(double));
    status = build(b, structure);
    b->valid = status == HOP_OK;
    return status;
}
