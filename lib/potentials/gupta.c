/* Gupta's second-moment tight-binding potential (Cleri and Rosato, Phys. Rev. B 48, 22
 * (1993)):
 *
 *   E = sum_i [ sum_j A exp(-p (r/r0 - 1)) - sqrt( sum_j xi^2 exp(-2 q (r/r0 - 1)) ) ]
 *
 * With cut-offs, as in LAMMPS' pair_style smatb, A exp(..) and xi exp(..) are each
 * joined to zero between rc_start and rc_end by a3 t^3 + a4 t^4 + a5 t^5, t = r -
 * rc_end. */
#include "potentials/gupta.h"

#include <math.h>

#include "base/memory.h"
#include "structure/elements.h"

int hop__gupta_missing_pair(const hop_potential *potential, int32_t a, int32_t b) {
    const hop__gupta_parameters *p = potential->parameters;
    return hop__fail(potential->context, HOP_ERROR_ARGUMENT,
                     "%.200s: expected parameters for %s-%s, found none", p->name,
                     hop_element_symbol(a), hop_element_symbol(b));
}

int hop__gupta_find_species(hop_potential *potential, const hop_structure *s,
                            int32_t *species) {
    const hop__gupta_parameters *p = potential->parameters;
    bool present[HOP__MAX_SPECIES] = {false};
    for (size_t i = 0; i < s->count; i++) {
        int32_t index = hop__species_index(&p->species, s->numbers[i]);
        if (index < 0)
            return hop__gupta_missing_pair(potential, s->numbers[i], s->numbers[i]);
        species[i] = index;
        present[index] = true;
    }
    for (int32_t a = 0; a < p->species.count; a++)
        for (int32_t b = 0; b <= a; b++)
            if (present[a] && present[b] && !hop__gupta_pair_of(p, a, b)->known)
                return hop__gupta_missing_pair(potential, p->species.numbers[a],
                                               p->species.numbers[b]);
    return HOP_OK;
}

/* ---- workspace ---- */

static int new_workspace(hop_context *context, const void *p, void **out) {
    (void)p;
    *out = hop__allocate(context, 1, sizeof(hop__gupta_workspace));
    return *out ? HOP_OK : HOP_ERROR_MEMORY;
}

static void free_workspace(hop_context *context, void *opaque) {
    hop__gupta_workspace *w = opaque;
    hop__gupta_plan_free(context, w->plan);
    hop__gupta_rows_free(context, w->rows);
    hop__release(context, w);
}

/* ---- the kind ---- */

static bool is_open_cluster(const hop_potential *potential, const hop_structure *s) {
    const hop__gupta_parameters *p = potential->parameters;
    return p->open && !hop__structure_is_periodic(s);
}

static int evaluate(hop_potential *potential, hop_structure *s) {
    return is_open_cluster(potential, s) ? hop__gupta_cluster_evaluate(potential, s)
                                         : hop__gupta_list_evaluate(potential, s);
}

static int hessian_vector(hop_potential *potential, const hop_structure *s,
                          const double *v, double *hv) {
    return is_open_cluster(potential, s)
               ? hop__gupta_cluster_hessian(potential, s, v, hv)
               : hop__gupta_list_hessian(potential, s, v, hv);
}

/* Of a twelvefold coordinated atom with bonds of length r0: cohesion 12 A - sqrt(12)
   xi, and the curvature of the energy per bond. */
static int scales(const hop_potential *potential, int32_t number, hop_scales *out) {
    const hop__gupta_parameters *p = potential->parameters;
    int32_t index = hop__species_index(&p->species, number);
    if (index < 0 || !hop__gupta_pair_of(p, index, index)->known)
        return hop__gupta_missing_pair(potential, number, number);
    const hop__gupta_pair *t = hop__gupta_pair_of(p, index, index);
    const double root12 = 3.4641016151377544;
    out->length = t->r0;
    out->energy = fabs(12.0 * t->a - root12 * t->xi);
    out->stiffness = (2.0 * t->a * t->p * t->p - 4.0 * t->q * t->q * t->xi / root12) /
                     (t->r0 * t->r0);
    if (!(out->stiffness > 0.0))
        out->stiffness = 4.0 * out->energy / (t->r0 * t->r0);
    return HOP_OK;
}

static double cutoff(const hop_potential *potential) {
    return ((const hop__gupta_parameters *)potential->parameters)->cutoff;
}

const hop__potential_kind hop__gupta_kind = {
    "gupta",       ".gupta",       hop__gupta_parse, hop__gupta_free_parameters,
    new_workspace, free_workspace, evaluate,         hessian_vector,
    scales,        cutoff};
