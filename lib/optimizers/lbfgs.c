/* L-BFGS without a line search, as global searches use it (Wales' GMIN): the two-loop
   recursion (Nocedal, Math. Comp. 35 (1980) 773) and a cap on the step.  The recursion
   runs on scalar products (as in Chen, Wang and Zhou, NIPS 2014): those of a new pair
   with the old ones are differences of s.f and y.f, so a step costs one pass over the
   pairs to multiply them with the force and one to add them up.

   A point whose energy is too high is not gone on from, but the pair it makes is
   remembered: the next step starts from the last good point with a better direction. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "optimizers/descent.h"
#include "optimizers/lbfgs_kernels.h"

#define SHORTENINGS 6
#define SHORTER 0.5     /* than the step that led too high */
#define FIRST_STEP 0.15 /* of force over stiffness */
#define PAIRED_NUMBERS 65536
#define CURVATURE 1e-6 /* least cosine of s and y that is remembered */

static const struct kernels {
    void (*pair)(size_t, const double *, const double *, const double *, const double *,
                 double *, double *, double[4]);
    void (*dots)(const double *, size_t, size_t, const double *, double *);
    void (*combine)(const double *, const double *, size_t, size_t, const double *,
                    const double *, double, const double *, double *);
    void (*coefficients)(const hop__lbfgs_products *, size_t, const size_t *, size_t,
                         double, const double *, const double *, double *, double *);
} variants[] = {{hop__lbfgs_pair_base, hop__lbfgs_dots_base, hop__lbfgs_combine_base,
                 hop__lbfgs_coefficients_base},
                {hop__lbfgs_pair_avx2, hop__lbfgs_dots_avx2, hop__lbfgs_combine_avx2,
                 hop__lbfgs_coefficients_avx2},
                {hop__lbfgs_pair_avx512, hop__lbfgs_dots_avx512,
                 hop__lbfgs_combine_avx512, hop__lbfgs_coefficients_avx512}};

typedef struct state {
    const struct kernels *run;
    hop__rows rows;
    size_t n, stride;     /* coordinates, with padding */
    size_t memory, slots; /* one slot more than pairs; slots in use */
    size_t clean;         /* slots whose rows have been zero before */
    size_t pairs, order[HOP__LBFGS_MEMORY], spare;
    hop__lbfgs_products products;
    double cap, unit, rise; /* angstrom, 1/stiffness, eV */
    double *s, *y;          /* memory + 1 rows each */
    double *sf, *yf;        /* with the force at x, by slot */
    double *trial_sf, *trial_yf, *a, *b;
    double *x, *f, *trial, *step; /* of the point that steps start from */
    double *block;
    double energy, gamma, ff, trial_ff; /* f.f at x and at the trial */
    double downhill;                    /* step . f, before it was capped */
    bool have_last;
    int shortened;
} state;

static void forget_pairs(state *s) { s->pairs = s->slots = s->spare = 0; }

static void start(void *opaque) {
    state *s = opaque;
    forget_pairs(s);
    s->have_last = false;
    s->shortened = 0;
}

static void jump(void *opaque) {
    state *s = opaque;
    s->have_last = false;
    s->shortened = 0;
}

static double outlook(const void *opaque) {
    return 0.5 * ((const state *)opaque)->downhill;
}

static void place(state *s, double *at) {
    const size_t rows = s->memory + 1, width = s->products.width;
    double **long_rows[] = {&s->x, &s->f, &s->trial, &s->step};
    double **short_rows[] = {&s->sf, &s->yf, &s->trial_sf,    &s->trial_yf,
                             &s->a,  &s->b,  &s->products.rho};
    double **squares[] = {&s->products.sy, &s->products.ys, &s->products.yy};
    s->block = s->s = at;
    s->y = s->s + rows * s->stride;
    at = s->y + rows * s->stride;
    for (size_t k = 0; k < 4; k++, at += s->stride)
        *long_rows[k] = at;
    for (size_t k = 0; k < 7; k++, at += width)
        *short_rows[k] = at;
    for (size_t k = 0; k < 3; k++, at += width * width)
        *squares[k] = at;
}

/* All that is worth its time: the longer the rows, the fewer pairs. */
static size_t choose_memory(const hop__settings *settings, size_t n) {
    size_t affordable = PAIRED_NUMBERS / n;
    if (settings->memory >= 1.0)
        return (size_t)settings->memory;
    return affordable < 16 ? 16 : affordable > 100 ? 100 : affordable;
}

