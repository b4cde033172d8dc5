/* Stillinger and Weber, Phys. Rev. B 31, 5262 (1985), in LAMMPS' multi-element form:
 *
 *   E = sum_{i<j} A eps [B (s/r)^p - (s/r)^q] exp(s / (r - a s))
 *     + sum_i sum_{j<k} lambda eps (cos - cos0)^2 exp(gs_ij/(r_ij - as_ij)) exp(..ik..)
 *
 * Entries are triplets (centre, j, k): the pair i-j uses (i, j, j); the three-body term
 * takes lambda, eps and cos0 from (i, j, k), gamma sigma and the cut-off of each leg from
 * (i, j, j) and (i, k, k).  Where a file gives (i, j, j) and (j, i, i) different pair terms,
 * their mean is taken; and that of (i, j, k) and (i, k, j) where their triplets differ.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/stillinger_weber.h"
#include "structure/elements.h"

#define SKIN 1.0 /* angstrom */

static int new_workspace(hop_context *context, const void *p, void **out) {
    (void)p;
    hop__sw_workspace *w = hop__allocate(context, 1, sizeof *w);
    if (!w)
        return HOP_ERROR_MEMORY;
    if (hop__neighbors_new(context, &w->neighbors) != HOP_OK) {
        hop__release(context, w);
        return HOP_ERROR_MEMORY;
    }
    *out = w;
    return HOP_OK;
}

static void free_workspace(hop_context *context, void *opaque) {
    hop__sw_workspace *w = opaque;
    hop__sw_blocks_free(context, w->blocks);
    hop__sw_mix_free(context, w->mixture);
    hop__neighbors_free(w->neighbors);
    hop__release(context, w->numbers);
    hop__release(context, w->species);
    hop__release(context, w);
}

static int missing(const hop_potential *potential, int32_t a, int32_t b, int32_t c) {
    const hop__sw_parameters *p = potential->parameters;
    return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                     "%.200s: expected an entry for %s %s %s, found none", p->name,
                     hop_element_symbol(a), hop_element_symbol(b),
                     hop_element_symbol(c));
}

static int find_species(hop_potential *potential, const hop_structure *s) {
    const hop__sw_parameters *p = potential->parameters;
    hop__sw_workspace *w = potential->workspace;
    bool *present = w->present;
    int32_t elements = 0;
    memset(w->present, 0, sizeof w->present);
    w->changes++;
    for (size_t i = 0; i < s->count; i++) {
        int32_t index = hop__species_index(&p->species, s->numbers[i]);
        if (index < 0)
            return missing(potential, s->numbers[i], s->numbers[i], s->numbers[i]);
        w->species[i] = index;
        elements += !present[index];
        present[index] = true;
    }
    const int32_t n = p->species.count, *z = p->species.numbers;
    for (int32_t t = 0; t < n * n * n; t++) {
        int32_t a = t / (n * n), b = t / n % n, c = t % n;
        if (present[a] && present[b] && present[c] &&
            !hop__sw_entry_of(p, a, b, c)->known)
            return missing(potential, z[a], z[b], z[c]);
    }
    w->one_element = elements == 1;
    return HOP_OK;
}

/* Indices and checks of the last structure serve for as long as its atoms do. */
static int prepare_species(hop_potential *potential, const hop_structure *s) {
    hop__sw_workspace *w = potential->workspace;
    if (w->atoms == s->count &&
        memcmp(w->numbers, s->numbers, s->count * sizeof *w->numbers) == 0)
        return HOP_OK;
    w->atoms = 0;
    if (s->count > w->capacity) {
        int32_t *numbers =
            hop__resize(potential->context, w->numbers, s->count, sizeof *numbers);
        if (!numbers)
            return HOP_ERROR_MEMORY;
        w->numbers = numbers;
        int32_t *species =
            hop__resize(potential->context, w->species, s->count, sizeof *species);
        if (!species)
            return HOP_ERROR_MEMORY;
        w->species = species;
        w->capacity = s->count;
    }
    int status = find_species(potential, s);
    if (status != HOP_OK)
        return status;
    memcpy(w->numbers, s->numbers, s->count * sizeof *w->numbers);
    w->atoms = s->count;
    return HOP_OK;
}

static int prepare(hop_potential *potential, const hop_structure *s) {
    const hop__sw_parameters *p = potential->parameters;
    hop__sw_workspace *w = potential->workspace;
    int status = prepare_species(potential, s);
    return status == HOP_OK ? hop__neighbors_update(w->neighbors, s, p->cutoff, SKIN)
                            : status;
}

static int evaluate(hop_potential *potential, hop_structure *s) {
    int status = prepare(potential, s);
    return status == HOP_OK ? hop__sw_blocks_evaluate(potential, s) : status;
}

static int hessian_vector(hop_potential *potential, const hop_structure *s,
                          const double *v, double *hv) {
    int status = prepare(potential, s);
    return status == HOP_OK ? hop__sw_blocks_product(potential, s, v, hv) : status;
}

/* The pair term alone: its minimum is the bond length of the diamond crystal, where the
   three-body term vanishes and each atom has four bonds of energy epsilon. */
static int scales(const hop_potential *potential, int32_t number, hop_scales *out) {
    const hop__sw_parameters *p = potential->parameters;
    int32_t index = hop__species_index(&p->species, number);
    if (index < 0 || !hop__sw_entry_of(p, index, index, index)->known)
        return missing(potential, number, number, number);
    const hop__sw_entry *e = hop__sw_entry_of(p, index, index, index);
    double low = 0.0, best = 0.0, h = 1e-3 * e->sigma, curve[3];
    for (int k = 0; k < 1000; k++) {
        double r = e->sigma * (0.8 + 0.001 * k), x = e->sigma / r;
        double shape = e->B * hop__power(x, e->p) - hop__power(x, e->q);
        double value =
            r < e->barrier ? shape * hop__exp(e->sigma / (r - e->barrier)) : 0.0;
        if (value < low) {
            low = value;
            best = r;
        }
    }
    if (best == 0.0)
        best = 1.12 * e->sigma;
    for (int k = 0; k < 3; k++) {
        double r = best + h * (k - 1), x = e->sigma / r;
        curve[k] = (e->B * hop__power(x, e->p) - hop__power(x, e->q)) *
                   hop__exp(e->sigma / (r - e->barrier));
    }
    out->length = best;
    out->energy = 2.0 * e->epsilon;
    out->stiffness =
        e->A * e->epsilon * (curve[0] - 2.0 * curve[1] + curve[2]) / (h * h);
    if (!(out->stiffness > 0.0))
        out->stiffness = 5.0 * out->energy / (best * best);
    return HOP_OK;
}

static double cutoff(const hop_potential *potential) {
    return ((const hop__sw_parameters *)potential->parameters)->cutoff;
}

const hop__potential_kind hop__stillinger_weber_kind = {"stillinger-weber",
                                                        ".sw",
                                                        hop__sw_parse,
                                                        hop__sw_free_parameters,
                                                        new_workspace,
                                                        free_workspace,
                                                        evaluate,
                                                        hessian_vector,
                                                        scales,
                                                        cutoff};
