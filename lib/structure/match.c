/* Are two structures the same minimum?
 *
 * Clusters: both are centred.  Sorted by their distance to the centre, atoms of each
 * element must agree one by one: that decides most pairs.  Then two atoms of `a` that span
 * a frame with the centre, chosen so that few atoms of `b` can be theirs, are laid on each
 * possible pair of `b`, as they are and mirrored; where each atom then finds one of its own
 * in `b`, the frame is refined (Horn, J. Opt. Soc. Am. A 4 (1987) 629) and the largest
 * distance decides.  If the structures can be superposed within the tolerance, one of the
 * frames tried comes close to it.
 *
 * In a cell: an atom of the rarest element is laid on each of its kind in turn. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/sort.h"
#include "base/vector_math.h"
#include "structure/structure.h"
#include "structure/superpose.h"

#define REFINEMENTS 4

typedef struct atom {
    int32_t number;
    size_t index;
    double radius; /* distance to the centre */
} atom;

typedef struct matcher {
    hop_context *context;
    const hop_structure *a, *b;
    size_t count;
    double tolerance;
    double reach, slope;  /* before the frame is refined atoms may be reach + slope *
                                radius apart */
    double *x, *y;        /* positions, centred */
    double centre[2][3];  /* of a and b */
    atom *in_a, *in_b;    /* by element, then distance to the centre */
    size_t *to, *best_to; /* which atom of b an atom of a is */
    bool *taken;
    double cell[9], inverse[9]; /* periodic */
    hop_match *match;
} matcher;

/* ---- making ---- */

static bool before(const void *a, const void *b) {
    const atom *p = a, *q = b;
    if (p->number != q->number)
        return p->number < q->number;
    return p->radius != q->radius ? p->radius < q->radius : p->index < q->index;
}

static void centre(const hop_structure *s, double *x, double c[3], atom *atoms) {
    const size_t n = s->count;
    for (int k = 0; k < 3; k++)
        c[k] = 0.0;
    for (size_t k = 0; k < 3 * n; k++)
        c[k % 3] += s->positions[k] / (double)n;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 3; k++)
            x[3 * i + k] = s->positions[3 * i + k] - c[k];
        atoms[i] = (atom){s->numbers[i], i, sqrt(hop__dot(x + 3 * i, x + 3 * i, 3))};
    }
    hop__sort(atoms, n, sizeof *atoms, before);
}

static int allocate(matcher *m) {
    const size_t n = m->count;
    char *block = hop__allocate(m->context, n,
                                6 * sizeof(double) + 2 * sizeof(atom) +
                                    2 * sizeof(size_t) + sizeof(bool));
    if (!block)
        return HOP_ERROR_MEMORY;
    m->x = (double *)(void *)block;
    m->y = m->x + 3 * n;
    m->in_a = (atom *)(void *)(m->y + 3 * n);
    m->in_b = m->in_a + n;
    m->to = (size_t *)(void *)(m->in_b + n);
    m->best_to = m->to + n;
    m->taken = (bool *)(void *)(m->best_to + n);
    return HOP_OK;
}

static double distance(const double a[3], const double b[3]) {
    const double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    return sqrt(hop__dot(d, d, 3));
}

static void rotate(const double r[9], const double x[3], double out[3]) {
    for (int k = 0; k < 3; k++)
        out[k] = hop__dot(r + 3 * k, x, 3);
}

/* ---- clusters ---- */

