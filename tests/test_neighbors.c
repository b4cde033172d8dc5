#include "structure/neighbors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/vector_math.h"
#include "support/support.h"

#define BOUNDARY 1e-9 /* pairs this near the cut-off may be in or out */

/* Check writes to a file at each of its assertions: too slow for inner loops. */
#define require(condition)                                                             \
    do {                                                                               \
        if (!(condition))                                                              \
            ck_abort_msg("%s", #condition);                                            \
    } while (0)

static hop_context *context;
static hop__neighbors *list;

static void setup(void) {
    ck_assert_int_eq(hop_context_new(NULL, &context), HOP_OK);
    ck_assert_int_eq(hop__neighbors_new(context, &list), HOP_OK);
}

static void teardown(void) {
    hop__neighbors_free(list);
    hop_context_free(context);
}

/* ---- the reference: every image that the Gram matrix does not exclude ---- */

typedef struct pair {
    int32_t j, image[3];
} pair;

typedef struct pairs {
    pair *at;
    size_t count, capacity;
} pairs;

static void add_pair(pairs *p, pair one) {
    if (p->count == p->capacity) {
        p->capacity = 2 * p->capacity + 1000;
        p->at = realloc(p->at, p->capacity * sizeof *p->at);
        require(p->at);
    }
    p->at[p->count++] = one;
}

static int by_image(const void *left, const void *right) {
    return memcmp(left, right, sizeof(pair));
}

typedef struct lattice {
    double rows[9], inverse_gram[9];
    bool periodic[3];
} lattice;

/* Gram matrix of the periodic vectors alone; the others do not mix with them. */
static lattice lattice_of(const hop_structure *s) {
    lattice l = {0};
    double gram[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    memcpy(l.rows, s->cell, sizeof l.rows);
    for (int a = 0; a < 3; a++)
        l.periodic[a] = s->periodic[a] != 0;
    for (int a = 0; a < 3; a++)
        for (int b = 0; b < 3; b++)
            if (l.periodic[a] && l.periodic[b])
                gram[3 * a + b] = hop__dot(l.rows + 3 * a, l.rows + 3 * b, 3);
    double det = gram[0] * (gram[4] * gram[8] - gram[5] * gram[7]) -
                 gram[1] * (gram[3] * gram[8] - gram[5] * gram[6]) +
                 gram[2] * (gram[3] * gram[7] - gram[4] * gram[6]);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            l.inverse_gram[3 * i + j] = (gram[3 * a + c] * gram[3 * b + d] -
                                         gram[3 * a + d] * gram[3 * b + c]) /
                                        det;
        }
    return l;
}

static void coordinates(const lattice *l, const double d[3], double f[3]) {
    double along[3];
    for (int a = 0; a < 3; a++)
        along[a] = l->periodic[a] ? hop__dot(l->rows + 3 * a, d, 3) : 0.0;
    for (int a = 0; a < 3; a++)
        f[a] = l->periodic[a] ? hop__dot(l->inverse_gram + 3 * a, along, 3) : 0.0;
}

static double image_distance(const lattice *l, const double d[3],
                             const int32_t image[3]) {
    double at[3];
    for (int c = 0; c < 3; c++)
        at[c] = d[c] + image[0] * l->rows[c] + image[1] * l->rows[3 + c] +
                image[2] * l->rows[6 + c];
    return sqrt(hop__dot(at, at, 3));
}

static void reference(const hop_structure *s, size_t i, double cutoff, pairs *out) {
    lattice l = lattice_of(s);
    out->count = 0;
    for (size_t j = 0; j < s->count; j++) {
        double d[3], f[3];
        int32_t low[3], high[3], k[3];
        for (int c = 0; c < 3; c++)
            d[c] = s->positions[3 * j + c] - s->positions[3 * i + c];
        coordinates(&l, d, f);
        for (int a = 0; a < 3; a++) {
            double width =
                l.periodic[a] ? cutoff * sqrt(l.inverse_gram[4 * a]) + 1e-6 : 0.0;
            low[a] = (int32_t)ceil(-f[a] - width);
            high[a] = (int32_t)floor(-f[a] + width);
        }
        for (k[0] = low[0]; k[0] <= high[0]; k[0]++)
            for (k[1] = low[1]; k[1] <= high[1]; k[1]++)
                for (k[2] = low[2]; k[2] <= high[2]; k[2]++)
                    if ((j != i || k[0] != 0 || k[1] != 0 || k[2] != 0) &&
                        image_distance(&l, d, k) < cutoff - BOUNDARY)
                        add_pair(out, (pair){(int32_t)j, {k[0], k[1], k[2]}});
    }
    if (out->count > 1)
        qsort(out->at, out->count, sizeof *out->at, by_image);
}

/* What the list says of atom i within the cut-off, shifts as whole lattice vectors. */
static void listed(const hop_structure *s, size_t i, double cutoff, pairs *out) {
    lattice l = lattice_of(s);
    out->count = 0;
    const size_t row = (size_t)list->place[i], first = list->first[row];
    require(list->atom[row] == (int32_t)i);
    require(first + (size_t)list->count[row] <= list->reserved);
    for (size_t k = first; k < first + (size_t)list->count[row]; k++) {
        size_t at = (size_t)list->index[k], j;
        require(at < list->images);
        j = (size_t)list->atom[at];
        require(j < s->count);
        require(list->home[at] == list->place[j]);
        double f[3], d[3], shift[3], back[3] = {0.0, 0.0, 0.0};
        for (size_t c = 0; c < 3; c++)
            shift[c] = list->positions[4 * at + c] - list->positions[4 * row + c] -
                       (s->positions[3 * j + c] - s->positions[3 * i + c]);
        pair one = {.j = (int32_t)j};
        coordinates(&l, shift, f);
        for (int a = 0; a < 3; a++) {
            one.image[a] = (int32_t)lround(f[a]);
            for (int c = 0; c < 3; c++)
                back[c] += one.image[a] * l.rows[3 * a + c];
        }
        for (int c = 0; c < 3; c++) {
            require(fabs(back[c] - shift[c]) <= 1e-9);
            d[c] = s->positions[3 * j + c] - s->positions[3 * i + c];
        }
        if (image_distance(&l, d, one.image) < cutoff - BOUNDARY)
            add_pair(out, one);
    }
    if (out->count > 1)
        qsort(out->at, out->count, sizeof *out->at, by_image);
}

/* Sorted by (atom, image), and every entry another one. */
static void assert_sorted(const hop_structure *s, size_t i) {
    const lattice l = lattice_of(s);
    const size_t row = (size_t)list->place[i];
    int32_t before[4] = {-1, 0, 0, 0};
    for (int32_t k = 0; k < list->count[row]; k++) {
        const size_t at = (size_t)list->index[list->first[row] + (size_t)k];
        const size_t j = (size_t)list->atom[at];
        double shift[3], f[3];
        for (size_t c = 0; c < 3; c++)
            shift[c] = list->positions[4 * at + c] - list->positions[4 * row + c] -
                       (s->positions[3 * j + c] - s->positions[3 * i + c]);
        coordinates(&l, shift, f);
        const int32_t now[4] = {(int32_t)j, (int32_t)lround(f[0]),
                                (int32_t)lround(f[1]), (int32_t)lround(f[2])};
        int c = 0;
        while (c < 3 && now[c] == before[c])
            c++;
        require(before[c] < now[c]);
        memcpy(before, now, sizeof before);
    }
}

/* Every pair within the cut-off once, and no other; returns how many there are. */
static size_t assert_exact(const hop_structure *s, double cutoff) {
    static pairs expected, found;
    size_t total = 0;
    ck_assert_uint_eq(list->atoms, s->count);
    for (size_t i = 0; i < s->count; i++) {
        reference(s, i, cutoff, &expected);
        listed(s, i, cutoff, &found);
        if (found.count != expected.count)
            ck_abort_msg("atom %zu of %zu: expected %zu neighbours within %g, got %zu",
                         i, s->count, expected.count, cutoff, found.count);
        require(expected.count == 0 ||
                memcmp(found.at, expected.at, expected.count * sizeof(pair)) == 0);
        assert_sorted(s, i);
        total += expected.count;
    }
    return total;
}

/* ---- random cells of every sort ---- */

static hop_structure *atoms(size_t count) {
    hop_structure *s;
    int32_t *numbers = calloc(count, sizeof *numbers);
    ck_assert_int_eq(hop_structure_new(context, count, numbers, &s), HOP_OK);
    free(numbers);
    return s;
}

static double between(hop__random *r, double low, double high) {
    return low + (high - low) * hop__random_uniform(r);
}

static void swap_rows(double *cell) {
    for (int c = 0; c < 3; c++) {
        double keep = cell[c];
        cell[c] = cell[3 + c];
        cell[3 + c] = keep;
    }
}

/* Lattice vectors of about `size`; thin, skewed and left-handed ones among them. */
static void random_cell(hop__random *r, double size, double *cell) {
    double inverse[9];
    do {
        for (int k = 0; k < 9; k++)
            cell[k] = size * ((k % 4 == 0) + between(r, -0.4, 0.4));
        if (hop__random_below(r, 3) == 0) /* thin */
            for (int c = 0; c < 3; c++)
                cell[c] *= 0.2;
        if (hop__random_below(r, 3) == 0) /* skewed: same lattice, long vectors */
            for (int c = 0; c < 3; c++)
                cell[6 + c] += 3.0 * cell[3 + c] - 2.0 * cell[c];
        if (hop__random_below(r, 2) == 0)
            swap_rows(cell);
    } while (!hop__invert3(cell, inverse) ||
             fabs(hop__determinant3(cell)) < 0.01 * size * size * size);
}

static void random_structure(hop__random *r, hop_structure *s, double size) {
    random_cell(r, size, s->cell);
    uint64_t mask = hop__random_bits(r) % 8;
    for (int a = 0; a < 3; a++) {
        s->periodic[a] = (mask >> a) & 1;
        /* what stands in directions that are not periodic must not matter */
        if (!s->periodic[a] && hop__random_below(r, 2) == 0)
            memset(s->cell + 3 * a, 0, 3 * sizeof(double));
    }
    double spread = hop__random_below(r, 4) == 0 ? 5.0 : 1.0; /* outside the cell */
    for (size_t k = 0; k < 3 * s->count; k++)
        s->positions[k] = between(r, -spread * size, spread * size);
}

/* The list of a random structure on a random instruction set, against the reference. */
static size_t random_trial(hop__random *r, size_t count, double size, double cutoff) {
    enum hop__isa best = context->isa;
    hop_structure *s = atoms(count);
    random_structure(r, s, size);
    context->isa = (enum hop__isa)hop__random_below(r, (uint64_t)best + 1);
    double skin = hop__random_below(r, 2) == 0 ? 0.0 : between(r, 0.0, 1.5);
    ck_assert_msg(hop__neighbors_update(list, s, cutoff, skin) == HOP_OK, "%s",
                  hop_error_message(context));
    size_t total = assert_exact(s, cutoff);
    context->isa = best;
    hop_structure_free(s);
    return total;
}

/* 1e5 cells; run by `make check-slow`. */
START_TEST(test_very_many_random_cells) {
    hop__random r = hop__random_start(7, (uint64_t)_i);
    size_t total = 0;
    for (int trial = 0; trial < 10000; trial++) {
        double cutoff = between(&r, 0.5, 6.0);
        size_t kind = hop__random_below(&r, 100);
        if (kind < 80)
            total += random_trial(&r, 1 + hop__random_below(&r, 5),
                                  between(&r, 1.5, 6.0), cutoff);
        else if (kind < 99)
            total += random_trial(&r, 6 + hop__random_below(&r, 20),
                                  between(&r, 4.0, 9.0), cutoff);
        else
            total += random_trial(&r, 50 + hop__random_below(&r, 200),
                                  between(&r, 9.0, 20.0), 0.6 * cutoff);
    }
    ck_assert_uint_gt(total, 500000);
}
END_TEST

START_TEST(test_random_cells) {
    hop__random r = hop__random_start(1, 0);
    size_t total = 0;
    for (int trial = 0; trial < 12000; trial++) {
        double cutoff = between(&r, 0.5, 6.0);
        total += random_trial(&r, 1 + hop__random_below(&r, 5), between(&r, 1.5, 6.0),
                              cutoff);
    }
    ck_assert_uint_gt(total, 100000);
}
END_TEST

/* More atoms: many bins. */
START_TEST(test_random_cells_with_bins) {
    hop__random r = hop__random_start(2, 0);
    size_t total = 0;
    for (int trial = 0; trial < 150; trial++) {
        double cutoff = between(&r, 0.5, 4.0);
        total += random_trial(&r, 201 + hop__random_below(&r, 60),
                              between(&r, 8.0, 20.0), cutoff);
    }
    ck_assert_uint_gt(total, 100000);
}
END_TEST

/* Bins exactly as wide as the cut-off, and atoms on their edges. */
START_TEST(test_lattice_on_bin_edges) {
    for (int size = 6; size <= 8; size++) {
        hop_structure *s = atoms((size_t)(size * size * size));
        for (size_t i = 0; i < s->count; i++) {
            s->positions[3 * i] = (double)(i % (size_t)size);
            s->positions[3 * i + 1] = (double)(i / (size_t)size % (size_t)size);
            s->positions[3 * i + 2] = (double)(i / (size_t)(size * size));
        }
        for (int a = 0; a < 3; a++) {
            s->cell[4 * a] = size;
            s->periodic[a] = 1;
        }
        const double cutoffs[] = {1.0,        1.0 + 1e-8, 2.0,
                                  2.0 + 1e-8, size / 3.0, (size / 3.0) * (1.0 - 1e-10)};
        for (size_t k = 0; k < sizeof cutoffs / sizeof *cutoffs; k++) {
            ck_assert_int_eq(hop__neighbors_update(list, s, cutoffs[k], 0.0), HOP_OK);
            assert_exact(s, cutoffs[k]);
        }
        ck_assert_int_eq(hop__neighbors_update(list, s, 1.0 + 1e-8, 0.0), HOP_OK);
        ck_assert_uint_eq(list->pairs, 6 * s->count);
        hop_structure_free(s);
    }
}
END_TEST

/* One atom, a cell much smaller than the cut-off: numbers of lattice points in spheres.
 */
START_TEST(test_one_atom_many_images) {
    hop_structure *s = atoms(1);
    for (int a = 0; a < 3; a++) {
        s->cell[4 * a] = 1.0;
        s->periodic[a] = 1;
        s->positions[a] = 1e6 + 0.3 * a;
    }
    const struct {
        double cutoff;
        size_t count;
    } spheres[] = {{1.01, 6}, {1.5, 18}, {1.8, 26}, {3.01, 122}, {9.99, 4138}};
    for (size_t k = 0; k < sizeof spheres / sizeof *spheres; k++) {
        ck_assert_int_eq(hop__neighbors_update(list, s, spheres[k].cutoff, 0.0),
                         HOP_OK);
        ck_assert_uint_eq(list->pairs, spheres[k].count);
    }
    hop_structure_free(s);
}
END_TEST

START_TEST(test_nothing_near) {
    hop_structure *s = atoms(3);
    for (size_t i = 0; i < 3; i++)
        s->positions[3 * i] = 10.0 * (double)i;
    ck_assert_int_eq(hop__neighbors_update(list, s, 5.0, 0.0), HOP_OK);
    ck_assert_uint_eq(list->pairs, 0);
    hop_structure_free(s);
}
END_TEST

/* Positions so far apart that their differences overflow. */
START_TEST(test_huge_positions) {
    hop_structure *s = atoms(210);
    for (size_t i = 0; i < s->count; i++)
        s->positions[3 * i] = i % 2 ? 1.7e308 : -1.7e308;
    s->positions[0] = 0.0;
    s->positions[3] = 1.0;
    ck_assert_int_eq(hop__neighbors_update(list, s, 1.5, 0.0), HOP_OK);
    const size_t row = (size_t)list->place[0];
    ck_assert_int_eq(list->count[row], 1);
    ck_assert_int_eq(list->index[list->first[row]], list->place[1]);
    hop_structure_free(s);
}
END_TEST

/* Rows longer than any work space at first, and longer than what is ranked at once. */
START_TEST(test_long_rows) {
    hop__random r = hop__random_start(8, 0);
    for (int isa = 0; isa <= (int)context->isa; isa++) {
        enum hop__isa best = context->isa;
        hop_structure *s = atoms(1500);
        for (size_t k = 0; k < 3 * s->count; k++)
            s->positions[k] = between(&r, 0.0, 10.0);
        for (int a = 0; a < 3; a++) {
            s->cell[4 * a] = 10.0;
            s->periodic[a] = a != isa;
        }
        context->isa = (enum hop__isa)isa;
        ck_assert_int_eq(hop__neighbors_update(list, s, 4.9, 0.0), HOP_OK);
        context->isa = best;
        ck_assert_uint_gt(list->longest, 512);
        assert_exact(s, 4.9);
        hop_structure_free(s);
    }
}
END_TEST

/* One atom flung away must not put all others into one bin. */
START_TEST(test_flung_atom) {
    const double far[] = {1e4, 1e9, 1e300};
    hop__random r = hop__random_start(9, 0);
    for (int k = 0; k < 3; k++) {
        hop_structure *s = atoms(20000);
        for (size_t i = 0; i < 3 * s->count; i++)
            s->positions[i] = between(&r, 0.0, 60.0);
        s->positions[3 * 17 + (size_t)k] = far[k];
        ck_assert_int_eq(hop__neighbors_update(list, s, 3.0, 0.0), HOP_OK);
        ck_assert_int_eq(list->count[list->place[17]], 0);
        ck_assert_uint_gt(list->pairs, 100000);
        for (size_t i = 0; i < s->count; i += 997) {
            static pairs expected, found;
            reference(s, i, 3.0, &expected);
            listed(s, i, 3.0, &found);
            ck_assert_uint_eq(found.count, expected.count);
        }
        hop_structure_free(s);
    }
}
END_TEST

/* Atoms 1e6 and 1e9 cells away are seen; farther out they are refused. */
START_TEST(test_atoms_many_cells_away) {
    hop_structure *s = atoms(2);
    for (int a = 0; a < 3; a++) {
        s->cell[4 * a] = 4.0;
        s->periodic[a] = 1;
    }
    s->positions[3] = 1.0;
    for (double cells = 1e3; cells < 1e9; cells *= 10.0) {
        s->positions[0] = 4.0 * cells;
        s->positions[4] = -4.0 * cells;
        ck_assert_int_eq(hop__neighbors_update(list, s, 1.5, 0.3), HOP_OK);
        ck_assert_uint_eq(list->pairs, 2);
        const double *x = list->positions + 4 * list->place[0];
        const double *y =
            list->positions + 4 * list->index[list->first[list->place[0]]];
        ck_assert_double_eq_tol(y[0] - x[0], 1.0, 1e-15 * 4.0 * cells);
    }
    s->positions[0] = 4e10;
    ck_assert_int_eq(hop__neighbors_update(list, s, 1.5, 0.3), HOP_ERROR_RANGE);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "atom 0"));
    hop_structure_free(s);
}
END_TEST

