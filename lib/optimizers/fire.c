/* The FIRE family: damped dynamics of equal masses.  Units inside: f = F / stiffness is
   a length, time is in sqrt(mass / stiffness). */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "optimizers/descent.h"

typedef struct state {
    const hop__settings *settings;
    hop__rows rows;
    double cap, unit, length; /* angstrom; 1/stiffness; angstrom */
    double *v, *step;
    bool moving; /* not before the first step */
    double dt, alpha;
    int64_t downhill;
} state;

static void start(void *opaque) {
    state *s = opaque;
    memset(s->v, 0, 3 * s->rows.count * sizeof *s->v);
    s->moving = false;
    s->downhill = 0;
    s->dt = s->settings->dt;
    s->alpha = s->settings->alpha;
}

static int create(hop_context *context, const hop__descent_system *system,
                  const hop__settings *settings, void **out) {
    state *s = hop__allocate(context, 1, sizeof *s);
    double *block =
        s ? hop__allocate(context, 6 * system->rows.count, sizeof *block) : NULL;
    if (!block) {
        hop__release(context, s);
        return HOP_ERROR_MEMORY;
    }
    s->settings = settings;
    s->rows = system->rows;
    s->length = system->units.length;
    s->cap = settings->max_step * s->length;
    s->unit = 1.0 / system->units.stiffness;
    s->v = block;
    s->step = block + 3 * s->rows.count;
    start(s);
    *out = s;
    return HOP_OK;
}

static void destroy(hop_context *context, void *opaque) {
    state *s = opaque;
    if (s)
        hop__release(context, s->v);
    hop__release(context, s);
}

static void move(const state *s, const double *x, double *next) {
    const double square = hop__dot(s->step, s->step, 3 * s->rows.count);
    hop__descent_move(&s->rows, x, s->step, square, s->cap, next);
}

/* v = scale ((1 - alpha) v + alpha |v| f / |f|) */
static void turn(state *s, const double *forces, double scale) {
    const size_t n = 3 * s->rows.count;
    double ff = hop__dot(forces, forces, n);
    double ratio = ff > 0.0 ? sqrt(hop__dot(s->v, s->v, n) / ff) : 0.0;
    for (size_t a = 0; a < n; a++)
        s->v[a] = scale * ((1.0 - s->alpha) * s->v[a] + s->alpha * ratio * forces[a]);
}

static void accelerate(state *s, const double *forces) {
    for (size_t a = 0; a < 3 * s->rows.count; a++)
        s->v[a] += s->dt * s->unit * forces[a];
}

static void longer_steps(state *s) {
    s->dt = fmin(s->dt * s->settings->increase, s->settings->dt_max);
    s->alpha *= s->settings->alpha_decrease;
}

/* Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006), with semi-implicit Euler and
   velocities zeroed uphill, rule for rule as in ASE; the displacement is capped (the
   largest of an atom, where ASE caps the norm of all), not the velocity. */
static void fire_step(void *opaque, const double *x, double energy,
                      const double *forces, double *next) {
    state *s = opaque;
    const size_t n = 3 * s->rows.count;
    (void)energy;
    if (s->moving && hop__dot(s->v, forces, n) > 0.0) {
        turn(s, forces, 1.0);
        if (s->downhill++ > (int64_t)s->settings->delay)
            longer_steps(s);
    } else if (s->moving) {
        memset(s->v, 0, n * sizeof *s->v);
        s->dt *= s->settings->decrease;
        s->alpha = s->settings->alpha;
        s->downhill = 0;
    }
    s->moving = true;
    accelerate(s, forces);
    for (size_t a = 0; a < n; a++)
        s->step[a] = s->dt * s->v[a];
    move(s, x, next);
}

/* No atom goes farther than the cap in a time step. */
static void limit_velocities(state *s) {
    const size_t atoms = s->rows.count - s->rows.strains;
    for (size_t i = 0; i < s->rows.count; i++) {
        const double limit = (i < atoms ? s->cap : s->cap * s->rows.leeway) / s->dt;
        double *v = s->v + 3 * i;
        const double square = hop__dot(v, v, 3);
        if (!(square > limit * limit))
            continue;
        const double shrink = limit / sqrt(square);
        for (size_t c = 0; c < 3; c++)
            v[c] *= shrink;
    }
}

