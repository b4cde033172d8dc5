/* Searches as episodes of a training: for each task a learned optimizer that descends by
   L-BFGS, begun anew from a random cluster for every episode. */
#ifndef HOP_LEARNING_SEARCHES_H
#define HOP_LEARNING_SEARCHES_H

#include "learning/trainer.h"
#include "optimizers/optimizer.h"

/* One thread's. */
typedef struct hop__searches {
    hop_context *context;
    hop_potential **potential; /* one for each task, as the others */
    hop_structure **structure;
    hop_optimizer **optimizer;
} hop__searches;

/* Also what a failure leaves is to be freed. */
int hop__searches_make(const hop_trainer *trainer, hop_context *context,
                       hop__searches *searches);
void hop__searches_free(const hop_trainer *trainer, hop__searches *searches);

/* Draw task and start of episode `index`; *task is the one to go on with. */
int hop__searches_begin(const hop_trainer *trainer, hop__searches *searches,
                        size_t index, size_t *task);

/* One evaluation.  HOP_END: there were `horizon`, or the search cannot go on. */
int hop__searches_evaluate(const hop_trainer *trainer, hop__searches *searches,
                           size_t task);

#endif
