#include "structure/vicinity.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"

/* Of the planes that lattice vector a leads from one to the next. */
static double height(const hop__vicinity *v, int a) {
    const double *row = v->inverse + 3 * a;
    return 1.0 / sqrt(row[0] * row[0] + row[1] * row[1] + row[2] * row[2]);
}

/* Columns of the matrix whose rows are the lattice vectors' dual. */
static bool set_cell(hop__vicinity *v, const hop_structure *like) {
    double inverse[9];
    memcpy(v->cell, like->cell, sizeof v->cell);
    if (!hop__structure_is_periodic(like) || !hop__invert3(v->cell, inverse))
        return false;
    for (int a = 0; a < 3; a++) {
        v->periodic[a] = like->periodic[a] != 0;
        for (int c = 0; c < 3; c++)
            v->inverse[3 * a + c] = inverse[3 * c + a];
    }
    return true;
}

int hop__vicinity_new(hop_context *context, const hop_structure *like, double reach,
                      hop__vicinity **out) {
    *out = NULL;
    hop__vicinity *v = hop__allocate(context, 1, sizeof *v);
    if (!v)
        return HOP_ERROR_MEMORY;
    v->context = context;
    v->count = like->count;
    v->reach = reach;
    if (set_cell(v, like))
        for (int a = 0; a < 3; a++)
            v->images[a] = v->periodic[a] ? (int)(reach / height(v, a) + 0.5) : 0;
    v->around =
        hop__allocate(context, HOP__VICINITY_MOST * v->count, sizeof *v->around);
    v->many = hop__allocate(context, v->count, sizeof *v->many);
    if (!v->around || !v->many) {
        hop__vicinity_free(v);
        return HOP_ERROR_MEMORY;
    }
    *out = v;
    return HOP_OK;
}

void hop__vicinity_free(hop__vicinity *v) {
    if (!v)
        return;
    hop__release(v->context, v->around);
    hop__release(v->context, v->many);
    hop__release(v->context, v);
}

/* ---- distances ---- */

static void shift(const hop__vicinity *v, double d[3], int a, double times) {
    for (int c = 0; c < 3; c++)
        d[c] += times * v->cell[3 * a + c];
}

void hop__vicinity_between(const hop__vicinity *v, const double a[3], const double b[3],
                           double d[3]) {
    const double straight[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]};
    memcpy(d, straight, sizeof straight);
    for (int k = 0; k < 3; k++) {
        const double *row = v->inverse + 3 * k;
        const double f =
            (straight[0] * row[0] + straight[2] * row[2]) + straight[1] * row[1];
        if (v->periodic[k])
            shift(v, d, k, -floor(f + 0.5));
    }
}

void hop__vicinity_wrap(const hop__vicinity *v, const double near[3], double place[3]) {
    double d[3];
    hop__vicinity_between(v, near, place, d);
    for (int c = 0; c < 3; c++)
        place[c] = near[c] + d[c];
}

/* ---- looking ---- */

static void keep(hop__vicinity *v, size_t i, size_t j, const double d[3], double sign,
                 double distance) {
    hop__neighbour *list = v->around + HOP__VICINITY_MOST * i;
    size_t at = v->many[i];
    if (at == HOP__VICINITY_MOST && list[at - 1].distance <= distance)
        return;
    at = at == HOP__VICINITY_MOST ? at - 1 : v->many[i]++;
    for (; at > 0 && list[at - 1].distance > distance; at--)
        list[at] = list[at - 1];
    list[at] = (hop__neighbour){{sign * d[0], sign * d[1], sign * d[2]}, distance, j};
}

/* All images of atom j that atom i can see, and back; of an atom's own images one of each
   pair is looked at. */
static void look_at_pair(hop__vicinity *v, const double *x, size_t i, size_t j) {
    const int *m = v->images;
    double nearest[3];
    hop__vicinity_between(v, x + 3 * i, x + 3 * j, nearest);
    for (int a = -m[0]; a <= m[0]; a++)
        for (int b = -m[1]; b <= m[1]; b++)
            for (int c = -m[2]; c <= m[2]; c++) {
                if (i == j && (a < 0 || (a == 0 && (b < 0 || (b == 0 && c <= 0)))))
                    continue;
                double d[3] = {nearest[0], nearest[1], nearest[2]};
                shift(v, d, 0, a);
                shift(v, d, 1, b);
                shift(v, d, 2, c);
                const double square = (d[0] * d[0] + d[2] * d[2]) + d[1] * d[1];
                if (!(square < v->reach * v->reach))
                    continue;
                keep(v, i, j, d, 1.0, sqrt(square));
                keep(v, j, i, d, -1.0, sqrt(square));
            }
}

void hop__vicinity_look(hop__vicinity *v, const double *x) {
    memset(v->many, 0, v->count * sizeof *v->many);
    for (size_t i = 0; i < v->count; i++)
        for (size_t j = 0; j <= i; j++)
            look_at_pair(v, x, i, j);
}
