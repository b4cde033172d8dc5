#include "optimizers/order.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

#define K HOP__ORDER_INPUTS
#define W HOP__ORDER_WEIGHTS
#define FADE 0.99    /* of what earlier minima said, each minimum */
#define ENOUGH 3.0   /* minima before anything is believed */
#define PENALTY 1e-2 /* on squares of weights, for atoms */
#define CAUTION 1.0  /* and for what whole minima correct */
#define BEHIND 1.27  /* second neighbours, in contact distances of the first */
#define TRIED 4      /* sites of a side that are tried as partners */

void hop__sites_begin(hop__sites *s, size_t count, double *block) {
    s->side = hop__cut(&block, count);
    s->first = hop__cut(&block, count);
    s->second = hop__cut(&block, count);
    s->unlike = hop__cut(&block, count);
    s->occupant = hop__cut(&block, count);
    s->contact = hop__cut(&block, HOP__NEAR * count);
    s->constant = hop__cut(&block, 2 * count);
    s->linear = hop__cut(&block, 2 * count);
}

void hop__order_start(hop__order *o) { memset(o, 0, sizeof *o); }

/* ---- sites ---- */

static void set_sides(hop__sites *s, const hop__hop_atoms *atoms) {
    int64_t sum = 0;
    for (size_t j = 0; j < atoms->count; j++)
        sum += atoms->numbers[j];
    for (size_t i = 0; i < atoms->count; i++) {
        s->side[i] = (int64_t)atoms->count * atoms->numbers[i] > sum ? 1.0 : -1.0;
        s->occupant[i] = (double)i;
    }
}

static void look(hop__sites *s, hop__surface *surface, const double *x) {
    const size_t n = surface->atoms->count;
    const double reach = surface->atoms->units.length;
    hop__surface_look(surface, x);
    set_sides(s, surface->atoms);
    for (size_t i = 0; i < n; i++) {
        double first = 0.0, second = 0.0, unlike = 0.0;
        for (size_t k = 0; k < (size_t)surface->nears[i]; k++) {
            const size_t j = hop__surface_neighbour(surface, i, k);
            const double square = hop__surface_square(x + 3 * i, x + 3 * j);
            const double c = hop__surface_contact(square, reach);
            s->contact[HOP__NEAR * i + k] = c;
            first += c;
            second += hop__surface_contact(square, BEHIND * reach) - c;
            unlike += c * s->side[j];
        }
        s->first[i] = first;
        s->second[i] = second;
        s->unlike[i] = unlike / 12.0;
    }
}

static void inputs(const hop__sites *s, size_t i, double in[K]) {
    const double first = s->first[i] / 12.0, unlike = s->unlike[i];
    in[0] = 1.0;
    in[1] = first;
    in[2] = sqrt(first);
    in[3] = unlike;
    in[4] = unlike * first;
    in[5] = unlike * unlike;
    in[6] = s->second[i] / 12.0;
}

/* ---- learning ---- */

static void add_square(double *sum, const double *in, size_t count, double weight) {
    for (size_t a = 0; a < count; a++)
        for (size_t b = 0; b < count; b++)
            sum[a * count + b] += weight * in[a] * in[b];
}

static void scale(double *numbers, size_t count, double factor) {
    for (size_t k = 0; k < count; k++)
        numbers[k] *= factor;
}

/* Mean and spread about it of the inputs' sums over all atoms, with fading weights. */
static void learn_whole(hop__order *o, double total[W], double energy) {
    o->minima = FADE * o->minima + 1.0;
    const double step = 1.0 / o->minima;
    double off[W];
    for (size_t k = 0; k < W; k++) {
        off[k] = total[k] - o->mean[k];
        o->mean[k] += step * off[k];
    }
    const double above = energy - o->mean_total;
    o->mean_total += step * above;
    scale(o->whole, W * W, FADE);
    scale(o->totals, W, FADE);
    add_square(o->whole, off, W, 1.0 - step);
    for (size_t k = 0; k < W; k++)
        o->totals[k] += (1.0 - step) * off[k] * above;
}

void hop__order_learn(hop__order *o, hop__sites *s, hop__surface *surface,
                      const double *x, double energy, const double *energies) {
    const double unit = surface->atoms->units.energy;
    double in[K], total[W] = {0.0};
    look(s, surface, x);
    scale(o->atoms[0], 2 * K * K, FADE);
    scale(o->energies[0], 2 * K, FADE);
    for (size_t i = 0; i < surface->atoms->count; i++) {
        const size_t side = s->side[i] > 0.0;
        inputs(s, i, in);
        for (size_t k = 0; k < K; k++)
            total[side * K + k] += in[k];
        if (!isfinite(energies[i]))
            continue;
        add_square(o->atoms[side], in, K, 1.0);
        for (size_t k = 0; k < K; k++)
            o->energies[side][k] += in[k] * energies[i] / unit;
    }
    learn_whole(o, total, energy / unit);
}

/* Solve (a + penalty) w = b by Cholesky's factors; a is count x count. */
static void solve(const double *a, double penalty, const double *b, size_t count,
                  double *w) {
    double l[W * W] = {0.0};
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i * count + j] + (i == j ? penalty : 0.0);
            for (size_t k = 0; k < j; k++)
                sum -= l[i * count + k] * l[j * count + k];
            l[i * count + j] =
                i == j ? sqrt(fmax(sum, 1e-6 * penalty)) : sum / l[j * count + j];
        }
    for (size_t i = 0; i < count; i++) {
        double sum = b[i];
        for (size_t k = 0; k < i; k++)
            sum -= l[i * count + k] * w[k];
        w[i] = sum / l[i * count + i];
    }
    for (size_t i = count; i-- > 0;) {
        double sum = w[i];
        for (size_t k = i + 1; k < count; k++)
            sum -= l[k * count + i] * w[k];
        w[i] = sum / l[i * count + i];
    }
}