/* The first atom of b at or beyond (number, radius). */
static size_t first_from(const matcher *m, int32_t number, double radius) {
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const atom *p = &m->in_b[middle];
        if (p->number < number || (p->number == number && p->radius < radius))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Each atom of a, turned by r, takes the nearest free atom of its element within reach, of
   those as far from the centre within the tolerance.  False when one finds none. */
static bool assign(matcher *m, const double r[9]) {
    memset(m->taken, 0, m->count * sizeof *m->taken);
    for (size_t i = 0; i < m->count; i++) {
        const atom *p = &m->in_a[i];
        const double reach = m->reach + m->slope * p->radius;
        double turned[3], least = reach;
        size_t nearest = m->count;
        rotate(r, m->x + 3 * p->index, turned);
        for (size_t k = first_from(m, p->number, p->radius - m->tolerance);
             k < m->count && m->in_b[k].number == p->number &&
             m->in_b[k].radius <= p->radius + m->tolerance;
             k++) {
            if (m->taken[k])
                continue;
            double d = distance(turned, m->y + 3 * m->in_b[k].index);
            if (d <= least) {
                least = d;
                nearest = k;
            }
        }
        if (nearest == m->count)
            return false;
        m->taken[nearest] = true;
        m->to[p->index] = m->in_b[nearest].index;
    }
    return true;
}

/* Keep this way of laying a on b when its largest distance is the least so far. */
static void keep(matcher *m, const double r[9], double largest, double square) {
    hop_match *best = m->match;
    if (!(largest < best->largest))
        return;
    best->largest = largest;
    best->rms = sqrt(square / (double)m->count);
    best->mirrored = hop__determinant3(r) < 0.0;
    memcpy(best->rotation, r, sizeof best->rotation);
    memcpy(m->best_to, m->to, m->count * sizeof *m->to);
}

static void measure(const matcher *m, const double r[9], double *largest,
                    double *square) {
    *largest = *square = 0.0;
    for (size_t i = 0; i < m->count; i++) {
        double turned[3];
        rotate(r, m->x + 3 * i, turned);
        double d = distance(turned, m->y + 3 * m->to[i]);
        *largest = fmax(*largest, d);
        *square += d * d;
    }
}

static void try_frame(matcher *m, double r[9], bool mirrored) {
    double last = INFINITY;
    for (int k = 0; k < REFINEMENTS && assign(m, r); k++) {
        double largest, square;
        hop__superpose(m->count, m->x, m->y, m->to, mirrored, r);
        measure(m, r, &largest, &square);
        keep(m, r, largest, square);
        if (largest >= last)
            break;
        last = largest;
    }
}

/* Distance of a point from the axis through the origin and p. */
static double off_axis(const double x[3], const double p[3]) {
    double normal[3];
    hop__cross(x, p, normal);
    return sqrt(hop__dot(normal, normal, 3) / hop__dot(p, p, 3));
}

/* Atoms of b that may be atom `p` of a, by their distance to the centre. */
static size_t candidates(const matcher *m, const atom *p, size_t *first) {
    size_t k = *first = first_from(m, p->number, p->radius - m->tolerance);
    while (k < m->count && m->in_b[k].number == p->number &&
           m->in_b[k].radius <= p->radius + m->tolerance)
        k++;
    return k - *first;
}

/* Of the atoms whose lever is at least half the longest, the one with fewest candidates;
   the lever is measured from the centre, or from the axis through `axis`. */
static const atom *choose(const matcher *m, const double *axis, double *lever) {
    double longest = 0.0;
    size_t fewest = SIZE_MAX, first;
    const atom *chosen = NULL;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < m->count; i++) {
            const atom *p = &m->in_a[i];
            double l = axis ? off_axis(m->x + 3 * p->index, axis) : p->radius;
            if (pass == 0) {
                longest = fmax(longest, l);
            } else if (l >= 0.5 * longest) {
                size_t count = candidates(m, p, &first);
                if (count < fewest) {
                    fewest = count;
                    chosen = p;
                    *lever = l;
                }
            }
        }
    return chosen;
}

/* Element by element, each sorted by distance to the centre. */
static bool same_radii(const matcher *m) {
    for (size_t i = 0; i < m->count; i++)
        if (m->in_a[i].number != m->in_b[i].number ||
            fabs(m->in_a[i].radius - m->in_b[i].radius) > m->tolerance)
            return false;
    return true;
}

static void match_cluster(matcher *m) {
    double arm = 0.0, lever = 0.0, r[9], most = 0.0;
    if (!same_radii(m))
        return;
    for (size_t i = 0; i < m->count; i++)
        most = fmax(most, m->in_a[i].radius);
    const atom *p = choose(m, NULL, &arm);
    const double *at_p = m->x + 3 * p->index;
    if (arm <= m->tolerance) { /* all in one place */
        const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
        memcpy(r, identity, sizeof r);
        m->reach = 4.0 * m->tolerance;
        try_frame(m, r, false);
        return;
    }
    const atom *q = choose(m, at_p, &lever);
    const double *at_q = m->x + 3 * q->index;
    const double apart = distance(at_p, at_q);
    lever = fmax(lever, 0.1 * most); /* all on one line: what is off it is near it */
    m->reach = 2.0 * m->tolerance;
    m->slope = 2.0 * m->tolerance * (1.0 / arm + 1.0 / lever);
    size_t first_p, first_q, count_p = candidates(m, p, &first_p);
    size_t count_q = candidates(m, q, &first_q);
    for (size_t i = first_p; i < first_p + count_p; i++)
        for (size_t j = first_q; j < first_q + count_q; j++) {
            const double *s = m->y + 3 * m->in_b[i].index;
            const double *t = m->y + 3 * m->in_b[j].index;
            if (fabs(distance(s, t) - apart) > 2.0 * m->tolerance ||
                hop__dot(s, s, 3) == 0.0)
                continue;
            for (int mirrored = 0; mirrored < 2; mirrored++) {
                hop__rotation_between(at_p, at_q, s, t, mirrored, r);
                try_frame(m, r, mirrored);
                if (m->match->largest <= 1e-3 * m->tolerance)
                    return;
            }
        }
}

