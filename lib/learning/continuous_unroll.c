#include "learning/continuous_unroll.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"

#define ETA 1e-4

struct hop__continuous_unroll {
    hop_context *context;
    size_t capacity, most, steps; /* steps of the window at hand */
    hop__continuous_record *record;
    double *energy, *energy_bar; /* most + 1, eV; per binding energy */
    double *positions;           /* (most + 1) * 3n */
    double *last_force;          /* 3n, dimensionless, at the window's end */
    /* adjoints: (most + 1) * 3n each, then 3n each */
    double *force_bar, *last_bar, *best_bar;
    double *x_bar, *mean_bar[3], *back_bar, *product;
    double *dh, *dc, *dx, *dy, *network_scratch;
    double *block, *records;
};

static void place(hop__continuous_unroll *w, double *at) {
    const size_t n = 3 * w->capacity, t = w->most + 1;
    const size_t stride = hop__lstm_stride(w->capacity);
    w->energy = hop__cut(&at, t);
    w->energy_bar = hop__cut(&at, t);
    w->positions = hop__cut(&at, t * n);
    w->force_bar = hop__cut(&at, t * n);
    w->last_bar = hop__cut(&at, t * n);
    w->best_bar = hop__cut(&at, t * n);
    w->last_force = hop__cut(&at, n);
    w->x_bar = hop__cut(&at, n);
    for (int k = 0; k < 3; k++)
        w->mean_bar[k] = hop__cut(&at, n);
    w->back_bar = hop__cut(&at, n);
    w->product = hop__cut(&at, n);
    w->dh = hop__cut(&at, HOP__C_HIDDEN * stride);
    w->dc = hop__cut(&at, HOP__C_HIDDEN * stride);
    w->dx = hop__cut(&at, HOP__C_INPUTS * stride);
    w->dy = hop__cut(&at, HOP__C_OUTPUTS * stride);
    w->network_scratch =
        hop__cut(&at, hop__lstm_scratch_size(&hop__continuous_shape, w->capacity));
}

int hop__continuous_unroll_new(hop_context *context, size_t capacity, size_t steps,
                               hop__continuous_unroll **out) {
    *out = NULL;
    hop__continuous_unroll *w = hop__allocate(context, 1, sizeof *w);
    if (!w)
        return HOP_ERROR_MEMORY;
    w->context = context;
    w->capacity = capacity;
    w->most = steps;
    const size_t n = 3 * capacity, stride = hop__lstm_stride(capacity);
    const size_t size = (steps + 1) * (4 * n + 2) + 7 * n +
                        (2 * HOP__C_HIDDEN + HOP__C_INPUTS + HOP__C_OUTPUTS) * stride +
                        hop__lstm_scratch_size(&hop__continuous_shape, capacity);
    w->block = hop__allocate(context, size, sizeof *w->block);
    w->records = hop__allocate(context, steps * hop__continuous_record_size(capacity),
                               sizeof *w->records);
    w->record = hop__allocate(context, steps, sizeof *w->record);
    if (!w->block || !w->records || !w->record) {
        hop__continuous_unroll_free(w);
        return HOP_ERROR_MEMORY;
    }
    place(w, w->block);
    *out = w;
    return HOP_OK;
}

void hop__continuous_unroll_free(hop__continuous_unroll *w) {
    if (!w)
        return;
    hop_context *context = w->context;
    hop__release(context, w->block);
    hop__release(context, w->records);
    hop__release(context, w->record);
    hop__release(context, w);
}

/* ---- forward ---- */

int hop__continuous_unroll_forward(hop__continuous_unroll *w, hop__continuous *run,
                                   const double *weights, hop_potential *potential,
                                   hop_structure *s, size_t steps,
                                   int64_t *evaluations) {
    const size_t n = 3 * s->count, size = hop__continuous_record_size(w->capacity);
    const double length = run->units.length;
    w->steps = steps;
    for (size_t t = 0; t <= steps; t++) {
        int status = hop_potential_evaluate(potential, s);
        ++*evaluations;
        if (status != HOP_OK)
            return status;
        memcpy(w->positions + t * n, s->positions, n * sizeof(double));
        w->energy[t] = *s->energy;
        if (t == steps)
            break;
        hop__continuous_record_place(&w->record[t], s->count, w->records + t * size);
        hop__continuous_step(run, weights, s->positions, *s->energy, s->forces,
                             w->product, &w->record[t]);
        hop__add_scaled(s->positions, length, w->product, n);
    }
    const double unit = 1.0 / (run->units.stiffness * length);
    for (size_t a = 0; a < n; a++)
        w->last_force[a] = unit * s->forces[a];
    return HOP_OK;
}

