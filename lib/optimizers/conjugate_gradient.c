/* Conjugate gradients: Polak and Ribiere (1969), never with a negative beta (Gilbert
   and Nocedal, SIAM J. Optim. 2 (1992) 21).  The line search is told one point at a
   time and mostly content with the first: the step is the one that was right for the
   curvature seen last, and a point is taken when the energy fell enough and the slope
   along the line is small.  Otherwise the next point is where the secant of the slopes
   is zero, kept inside what is known to bracket the minimum. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "optimizers/descent.h"

#define DECREASE 1e-4 /* of the linear prediction, at least */
#define TRIALS 10     /* points on one line */
#define FIRST_STEP 0.15
#define SHORTEST 0.02

typedef struct state {
    const hop__settings *settings;
    hop__rows rows;
    size_t n;
    double cap, unit;
    double *x, *f, *d; /* where the line begins, the force there, the direction */
    double energy, slope, curvature; /* slope: f.d > 0; curvature per |d|^2 */
    double t, low, high,
        low_slope; /* the trial; the bracket, and the slope at its end */
    double length; /* of the last step that was taken */
    bool on_line;
    int trials;
} state;

static void start(void *opaque) {
    state *s = opaque;
    s->on_line = false;
    s->length = 0.0;
    s->curvature = 1.0 / (FIRST_STEP * s->unit);
    memset(s->d, 0, s->n * sizeof *s->d);
    memset(s->f, 0, s->n * sizeof *s->f);
}

static int create(hop_context *context, const hop__descent_system *system,
                  const hop__settings *settings, void **out) {
    const size_t n = 3 * system->rows.count;
    state *s = hop__allocate(context, 1, sizeof *s);
    double *block = s ? hop__allocate(context, 3 * n, sizeof *block) : NULL;
    if (!block) {
        hop__release(context, s);
        return HOP_ERROR_MEMORY;
    }
    s->settings = settings;
    s->rows = system->rows;
    s->n = n;
    s->cap = settings->max_step * system->units.length;
    s->unit = 1.0 / system->units.stiffness;
    s->x = block;
    s->f = block + n;
    s->d = block + 2 * n;
    start(s);
    *out = s;
    return HOP_OK;
}

static void destroy(hop_context *context, void *opaque) {
    state *s = opaque;
    if (s)
        hop__release(context, s->x);
    hop__release(context, s);
}

/* The new direction from the forces here and at the last line's beginning. */
static void turn(state *s, const double *forces) {
    double before = hop__dot(s->f, s->f, s->n), now = hop__dot(forces, forces, s->n);
    double beta = before > 0.0 ? (now - hop__dot(forces, s->f, s->n)) / before : 0.0;
    beta = beta > 0.0 && isfinite(beta) ? beta : 0.0;
    for (size_t a = 0; a < s->n; a++)
        s->d[a] = forces[a] + beta * s->d[a];
    s->slope = hop__dot(s->d, forces, s->n);
    if (!(s->slope > 0.0)) {
        memcpy(s->d, forces, s->n * sizeof *s->d);
        s->slope = now;
    }
}

static void begin_line(state *s, const double *x, double energy, const double *forces) {
    turn(s, forces);
    memcpy(s->x, x, s->n * sizeof *x);
    memcpy(s->f, forces, s->n * sizeof *forces);
    s->energy = energy;
    s->on_line = true;
    s->trials = 0;
    s->low = 0.0;
    s->high = INFINITY;
    s->low_slope = s->slope;
    /* not far shorter than the last step: a wall says little about what is behind it */
    double longest = s->cap / hop__descent_farthest(&s->rows, s->d);
    double dd = hop__dot(s->d, s->d, s->n), shortest = SHORTEST * s->length / sqrt(dd);
    s->t = fmin(fmax(s->slope / (s->curvature * dd), shortest), longest);
}

/* The trial t when the slope there is known: the minimum is beyond while it is
 * positive. */
static void narrow(state *s, double slope, bool too_high) {
    double from = s->low, from_slope = s->low_slope, t = s->t, zero = INFINITY;
    if (slope < from_slope)
        zero = from + (t - from) * from_slope / (from_slope - slope);
    if (too_high || slope < 0.0) {
        s->high = t;
        if (slope >= 0.0) /* beyond a hill: no secant */
            zero = 0.5 * (from + t);
    } else {
        s->low = t;
        s->low_slope = slope;
    }
    if (isfinite(s->high)) {
        double width = s->high - s->low;
        s->t = fmin(fmax(zero, s->low + 0.1 * width), s->high - 0.1 * width);
    } else {
        double longest = t + s->cap / hop__descent_farthest(&s->rows, s->d);
        s->t = fmin(fmin(fmax(zero, 1.2 * t), 4.0 * t), longest);
    }
}

static void step(void *opaque, const double *x, double energy, const double *forces,
                 double *next) {
    state *s = opaque;
    if (s->on_line) {
        double slope = hop__dot(forces, s->d, s->n), dd = hop__dot(s->d, s->d, s->n);
        double t = s->t; /* less when the evaluation was refused and came nearer */
        double moved = 0.0;
        for (size_t a = 0; a < s->n; a++)
            moved += (x[a] - s->x[a]) * s->d[a];
        s->t = t = fmin(t, moved / dd);
        double curvature = (s->slope - slope) / (t * dd);
        double allowed = s->energy - DECREASE * t * s->slope + 1e-12 * fabs(s->energy);
        bool too_high = energy > allowed;
        if (curvature > 0.0 && isfinite(curvature))
            s->curvature = curvature;
        bool flat = fabs(slope) <= s->settings->line_slope * s->slope;
        bool longest = t * hop__descent_farthest(&s->rows, s->d) > 0.999 * s->cap;
        if (!too_high && (flat || (longest && slope > 0.0))) {
            s->on_line = false;
            s->length = t * sqrt(dd);
        } else if (++s->trials >= TRIALS || !(t > 0.0)) {
            s->on_line = false;
            memset(s->d, 0, s->n * sizeof *s->d); /* begin anew with steepest descent */
            memset(s->f, 0, s->n * sizeof *s->f);
        } else
            narrow(s, slope, too_high);
    }
    if (!s->on_line)
        begin_line(s, x, energy, forces);
    for (size_t a = 0; a < s->n; a++)
        next[a] = s->x[a] + s->t * s->d[a];
}

void hop__conjugate_gradient_record(void *opaque, hop__record *record) {
    state *s = opaque;
    double *const numbers[] = {&s->energy, &s->slope, &s->curvature, &s->t,
                               &s->low,    &s->high,  &s->low_slope, &s->length};
    hop__record_part(record, s->x, 3 * s->n * sizeof *s->x);
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        hop__record_part(record, numbers[k], sizeof(double));
    hop__record_flag(record, &s->on_line);
    HOP__RECORD_COUNT(record, s->trials);
}

const hop__descent_kind hop__conjugate_gradient_kind = {
    "conjugate-gradient", create, destroy, start, NULL, NULL, step};
