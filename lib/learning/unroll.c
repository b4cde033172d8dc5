#include "learning/unroll.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"

#define ETA 1e-4

struct hop__unroll {
    hop_context *context;
    size_t capacity, most, steps; /* steps of the window at hand */
    hop__policy_record *record;   /* most */
    double *energy;               /* most + 1, eV */
    double *positions;            /* (most + 1) * 3n */
    double *last_force;           /* 3n, dimensionless, at the window's end */
    double *carried_s[HOP__QN_MEMORY], *carried_y[HOP__QN_MEMORY];
    int64_t carried_born[HOP__QN_MEMORY];
    size_t carried;
    /* adjoints */
    double *force_bar, *last_bar, *pair_bar; /* (most + 1) * 3n each */
    double *energy_bar;                      /* most + 1 */
    double *x_bar, *mean_bar[2], *direction_bar, *product, *qn_scratch;
    double *dh, *dc, *dx, *dy, *network_scratch;
    double *block, *records;
};

static double *cut(double **at, size_t count) {
    double *start = *at;
    *at += count;
    return start;
}

static void place(hop__unroll *w, double *at) {
    const size_t n = 3 * w->capacity, t = w->most + 1;
    const size_t stride = hop__lstm_stride(w->capacity);
    w->energy = cut(&at, t);
    w->energy_bar = cut(&at, t);
    w->positions = cut(&at, t * n);
    w->force_bar = cut(&at, t * n);
    w->last_bar = cut(&at, t * n);
    w->pair_bar = cut(&at, t * n);
    w->last_force = cut(&at, n);
    for (int k = 0; k < HOP__QN_MEMORY; k++) {
        w->carried_s[k] = cut(&at, n);
        w->carried_y[k] = cut(&at, n);
    }
    w->x_bar = cut(&at, n);
    w->mean_bar[0] = cut(&at, n);
    w->mean_bar[1] = cut(&at, n);
    w->direction_bar = cut(&at, n);
    w->product = cut(&at, n);
    w->qn_scratch = cut(&at, hop__qn_scratch_size(n));
    w->dh = cut(&at, HOP__HIDDEN * stride);
    w->dc = cut(&at, HOP__HIDDEN * stride);
    w->dx = cut(&at, HOP__FEATURES * stride);
    w->dy = cut(&at, HOP__OUTPUTS * stride);
    w->network_scratch = at;
}

int hop__unroll_new(hop_context *context, size_t capacity, size_t steps,
                    hop__unroll **out) {
    *out = NULL;
    hop__unroll *w = hop__allocate(context, 1, sizeof *w);
    if (!w)
        return HOP_ERROR_MEMORY;
    w->context = context;
    w->capacity = capacity;
    w->most = steps;
    const size_t n = 3 * capacity, stride = hop__lstm_stride(capacity);
    size_t size = (steps + 1) * (4 * n + 2) + (6 + 2 * HOP__QN_MEMORY) * n +
                  hop__qn_scratch_size(n) +
                  (2 * HOP__HIDDEN + HOP__FEATURES + HOP__OUTPUTS) * stride +
                  hop__lstm_scratch_size(&hop__descend_shape, capacity);
    w->block = hop__allocate(context, size, sizeof *w->block);
    w->records = hop__allocate(context, steps * hop__policy_record_size(capacity),
                               sizeof(double));
    w->record = hop__allocate(context, steps, sizeof *w->record);
    if (!w->block || !w->records || !w->record) {
        hop__unroll_free(w);
        return HOP_ERROR_MEMORY;
    }
    place(w, w->block);
    *out = w;
    return HOP_OK;
}

void hop__unroll_free(hop__unroll *w) {
    if (!w)
        return;
    hop_context *context = w->context;
    hop__release(context, w->block);
    hop__release(context, w->records);
    hop__release(context, w->record);
    hop__release(context, w);
}

/* ---- forward ---- */

static void carry_pairs(hop__unroll *w, const hop__policy *p) {
    w->carried = p->pairs;
    for (size_t k = 0; k < p->pairs; k++) {
        memcpy(w->carried_s[k], p->s[k], 3 * p->count * sizeof(double));
        memcpy(w->carried_y[k], p->y[k], 3 * p->count * sizeof(double));
        w->carried_born[k] = p->born[k];
    }
}