/* ---- Verlet skin ---- */

static void crystal(hop__random *r, hop_structure *s, double size) {
    random_cell(r, size, s->cell);
    for (int a = 0; a < 3; a++)
        s->periodic[a] = 1;
    for (size_t k = 0; k < 3 * s->count; k++)
        s->positions[k] = between(r, 0.0, size);
}

START_TEST(test_skin) {
    hop__random r = hop__random_start(3, 0);
    const size_t counts[] = {30, 230};
    for (int size = 0; size < 2; size++) {
        hop_structure *s = atoms(counts[size]);
        crystal(&r, s, size == 0 ? 7.0 : 14.0);
        int rebuilt = 0;
        for (int step = 0; step < 60; step++) {
            size_t before = step > 0 ? list->pairs : 0;
            ck_assert_int_eq(hop__neighbors_update(list, s, 3.0, 0.5), HOP_OK);
            rebuilt += list->pairs != before;
            assert_exact(s, 3.0);
            for (size_t k = 0; k < 3 * s->count; k++)
                s->positions[k] += between(&r, -0.05, 0.05);
        }
        ck_assert_int_gt(rebuilt, 1);
        ck_assert_int_lt(rebuilt, 30);
        hop_structure_free(s);
    }
}
END_TEST

/* Small moves leave the list as it is; a larger one and any other change renew it. */
START_TEST(test_when_it_is_rebuilt) {
    hop_structure *s = atoms(2);
    s->positions[3] = 3.4;
    for (int a = 0; a < 3; a++)
        s->cell[4 * a] = 20.0;
    ck_assert_int_eq(hop__neighbors_update(list, s, 3.0, 0.5), HOP_OK);
    ck_assert_uint_eq(list->pairs, 2); /* within cutoff + skin */
    s->positions[3] = 3.6;
    ck_assert_int_eq(hop__neighbors_update(list, s, 3.0, 0.5), HOP_OK);
    ck_assert_uint_eq(list->pairs, 2);
    s->positions[3] = 3.66;
    ck_assert_int_eq(hop__neighbors_update(list, s, 3.0, 0.5), HOP_OK);
    ck_assert_uint_eq(list->pairs, 0);
    ck_assert_int_eq(hop__neighbors_update(list, s, 3.5, 0.5), HOP_OK);
    ck_assert_uint_eq(list->pairs, 2);
    ck_assert_int_eq(hop__neighbors_update(list, s, 3.5, 0.1), HOP_OK);
    ck_assert_uint_eq(list->pairs, 0);
    s->periodic[1] = 1;
    s->cell[4] = 3.55;
    ck_assert_int_eq(hop__neighbors_update(list, s, 3.5, 0.1), HOP_OK);
    ck_assert_uint_eq(list->pairs, 4);
    s->cell[4] = 3.65;
    ck_assert_int_eq(hop__neighbors_update(list, s, 3.5, 0.1), HOP_OK);
    ck_assert_uint_eq(list->pairs, 0);
    s->positions[3] = NAN; /* never "close to where it was" */
    ck_assert_int_eq(hop__neighbors_update(list, s, 3.5, 0.1), HOP_ERROR_RANGE);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "atom 1"));
    s->positions[3] = 3.4;
    ck_assert_int_eq(hop__neighbors_update(list, s, 3.5, 0.1), HOP_OK);
    ck_assert_uint_eq(list->pairs, 2);
    hop_structure_free(s);
}
END_TEST

