/* Clusters without cut-off: which atom stands in which slot of the kernels, and what
 * depends on the elements alone.  Both are kept until the elements change. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/gupta.h"
#include "potentials/gupta_kernels.h"

#define LOG2_E 1.4426950408889634074

struct hop__gupta_plan {
    size_t capacity, count; /* atoms */
    int32_t *numbers;       /* capacity: the elements that the plan was made for */
    int32_t *species;       /* capacity */
    int32_t *order;         /* capacity: slot -> atom */
    int32_t *elements;      /* capacity: of quads, then of lone atoms, counted from the
                          first that is present */
    size_t vectors;         /* of eight pairs, that the kernels go through */
    size_t block_size, terms_size;
    double *block, *terms;
    hop__gupta_cluster cluster;
};

void hop__gupta_plan_free(hop_context *context, hop__gupta_plan *plan) {
    if (!plan)
        return;
    hop__release(context, plan->terms);
    hop__release(context, plan->block);
    hop__release(context, plan->elements);
    hop__release(context, plan->order);
    hop__release(context, plan->species);
    hop__release(context, plan->numbers);
    hop__release(context, plan);
}

/* ---- memory ---- */

static bool grow_integers(hop_context *context, int32_t **array, size_t count) {
    int32_t *more = hop__resize(context, *array, count, sizeof *more);
    if (more)
        *array = more;
    return more != NULL;
}

static int reserve_atoms(hop_context *context, hop__gupta_plan *plan, size_t count) {
    plan->count = 0;
    if (count <= plan->capacity)
        return HOP_OK;
    if (!grow_integers(context, &plan->numbers, count) ||
        !grow_integers(context, &plan->species, count) ||
        !grow_integers(context, &plan->order, count) ||
        !grow_integers(context, &plan->elements, count))
        return HOP_ERROR_MEMORY;
    plan->capacity = count;
    return HOP_OK;
}

static int reserve_doubles(hop_context *context, double **block, size_t *size,
                           size_t wanted) {
    if (wanted <= *size)
        return HOP_OK;
    double *more = hop__allocate(context, wanted, sizeof *more);
    if (!more)
        return HOP_ERROR_MEMORY;
    hop__release(context, *block);
    *block = more;
    *size = wanted;
    return HOP_OK;
}

static size_t count_vectors(const hop__gupta_cluster *c) {
    size_t sum = c->quads / 2 * 4 + c->quads % 2 * 2;
    for (size_t j = 2; j < c->quads; j++)
        sum += j / 2 * 4;
    for (size_t k = 0; k < c->lone; k++)
        sum += (4 * c->quads + k + 7) / 8;
    return sum;
}

/* ---- the plan ---- */

/* Quads of one element each, then the atoms left over. */
static void order_atoms(hop__gupta_plan *plan, size_t count, int32_t present[],
                        int *present_count) {
    size_t in_element[HOP__MAX_SPECIES] = {0}, slot = 0;
    int found = 0;
    for (size_t i = 0; i < count; i++)
        in_element[plan->species[i]]++;
    for (int pass = 0; pass < 2; pass++) {
        found = 0;
        if (pass == 1)
            plan->cluster.quads = slot / 4;
        for (int32_t e = 0; e < HOP__MAX_SPECIES; e++) {
            if (in_element[e] == 0)
                continue;
            size_t quads = in_element[e] / 4 * 4, seen = 0;
            for (size_t i = 0; i < count; i++)
                if (plan->species[i] == e && (seen++ < quads) == (pass == 0)) {
                    size_t at = pass == 0 ? slot / 4 : slot - 3 * plan->cluster.quads;
                    plan->elements[at] = found;
                    plan->order[slot++] = (int32_t)i;
                }
            present[found++] = e;
        }
    }
    plan->cluster.count = count;
    plan->cluster.blocks = (count + 7) / 8;
    plan->cluster.lone = count - 4 * plan->cluster.quads;
    *present_count = found;
}

static bool is_scattered(const hop__gupta_plan *plan) {
    for (size_t slot = 0; slot < 4 * plan->cluster.quads; slot++)
        if (slot % 4 != 0 && plan->order[slot] != plan->order[slot - 1] + 1)
            return true;
    return false;
}

static void fill_rates(const hop__gupta_parameters *p, int32_t a, int32_t b,
                       double *rates) {
    const hop__gupta_pair *t = hop__gupta_pair_of(p, a, b);
    rates[8 * HOP__GUPTA_CA] = (hop__ln(t->a) + t->p) * LOG2_E;
    rates[8 * HOP__GUPTA_BA] = t->p / t->r0 * LOG2_E;
    rates[8 * HOP__GUPTA_CB] = 2.0 * (hop__ln(t->xi) + t->q) * LOG2_E;
    rates[8 * HOP__GUPTA_BB] = 2.0 * t->q / t->r0 * LOG2_E;
    rates[8 * HOP__GUPTA_KA] = 2.0 * t->p / t->r0;
    rates[8 * HOP__GUPTA_KB] = t->q / t->r0;
}

/* Species in a slot; slots beyond the atoms take the first one's. */
static int32_t species_in(const hop__gupta_plan *plan, size_t slot) {
    return plan->species[plan->order[slot < plan->cluster.count ? slot : 0]];
}

static int32_t species_of_quad(const hop__gupta_plan *plan, size_t quad) {
    return species_in(plan, 4 * quad);
}