/* What atoms say, corrected by what whole minima say. */
static void fit(const hop__order *o, double w[W]) {
    double left[W], correction[W] = {0.0};
    for (size_t side = 0; side < 2; side++)
        solve(o->atoms[side], PENALTY, o->energies[side], K, w + side * K);
    for (size_t a = 0; a < W; a++) {
        left[a] = o->totals[a];
        for (size_t b = 0; b < W; b++)
            left[a] -= o->whole[a * W + b] * w[b];
    }
    solve(o->whole, CAUTION, left, W, correction);
    for (size_t k = 0; k < W; k++)
        w[k] += correction[k];
}

/* ---- exchanging ---- */

/* Energy of a site as a function of its neighbours' sides: constant + linear u + w u^2. */
static void prepare(hop__sites *s, size_t count, const double w[W]) {
    for (size_t i = 0; i < count; i++)
        for (size_t side = 0; side < 2; side++) {
            const double *v = w + side * K, first = s->first[i] / 12.0;
            s->constant[2 * i + side] =
                v[0] + v[1] * first + v[2] * sqrt(first) + v[6] * s->second[i] / 12.0;
            s->linear[2 * i + side] = v[3] + v[4] * first;
        }
}

static double energy_of(const hop__sites *s, const double w[W], size_t i, size_t side,
                        double unlike) {
    return s->constant[2 * i + side] +
           (s->linear[2 * i + side] + w[side * K + 5] * unlike) * unlike;
}

/* What it brings that the occupant of site i changes sides. */
static double flip(const hop__sites *s, const hop__surface *surface, const double w[W],
                   size_t i) {
    const size_t side = s->side[i] > 0.0;
    double change = energy_of(s, w, i, 1 - side, s->unlike[i]) -
                    energy_of(s, w, i, side, s->unlike[i]);
    for (size_t k = 0; k < (size_t)surface->nears[i]; k++) {
        const size_t j = hop__surface_neighbour(surface, i, k);
        const double c = s->contact[HOP__NEAR * i + k];
        if (c == 0.0)
            continue;
        const size_t other = s->side[j] > 0.0;
        change += energy_of(s, w, j, other, s->unlike[j] - s->side[i] * c / 6.0) -
                  energy_of(s, w, j, other, s->unlike[j]);
    }
    return change;
}

static void turn(hop__sites *s, const hop__surface *surface, size_t i) {
    for (size_t k = 0; k < (size_t)surface->nears[i]; k++)
        s->unlike[hop__surface_neighbour(surface, i, k)] -=
            s->side[i] * s->contact[HOP__NEAR * i + k] / 6.0;
    s->side[i] = -s->side[i];
}

/* The site on `side` whose turning is the best of those above `floor`. */
static size_t best_flip(const hop__sites *s, const hop__surface *surface,
                        const double w[W], double side, double floor, double *change) {
    const hop__hop_atoms *atoms = surface->atoms;
    size_t best = atoms->count;
    *change = INFINITY;
    for (size_t i = 0; i < atoms->count; i++) {
        if (s->side[i] != side || atoms->fixed[(size_t)s->occupant[i]])
            continue;
        const double brings = flip(s, surface, w, i);
        if (brings > floor && brings < *change) {
            *change = brings;
            best = i;
        }
    }
    return best;
}

static double best_pair(hop__sites *s, const hop__surface *surface, const double w[W],
                        size_t pair[2]) {
    const size_t n = surface->atoms->count;
    double lowest = INFINITY, floor = -INFINITY;
    for (int k = 0; k < TRIED; k++) {
        double first, second;
        const size_t a = best_flip(s, surface, w, -1.0, floor, &first);
        if (a == n)
            break;
        floor = first;
        turn(s, surface, a);
        s->side[a] = 2.0; /* not itself again; its neighbours know its new side */
        const size_t b = best_flip(s, surface, w, 1.0, -INFINITY, &second);
        s->side[a] = 1.0;
        turn(s, surface, a);
        if (b < n && first + second < lowest) {
            lowest = first + second;
            pair[0] = a;
            pair[1] = b;
        }
    }
    return lowest;
}

void hop__order_flips(const hop__order *o, hop__sites *s, hop__surface *surface,
                      const double *x, double *flips) {
    const size_t n = surface->atoms->count;
    double w[W];
    memset(flips, 0, n * sizeof *flips);
    if (o->minima < ENOUGH)
        return;
    fit(o, w);
    look(s, surface, x);
    prepare(s, n, w);
    for (size_t i = 0; i < n; i++)
        flips[i] = flip(s, surface, w, i);
}

size_t hop__order_settle(const hop__order *o, hop__sites *s, hop__surface *surface,
                         double *x, size_t most, double margin) {
    const size_t n = surface->atoms->count;
    double w[W];
    size_t times = 0, pair[2] = {0, 0};
    if (o->minima < ENOUGH)
        return 0;
    fit(o, w);
    look(s, surface, x);
    prepare(s, n, w);
    while (times < most && best_pair(s, surface, w, pair) < -margin) {
        for (int k = 0; k < 2; k++)
            turn(s, surface, pair[k]);
        const double keep = s->occupant[pair[0]];
        s->occupant[pair[0]] = s->occupant[pair[1]];
        s->occupant[pair[1]] = keep;
        times++;
    }
    if (times == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        memcpy(surface->place + 3 * i, x + 3 * i, 3 * sizeof *x);
    for (size_t i = 0; i < n; i++)
        memcpy(x + 3 * (size_t)s->occupant[i], surface->place + 3 * i, 3 * sizeof *x);
    return times;
}