/* Vectors to neighbours within the cut-off, and their order, have the same bits from a
   new list and from one that has seen other structures; atoms cross the cell's faces.
 */
START_TEST(test_does_not_depend_on_the_past) {
    hop__random r = hop__random_start(6, 0);
    hop__neighbors *fresh, *old = list;
    hop_structure *s = atoms(120);
    crystal(&r, s, 9.3);
    for (int step = 0; step < 40; step++) {
        ck_assert_int_eq(hop__neighbors_new(context, &fresh), HOP_OK);
        ck_assert_int_eq(hop__neighbors_update(old, s, 3.0, 0.8), HOP_OK);
        ck_assert_int_eq(hop__neighbors_update(fresh, s, 3.0, 0.8), HOP_OK);
        for (size_t i = 0; i < s->count; i++) {
            const int32_t a = old->place[i], b = fresh->place[i];
            int32_t m = 0;
            for (int32_t k = 0; k < old->count[a]; k++) {
                const int32_t p = old->index[old->first[a] + (size_t)k];
                const double *x = old->positions + 4 * p, *o = old->positions + 4 * a;
                const double u[3] = {x[0] - o[0], x[1] - o[1], x[2] - o[2]};
                if (!(hop__dot(u, u, 3) < 9.0))
                    continue;
                for (;; m++) { /* the next one of the other list within the cut-off */
                    require(m < fresh->count[b]);
                    const int32_t q = fresh->index[fresh->first[b] + (size_t)m];
                    const double *y = fresh->positions + 4 * q;
                    o = fresh->positions + 4 * b;
                    const double w[3] = {y[0] - o[0], y[1] - o[1], y[2] - o[2]};
                    if (!(hop__dot(w, w, 3) < 9.0))
                        continue;
                    require(fresh->atom[q] == old->atom[p]);
                    require(memcmp(u, w, sizeof u) == 0);
                    break;
                }
                m++;
            }
        }
        hop__neighbors_free(fresh);
        for (size_t k = 0; k < 3 * s->count; k++)
            s->positions[k] += between(&r, -0.08, 0.08);
    }
    ck_assert_uint_lt(old->builds, 30);
    hop_structure_free(s);
}
END_TEST

