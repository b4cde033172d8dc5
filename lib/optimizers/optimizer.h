/* What other files need of the optimizer handle. */
#ifndef HOP_OPTIMIZERS_OPTIMIZER_H
#define HOP_OPTIMIZERS_OPTIMIZER_H

#include "base/options.h"

/* Random vectors are drawn in this frame (rows of a rotation matrix), so that a test can
   rotate start and noise together. */
void hop__optimizer_set_frame(hop_optimizer *optimizer, const double frame[9]);

/* The trainer's options (learning/trainer.c). */
const hop__option_table *hop__trainer_table(void);

#endif
