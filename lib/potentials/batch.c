/* Many structures with one potential. */
#include "potentials/crew.h"

typedef struct batch {
    hop_structure *const *structures;
    int32_t *status; /* may be NULL */
} batch;

static int evaluate_one(void *opaque, size_t index, size_t worker,
                        hop_potential *potential) {
    (void)worker;
    const batch *b = opaque;
    hop_structure *s = b->structures[index];
    int status = HOP_STOPPED;
    if (hop__cancelled(potential->context))
        hop__structure_forget(s);
    else
        status = hop_potential_evaluate(potential, s);
    if (b->status)
        b->status[index] = status;
    return status;
}

/* No NULL, none twice: each structure is told its place, and one that stands already where
   it was told is there for the second time. */
static int check(hop_context *context, hop_structure *const *structures, size_t count) {
    for (size_t k = 0; k < count; k++) {
        hop_structure *s = structures[k];
        if (!s)
            return hop__fail(context, HOP_ERROR_ARGUMENT, "structure %zu is NULL", k);
        if (s->place < k && structures[s->place] == s)
            return hop__fail(
                context, HOP_ERROR_ARGUMENT,
                "structures: expected each once, got the same as number %zu "
                "and %zu",
                s->place, k);
        s->place = k;
    }
    return HOP_OK;
}

int hop_potential_evaluate_many(hop_potential *potential,
                                hop_structure *const *structures, size_t count,
                                int32_t *status) {
    if (!potential || (!structures && count > 0))
        return hop__missing(potential ? potential->context : NULL, "structures");
    if (count == 0)
        return HOP_OK;
    hop_context *context = potential->context;
    int result = check(context, structures, count);
    size_t workers = result == HOP_OK ? hop__crew_call(potential, count) : 0, failed;
    if (result == HOP_OK && workers == 0)
        result = HOP_ERROR_MEMORY;
    for (size_t k = 0; k < count && status; k++)
        status[k] = result;
    if (result != HOP_OK)
        return result;
    batch b = {structures, status};
    result = hop__crew_run(potential, workers, count, 2, evaluate_one, &b, &failed);
    return result < 0 ? hop__fail(context, result, "structure %zu: %.480s", failed,
                                  hop_error_message(context))
                      : result;
}
