/* Anybody's forces: a provider's functions behind the potential handle. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector_math.h"
#include "potentials/potential.h"
#include "structure/elements.h"

typedef struct workspace {
    hop_structure *trial; /* for central differences */
} workspace;

static void free_parameters(hop_context *context, void *parameters) {
    hop_provider *provider = parameters;
    if (provider->free)
        provider->free(provider->user);
    hop__release(context, provider);
}

static int new_workspace(hop_context *context, const void *parameters, void **out) {
    (void)parameters;
    *out = hop__allocate(context, 1, sizeof(workspace));
    return *out ? HOP_OK : HOP_ERROR_MEMORY;
}

static void free_workspace(hop_context *context, void *opaque) {
    workspace *w = opaque;
    hop_structure_free(w->trial);
    hop__release(context, w);
}

static int call(hop_potential *potential, hop_structure *s) {
    const hop_provider *provider = potential->parameters;
    hop__structure_forget(s); /* what the provider leaves out is not known */
    int code = provider->evaluate(provider->user, s);
    if (code < 0)
        return hop__fail(potential->context, HOP_ERROR_PROVIDER,
                         "the energy provider failed with code %d", code);
    if (code > 0)
        return hop__fail(
            potential->context, HOP_ERROR_NONFINITE,
            "the energy provider cannot evaluate these positions (code %d)", code);
    if (!isfinite(*s->energy) || !hop__all_finite(s->forces, 3 * s->count))
        return hop__fail(potential->context, HOP_ERROR_NONFINITE,
                         "the energy provider's energy (%g) or forces are not finite",
                         *s->energy);
    return HOP_OK;
}

static int evaluate(hop_potential *potential, hop_structure *s) {
    return call(potential, s);
}

static int trial_like(hop_potential *potential, const hop_structure *s) {
    workspace *w = potential->workspace;
    if (w->trial && w->trial->count == s->count &&
        memcmp(w->trial->numbers, s->numbers, s->count * sizeof *s->numbers) == 0) {
        memcpy(w->trial->cell, s->cell, 9 * sizeof *s->cell);
        memcpy(w->trial->periodic, s->periodic, 3 * sizeof *s->periodic);
        return HOP_OK;
    }
    hop_structure_free(w->trial);
    return hop_structure_copy(s, &w->trial);
}

/* Central differences of the forces along v, with a step of 1e-4 angstrom at most. */
static int differences(hop_potential *potential, const hop_structure *s,
                       const double *v, double *hv) {
    const size_t n = 3 * s->count;
    int status = trial_like(potential, s);
    double largest = hop__max_norm3(v, s->count);
    if (status != HOP_OK)
        return status;
    memset(hv, 0, n * sizeof *hv);
    if (largest == 0.0)
        return HOP_OK;
    hop_structure *trial = ((workspace *)potential->workspace)->trial;
    const double step = 1e-4 / largest;
    for (int side = -1; side <= 1; side += 2) {
        for (size_t k = 0; k < n; k++)
            trial->positions[k] = s->positions[k] + side * step * v[k];
        status = call(potential, trial);
        if (status != HOP_OK)
            return status;
        hop__add_scaled(hv, -side / (2.0 * step), trial->forces, n);
    }
    return HOP_OK;
}

static int hessian_vector(hop_potential *potential, const hop_structure *s,
                          const double *v, double *hv) {
    const hop_provider *provider = potential->parameters;
    if (!provider->hessian_vector)
        return differences(potential, s, v, hv);
    for (size_t k = 0; k < 3 * s->count; k++)
        hv[k] = NAN;
    int code = provider->hessian_vector(provider->user, s, v, hv);
    if (code != 0)
        return hop__fail(
            potential->context, code < 0 ? HOP_ERROR_PROVIDER : HOP_ERROR_NONFINITE,
            "the provider's Hessian-vector product failed with code %d", code);
    if (!hop__all_finite(hv, 3 * s->count))
        return hop__fail(potential->context, HOP_ERROR_NONFINITE,
                         "the provider's Hessian-vector product is not finite");
    return HOP_OK;
}

static int scales(const hop_potential *potential, int32_t number, hop_scales *out) {
    const hop_provider *provider = potential->parameters;
    out->length =
        provider->length > 0.0 ? provider->length : 2.0 * hop__element_radius(number);
    out->energy = provider->energy > 0.0 ? provider->energy : 3.0;
    out->stiffness = provider->stiffness > 0.0
                         ? provider->stiffness
                         : 5.0 * out->energy / (out->length * out->length);
    return HOP_OK;
}

static double cutoff(const hop_potential *potential) {
    (void)potential;
    return NAN;
}

const hop__potential_kind hop__external_kind = {
    "external",     NULL,     NULL,           free_parameters, new_workspace,
    free_workspace, evaluate, hessian_vector, scales,          cutoff};

int hop_potential_external(hop_context *context, const hop_provider *provider,
                           hop_potential **out) {
    if (out)
        *out = NULL;
    if (!context || !provider || !out)
        return hop__missing(context, "provider or out");
    if (provider->size < sizeof *provider || !provider->evaluate)
        return hop__fail(
            context, HOP_ERROR_ARGUMENT,
            "provider: expected size %zu and an evaluate function, got size "
            "%zu%s",
            sizeof *provider, provider->size, provider->evaluate ? "" : " and none");
    hop_provider *copy = hop__allocate(context, 1, sizeof *copy);
    if (!copy)
        return HOP_ERROR_MEMORY;
    *copy = *provider;
    copy->free = NULL; /* what fails here leaves `user` with the caller */
    int status = hop__potential_make(context, &hop__external_kind, copy, out);
    if (status == HOP_OK)
        copy->free = provider->free;
    return status;
}
