/* Stillinger-Weber pair by pair and triplet by triplet, for any elements, to compare the
 * library's kernels with.  Forces and Hessian products come from one routine over pairs of
 * numbers (value, change along v): see `dual`. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vector_math.h"
#include "potentials/stillinger_weber.h"
#include "support.h"

/* ---- numbers that carry their change along a direction ---- */

typedef struct dual {
    double v, d;
} dual;

static dual constant(double v) { return (dual){v, 0.0}; }
static dual add(dual a, dual b) { return (dual){a.v + b.v, a.d + b.d}; }
static dual sub(dual a, dual b) { return (dual){a.v - b.v, a.d - b.d}; }
static dual mul(dual a, dual b) { return (dual){a.v * b.v, a.d * b.v + a.v * b.d}; }
static dual times(double s, dual a) { return (dual){s * a.v, s * a.d}; }
static dual inverse(dual a) { return (dual){1.0 / a.v, -a.d / (a.v * a.v)}; }
static dual root(dual a) {
    double r = sqrt(a.v);
    return (dual){r, 0.5 * a.d / r};
}
static dual exponential(dual a) {
    double e = hop__exp(a.v);
    return (dual){e, e * a.d};
}
static dual power(dual a, double p) {
    if (p == 0.0)
        return constant(1.0);
    double v = hop__power(a.v, p);
    return (dual){v, p * v / a.v * a.d};
}

/* A neighbour as its centre sees it. */
typedef struct leg {
    int32_t index, species;
    dual u[3]; /* from the centre to the neighbour */
    dual r, inv_r;
    const hop__sw_entry *pair;
    dual decay, decay_slope; /* exp(gamma sigma / (r - a sigma)) and its slope in r */
} leg;

/* ---- terms ---- */

typedef struct totals {
    double *energies;
    double virial[6];
} totals;

/* exp(strength / (r - barrier)) and its slope, zero at and beyond the barrier; the
   exponent is kept above -200, where nothing is left of it. */
static void cut(double strength, dual r, double barrier, dual *value, dual *slope) {
    *value = *slope = constant(0.0);
    if (!(r.v < barrier) || strength / (r.v - barrier) < -200.0)
        return;
    dual gap = inverse(sub(r, constant(barrier)));
    *value = exponential(times(strength, gap));
    *slope = times(-strength, mul(*value, mul(gap, gap)));
}

/* Half of the pair energy and its forces on the centre i and on the neighbour. */
static void pair_term(const leg *l, dual *force, size_t i, double *energy,
                      totals *sum) {
    const hop__sw_entry *e = l->pair;
    dual value, slope;
    cut(e->sigma, l->r, e->barrier, &value, &slope);
    if (value.v == 0.0)
        return;
    dual x = times(e->sigma, l->inv_r);
    dual xp = times(e->B, power(x, e->p)), xq = power(x, e->q);
    dual bracket = sub(xp, xq);
    dual bracket_slope = mul(l->inv_r, sub(times(e->q, xq), times(e->p, xp)));
    double scale = e->A * e->epsilon;
    dual de = times(scale, add(mul(bracket_slope, value), mul(bracket, slope)));
    dual along = times(0.5, mul(de, l->inv_r));
    for (size_t c = 0; c < 3; c++) {
        dual *fi = &force[3 * i + c], *fj = &force[3 * (size_t)l->index + c];
        dual f = mul(along, l->u[c]);
        *fi = add(*fi, f);
        *fj = sub(*fj, f);
    }
    *energy += 0.5 * scale * bracket.v * value.v;
    const double *u = (double[]){l->u[0].v, l->u[1].v, l->u[2].v};
    double w = -along.v;
    sum->virial[0] += w * u[0] * u[0];
    sum->virial[1] += w * u[1] * u[1];
    sum->virial[2] += w * u[2] * u[2];
    sum->virial[3] += w * u[1] * u[2];
    sum->virial[4] += w * u[0] * u[2];
    sum->virial[5] += w * u[0] * u[1];
}