/* Places, positions and rows are the same from one thread and from four. */
START_TEST(test_threads_do_not_matter) {
    hop__random r = hop__random_start(10, 0);
    hop__neighbors *other;
    hop_structure *s = atoms(5000);
    crystal(&r, s, 45.0);
    ck_assert_int_eq(hop__neighbors_new(context, &other), HOP_OK);
    for (int step = 0; step < 3; step++) { /* built, followed, built */
        ck_assert_int_eq(hop_context_set_threads(context, 1), HOP_OK);
        ck_assert_int_eq(hop__neighbors_update(list, s, 3.0, 0.5), HOP_OK);
        ck_assert_int_eq(hop_context_set_threads(context, 4), HOP_OK);
        ck_assert_int_eq(hop__neighbors_update(other, s, 3.0, 0.5), HOP_OK);
        ck_assert_uint_eq(list->builds, step < 2 ? 1 : 2);
        ck_assert_uint_eq(other->builds, list->builds);
        ck_assert_uint_eq(other->images, list->images);
        ck_assert_mem_eq(other->positions, list->positions,
                         4 * list->images * sizeof(double));
        ck_assert_mem_eq(other->atom, list->atom, list->images * sizeof(int32_t));
        for (size_t i = 0; i < s->count; i++) {
            require(other->count[i] == list->count[i]);
            require(memcmp(other->index + other->first[i], list->index + list->first[i],
                           (size_t)list->count[i] * sizeof(int32_t)) == 0);
        }
        for (size_t k = 0; k < 3 * s->count; k++)
            s->positions[k] += step == 0 ? 0.1 : 0.2;
    }
    hop__neighbors_free(other);
    hop_structure_free(s);
}
END_TEST

