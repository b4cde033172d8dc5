#include "learning/policy.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/rows_kernels.h"

static const double decay[2] = HOP__DECAYS;

int hop__policy_new(hop_context *context, size_t capacity, hop__policy **out) {
    *out = NULL;
    hop__policy *p = hop__allocate(context, 1, sizeof *p);
    if (!p)
        return HOP_ERROR_MEMORY;
    const size_t n = capacity, stride = hop__lstm_stride(capacity);
    const size_t vectors = HOP__VECTORS + 1 + 2 * HOP__QN_MEMORY;
    const size_t rows = 2 * HOP__HIDDEN + HOP__FEATURES + HOP__ACTIVATIONS;
    p->block = hop__allocate(context,
                             3 * n * vectors + 2 * n + rows * stride +
                                 hop__lstm_record_size(&hop__descend_shape, n),
                             sizeof *p->block);
    if (!p->block) {
        hop__release(context, p);
        return HOP_ERROR_MEMORY;
    }
    double *at = p->block;
    p->context = context;
    p->capacity = capacity;
    for (int k = 0; k < HOP__VECTORS; k++, at += 3 * n)
        p->vector[k] = at;
    p->force_before = at;
    at += 3 * n;
    for (int k = 0; k < HOP__QN_MEMORY; k++, at += 6 * n) {
        p->s[k] = at;
        p->y[k] = at + 3 * n;
    }
    p->size = at;
    p->cohesion = at + n;
    p->h = at + 2 * n;
    p->c = p->h + HOP__HIDDEN * stride;
    p->x = p->c + HOP__HIDDEN * stride;
    p->o = p->x + HOP__FEATURES * stride;
    p->network = p->o + HOP__ACTIVATIONS * stride;
    *out = p;
    return HOP_OK;
}

void hop__policy_free(hop__policy *p) {
    if (!p)
        return;
    hop_context *context = p->context;
    hop__release(context, p->block);
    hop__release(context, p);
}

void hop__policy_record_state(hop__policy *p, hop__record *record) {
    const size_t threes = 3 * p->count * sizeof(double);
    for (int k = 0; k < HOP__VECTORS; k++)
        hop__record_part(record, p->vector[k], threes);
    hop__record_part(record, p->force_before, threes);
    for (int k = 0; k < HOP__QN_MEMORY; k++) {
        hop__record_part(record, p->s[k], threes);
        hop__record_part(record, p->y[k], threes);
    }
    for (int k = 0; k < HOP__QN_MEMORY; k++)
        HOP__RECORD_COUNT(record, p->born[k]);
    HOP__RECORD(record, p->energy_before);
    HOP__RECORD(record, p->pairs);
    HOP__RECORD_COUNT(record, p->step);
    hop__record_expect(record, p->pairs <= HOP__QN_MEMORY);
    if (record->broken)
        p->pairs = 0;
    hop__record_part(record, p->h, 2 * HOP__HIDDEN * p->stride * sizeof(double));
}

void hop__policy_system(hop__policy *p, size_t count, const hop__units *units,
                        const double *lengths, const double *energies, double cap) {
    p->count = count;
    p->stride = hop__lstm_stride(count);
    p->units = *units;
    p->cap = cap;
    for (size_t i = 0; i < count; i++) {
        p->size[i] = lengths[i] / units->length - 1.0;
        p->cohesion[i] = energies[i] / units->energy - 1.0;
    }
    hop__policy_start(p);
}

void hop__policy_start(hop__policy *p) {
    p->pairs = 0;
    p->step = 0;
    memset(p->h, 0, HOP__HIDDEN * p->stride * sizeof *p->h);
    memset(p->c, 0, HOP__HIDDEN * p->stride * sizeof *p->c);
    memset(p->vector[HOP__LAST], 0, 3 * p->count * sizeof(double));
}

static void *cut(double **at, size_t count) {
    double *start = *at;
    *at += count;
    return start;
}

size_t hop__policy_record_size(size_t count) {
    return 3 * count * (HOP__VECTORS + 2) + HOP__ACTIVATIONS * hop__lstm_stride(count) +
           hop__lstm_record_size(&hop__descend_shape, count);
}

void hop__policy_record_place(hop__policy_record *record, size_t count, double *block) {
    for (int k = 0; k < HOP__VECTORS; k++)
        record->vector[k] = cut(&block, 3 * count);
    record->y = cut(&block, 3 * count);
    record->u = cut(&block, 3 * count);
    record->o = cut(&block, HOP__ACTIVATIONS * hop__lstm_stride(count));
    record->network = block;
}

/* A pair from the last step, kept when the curvature along it is positive. */
static void remember_pair(hop__policy *p, double *y_out) {
    const size_t n = 3 * p->count;
    const double *f = p->vector[HOP__FORCE], *s = p->vector[HOP__LAST];
    if (p->pairs == HOP__QN_MEMORY) {
        double *s0 = p->s[0], *y0 = p->y[0];
        for (size_t k = 1; k < HOP__QN_MEMORY; k++) {
            p->s[k - 1] = p->s[k];
            p->y[k - 1] = p->y[k];
            p->born[k - 1] = p->born[k];
        }
        p->s[HOP__QN_MEMORY - 1] = s0;
        p->y[HOP__QN_MEMORY - 1] = y0;
        p->pairs--;
    }
    double *y = p->y[p->pairs];
    for (size_t a = 0; a < n; a++)
        y[a] = p->force_before[a] - f[a];
    if (y_out)
        memcpy(y_out, y, n * sizeof *y);
    double sy = hop__dot(s, y, n), ss = hop__dot(s, s, n), yy = hop__dot(y, y, n);
    if (!(sy > 1e-4 * sqrt(ss * yy)))
        return;
    memcpy(p->s[p->pairs], s, n * sizeof *s);
    p->born[p->pairs++] = p->step;
}

