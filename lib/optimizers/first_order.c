/* Gradient descent and Adam.  Units inside: f = F / stiffness is a length. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "optimizers/descent.h"

typedef struct state {
    const hop__settings *settings;
    hop__rows rows;
    double cap, unit; /* angstrom; 1/stiffness */
    double length;
    double *m, *square; /* means; square: one per row */
    double *step;
    int64_t steps;
} state;

double hop__descent_farthest(const hop__rows *rows, const double *step) {
    const size_t atoms = rows->count - rows->strains;
    double moved = hop__max_norm3(step, atoms);
    double strained = hop__max_norm3(step + 3 * atoms, rows->strains);
    return fmax(moved, strained / rows->leeway);
}

void hop__descent_move(const hop__rows *rows, const double *x, const double *step,
                       double square, double cap, double *next) {
    double scale = 1.0;
    if (!(square <= cap * cap)) { /* else no atom can be beyond */
        double largest = hop__descent_farthest(rows, step);
        scale = largest > cap ? cap / largest : 1.0;
    }
    for (size_t a = 0; a < 3 * rows->count; a++)
        next[a] = x[a] + scale * step[a];
}

static void start(void *opaque) {
    state *s = opaque;
    memset(s->m, 0, (7 * s->rows.count) * sizeof(double));
    s->steps = 0;
}

static int create(hop_context *context, const hop__descent_system *system,
                  const hop__settings *settings, void **out) {
    state *s = hop__allocate(context, 1, sizeof *s);
    double *block =
        s ? hop__allocate(context, 7 * system->rows.count, sizeof *block) : NULL;
    if (!block) {
        hop__release(context, s);
        return HOP_ERROR_MEMORY;
    }
    s->settings = settings;
    s->rows = system->rows;
    s->length = system->units.length;
    s->cap = settings->max_step * s->length;
    s->unit = 1.0 / system->units.stiffness;
    s->m = block;
    s->step = s->m + 3 * s->rows.count;
    s->square = s->step + 3 * s->rows.count;
    start(s);
    *out = s;
    return HOP_OK;
}

static void destroy(hop_context *context, void *opaque) {
    state *s = opaque;
    if (s)
        hop__release(context, s->m);
    hop__release(context, s);
}

static void move(const state *s, const double *x, double *next) {
    const double square = hop__dot(s->step, s->step, 3 * s->rows.count);
    hop__descent_move(&s->rows, x, s->step, square, s->cap, next);
}

static void gradient_descent_step(void *opaque, const double *x, double energy,
                                  const double *forces, double *next) {
    state *s = opaque;
    (void)energy;
    for (size_t a = 0; a < 3 * s->rows.count; a++)
        s->step[a] = s->settings->rate * s->unit * forces[a];
    move(s, x, next);
}

/* Kingma and Ba (2015), with one second moment per atom so that the run does not depend
   on the orientation. */
static void adam_step(void *opaque, const double *x, double energy,
                      const double *forces, double *next) {
    state *s = opaque;
    const double b1 = s->settings->decay1, b2 = s->settings->decay2;
    (void)energy;
    s->steps++;
    const double fix1 = 1.0 - hop__power(b1, (double)s->steps);
    const double fix2 = 1.0 - hop__power(b2, (double)s->steps);
    for (size_t i = 0; i < s->rows.count; i++) {
        const double *f = forces + 3 * i;
        double norm = s->unit * sqrt(hop__dot(f, f, 3));
        double unit = norm > s->length ? s->unit * s->length / norm : s->unit;
        double square = hop__dot(f, f, 3) * unit * unit / 3.0;
        s->square[i] = b2 * s->square[i] + (1.0 - b2) * square;
        double scale = s->settings->rate * s->length /
                       (sqrt(s->square[i] / fix2) + s->settings->epsilon * s->length);
        for (size_t a = 3 * i; a < 3 * i + 3; a++) {
            s->m[a] = b1 * s->m[a] + (1.0 - b1) * unit * forces[a];
            s->step[a] = scale * s->m[a] / fix1;
        }
    }
    move(s, x, next);
}

void hop__first_order_record(void *opaque, hop__record *record) {
    state *s = opaque;
    hop__record_part(record, s->m, 7 * s->rows.count * sizeof *s->m);
    HOP__RECORD_COUNT(record, s->steps);
}

const hop__descent_kind hop__gradient_descent_kind = {
    "gradient-descent", create, destroy, start, NULL, NULL, gradient_descent_step};
const hop__descent_kind hop__adam_kind = {"adam", create, destroy,  start,
                                          NULL,   NULL,   adam_step};