START_TEST(test_steady_state_allocates_nothing) {
    support_allocator state = {0};
    hop_allocator allocator = support_allocator_for(&state);
    hop_context *own;
    hop__neighbors *counted;
    hop__random r = hop__random_start(4, 0);
    ck_assert_int_eq(hop_context_new(&allocator, &own), HOP_OK);
    ck_assert_int_eq(hop__neighbors_new(own, &counted), HOP_OK);
    hop_structure *s = atoms(250);
    crystal(&r, s, 12.0);
    ck_assert_int_eq(hop__neighbors_update(counted, s, 4.0, 0.0), HOP_OK);
    size_t calls = state.calls;
    for (int step = 0; step < 5; step++) {
        for (size_t k = 0; k < 3 * s->count; k++)
            s->positions[k] += 1.7; /* more and more outside the cell */
        ck_assert_int_eq(hop__neighbors_update(counted, s, 4.0, 0.0), HOP_OK);
    }
    ck_assert_uint_eq(state.calls, calls);
    hop__neighbors_free(counted);
    hop_structure_free(s);
    hop_context_free(own);
    ck_assert_uint_eq(state.live, 0);
}
END_TEST

/* ---- bad input ---- */

/* Positions stand on a grid of 1e-15 of the cell: beyond 1e9 times the reach it would be
   too coarse for distances. */