static void fill_tables(const hop__gupta_parameters *p, const hop__gupta_plan *plan,
                        const int32_t present[], int present_count, double *rates,
                        double *inside) {
    const hop__gupta_cluster *c = &plan->cluster;
    const size_t size = 8 * HOP__GUPTA_RATES;
    for (int e = 0; e < present_count; e++)
        for (size_t slot = 0; slot < 8 * c->blocks; slot++)
            fill_rates(p, species_in(plan, slot), present[e],
                       rates + ((size_t)e * c->blocks + slot / 8) * size + slot % 8);
    for (size_t slot = 0; slot < (c->quads + 1) / 2 * 8; slot++) {
        double *at = inside + slot / 8 * 2 * size + slot % 8;
        fill_rates(p, species_in(plan, slot), species_of_quad(plan, slot / 4), at);
        fill_rates(p, species_in(plan, slot), species_of_quad(plan, (slot / 4) ^ 1),
                   at + size);
    }
}

static int lay_out(hop_context *context, const hop__gupta_parameters *p,
                   hop__gupta_plan *plan, const int32_t present[], int present_count) {
    hop__gupta_cluster *c = &plan->cluster;
    const size_t rows = c->blocks * HOP__GUPTA_ROWS * 8;
    const size_t turned = (c->quads + 1) / 2 * 2 * 64;
    const size_t rates = (size_t)present_count * c->blocks * HOP__GUPTA_RATES * 8;
    const size_t inside = (c->quads + 1) / 2 * 2 * HOP__GUPTA_RATES * 8;
    int status = reserve_doubles(context, &plan->block, &plan->block_size,
                                 rows + turned + rates + inside);
    if (status != HOP_OK)
        return status;
    memset(plan->block, 0, (rows + turned) * sizeof *plan->block);
    c->block = plan->block;
    c->turned = c->block + rows;
    c->rates = c->turned + turned;
    c->inside = c->rates + rates;
    c->order = plan->order;
    c->scattered = is_scattered(plan);
    c->quad_element = plan->elements;
    c->lone_element = plan->elements + c->quads;
    fill_tables(p, plan, present, present_count, c->turned + turned,
                c->turned + turned + rates);
    return HOP_OK;
}

static int make_plan(hop_potential *potential, const hop_structure *s) {
    hop__gupta_workspace *w = potential->workspace;
    hop_context *context = potential->context;
    int32_t present[HOP__MAX_SPECIES];
    int present_count;
    if (!w->plan && !(w->plan = hop__allocate(context, 1, sizeof *w->plan)))
        return HOP_ERROR_MEMORY;
    hop__gupta_plan *plan = w->plan;
    int status = reserve_atoms(context, plan, s->count);
    if (status == HOP_OK)
        status = hop__gupta_find_species(potential, s, plan->species);
    if (status != HOP_OK)
        return status;
    order_atoms(plan, s->count, present, &present_count);
    status = lay_out(context, potential->parameters, plan, present, present_count);
    if (status != HOP_OK)
        return status;
    memcpy(plan->numbers, s->numbers, s->count * sizeof *s->numbers);
    plan->vectors = count_vectors(&plan->cluster);
    plan->count = s->count;
    return HOP_OK;
}

/* The plan for a structure; `width` doubles of terms for each vector of pairs. */
static int prepare(hop_potential *potential, const hop_structure *s, size_t width,
                   hop__gupta_plan **out) {
    hop__gupta_plan *plan = ((hop__gupta_workspace *)potential->workspace)->plan;
    if (!plan || plan->count != s->count ||
        memcmp(plan->numbers, s->numbers, s->count * sizeof *s->numbers) != 0) {
        int status = make_plan(potential, s);
        if (status != HOP_OK)
            return status;
        plan = ((hop__gupta_workspace *)potential->workspace)->plan;
    }
    *out = plan;
    int status = reserve_doubles(potential->context, &plan->terms, &plan->terms_size,
                                 width * plan->vectors);
    plan->cluster.terms = plan->terms;
    return status;
}

/* ---- evaluation ---- */

static void run_forces(hop_context *context, hop__gupta_cluster *c) {
    switch (context->isa) {
    case HOP__ISA_AVX512: hop__gupta_forces_avx512(c); break;
    case HOP__ISA_AVX2: hop__gupta_forces_avx2(c); break;
    default: hop__gupta_forces_base(c);
    }
}

static void run_hessian(hop_context *context, hop__gupta_cluster *c) {
    switch (context->isa) {
    case HOP__ISA_AVX512: hop__gupta_hessian_avx512(c); break;
    case HOP__ISA_AVX2: hop__gupta_hessian_avx2(c); break;
    default: hop__gupta_hessian_base(c);
    }
}

int hop__gupta_cluster_evaluate(hop_potential *potential, hop_structure *s) {
    hop__gupta_plan *plan;
    int status = prepare(potential, s, 16, &plan);
    if (status != HOP_OK)
        return status;
    hop__gupta_cluster *c = &plan->cluster;
    c->x = s->positions;
    c->energies = s->energies;
    c->forces = s->forces;
    run_forces(potential->context, c);
    *s->energy = c->energy;
    memcpy(s->virial, c->virial, sizeof c->virial);
    return HOP_OK;
}

int hop__gupta_cluster_hessian(hop_potential *potential, const hop_structure *s,
                               const double *v, double *hv) {
    hop__gupta_plan *plan;
    int status = prepare(potential, s, 32, &plan);
    if (status != HOP_OK)
        return status;
    hop__gupta_cluster *c = &plan->cluster;
    c->x = s->positions;
    c->v = v;
    c->hv = hv;
    run_hessian(potential->context, c);
    return HOP_OK;
}
