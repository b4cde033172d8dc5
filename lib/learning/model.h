/* What a learned optimizer has learned, and its card.  One flat array holds the networks
   of all skills, one after the other, and last the shapes. */
#ifndef HOP_LEARNING_MODEL_H
#define HOP_LEARNING_MODEL_H

#include "learning/hop_policy.h"
#include "learning/lstm.h"

enum hop__part {
    HOP__DESCEND,    /* the next step of a descent: LSTM, learning/policy.h */
    HOP__HOP,        /* the next move: LSTM, learning/hop_policy.h */
    HOP__SITE,       /* places on the surface: perceptron */
    HOP__ABANDON,    /* whether to end a quench: LSTM, learning/watch.h */
    HOP__CONTINUOUS, /* every step of the continuous optimizer: LSTM,
                        learning/continuous.h */
    HOP__RECALL,     /* shapes of low minima: a library, learning/shapes.h */
    HOP__PARTS
};

struct hop_model {
    hop_context *context;
    double *parameters;
    size_t parameter_count;
    char *note;
    atomic_size_t references;
};

hop_model *hop__model_retain(hop_model *model);

/* First weight of a part, and their number. */
size_t hop__model_offset(enum hop__part which);
size_t hop__model_size(enum hop__part which);

/* The weights of a part; NULL when its read-out is zero, that is, when it has not been
   trained and would change nothing. */
const double *hop__model_weights(const hop_model *model, enum hop__part which);

/* Its library of shapes; NULL when there are none. */
const double *hop__model_shapes(const hop_model *model);

/* Give a hop policy the model's networks. */
void hop__model_hop(const hop_model *model, hop__hop_policy *policy);

#endif