START_TEST(test_endless_cell) {
    hop_structure *s = atoms(1);
    for (int a = 0; a < 3; a++) {
        s->cell[4 * a] = 10.0;
        s->periodic[a] = 1;
    }
    s->cell[8] = 1e16;
    ck_assert_int_eq(hop__neighbors_update(list, s, 4.0, 0.0), HOP_ERROR_RANGE);
    ck_assert_ptr_nonnull(
        strstr(hop_error_message(context), "lattice vectors below 4e+09"));
    s->cell[8] = 1e8;
    ck_assert_int_eq(hop__neighbors_update(list, s, 4.0, 0.0), HOP_OK);
    hop_structure_free(s);
}
END_TEST

START_TEST(test_too_many_images) {
    hop_structure *s = atoms(1);
    for (int a = 0; a < 3; a++) {
        s->cell[4 * a] = 1e-3;
        s->periodic[a] = 1;
    }
    ck_assert_int_eq(hop__neighbors_update(list, s, 1000.0, 0.0), HOP_ERROR_RANGE);
    ck_assert_ptr_nonnull(strstr(hop_error_message(context), "images"));
    /* a flat cell; then turns that no int holds */
    s->cell[0] = s->cell[4] = 0.01;
    s->cell[8] = 30.0;
    ck_assert_int_eq(hop__neighbors_update(list, s, 12.0, 1.0), HOP_ERROR_RANGE);
    ck_assert_ptr_nonnull(
        strstr(hop_error_message(context),
               "a cell of heights 0.01, 0.01 and 30 has 6.77e+06 "
               "images within a reach of 13, expected at most 4e+06"));
    s->periodic[0] = 0;
    s->cell[4] = 1e-9;
    ck_assert_int_eq(hop__neighbors_update(list, s, 12.0, 1.0), HOP_ERROR_RANGE);
    ck_assert_ptr_nonnull(
        strstr(hop_error_message(context), "heights no, 1e-09 and 30"));
    s->periodic[0] = 1;
    for (int a = 0; a < 3; a++)
        s->cell[4 * a] = 2.0;
    ck_assert_int_eq(hop__neighbors_update(list, s, 3.0, 0.0), HOP_OK);
    ck_assert_uint_eq(assert_exact(s, 3.0), 18);
    hop_structure_free(s);
}
END_TEST