static void triplet_term(const leg *j, const leg *k, const hop__sw_entry *e,
                         double weight, dual *force, size_t i, double *energy,
                         totals *sum) {
    if (j->decay.v == 0.0 || k->decay.v == 0.0)
        return;
    dual cosine = constant(0.0);
    for (int c = 0; c < 3; c++)
        cosine = add(cosine, mul(j->u[c], k->u[c]));
    cosine = mul(cosine, mul(j->inv_r, k->inv_r));
    dual delta = sub(cosine, constant(e->cos0));
    dual strength = times(weight * e->lambda * e->epsilon, delta);
    dual both = mul(j->decay, k->decay);
    dual angular = times(2.0, mul(strength, both));
    dual square = mul(strength, delta);
    dual radial_j = mul(square, mul(j->decay_slope, k->decay));
    dual radial_k = mul(square, mul(j->decay, k->decay_slope));
    for (int c = 0; c < 3; c++) {
        dual nj = mul(j->u[c], j->inv_r), nk = mul(k->u[c], k->inv_r);
        /* dE/du of each leg */
        dual gj = add(mul(angular, mul(sub(nk, mul(cosine, nj)), j->inv_r)),
                      mul(radial_j, nj));
        dual gk = add(mul(angular, mul(sub(nj, mul(cosine, nk)), k->inv_r)),
                      mul(radial_k, nk));
        dual *fi = &force[3 * i + (size_t)c];
        dual *fj = &force[3 * (size_t)j->index + (size_t)c];
        *fi = add(*fi, add(gj, gk));
        *fj = sub(*fj, gj);
        dual *fk = &force[3 * (size_t)k->index + (size_t)c];
        *fk = sub(*fk, gk);
        static const int row[3][3] = {{0, 5, 4}, {5, 1, 3}, {4, 3, 2}};
        for (int b = c; b < 3; b++)
            sum->virial[row[c][b]] -= gj.v * j->u[b].v + gk.v * k->u[b].v;
    }
    *energy += square.v * both.v;
}

static size_t collect_legs(const hop__sw_parameters *p, const hop__sw_workspace *w,
                           const double *v, size_t i, leg *legs) {
    const hop__neighbors *list = w->neighbors;
    size_t count = 0;
    const size_t place = (size_t)list->place[i], first = list->first[place];
    for (size_t m = first; m < first + (size_t)list->count[place]; m++) {
        leg *l = &legs[count];
        size_t other = (size_t)list->index[m], j = (size_t)list->atom[other];
        dual square = constant(0.0);
        l->index = list->atom[other];
        l->species = w->species[j];
        l->pair = hop__sw_entry_of(p, w->species[i], l->species, l->species);
        for (size_t c = 0; c < 3; c++) {
            l->u[c].v = list->positions[4 * other + c] - list->positions[4 * place + c];
            l->u[c].d = v[3 * j + c] - v[3 * i + c];
            square = add(square, mul(l->u[c], l->u[c]));
        }
        l->r = root(square);
        if (!(l->r.v < l->pair->reach))
            continue;
        l->inv_r = inverse(l->r);
        cut(l->pair->gamma * l->pair->sigma, l->r, l->pair->barrier, &l->decay,
            &l->decay_slope);
        count++;
    }
    return count;
}

/* Strength and cosine of (centre, j, k) and (centre, k, j) at equal parts. */
static void both_triplets(const hop__sw_parameters *p, int32_t center, const leg *j,
                          const leg *k, dual *force, size_t i, double *energy,
                          totals *sum) {
    triplet_term(j, k, hop__sw_entry_of(p, center, j->species, k->species), 0.5, force,
                 i, energy, sum);
    triplet_term(j, k, hop__sw_entry_of(p, center, k->species, j->species), 0.5, force,
                 i, energy, sum);
}

void support_stillinger_weber(const hop_potential *potential, const hop_structure *s,
                              const double *v, support_sw_results *out) {
    const hop__sw_parameters *p = potential->parameters;
    const hop__sw_workspace *w = potential->workspace;
    leg *legs = calloc(w->neighbors->longest + 1, sizeof *legs);
    dual *force = calloc(3 * s->count + 1, sizeof *force);
    totals sum = {.energies = out->energies};
    *out->energy = 0.0;
    for (size_t i = 0; i < s->count; i++) {
        size_t count = collect_legs(p, w, v, i, legs);
        double energy = 0.0;
        for (size_t a = 0; a < count; a++) {
            pair_term(&legs[a], force, i, &energy, &sum);
            for (size_t b = a + 1; b < count; b++)
                both_triplets(p, w->species[i], &legs[a], &legs[b], force, i, &energy,
                              &sum);
        }
        sum.energies[i] = energy;
        *out->energy += energy;
    }
    for (size_t k = 0; k < 3 * s->count; k++) {
        out->forces[k] = force[k].v;
        out->product[k] = -force[k].d;
    }
    memcpy(out->virial, sum.virial, sizeof sum.virial);
    free(force);
    free(legs);
}
