/* L-BFGS without a line search, as global searches use it (Wales' GMIN), and a cap on the
   step.  The two loops (Nocedal, Math. Comp. 35 (1980) 773) run on scalar products, which
   cost one pass over the pairs to multiply them with the force and one to add them up.
   In matrices (Byrd, Nocedal and Schnabel, Math. Program. 63 (1994) 129), with W the inverse
   of the upper triangle of S'Y:

       alpha = W S'f,   a = W' (D alpha + gamma (Y'Y alpha - Y'f)),
       H f = gamma f + S a - gamma Y alpha.

   A new pair brings products that are differences of s.f and y.f, and W gets a column: by
   the rows' forward substitution, -W S'y / s.y = (W S'f_new - alpha_old) / s.y.  The oldest
   pair's row and column just go.  So nothing waits for anything, and slots need no order.

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

#define LONG_ROWS 5 /* parts of the block */
#define SHORT_ROWS 9
#define SQUARES 3

#define VARIANT(isa)                                                                   \
    {                                                                                  \
        hop__lbfgs_pair_##isa, hop__lbfgs_dots_##isa, hop__lbfgs_first_loop_##isa,     \
            hop__lbfgs_second_loop_##isa, hop__lbfgs_combine_##isa                     \
    }
static const struct kernels {
    __typeof__(hop__lbfgs_pair_base) *pair;
    __typeof__(hop__lbfgs_dots_base) *dots;
    __typeof__(hop__lbfgs_first_loop_base) *first_loop;
    __typeof__(hop__lbfgs_second_loop_base) *second_loop;
    __typeof__(hop__lbfgs_combine_base) *combine;
} variants[] = {VARIANT(base), VARIANT(avx2), VARIANT(avx512)};

/* A point and what the pairs know of its force f: s.f, y.f and W s.f, by slot. */
typedef struct point {
    double *x, *f, *sf, *yf, *alpha;
} point;

typedef struct state {
    const struct kernels *run;
    hop__rows rows;
    size_t n, memory; /* coordinates, pairs */
    hop__lbfgs_pairs pairs;
    size_t next, spare; /* slot and place of the next pair */
    size_t clean;       /* slots that have been used before */
    hop__lbfgs_products products;
    double cap, unit, rise; /* angstrom, 1/stiffness, eV */
    point from, trial;      /* where steps start from; the point just told */
    double *step, *a, *b;
    double *block;
    double energy, gamma, square;
    double downhill; /* step . f, before it was capped; square: step . step */
    bool have_last;
    int shortened;
} state;

static void forget_pairs(state *s) {
    s->pairs.count = s->products.count = s->next = s->spare = 0;
    s->products.in_order = true;
}

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
    const size_t stride = s->pairs.stride, width = s->products.width;
    double **long_rows[] = {&s->from.x, &s->from.f, &s->trial.x, &s->trial.f, &s->step};
    double **short_rows[] = {&s->from.sf,  &s->from.yf,  &s->from.alpha,
                             &s->trial.sf, &s->trial.yf, &s->trial.alpha,
                             &s->a,        &s->b,        &s->products.curvature};
    double **squares[] = {&s->products.inverse, &s->products.transposed,
                          &s->products.yy};
    s->block = at;
    for (size_t k = 0; k < LONG_ROWS; k++)
        *long_rows[k] = hop__cut(&at, stride);
    for (size_t k = 0; k < SHORT_ROWS; k++)
        *short_rows[k] = hop__cut(&at, width);
    memset(s->block, 0, (size_t)(at - s->block) * sizeof *at);
    for (size_t k = 0; k < SQUARES; k++)
        *squares[k] = hop__cut(&at, width * width);
    s->pairs.rows = at;
}

/* All that is worth its time: the longer the rows, the fewer pairs. */
static size_t choose_memory(const hop__settings *settings, size_t n) {
    size_t affordable = PAIRED_NUMBERS / n;
    if (settings->memory >= 1.0)
        return (size_t)settings->memory;
    return affordable < 16 ? 16 : affordable > 100 ? 100 : affordable;
}

static size_t in_lanes(size_t count) {
    return (count + HOP__LBFGS_LANES - 1) / HOP__LBFGS_LANES * HOP__LBFGS_LANES;
}

