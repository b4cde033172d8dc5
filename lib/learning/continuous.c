#include "learning/continuous.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "learning/rows_kernels.h"

const hop__lstm_shape hop__continuous_shape = {HOP__C_INPUTS, HOP__C_HIDDEN,
                                               HOP__C_OUTPUTS};

static const double decay[3] = HOP__C_DECAYS;

/* ---- memory ---- */

int hop__continuous_new(hop_context *context, size_t capacity,
                        const hop_structure *start, hop__continuous **out) {
    *out = NULL;
    hop__continuous *p = hop__allocate(context, 1, sizeof *p);
    if (!p)
        return HOP_ERROR_MEMORY;
    const size_t n = capacity, stride = hop__lstm_stride(capacity);
    const size_t rows = 2 * HOP__C_HIDDEN + HOP__C_INPUTS + HOP__C_ACTIVATIONS;
    p->context = context;
    p->capacity = capacity;
    p->block = hop__allocate(context,
                             3 * n * (HOP__C_VECTORS + 3) + 1 + 2 * n + rows * stride +
                                 hop__lstm_record_size(&hop__continuous_shape, n),
                             sizeof *p->block);
    int status = p->block ? hop__symmetry_new(context, capacity, start, &p->symmetry)
                          : HOP_ERROR_MEMORY;
    if (status != HOP_OK) {
        hop__continuous_free(p);
        return status;
    }
    double *at = p->block;
    for (int k = 0; k < HOP__C_VECTORS; k++)
        p->vector[k] = hop__cut(&at, 3 * n);
    p->best = hop__cut(&at, 3 * n);
    p->noise = hop__cut(&at, 3 * n);
    p->size = hop__cut(&at, n);
    p->cohesion = hop__cut(&at, n);
    p->h = hop__cut(&at, HOP__C_HIDDEN * stride);
    p->c = hop__cut(&at, HOP__C_HIDDEN * stride);
    p->x = hop__cut(&at, HOP__C_INPUTS * stride);
    p->o = hop__cut(&at, HOP__C_ACTIVATIONS * stride);
    p->normal = hop__cut(&at, 3 * n + 1);
    p->network = at;
    for (int c = 0; c < 9; c += 4)
        p->frame[c] = 1.0;
    p->loudness = p->attraction = 1.0;
    *out = p;
    return HOP_OK;
}

void hop__continuous_free(hop__continuous *p) {
    if (!p)
        return;
    hop_context *context = p->context;
    hop__symmetry_free(p->symmetry);
    hop__release(context, p->block);
    hop__release(context, p);
}

void hop__continuous_system(hop__continuous *p, size_t count, const hop__units *units,
                            const double *lengths, const double *energies, double cap,
                            double budget) {
    p->count = count;
    p->stride = hop__lstm_stride(count);
    p->units = *units;
    p->cap = cap;
    p->budget = budget;
    for (size_t i = 0; i < count; i++) {
        p->size[i] = lengths[i] / units->length - 1.0;
        p->cohesion[i] = energies[i] / units->energy - 1.0;
    }
    hop__continuous_start(p, hop__random_start(0, 0));
}

void hop__continuous_start(hop__continuous *p, hop__random random) {
    p->random = random;
    p->step = p->best_step = 0;
    p->best_energy = INFINITY;
    memset(p->h, 0, HOP__C_HIDDEN * p->stride * sizeof *p->h);
    memset(p->c, 0, HOP__C_HIDDEN * p->stride * sizeof *p->c);
    memset(p->vector[HOP__C_LAST], 0, 3 * p->count * sizeof(double));
}

/* ---- the state as doubles ---- */

#define NUMBERS 10

void hop__continuous_record_state(hop__continuous *r, hop__record *record) {
    const size_t threes = 3 * r->count * sizeof(double);
    for (int k = HOP__C_FAST; k <= HOP__C_LAST; k++)
        hop__record_part(record, r->vector[k], threes);
    hop__record_part(record, r->best, threes);
    hop__record_part(record, r->h, HOP__C_HIDDEN * r->stride * sizeof *r->h);
    hop__record_part(record, r->c, HOP__C_HIDDEN * r->stride * sizeof *r->c);
    HOP__RECORD(record, r->random);
    HOP__RECORD(record, r->energy_before);
    HOP__RECORD(record, r->best_energy);
    HOP__RECORD_COUNT(record, r->step);
    HOP__RECORD_COUNT(record, r->best_step);
}

size_t hop__continuous_state_size(size_t count) {
    return NUMBERS + 5 * 3 * count + 2 * HOP__C_HIDDEN * hop__lstm_stride(count);
}

static void copy(double **to, const double *from, size_t count) {
    memcpy(*to, from, count * sizeof **to);
    *to += count;
}