static void find_direction(hop__policy *p) {
    const size_t n = 3 * p->count;
    const double *f = p->vector[HOP__FORCE];
    double *d = p->vector[HOP__DIRECTION];
    hop__qn_pairs pairs = {.count = p->pairs};
    for (size_t k = 0; k < p->pairs; k++) {
        pairs.s[k] = p->s[k];
        pairs.y[k] = p->y[k];
    }
    if (p->pairs > 0)
        hop__qn_direction(&pairs, n, f, d);
    else
        for (size_t a = 0; a < n; a++)
            d[a] = HOP__FIRST_STEP * f[a];
}

static void take_in(hop__policy *p, const double *forces, double *y_out) {
    const size_t n = 3 * p->count;
    const double unit = 1.0 / (p->units.stiffness * p->units.length);
    double *f = p->vector[HOP__FORCE];
    for (size_t a = 0; a < n; a++)
        f[a] = unit * forces[a];
    for (int k = 0; k < 2; k++) {
        double *m = p->vector[HOP__FAST + k];
        for (size_t a = 0; a < n; a++)
            m[a] = p->step == 0 ? f[a] : decay[k] * m[a] + (1.0 - decay[k]) * f[a];
    }
    if (p->step > 0)
        remember_pair(p, y_out);
    find_direction(p);
    memcpy(p->force_before, f, n * sizeof *f);
}

static hop__feature_input features_of(const hop__policy *p, double energy) {
    hop__feature_input in = {.count = p->count,
                             .stride = p->stride,
                             .size = p->size,
                             .cohesion = p->cohesion,
                             .step = (double)p->step,
                             .memory = (double)p->pairs / HOP__QN_MEMORY};
    for (int k = 0; k < HOP__VECTORS; k++)
        in.vector[k] = p->vector[k];
    if (p->step > 0)
        in.drop = (p->energy_before - energy) / ((double)p->count * p->units.energy);
    return in;
}

/* tanh of the outputs, and in two more rows exp of that of the first and the last. */
static void activate(hop__policy *p) {
    const size_t stride = p->stride;
    double *gain = p->o + HOP__OUTPUTS * stride;
    hop__rows_tanh(p->context->isa, HOP__OUTPUTS * stride, p->o);
    hop__rows_exp(p->context->isa, stride, p->o, gain);
    hop__rows_exp(p->context->isa, stride, p->o + 4 * stride, gain + stride);
}

/* step = softcap(u); `u` may be NULL. */
static void act(const hop__policy *p, const double *o, double *step, double *u_out) {
    const size_t stride = p->stride;
    const double *gain = o + HOP__OUTPUTS * stride;
    for (size_t i = 0; i < p->count; i++) {
        double a = gain[i], b = 0.5 * o[stride + i], c = 0.9 * o[2 * stride + i];
        double e = 0.5 * o[3 * stride + i], cap = p->cap * gain[stride + i];
        double u[3], square = 0.0;
        for (size_t k = 0; k < 3; k++) {
            size_t at = 3 * i + k;
            u[k] = a * p->vector[HOP__DIRECTION][at] + b * p->vector[HOP__FORCE][at] +
                   c * p->vector[HOP__LAST][at] + e * p->vector[HOP__SLOW][at];
            square += u[k] * u[k];
            if (u_out)
                u_out[at] = u[k];
        }
        double shrink = 1.0 / sqrt(1.0 + square / (cap * cap));
        for (size_t k = 0; k < 3; k++)
            step[3 * i + k] = shrink * u[k];
    }
}

void hop__policy_step(hop__policy *p, const double *weights, double energy,
                      const double *forces, double *step, hop__policy_record *record) {
    const size_t n = 3 * p->count;
    take_in(p, forces, record ? record->y : NULL);
    hop__feature_input in = features_of(p, energy);
    if (weights) {
        hop__features_forward(p->context->isa, &in, p->x);
        hop__lstm_forward(p->context->isa, &hop__descend_shape, weights, p->count, p->x,
                          p->h, p->c, p->o, record ? record->network : p->network);
    } else {
        memset(p->o, 0, HOP__OUTPUTS * p->stride * sizeof *p->o);
    }
    activate(p);
    if (record) {
        for (int k = 0; k < HOP__VECTORS; k++)
            memcpy(record->vector[k], p->vector[k], n * sizeof(double));
        memcpy(record->o, p->o, HOP__ACTIVATIONS * p->stride * sizeof *p->o);
        memcpy(record->born, p->born, sizeof record->born);
        record->pairs = p->pairs;
        record->step = p->step;
        record->drop = in.drop;
    }
    act(p, p->o, step, record ? record->u : NULL);
    memcpy(p->vector[HOP__LAST], step, n * sizeof *step);
    p->energy_before = energy;
    p->step++;
}