/* ---- periodic structures ---- */

/* Rows of directions that are not periodic become unit vectors normal to the others. */
static bool complete_cell(matcher *m) {
    memcpy(m->cell, m->a->cell, sizeof m->cell);
    for (int k = 0; k < 3; k++) {
        if (m->a->periodic[k])
            continue;
        const int next = (k + 1) % 3, after = (k + 2) % 3;
        double *row = m->cell + 3 * k, *p = m->cell + 3 * next;
        double *q = m->cell + 3 * after;
        double rows[9];
        const bool have_p = m->a->periodic[next] || next < k;
        const bool have_q = m->a->periodic[after] || after < k;
        const double any[3] = {0.0, 0.0, 0.0};
        hop__frame_of(have_p ? p : q, have_p && have_q ? q : any, rows);
        memcpy(row, rows + 6, 3 * sizeof *row);
    }
    return hop__invert3(m->cell, m->inverse);
}

/* As far as rounding; equally periodic too. */
static bool same_cell(const hop_structure *a, const hop_structure *b, double *change) {
    double scale = 0.0;
    *change = 0.0;
    for (int k = 0; k < 9; k++) {
        if (!a->periodic[k / 3])
            continue;
        scale = fmax(scale, fabs(a->cell[k]));
        *change = fmax(*change, fabs(a->cell[k] - b->cell[k]));
    }
    return memcmp(a->periodic, b->periodic, sizeof(int32_t[3])) == 0 &&
           *change <= 1e-6 * scale;
}

bool hop__structure_same_cell(const hop_structure *a, const hop_structure *b) {
    double change;
    return same_cell(a, b, &change);
}

/* Tolerances must be below half the cell's least height: then one image is the nearest. */
static int check_cell(matcher *m) {
    double change;
    if (!same_cell(m->a, m->b, &change))
        return hop__fail(
            m->context, HOP_ERROR_ARGUMENT,
            "match: expected the same cell and periodicity, got cells that "
            "differ by %g",
            change);
    if (!complete_cell(m))
        return hop__fail(m->context, HOP_ERROR_ARGUMENT,
                         "match: expected independent lattice vectors");
    for (int k = 0; k < 3; k++) {
        const double column[3] = {m->inverse[k], m->inverse[3 + k], m->inverse[6 + k]};
        const double height = 1.0 / sqrt(hop__dot(column, column, 3));
        if (m->a->periodic[k] && 4.0 * m->tolerance > height)
            return hop__fail(
                m->context, HOP_ERROR_ARGUMENT,
                "match: expected a tolerance below a quarter of the cell's "
                "height %g, got %g",
                height, m->tolerance);
    }
    return HOP_OK;
}

/* From x, moved by `shift`, to the nearest image of y. */
static void nearest_image(const matcher *m, const double *x, const double shift[3],
                          const double *y, double d[3]) {
    double fraction[3];
    for (int k = 0; k < 3; k++)
        d[k] = y[k] - x[k] - shift[k];
    for (int k = 0; k < 3; k++) {
        fraction[k] =
            d[0] * m->inverse[k] + d[1] * m->inverse[3 + k] + d[2] * m->inverse[6 + k];
        fraction[k] = m->a->periodic[k] ? rint(fraction[k]) : 0.0;
    }
    for (int k = 0; k < 3; k++)
        d[k] -= fraction[0] * m->cell[k] + fraction[1] * m->cell[3 + k] +
                fraction[2] * m->cell[6 + k];
}

/* Each atom takes the nearest free one within reach; `mean` receives what is left. */
static bool assign_images(matcher *m, const double shift[3], double mean[3],
                          double *largest, double *square) {
    memset(m->taken, 0, m->count * sizeof *m->taken);
    memset(mean, 0, 3 * sizeof *mean);
    *largest = *square = 0.0;
    for (size_t i = 0; i < m->count; i++) {
        double least = m->reach * m->reach, left[3] = {0.0, 0.0, 0.0};
        size_t nearest = m->count;
        for (size_t j = 0; j < m->count; j++) {
            double d[3];
            if (m->taken[j] || m->a->numbers[i] != m->b->numbers[j])
                continue;
            nearest_image(m, m->a->positions + 3 * i, shift, m->b->positions + 3 * j,
                          d);
            double d2 = hop__dot(d, d, 3);
            if (d2 <= least) {
                least = d2;
                nearest = j;
                memcpy(left, d, sizeof left);
            }
        }
        if (nearest == m->count)
            return false;
        m->taken[nearest] = true;
        m->to[i] = nearest;
        *largest = fmax(*largest, sqrt(least));
        *square += least;
        for (int k = 0; k < 3; k++)
            mean[k] += left[k] / (double)m->count;
    }
    return true;
}