START_TEST(test_singular_cells) {
    const struct {
        double cell[9];
        int32_t periodic[3];
    } bad[] = {
        {{1, 0, 0, 2, 0, 0, 0, 0, 1}, {1, 1, 1}},
        {{1, 0, 0, 2, 0, 0, 0, 0, 1}, {1, 1, 0}},
        {{0, 0, 0, 0, 1, 0, 0, 0, 1}, {1, 0, 0}},
        {{1, 2, 3, 4, 5, 6, 5, 7, 9}, {1, 1, 1}},
    };
    hop_structure *s = atoms(2);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        memcpy(s->cell, bad[k].cell, sizeof bad[k].cell);
        memcpy(s->periodic, bad[k].periodic, sizeof bad[k].periodic);
        ck_assert_int_eq(hop__neighbors_update(list, s, 3.0, 0.0), HOP_ERROR_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(hop_error_message(context), "independent"));
    }
    hop_structure_free(s);
}
END_TEST

static int grow_and_free(hop_context *failing, void *data) {
    hop_structure **sizes = data;
    hop__neighbors *made;
    int status = hop__neighbors_new(failing, &made);
    if (status != HOP_OK) {
        ck_assert_ptr_null(made);
        return status;
    }
    for (int k = 0; k < 2 && status == HOP_OK; k++)
        status = hop__neighbors_update(made, sizes[k], 4.0, 0.3);
    if (status != HOP_OK) { /* a list that failed can be used again */
        int again = hop__neighbors_update(made, sizes[0], 4.0, 0.3);
        ck_assert(again == HOP_OK || again == HOP_ERROR_MEMORY);
    }
    hop__neighbors_free(made);
    return status;
}