/* ---- loss ---- */

/* energy_bar holds q first, then the adjoint. */
static double loss_of(hop__continuous_unroll *w, const hop__continuous *p,
                      double reference) {
    const double unit = 1.0 / ((double)p->count * p->units.energy);
    double sum = 0.0;
    for (size_t t = 1; t <= w->steps; t++) {
        double g = (w->energy[t] - reference) * unit;
        double root = sqrt(g * g + 4.0 * ETA * ETA);
        double q = g > 0.0 ? 0.5 * (g + root) : 2.0 * ETA * ETA / (root - g);
        sum += 1.0 / (q * q);
        w->energy_bar[t] = 1.0 / (q * q) / root; /* d log q / dg = 1 / root */
    }
    for (size_t t = 1; t <= w->steps; t++)
        w->energy_bar[t] /= sum * (double)p->count;
    w->energy_bar[0] = 0.0;
    return -0.5 * hop__ln(sum / (double)w->steps);
}

/* ---- backward ---- */

/* What one atom's step was made from. */
typedef struct term {
    const double *x;           /* the vector */
    double *bar;               /* its adjoint, NULL: a constant */
    double coefficient, limit; /* limit: at which the vector is softened, 0: not */
    int output;
    double slope; /* of the coefficient with respect to the output */
} term;

static void term_backward(const term *m, const double *u_bar, double *dy) {
    double square = 0.0, along = 0.0;
    for (int c = 0; c < 3; c++) {
        square += m->x[c] * m->x[c];
        along += m->x[c] * u_bar[c];
    }
    double soft = 1.0, cube = 0.0;
    if (m->limit > 0.0) {
        soft = 1.0 / sqrt(1.0 + square / (m->limit * m->limit));
        cube = soft * soft * soft / (m->limit * m->limit) * along;
    }
    for (int c = 0; c < 3 && m->bar; c++)
        m->bar[c] += m->coefficient * (soft * u_bar[c] - cube * m->x[c]);
    *dy += m->slope * soft * along;
}