void hop__continuous_save(const hop__continuous *p, double *state) {
    const size_t n = 3 * p->count, hidden = HOP__C_HIDDEN * p->stride;
    const hop__random *r = &p->random; /* in halves, which doubles hold exactly */
    const double numbers[NUMBERS] = {(double)(r->seed >> 32),
                                     (double)(uint32_t)r->seed,
                                     (double)(r->stream >> 32),
                                     (double)(uint32_t)r->stream,
                                     (double)r->position,
                                     p->energy_before,
                                     isfinite(p->best_energy) ? p->best_energy : 0.0,
                                     isfinite(p->best_energy) ? 1.0 : 0.0,
                                     (double)p->step,
                                     (double)p->best_step};
    copy(&state, numbers, NUMBERS);
    for (int k = HOP__C_FAST; k <= HOP__C_LAST; k++)
        copy(&state, p->vector[k], n);
    copy(&state, p->best, n);
    copy(&state, p->h, hidden);
    copy(&state, p->c, hidden);
}

/* Of a whole number; 0 of what no run has saved. */
static uint64_t whole(double value) {
    return value >= 0.0 && value < 9007199254740992.0 ? (uint64_t)value : 0;
}

static uint64_t join(const double *halves) {
    return whole(halves[0]) << 32 | whole(halves[1]);
}

static void fetch(const double **from, double *to, size_t count) {
    memcpy(to, *from, count * sizeof *to);
    *from += count;
}

void hop__continuous_restore(hop__continuous *p, const double *state) {
    const size_t n = 3 * p->count, hidden = HOP__C_HIDDEN * p->stride;
    p->random = (hop__random){join(state), join(state + 2), whole(state[4])};
    p->energy_before = state[5];
    p->best_energy = state[7] != 0.0 ? state[6] : INFINITY;
    p->step = (int64_t)whole(state[8]);
    p->best_step = (int64_t)whole(state[9]);
    state += NUMBERS;
    for (int k = HOP__C_FAST; k <= HOP__C_LAST; k++)
        fetch(&state, p->vector[k], n);
    fetch(&state, p->best, n);
    fetch(&state, p->h, hidden);
    fetch(&state, p->c, hidden);
}

/* ---- records ---- */

size_t hop__continuous_record_size(size_t count) {
    return 3 * count * (HOP__C_VECTORS + 2) +
           HOP__C_ACTIVATIONS * hop__lstm_stride(count) +
           hop__lstm_record_size(&hop__continuous_shape, count);
}

void hop__continuous_record_place(hop__continuous_record *record, size_t count,
                                  double *block) {
    for (int k = 0; k < HOP__C_VECTORS; k++)
        record->vector[k] = hop__cut(&block, 3 * count);
    record->noise = hop__cut(&block, 3 * count);
    record->u = hop__cut(&block, 3 * count);
    record->o = hop__cut(&block, HOP__C_ACTIVATIONS * hop__lstm_stride(count));
    record->network = block;
}

/* ---- the step ---- */

static void take_in(hop__continuous *p, const double *x, double energy,
                    const double *forces) {
    const size_t n = 3 * p->count;
    const double unit = 1.0 / (p->units.stiffness * p->units.length);
    double *f = p->vector[HOP__C_FORCE], *back = p->vector[HOP__C_BACK];
    for (size_t a = 0; a < n; a++)
        f[a] = unit * forces[a];
    for (int k = 0; k < 3; k++) {
        double *m = p->vector[HOP__C_FAST + k];
        for (size_t a = 0; a < n; a++)
            m[a] = p->step == 0 ? f[a] : decay[k] * m[a] + (1.0 - decay[k]) * f[a];
    }
    if (energy < p->best_energy) {
        p->best_energy = energy;
        p->best_step = p->step;
        memcpy(p->best, x, n * sizeof *x);
    }
    for (size_t a = 0; a < n; a++)
        back[a] = (p->best[a] - x[a]) / p->units.length;
}

static hop__continuous_now now_of(const hop__continuous *p, double energy) {
    const double unit = 1.0 / ((double)p->count * p->units.energy);
    hop__continuous_now now = {.count = p->count,
                               .stride = p->stride,
                               .size = p->size,
                               .cohesion = p->cohesion,
                               .above = (energy - p->best_energy) * unit,
                               .since = (double)(p->step - p->best_step),
                               .step = (double)p->step};
    for (int k = 0; k < HOP__C_VECTORS; k++)
        now.vector[k] = p->vector[k];
    if (p->step > 0)
        now.drop = (p->energy_before - energy) * unit;
    if (p->budget > 0.0)
        now.share = fmin(1.0, (double)p->step / p->budget);
    return now;
}

/* tanh of the outputs (NOISE: its sigmoid's), and the three factors behind them. */
static void activate(hop__continuous *p) {
    const enum hop__isa isa = p->context->isa;
    const size_t stride = p->stride;
    double *noise = p->o + HOP__C_NOISE * stride,
           *factor = p->o + HOP__C_OUTPUTS * stride;
    for (size_t i = 0; i < stride; i++)
        noise[i] = 0.5 * (noise[i] - 4.0); /* sigmoid(2 z) = (1 + tanh z) / 2 */
    hop__rows_tanh(isa, HOP__C_OUTPUTS * stride, p->o);
    for (size_t i = 0; i < stride; i++)
        factor[i] = 0.5 * p->o[HOP__C_KEEP * stride + i];
    hop__rows_exp(isa, stride, factor, factor);
    hop__rows_exp(isa, stride, p->o + HOP__C_PUSH * stride, factor + stride);
    hop__rows_exp(isa, stride, p->o + HOP__C_CAP * stride, factor + 2 * stride);
}