static void try_shift(matcher *m, double shift[3]) {
    const double identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    double mean[3], largest, square, last = INFINITY;
    for (int k = 0; k < REFINEMENTS; k++) {
        if (!assign_images(m, shift, mean, &largest, &square))
            return;
        if (largest < m->match->largest)
            memcpy(m->match->shift, shift, sizeof m->match->shift);
        keep(m, identity, largest, square);
        if (largest >= last)
            return;
        last = largest;
        for (int c = 0; c < 3; c++)
            shift[c] += mean[c];
    }
}

/* An atom of the rarest element of a. */
static size_t rarest(const matcher *m) {
    size_t best = 0, fewest = SIZE_MAX;
    for (size_t i = 0, run = 1; i < m->count; i++, run++)
        if (i + 1 == m->count || m->in_a[i + 1].number != m->in_a[i].number) {
            if (run < fewest) {
                fewest = run;
                best = m->in_a[i].index;
            }
            run = 0;
        }
    return best;
}

static int match_periodic(matcher *m) {
    int status = check_cell(m);
    if (status != HOP_OK)
        return status;
    const size_t i = rarest(m);
    const double none[3] = {0.0, 0.0, 0.0};
    m->reach = 2.0 * m->tolerance;
    for (size_t j = 0; j < m->count; j++) {
        double shift[3];
        if (m->b->numbers[j] != m->a->numbers[i])
            continue;
        nearest_image(m, m->a->positions + 3 * i, none, m->b->positions + 3 * j, shift);
        try_shift(m, shift);
        if (m->match->largest <= 1e-3 * m->tolerance)
            break;
    }
    return HOP_OK;
}

/* ---- the whole ---- */

static bool same_composition(const matcher *m) {
    for (size_t i = 0; i < m->count; i++)
        if (m->in_a[i].number != m->in_b[i].number)
            return false;
    return true;
}

static void finish(matcher *m, int64_t *permutation) {
    hop_match *match = m->match;
    match->same = match->largest <= m->tolerance;
    if (!isfinite(match->largest))
        return;
    if (!hop__structure_is_periodic(m->a)) { /* b = rotation a + shift */
        double turned[3];
        rotate(match->rotation, m->centre[0], turned);
        for (int k = 0; k < 3; k++)
            match->shift[k] = m->centre[1][k] - turned[k];
    }
    for (size_t i = 0; permutation && i < m->count; i++)
        permutation[i] = (int64_t)m->best_to[i];
}

static int run(matcher *m, int64_t *permutation) {
    int status = allocate(m);
    if (status != HOP_OK)
        return status;
    centre(m->a, m->x, m->centre[0], m->in_a);
    centre(m->b, m->y, m->centre[1], m->in_b);
    if (hop__structure_is_periodic(m->a) || hop__structure_is_periodic(m->b)) {
        if (same_composition(m))
            status = match_periodic(m);
    } else {
        match_cluster(m);
    }
    if (status == HOP_OK)
        finish(m, permutation);
    hop__release(m->context, m->x);
    return status;
}

int hop_structure_match(const hop_structure *a, const hop_structure *b,
                        double tolerance, int64_t *permutation, hop_match *match) {
    hop_context *context = a ? a->context : NULL;
    if (!a || !b || !match)
        return hop__missing(context, "a, b or match");
    if (match->size < sizeof *match)
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "hop_match: expected size %zu, got %zu", sizeof *match,
                         match->size);
    if (!(tolerance > 0.0 && tolerance < INFINITY))
        return hop__fail(context, HOP_ERROR_ARGUMENT,
                         "match: expected a positive tolerance, got %g", tolerance);
    *match = (hop_match){.size = match->size,
                         .largest = INFINITY,
                         .rms = INFINITY,
                         .rotation = {1, 0, 0, 0, 1, 0, 0, 0, 1}};
    int status = hop__structure_check(context, a);
    if (status == HOP_OK)
        status = hop__structure_check(context, b);
    if (status != HOP_OK || a->count != b->count)
        return status;
    matcher m = {.context = context,
                 .a = a,
                 .b = b,
                 .count = a->count,
                 .tolerance = tolerance,
                 .match = match};
    return run(&m, permutation);
}