int hop__unroll_forward(hop__unroll *w, hop__policy *policy, const double *weights,
                        hop_potential *potential, hop_structure *s, size_t steps,
                        int64_t *evaluations) {
    const size_t n = 3 * s->count;
    const double length = policy->units.length;
    carry_pairs(w, policy);
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
        hop__policy_record_place(&w->record[t], s->count,
                                 w->records + t * hop__policy_record_size(w->capacity));
        double *step = w->product;
        hop__policy_step(policy, weights, *s->energy, s->forces, step, &w->record[t]);
        hop__add_scaled(s->positions, length, step, n);
    }
    const double unit = 1.0 / (policy->units.stiffness * length);
    for (size_t a = 0; a < n; a++)
        w->last_force[a] = unit * s->forces[a];
    return HOP_OK;
}

/* ---- loss ---- */

static double loss_of(const hop__unroll *w, const hop__policy *p, double reference) {
    const double unit = 1.0 / ((double)p->count * p->units.energy);
    const double share = 1.0 / (double)w->steps;
    double loss = 0.0;
    for (size_t t = 1; t <= w->steps; t++) {
        double g = (w->energy[t] - reference) * unit;
        double root = sqrt(g * g + 4.0 * ETA * ETA);
        double q = g > 0.0 ? 0.5 * (g + root) : 2.0 * ETA * ETA / (root - g);
        loss += share * hop__ln(q);
        /* d log q / dg = 1 / root */
        w->energy_bar[t] = share / root / (double)p->count; /* per binding energy */
    }
    w->energy_bar[0] = 0.0;
    return loss;
}

/* ---- backward ---- */

/* Adjoint of softcap and of u: fills dy and adds to the vectors' adjoints. */
static void act_backward(const hop__policy *p, const hop__policy_record *r,
                         const double *step_bar, double *const bar[HOP__VECTORS],
                         double *dy) {
    const size_t stride = p->stride;
    memset(dy, 0, HOP__OUTPUTS * stride * sizeof *dy);
    for (size_t i = 0; i < p->count; i++) {
        double th[HOP__OUTPUTS], u_bar[3], square = 0.0, along = 0.0;
        const double *u = r->u + 3 * i, *s_bar = step_bar + 3 * i;
        for (size_t k = 0; k < HOP__OUTPUTS; k++)
            th[k] = r->o[k * stride + i];
        const double *gain = r->o + HOP__OUTPUTS * stride + i;
        double a = gain[0], cap = p->cap * gain[stride];
        for (int k = 0; k < 3; k++) {
            square += u[k] * u[k];
            along += u[k] * s_bar[k];
        }
        double shrink = 1.0 / sqrt(1.0 + square / (cap * cap));
        double cube = shrink * shrink * shrink / (cap * cap) * along;
        double coefficient[4] = {a, 0.5 * th[1], 0.9 * th[2], 0.5 * th[3]};
        static const int vector[4] = {HOP__DIRECTION, HOP__FORCE, HOP__LAST, HOP__SLOW};
        static const double most[4] = {0.0, 0.5, 0.9, 0.5};
        for (int k = 0; k < 3; k++)
            u_bar[k] = shrink * s_bar[k] - cube * u[k];
        for (size_t m = 0; m < 4; m++) {
            const double *x = r->vector[vector[m]] + 3 * i;
            double *x_bar = bar[vector[m]] + 3 * i, dot = 0.0;
            for (int k = 0; k < 3; k++) {
                dot += u_bar[k] * x[k];
                x_bar[k] += coefficient[m] * u_bar[k];
            }
            double slope = 1.0 - th[m] * th[m];
            dy[m * stride + i] = dot * slope * (m == 0 ? a : most[m]);
        }
        dy[4 * stride + i] = cube * square * (1.0 - th[4] * th[4]);
    }
}

static void direction_backward(hop__unroll *w, const hop__policy *p, size_t t) {
    const hop__policy_record *r = &w->record[t];
    const size_t n = 3 * p->count;
    const int64_t begin = w->record[0].step;
    double *f_bar = w->force_bar + t * n, *s_bar[HOP__QN_MEMORY],
           *y_bar[HOP__QN_MEMORY];
    if (r->pairs == 0) {
        hop__add_scaled(f_bar, HOP__FIRST_STEP, w->direction_bar, n);
        return;
    }
    hop__qn_pairs pairs = {.count = r->pairs};
    for (size_t k = 0; k < r->pairs; k++) {
        s_bar[k] = y_bar[k] = NULL;
        if (r->born[k] >= begin) {
            size_t at = (size_t)(r->born[k] - begin);
            pairs.s[k] = w->record[at].vector[HOP__LAST];
            pairs.y[k] = w->record[at].y;
            s_bar[k] = w->last_bar + at * n;
            y_bar[k] = w->pair_bar + at * n;
            continue;
        }
        for (size_t c = 0; c < w->carried; c++)
            if (w->carried_born[c] == r->born[k]) {
                pairs.s[k] = w->carried_s[c];
                pairs.y[k] = w->carried_y[c];
            }
    }
    hop__qn_backward(&pairs, n, r->vector[HOP__FORCE], w->direction_bar, f_bar, s_bar,
                     y_bar, w->qn_scratch);
}