static int create(hop_context *context, const hop__descent_system *system,
                  const hop__settings *settings, void **out) {
    const size_t n = 3 * system->rows.count, memory = choose_memory(settings, n);
    const size_t stride =
        (n + HOP__LBFGS_BLOCK - 1) / HOP__LBFGS_BLOCK * HOP__LBFGS_BLOCK;
    const size_t width = (memory + 1 + 7) / 8 * 8;
    const size_t size = (2 * (memory + 1) + 4) * stride + (7 + 3 * width) * width;
    state *s = hop__allocate(context, 1, sizeof *s);
    double *block = s ? hop__allocate_unset(context, size, sizeof *block) : NULL;
    if (!block) {
        hop__release(context, s);
        return HOP_ERROR_MEMORY;
    }
    s->run = &variants[context->isa];
    s->n = n;
    s->rows = system->rows;
    s->stride = stride;
    s->memory = memory;
    s->products.width = width;
    s->cap = settings->max_step * system->units.length;
    s->unit = 1.0 / system->units.stiffness;
    s->rise = settings->max_rise * system->units.energy;
    place(s, block);
    memset(s->x, 0, (4 * stride + 7 * width) * sizeof *block);
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

/* Padding and entries without effect must be finite: zero at a slot's first use.  The
   kernels read products in eights of slots. */
static void clean_slot(state *s, size_t k) {
    const size_t width = s->products.width, wide = (k / 8 + 1) * 8;
    double *const squares[] = {s->products.sy, s->products.ys, s->products.yy};
    if (k < s->clean)
        return;
    s->clean = k + 1;
    memset(s->s + k * s->stride + s->n, 0, (s->stride - s->n) * sizeof *s->s);
    memset(s->y + k * s->stride + s->n, 0, (s->stride - s->n) * sizeof *s->y);
    for (int m = 0; m < 3; m++) {
        memset(squares[m] + k * width, 0, wide * sizeof(double));
        for (size_t row = 0; row < k && k % 8 == 0; row++)
            memset(squares[m] + row * width + k, 0, 8 * sizeof(double));
    }
}

/* The pair in the spare slot becomes the newest; the oldest one's slot becomes spare.
 */
static void admit(state *s, double sy, double yy) {
    const size_t k = s->spare, width = s->products.width;
    hop__lbfgs_products *p = &s->products;
    if (s->pairs == s->memory) {
        s->spare = s->order[0];
        memmove(s->order, s->order + 1, (s->pairs - 1) * sizeof *s->order);
        s->pairs--;
    } else {
        s->spare =
            s->pairs + 1; /* until the memory is full, slots are taken in order */
    }
    s->order[s->pairs++] = k;
    s->slots = s->slots > k + 1 ? s->slots : k + 1;
    for (size_t i = 0; i < s->slots; i++) {
        double si_y = s->sf[i] - s->trial_sf[i], yi_y = s->yf[i] - s->trial_yf[i];
        p->sy[k * width + i] = p->ys[i * width + k] = si_y;
        p->yy[k * width + i] = p->yy[i * width + k] = yi_y;
    }
    p->yy[k * width + k] = yy;
    p->rho[k] = 1.0 / sy;
    s->gamma = sy / yy;
}

/* A pair without positive curvature is not kept.  Returns the length of the step. */
static double remember(state *s, const double *x) {
    const size_t k = s->spare, rows = s->slots > k ? s->slots : k + 1;
    double *ds = s->s + k * s->stride, *dy = s->y + k * s->stride, sums[4];
    clean_slot(s, k);
    s->run->pair(s->n, x, s->x, s->trial, s->f, ds, dy, sums);
    s->run->dots(s->s, rows, s->stride, s->trial, s->trial_sf);
    s->run->dots(s->y, rows, s->stride, s->trial, s->trial_yf);
    const double ss = sums[0], sy = sums[1], yy = sums[2];
    s->trial_ff = sums[3];
    s->sf[k] = s->trial_sf[k] + sy; /* f = trial + y */
    s->yf[k] = s->trial_yf[k] + yy;
    if (sy > CURVATURE * sqrt(ss * yy) && yy < INFINITY)
        admit(s, sy, yy);
    return sqrt(ss);
}

static void steepest(state *s) {
    s->downhill = FIRST_STEP * s->unit * s->ff;
    for (size_t a = 0; a < s->n; a++)
        s->step[a] = FIRST_STEP * s->unit * s->f[a];
}

static void direction(state *s) {
    if (s->pairs == 0) {
        steepest(s);
        return;
    }
    s->run->coefficients(&s->products, s->slots, s->order, s->pairs, s->gamma, s->sf,
                         s->yf, s->a, s->b);
    s->run->combine(s->s, s->y, s->slots, s->stride, s->a, s->b, s->gamma, s->f,
                    s->step);
    double downhill = s->gamma * s->ff;
    for (size_t j = 0; j < s->pairs; j++) {
        size_t k = s->order[j];
        downhill += s->a[k] * s->sf[k] + s->b[k] * s->yf[k];
    }
    s->downhill = downhill;
    if (!(downhill > 0.0)) {
        forget_pairs(s);
        steepest(s);
    }
}

/* Products of the pairs that are left from before a jump with the force. */
static void look_again(state *s) {
    s->run->dots(s->s, s->slots, s->stride, s->trial, s->trial_sf);
    s->run->dots(s->y, s->slots, s->stride, s->trial, s->trial_yf);
    s->trial_ff = hop__dot(s->trial, s->trial, s->n);
}

static void go_on_from(state *s, const double *x, double energy) {
    double *f = s->f, *sf = s->sf, *yf = s->yf;
    memcpy(s->x, x, s->n * sizeof *x);
    s->f = s->trial;
    s->trial = f;
    s->sf = s->trial_sf;
    s->trial_sf = sf;
    s->yf = s->trial_yf;
    s->trial_yf = yf;
    s->ff = s->trial_ff;
    s->energy = energy;
    s->have_last = true;
    s->shortened = 0;
}

/* A whole step is at most this long; no atom then moves farther. */
static void shorten(state *s, double longest) {
    double length = sqrt(hop__dot(s->step, s->step, s->n));
    if (length > longest)
        for (size_t a = 0; a < s->n; a++)
            s->step[a] *= longest / length;
}

static void step(void *opaque, const double *x, double energy, const double *forces,
                 double *next) {
    state *s = opaque;
    double length = 0.0;
    bool high =
        s->have_last && energy > s->energy + s->rise && s->shortened < SHORTENINGS;
    memcpy(s->trial, forces, s->n * sizeof *forces);
    if (s->have_last)
        length = remember(s, x);
    else
        look_again(s);
    if (high)
        s->shortened++;
    else
        go_on_from(s, x, energy);
    direction(s);
    if (high)
        shorten(s, SHORTER * length);
    hop__descent_move(&s->rows, s->x, s->step, s->cap, next);
}

/* Slots from `clean` on have never been used, and nor have these columns of products. */
static void record_pairs(state *s, hop__record *record) {
    const size_t width = s->products.width, columns = (s->clean + 7) / 8 * 8;
    hop__record_part(record, s->s, s->clean * s->stride * sizeof(double));
    hop__record_part(record, s->y, s->clean * s->stride * sizeof(double));
    for (size_t k = 0; k < s->clean; k++) {
        hop__record_part(record, s->products.sy + k * width, columns * sizeof(double));
        hop__record_part(record, s->products.ys + k * width, columns * sizeof(double));
        hop__record_part(record, s->products.yy + k * width, columns * sizeof(double));
    }
    hop__record_part(record, s->products.rho, width * sizeof(double));
}

static bool slots_possible(const state *s) {
    bool possible = s->slots <= s->memory + 1 && s->clean <= s->memory + 1 &&
                    s->slots <= s->clean && s->pairs <= s->slots &&
                    s->pairs <= s->memory && s->spare <= s->memory;
    for (size_t k = 0; possible && k < s->pairs; k++)
        possible = s->order[k] < s->slots;
    return possible;
}

void hop__lbfgs_record(void *opaque, hop__record *record) {
    state *s = opaque;
    const size_t width = s->products.width;
    double *const rows[] = {s->x, s->f, s->trial, s->step};
    double *const columns[] = {s->sf, s->yf, s->trial_sf, s->trial_yf, s->a, s->b};
    double *const numbers[] = {&s->energy, &s->gamma, &s->ff, &s->trial_ff,
                               &s->downhill};
    HOP__RECORD(record, s->slots);
    HOP__RECORD(record, s->clean);
    HOP__RECORD(record, s->pairs);
    HOP__RECORD(record, s->order);
    HOP__RECORD(record, s->spare);
    hop__record_expect(record, slots_possible(s));
    if (record->broken) {
        s->slots = s->clean = s->pairs = s->spare = 0;
        return;
    }
    record_pairs(s, record);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        hop__record_part(record, rows[k], s->stride * sizeof(double));
    for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
        hop__record_part(record, columns[k], width * sizeof(double));
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        hop__record_part(record, numbers[k], sizeof(double));
    hop__record_flag(record, &s->have_last);
    HOP__RECORD_COUNT(record, s->shortened);
}

const hop__descent_kind hop__lbfgs_kind = {"lbfgs", create,  destroy, start,
                                           jump,    outlook, step};
