/* L-BFGS without a line search, as global searches use it (Wales' GMIN): two-loop recursion
   (Nocedal, Math. Comp. 35 (1980) 773), a cap on the step, and a step that raises the
   energy too much is shortened. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "optimizers/descent.h"

#define MEMORY 20
#define SHORTENINGS 6
#define FIRST_STEP 0.15 /* of force over stiffness */

typedef struct state {
    const hop__settings *settings;
    size_t n, count; /* coordinates, atoms */
    double cap, unit, rise;
    double *s[MEMORY], *y[MEMORY], rho[MEMORY];
    size_t pairs, memory;
    bool have_last;
    int shortened;
    double energy;
    double *x, *f, *step, *block;
} state;

static void start(void *opaque) {
    state *s = opaque;
    s->pairs = 0;
    s->have_last = false;
    s->shortened = 0;
}

static int create(hop_context *context, const hop__descent_system *system,
                  const hop__settings *settings, void **out) {
    const size_t n = 3 * system->count, memory = (size_t)settings->memory;
    state *s = hop__allocate(context, 1, sizeof *s);
    double *block =
        s ? hop__allocate(context, (2 * memory + 3) * n, sizeof *block) : NULL;
    if (!block) {
        hop__release(context, s);
        return HOP_ERROR_MEMORY;
    }
    s->settings = settings;
    s->n = n;
    s->count = system->count;
    s->memory = memory;
    s->cap = settings->max_step * system->units.length;
    s->unit = 1.0 / system->units.stiffness;
    s->rise = settings->max_rise * system->units.energy;
    s->block = block;
    s->x = block;
    s->f = block + n;
    s->step = block + 2 * n;
    for (size_t k = 0; k < memory; k++) {
        s->s[k] = block + (3 + 2 * k) * n;
        s->y[k] = s->s[k] + n;
    }
    start(s);
    *out = s;
    return HOP_OK;
}

static void destroy(hop_context *context, void *opaque) {
    state *s = opaque;
    if (s)
        hop__release(context, s->block);
    hop__release(context, s);
}

/* The newest pair is last; one with no curvature is not kept. */
static void remember(state *s, const double *x, const double *f) {
    if (s->pairs == s->memory) {
        double *s0 = s->s[0], *y0 = s->y[0];
        for (size_t k = 1; k < s->pairs; k++) {
            s->s[k - 1] = s->s[k];
            s->y[k - 1] = s->y[k];
            s->rho[k - 1] = s->rho[k];
        }
        s->s[--s->pairs] = s0;
        s->y[s->pairs] = y0;
    }
    double *ds = s->s[s->pairs], *dy = s->y[s->pairs];
    for (size_t a = 0; a < s->n; a++) {
        ds[a] = x[a] - s->x[a];
        dy[a] = s->f[a] - f[a];
    }
    double sy = hop__dot(ds, dy, s->n);
    if (sy > 1e-6 * sqrt(hop__dot(ds, ds, s->n) * hop__dot(dy, dy, s->n)))
        s->rho[s->pairs++] = 1.0 / sy;
}

static void direction(state *s, const double *f) {
    double alpha[MEMORY], *d = s->step;
    if (s->pairs == 0) {
        for (size_t a = 0; a < s->n; a++)
            d[a] = FIRST_STEP * s->unit * f[a];
        return;
    }
    memcpy(d, f, s->n * sizeof *d);
    for (size_t k = s->pairs; k-- > 0;) {
        alpha[k] = s->rho[k] * hop__dot(s->s[k], d, s->n);
        hop__add_scaled(d, -alpha[k], s->y[k], s->n);
    }
    const double *y = s->y[s->pairs - 1];
    double gamma = 1.0 / (s->rho[s->pairs - 1] * hop__dot(y, y, s->n));
    for (size_t a = 0; a < s->n; a++)
        d[a] *= gamma;
    for (size_t k = 0; k < s->pairs; k++)
        hop__add_scaled(d, alpha[k] - s->rho[k] * hop__dot(s->y[k], d, s->n), s->s[k],
                        s->n);
    if (hop__dot(d, f, s->n) <= 0.0) {
        s->pairs = 0;
        direction(s, f);
    }
}

static void step(void *opaque, const double *x, double energy, const double *forces,
                 double *next) {
    state *s = opaque;
    if (s->have_last && energy > s->energy + s->rise && s->shortened < SHORTENINGS) {
        s->shortened++;
        for (size_t a = 0; a < s->n; a++)
            next[a] = s->x[a] + 0.25 * (x[a] - s->x[a]);
        return;
    }
    if (s->have_last)
        remember(s, x, forces);
    s->shortened = 0;
    direction(s, forces);
    memcpy(s->x, x, s->n * sizeof *x);
    memcpy(s->f, forces, s->n * sizeof *forces);
    s->energy = energy;
    s->have_last = true;
    hop__descent_move(s->count, x, s->step, s->cap, next);
}

const hop__descent_kind hop__lbfgs_kind = {"lbfgs", create, destroy, start, step};
