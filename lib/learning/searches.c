#include "learning/searches.h"

#include "base/memory.h"
#include "structure/generate.h"

int hop__searches_make(const hop_trainer *t, hop_context *context, hop__searches *s) {
    s->context = context;
    s->optimizer = hop__allocate(context, t->tasks->count, sizeof(hop_optimizer *));
    if (!s->optimizer)
        return HOP_ERROR_MEMORY;
    int status = hop__trainer_systems(t, context, &s->potential, &s->structure);
    for (size_t k = 0; k < t->tasks->count && status == HOP_OK; k++) {
        status = hop_optimizer_new(context, "learned", s->structure[k], s->potential[k],
                                   &s->optimizer[k]);
        if (status == HOP_OK)
            status = hop_optimizer_set(s->optimizer[k], "descend", 0.0);
        for (size_t m = 0; m < t->tasks->task[k].settings && status == HOP_OK; m++)
            status = hop_optimizer_set(s->optimizer[k], t->tasks->setting[m].name,
                                       t->tasks->setting[m].value);
    }
    return status;
}

void hop__searches_free(const hop_trainer *t, hop__searches *s) {
    for (size_t k = 0; s->optimizer && k < t->tasks->count; k++)
        hop_optimizer_free(s->optimizer[k]);
    hop__trainer_systems_free(t, s->context, s->potential, s->structure);
    hop__release(s->context, s->optimizer);
}

int hop__searches_begin(const hop_trainer *t, hop__searches *s, size_t index,
                        size_t *task) {
    hop__random random = hop__trainer_random(t, index);
    const size_t k = hop__trainer_choose(t, &random, index);
    hop_structure *start = s->structure[k];
    *task = k;
    hop__generate_start(&random, start, t->tasks->task[k].lengths);
    return hop__optimizer_restart(s->optimizer[k], start->positions,
                                  (double)(hop__random_bits(&random) >> 12));
}

int hop__searches_evaluate(const hop_trainer *t, hop__searches *s, size_t k) {
    hop_optimizer *o = s->optimizer[k];
    if ((double)o->evaluations >= t->options.horizon)
        return HOP_END;
    int status = hop_optimizer_ask(o, s->structure[k]);
    if (status != HOP_OK) /* a search that blew up teaches what it came to */
        return status == HOP_ERROR_NONFINITE ? HOP_END : status;
    status = hop_potential_evaluate(s->potential[k], s->structure[k]);
    if (status != HOP_OK && status != HOP_ERROR_NONFINITE)
        return status;
    return hop_optimizer_tell(o, s->structure[k]);
}