/* FIRE 2.0: Guenole et al., Comput. Mater. Sci. 175, 109584 (2020), semi-implicit
   Euler: velocities are mixed after they are accelerated, and uphill half a step is
   taken back. With `abc` the mixture is freed from the bias of a start at rest:
   Echeverri Restrepo and Andric, Comput. Mater. Sci. 218, 111978 (2023).  A step from rest
   is then 1 / alpha times as long, so the shortest time step must be sqrt(alpha) times that
   without: else the atoms leap from uphill to uphill and never come down.  As in LAMMPS and
   ASE velocities are limited with it, but those of atoms, not of components. */
static void fire2_step(void *opaque, const double *x, double energy,
                       const double *forces, double *next) {
    state *s = opaque;
    const hop__settings *o = s->settings;
    const size_t n = 3 * s->rows.count;
    const double shortest = o->abc != 0.0 ? sqrt(o->alpha) * o->dt_min : o->dt_min;
    double back = 0.0, scale = 1.0;
    (void)energy;
    if (s->moving && hop__dot(s->v, forces, n) > 0.0) {
        if (++s->downhill > (int64_t)o->delay)
            longer_steps(s);
    } else if (s->moving) {
        s->downhill = 0;
        s->dt = fmax(s->dt * o->decrease, shortest);
        s->alpha = o->alpha;
        back = 0.5 * s->dt;
    }
    s->moving = true;
    for (size_t a = 0; a < n; a++)
        s->step[a] = -back * s->v[a];
    if (back > 0.0)
        memset(s->v, 0, n * sizeof *s->v);
    accelerate(s, forces);
    if (o->abc != 0.0) {
        double decay =
            hop__power(1.0 - fmax(s->alpha, 1e-10), (double)s->downhill + 1.0);
        scale = 1.0 / (1.0 - decay);
    }
    turn(s, forces, scale);
    if (o->abc != 0.0)
        limit_velocities(s);
    hop__add_scaled(s->step, s->dt, s->v, n);
    move(s, x, next);
}

/* out = u / sqrt(1 + |u|^2 / limit^2), row by row. */
static void soften(const hop__rows *rows, const double *u, double scale, double limit,
                   double *out) {
    for (size_t i = 0; i < rows->count; i++) {
        const double *p = u + 3 * i;
        if (i == rows->count - rows->strains)
            limit *= rows->leeway;
        double square = scale * scale * ((p[0] * p[0] + p[2] * p[2]) + p[1] * p[1]);
        double shrink = scale / sqrt(1.0 + square / (limit * limit));
        for (size_t c = 0; c < 3; c++)
            out[3 * i + c] = shrink * p[c];
    }
}

/* FIRE without its branches: a fixed time step, and a friction that grows smoothly when
   the velocity turns against the force, friction + brake / (1 + exp(sharpness cos(f,
   v))). Own to this library. */
static void smooth_fire_step(void *opaque, const double *x, double energy,
                             const double *forces, double *next) {
    state *s = opaque;
    const hop__settings *o = s->settings;
    const size_t n = 3 * s->rows.count;
    (void)energy;
    double norms = sqrt(hop__dot(s->v, s->v, n)) * sqrt(hop__dot(forces, forces, n));
    double cosine = norms > 0.0 ? hop__dot(s->v, forces, n) / norms : 1.0;
    double friction = o->friction + o->brake * hop__sigmoid(-o->sharpness * cosine);
    soften(&s->rows, forces, s->unit, o->soft_force * s->length, s->step);
    for (size_t a = 0; a < n; a++) {
        s->v[a] = (1.0 - friction) * s->v[a] + o->dt * s->step[a];
        s->step[a] = o->dt * s->v[a];
    }
    soften(&s->rows, s->step, 1.0, s->cap, s->step);
    for (size_t a = 0; a < n; a++)
        next[a] = x[a] + s->step[a];
}

void hop__fire_record(void *opaque, hop__record *record) {
    state *s = opaque;
    hop__record_part(record, s->v, 6 * s->rows.count * sizeof *s->v);
    hop__record_flag(record, &s->moving);
    HOP__RECORD(record, s->dt);
    HOP__RECORD(record, s->alpha);
    HOP__RECORD_COUNT(record, s->downhill);
}

const hop__descent_kind hop__fire_kind = {"fire", create, destroy,  start,
                                          NULL,   NULL,   fire_step};
const hop__descent_kind hop__fire2_kind = {"fire2", create, destroy,   start,
                                           NULL,    NULL,   fire2_step};
const hop__descent_kind hop__smooth_fire_kind = {
    "smooth-fire", create, destroy, start, NULL, NULL, smooth_fire_step};