/* Adjoint of one atom's step; returns that of `keep`. */
static double atom_backward(const hop__continuous *p, const hop__continuous_record *r,
                            size_t i, double keep, const double *step_bar,
                            double *const bar[HOP__C_VECTORS], double *dy) {
    const size_t stride = p->stride, a = 3 * i;
    const double *t = r->o + i, *factor = t + HOP__C_OUTPUTS * stride;
    const double cap = p->cap * factor[2 * stride], *u = r->u + a;
    double square = 0.0, along = 0.0, u_bar[3], bend[HOP__C_OUTPUTS];
    for (size_t k = 0; k < HOP__C_OUTPUTS; k++)
        bend[k] = 1.0 - t[k * stride] * t[k * stride];
    for (size_t c = 0; c < 3; c++) {
        square += u[c] * u[c];
        along += u[c] * step_bar[a + c];
    }
    const double shrink = 1.0 / sqrt(1.0 + square / (cap * cap));
    const double cube = shrink * shrink * shrink / (cap * cap) * along;
    for (size_t c = 0; c < 3; c++)
        u_bar[c] = shrink * step_bar[a + c] - cube * u[c];
    const double push = HOP__C_PULL * factor[stride], half = 0.5 * HOP__C_PULL;
    const double back = 0.1 * p->attraction, loud = 0.5 * HOP__C_LOUDEST * p->loudness;
    const double noise = loud * (1.0 + t[HOP__C_NOISE * stride]);
    const double on_last = keep * factor[0];
    const term terms[] = {{r->vector[HOP__C_LAST] + a, bar[HOP__C_LAST] + a, on_last,
                           0.0, HOP__C_KEEP, 0.5 * on_last * bend[HOP__C_KEEP]},
                          {r->vector[HOP__C_FORCE] + a, bar[HOP__C_FORCE] + a, push,
                           HOP__C_SOFT, HOP__C_PUSH, push * bend[HOP__C_PUSH]},
                          {r->vector[HOP__C_FAST] + a, bar[HOP__C_FAST] + a,
                           half * t[HOP__C_MEANS * stride], HOP__C_SOFT, HOP__C_MEANS,
                           half * bend[HOP__C_MEANS]},
                          {r->vector[HOP__C_SLOW] + a, bar[HOP__C_SLOW] + a,
                           half * t[(HOP__C_MEANS + 1) * stride], HOP__C_SOFT,
                           HOP__C_MEANS + 1, half * bend[HOP__C_MEANS + 1]},
                          {r->vector[HOP__C_SLOWEST] + a, bar[HOP__C_SLOWEST] + a,
                           half * t[(HOP__C_MEANS + 2) * stride], HOP__C_SOFT,
                           HOP__C_MEANS + 2, half * bend[HOP__C_MEANS + 2]},
                          {r->vector[HOP__C_BACK] + a, bar[HOP__C_BACK] + a,
                           back * t[HOP__C_RETURN * stride], 1.0, HOP__C_RETURN,
                           back * bend[HOP__C_RETURN]},
                          {r->noise + a, NULL, noise, 0.0, HOP__C_NOISE,
                           0.5 * loud * bend[HOP__C_NOISE]}};
    for (size_t m = 0; m < sizeof terms / sizeof *terms; m++)
        term_backward(&terms[m], u_bar, &dy[(size_t)terms[m].output * stride + i]);
    dy[HOP__C_CAP * stride + i] = cube * square * bend[HOP__C_CAP];
    const double *last = r->vector[HOP__C_LAST] + a;
    return factor[0] * (u_bar[0] * last[0] + u_bar[1] * last[1] + u_bar[2] * last[2]);
}

/* Fills dy, adds to the vectors' adjoints; returns that of the mean cosine. */
static double act_backward(const hop__continuous *p, const hop__continuous_record *r,
                           const double *step_bar, double *const bar[HOP__C_VECTORS],
                           double *dy) {
    const double brake = hop__sigmoid(-20.0 * r->cosine), keep = 0.99 - 0.9 * brake;
    double keep_bar = 0.0;
    memset(dy, 0, HOP__C_OUTPUTS * p->stride * sizeof *dy);
    for (size_t i = 0; i < p->count; i++)
        keep_bar += atom_backward(p, r, i, keep, step_bar, bar, dy);
    return keep_bar * 18.0 * brake * (1.0 - brake);
}

/* m = decay m_before + (1 - decay) f; the first of a run is f itself. */
static void means_backward(hop__continuous_unroll *w, size_t n, size_t t) {
    static const double decay[3] = HOP__C_DECAYS;
    const bool first = w->record[t].step == 0;
    for (int k = 0; k < 3; k++) {
        double keep = first ? 0.0 : decay[k];
        hop__add_scaled(w->force_bar + t * n, 1.0 - keep, w->mean_bar[k], n);
        for (size_t a = 0; a < n; a++)
            w->mean_bar[k][a] *= keep;
    }
}

static hop__continuous_now now_of(const hop__continuous *p,
                                  const hop__continuous_record *r) {
    hop__continuous_now now = {.count = p->count,
                               .stride = p->stride,
                               .size = p->size,
                               .cohesion = p->cohesion,
                               .drop = r->drop,
                               .above = r->above,
                               .since = r->since,
                               .step = (double)r->step,
                               .share = r->share};
    for (int k = 0; k < HOP__C_VECTORS; k++)
        now.vector[k] = r->vector[k];
    return now;
}

/* The lowest point so far is one of the window's, or a constant. */
static void best_backward(hop__continuous_unroll *w, size_t n, size_t t,
                          double above_bar) {
    const hop__continuous_record *r = &w->record[t];
    if (r->best_step == r->step)
        return; /* this very point: no way back, nothing above */
    w->energy_bar[t] += above_bar;
    hop__add_scaled(w->x_bar, -1.0, w->back_bar, n);
    if (r->best_step < w->record[0].step)
        return;
    const size_t at = (size_t)(r->best_step - w->record[0].step);
    w->energy_bar[at] -= above_bar;
    hop__add_scaled(w->best_bar + at * n, 1.0, w->back_bar, n);
}