static void rest(hop__continuous *p) {
    const size_t stride = p->stride;
    double *factor = p->o + HOP__C_OUTPUTS * stride;
    memset(p->o, 0, HOP__C_OUTPUTS * stride * sizeof *p->o);
    for (size_t i = 0; i < stride; i++)
        p->o[HOP__C_NOISE * stride + i] = -1.0;
    for (size_t i = 0; i < 3 * stride; i++)
        factor[i] = 1.0;
}

static void draw_noise(hop__continuous *p) {
    const size_t half = (3 * p->count + 1) / 2;
    double *normal = p->normal;
    hop__random_fill(&p->random, 2 * half, normal);
    hop__rows_normal(p->context->isa, half, normal, normal + half);
    for (size_t i = 0; i < p->count; i++) {
        const double *r = normal + 3 * i;
        for (size_t c = 0; c < 3; c++)
            p->noise[3 * i + c] = p->frame[3 * c] * r[0] + p->frame[3 * c + 1] * r[1] +
                                  p->frame[3 * c + 2] * r[2];
    }
}

/* v / sqrt(1 + |v|^2 / limit^2) */
static inline double softness(const double *v, double limit) {
    double square = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
    return 1.0 / sqrt(1.0 + square / (limit * limit));
}

static void act(const hop__continuous *p, double cosine, double *step, double *u_out) {
    const size_t stride = p->stride;
    const double keep = 0.99 - 0.9 * hop__sigmoid(-20.0 * cosine);
    const double *f = p->vector[HOP__C_FORCE], *last = p->vector[HOP__C_LAST];
    const double *back = p->vector[HOP__C_BACK];
    for (size_t i = 0; i < p->count; i++) {
        const size_t a = 3 * i;
        const double *t = p->o + i, *factor = t + HOP__C_OUTPUTS * stride;
        double on_last = keep * factor[0];
        double on_force = HOP__C_PULL * factor[stride] * softness(f + a, HOP__C_SOFT);
        double on_back =
            0.1 * p->attraction * t[HOP__C_RETURN * stride] * softness(back + a, 1.0);
        double on_noise =
            0.5 * HOP__C_LOUDEST * p->loudness * (1.0 + t[HOP__C_NOISE * stride]);
        double cap = p->cap * factor[2 * stride], on_mean[3], u[3];
        for (size_t k = 0; k < 3; k++)
            on_mean[k] = 0.5 * HOP__C_PULL * t[(HOP__C_MEANS + k) * stride] *
                         softness(p->vector[HOP__C_FAST + k] + a, HOP__C_SOFT);
        for (size_t c = 0; c < 3; c++) {
            u[c] = on_last * last[a + c] + on_force * f[a + c] + on_back * back[a + c] +
                   on_noise * p->noise[a + c];
            for (size_t k = 0; k < 3; k++)
                u[c] += on_mean[k] * p->vector[HOP__C_FAST + k][a + c];
        }
        double shrink = softness(u, cap);
        for (size_t c = 0; c < 3; c++)
            step[a + c] = shrink * u[c];
        if (u_out)
            memcpy(u_out + a, u, sizeof u);
    }
}

static void keep_record(const hop__continuous *p, const hop__continuous_now *now,
                        double cosine, hop__continuous_record *r) {
    const size_t bytes = 3 * p->count * sizeof(double);
    for (int k = 0; k < HOP__C_VECTORS; k++)
        memcpy(r->vector[k], p->vector[k], bytes);
    memcpy(r->noise, p->noise, bytes);
    memcpy(r->o, p->o, HOP__C_ACTIVATIONS * p->stride * sizeof *p->o);
    r->drop = now->drop;
    r->above = now->above;
    r->since = now->since;
    r->share = now->share;
    r->cosine = cosine;
    r->step = p->step;
    r->best_step = p->best_step;
}

void hop__continuous_step(hop__continuous *p, const double *weights, const double *x,
                          double energy, const double *forces, double *step,
                          hop__continuous_record *record) {
    take_in(p, x, energy, forces);
    const hop__continuous_now now = now_of(p, energy);
    const double cosine = hop__continuous_inputs(p->context->isa, &now, p->x);
    if (weights) {
        hop__symmetry_forward(p->symmetry, p->count, p->stride, p->units.length, x,
                              p->size, p->x + HOP__C_SYMMETRY * p->stride);
        hop__lstm_forward(p->context->isa, &hop__continuous_shape, weights, p->count,
                          p->x, p->h, p->c, p->o,
                          record ? record->network : p->network);
        activate(p);
        draw_noise(p);
    } else {
        rest(p);
    }
    if (record)
        keep_record(p, &now, cosine, record);
    act(p, cosine, step, record ? record->u : NULL);
    memcpy(p->vector[HOP__C_LAST], step, 3 * p->count * sizeof *step);
    p->energy_before = energy;
    p->step++;
}
