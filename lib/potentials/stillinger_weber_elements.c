/* Several elements: the tables by kind that the kernels work with, and the kind of each
 * place of the neighbour list. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "potentials/stillinger_weber.h"
#include "potentials/stillinger_weber_kernels.h"

struct hop__sw_mixture {
    hop__sw_mix mix;
    int32_t *kind;
    size_t capacity, builds, changes; /* of the list and the species that it is for */
};

void hop__sw_mix_free(hop_context *context, hop__sw_mixture *m) {
    if (!m)
        return;
    hop__release(context, m->kind);
    hop__release(context, m);
}

/* Exponentials end where their exponents reach -100, before there are denormals.  Pairs
   without reach get functions that are finite, of which nothing is used. */
hop__sw_element hop__sw_element_of(const hop__sw_entry *e) {
    static const hop__sw_entry nothing = {
        .sigma = 1.0, .a = 1.0, .gamma = 1.2, .p = 4.0, .barrier = 1.0};
    if (!(e->reach > 0.0))
        e = &nothing;
    const double edge = e->sigma * fmax(1e-2 * fmin(e->gamma, 1.0), 1e-9);
    return (hop__sw_element){
        .reach = fmin(e->reach, e->barrier - edge),
        .edge = edge,
        .barrier = e->barrier,
        .sigma = e->sigma,
        .gamma = e->gamma,
        .B = e->B,
        .p = e->p,
        .q = e->q,
        .pair = e->A * e->epsilon,
        .triplet = e->lambda * e->epsilon,
        .cosine = e->cos0,
        .kappa = 2.0 * e->lambda * e->epsilon * (1.0 - e->cos0) * (1.0 - e->cos0),
        .usual = e->gamma == 1.2 && e->p == 4.0 && e->q == 0.0,
    };
}

/* ---- tables ---- */

static bool same_functions(const hop__sw_entry *e, const hop__sw_entry *f) {
    return e->sigma == f->sigma && e->gamma == f->gamma && e->B == f->B &&
           e->p == f->p && e->q == f->q && e->reach == f->reach &&
           e->barrier == f->barrier && e->A * e->epsilon == f->A * f->epsilon;
}

static double own_kappa(const hop__sw_entry *e) {
    return e->lambda * e->epsilon * (1.0 - e->cos0) * (1.0 - e->cos0);
}

static void fill_pair(const hop__sw_parameters *p, const int32_t *species, size_t a,
                      size_t t, hop__sw_mix *mix) {
    const hop__sw_entry *e = hop__sw_entry_of(p, species[a], species[t], species[t]);
    const hop__sw_entry *f = hop__sw_entry_of(p, species[t], species[a], species[a]);
    const size_t at = a * (size_t)mix->kinds + t;
    hop__sw_element *pair = &mix->pairs[at];
    *pair = hop__sw_element_of(e);
    mix->same[at] = same_functions(e, f);
    mix->pair[at] = e->A * e->epsilon;
    mix->kappa[at] = own_kappa(e);
    pair->kappa = own_kappa(e) + (mix->same[at] ? own_kappa(f) : 0.0);
    if (!mix->same[at])
        pair->pair *= 0.5;
    mix->pair_reach[at] = fmax(pair->reach, hop__sw_element_of(f).reach);
    mix->reach[a] = fmax(mix->reach[a], mix->pair_reach[at]);
    mix->away = fmax(mix->away, 2.0 * fmax(pair->barrier, f->barrier));
}

/* Strengths and cosines of (centre, s, t) and (centre, t, s) at equal parts. */
static void fill_triplet(const hop__sw_parameters *p, const int32_t *species, size_t a,
                         size_t s, size_t t, hop__sw_mix *mix) {
    const hop__sw_entry *e = hop__sw_entry_of(p, species[a], species[s], species[t]);
    const hop__sw_entry *f = hop__sw_entry_of(p, species[a], species[t], species[s]);
    const size_t at = (a * (size_t)mix->kinds + s) * (size_t)mix->kinds + t;
    const double le = 0.5 * e->lambda * e->epsilon, lf = 0.5 * f->lambda * f->epsilon;
    mix->t[at] = le + lf;
    mix->v[at] = le * e->cos0 + lf * f->cos0;
    mix->s[at] = le * e->cos0 * e->cos0 + lf * f->cos0 * f->cos0;
}

static void fill_tables(const hop__sw_parameters *p, const int32_t *species,
                        hop__sw_mix *mix) {
    const size_t kinds = (size_t)mix->kinds;
    mix->away = 0.0;
    for (size_t a = 0; a < kinds; a++) {
        mix->reach[a] = 0.0;
        for (size_t t = 0; t < kinds; t++) {
            fill_pair(p, species, a, t, mix);
            for (size_t s = 0; s < kinds; s++)
                fill_triplet(p, species, a, s, t, mix);
        }
    }
    mix->uneven = false;
    for (size_t k = 0; k < kinds * kinds; k++)
        mix->uneven = mix->uneven || mix->pair_reach[k] < 0.99 * mix->reach[k / kinds];
}

/* ---- kinds ---- */

static int reserve(hop_context *context, hop__sw_mixture *m, size_t images) {
    if (images <= m->capacity)
        return HOP_OK;
    const size_t wanted = images + images / 8 + 64;
    hop__release(context, m->kind);
    m->capacity = 0;
    if (!(m->kind = hop__allocate_unset(context, wanted, sizeof *m->kind)))
        return HOP_ERROR_MEMORY;
    m->capacity = wanted;
    return HOP_OK;
}

int hop__sw_mix_of(hop_potential *potential, const hop__sw_mix **out) {
    const hop__sw_parameters *p = potential->parameters;
    hop__sw_workspace *w = potential->workspace;
    const hop__neighbors *list = w->neighbors;
    if (!w->mixture &&
        !(w->mixture = hop__allocate(potential->context, 1, sizeof *w->mixture)))
        return HOP_ERROR_MEMORY;
    hop__sw_mixture *m = w->mixture;
    *out = &m->mix;
    if (m->builds == list->builds && m->changes == w->changes)
        return HOP_OK;
    m->builds = 0;
    int status = reserve(potential->context, m, list->images);
    if (status != HOP_OK)
        return status;
    int32_t kinds[HOP__SW_SPECIES], species[HOP__SW_SPECIES];
    m->mix.kinds = 0;
    for (int32_t k = 0; k < HOP__SW_SPECIES; k++) {
        kinds[k] = m->mix.kinds;
        if (w->present[k])
            species[m->mix.kinds++] = k;
    }
    fill_tables(p, species, &m->mix);
    for (size_t k = 0; k < list->images; k++)
        m->kind[k] = kinds[w->species[list->atom[k]]];
    m->mix.kind = m->kind;
    m->builds = list->builds;
    m->changes = w->changes;
    return HOP_OK;
}