/* Step t, from the adjoint of the displacement that it made. */
static void step_backward(hop__continuous_unroll *w, const hop__continuous *p,
                          const double *weights, size_t t, double *gradient) {
    const size_t n = 3 * p->count;
    const double share = 1.0 / (double)p->count;
    hop__continuous_record *r = &w->record[t];
    double *step_bar = w->last_bar + (t + 1) * n, drop_bar = 0.0, above_bar = 0.0;
    double *bar[HOP__C_VECTORS] = {w->force_bar + t * n, w->mean_bar[0],
                                   w->mean_bar[1],       w->mean_bar[2],
                                   w->last_bar + t * n,  w->back_bar};
    hop__add_scaled(step_bar, 1.0, w->x_bar, n);
    memset(w->back_bar, 0, n * sizeof(double));
    double cosine_bar = act_backward(p, r, step_bar, bar, w->dy);
    hop__lstm_backward(p->context->isa, &hop__continuous_shape, weights, p->count,
                       r->network, w->dy, w->dh, w->dc, w->dx, gradient,
                       w->network_scratch);
    const hop__continuous_now now = now_of(p, r);
    hop__continuous_inputs_backward(&now, w->dx, cosine_bar, bar, &drop_bar,
                                    &above_bar);
    hop__symmetry_backward(p->symmetry, p->count, p->stride, p->units.length,
                           w->positions + t * n, p->size,
                           w->dx + HOP__C_SYMMETRY * p->stride, w->x_bar);
    if (r->step > 0) {
        w->energy_bar[t] -= drop_bar * share;
        if (t > 0)
            w->energy_bar[t - 1] += drop_bar * share;
    }
    best_backward(w, n, t, above_bar * share);
    hop__add_scaled(w->x_bar, 1.0, w->best_bar + t * n, n);
    means_backward(w, n, t);
}

static void clear(hop__continuous_unroll *w, const hop__continuous *p) {
    const size_t n = 3 * p->count, all = (w->steps + 1) * n * sizeof(double);
    memset(w->force_bar, 0, all);
    memset(w->last_bar, 0, all);
    memset(w->best_bar, 0, all);
    memset(w->x_bar, 0, n * sizeof(double));
    for (int k = 0; k < 3; k++)
        memset(w->mean_bar[k], 0, n * sizeof(double));
    memset(w->dh, 0, HOP__C_HIDDEN * p->stride * sizeof(double));
    memset(w->dc, 0, HOP__C_HIDDEN * p->stride * sizeof(double));
}

int hop__continuous_unroll_backward(hop__continuous_unroll *w, const hop__continuous *p,
                                    const double *weights, hop_potential *potential,
                                    hop_structure *s, double reference, double *loss,
                                    double *gradient, int64_t *evaluations) {
    const size_t n = 3 * p->count;
    const hop__units *units = &p->units;
    const double kappa =
        units->stiffness * units->length * units->length / units->energy;
    *loss = loss_of(w, p, reference);
    if (!gradient)
        return HOP_OK;
    clear(w, p);
    hop__add_scaled(w->x_bar, -kappa * w->energy_bar[w->steps], w->last_force, n);
    int status = HOP_OK;
    for (size_t t = w->steps; t-- > 0 && status == HOP_OK;) {
        step_backward(w, p, weights, t, gradient);
        if (t == 0)
            break; /* where the window begins is a constant */
        /* df = -H dX / stiffness, dE = -f kappa dX */
        memcpy(s->positions, w->positions + t * n, n * sizeof(double));
        status = hop_potential_hessian_vector(potential, s, w->force_bar + t * n,
                                              w->product);
        ++*evaluations;
        hop__add_scaled(w->x_bar, -1.0 / units->stiffness, w->product, n);
        hop__add_scaled(w->x_bar, -kappa * w->energy_bar[t],
                        w->record[t].vector[HOP__C_FORCE], n);
    }
    memcpy(s->positions, w->positions + w->steps * n, n * sizeof(double));
    return status;
}