START_TEST(test_failing_memory) {
    hop__random r = hop__random_start(5, 0);
    hop_structure *sizes[2] = {atoms(20), atoms(260)};
    random_structure(&r, sizes[0], 5.0);
    random_structure(&r, sizes[1], 11.0);
    ck_assert_uint_gt(support_torture(grow_and_free, sizes), 10);
    hop_structure_free(sizes[0]);
    hop_structure_free(sizes[1]);
    hop__neighbors_free(NULL);
}
END_TEST

int main(int argc, char **argv) {
    Suite *suite = suite_create("neighbors");
    if (argc > 1 && strcmp(argv[1], "slow") == 0) {
        TCase *slow = tcase_create("slow");
        tcase_add_checked_fixture(slow, setup, teardown);
        tcase_set_timeout(slow, 3600);
        tcase_add_loop_test(slow, test_very_many_random_cells, 0, 10);
        suite_add_tcase(suite, slow);
        return support_main(suite);
    }
    TCase *tests = tcase_create("neighbors");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_random_cells);
    tcase_add_test(tests, test_random_cells_with_bins);
    tcase_add_test(tests, test_lattice_on_bin_edges);
    tcase_add_test(tests, test_one_atom_many_images);
    tcase_add_test(tests, test_nothing_near);
    tcase_add_test(tests, test_huge_positions);
    tcase_add_test(tests, test_long_rows);
    tcase_add_test(tests, test_flung_atom);
    tcase_add_test(tests, test_atoms_many_cells_away);
    tcase_add_test(tests, test_skin);
    tcase_add_test(tests, test_does_not_depend_on_the_past);
    tcase_add_test(tests, test_when_it_is_rebuilt);
    tcase_add_test(tests, test_threads_do_not_matter);
    tcase_add_test(tests, test_steady_state_allocates_nothing);
    tcase_add_test(tests, test_endless_cell);
    tcase_add_test(tests, test_too_many_images);
    tcase_add_test(tests, test_singular_cells);
    tcase_add_test(tests, test_failing_memory);
    suite_add_tcase(suite, tests);
    return support_main(suite);
}