static int create(hop_context *context, const hop__descent_system *system,
                  const hop__settings *settings, void **out) {
    const size_t n = 3 * system->rows.count, memory = choose_memory(settings, n);
    const size_t stride = in_lanes(n), width = in_lanes(memory);
    const size_t size = (2 * (memory + 1) + LONG_ROWS) * stride +
                        (SHORT_ROWS + SQUARES * width) * width;
    state *s = hop__allocate(context, 1, sizeof *s);
    double *block = s ? hop__allocate_unset(context, size, sizeof *block) : NULL;
    if (!block) {
        hop__release(context, s);
        return HOP_ERROR_MEMORY;
    }
    s->run = &variants[context->isa];
    s->n = n;
    s->rows = system->rows;
    s->memory = memory;
    s->pairs.stride = stride;
    s->products.width = width;
    s->cap = settings->max_step * system->units.length;
    s->unit = 1.0 / system->units.stiffness;
    s->rise = settings->max_rise * system->units.energy;
    place(s, block);
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

/* Padding, and what is read beyond the slots in use, is zero at a slot's first use. */
static void clean_slot(state *s, size_t k) {
    const size_t width = s->products.width, wide = in_lanes(k + 1);
    double *const squares[] = {s->products.inverse, s->products.transposed,
                               s->products.yy};
    for (size_t m = 0; m < SQUARES; m++) {
        memset(squares[m] + k * width, 0, wide * sizeof(double));
        for (size_t row = 0; row < k && k % HOP__LBFGS_LANES == 0; row++)
            memset(squares[m] + row * width + k, 0, HOP__LBFGS_LANES * sizeof(double));
    }
    s->clean = k + 1;
}

static double *pair_rows(const state *s, size_t place) {
    return s->pairs.rows + 2 * place * s->pairs.stride;
}

/* W and Y'Y get the column and the row of slot k. */
static void add_products(state *s, size_t k, double sy, double yy) {
    const hop__lbfgs_products *p = &s->products;
    const size_t width = p->width, count = p->count;
    double *column = p->inverse + k * width, *row = p->transposed + k * width;
    double *products = p->yy + k * width;
    const double inverse = 1.0 / sy;
    for (size_t i = 0; i < count; i++) {
        p->inverse[i * width + k] = row[i] = 0.0;
        column[i] = (s->trial.alpha[i] - s->from.alpha[i]) * inverse;
        products[i] = s->from.yf[i] - s->trial.yf[i];
    }
    column[k] = inverse;
    products[k] = yy;
    for (size_t i = 0; i < count; i++) {
        p->transposed[i * width + k] = column[i];
        p->yy[i * width + k] = products[i];
    }
    p->curvature[k] = sy;
}

/* What a point knows of the new pair in slot k. */
static void tell(const state *s, point *p, size_t k, double sf, double yf) {
    const double *column = s->products.inverse + k * s->products.width;
    p->sf[k] = sf;
    p->yf[k] = yf;
    p->alpha[k] = 0.0;
    for (size_t i = 0; i < s->pairs.count; i++)
        p->alpha[i] += column[i] * sf;
}

/* The pair in the spare place becomes the newest, and if need be the oldest one's place
   becomes spare. */
static void admit(state *s, const double sums[HOP__PAIR_SUMS]) {
    const size_t k = s->next, spare = s->spare;
    const double sy = sums[HOP__SY], yy = sums[HOP__YY];
    if (k == s->pairs.count) {
        s->pairs.count = s->products.count = k + 1;
        s->spare = k + 1;
        if (k >= s->clean)
            clean_slot(s, k);
    } else {
        s->spare = s->pairs.place[k];
        s->products.in_order = false;
    }
    s->pairs.place[k] = spare;
    s->next = k + 1 < s->memory ? k + 1 : 0;
    add_products(s, k, sy, yy);
    tell(s, &s->from, k, sums[HOP__SF] + sy, sums[HOP__YF] + yy); /* f = trial + y */
    tell(s, &s->trial, k, sums[HOP__SF], sums[HOP__YF]);
    s->gamma = sy / yy;
}

/* Products of the pairs with the force at the trial. */
static void look(state *s) {
    s->run->dots(&s->pairs, s->trial.f, s->trial.sf, s->trial.yf);
    s->run->first_loop(&s->products, s->trial.sf, s->trial.alpha);
}

/* A pair without positive curvature is not kept.  Returns the length of the step. */
static double remember(state *s, const double *x, const double *forces) {
    double *ds = pair_rows(s, s->spare), sums[HOP__PAIR_SUMS];
    double *dy = ds + s->pairs.stride;
    for (size_t a = s->n; a < s->pairs.stride; a++)
        ds[a] = dy[a] = 0.0;
    s->run->pair(s->n, x, s->from.x, forces, s->from.f, ds, dy, s->trial.x, s->trial.f,
                 sums);
    look(s);
    const double ss = sums[HOP__SS], sy = sums[HOP__SY], yy = sums[HOP__YY];
    if (sy > CURVATURE * sqrt(ss * yy) && yy < INFINITY)
        admit(s, sums);
    return sqrt(ss);
}

/* Pairs may be left from before a jump. */
static void look_again(state *s, const double *x, const double *forces) {
    memcpy(s->trial.x, x, s->n * sizeof *x);
    memcpy(s->trial.f, forces, s->n * sizeof *forces);
    look(s);
}

static void steepest(state *s) {
    const double scale = FIRST_STEP * s->unit;
    const double ff = hop__dot(s->from.f, s->from.f, s->n);
    s->downhill = scale * ff;
    s->square = scale * scale * ff;
    for (size_t a = 0; a < s->n; a++)
        s->step[a] = scale * s->from.f[a];
}

static void direction(state *s) {
    double sums[2];
    if (s->pairs.count > 0) {
        s->run->second_loop(&s->products, s->gamma, s->from.alpha, s->from.yf, s->a,
                            s->b);
        s->run->combine(&s->pairs, s->a, s->b, s->gamma, s->from.f, s->step, sums);
        s->square = sums[0];
        s->downhill = sums[1];
        if (s->downhill > 0.0)
            return;
        forget_pairs(s);
    }
    steepest(s);
}

static void go_on_from_trial(state *s, double energy) {
    const point from = s->from;
    s->from = s->trial;
    s->trial = from;
    s->energy = energy;
    s->have_last = true;
    s->shortened = 0;
}

/* A whole step is at most this long; no atom then moves farther. */
static void shorten(state *s, double longest) {
    const double length = sqrt(s->square);
    if (!(length > longest))
        return;
    s->square = longest * longest;
    for (size_t a = 0; a < s->n; a++)
        s->step[a] *= longest / length;
}

static void step(void *opaque, const double *x, double energy, const double *forces,
                 double *next) {
    state *s = opaque;
    double length = 0.0;
    bool high =
        s->have_last && energy > s->energy + s->rise && s->shortened < SHORTENINGS;
    if (s->have_last)
        length = remember(s, x, forces);
    else
        look_again(s, x, forces);
    if (high)
        s->shortened++;
    else
        go_on_from_trial(s, energy);
    direction(s);
    if (high)
        shorten(s, SHORTER * length);
    hop__descent_move(&s->rows, s->from.x, s->step, s->square, s->cap, next);
}

/* Slots from `clean` on have never been used, and nor have these columns of products. */
static void record_pairs(state *s, hop__record *record) {
    const size_t width = s->products.width, columns = in_lanes(s->clean);
    for (size_t k = 0; k < s->pairs.count; k++)
        hop__record_part(record, pair_rows(s, s->pairs.place[k]),
                         2 * s->pairs.stride * sizeof(double));
    for (size_t k = 0; k < s->clean; k++) {
        hop__record_part(record, s->products.inverse + k * width,
                         columns * sizeof(double));
        hop__record_part(record, s->products.transposed + k * width,
                         columns * sizeof(double));
        hop__record_part(record, s->products.yy + k * width, columns * sizeof(double));
    }
    hop__record_part(record, s->products.curvature, width * sizeof(double));
}

static bool slots_possible(const state *s) {
    const size_t count = s->pairs.count;
    bool possible = count <= s->memory && s->products.count == count &&
                    s->clean <= s->memory && count <= s->clean && s->next < s->memory &&
                    s->next <= count && s->spare <= s->memory;
    for (size_t k = 0; possible && k < count; k++)
        possible = s->pairs.place[k] <= s->memory;
    return possible;
}

static void record_point(state *s, point *p, hop__record *record) {
    const size_t width = s->products.width * sizeof(double);
    hop__record_part(record, p->x, s->pairs.stride * sizeof(double));
    hop__record_part(record, p->f, s->pairs.stride * sizeof(double));
    hop__record_part(record, p->sf, width);
    hop__record_part(record, p->yf, width);
    hop__record_part(record, p->alpha, width);
}

void hop__lbfgs_record(void *opaque, hop__record *record) {
    state *s = opaque;
    HOP__RECORD(record, s->pairs.count);
    HOP__RECORD(record, s->pairs.place);
    HOP__RECORD(record, s->products.count);
    hop__record_flag(record, &s->products.in_order);
    HOP__RECORD(record, s->next);
    HOP__RECORD(record, s->spare);
    HOP__RECORD(record, s->clean);
    hop__record_expect(record, slots_possible(s));
    if (record->broken) {
        forget_pairs(s);
        s->clean = 0;
        return;
    }
    record_pairs(s, record);
    record_point(s, &s->from, record);
    record_point(s, &s->trial, record);
    HOP__RECORD(record, s->energy);
    HOP__RECORD(record, s->gamma);
    HOP__RECORD(record, s->square);
    HOP__RECORD(record, s->downhill);
    hop__record_flag(record, &s->have_last);
    HOP__RECORD_COUNT(record, s->shortened);
}

const hop__descent_kind hop__lbfgs_kind = {"lbfgs", create,  destroy, start,
                                           jump,    outlook, step};