/* m = decay m_before + (1 - decay) f; the first of a descent is f itself. */
static void means_backward(hop__unroll *w, const hop__policy *p, size_t t) {
    static const double decay[2] = HOP__DECAYS;
    const size_t n = 3 * p->count;
    const bool first = w->record[t].step == 0;
    for (int k = 0; k < 2; k++) {
        double keep = first ? 0.0 : decay[k];
        hop__add_scaled(w->force_bar + t * n, 1.0 - keep, w->mean_bar[k], n);
        for (size_t a = 0; a < n; a++)
            w->mean_bar[k][a] *= keep;
    }
}

/* Step t, from the adjoint of the displacement that it made. */
static void step_backward(hop__unroll *w, const hop__policy *p, const double *weights,
                          size_t t, double *gradient) {
    const size_t n = 3 * p->count;
    hop__policy_record *r = &w->record[t];
    double *step_bar = w->last_bar + (t + 1) * n;
    double *bar[HOP__VECTORS] = {w->force_bar + t * n, w->mean_bar[0], w->mean_bar[1],
                                 w->last_bar + t * n, w->direction_bar};
    hop__add_scaled(step_bar, 1.0, w->x_bar, n);
    memset(w->direction_bar, 0, n * sizeof(double));
    act_backward(p, r, step_bar, bar, w->dy);
    hop__lstm_backward(p->context->isa, &hop__descend_shape, weights, p->count,
                       r->network, w->dy, w->dh, w->dc, w->dx, gradient,
                       w->network_scratch);
    hop__feature_input in = {.count = p->count,
                             .stride = p->stride,
                             .size = p->size,
                             .cohesion = p->cohesion,
                             .drop = r->drop,
                             .step = (double)r->step,
                             .memory = (double)r->pairs / HOP__QN_MEMORY};
    for (int k = 0; k < HOP__VECTORS; k++)
        in.vector[k] = r->vector[k];
    double drop_bar = 0.0;
    hop__features_backward(&in, w->dx, bar, &drop_bar);
    if (r->step > 0) {
        w->energy_bar[t] -= drop_bar / (double)p->count;
        if (t > 0)
            w->energy_bar[t - 1] += drop_bar / (double)p->count;
    }
    direction_backward(w, p, t);
    means_backward(w, p, t);
    /* y_t = f_before - f_t */
    hop__add_scaled(w->force_bar + t * n, -1.0, w->pair_bar + t * n, n);
    hop__add_scaled(w->force_bar + t * n, 1.0, w->pair_bar + (t + 1) * n, n);
}

static void clear(hop__unroll *w, const hop__policy *p) {
    const size_t n = 3 * p->count, all = (w->steps + 1) * n * sizeof(double);
    memset(w->force_bar, 0, all);
    memset(w->last_bar, 0, all);
    memset(w->pair_bar, 0, all);
    memset(w->x_bar, 0, n * sizeof(double));
    memset(w->mean_bar[0], 0, n * sizeof(double));
    memset(w->mean_bar[1], 0, n * sizeof(double));
    memset(w->dh, 0, HOP__HIDDEN * p->stride * sizeof(double));
    memset(w->dc, 0, HOP__HIDDEN * p->stride * sizeof(double));
}

int hop__unroll_backward(hop__unroll *w, const hop__policy *p, const double *weights,
                         hop_potential *potential, hop_structure *s, double reference,
                         double *loss, double *gradient, int64_t *evaluations) {
    const size_t n = 3 * p->count;
    const double *stiffness = &p->units.stiffness;
    const double kappa =
        *stiffness * p->units.length * p->units.length / p->units.energy;
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
        hop__add_scaled(w->x_bar, -1.0 / *stiffness, w->product, n);
        hop__add_scaled(w->x_bar, -kappa * w->energy_bar[t],
                        w->record[t].vector[HOP__FORCE], n);
    }
    memcpy(s->positions, w->positions + w->steps * n, n * sizeof(double));
    return status;
}
